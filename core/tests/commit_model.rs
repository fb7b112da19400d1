//! Group commit under a model checker.
//!
//! The module below *is* the source of group commit, compiled once more with `sync` replaced: its locks, atomics and threads
//! are shuttle's, which decides at each of them who runs next. Schedules are random from a fixed seed, and a failure prints
//! the schedule that led to it. A caller that is never answered is a deadlock, which shuttle reports.
#![allow(clippy::unwrap_used, unreachable_pub, unused_imports, dead_code, reason = "a test that contains a library")]

#[path = "../src"]
mod source {
    pub mod commit;
    pub mod milestone;
}
#[path = "model/sync.rs"]
mod sync;

use slotbench_core::{assignment, assignments, id, item, store};
use source::{commit, milestone};

use std::collections::BTreeMap;
use std::sync::LazyLock;

use assignment::{Assignment, DEFAULT_PATH, Draft};
use commit::{CommitError, Lane, LaneOptions, Owner, Pending, Receipt};
use shuttle::future::block_on;
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use slotbench_core::block::Block;
use slotbench_core::chain::ChainValue;
use slotbench_core::item::{Item, ItemBuilder, Template};
use slotbench_core::store::{Batch, Counters, Description, Node, Op};
use slotbench_core::wallet::NoSigner;
use slotbench_core::{Durability, Entry, Id, Key, Store, StoreError};
use sync::{Arc, AtomicBool, Mutex, Ordering, thread};

/// Schedules tried for each property and setting, half of them with few, well-placed switches (PCT).
const SCHEDULES: usize = 3_000;
const SEED: u64 = 11;
const PROCESSES: [Id; 2] = [Id::from_bytes([1; 32]), Id::from_bytes([2; 32])];
/// Threads that schedule, and what each of them schedules on every process.
const CALLERS: u64 = 3;
const MESSAGES: u64 = 2;

/// Who may apply.
#[derive(Clone, Copy, Debug)]
enum Leads {
    Committer,
    CallersInQuiet,
    CallersCombining,
}

const ALL: [Leads; 3] = [Leads::Committer, Leads::CallersInQuiet, Leads::CallersCombining];

fn check(property: impl Fn() + Send + Sync + Clone + 'static) {
    let random = RandomScheduler::new_from_seed(SEED, SCHEDULES / 2);
    shuttle::Runner::new(random, Default::default()).run(property.clone());
    shuttle::Runner::new(PctScheduler::new_from_seed(SEED, 3, SCHEDULES / 2), Default::default()).run(property);
}

/// Stores nothing but the order in which slots came, and insists on being called by one thread at a time.
struct Log {
    may_wait: bool,
    /// The call that fails, counted from 0.
    fails: Option<usize>,
    busy: AtomicBool,
    state: Mutex<(usize, Vec<Key>)>,
}

impl Log {
    fn slots(&self, process: &Id) -> Vec<u64> {
        let most = CALLERS * MESSAGES;
        let state = self.state.lock().unwrap();
        let slot = |key: &Key| (0..most).find(|slot| assignments::slot_key(process, *slot) == *key);
        state.1.iter().filter_map(slot).collect()
    }
}

impl Store for Log {
    fn apply(&self, batch: &Batch, _: Durability) -> Result<(), StoreError> {
        assert!(!self.busy.swap(true, Ordering::SeqCst), "two threads apply at a time");
        thread::yield_now();
        let mut state = self.state.lock().unwrap();
        let call = state.0;
        state.0 += 1;
        let links = batch.ops().iter().filter(|op| matches!(op, Op::Link { .. })).map(|op| op.key().clone());
        let failed = self.fails == Some(call);
        if !failed {
            state.1.extend(links);
        }
        drop(state);
        self.busy.store(false, Ordering::SeqCst);
        if failed { Err(StoreError::Poisoned { reason: "told to".into() }) } else { Ok(()) }
    }

    fn get(&self, _: &Key) -> Result<Option<Entry>, StoreError> {
        Ok(None)
    }

    fn scan(&self, _: &Key, _: &Key, _: usize) -> Result<Vec<(Key, Node)>, StoreError> {
        Ok(Vec::new())
    }

    fn last(&self, _: &Key) -> Result<Option<(Key, Node)>, StoreError> {
        Ok(None)
    }

    fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn describe(&self) -> Description {
        unreachable!("nobody asks")
    }

    fn counters(&self) -> Counters {
        Counters::default()
    }

    fn may_wait(&self) -> bool {
        self.may_wait
    }
}

/// A writer as small as can be: slots in order, and none after it was stopped.
#[derive(Default)]
struct Writer {
    /// The next slot; `None` once stopped.
    next: Mutex<Option<u64>>,
}

impl Owner for Writer {
    fn stored(&self, _slot: u64) {}

    fn stop(&self, _reason: &std::sync::Arc<CommitError>) {
        *self.next.lock().unwrap() = None;
    }

    fn failed(&self, _slot: u64, acknowledged: bool) {
        assert!(!acknowledged, "every caller waits");
    }
}

static MESSAGE: LazyLock<Item> = LazyLock::new(|| ItemBuilder::new().data("x").sign(&NoSigner).unwrap());
/// Which slot it says does not matter to the lane.
static ASSIGNMENT: LazyLock<Assignment> = LazyLock::new(|| {
    let message = MESSAGE.id();
    let (chain, block) = (ChainValue::first(&message), &Block::NONE);
    let draft = Draft { process: &message, message: &message, path: DEFAULT_PATH, slot: 0, chain, timestamp: 0, block };
    draft.sign(&Template::new(std::sync::Arc::new(NoSigner), None, None)).unwrap()
});

struct Scene {
    log: Arc<Log>,
    lane: Lane,
    writers: BTreeMap<Id, Arc<Writer>>,
}

impl Scene {
    fn new(leads: Leads, fails: Option<usize>) -> Arc<Self> {
        let may_wait = !matches!(leads, Leads::CallersCombining);
        let log = Log { may_wait, fails, busy: AtomicBool::new(false), state: Mutex::default() };
        let log = Arc::new(log);
        let inline = !matches!(leads, Leads::Committer);
        let options = LaneOptions { inline, combined: 2, max_entries: 2, ..LaneOptions::default() };
        let lane = Lane::start(Arc::clone(&log) as Arc<dyn Store>, options).unwrap();
        let writer = |process| (process, Arc::new(Writer { next: Mutex::new(Some(0)) }));
        Arc::new(Self { log, lane, writers: PROCESSES.into_iter().map(writer).collect() })
    }

    /// Schedules a message and waits for its answer; `None` where the writer has stopped.
    fn schedule(&self, process: Id) -> Option<Result<u64, ()>> {
        let writer = &self.writers[&process];
        let (reply, answer) = tokio::sync::oneshot::channel();
        let kick = {
            // As under a writer's lock: nobody queues a later slot first.
            let mut next = writer.next.lock().unwrap();
            let slot = (*next)?;
            *next = Some(slot + 1);
            let receipt = Receipt { process, slot, assignment: ASSIGNMENT.clone() };
            let owner = Arc::clone(writer) as Arc<dyn Owner>;
            let (reply, message, mark) = (Some(reply), MESSAGE.clone(), milestone::Mark::default());
            self.lane.push(Pending { owner, receipt, message, reply, mark, claim: None })
        };
        if kick {
            self.lane.kick(true);
        }
        Some(block_on(answer).expect("everybody is answered").map(|receipt| receipt.slot).map_err(drop))
    }

    /// All callers at once; the slots that each process's callers were told.
    fn run(self: &Arc<Self>) -> BTreeMap<Id, Vec<u64>> {
        let caller = |_| {
            let scene = Arc::clone(self);
            thread::spawn(move || {
                let turns = (0..MESSAGES).flat_map(|_| PROCESSES);
                let told = turns.filter_map(|process| Some((process, scene.schedule(process)?.ok()?)));
                told.collect::<Vec<_>>()
            })
        };
        let callers: Vec<_> = (0..CALLERS).map(caller).collect();
        let mut told: BTreeMap<Id, Vec<u64>> = PROCESSES.into_iter().map(|process| (process, Vec::new())).collect();
        for (process, slot) in callers.into_iter().flat_map(|caller| caller.join().unwrap()) {
            told.entry(process).or_default().push(slot);
        }
        told.values_mut().for_each(|slots| slots.sort_unstable());
        told
    }
}

#[test]
fn every_entry_is_stored_once_in_order_whoever_applies_it() {
    for leads in ALL {
        check(move || {
            let scene = Scene::new(leads, None);
            let told = scene.run();
            for process in &PROCESSES {
                let all: Vec<u64> = (0..CALLERS * MESSAGES).collect();
                assert_eq!((&told[process], &scene.log.slots(process)), (&all, &all), "{leads:?}");
            }
            let counters = scene.lane.counters();
            assert_eq!((counters.entries, counters.failed), (2 * CALLERS * MESSAGES, 0));
            assert!(counters.inline <= counters.batches);
        });
    }
}

#[test]
fn after_a_failure_nothing_of_its_processes_is_stored_and_everybody_hears_of_it() {
    for (leads, fails) in ALL.into_iter().flat_map(|leads| [(leads, 0), (leads, 1), (leads, 3)]) {
        check(move || {
            let scene = Scene::new(leads, Some(fails));
            let told = scene.run();
            for process in &PROCESSES {
                let stored = scene.log.slots(process);
                // No hole, and whoever was told of a slot finds it stored.
                assert_eq!(stored, (0..stored.len() as u64).collect::<Vec<_>>(), "{leads:?}");
                assert_eq!(told[process], stored, "{leads:?}");
            }
        });
    }
}

#[test]
fn who_waits_for_a_process_finds_all_of_it_stored() {
    for leads in ALL {
        check(move || {
            let scene = Scene::new(leads, None);
            let [stopped, other] = PROCESSES;
            let callers = [stopped, stopped, other].map(|process| {
                let scene = Arc::clone(&scene);
                thread::spawn(move || scene.schedule(process))
            });
            let given = scene.writers[&stopped].next.lock().unwrap().take().unwrap();
            scene.lane.queue().flush(&stopped);
            assert_eq!(scene.log.slots(&stopped).len() as u64, given, "{leads:?}");
            for caller in callers {
                caller.join().unwrap();
            }
        });
    }
}
