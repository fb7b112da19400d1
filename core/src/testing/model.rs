//! The plainest store that can be right: what engines are compared with.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::key::Key;
use crate::store::{Batch, Counters, Description, Durability, Entry, Node, Op, Store, StoreError, Tier};

/// One map behind one lock, every query a walk over all of it: slow, and short enough to be checked by eye.
///
/// It takes every tier and keeps nothing.
#[derive(Debug, Default)]
pub struct Model {
    entries: Mutex<BTreeMap<Key, Entry>>,
    applies: AtomicU64,
    ops: AtomicU64,
}

impl Model {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<Key, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn below(&self, prefix: &Key) -> Vec<(Key, Node)> {
        let below = |key: &Key| key.starts_with(prefix) && key != prefix;
        self.entries().iter().filter(|(key, _)| below(key)).map(|(key, entry)| (key.clone(), entry.node())).collect()
    }
}

impl Store for Model {
    fn apply(&self, batch: &Batch, _durability: Durability) -> Result<(), StoreError> {
        let mut entries = self.entries();
        for op in batch.ops() {
            match op {
                Op::Put { key, value } => entries.insert(key.clone(), Entry::Value(value.clone())),
                Op::Link { key, target } => entries.insert(key.clone(), Entry::Link(target.clone())),
                Op::Group { key } => entries.insert(key.clone(), Entry::Group),
                Op::Delete { key } => entries.remove(key),
            };
        }
        self.applies.fetch_add(1, Ordering::Relaxed);
        self.ops.fetch_add(batch.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    fn get(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        Ok(self.entries().get(key).cloned())
    }

    fn scan(&self, prefix: &Key, from: &Key, limit: usize) -> Result<Vec<(Key, Node)>, StoreError> {
        Ok(self.below(prefix).into_iter().filter(|(key, _)| key >= from).take(limit).collect())
    }

    fn last(&self, prefix: &Key) -> Result<Option<(Key, Node)>, StoreError> {
        Ok(self.below(prefix).pop())
    }

    fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn describe(&self) -> Description {
        let tier = |asked| Tier { asked, effective: Some(asked), how: "taken on trust".to_owned() };
        Description {
            engine: "model".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            tiers: Durability::ALL.map(tier),
            options: BTreeMap::from([("queries".to_owned(), "walk everything".to_owned())]),
        }
    }

    fn counters(&self) -> Counters {
        let (applies, ops) = (self.applies.load(Ordering::Relaxed), self.ops.load(Ordering::Relaxed));
        Counters { applies, ops, ..Counters::default() }
    }
}
