//! What a node keeps beside its own schedules, on every engine that keeps data: location records, other nodes' schedules,
//! and the notes of pruning, all across a reopen.
#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

use std::sync::Arc;

use slotbench_backends::{KINDS, Kind, Options};
use slotbench_core::assignment::{DEFAULT_PATH, Draft};
use slotbench_core::assignments::{AssignmentsError, Scheduled, location_key};
use slotbench_core::block::Block;
use slotbench_core::chain::Chain;
use slotbench_core::clock::ManualClock;
use slotbench_core::foreign::{Authority, ForeignSchedules, Kept};
use slotbench_core::item::{Item, ItemBuilder, Template};
use slotbench_core::location::{CachedLocation, LocationCache, LocationDraft, LocationError, LocationRecord};
use slotbench_core::store::{Entry, Store};
use slotbench_core::wallet::Wallet;
use slotbench_core::{AssignmentStore, Config, Durability, Id, Scheduler, Signer};
use tempfile::TempDir;

fn wallet(seed: u8) -> Arc<Wallet> {
    Arc::new(Wallet::ed25519_from_seed([seed; 32]).unwrap())
}

/// Runs a test on every engine that keeps data, on a thread of the engine's name; it is handed a way to open the same store
/// again.
fn on_every_engine(test: impl Fn(&dyn Fn() -> Arc<dyn Store>) + Sync) {
    for kind in KINDS.iter().filter(|kind| kind.is_persistent()) {
        let dir = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().name(kind.name().to_owned());
            thread.spawn_scoped(scope, || test(&|| open(*kind, &dir))).unwrap();
        });
    }
}

fn open(kind: Kind, dir: &TempDir) -> Arc<dyn Store> {
    kind.open(dir.path(), &Options::default()).unwrap()
}

fn record(seed: u8, nonce: u64) -> LocationRecord {
    let url = format!("https://su.example/{nonce}").parse().unwrap();
    let draft = LocationDraft { url: &url, nonce, time_to_live_ms: 1_000 };
    LocationRecord::read(draft.sign(&*wallet(seed)).unwrap()).unwrap()
}

/// A process of that wallet's, and its first slots; slot 0 is the process.
fn schedule(signer: &Arc<Wallet>, count: u8) -> (Item, Vec<Scheduled>) {
    let process = ItemBuilder::new().tag("Type", "Process").tag("Scheduler", signer.address().to_string());
    let process = process.sign(&*wallet(9)).unwrap();
    let template = Template::new(Arc::clone(signer) as _, None, None);
    let mut chain = Chain::EMPTY;
    let mut assign = |slot: u8| {
        let id = process.id();
        let message = match slot {
            0 => process.clone(),
            _ => ItemBuilder::new().target(id).tag("Type", "Message").data([slot]).sign(&*wallet(9)).unwrap(),
        };
        let draft = Draft {
            process: &id,
            message: &message.id(),
            path: DEFAULT_PATH,
            slot: slot.into(),
            chain: chain.next(&message.id()),
            timestamp: 1_000,
            block: &Block::NONE,
        };
        let assignment = draft.sign(&template).unwrap();
        chain = Chain::after(assignment.chain());
        Scheduled { assignment, message }
    };
    let slots = (0..count).map(&mut assign).collect();
    (process, slots)
}

#[test]
fn c079_c081_c082_locations_are_kept_replaced_and_expire() {
    on_every_engine(|open| {
        let clock = Arc::new(ManualClock::at(5_000));
        let cache = |durability| LocationCache::new(open(), Arc::clone(&clock) as _, durability, 3, None);
        let first = cache(Durability::Process);
        (1..=3).for_each(|seed| first.put(&record(seed, 4)).unwrap());
        first.put(&record(2, 5)).unwrap();
        assert!(matches!(first.put(&record(2, 4)), Err(LocationError::StaleNonce { existing: 5, .. })));
        drop(first);
        let second = cache(Durability::Memory);
        let found = |seed: u8| second.lookup(&wallet(seed).address()).unwrap();
        assert_eq!(found(1), Some(CachedLocation::Fresh(record(1, 4))));
        assert_eq!(found(2), Some(CachedLocation::Fresh(record(2, 5))));
        clock.set(6_000);
        assert_eq!(found(2), Some(CachedLocation::Stale(record(2, 5))));
        assert!(matches!(second.put(&record(2, 5)), Err(LocationError::StaleNonce { existing: 5, .. })));
        second.put(&record(4, 0)).unwrap();
        assert_eq!((1..=4).filter(|seed| found(*seed).is_some()).count(), 3, "one made room");
        drop(second);
        let link = open().get(&location_key(&wallet(4).address())).unwrap();
        assert!(matches!(link, Some(Entry::Link(_))));
    });
}

#[test]
fn c084_foreign_schedules_are_kept_and_evicted() {
    on_every_engine(|open| {
        let (process, slots) = schedule(&wallet(1), 20);
        let (rival, rivals) = schedule(&wallet(2), 20);
        let keep = |cache: &ForeignSchedules, process: &Item, slots: &[Scheduled]| {
            cache.keep(&Authority::of(process).unwrap(), slots).unwrap()
        };
        let count =
            |cache: &ForeignSchedules, process: &Item| cache.read(&process.id(), 0..99, 99, usize::MAX).unwrap().len();
        let bytes: usize = slots.iter().map(Scheduled::size).sum();
        let budget = bytes as u64 * 3 / 2;
        let cache = ForeignSchedules::new(AssignmentStore::new(open()), budget);
        assert_eq!(keep(&cache, &process, &slots), Kept { stored: 20, known: 0 });
        drop(cache);
        let cache = ForeignSchedules::new(AssignmentStore::new(open()), budget);
        assert_eq!(count(&cache, &process), 20);
        assert_eq!(keep(&cache, &process, &slots[..5]), Kept { stored: 0, known: 5 });
        keep(&cache, &rival, &rivals);
        assert_eq!((count(&cache, &process), count(&cache, &rival)), (0, 20));
        assert_eq!(cache.counters().evicted, 20);
        drop(cache);
        let store = AssignmentStore::new(open());
        assert_eq!(store.processes().unwrap(), []);
        let cache = ForeignSchedules::new(store, budget);
        assert_eq!((count(&cache, &process), count(&cache, &rival)), (0, 20));
    });
}

#[test]
fn s3_q1_a_pruned_schedule_survives_a_reopen() {
    on_every_engine(|open| {
        let (process, slots) = schedule(&wallet(1), 20);
        let id: Id = process.id();
        let store = AssignmentStore::new(open());
        for Scheduled { assignment, message } in &slots {
            store.write(message, assignment, Durability::Memory).unwrap();
            store.uploaded(&id, assignment.slot()).unwrap();
        }
        let config = || Config { durability: Durability::Process, ..Config::new(wallet(1)) };
        let scheduler = Scheduler::new(Arc::clone(store.store()), config()).unwrap();
        let pruned = scheduler.prune(&id, 5).unwrap();
        assert_eq!((pruned.slots, pruned.items, pruned.first), (15, 29, 15));
        drop((scheduler, store));
        let store = AssignmentStore::new(open());
        assert!(matches!(store.read(&id, 14), Err(AssignmentsError::Archived { first: 15, .. })));
        assert_eq!(store.item(&slots[3].message.id()).unwrap(), None);
        assert_eq!(store.known(&id).unwrap(), Some(process));
        let check = store.check(&id, Default::default()).unwrap();
        assert_eq!((check.slots, check.archived, check.wrong), (5, 15, 0));
        assert_eq!(store.latest(&id).unwrap().slot, Some(19));
    });
}
