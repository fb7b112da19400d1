//! Filling a store with slots, as fast as it takes them.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use slotbench_core::item::BuildError;
use slotbench_core::store::Store;
use slotbench_core::{Batch, Durability};

use crate::Outcome;
use crate::source::Source;

/// Batches between two syncs. redb gives the pages of replaced nodes back only then.
const BATCHES_PER_SYNC: usize = 16;
/// Batches made in advance, on a thread of their own.
const AHEAD: usize = 4;

/// Stores the next `slots` slots of `source`, `batch` at a time. Returns the bytes of their keys and values.
pub(crate) fn fill(store: &dyn Store, source: &mut Source, slots: u64, batch: u64) -> Outcome<u64> {
    let (sender, receiver) = sync_channel(AHEAD);
    std::thread::scope(|scope| {
        let maker = scope.spawn(move || make(source, slots, batch, &sender));
        let stored = store_all(store, receiver)?;
        maker.join().map_err(|_| "the thread that makes messages panicked")??;
        Ok(stored)
    })
}

fn make(source: &mut Source, slots: u64, batch: u64, sender: &SyncSender<Batch>) -> Result<(), BuildError> {
    let mut missing = slots;
    while missing > 0 {
        let count = missing.min(batch);
        if sender.send(source.batch(count)?).is_err() {
            // Whoever stores them has failed, and says so.
            break;
        }
        missing -= count;
    }
    Ok(())
}

fn store_all(store: &dyn Store, batches: Receiver<Batch>) -> Outcome<u64> {
    let mut bytes = 0;
    for (index, batch) in batches.into_iter().enumerate() {
        store.apply(&batch, Durability::Memory)?;
        bytes += batch.size() as u64;
        if (index + 1).is_multiple_of(BATCHES_PER_SYNC) {
            store.sync()?;
        }
    }
    store.sync()?;
    Ok(bytes)
}
