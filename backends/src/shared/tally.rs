//! What a store counts about itself.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use slotbench_core::Batch;
use slotbench_core::store::Counters;

/// Batches and their operations since the store was opened. Touched once a batch, never once an operation.
#[derive(Debug, Default)]
pub struct Tally {
    applies: AtomicU64,
    ops: AtomicU64,
}

impl Tally {
    /// Counts a batch that has been stored.
    pub fn applied(&self, batch: &Batch) {
        self.applies.fetch_add(1, Relaxed);
        self.ops.fetch_add(batch.len() as u64, Relaxed);
    }

    /// The counts, with what the engine knows of its syncs and its own figures.
    pub fn counters<'a>(&self, syncs: Option<u64>, engine: impl IntoIterator<Item = (&'a str, u64)>) -> Counters {
        Counters {
            applies: self.applies.load(Relaxed),
            ops: self.ops.load(Relaxed),
            syncs,
            engine: engine.into_iter().map(|(name, figure)| (name.to_owned(), figure)).collect(),
        }
    }
}
