//! An engine that lies about sync: the negative control of the lab.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use slotbench_core::Key;
use slotbench_core::store::{Batch, Counters, Description, Durability, Entry, Node, Store, StoreError};

/// Batches that are always held back.
const HELD: usize = 32;
/// Batches that make it pass the oldest on.
const FULL: usize = 64;

/// Says that batches are stored while the newest of them are only in its memory, as behind a disk cache without a
/// battery. What reaches the engine is always a prefix, so that loss is all there is to find. Reads see what the engine
/// has; a scheduler reads before its first batch only.
pub struct Lying {
    inner: Arc<dyn Store>,
    held: Mutex<VecDeque<Batch>>,
}

impl Lying {
    /// Puts the lie before an engine.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner, held: Mutex::default() }
    }
}

impl Store for Lying {
    fn apply(&self, batch: &Batch, durability: Durability) -> Result<(), StoreError> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.push_back(batch.clone());
        if held.len() > FULL {
            for oldest in held.drain(..FULL - HELD) {
                self.inner.apply(&oldest, durability)?;
            }
        }
        Ok(())
    }

    fn get(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        self.inner.get(key)
    }

    fn scan(&self, prefix: &Key, from: &Key, limit: usize) -> Result<Vec<(Key, Node)>, StoreError> {
        self.inner.scan(prefix, from, limit)
    }

    fn last(&self, prefix: &Key) -> Result<Option<(Key, Node)>, StoreError> {
        self.inner.last(prefix)
    }

    fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn describe(&self) -> Description {
        self.inner.describe()
    }

    fn counters(&self) -> Counters {
        self.inner.counters()
    }
}

#[cfg(test)]
mod tests {
    use slotbench_backends::{Kind, Options};

    use super::*;

    #[test]
    fn the_newest_batches_are_never_in_the_engine() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let kind = Kind::find("memory").expect("is always built in");
        let engine = kind.open(root.path(), &Options::default()).expect("opens");
        let liar = Lying::new(Arc::clone(&engine));
        let key = |number: usize| Key::parse(format!("k/{number}")).expect("a valid path");
        for number in 0..500 {
            let mut batch = Batch::new();
            liar.apply(batch.put(key(number), "v".into()), Durability::Memory).expect("says yes");
            let there = |number| engine.get(&key(number)).expect("reads").is_some();
            assert!(!there(number), "the newest is held back");
            assert!(number < FULL || there(number - FULL), "the old ones are passed on");
        }
    }
}
