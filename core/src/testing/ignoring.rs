//! A store that acknowledges everything and keeps nothing: what a conformance check must not be content with.

use std::sync::Arc;

use crate::key::Key;
use crate::store::{Batch, Counters, Description, Durability, Entry, Node, Store, StoreError};

/// Answers for `inner` as an empty store would, and never passes a call on. It describes itself as `inner`.
pub struct Ignoring {
    inner: Arc<dyn Store>,
}

impl Ignoring {
    /// Stands before `inner`.
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner }
    }
}

impl Store for Ignoring {
    fn apply(&self, _batch: &Batch, _durability: Durability) -> Result<(), StoreError> {
        Ok(())
    }

    fn get(&self, _key: &Key) -> Result<Option<Entry>, StoreError> {
        Ok(None)
    }

    fn scan(&self, _prefix: &Key, _from: &Key, _limit: usize) -> Result<Vec<(Key, Node)>, StoreError> {
        Ok(Vec::new())
    }

    fn last(&self, _prefix: &Key) -> Result<Option<(Key, Node)>, StoreError> {
        Ok(None)
    }

    fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn describe(&self) -> Description {
        self.inner.describe()
    }

    fn counters(&self) -> Counters {
        Counters::default()
    }
}
