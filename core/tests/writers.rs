//! The scheduler and its registry: wallets per process, idle writers, metrics.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use slotbench_core::clock::ManualClock;
use slotbench_core::item::ItemBuilder;
use slotbench_core::scheduler::{CommitMode, Metrics, ScheduleError};
use slotbench_core::wallet::{KeyRing, Signer, Wallet};
use slotbench_core::{Config, Id, Item, Mode, Scheduler};
use support::{
    Gate, Hooked, PROCESS, assert_sound, client, config, memory, message, message_for, schedule, wait, wallet,
};

fn other_wallet(seed: u8) -> Arc<Wallet> {
    Arc::new(Wallet::ed25519_from_seed([seed; 32]).unwrap())
}

/// A process that names its scheduler.
fn process_of(scheduler: &str) -> Item {
    ItemBuilder::new().tag("Type", "Process").tag("Scheduler", scheduler).sign(&client()).unwrap()
}

#[test]
fn s1_q2_each_process_is_signed_for_by_the_wallet_of_its_scheduler() {
    let (ours, theirs) = (wallet(), other_wallet(7));
    let mut keys = KeyRing::default();
    keys.add(Arc::clone(&theirs) as Arc<dyn Signer>);
    let store = memory();
    let scheduler = Scheduler::new(Arc::clone(&store), Config { keys: keys.clone(), ..config() }).unwrap();
    let own = process_of(&ours.address().to_string());
    let foreign = process_of(&format!("{}, {}?hint=http://localhost:1", client().address(), theirs.address()));
    for (process, address, other) in
        [(&own, ours.address(), theirs.address()), (&foreign, theirs.address(), ours.address())]
    {
        for message in [process.clone(), message_for(process.id(), 1)] {
            let receipt = schedule(&scheduler, message).unwrap();
            receipt.assignment.item().verify().unwrap();
            assert_eq!(receipt.assignment.item().owner_address(), address);
            assert_ne!(receipt.assignment.item().owner_address(), other);
        }
        assert_eq!(scheduler.server(&process.id()).unwrap().info().address, address);
    }
    let status = scheduler.status();
    assert_eq!((status.address, status.addresses), (ours.address(), vec![theirs.address()]));

    // A writer that starts anew takes the process from the store.
    let restarted = Scheduler::new(store, Config { keys, ..config() }).unwrap();
    let receipt = schedule(&restarted, message_for(foreign.id(), 2)).unwrap();
    assert_eq!((receipt.assignment.item().owner_address(), receipt.slot), (theirs.address(), 2));
    // A message cannot choose who signs: only the process can.
    let nominating = ItemBuilder::new().target(own.id()).tag("Scheduler", theirs.address().to_string());
    let receipt = schedule(&restarted, nominating.sign(&client()).unwrap()).unwrap();
    assert_eq!(receipt.assignment.item().owner_address(), ours.address());
}

#[test]
fn a_wallet_of_one_process_goes_before_that_of_its_scheduler() {
    let (by_address, by_process) = (other_wallet(7), other_wallet(8));
    let mut keys = KeyRing::default();
    keys.add(Arc::clone(&by_address) as Arc<dyn Signer>);
    keys.add_for(PROCESS, Arc::clone(&by_process) as Arc<dyn Signer>);
    let chosen = |process| keys.choose(process, [by_address.address()]).map(|signer| signer.address());
    assert_eq!(chosen(&PROCESS), Some(by_process.address()));
    assert_eq!(chosen(&Id::from_bytes([1; 32])), Some(by_address.address()));
    assert!(keys.choose(&Id::from_bytes([1; 32]), [client().address()]).is_none());
    assert_eq!(keys.addresses().len(), 2);
}

#[test]
fn s2_metrics_equal_what_was_sent_and_not_stored() {
    for commit in [CommitMode::Group, CommitMode::Each] {
        let (gate, clock) = (Arc::new(Gate::default()), Arc::new(ManualClock::at(100)));
        let store = Hooked::new(memory(), {
            let gate = Arc::clone(&gate);
            move |_| {
                gate.pass();
                Ok(())
            }
        });
        let config = Config { mode: Mode::Aggressive, inline: false, commit, clock: clock.clone(), ..config() };
        let scheduler = Scheduler::new(store, config).unwrap();
        assert_eq!(scheduler.metrics(), Metrics { servers: 0, queued: 0, oldest_ms: None });
        let other = Id::from_bytes([9; 32]);
        for (n, (at, process)) in [(200, PROCESS), (200, other), (350, PROCESS), (500, other)].into_iter().enumerate() {
            clock.set(at);
            schedule(&scheduler, message_for(process, u32::try_from(n).unwrap())).unwrap();
        }
        clock.set(1000);
        assert_eq!(scheduler.metrics(), Metrics { servers: 2, queued: 4, oldest_ms: Some(800) });
        gate.open();
        scheduler.drain();
        assert_eq!(scheduler.metrics(), Metrics { servers: 2, queued: 0, oldest_ms: None });
    }
}

#[test]
fn s2_an_evicted_writer_goes_on_where_it_was() {
    for commit in [CommitMode::Group, CommitMode::Each] {
        let clock = Arc::new(ManualClock::at(0));
        let idle = Some(Duration::from_millis(100));
        let scheduler = Scheduler::new(memory(), Config { idle, commit, clock: clock.clone(), ..config() }).unwrap();
        for n in 0..3 {
            schedule(&scheduler, message(n)).unwrap();
        }
        clock.set(99);
        assert_eq!(scheduler.evict_idle(), 0, "not idle for long enough");
        let before = scheduler.server(&PROCESS).unwrap();
        clock.set(100);
        assert_eq!((scheduler.evict_idle(), scheduler.status().processes.len()), (1, 0));
        let after = scheduler.server(&PROCESS).unwrap();
        assert!(!Arc::ptr_eq(&before, &after));
        assert_eq!((after.info().slot, after.info().chain), (before.info().slot, before.info().chain));
        // That the next writer has fenced it off since makes no difference to who still holds it.
        assert!(matches!(wait(before.schedule(message(7), 0.into())), Err(ScheduleError::Stopped)));
        assert_eq!(schedule(&scheduler, message(3)).unwrap().slot, 3);
        assert_sound(&scheduler, &PROCESS, 4);
    }
}

#[test]
fn a_writer_with_something_on_its_way_is_never_idle() {
    let (gate, clock) = (Arc::new(Gate::default()), Arc::new(ManualClock::at(0)));
    let store = Hooked::new(memory(), {
        let gate = Arc::clone(&gate);
        move |_| {
            gate.pass();
            Ok(())
        }
    });
    let idle = Some(Duration::from_millis(1));
    let config = Config { mode: Mode::Aggressive, inline: false, idle, clock: clock.clone(), ..config() };
    let scheduler = Scheduler::new(store, config).unwrap();
    schedule(&scheduler, message(0)).unwrap();
    clock.set(1_000_000);
    assert_eq!(scheduler.evict_idle(), 0);
    gate.open();
    scheduler.drain();
    assert_eq!(scheduler.evict_idle(), 1);
}

#[test]
fn writers_evicted_while_they_are_used_lose_and_repeat_no_slot() {
    const MESSAGES: u32 = 400;
    let idle = Some(Duration::ZERO);
    for mode in [Mode::Local, Mode::Aggressive] {
        let scheduler = Scheduler::new(memory(), Config { idle, mode, ..config() }).unwrap();
        let (done, evicted) = (AtomicBool::new(false), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    evicted.fetch_add(scheduler.evict_idle(), Ordering::SeqCst);
                }
            });
            let callers: Vec<_> = (0..4)
                .map(|caller| {
                    let scheduler = &scheduler;
                    scope.spawn(move || {
                        (0..MESSAGES / 4)
                            .for_each(|n| drop(schedule(scheduler, message(caller * MESSAGES + n)).unwrap()));
                    })
                })
                .collect();
            callers.into_iter().for_each(|caller| caller.join().unwrap());
            done.store(true, Ordering::SeqCst);
        });
        scheduler.drain();
        assert_sound(&scheduler, &PROCESS, u64::from(MESSAGES));
        scheduler.evict_idle();
        assert!(scheduler.status().processes.is_empty());
    }
}

#[test]
fn idle_writers_are_evicted_as_others_start() {
    let clock = Arc::new(ManualClock::at(0));
    let idle = Some(Duration::from_millis(10));
    let scheduler = Scheduler::new(memory(), Config { idle, clock: clock.clone(), ..config() }).unwrap();
    let mut most = 0;
    for n in 0..1000_u64 {
        clock.set(n);
        let mut process = [0; 32];
        process[..8].copy_from_slice(&n.to_le_bytes());
        scheduler.server(&Id::from_bytes(process)).unwrap();
        most = most.max(scheduler.metrics().servers);
    }
    assert!(most <= 40, "{most} writers, though none is used for longer than 10 starts");
}
