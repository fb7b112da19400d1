//! Filling a store with the records of a scheduler, as fast as it takes them, and never with more than some megabytes
//! of them in memory.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use slotbench_core::assignment::{DEFAULT_PATH, Draft};
use slotbench_core::assignments::stage;
use slotbench_core::block::Block;
use slotbench_core::chain::Chain;
use slotbench_core::item::{BuildError, Template};
use slotbench_core::store::{Store, StoreError};
use slotbench_core::wallet::NoSigner;
use slotbench_core::{Batch, Durability, Id};

use crate::cell::Payload;
use crate::driver::history::Ledger;
use crate::driver::pool::{Content, TAGS, processes};
use crate::runner::Stop;

/// Slots in one batch, at most.
const BATCH: usize = 1024;
/// Bytes after which a batch is full: what every engine takes as one.
const BATCH_BYTES: usize = 1 << 20;
/// Batches between two syncs. redb gives the pages of replaced nodes back only then.
const BATCHES_PER_SYNC: usize = 16;
/// Batches made in advance, on a thread of their own.
const AHEAD: usize = 4;
/// When the slots of a history say they were given: any time before now.
const TIMESTAMP_MS: u64 = 1_700_000_000_000;

/// What a history looks like. Its messages and assignments are unsigned: ten million signatures take hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistorySpec {
    /// Determines every byte of it.
    pub seed: u64,
    /// Processes, which take turns.
    pub processes: usize,
    /// How much data its messages carry.
    pub payload: Payload,
    /// Percentage of the data that a compressor can remove.
    pub compressible: u8,
    /// Slots of all processes together.
    pub slots: u64,
}

/// Why a store could not be filled.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A record could not be made.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The store refused one.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Somebody asked to stop.
    #[error("interrupted")]
    Interrupted,
}

/// Stores a history in an empty store and makes it durable. Returns what it consists of.
///
/// # Errors
/// [`LoadError`].
pub fn fill(store: &dyn Store, spec: &HistorySpec, stop: &Stop) -> Result<Ledger, LoadError> {
    let (sender, receiver) = sync_channel(AHEAD);
    std::thread::scope(|scope| {
        let maker = scope.spawn(|| make(spec, sender, stop));
        let stored = store_all(store, receiver);
        let made = maker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        stored?;
        made
    })
}

/// Owns the sender: that it is dropped is what ends the other side.
fn make(spec: &HistorySpec, sender: SyncSender<Batch>, stop: &Stop) -> Result<Ledger, LoadError> {
    let mut source = Source::new(spec);
    while source.ledger.slots() < spec.slots {
        if stop.is_requested() {
            return Err(LoadError::Interrupted);
        }
        if sender.send(source.batch(spec.slots)?).is_err() {
            // Whoever stores them has failed, and says so.
            break;
        }
    }
    Ok(source.ledger)
}

fn store_all(store: &dyn Store, batches: Receiver<Batch>) -> Result<(), StoreError> {
    for (index, batch) in batches.into_iter().enumerate() {
        store.apply(&batch, Durability::Memory)?;
        if (index + 1).is_multiple_of(BATCHES_PER_SYNC) {
            store.sync()?;
        }
    }
    store.sync()
}

/// Makes the records of a history in its order.
struct Source {
    schedules: Vec<Schedule>,
    content: Content,
    random: StdRng,
    data: Vec<u8>,
    assignments: Template,
    ledger: Ledger,
}

/// The schedule of one process so far.
struct Schedule {
    process: Id,
    messages: Template,
    chain: Chain,
    slots: u64,
}

impl Source {
    fn new(spec: &HistorySpec) -> Self {
        let processes = processes(spec.seed, spec.processes);
        let schedule = |process: &Id| Schedule {
            process: *process,
            messages: Template::new(Arc::new(NoSigner), Some(*process), None),
            chain: Chain::EMPTY,
            slots: 0,
        };
        Self {
            schedules: processes.iter().map(schedule).collect(),
            content: Content::new(spec.payload, spec.compressible),
            random: StdRng::seed_from_u64(spec.seed ^ 0x68_6973_746f_7279),
            data: Vec::new(),
            assignments: Template::new(Arc::new(NoSigner), None, None),
            ledger: Ledger::new(processes),
        }
    }

    /// What a scheduler would store for the next messages, until there are `end` of them or the batch is full.
    fn batch(&mut self, end: u64) -> Result<Batch, BuildError> {
        let mut batch = Batch::new();
        let mut slots = 0;
        while slots < BATCH && batch.size() < BATCH_BYTES && self.ledger.slots() < end {
            self.slot(&mut batch)?;
            slots += 1;
        }
        Ok(batch)
    }

    fn slot(&mut self, batch: &mut Batch) -> Result<(), BuildError> {
        let turn = usize::try_from(self.ledger.slots()).unwrap_or(usize::MAX) % self.schedules.len();
        let schedule = &mut self.schedules[turn];
        self.content.draw(&mut self.random, &mut self.data);
        // Payloads may be empty or equal; an own tag keeps messages apart, as a sender's anchor does.
        let number = self.ledger.slots().to_string();
        let [protocol, kind, variant] = TAGS;
        let message =
            schedule.messages.build(&[protocol, kind, variant, (&b"Number"[..], number.as_bytes())], &self.data)?;
        let chain = schedule.chain.next(&message.id());
        let draft = Draft {
            process: &schedule.process,
            message: &message.id(),
            path: DEFAULT_PATH,
            slot: schedule.slots,
            chain,
            timestamp: TIMESTAMP_MS,
            block: &Block::NONE,
        };
        stage(batch, &schedule.process, schedule.slots, &message, draft.sign(&self.assignments)?.item());
        schedule.chain = Chain::after(chain);
        schedule.slots += 1;
        self.ledger.push(&message.id());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use slotbench_core::testing::Model;

    use super::*;
    use crate::verify::{Heads, Verification};

    fn spec(slots: u64) -> HistorySpec {
        HistorySpec { seed: 4, processes: 3, payload: Payload::Fixed(10), compressible: 0, slots }
    }

    #[test]
    fn what_is_filled_is_a_sound_schedule_of_the_messages_in_the_ledger() {
        let store: Arc<dyn Store> = Arc::new(Model::new());
        let ledger = fill(&*store, &spec(2500), &Stop::default()).expect("fills");
        assert_eq!(ledger.slots(), 2500);
        let mut check = Verification::inspecting(&store, Default::default(), &Heads::new(), |slot| {
            let (assignment, message) = (&slot.assignment, slot.message.id());
            let agrees = ledger.agrees(&assignment.process(), assignment.slot(), &message);
            if agrees { Ok(()) } else { Err("another message".to_owned()) }
        });
        check.expect_slots(2500);
        assert!(check.is_sound(), "{:?}", check.failures);
        let other = fill(&Model::new(), &HistorySpec { seed: 5, ..spec(5) }, &Stop::default()).expect("fills");
        assert_ne!(other.pick(0, 0), ledger.pick(0, 0), "another seed is another history");
        let short = fill(&Model::new(), &spec(1000), &Stop::default()).expect("fills");
        assert_eq!(short.pick(1, 3), ledger.pick(1, 3), "a longer history begins with the shorter one");
    }

    #[test]
    fn a_request_to_stop_ends_it() {
        let stop = Stop::default();
        stop.request();
        assert!(matches!(fill(&Model::new(), &spec(10), &stop), Err(LoadError::Interrupted)));
    }
}
