//! Fencing: two servers on one open store, of which one can commit.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use slotbench_core::assignments::generation_key;
use slotbench_core::operations::{Policies, ProcessPolicy};
use slotbench_core::scheduler::{CommitError, CommitMode};
use slotbench_core::{Config, Id, Mode, OperationError, Operations, Receipt, Request, ScheduleError, Scheduler, Store};
use support::{Gate, Hooked, PROCESS, assert_sound, broken_disk, config, memory, message, message_for, schedule, wait};

const MODES: [Mode; 2] = [Mode::Local, Mode::Aggressive];
const COMMITS: [CommitMode; 2] = [CommitMode::Group, CommitMode::Each];

fn scheduler(store: &Arc<dyn Store>, mode: Mode, commit: CommitMode) -> Scheduler {
    Scheduler::new(Arc::clone(store), Config { mode, commit, ..config() }).unwrap()
}

fn is_fenced(answer: &Result<Receipt, ScheduleError>) -> bool {
    match answer {
        Err(ScheduleError::Commit(error)) => matches!(**error, CommitError::Fenced { process: PROCESS, .. }),
        Err(ScheduleError::Start(error)) => matches!(**error, ScheduleError::Fenced { process: PROCESS, .. }),
        _ => false,
    }
}

#[test]
fn c044_of_two_servers_on_one_store_the_later_one_commits() {
    for mode in MODES {
        for commit in COMMITS {
            let store = memory();
            let (older, newer) = (scheduler(&store, mode, commit), scheduler(&store, mode, commit));
            for n in 0..3 {
                schedule(&older, message(n)).unwrap();
            }
            let outdated = older.server(&PROCESS).unwrap();
            assert_eq!((outdated.info().generation, schedule(&newer, message(3)).unwrap().slot), (1, 3));
            for n in 4..7 {
                assert!(is_fenced(&schedule(&older, message(n))));
                let held_back = wait(outdated.schedule(message(n), Default::default()));
                assert!(is_fenced(&held_back), "nor through a handle that was kept");
            }
            assert!(older.status().processes.is_empty());
            assert_eq!(schedule(&newer, message(7)).unwrap().slot, 4);
            assert_eq!(newer.server(&PROCESS).unwrap().info().generation, 2);
            newer.drain();
            assert_sound(&newer, &PROCESS, 5);
        }
    }
}

#[test]
fn c044_other_processes_stay_where_they_are() {
    let store = memory();
    let other = Id::from_bytes([0xCD; 32]);
    let older = scheduler(&store, Mode::Local, CommitMode::Group);
    schedule(&older, message(0)).unwrap();
    schedule(&older, message_for(other, 0)).unwrap();
    let newer = scheduler(&store, Mode::Local, CommitMode::Group);
    schedule(&newer, message(1)).unwrap();
    assert!(is_fenced(&schedule(&older, message(2))));
    assert_eq!(schedule(&older, message_for(other, 1)).unwrap().slot, 1);
}

#[test]
fn c044_what_the_outdated_writer_has_acknowledged_is_stored_before_the_new_one_starts() {
    let gate = Arc::new(Gate::default());
    let store: Arc<dyn Store> = Hooked::new(memory(), {
        let gate = gate.clone();
        move |_| {
            gate.pass();
            Ok(())
        }
    });
    let older = scheduler(&store, Mode::Aggressive, CommitMode::Group);
    for n in 0..5 {
        schedule(&older, message(n)).unwrap();
    }
    gate.await_arrivals(1);
    let newer = scheduler(&store, Mode::Local, CommitMode::Group);
    std::thread::scope(|scope| {
        let taking_over = scope.spawn(|| schedule(&newer, message(5)).unwrap().slot);
        // The older one is told at once, and does not wait with the newer.
        while !older.status().processes.is_empty() {
            std::thread::yield_now();
        }
        assert!(is_fenced(&schedule(&older, message(6))));
        gate.open();
        assert_eq!(taking_over.join().unwrap(), 5);
    });
    assert_sound(&newer, &PROCESS, 6);
}

#[test]
fn c044_a_scheduler_that_is_gone_has_stored_what_it_acknowledged_before_the_next_one_starts() {
    let store = memory();
    for n in 0..200 {
        // Dropped with its last message on the way, for all it knows.
        let scheduler = scheduler(&store, Mode::Aggressive, CommitMode::Group);
        assert_eq!(schedule(&scheduler, message(n)).unwrap().slot, u64::from(n));
    }
    let last = scheduler(&store, Mode::Local, CommitMode::Group);
    assert_eq!(schedule(&last, message(200)).unwrap().slot, 200);
    assert_sound(&last, &PROCESS, 201);
}

#[test]
fn c044_no_acknowledged_slot_is_lost_or_doubled_whenever_the_writer_changes() {
    for mode in MODES {
        for commit in COMMITS {
            let store = memory();
            let schedulers: Vec<_> = (0..4).map(|_| scheduler(&store, mode, commit)).collect();
            let next = AtomicU64::new(0);
            let receipts = std::thread::scope(|scope| {
                let callers: Vec<_> = schedulers
                    .iter()
                    .flat_map(|scheduler| [scheduler, scheduler])
                    .map(|scheduler| {
                        let next = &next;
                        scope.spawn(move || {
                            let mut receipts = Vec::new();
                            loop {
                                let n = u32::try_from(next.fetch_add(1, Ordering::SeqCst)).unwrap();
                                if n >= 400 {
                                    return receipts;
                                }
                                match schedule(scheduler, message(n)) {
                                    Ok(receipt) => receipts.push(receipt),
                                    fenced => assert!(is_fenced(&fenced), "{:?}", fenced.err()),
                                }
                            }
                        })
                    })
                    .collect();
                callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect::<Vec<_>>()
            });
            schedulers.iter().for_each(Scheduler::drain);
            let last = &schedulers[3];
            for receipt in &receipts {
                let stored = last.assignments().assignment(&PROCESS, receipt.slot).unwrap().unwrap();
                assert_eq!(stored.id(), receipt.assignment.id(), "slot {}", receipt.slot);
            }
            assert_sound(last, &PROCESS, receipts.len() as u64);
        }
    }
}

#[test]
fn c044_generations_grow_across_restarts_and_failures() {
    let store = memory();
    for restart in 1..=3 {
        let scheduler = scheduler(&store, Mode::Local, CommitMode::Group);
        schedule(&scheduler, message(0)).unwrap();
        assert_eq!(scheduler.server(&PROCESS).unwrap().info().generation, restart);
        assert_eq!(scheduler.assignments().generation(&PROCESS).unwrap(), restart);
    }
    let failing: Arc<dyn Store> =
        Hooked::new(Arc::clone(&store), |apply| if apply == 1 { Err(broken_disk()) } else { Ok(()) });
    let scheduler = scheduler(&failing, Mode::Local, CommitMode::Group);
    let answers: Vec<_> = (0..3).map(|n| schedule(&scheduler, message(n)).is_ok()).collect();
    assert_eq!(answers, [true, false, true]);
    assert_eq!(scheduler.server(&PROCESS).unwrap().info().generation, 5, "the failed writer had the fourth");
    assert_sound(&scheduler, &PROCESS, 5);
}

#[test]
fn c044_a_damaged_generation_starts_no_writer() {
    let store = memory();
    let mut damage = slotbench_core::Batch::new();
    damage.put(generation_key(&PROCESS), "seven".into());
    store.apply(&damage, slotbench_core::Durability::Memory).unwrap();
    let scheduler = scheduler(&store, Mode::Local, CommitMode::Group);
    let answer = schedule(&scheduler, message(0));
    assert!(matches!(answer, Err(ScheduleError::Start(error)) if matches!(*error, ScheduleError::Damaged(_))));
}

#[test]
fn c044_an_operation_says_who_has_the_process() {
    let store = memory();
    let any = Policies { processes: ProcessPolicy::Any, ..Policies::default() };
    let operations = || Operations::new(Arc::new(scheduler(&store, Mode::Local, CommitMode::Group)), any);
    let (older, newer) = (operations(), operations());
    let post = |operations: &Operations, n| wait(operations.schedule(&Request::post(message(n))));
    assert_eq!(post(&older, 0).unwrap().slot, 0);
    assert_eq!(post(&newer, 1).unwrap().slot, 1);
    for n in 2..4 {
        assert!(matches!(post(&older, n), Err(OperationError::Fenced { process: PROCESS, generation: 2 })));
    }
    assert_eq!(older.slot(&Request::about(PROCESS)).unwrap().current, Some(1), "reading goes on");
}
