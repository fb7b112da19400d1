//! Following single messages on their way.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::sync::{Arc, Mutex};

use slotbench_core::milestone::Milestone::{Committing, Sequenced, Signed, Stored, Verified};
use slotbench_core::milestone::{Mark, MessageObserver, Milestone};
use slotbench_core::scheduler::CommitMode;
use slotbench_core::{Config, Id, Item, Mode, ScheduleError, Scheduler};
use support::{Gate, Hooked, broken_disk, config, memory, message, message_for, wait};

/// Remembers what it is told.
#[derive(Default)]
struct Diary(Mutex<Vec<Milestone>>);

impl Diary {
    fn read(&self) -> Vec<Milestone> {
        self.0.lock().unwrap().clone()
    }
}

impl MessageObserver for Diary {
    fn reached(&self, milestone: Milestone) {
        self.0.lock().unwrap().push(milestone);
    }
}

/// Schedules one message and tells what its observer had seen when the answer came.
fn follow(scheduler: &Scheduler, message: Item) -> (Result<(), ScheduleError>, Arc<Diary>, Vec<Milestone>) {
    let diary = Arc::new(Diary::default());
    let mark = Mark { tag: 0, observer: Some(Arc::clone(&diary) as Arc<dyn MessageObserver>) };
    let answer = wait(scheduler.schedule_marked(message, mark)).map(drop);
    let seen = diary.read();
    (answer, diary, seen)
}

#[test]
fn a_stored_message_has_passed_every_milestone_once_and_in_order() {
    for commit in [CommitMode::Group, CommitMode::Each] {
        for inline in [true, false] {
            let scheduler = Scheduler::new(memory(), Config { commit, inline, ..config() }).unwrap();
            for n in 0..3 {
                let (answer, _, seen) = follow(&scheduler, message(n));
                answer.unwrap();
                assert_eq!(seen, Milestone::ALL, "{commit:?}, inline {inline}");
            }
        }
    }
}

#[test]
fn an_aggressive_answer_comes_before_the_batch_is_applied() {
    let gate = Arc::new(Gate::default());
    let store = Hooked::new(memory(), {
        let gate = Arc::clone(&gate);
        move |_| {
            gate.pass();
            Ok(())
        }
    });
    let scheduler = Scheduler::new(store, Config { mode: Mode::Aggressive, inline: false, ..config() }).unwrap();
    let (answer, diary, seen) = follow(&scheduler, message(0));
    answer.unwrap();
    assert!(seen.starts_with(&[Verified, Sequenced, Signed]) && !seen.contains(&Stored), "{seen:?}");
    assert_eq!(scheduler.unstored(), 1);
    gate.open();
    scheduler.drain();
    assert_eq!((diary.read(), scheduler.unstored()), (Milestone::ALL.to_vec(), 0));
}

#[test]
fn a_message_that_fails_passes_no_milestone_behind_the_failure() {
    let scheduler = Scheduler::new(Hooked::new(memory(), |_| Err(broken_disk())), config()).unwrap();
    let (answer, diary, _) = follow(&scheduler, message(0));
    assert!(matches!(answer, Err(ScheduleError::Commit(_))));
    assert_eq!(diary.read(), [Verified, Sequenced, Signed, Committing]);
    assert_eq!(scheduler.batch_sizes().iter().sum::<u64>(), 0, "what was not stored is no batch");

    let disabled = Scheduler::new(memory(), Config { mode: Mode::Disabled, ..config() }).unwrap();
    let (answer, diary, _) = follow(&disabled, message(0));
    assert!(matches!(answer, Err(ScheduleError::Disabled)));
    assert_eq!(diary.read(), []);
}

#[test]
fn batches_are_counted_by_their_size() {
    let gate = Arc::new(Gate::default());
    let store = Hooked::new(memory(), {
        let gate = Arc::clone(&gate);
        move |_| {
            gate.pass();
            Ok(())
        }
    });
    let scheduler = Scheduler::new(store, Config { mode: Mode::Aggressive, inline: false, ..config() }).unwrap();
    wait(scheduler.schedule(message(0))).unwrap();
    gate.await_arrivals(1);
    // The first batch is at the store: what comes now waits for the second.
    (1..8).for_each(|n| drop(wait(scheduler.schedule(message(n))).unwrap()));
    gate.open();
    scheduler.drain();
    assert_eq!(scheduler.batch_sizes(), [0, 1, 0, 0, 0, 0, 0, 1]);

    let each = Scheduler::new(memory(), Config { commit: CommitMode::Each, ..config() }).unwrap();
    for n in 0..6 {
        let process = Id::from_bytes([u8::try_from(n % 3).unwrap(); 32]);
        wait(each.schedule(message_for(process, n))).unwrap();
    }
    each.drain();
    assert_eq!(each.batch_sizes(), [0, 6]);
}
