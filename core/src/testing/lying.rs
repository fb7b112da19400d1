//! A store that acknowledges durability it has not given.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::key::Key;
use crate::store::{Batch, Counters, Description, Durability, Entry, Node, Store, StoreError};

/// A disk behind a cache that lies: every batch can be read at once and is acknowledged at every tier, but it
/// reaches the disk only when the test writes it back. A crash loses the rest, whatever was promised for it.
///
/// ```
/// # fn main() -> Result<(), slotbench_core::StoreError> {
/// use std::sync::Arc;
/// use slotbench_core::testing::{LyingSync, Model};
/// use slotbench_core::{Batch, Durability, Key, Store};
///
/// let lying = LyingSync::new(Arc::new(Model::new()), Arc::new(Model::new()));
/// let group = Key::parse("g").expect("a valid path");
/// lying.apply(Batch::new().group(group.clone()), Durability::Power)?;
/// lying.sync()?;
/// assert_eq!(lying.unwritten(), 1);
/// assert_eq!(lying.crash().get(&group)?, None);
/// # Ok(())
/// # }
/// ```
pub struct LyingSync {
    cache: Arc<dyn Store>,
    disk: Arc<dyn Store>,
    unwritten: Mutex<Vec<Batch>>,
}

impl LyingSync {
    /// Serves from `cache`; `disk` gets what is written back. Both hold the same at the start, such as nothing.
    pub fn new(cache: Arc<dyn Store>, disk: Arc<dyn Store>) -> Self {
        Self { cache, disk, unwritten: Mutex::default() }
    }

    /// How many batches are acknowledged and not on the disk.
    #[must_use]
    pub fn unwritten(&self) -> usize {
        self.pending().len()
    }

    /// Brings the oldest batches to the disk, at most that many.
    ///
    /// # Errors
    /// What the disk reports; the batch that failed, and those after it, stay unwritten.
    pub fn write_back(&self, batches: usize) -> Result<(), StoreError> {
        let mut pending = self.pending();
        let mut written = 0;
        let outcome = pending.iter().take(batches).try_for_each(|batch| {
            self.disk.apply(batch, Durability::Memory)?;
            written += 1;
            Ok(())
        });
        pending.drain(..written);
        outcome
    }

    /// The power fails: what is left on the disk.
    #[must_use]
    pub fn crash(self) -> Arc<dyn Store> {
        self.disk
    }

    fn pending(&self) -> MutexGuard<'_, Vec<Batch>> {
        self.unwritten.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for LyingSync {
    fn apply(&self, batch: &Batch, durability: Durability) -> Result<(), StoreError> {
        // Under the lock, so that both sides see the batches in one order.
        let mut pending = self.pending();
        self.cache.apply(batch, durability)?;
        pending.push(batch.clone());
        Ok(())
    }

    fn get(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        self.cache.get(key)
    }

    fn scan(&self, prefix: &Key, from: &Key, limit: usize) -> Result<Vec<(Key, Node)>, StoreError> {
        self.cache.scan(prefix, from, limit)
    }

    fn last(&self, prefix: &Key) -> Result<Option<(Key, Node)>, StoreError> {
        self.cache.last(prefix)
    }

    fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn describe(&self) -> Description {
        self.cache.describe()
    }

    fn counters(&self) -> Counters {
        self.cache.counters()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Model;

    #[test]
    fn a_crash_loses_what_was_not_written_back() {
        let lying = LyingSync::new(Arc::new(Model::new()), Arc::new(Model::new()));
        let keys = ["a", "b", "c"].map(|path| Key::parse(path).expect("a valid path"));
        for key in &keys {
            let mut batch = Batch::new();
            lying.apply(batch.put(key.clone(), "v".into()), Durability::Power).expect("it always says yes");
        }
        lying.write_back(1).expect("the model takes everything");
        lying.sync().expect("it always says yes");
        assert_eq!(lying.unwritten(), 2);
        assert!(keys.iter().all(|key| lying.get(key).expect("the model never fails").is_some()));
        let disk = lying.crash();
        let left = keys.map(|key| disk.get(&key).expect("the model never fails").is_some());
        assert_eq!(left, [true, false, false]);
    }
}
