//! The writer of a process: slots, order, confirmation modes.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use slotbench_core::block::{Block, BlockHash};
use slotbench_core::clock::ManualClock;
use slotbench_core::item::{Item, ItemBuilder};
use slotbench_core::scheduler::{CommitMode, SignaturePolicy};
use slotbench_core::wallet::NoSigner;
use slotbench_core::{Config, Id, Mode, ScheduleError, Scheduler};
use support::{
    Gate, Hooked, PROCESS, assert_sound, client, config, memory, message, message_for, poll_once, schedule,
    stored_slots, wait,
};

fn scheduler(config: Config) -> Scheduler {
    Scheduler::new(memory(), config).unwrap()
}

/// Schedules `count` messages from `callers` threads at once; the slots they were given, sorted.
fn schedule_from_threads(scheduler: &Scheduler, callers: u32, count: u32) -> Vec<u64> {
    let mut slots = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..callers)
            .map(|caller| {
                let mine = (caller..count).step_by(callers as usize);
                scope.spawn(move || mine.map(|n| schedule(scheduler, message(n)).unwrap().slot).collect::<Vec<_>>())
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    slots.sort_unstable();
    slots
}

/// Whoever holds a slice of it keeps a connection from reading into it again.
#[test]
fn nobody_holds_a_message_that_is_stored() {
    let scheduler = Scheduler::new(memory(), config()).unwrap();
    for n in 0..3 {
        // As it comes from a network: with something else behind it.
        let sent = message(n);
        let read = Bytes::from([sent.as_bytes(), &[0; 100][..]].concat());
        schedule(&scheduler, Item::parse(read.slice(..sent.as_bytes().len())).unwrap()).unwrap();
        assert!(read.is_unique(), "message {n}");
    }
}

#[test]
fn c006_raw_and_text_forms_of_a_process_share_one_writer() {
    let scheduler = scheduler(config());
    let from_text: Id = PROCESS.to_string().parse().unwrap();
    let from_raw = Id::from_slice(PROCESS.as_bytes()).unwrap();
    let (one, other) = (scheduler.server(&from_text).unwrap(), scheduler.server(&from_raw).unwrap());
    assert!(Arc::ptr_eq(&one, &other));
    assert_eq!(schedule(&scheduler, message_for(from_text, 0)).unwrap().slot, 0);
    assert_eq!(schedule(&scheduler, message_for(from_raw, 1)).unwrap().slot, 1);
}

#[test]
fn c014_timestamps_never_decrease_even_if_the_clock_steps_back() {
    for mode in [Mode::Local, Mode::Aggressive] {
        let clock = Arc::new(ManualClock::at(5_000));
        let scheduler = scheduler(Config { mode, clock: clock.clone(), ..config() });
        for (n, now) in (0..).zip([5_000, 4_000, 6_000, 1, 5_999]) {
            clock.set(now);
            schedule(&scheduler, message(n)).unwrap();
        }
        scheduler.drain();
        let stored = scheduler.assignments().range(&PROCESS, 0, 4, 10).unwrap();
        let times: Vec<u64> = stored.iter().map(|read| read.assignment.timestamp()).collect();
        assert_eq!(times, [5_000, 5_000, 6_000, 6_000, 6_000]);
        let restarted = Scheduler::new(Arc::clone(scheduler.assignments().store()), Config { clock, ..config() });
        let receipt = schedule(&restarted.unwrap(), message(5)).unwrap();
        assert_eq!(receipt.assignment.item().tag("timestamp"), Some(&b"6000"[..]));
    }
}

#[test]
fn c013_assignments_quote_network_blocks() {
    let block = Block { height: 9, hash: BlockHash::network([7; 48]), timestamp: 11 };
    let scheduler = scheduler(Config { block: block.clone(), ..config() });
    schedule(&scheduler, message(0)).unwrap();
    assert_eq!(scheduler.assignments().assignment(&PROCESS, 0).unwrap().unwrap().block(), &block);
}

#[test]
fn c016_a_message_with_an_invalid_signature_gets_no_slot() {
    let scheduler = scheduler(config());
    let mut bytes = message(0).as_bytes().to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    let tampered = Item::parse(bytes.into()).unwrap();
    assert!(matches!(schedule(&scheduler, tampered), Err(ScheduleError::Signature(_))));
    assert!(stored_slots(&scheduler, &PROCESS).is_empty());
    assert!(scheduler.status().processes.is_empty(), "no writer was started for it");
    assert_eq!(schedule(&scheduler, message(1)).unwrap().slot, 0);
}

#[test]
fn c017_unsigned_messages_follow_the_policy() {
    let unsigned = || ItemBuilder::new().target(PROCESS).data(b"anyone").sign(&NoSigner).unwrap();
    let strict = scheduler(config());
    assert!(matches!(schedule(&strict, unsigned()), Err(ScheduleError::Unsigned)));
    let lax = scheduler(Config { signatures: SignaturePolicy { required: false, verify: true }, ..config() });
    assert_eq!(schedule(&lax, unsigned()).unwrap().slot, 0);
    assert_sound(&lax, &PROCESS, 1);
}

#[test]
fn c019_a_process_takes_slot_0_of_its_own_schedule() {
    let scheduler = scheduler(config());
    let process = ItemBuilder::new().tag("Type", "Process").tag("Data-Protocol", "ao").sign(&client()).unwrap();
    let first = schedule(&scheduler, process.clone()).unwrap();
    assert_eq!((first.process, first.slot), (process.id(), 0));
    assert_eq!(schedule(&scheduler, message_for(process.id(), 1)).unwrap().slot, 1);
    assert_sound(&scheduler, &process.id(), 2);
}

#[test]
fn a_message_without_target_is_refused() {
    let nowhere = ItemBuilder::new().tag("Type", "Message").sign(&client()).unwrap();
    assert!(matches!(schedule(&scheduler(config()), nowhere), Err(ScheduleError::NoTarget)));
}

#[test]
fn c020_the_same_message_posted_k_times_gets_k_slots() {
    let scheduler = scheduler(config());
    let slots: Vec<u64> = (0..5).map(|_| schedule(&scheduler, message(7)).unwrap().slot).collect();
    assert_eq!(slots, [0, 1, 2, 3, 4]);
    assert_sound(&scheduler, &PROCESS, 5);
}

#[test]
fn c023_slots_start_at_0_and_none_is_current_before() {
    let scheduler = scheduler(config());
    assert_eq!(scheduler.stored_head(&PROCESS).unwrap().slot, None);
    assert_eq!(scheduler.server(&PROCESS).unwrap().info().slot, None);
    assert_eq!(schedule(&scheduler, message(0)).unwrap().slot, 0);
    assert_eq!(scheduler.server(&PROCESS).unwrap().info().slot, Some(0));
}

#[test]
fn c024_concurrent_messages_get_each_slot_once() {
    for mode in [Mode::Local, Mode::Aggressive] {
        for commit in [CommitMode::Group, CommitMode::Each] {
            let scheduler = scheduler(Config { mode, commit, ..config() });
            let slots = schedule_from_threads(&scheduler, 16, 400);
            assert_eq!(slots, (0..400).collect::<Vec<_>>());
            scheduler.drain();
            assert_sound(&scheduler, &PROCESS, 400);
        }
    }
}

#[test]
fn c025_after_a_restart_the_next_slot_is_latest_plus_1() {
    let store = memory();
    for slot in 0..6 {
        let scheduler = Scheduler::new(Arc::clone(&store), config()).unwrap();
        assert_eq!(schedule(&scheduler, message(slot)).unwrap().slot, u64::from(slot));
    }
}

#[test]
fn c010_restarts_leave_no_trace_in_the_chain() {
    let (steady, store) = (scheduler(config()), memory());
    for n in 0..6 {
        schedule(&steady, message(n)).unwrap();
        schedule(&Scheduler::new(Arc::clone(&store), config()).unwrap(), message(n)).unwrap();
    }
    let restarted = Scheduler::new(store, config()).unwrap();
    assert_eq!(restarted.stored_head(&PROCESS).unwrap().chain, steady.stored_head(&PROCESS).unwrap().chain);
    assert!(restarted.assignments().check(&PROCESS, Default::default()).unwrap().seams.is_empty());
}

#[test]
fn c026_disabled_refuses_with_an_error() {
    let scheduler = scheduler(Config { mode: Mode::Disabled, ..config() });
    assert!(matches!(schedule(&scheduler, message(0)), Err(ScheduleError::Disabled)));
    assert!(stored_slots(&scheduler, &PROCESS).is_empty());
}

#[test]
fn c027_an_aggressive_answer_may_precede_the_write() {
    let gate = Arc::new(Gate::default());
    let store = Hooked::new(memory(), {
        let gate = gate.clone();
        move |_| {
            gate.pass();
            Ok(())
        }
    });
    let scheduler = Scheduler::new(store, Config { mode: Mode::Aggressive, ..config() }).unwrap();
    let receipt = schedule(&scheduler, message(0)).unwrap();
    receipt.assignment.item().verify().unwrap();
    assert!(stored_slots(&scheduler, &PROCESS).is_empty());
    gate.open();
    scheduler.drain();
    assert_sound(&scheduler, &PROCESS, 1);
}

#[test]
fn c028_a_local_answer_comes_after_the_slot_is_readable() {
    let scheduler = scheduler(config());
    std::thread::scope(|scope| {
        for caller in 0..8 {
            let scheduler = &scheduler;
            scope.spawn(move || {
                for n in 0..50 {
                    let receipt = schedule(scheduler, message(caller * 50 + n)).unwrap();
                    let read = scheduler.assignments().read(&PROCESS, receipt.slot).unwrap().unwrap();
                    assert_eq!(read.assignment.id(), receipt.assignment.id());
                }
            });
        }
    });
}

#[test]
fn c031_an_unknown_mode_is_an_error() {
    for unknown in ["sync", "", "Local", "aggressive_confirmation", "confirmation"] {
        assert!(unknown.parse::<Mode>().unwrap_err().contains("allowed"), "{unknown}");
    }
    assert_eq!("local_confirmation".parse(), Ok(Mode::Local));
    assert_eq!("remote_confirmation".parse(), Ok(Mode::Remote));
    assert!(matches!(
        Scheduler::new(memory(), Config { mode: Mode::Remote, ..config() }),
        Err(ScheduleError::Unsupported(_))
    ));
}

#[test]
fn c037_a_slot_is_never_visible_before_the_one_ahead_of_it() {
    for mode in [Mode::Local, Mode::Aggressive] {
        let scheduler = scheduler(Config { mode, max_batch: 3, ..config() });
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    let slots = stored_slots(&scheduler, &PROCESS);
                    assert_eq!(slots, (0..slots.len() as u64).collect::<Vec<_>>());
                }
            });
            schedule_from_threads(&scheduler, 4, 300);
            scheduler.drain();
            done.store(true, Ordering::SeqCst);
        });
    }
}

/// A scheduler whose store waits at a gate, with a window of four messages.
fn gated(mode: Mode) -> (Arc<Gate>, Arc<Scheduler>) {
    let gate = Arc::new(Gate::default());
    let store = Hooked::new(memory(), {
        let gate = gate.clone();
        move |_| {
            gate.pass();
            Ok(())
        }
    });
    let config = Config { mode, window: 4, inline: false, ..config() };
    (gate, Arc::new(Scheduler::new(store, config).unwrap()))
}

#[test]
fn c038_a_full_window_answers_busy_in_the_confirming_modes() {
    let (gate, scheduler) = gated(Mode::Local);
    wait(async {
        let waiting: Vec<_> = (0..4)
            .map(|n| {
                let scheduler = Arc::clone(&scheduler);
                Box::pin(async move { scheduler.schedule(message(n)).await })
            })
            .collect();
        let mut waiting = tokio::task::JoinSet::from_iter(waiting);
        while scheduler.server(&PROCESS).unwrap().info().in_flight < 4 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(scheduler.schedule(message(4)).await, Err(ScheduleError::Busy { waiting: 4 })));
        gate.open();
        while let Some(answer) = waiting.join_next().await {
            answer.unwrap().unwrap();
        }
    });
    assert_eq!(schedule(&scheduler, message(4)).unwrap().slot, 4);
    assert_sound(&scheduler, &PROCESS, 5);
}

#[test]
fn c038_a_full_window_makes_aggressive_callers_wait() {
    let (gate, scheduler) = gated(Mode::Aggressive);
    wait(async {
        for n in 0..4 {
            scheduler.schedule(message(n)).await.unwrap();
        }
        let fifth = scheduler.schedule(message(4));
        tokio::pin!(fifth);
        let at_once = poll_once(fifth.as_mut()).await;
        assert!(at_once.is_none(), "four are acknowledged and none is stored");
        gate.open();
        assert_eq!(fifth.await.unwrap().slot, 4);
    });
    scheduler.drain();
    assert_sound(&scheduler, &PROCESS, 5);
}

#[test]
fn c039_identical_messages_in_flight_each_get_their_own_answer() {
    let (gate, scheduler) = gated(Mode::Local);
    let mut slots = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..4).map(|_| scope.spawn(|| schedule(&scheduler, message(0)).unwrap())).collect();
        gate.await_arrivals(1);
        gate.open();
        callers.into_iter().map(|caller| caller.join().unwrap()).map(|receipt| receipt.slot).collect::<Vec<_>>()
    });
    slots.sort_unstable();
    assert_eq!(slots, [0, 1, 2, 3]);
}

#[test]
fn c041_the_first_callers_death_does_not_stop_the_writer() {
    let scheduler = scheduler(config());
    std::thread::scope(|scope| {
        let first = scope.spawn(|| {
            schedule(&scheduler, message(0)).unwrap();
            panic!("the caller dies");
        });
        assert!(first.join().is_err());
    });
    assert_eq!(schedule(&scheduler, message(1)).unwrap().slot, 1);
}

#[test]
fn c041_a_caller_that_goes_away_loses_only_its_answer() {
    let (gate, scheduler) = gated(Mode::Local);
    wait(async {
        let mut abandoned = Box::pin(scheduler.schedule(message(0)));
        assert!(poll_once(abandoned.as_mut()).await.is_none());
        drop(abandoned);
        gate.open();
        assert_eq!(scheduler.schedule(message(1)).await.unwrap().slot, 1);
    });
    assert_sound(&scheduler, &PROCESS, 2);
    assert_eq!(scheduler.server(&PROCESS).unwrap().info().in_flight, 0);
}

#[test]
fn c043_what_a_writer_tells_of_itself_has_no_key() {
    let scheduler = scheduler(config());
    schedule(&scheduler, message(0)).unwrap();
    let told = format!("{:?} {:?}", scheduler.status(), scheduler.server(&PROCESS).unwrap().info());
    let seed = Id::from_bytes([1; 32]);
    assert!(told.contains(&scheduler.status().address.to_string()));
    assert!(!told.contains(&seed.to_string()) && !told.contains("1, 1, 1, 1"), "{told}");
}

#[test]
fn reading_starts_no_writer() {
    let scheduler = scheduler(config());
    scheduler.stored_head(&PROCESS).unwrap();
    scheduler.assignments().range(&PROCESS, 0, 10, 10).unwrap();
    assert!(scheduler.status().processes.is_empty());
}
