//! The writer's hand-over under a model checker.
//!
//! The module below *is* the source of scheduler, group commit and registry, compiled once more with `sync` replaced:
//! shuttle decides at each lock, atomic and thread who runs next. tokio's channels and semaphores are steps that nobody
//! interrupts. Schedules are random from a fixed seed, and a failure prints the schedule that led to it.
//!
//! `scripts/evidence/handover.sh` puts bugs into the source, one at a time, and has this test find each.
#![allow(clippy::unwrap_used, unreachable_pub, unused_imports, dead_code, reason = "a test that contains a library")]

#[path = "../src"]
mod source {
    pub mod commit;
    pub mod milestone;
    pub mod process;
    pub mod registry;
    pub mod scheduler;
    pub mod uploads;
}
#[path = "model/disk.rs"]
mod disk;
#[path = "model/sync.rs"]
mod sync;

use std::collections::HashMap;
use std::panic::catch_unwind;
use std::sync::LazyLock;

use slotbench_core::{assignment, assignments, block, chain, clock, id, item, key, store, wallet};
use source::{commit, milestone, process, registry, scheduler, uploads};

use assignments::AssignmentStore;
use clock::ManualClock;
use commit::{CommitError, Receipt};
use disk::{Disk, Fault};
use id::Id;
use item::{Item, ItemBuilder};
use scheduler::{CommitMode, Config, Mode, ScheduleError, Scheduler, SignaturePolicy};
use shuttle::future::block_on;
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::thread;
use store::Durability;
use sync::Arc;
use wallet::NoSigner;

/// Schedules tried for each property, half of them with few, well-placed switches (PCT).
const SCHEDULES: usize = 1_000;
const SEED: u64 = 44;

const PROCESS: Id = Id::from_bytes([0xAB; 32]);
const SETTINGS: [(Mode, CommitMode); 4] = [
    (Mode::Local, CommitMode::Group),
    (Mode::Local, CommitMode::Each),
    (Mode::Aggressive, CommitMode::Group),
    (Mode::Aggressive, CommitMode::Each),
];

fn check(property: impl Fn() + Send + Sync + Clone + 'static) {
    let config = || {
        let mut config = shuttle::Config::new();
        // Hashes and items need more than a coroutine's usual stack.
        config.stack_size = 1 << 18;
        config
    };
    let random = RandomScheduler::new_from_seed(SEED, SCHEDULES / 2);
    shuttle::Runner::new(random, config()).run(property.clone());
    shuttle::Runner::new(PctScheduler::new_from_seed(SEED, 3, SCHEDULES / 2), config()).run(property);
}

fn check_all(property: impl Fn(Mode, CommitMode) + Send + Sync + Copy + 'static) {
    for (mode, commit) in SETTINGS {
        check(move || property(mode, commit));
    }
}

/// Four messages for each of four schedulers.
static MESSAGES: LazyLock<[[Item; 4]; 4]> = LazyLock::new(|| {
    let message = |text: String| ItemBuilder::new().target(PROCESS).data(text).sign(&NoSigner).unwrap();
    std::array::from_fn(|by| std::array::from_fn(|n| message(format!("{by} {n}"))))
});

static SCHEDULER_OF: LazyLock<HashMap<Id, usize>> =
    LazyLock::new(|| MESSAGES.iter().enumerate().flat_map(|(by, all)| all.iter().map(move |m| (m.id(), by))).collect());

/// Which scheduler a message was given to.
fn scheduler_of(message: &Id) -> usize {
    SCHEDULER_OF[message]
}

/// One of the schedulers over a disk; those with higher numbers are made later.
#[derive(Clone)]
struct Member {
    number: usize,
    disk: Arc<Disk>,
    clock: Arc<ManualClock>,
    scheduler: Arc<Scheduler>,
}

impl Member {
    fn new(number: usize, disk: &Arc<Disk>, mode: Mode, commit: CommitMode) -> Self {
        let clock = Arc::new(ManualClock::at(10));
        let config = Config {
            mode,
            commit,
            durability: Durability::Memory,
            signatures: SignaturePolicy { required: false, verify: false },
            idle: Some(std::time::Duration::from_millis(5)),
            clock: clock.clone(),
            ..Config::new(Arc::new(NoSigner))
        };
        let scheduler = Arc::new(Scheduler::new(disk.clone(), config).unwrap());
        Self { number, disk: disk.clone(), clock, scheduler }
    }

    /// Schedules its n-th message, and tells the disk what came of it.
    fn schedule(&self, n: usize) -> Result<Receipt, ScheduleError> {
        let answer = block_on(self.scheduler.schedule(MESSAGES[self.number][n].clone()));
        if let Ok(receipt) = &answer {
            let stored = self.scheduler.config().mode == Mode::Local;
            self.disk.acknowledged(receipt.slot, receipt.assignment.id(), stored);
        }
        answer
    }

    /// Schedules some of its messages, in a thread, one after the other.
    fn spawn(&self, messages: impl IntoIterator<Item = usize> + Send + 'static) -> thread::JoinHandle<Answers> {
        let member = self.clone();
        thread::spawn(move || messages.into_iter().map(|n| member.schedule(n)).collect())
    }
}

type Answers = Vec<Result<Receipt, ScheduleError>>;

fn is_fenced(answer: &Result<Receipt, ScheduleError>) -> bool {
    match answer {
        Err(ScheduleError::Commit(error)) => matches!(**error, CommitError::Fenced { process: PROCESS, .. }),
        Err(ScheduleError::Start(error)) => matches!(**error, ScheduleError::Fenced { process: PROCESS, .. }),
        _ => false,
    }
}

/// Once fenced, fenced for good; and no other error.
fn assert_taken_over(answers: &Answers) {
    let taken = answers.iter().take_while(|answer| answer.is_ok()).count();
    assert!(answers[taken..].iter().all(is_fenced), "{answers:?}");
}

/// Nothing was ever wrong, what was acknowledged is there, and the schedule is sound. Nobody is at work any more.
fn assert_sound(disk: &Arc<Disk>) {
    let check = AssignmentStore::new(disk.clone()).check(&PROCESS, Default::default()).unwrap();
    assert!(check.is_sound(), "{:?}", check.findings);
    let contents = disk.lock();
    assert!(contents.wrong.is_empty(), "{:?}", contents.wrong);
    assert_eq!(check.slots, contents.slots.len() as u64);
    for (slot, assignment) in &contents.acknowledged {
        assert!(contents.has(*slot, *assignment), "slot {slot} was acknowledged and is lost");
    }
}

/// Two schedulers on one disk, of which the second takes over while two callers of the first are at it.
fn hand_over(fault: Fault, mode: Mode, commit: CommitMode) {
    let disk = Disk::new(fault);
    let (older, newer) = (Member::new(0, &disk, mode, commit), Member::new(1, &disk, mode, commit));
    let callers = [older.spawn([0, 1]), older.spawn([2])];
    let taking_over = newer.spawn([0, 1]);
    for caller in callers {
        assert_taken_over(&caller.join().unwrap());
    }
    assert!(taking_over.join().unwrap().iter().all(Result::is_ok));
    assert!(is_fenced(&older.schedule(3)));
    newer.scheduler.drain();
    assert_sound(&disk);
}

#[test]
fn c044_the_writer_that_is_followed_commits_nothing_more() {
    check_all(|mode, commit| hand_over(Fault::None, mode, commit));
}

#[test]
fn c044_of_three_schedulers_each_follows_an_earlier_one_only() {
    check_all(|mode, commit| {
        let disk = Disk::new(Fault::None);
        let members: Vec<_> = (0..3).map(|number| Member::new(number, &disk, mode, commit)).collect();
        let callers: Vec<_> = members.iter().map(|member| member.spawn([0, 1])).collect();
        for caller in callers {
            assert_taken_over(&caller.join().unwrap());
        }
        assert!(members[2].schedule(2).is_ok());
        members.iter().for_each(|member| member.scheduler.drain());
        assert_sound(&disk);
    });
}

#[test]
fn c044_a_kept_handle_is_fenced_like_its_scheduler() {
    check_all(|mode, commit| {
        let disk = Disk::new(Fault::None);
        let older = Member::new(0, &disk, mode, commit);
        let kept = older.scheduler.server(&PROCESS).unwrap();
        let newer = Member::new(1, &disk, mode, commit);
        let taking_over = newer.spawn([0]);
        let answers = [0, 1].map(|n| {
            let answer = block_on(kept.schedule(MESSAGES[0][n].clone(), Default::default()));
            if let Ok(receipt) = &answer {
                disk.acknowledged(receipt.slot, receipt.assignment.id(), mode == Mode::Local);
            }
            answer
        });
        assert_taken_over(&answers.into());
        assert!(taking_over.join().unwrap()[0].is_ok());
        newer.scheduler.drain();
        assert_sound(&disk);
    });
}

#[test]
fn c044_a_scheduler_made_while_the_one_before_it_goes_loses_nothing() {
    check_all(|mode, commit| {
        let disk = Disk::new(Fault::None);
        let older = Member::new(0, &disk, mode, commit);
        let caller = older.spawn([0, 1]);
        let leaving = thread::spawn(move || drop(older));
        let newer = Member::new(1, &disk, mode, commit);
        assert!(newer.schedule(0).is_ok());
        leaving.join().unwrap();
        assert_taken_over(&caller.join().unwrap());
        newer.scheduler.drain();
        assert_sound(&disk);
    });
}

#[test]
fn c044_writers_that_are_evicted_and_come_back_are_fenced_too() {
    check_all(|mode, commit| {
        let disk = Disk::new(Fault::None);
        let (older, newer) = (Member::new(0, &disk, mode, commit), Member::new(1, &disk, mode, commit));
        let caller = older.spawn([0, 1, 2]);
        let evicting = thread::spawn(move || {
            older.clock.set(1_000);
            older.scheduler.evict_idle();
        });
        let taking_over = newer.spawn([0]);
        evicting.join().unwrap();
        assert_taken_over(&caller.join().unwrap());
        assert!(taking_over.join().unwrap()[0].is_ok());
        newer.scheduler.drain();
        assert_sound(&disk);
    });
}

/// At any moment of a hand-over the power may go: what the disk has then is a schedule that has all that was confirmed,
/// and the next scheduler goes on behind it.
fn power_cut(fault: Fault, mode: Mode, commit: CommitMode) {
    let disk = Disk::new(fault);
    let (older, newer) = (Member::new(0, &disk, mode, commit), Member::new(1, &disk, mode, commit));
    let callers = [older.spawn([0, 1]), newer.spawn([0])];
    let left = thread::spawn(move || disk.cut()).join().unwrap();
    if mode == Mode::Aggressive {
        // It may lose the end of what it has acknowledged, and nothing else.
        left.lock().acknowledged.clear();
    }
    let restarted = Member::new(2, &left, mode, commit);
    let end = left.lock().slots.len() as u64;
    assert_eq!(restarted.schedule(0).unwrap().slot, end);
    restarted.scheduler.drain();
    assert_sound(&left);
    callers.into_iter().for_each(|caller| assert_taken_over(&caller.join().unwrap()));
}

#[test]
fn c044_a_power_cut_in_the_hand_over_loses_nothing_confirmed() {
    check_all(|mode, commit| power_cut(Fault::None, mode, commit));
}

#[test]
fn c044_a_write_that_fails_in_the_hand_over_is_told_and_leaves_no_gap() {
    for keep in [false, true] {
        for n in 0..2 {
            check(move || {
                let disk = Disk::new(Fault::Fails { n, keep });
                let older = Member::new(0, &disk, Mode::Local, CommitMode::Group);
                let newer = Member::new(1, &disk, Mode::Local, CommitMode::Group);
                let callers = [older.spawn([0, 1]), older.spawn([2]), newer.spawn([0, 1, 2])];
                let answers: Vec<_> = callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect();
                assert!(is_fenced(&older.schedule(3)));
                assert!(newer.schedule(3).is_ok(), "the writer after a failed one");
                let told = answers.iter().filter(|answer| !is_fenced(answer) && answer.is_err()).count();
                assert!(told > 0, "somebody was told of the failure");
                assert_sound(&disk);
            });
        }
    }
}

/// The model can fail: with each way in which a store can break its word.
#[test]
fn the_model_finds_a_store_that_breaks_its_word() {
    let (mode, commit) = SETTINGS[0];
    assert_found("acknowledged and not stored", move || hand_over(Fault::AnswersFirst, mode, commit));
    assert_found("slot 1 after", move || hand_over(Fault::OldEnd, mode, commit));
    assert_found("beside slots of", move || power_cut(Fault::Halves, mode, commit));
}

fn assert_found(what: &str, property: impl Fn() + Send + Sync + Clone + std::panic::RefUnwindSafe + 'static) {
    let found = catch_unwind(|| check(property.clone())).expect_err(what);
    let text = found.downcast_ref::<String>().expect("an assertion's text");
    assert!(text.contains(what), "{text}");
}
