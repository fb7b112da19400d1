//! An ordered map in memory: everything a store must do, except to outlive its handle.
//!
//! It calibrates the harness (what a round costs without a disk) and is a fast stand-in where a test needs a store.

use std::collections::{BTreeMap, btree_map};
use std::ops::Bound;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::{Bytes, BytesMut};
use slotbench_core::Key;
use slotbench_core::store::{Batch, Counters, Description, Durability, Entry, Node, Op, Store, StoreError, Tier};

use crate::{Engine, Options};

/// The map. Every handle has its own; the directory is not touched.
#[derive(Debug, Default)]
pub struct Memory {
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    entries: BTreeMap<Key, Entry>,
    values: Values,
    applies: u64,
    ops: u64,
}

/// Copies of values, one behind the other in blocks.
///
/// What is handed in may be a slice of a buffer several times its size, such as one that a network connection reads into: kept,
/// it would keep all of that, and the connection would need a new one for every message.
#[derive(Debug, Default)]
struct Values(BytesMut);

/// Bytes in a block. It goes when the last of its values has gone.
const BLOCK: usize = 256 << 10;
/// Larger values are not copied: they have few others beside them in whatever they are slices of.
const COPIED: usize = 16 << 10;

impl Values {
    fn keep(&mut self, value: &Bytes) -> Bytes {
        if value.len() > COPIED {
            return value.clone();
        }
        if self.0.capacity() < value.len() {
            self.0 = BytesMut::with_capacity(BLOCK);
        }
        self.0.extend_from_slice(value);
        self.0.split().freeze()
    }
}

impl Engine for Memory {
    const NAME: &'static str = "memory";
    const PERSISTENT: bool = false;

    fn version() -> String {
        env!("CARGO_PKG_VERSION").to_owned()
    }

    fn tiers() -> [Tier; 3] {
        volatile_tiers("an ordered map behind a lock")
    }

    fn open(_dir: &Path, options: &Options) -> Result<Arc<dyn Store>, StoreError> {
        options.known(Self::NAME, &[])?;
        Ok(Arc::new(Self::default()))
    }
}

/// Why an engine that never writes to a disk stays at the weakest tier.
const VOLATILE: &str = "nothing leaves the process";

/// The tiers of an engine that never writes to a disk.
pub(crate) fn volatile_tiers(how: &str) -> [Tier; 3] {
    Durability::ALL.map(|asked| match asked {
        Durability::Memory => Tier { asked, effective: Some(asked), how: how.to_owned() },
        Durability::Process | Durability::Power => Tier { asked, effective: None, how: VOLATILE.to_owned() },
    })
}

/// Refuses what [`volatile_tiers`] calls out of reach.
pub(crate) fn refuse_lasting(engine: &'static str, asked: Durability) -> Result<(), StoreError> {
    match asked {
        Durability::Memory => Ok(()),
        Durability::Process | Durability::Power => {
            Err(StoreError::Tier { engine, asked, reason: VOLATILE.to_owned() })
        }
    }
}

impl Memory {
    // A panic can leave no half-made change behind: the batch is applied by infallible map operations.
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn apply(&mut self, batch: &Batch) {
        for op in batch.ops() {
            match op {
                Op::Put { key, value } => self.put(key, value),
                Op::Link { key, target } => {
                    self.entries.insert(key.clone(), Entry::Link(target.clone()));
                }
                Op::Group { key } => {
                    self.entries.insert(key.clone(), Entry::Group);
                }
                Op::Delete { key } => {
                    self.entries.remove(key);
                }
            }
        }
        self.applies += 1;
        self.ops += batch.len() as u64;
    }

    /// What is put where something is, is most often the same once more: its path is its hash.
    fn put(&mut self, key: &Key, value: &Bytes) {
        match self.entries.entry(key.clone()) {
            btree_map::Entry::Occupied(there) if matches!(there.get(), Entry::Value(same) if same == value) => {}
            btree_map::Entry::Occupied(mut there) => {
                there.insert(Entry::Value(self.values.keep(value)));
            }
            btree_map::Entry::Vacant(place) => {
                place.insert(Entry::Value(self.values.keep(value)));
            }
        }
    }

    /// The entries strictly below `prefix` from `from` on.
    fn below(&self, prefix: &Key, from: &Key) -> btree_map::Range<'_, Key, Entry> {
        let fence = prefix.fence();
        let start = if from > prefix {
            // BTreeMap panics on a range that ends before it starts.
            Bound::Included(from.min(&fence))
        } else {
            Bound::Excluded(prefix)
        };
        self.entries.range::<Key, _>((start, Bound::Excluded(&fence)))
    }
}

fn node((key, entry): (&Key, &Entry)) -> (Key, Node) {
    (key.clone(), entry.node())
}

impl Store for Memory {
    fn apply(&self, batch: &Batch, durability: Durability) -> Result<(), StoreError> {
        refuse_lasting(Self::NAME, durability)?;
        self.write().apply(batch);
        Ok(())
    }

    fn get(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        Ok(self.read().entries.get(key).cloned())
    }

    fn scan(&self, prefix: &Key, from: &Key, limit: usize) -> Result<Vec<(Key, Node)>, StoreError> {
        Ok(self.read().below(prefix, from).take(limit).map(node).collect())
    }

    fn last(&self, prefix: &Key) -> Result<Option<(Key, Node)>, StoreError> {
        Ok(self.read().below(prefix, prefix).next_back().map(node))
    }

    fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn describe(&self) -> Description {
        Description {
            engine: Self::NAME.to_owned(),
            version: Self::version(),
            tiers: Self::tiers(),
            options: BTreeMap::from([("map".to_owned(), "BTreeMap behind RwLock".to_owned())]),
        }
    }

    fn counters(&self) -> Counters {
        let state = self.read();
        let entries = BTreeMap::from([("entries".to_owned(), state.entries.len() as u64)]);
        Counters { applies: state.applies, ops: state.ops, syncs: Some(0), engine: entries }
    }

    fn may_wait(&self) -> bool {
        false
    }
}
