//! Uploads: confirmation by a bundler, and a queue that survives what happens to it.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use slotbench_core::assignments::upload_key;
use slotbench_core::clock::ManualClock;
use slotbench_core::item::Item;
use slotbench_core::operations::{OperationError, Operations, Policies, ProcessPolicy, Request, WaitsFor};
use slotbench_core::uploads::{Upload, UploadConfig, UploadError, Uploader};
use slotbench_core::{Config, Durability, Id, Mode, ScheduleError, Scheduler, Store};
use support::{Gate, Hooked, PROCESS, assert_sound, broken_disk, config, memory, message, poll_once, schedule, wait};

/// A bundler that answers what the test says, and keeps what it accepted.
struct Bundler<F> {
    answer: F,
    accepted: Mutex<BTreeMap<Id, u32>>,
}

impl<F: Fn(&Upload) -> Result<(), UploadError> + Send + Sync> Bundler<F> {
    fn new(answer: F) -> Arc<Self> {
        Arc::new(Self { answer, accepted: Mutex::default() })
    }

    /// How often the assignment was accepted.
    fn copies(&self, assignment: &Id) -> u32 {
        self.accepted.lock().unwrap().get(assignment).copied().unwrap_or(0)
    }
}

impl<F: Fn(&Upload) -> Result<(), UploadError> + Send + Sync> Uploader for Bundler<F> {
    fn upload(&self, upload: &Upload) -> Result<(), UploadError> {
        upload.assignment.verify().unwrap();
        assert_eq!(upload.assignment.tag("message"), Some(&upload.message.id().text().as_bytes()[..]));
        (self.answer)(upload)?;
        *self.accepted.lock().unwrap().entry(upload.assignment.id()).or_default() += 1;
        Ok(())
    }

    fn publish(&self, record: &Item) -> Result<(), UploadError> {
        record.verify().unwrap();
        *self.accepted.lock().unwrap().entry(record.id()).or_default() += 1;
        Ok(())
    }
}

fn accepting() -> Arc<impl Uploader> {
    Bundler::new(|_| Ok(()))
}

fn unavailable() -> UploadError {
    UploadError::Unavailable("no route".to_owned())
}

/// A scheduler whose queue is driven by the test.
fn by_hand(mode: Mode, uploader: Arc<dyn Uploader>) -> Config {
    Config { mode, uploads: Some(UploadConfig { threads: 0, ..UploadConfig::new(uploader) }), ..config() }
}

fn queued(store: &Arc<dyn Store>, slots: std::ops::Range<u64>) -> Vec<u64> {
    slots.filter(|slot| store.get(&upload_key(&PROCESS, *slot)).unwrap().is_some()).collect()
}

#[test]
fn c029_a_dead_bundler_delays_neither_answers_nor_later_slots() {
    let gate = Arc::new(Gate::default());
    let hangs = Bundler::new({
        let gate = gate.clone();
        move |_: &Upload| {
            gate.pass();
            Ok(())
        }
    });
    let uploads = Some(UploadConfig { threads: 2, ..UploadConfig::new(hangs) });
    let scheduler = Scheduler::new(memory(), Config { uploads, ..config() }).unwrap();
    for n in 0..20 {
        assert_eq!(schedule(&scheduler, message(n)).unwrap().slot, u64::from(n));
    }
    gate.await_arrivals(2);
    assert_eq!(scheduler.uploads().unwrap().waiting(), 20, "nothing has been accepted, everything is answered");
    assert_sound(&scheduler, &PROCESS, 20);
    gate.open();
    while scheduler.uploads().unwrap().waiting() > 0 {
        std::thread::yield_now();
    }
    assert_eq!(scheduler.uploads().unwrap().counters().accepted, 20);
}

#[test]
fn c029_a_failing_bundler_fails_no_local_message() {
    let failing = Bundler::new(|_: &Upload| Err(unavailable()));
    let scheduler = Scheduler::new(memory(), by_hand(Mode::Local, failing)).unwrap();
    for n in 0..5 {
        assert_eq!(schedule(&scheduler, message(n)).unwrap().slot, u64::from(n));
        assert_eq!(scheduler.uploads().unwrap().run_due(), 1);
    }
    let counters = scheduler.uploads().unwrap().counters();
    assert_eq!((counters.waiting, counters.failing, counters.accepted, counters.failures), (5, 5, 0, 5));
}

#[test]
fn c030_remote_answers_only_when_the_bundler_has_accepted() {
    let bundler = accepting();
    let scheduler = Scheduler::new(memory(), by_hand(Mode::Remote, bundler)).unwrap();
    wait(async {
        let mut waiting = Box::pin(scheduler.schedule(message(0)));
        assert!(poll_once(waiting.as_mut()).await.is_none());
        assert_sound(&scheduler, &PROCESS, 1);
        assert!(poll_once(waiting.as_mut()).await.is_none(), "stored, but not accepted");
        assert_eq!(scheduler.uploads().unwrap().run_due(), 1);
        assert_eq!(waiting.await.unwrap().slot, 0);
    });
}

#[test]
fn c030_remote_reports_no_success_that_the_bundler_did_not_give() {
    let refusals = [UploadError::Rejected("402 payment required".to_owned()), unavailable()];
    for (failure, attempts) in refusals.into_iter().zip([1, 3]) {
        let clock = Arc::new(ManualClock::at(0));
        let answer = failure.clone();
        let refusing = Bundler::new(move |_: &Upload| Err(answer.clone()));
        let store = memory();
        let config = Config { clock: clock.clone(), ..by_hand(Mode::Remote, refusing) };
        let scheduler = Scheduler::new(Arc::clone(&store), config).unwrap();
        let uploads = scheduler.uploads().unwrap();
        wait(async {
            let mut waiting = Box::pin(scheduler.schedule(message(0)));
            for attempt in 0..attempts {
                assert!(poll_once(waiting.as_mut()).await.is_none(), "attempt {attempt}");
                clock.set((1 << attempt) * 1_000);
                assert_eq!(uploads.run_due(), 1);
            }
            let Err(ScheduleError::NotConfirmed { receipt, failure: told }) = waiting.await else {
                panic!("no success without the bundler");
            };
            assert_eq!((receipt.slot, told), (0, failure));
        });
        assert_sound(&scheduler, &PROCESS, 1);
        assert_eq!(queued(&store, 0..2), [0], "the upload goes on");
    }
}

#[test]
fn c030_an_operation_names_the_slot_that_is_not_confirmed() {
    let refusing = Bundler::new(|_: &Upload| Err(UploadError::Rejected("no".to_owned())));
    let uploads = Some(UploadConfig::new(refusing));
    let scheduler = Scheduler::new(memory(), Config { mode: Mode::Remote, uploads, ..config() }).unwrap();
    let any = Policies { processes: ProcessPolicy::Any, ..Policies::default() };
    let operations = Operations::new(Arc::new(scheduler), any);
    let answer = wait(operations.schedule(&Request::post(message(0))));
    assert!(matches!(answer, Err(OperationError::NotConfirmed { receipt, failure: UploadError::Rejected(_) })
        if receipt.slot == 0));
    assert_eq!(operations.slot(&Request::about(PROCESS)).unwrap().current, Some(0));
}

#[test]
fn c034_no_upload_failure_uses_a_slot_twice() {
    let answers = |upload: &Upload| match upload.slot % 4 {
        0 => Err(unavailable()),
        1 => Err(UploadError::Rejected("no".to_owned())),
        2 => panic!("the uploader's bug"),
        _ => Ok(()),
    };
    for mode in [Mode::Local, Mode::Aggressive, Mode::Remote] {
        let store = memory();
        let mut slots = Vec::new();
        for restart in 0..3 {
            let uploads = Some(UploadConfig { patience: 1, ..UploadConfig::new(Bundler::new(answers)) });
            let scheduler = Scheduler::new(Arc::clone(&store), Config { mode, uploads, ..config() }).unwrap();
            for n in 0..8 {
                slots.push(match schedule(&scheduler, message(restart * 8 + n)) {
                    Ok(receipt) => receipt.slot,
                    Err(ScheduleError::NotConfirmed { receipt, .. }) => receipt.slot,
                    Err(other) => panic!("{other}"),
                });
            }
            scheduler.drain();
            assert_sound(&scheduler, &PROCESS, slots.len() as u64);
        }
        assert_eq!(slots, (0..24).collect::<Vec<_>>());
    }
}

#[test]
fn c029_however_far_behind_a_bundler_is_local_messages_go_on() {
    let (open, clock, store) = (Arc::new(AtomicBool::new(false)), Arc::new(ManualClock::at(0)), memory());
    let bundler = Bundler::new({
        let open = open.clone();
        move |_: &Upload| if open.load(Ordering::SeqCst) { Ok(()) } else { Err(unavailable()) }
    });
    for (mode, restart) in [(Mode::Local, 0), (Mode::Aggressive, 1)] {
        let uploads = Some(UploadConfig { threads: 0, capacity: 3, ..UploadConfig::new(bundler.clone()) });
        let scheduler =
            Scheduler::new(Arc::clone(&store), Config { mode, clock: clock.clone(), uploads, ..config() }).unwrap();
        let first = restart * 20;
        let receipts: Vec<_> = (first..first + 20).map(|n| schedule(&scheduler, message(n)).unwrap()).collect();
        scheduler.drain();
        let uploads = scheduler.uploads().unwrap();
        uploads.run_due();
        let counters = uploads.counters();
        assert_eq!((counters.waiting, counters.more), (3, true), "memory is bounded");
        let end = u64::from(first) + 20;
        assert_eq!(queued(&store, 0..end), (0..end).collect::<Vec<_>>(), "the store has all");
        if restart == 0 {
            continue;
        }
        open.store(true, Ordering::SeqCst);
        clock.set(1_000);
        assert_eq!(uploads.run_due(), 40, "what both schedulers have left behind");
        assert!(receipts.iter().all(|receipt| bundler.copies(&receipt.assignment.id()) == 1));
        let counters = uploads.counters();
        assert_eq!((counters.waiting, counters.more, counters.accepted), (0, false, 40));
        assert!(queued(&store, 0..end).is_empty());
        assert_sound(&scheduler, &PROCESS, end);
    }
}

#[test]
fn c029_threads_upload_what_did_not_fit_into_memory() {
    let gate = Arc::new(Gate::default());
    let waits = Bundler::new({
        let gate = gate.clone();
        move |_: &Upload| {
            gate.pass();
            Ok(())
        }
    });
    let uploads = Some(UploadConfig { threads: 3, capacity: 4, ..UploadConfig::new(waits.clone()) });
    let scheduler = Scheduler::new(memory(), Config { uploads, ..config() }).unwrap();
    let receipts: Vec<_> = (0..50).map(|n| schedule(&scheduler, message(n)).unwrap()).collect();
    gate.await_arrivals(3);
    gate.open();
    while queued(scheduler.assignments().store(), 0..50).len() + scheduler.uploads().unwrap().waiting() > 0 {
        std::thread::yield_now();
    }
    assert!(receipts.iter().all(|receipt| waits.copies(&receipt.assignment.id()) == 1));
}

#[test]
fn one_that_asks_for_an_upload_in_the_store_only_waits_for_it() {
    let bundler = Bundler::new(|_: &Upload| Ok(()));
    let uploads = Some(UploadConfig { threads: 0, capacity: 1, ..UploadConfig::new(bundler) });
    let scheduler = Scheduler::new(memory(), Config { uploads, ..config() }).unwrap();
    (0..3).for_each(|n| _ = schedule(&scheduler, message(n)).unwrap());
    let uploads = scheduler.uploads().unwrap();
    wait(async {
        let mut asking = Box::pin(uploads.confirmed(PROCESS, 2));
        assert!(poll_once(asking.as_mut()).await.is_none(), "it has not been accepted");
        assert_eq!(uploads.run_due(), 3);
        assert_eq!(asking.await, Ok(()));
        assert_eq!(uploads.confirmed(PROCESS, 1).await, Ok(()));
    });
}

#[test]
fn a_queue_that_cannot_be_read_on_is_counted_and_read_later() {
    let (disk, broken) = (memory(), Arc::new(AtomicBool::new(false)));
    let store = Arc::new(Unreadable { inner: Arc::clone(&disk), broken: broken.clone() });
    let clock = Arc::new(ManualClock::at(0));
    let uploads = Some(UploadConfig { threads: 0, capacity: 1, ..UploadConfig::new(accepting()) });
    let scheduler = Scheduler::new(store, Config { clock: clock.clone(), uploads, ..config() }).unwrap();
    (0..3).for_each(|n| _ = schedule(&scheduler, message(n)).unwrap());
    broken.store(true, Ordering::SeqCst);
    let uploads = scheduler.uploads().unwrap();
    assert_eq!((uploads.run_due(), uploads.counters().unread), (1, 1));
    broken.store(false, Ordering::SeqCst);
    assert_eq!((uploads.run_due(), uploads.counters().more), (0, true), "not before the delay has passed");
    clock.set(1_000);
    assert_eq!((uploads.run_due(), uploads.counters().more), (2, false));
}

#[test]
fn a_full_queue_refuses_remote_messages_until_there_is_room() {
    let open = Arc::new(AtomicBool::new(false));
    let bundler = Bundler::new({
        let open = open.clone();
        move |_: &Upload| if open.load(Ordering::SeqCst) { Ok(()) } else { Err(unavailable()) }
    });
    let uploads = Some(UploadConfig { threads: 0, capacity: 3, ..UploadConfig::new(bundler) });
    let (clock, mode) = (Arc::new(ManualClock::at(0)), Mode::Remote);
    let scheduler = Scheduler::new(memory(), Config { mode, clock: clock.clone(), uploads, ..config() }).unwrap();
    wait(async {
        for n in 0..3 {
            assert!(poll_once(Box::pin(scheduler.schedule(message(n)))).await.is_none());
        }
    });
    scheduler.uploads().unwrap().run_due();
    let full = schedule(&scheduler, message(3));
    assert!(matches!(&full, Err(ScheduleError::UploadsFull { waiting: 3 })));
    assert!(matches!(
        OperationError::from(full.unwrap_err()),
        OperationError::Busy { waiting: 3, waits_for: WaitsFor::Bundler }
    ));
    assert_sound(&scheduler, &PROCESS, 3);
    open.store(true, Ordering::SeqCst);
    assert_eq!(scheduler.uploads().unwrap().run_due(), 0, "the delay has not passed");
    clock.set(1_000);
    assert_eq!(scheduler.uploads().unwrap().run_due(), 3);
    wait(async {
        let mut waiting = Box::pin(scheduler.schedule(message(3)));
        assert!(poll_once(waiting.as_mut()).await.is_none());
        assert_eq!(scheduler.uploads().unwrap().run_due(), 1);
        assert_eq!(waiting.await.unwrap().slot, 3);
    });
}

#[test]
fn without_a_bundler_nothing_is_queued() {
    let scheduler = Scheduler::new(memory(), config()).unwrap();
    schedule(&scheduler, message(0)).unwrap();
    assert!(scheduler.uploads().is_none());
    assert!(queued(scheduler.assignments().store(), 0..1).is_empty());
}

#[test]
fn a_crash_before_the_upload_loses_none() {
    let (store, bundler) = (memory(), accepting());
    for n in 0..3 {
        // Each dies with its queue full.
        let scheduler = Scheduler::new(Arc::clone(&store), by_hand(Mode::Aggressive, bundler.clone())).unwrap();
        schedule(&scheduler, message(n)).unwrap();
        scheduler.drain();
    }
    let survivor = Scheduler::new(Arc::clone(&store), by_hand(Mode::Local, bundler)).unwrap();
    assert_eq!(survivor.uploads().unwrap().waiting(), 3);
    assert_eq!(survivor.uploads().unwrap().run_due(), 3);
    assert!(queued(&store, 0..3).is_empty());
    assert_eq!(survivor.uploads().unwrap().run_due(), 0);
}

#[test]
fn whoever_takes_a_process_over_takes_its_uploads_over() {
    let (store, bundler) = (memory(), accepting());
    let older = Scheduler::new(Arc::clone(&store), by_hand(Mode::Aggressive, bundler.clone())).unwrap();
    let newer = Scheduler::new(Arc::clone(&store), by_hand(Mode::Local, bundler)).unwrap();
    (0..3).for_each(|n| _ = schedule(&older, message(n)).unwrap());
    drop(older);
    // Whatever of it was still on its way to the store is waited for.
    assert_eq!(schedule(&newer, message(3)).unwrap().slot, 3);
    assert_eq!(newer.uploads().unwrap().run_due(), 4);
    assert!(queued(&store, 0..4).is_empty());
}

#[test]
fn a_crash_between_acceptance_and_its_record_repeats_the_upload() {
    let disk = memory();
    let bundler = Bundler::new(|_: &Upload| Ok(()));
    let receipt = {
        // The second apply takes the entry out of the queue.
        let dies = Hooked::new(Arc::clone(&disk), |apply| if apply == 1 { Err(broken_disk()) } else { Ok(()) });
        let scheduler = Scheduler::new(dies, by_hand(Mode::Local, bundler.clone())).unwrap();
        let receipt = schedule(&scheduler, message(0)).unwrap();
        assert_eq!(scheduler.uploads().unwrap().run_due(), 1);
        let counters = scheduler.uploads().unwrap().counters();
        assert_eq!((counters.waiting, counters.accepted, counters.unrecorded), (0, 1, 1));
        receipt
    };
    assert_eq!(queued(&disk, 0..1), [0]);
    let survivor = Scheduler::new(Arc::clone(&disk), by_hand(Mode::Local, bundler.clone())).unwrap();
    assert_eq!(survivor.uploads().unwrap().run_due(), 1);
    assert_eq!(bundler.copies(&receipt.assignment.id()), 2, "the same assignment, twice");
    assert!(queued(&disk, 0..1).is_empty());
    assert_sound(&survivor, &PROCESS, 1);
}

#[test]
fn a_failed_write_queues_nothing() {
    let disk = memory();
    let fails = Hooked::new(Arc::clone(&disk), |apply| if apply == 0 { Err(broken_disk()) } else { Ok(()) });
    let bundler = Bundler::new(|_: &Upload| Ok(()));
    let scheduler = Scheduler::new(fails, by_hand(Mode::Local, bundler.clone())).unwrap();
    schedule(&scheduler, message(0)).unwrap_err();
    assert_eq!((scheduler.uploads().unwrap().run_due(), queued(&disk, 0..1)), (0, vec![]));
    let receipt = schedule(&scheduler, message(1)).unwrap();
    assert_eq!(scheduler.uploads().unwrap().run_due(), 1);
    assert_eq!((receipt.slot, bundler.copies(&receipt.assignment.id())), (0, 1));
}

#[test]
fn an_unreadable_assignment_is_counted_and_holds_up_nobody() {
    let store = memory();
    let scheduler = Scheduler::new(Arc::clone(&store), by_hand(Mode::Local, accepting())).unwrap();
    let receipts: Vec<_> = (0..2).map(|n| schedule(&scheduler, message(n)).unwrap()).collect();
    let mut damage = slotbench_core::Batch::new();
    damage.put(slotbench_core::assignments::data_key(&receipts[0].assignment.id()), "garbage".into());
    store.apply(&damage, Durability::Memory).unwrap();
    assert_eq!(scheduler.uploads().unwrap().run_due(), 2);
    let counters = scheduler.uploads().unwrap().counters();
    assert_eq!((counters.waiting, counters.failing, counters.accepted), (1, 1, 1));
    let told = wait(scheduler.uploads().unwrap().confirmed(PROCESS, 0));
    assert!(matches!(told, Err(UploadError::Unreadable(_))));
    assert_eq!(wait(scheduler.uploads().unwrap().confirmed(PROCESS, 1)), Ok(()));
}

#[test]
fn stray_entries_in_the_queue_are_passed_over() {
    let store = memory();
    let mut strays = slotbench_core::Batch::new();
    for path in ["uploads/stray", "uploads/7", &format!("uploads/{PROCESS}/x"), &format!("uploads/{PROCESS}/1/2")] {
        strays.put(slotbench_core::Key::parse(path).unwrap(), "stray".into());
    }
    store.apply(&strays, Durability::Memory).unwrap();
    let scheduler = Scheduler::new(store, by_hand(Mode::Local, accepting())).unwrap();
    assert_eq!(scheduler.uploads().unwrap().waiting(), 0);
}

#[test]
fn an_unreadable_queue_is_an_error_at_the_start() {
    let store = Arc::new(Unreadable { inner: memory(), broken: Arc::new(AtomicBool::new(true)) });
    let made = Scheduler::new(store, by_hand(Mode::Local, accepting()));
    assert!(matches!(made, Err(ScheduleError::Uploads(_))));
}

/// A store that does not list while it is broken.
struct Unreadable {
    inner: Arc<dyn Store>,
    broken: Arc<AtomicBool>,
}

impl Store for Unreadable {
    fn apply(&self, batch: &slotbench_core::Batch, tier: Durability) -> Result<(), slotbench_core::StoreError> {
        self.inner.apply(batch, tier)
    }
    fn get(&self, key: &slotbench_core::Key) -> Result<Option<slotbench_core::Entry>, slotbench_core::StoreError> {
        self.inner.get(key)
    }
    fn scan(
        &self,
        prefix: &slotbench_core::Key,
        from: &slotbench_core::Key,
        limit: usize,
    ) -> Result<Vec<(slotbench_core::Key, slotbench_core::store::Node)>, slotbench_core::StoreError> {
        if self.broken.load(Ordering::SeqCst) { Err(broken_disk()) } else { self.inner.scan(prefix, from, limit) }
    }
    fn last(
        &self,
        prefix: &slotbench_core::Key,
    ) -> Result<Option<(slotbench_core::Key, slotbench_core::store::Node)>, slotbench_core::StoreError> {
        self.inner.last(prefix)
    }
    fn sync(&self) -> Result<(), slotbench_core::StoreError> {
        self.inner.sync()
    }
    fn describe(&self) -> slotbench_core::store::Description {
        self.inner.describe()
    }
    fn counters(&self) -> slotbench_core::store::Counters {
        self.inner.counters()
    }
}

#[derive(Debug, Clone, Copy)]
enum Event {
    Post,
    Upload,
    /// The bundler changes its mind.
    Bundler(bool),
    /// Entries cannot be taken out of the stored queue.
    Disk(bool),
    Pass(u64),
    Crash,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => Just(Event::Post),
        3 => Just(Event::Upload),
        1 => any::<bool>().prop_map(Event::Bundler),
        1 => any::<bool>().prop_map(Event::Disk),
        1 => (0..40_000_u64).prop_map(Event::Pass),
        1 => Just(Event::Crash),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Whatever happens on the way: what is stored is accepted in the end, and until then it is in the queue.
    #[test]
    fn every_stored_assignment_is_accepted_in_the_end(
        events in prop::collection::vec(event(), 0..40),
        capacity in prop_oneof![1..6_usize, Just(usize::MAX)],
    ) {
        let disk = memory();
        let (up, broken) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(false)));
        let bundler = Bundler::new({
            let up = up.clone();
            move |_: &Upload| if up.load(Ordering::SeqCst) { Ok(()) } else { Err(unavailable()) }
        });
        let clock = Arc::new(ManualClock::at(1));
        let start = || {
            let broken = broken.clone();
            let store = Hooked::new(Arc::clone(&disk), move |_| {
                if broken.load(Ordering::SeqCst) { Err(broken_disk()) } else { Ok(()) }
            });
            let uploads = Some(UploadConfig { threads: 0, capacity, ..UploadConfig::new(bundler.clone()) });
            Scheduler::new(store, Config { clock: clock.clone(), uploads, ..config() }).unwrap()
        };
        let (mut scheduler, mut now) = (start(), 1);
        let mut stored = Vec::new();
        for (n, event) in (0..).zip(events) {
            match event {
                Event::Post => stored.extend(schedule(&scheduler, message(n)).ok()),
                Event::Upload => _ = scheduler.uploads().unwrap().run_due(),
                Event::Bundler(is_up) => up.store(is_up, Ordering::SeqCst),
                Event::Disk(is_broken) => broken.store(is_broken, Ordering::SeqCst),
                Event::Pass(time) => now += time,
                Event::Crash => scheduler = start(),
            }
            clock.set(now);
            let entries: BTreeSet<u64> = queued(&disk, 0..stored.len() as u64).into_iter().collect();
            for receipt in &stored {
                prop_assert!(entries.contains(&receipt.slot) || bundler.copies(&receipt.assignment.id()) > 0);
            }
        }
        up.store(true, Ordering::SeqCst);
        broken.store(false, Ordering::SeqCst);
        drop(scheduler);
        let scheduler = start();
        scheduler.uploads().unwrap().run_due();
        prop_assert!(queued(&disk, 0..stored.len() as u64).is_empty());
        for receipt in &stored {
            prop_assert!(bundler.copies(&receipt.assignment.id()) > 0);
        }
        assert_sound(&scheduler, &PROCESS, stored.len() as u64);
    }
}
