//! The registry: one holder a name, one creation, no dead holder ever.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use slotbench_core::registry::{Live, Policy, Registry, RegistryError, Table, Taken};
use slotbench_core::scheduler::KIND;
use slotbench_core::wallet::Signer as _;
use slotbench_core::{Id, Key, Scheduler};
use support::{PROCESS, client, config, memory, message, message_for, schedule, wallet};

/// Something that lives until it is killed.
#[derive(Debug)]
struct Holder {
    number: usize,
    dead: AtomicBool,
}

impl Holder {
    fn new(number: usize) -> Self {
        Self { number, dead: AtomicBool::new(false) }
    }

    fn kill(&self) {
        self.dead.store(true, Ordering::SeqCst);
    }
}

impl Live for Holder {
    type Error = String;

    fn is_live(&self) -> bool {
        !self.dead.load(Ordering::SeqCst)
    }
}

fn table() -> Arc<Table<Holder>> {
    Registry::new().table("test")
}

fn name(text: &str) -> Key {
    Key::parse(text).unwrap()
}

fn numbered(n: usize) -> Key {
    name(&format!("holders/{n}"))
}

/// Runs `work` in `count` threads that start together.
fn together<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let start = Barrier::new(count);
    std::thread::scope(|scope| {
        let (work, start) = (&work, &start);
        let spawn = |n| {
            scope.spawn(move || {
                start.wait();
                work(n)
            })
        };
        let threads: Vec<_> = (0..count).map(spawn).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn c045_find_without_create_finds_nothing_and_creates_nothing() {
    let table = table();
    assert!(matches!(table.find(&name("absent"), Policy::Never), Err(RegistryError::Absent)));
    assert!(table.names().is_empty());
}

#[test]
fn c046_find_with_create_returns_the_same_holder_again() {
    let table = table();
    let create = || Ok(Holder::new(1));
    let first = table.find(&name("a"), Policy::Create(&create)).unwrap();
    assert!(first.is_live());
    let again = table.find(&name("a"), Policy::Create(&create)).unwrap();
    assert!(Arc::ptr_eq(&first, &again));
    assert!(Arc::ptr_eq(&first, &table.find(&name("a"), Policy::Never).unwrap()));
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
    let registry: Registry<Holder> = Registry::new();
    let (schedulers, others) = (registry.table(KIND), registry.table("other"));
    for n in 0..5 {
        schedulers.register(&numbered(n), Arc::new(Holder::new(n))).unwrap();
    }
    others.register(&name("somebody/else"), Arc::new(Holder::new(9))).unwrap();
    assert_eq!(schedulers.names(), (0..5).map(numbered).collect::<Vec<_>>());
    let scheduler = Scheduler::new(memory(), config()).unwrap();
    let mut ids: Vec<Id> = (1..6).map(|n| Id::from_bytes([n; 32])).collect();
    for (id, n) in ids.iter().zip(0..) {
        schedule(&scheduler, message_for(*id, n)).unwrap();
    }
    ids.sort();
    assert_eq!(scheduler.status().processes, ids);
}

#[test]
fn c049_of_10_concurrent_registrations_one_succeeds() {
    for _ in 0..50 {
        let table = table();
        let results = together(10, |n| table.register(&name("contended"), Arc::new(Holder::new(n))).map(|()| n));
        let winners: Vec<usize> = results.iter().flatten().copied().collect();
        assert_eq!(winners.len(), 1);
        for loser in results.into_iter().filter_map(Result::err) {
            assert_eq!(loser.0.unwrap().number, winners[0]);
        }
    }
}

#[test]
fn c050_of_1000_concurrent_creations_one_runs() {
    let (table, created) = (table(), AtomicUsize::new(0));
    let create = || Ok(Holder::new(created.fetch_add(1, Ordering::SeqCst)));
    let found = together(1000, |_| table.find(&name("a"), Policy::Create(&create)).unwrap());
    assert_eq!(created.load(Ordering::SeqCst), 1);
    assert!(found.iter().all(|holder| Arc::ptr_eq(holder, &found[0])));
}

#[test]
fn c051_a_holder_is_findable_as_soon_as_create_has_returned() {
    let table = table();
    for n in 0..100 {
        let made = table.find(&numbered(n), Policy::Create(&|| Ok(Holder::new(n)))).unwrap();
        assert!(Arc::ptr_eq(&made, &table.lookup(&numbered(n)).unwrap()));
    }
}

#[test]
fn c052_a_dead_holder_is_never_returned() {
    let table = table();
    let holder = Arc::new(Holder::new(1));
    table.register(&name("a"), Arc::clone(&holder)).unwrap();
    holder.kill();
    assert!(table.lookup(&name("a")).is_none());
    assert!(table.names().is_empty() && table.live().is_empty());
    let made = table.find(&name("a"), Policy::Create(&|| Ok(Holder::new(2)))).unwrap();
    assert_eq!(made.number, 2);
}

#[test]
fn c053_a_dead_holders_name_can_be_taken_at_once() {
    let table = table();
    let dead = Arc::new(Holder::new(1));
    table.register(&name("a"), Arc::clone(&dead)).unwrap();
    dead.kill();
    table.register(&name("a"), Arc::new(Holder::new(2))).unwrap();
    assert_eq!(table.lookup(&name("a")).unwrap().number, 2);
}

#[test]
fn c054_cleaning_up_after_the_dead_spares_a_newer_registration() {
    let table = table();
    let old = Arc::new(Holder::new(1));
    table.register(&name("a"), Arc::clone(&old)).unwrap();
    old.kill();
    let new = Arc::new(Holder::new(2));
    table.register(&name("a"), Arc::clone(&new)).unwrap();
    assert!(!table.unregister(&name("a"), &old), "it is no longer the holder");
    assert!(Arc::ptr_eq(&table.lookup(&name("a")).unwrap(), &new));
    assert!(table.unregister(&name("a"), &new));
    assert!(table.lookup(&name("a")).is_none());
}

#[test]
fn c055_the_list_grows_and_shrinks_with_the_holders() {
    let table = table();
    table.register(&name("base"), Arc::new(Holder::new(0))).unwrap();
    let holders: Vec<_> = (0..10).map(|n| Arc::new(Holder::new(n))).collect();
    for (n, holder) in holders.iter().enumerate() {
        table.register(&numbered(n), Arc::clone(holder)).unwrap();
    }
    assert_eq!(table.names().len(), 11);
    holders.iter().for_each(|holder| holder.kill());
    assert_eq!(table.names(), [name("base")]);
}

#[test]
fn c056_the_registry_survives_the_thread_that_made_it() {
    let table = std::thread::spawn(|| {
        let table = table();
        table.register(&name("a"), Arc::new(Holder::new(1))).unwrap();
        table
    });
    assert_eq!(table.join().unwrap().lookup(&name("a")).unwrap().number, 1);
}

#[test]
fn c057_a_failing_factory_reaches_all_waiters_and_leaves_no_entry() {
    let (table, tries) = (table(), AtomicUsize::new(0));
    // Nobody fails before everybody has come: those who find no flight start one of their own.
    let failed = together(20, |_| {
        let fail = || {
            tries.fetch_add(1, Ordering::SeqCst);
            Err("no resources".to_owned())
        };
        table.find(&name("a"), Policy::Create(&fail)).err()
    });
    for error in failed {
        assert!(matches!(error, Some(RegistryError::Factory(reason)) if *reason == "no resources"));
    }
    assert!(tries.load(Ordering::SeqCst) <= 20);
    assert!(table.names().is_empty());
    assert_eq!(table.find(&name("a"), Policy::Create(&|| Ok(Holder::new(7)))).unwrap().number, 7);
}

#[test]
fn a_factory_that_panics_releases_the_waiters_and_the_name() {
    let table = table();
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
            drop(table.find(&name("a"), Policy::Create(&panic_later)));
        });
        entered.wait();
        assert!(matches!(table.register(&name("a"), Arc::new(Holder::new(3))), Err(Taken(None))));
        let waiter = scope.spawn(|| {
            waiting.store(true, Ordering::SeqCst);
            table.find(&name("a"), Policy::Create(&|| Ok(Holder::new(2)))).map(|holder| holder.number)
        });
        assert!(creator.join().is_err());
        // It either waited for the flight that crashed, or came after it and created.
        assert!(matches!(waiter.join().unwrap(), Err(RegistryError::Panicked) | Ok(2)));
    });
    assert_eq!(
        table.find(&name("a"), Policy::Create(&|| Ok(Holder::new(5)))).map(|holder| holder.is_live()).ok(),
        Some(true)
    );
}

#[test]
fn c058_status_gives_the_address_that_signs() {
    let (ours, theirs) = (config(), slotbench_core::Config { signer: Arc::new(client()), ..config() });
    for (configuration, address) in [(ours, wallet().address()), (theirs, client().address())] {
        let scheduler = Scheduler::new(memory(), configuration).unwrap();
        let receipt = schedule(&scheduler, message(0)).unwrap();
        receipt.assignment.verify().unwrap();
        assert_eq!(receipt.assignment.owner_address(), address);
        assert_eq!(scheduler.status().address, address);
        assert_eq!(scheduler.server(&PROCESS).unwrap().info().address, address);
    }
}
