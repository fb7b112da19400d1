//! The registry: one holder a name, one creation, no dead holder ever.
#![allow(clippy::unwrap_used, reason = "tests")]

mod holders;
mod support;

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use holders::{Holder, instance, name, names, numbered, together};
use slotbench_core::registry::{Pattern, Policy, Registry, RegistryError, Taken};
use slotbench_core::scheduler::KIND;
use slotbench_core::wallet::Signer as _;
use slotbench_core::{Id, Scheduler};
use support::{PROCESS, client, config, memory, message, message_for, schedule, wallet};

fn registry() -> Registry<Holder> {
    Registry::new()
}

#[test]
fn c045_find_without_create_finds_nothing_and_creates_nothing() {
    let registry = registry();
    assert!(matches!(registry.find(&name("test:absent"), Policy::Never), Err(RegistryError::Absent)));
    assert!(names(&registry).is_empty() && registry.is_empty());
}

#[test]
fn c046_find_with_create_returns_the_same_holder_again() {
    let registry = registry();
    let create = || Ok(Holder::new(1));
    let first = registry.find(&name("test:a"), Policy::Create(&create)).unwrap();
    assert!(first.is_live());
    let again = registry.find(&name("test:a"), Policy::Create(&create)).unwrap();
    assert!(first.id() == again.id());
    assert!(first.id() == registry.find(&name("test:a"), Policy::Never).unwrap().id());
}

#[test]
fn c047_two_ids_have_two_stable_writers() {
    let scheduler = Scheduler::new(memory(), config()).unwrap();
    let other = Id::from_bytes([9; 32]);
    let (one, two) = (scheduler.server(&PROCESS).unwrap(), scheduler.server(&other).unwrap());
    assert!(!Arc::ptr_eq(&one, &two));
    assert!(Arc::ptr_eq(&one, &scheduler.server(&PROCESS).unwrap()));
    assert!(Arc::ptr_eq(&two, &scheduler.server(&other).unwrap()));
}

#[test]
fn c048_the_list_has_every_live_writer_and_no_other_kind() {
    let registry = registry();
    for n in 0..5 {
        registry.register(&name(&format!("{KIND}:{n}")), instance(n)).unwrap();
    }
    registry.register(&name("other:0"), instance(9)).unwrap();
    let listed: Vec<String> =
        registry.iter(Pattern::kind(KIND).unwrap()).map(|listed| listed.name.to_string()).collect();
    assert_eq!(listed, ["scheduler:0", "scheduler:1", "scheduler:2", "scheduler:3", "scheduler:4"]);
    let scheduler = Scheduler::new(memory(), config()).unwrap();
    let mut ids: Vec<Id> = (1..6).map(|n| Id::from_bytes([n; 32])).collect();
    for (id, n) in ids.iter().zip(0..) {
        schedule(&scheduler, message_for(*id, n)).unwrap();
    }
    ids.sort();
    let status = scheduler.status();
    assert_eq!((&status.processes, status.next_after), (&ids, None));
    for limit in [0, 1, 2, 3, 5, 6, usize::MAX] {
        let (mut listed, mut pages, mut after) = (Vec::new(), 0, None);
        loop {
            let page = scheduler.status_after(after.as_ref(), limit);
            assert!(page.processes.len() <= limit.max(1));
            listed.extend(page.processes);
            pages += 1;
            after = page.next_after;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(listed, ids, "each once, {limit} at a time");
        assert_eq!(pages, if limit > 5 { 1 } else { 5 / limit.max(1) + 1 });
    }
    assert!(scheduler.status_after(Some(&Id::from_bytes([9; 32])), 5).processes.is_empty());
}

#[test]
fn c049_of_10_concurrent_registrations_one_succeeds() {
    for _ in 0..50 {
        let registry = registry();
        let results = together(10, |n| registry.register(&name("test:contended"), instance(n)).map(|_| n));
        let winners: Vec<usize> = results.iter().flatten().copied().collect();
        assert_eq!(winners.len(), 1);
        for loser in results.into_iter().filter_map(Result::err) {
            assert_eq!(loser.0.unwrap().handle().number, winners[0]);
        }
    }
}

#[test]
fn c050_of_1000_concurrent_creations_one_runs() {
    let (registry, created) = (registry(), AtomicUsize::new(0));
    let create = || Ok(Holder::new(created.fetch_add(1, Ordering::SeqCst)));
    let found = together(1000, |_| registry.find(&name("test:a"), Policy::Create(&create)).unwrap());
    assert_eq!(created.load(Ordering::SeqCst), 1);
    assert!(found.iter().all(|holder| holder.id() == found[0].id()));
}

#[test]
fn c051_a_holder_is_findable_as_soon_as_create_has_returned() {
    let registry = registry();
    for n in 0..100 {
        let made = registry.find(&numbered(n), Policy::Create(&|| Ok(Holder::new(n)))).unwrap();
        assert!(made.id() == registry.lookup(&numbered(n)).unwrap().id());
    }
}

#[test]
fn c052_a_dead_holder_is_never_returned() {
    let registry = registry();
    let holder = instance(1);
    registry.register(&name("test:a"), Arc::clone(&holder)).unwrap();
    holder.handle().kill();
    assert!(registry.lookup(&name("test:a")).is_none());
    assert!(names(&registry).is_empty() && registry.is_empty());
    let made = registry.find(&name("test:a"), Policy::Create(&|| Ok(Holder::new(2)))).unwrap();
    assert_eq!(made.handle().number, 2);
}

#[test]
fn c053_a_dead_holders_name_can_be_taken_at_once() {
    let registry = registry();
    let dead = instance(1);
    registry.register(&name("test:a"), Arc::clone(&dead)).unwrap();
    dead.handle().kill();
    registry.register(&name("test:a"), instance(2)).unwrap();
    assert_eq!(registry.lookup(&name("test:a")).unwrap().handle().number, 2);
}

#[test]
fn c054_cleaning_up_after_the_dead_spares_a_newer_registration() {
    let registry = registry();
    let old = instance(1);
    registry.register(&name("test:a"), Arc::clone(&old)).unwrap();
    old.handle().kill();
    let new = instance(2);
    registry.register(&name("test:a"), Arc::clone(&new)).unwrap();
    assert!(!registry.unregister(&name("test:a"), old.id()), "it is no longer the holder");
    assert!(registry.lookup(&name("test:a")).unwrap().id() == new.id());
    assert!(registry.unregister(&name("test:a"), new.id()));
    assert!(registry.lookup(&name("test:a")).is_none());
}

#[test]
fn c055_the_list_grows_and_shrinks_with_the_holders() {
    let registry = registry();
    registry.register(&name("test:base"), instance(0)).unwrap();
    let holders: Vec<_> = (0..10).map(instance).collect();
    for (n, holder) in holders.iter().enumerate() {
        registry.register(&numbered(n), Arc::clone(holder)).unwrap();
    }
    assert_eq!(names(&registry).len(), 11);
    holders.iter().for_each(|holder| holder.handle().kill());
    assert_eq!(names(&registry), [name("test:base")]);
}

#[test]
fn c056_the_registry_survives_the_thread_that_made_it() {
    let registry = std::thread::spawn(|| {
        let registry = registry();
        registry.register(&name("test:a"), instance(1)).unwrap();
        registry
    });
    assert_eq!(registry.join().unwrap().lookup(&name("test:a")).unwrap().handle().number, 1);
}

#[test]
fn c057_a_failing_factory_reaches_all_waiters_and_leaves_no_entry() {
    let (registry, tries) = (registry(), AtomicUsize::new(0));
    // Nobody fails before everybody has come: those who find no flight start one of their own.
    let failed = together(20, |_| {
        let fail = || {
            tries.fetch_add(1, Ordering::SeqCst);
            Err("no resources".to_owned())
        };
        registry.find(&name("test:a"), Policy::Create(&fail)).err()
    });
    for error in failed {
        assert!(matches!(error, Some(RegistryError::Factory(reason)) if *reason == "no resources"));
    }
    assert!(tries.load(Ordering::SeqCst) <= 20);
    assert!(names(&registry).is_empty() && registry.is_empty());
    assert_eq!(registry.find(&name("test:a"), Policy::Create(&|| Ok(Holder::new(7)))).unwrap().handle().number, 7);
}

#[test]
fn a_factory_that_panics_releases_the_waiters_and_the_name() {
    let registry = registry();
    let (entered, waiting) = (Barrier::new(2), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let creator = scope.spawn(|| {
            let panic_later = || {
                entered.wait();
                while !waiting.load(Ordering::SeqCst) {
                    std::thread::yield_now();
                }
                panic!("the factory's bug")
            };
            drop(registry.find(&name("test:a"), Policy::Create(&panic_later)));
        });
        entered.wait();
        assert!(matches!(registry.register(&name("test:a"), instance(3)), Err(Taken(None))));
        let waiter = scope.spawn(|| {
            waiting.store(true, Ordering::SeqCst);
            registry.find(&name("test:a"), Policy::Create(&|| Ok(Holder::new(2)))).map(|holder| holder.handle().number)
        });
        assert!(creator.join().is_err());
        // It either waited for the flight that crashed, or came after it and created.
        assert!(matches!(waiter.join().unwrap(), Err(RegistryError::Panicked) | Ok(2)));
    });
    assert_eq!(
        registry.find(&name("test:a"), Policy::Create(&|| Ok(Holder::new(5)))).map(|holder| holder.is_live()).ok(),
        Some(true)
    );
}

#[test]
fn c058_status_gives_the_address_that_signs() {
    let (ours, theirs) = (config(), slotbench_core::Config { signer: Arc::new(client()), ..config() });
    for (configuration, address) in [(ours, wallet().address()), (theirs, client().address())] {
        let scheduler = Scheduler::new(memory(), configuration).unwrap();
        let receipt = schedule(&scheduler, message(0)).unwrap();
        receipt.assignment.item().verify().unwrap();
        assert_eq!(receipt.assignment.item().owner_address(), address);
        assert_eq!(scheduler.status().address, address);
        assert_eq!(scheduler.server(&PROCESS).unwrap().info().address, address);
    }
}

/// The registry under load, against what is known for certain: a generation whose death was announced before a look-up
/// began is never found by it, and who has just registered finds itself.
#[test]
fn s1_q3_under_load_no_dead_holder_is_found_and_no_live_one_lost() {
    const NAMES: usize = 4;
    const ROUNDS: usize = 2000;
    let registry = registry();
    let dead: Vec<AtomicU64> = (0..NAMES).map(|_| AtomicU64::new(0)).collect();
    let done = AtomicUsize::new(0);
    together(2 * NAMES, |n| {
        let (name, dead) = (numbered(n % NAMES), &dead[n % NAMES]);
        if n >= NAMES {
            while done.load(Ordering::SeqCst) < NAMES {
                let known = dead.load(Ordering::SeqCst);
                if let Some(found) = registry.lookup(&name) {
                    assert!(found.generation > known, "{} was dead", found.generation);
                }
            }
            return;
        }
        for round in 0..ROUNDS {
            let lease = registry.lease(&name, instance(round)).unwrap();
            let generation = lease.found().generation;
            assert_eq!(registry.lookup(&name).map(|found| found.generation), Some(generation));
            if round % 2 == 0 {
                lease.found().handle().kill();
            } else {
                drop(lease);
            }
            dead.store(generation, Ordering::SeqCst);
        }
        done.fetch_add(1, Ordering::SeqCst);
    });
    assert!(registry.is_empty(), "back to where it began");
}
