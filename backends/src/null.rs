//! Stores nothing: what a round over it costs is the harness's own share.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use slotbench_core::Key;
use slotbench_core::store::{Batch, Counters, Description, Durability, Entry, Node, Store, StoreError, Tier};

use crate::memory::{refuse_lasting, volatile_tiers};
use crate::{Engine, Options};

/// Acknowledges every batch at once and forgets it; always empty.
#[derive(Debug, Default)]
pub struct Null {
    applies: AtomicU64,
    ops: AtomicU64,
}

impl Engine for Null {
    const NAME: &'static str = "null";
    const PERSISTENT: bool = false;

    fn version() -> String {
        env!("CARGO_PKG_VERSION").to_owned()
    }

    fn tiers() -> [Tier; 3] {
        volatile_tiers("forgets every batch at once")
    }

    fn open(_dir: &Path, options: &Options) -> Result<Arc<dyn Store>, StoreError> {
        options.known(Self::NAME, &[])?;
        Ok(Arc::new(Self::default()))
    }
}

impl Store for Null {
    fn apply(&self, batch: &Batch, durability: Durability) -> Result<(), StoreError> {
        refuse_lasting(Self::NAME, durability)?;
        self.applies.fetch_add(1, Ordering::Relaxed);
        self.ops.fetch_add(batch.len() as u64, Ordering::Relaxed);
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
        Description {
            engine: Self::NAME.to_owned(),
            version: Self::version(),
            tiers: Self::tiers(),
            options: BTreeMap::from([("keeps".to_owned(), "nothing".to_owned())]),
        }
    }

    fn counters(&self) -> Counters {
        Counters {
            applies: self.applies.load(Ordering::Relaxed),
            ops: self.ops.load(Ordering::Relaxed),
            syncs: Some(0),
            engine: BTreeMap::new(),
        }
    }

    fn may_wait(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledges_counts_and_stays_empty() {
        let null = Null::default();
        let key = Key::parse("a").expect("a valid path");
        let mut batch = Batch::new();
        batch.put(key.clone(), "v".into()).group(Key::parse("g").expect("a valid path"));
        null.apply(&batch, Durability::Memory).expect("null takes everything");
        assert_eq!((null.counters().applies, null.counters().ops), (1, 2));
        assert_eq!(null.get(&key).expect("null never fails"), None);
        assert_eq!(null.scan(&Key::root(), &Key::root(), 9).expect("null never fails"), []);
        assert_eq!(null.last(&Key::root()).expect("null never fails"), None);
    }

    #[test]
    fn refuses_the_tiers_it_cannot_reach() {
        let refused = Null::default().apply(&Batch::new(), Durability::Power);
        assert!(matches!(refused, Err(StoreError::Tier { asked: Durability::Power, .. })));
    }
}
