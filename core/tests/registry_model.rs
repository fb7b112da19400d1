//! The registry under a model checker.
//!
//! The module below *is* the registry's source, compiled once more with `sync` replaced: its locks and atomics are
//! shuttle's, which decides at each of them who runs next. Schedules are random from a fixed seed, and a failure prints
//! the schedule that led to it.
#![allow(clippy::unwrap_used, unreachable_pub, unused_imports, dead_code, reason = "a test that contains a library")]

#[path = "../src"]
mod source {
    pub mod clock;
    pub mod registry;
}
#[path = "model/sync.rs"]
mod sync;

use source::{clock, registry};

use std::panic::catch_unwind;

use registry::{Instance, Live, Name, Pattern, Policy, Query, Registry, RegistryError, Stale};
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::thread;
use sync::{Arc, AtomicBool, AtomicUsize, Ordering};

/// Schedules tried for each property, half of them with few, well-placed switches (PCT).
const SCHEDULES: usize = 10_000;
const SEED: u64 = 8;

fn check(property: impl Fn() + Send + Sync + Clone + 'static) {
    let random = RandomScheduler::new_from_seed(SEED, SCHEDULES / 2);
    shuttle::Runner::new(random, Default::default()).run(property.clone());
    shuttle::Runner::new(PctScheduler::new_from_seed(SEED, 3, SCHEDULES / 2), Default::default()).run(property);
}

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

fn instance(number: usize) -> Arc<Instance<Holder>> {
    Arc::new(Instance::new(Holder::new(number), 0))
}

fn name() -> Name {
    "test:a".parse().unwrap()
}

/// Runs `work` in `count` threads and returns what they return.
fn together<T: Send + 'static>(
    count: usize,
    registry: &Registry<Holder>,
    work: impl Fn(usize, &Registry<Holder>) -> T + Send + Sync + 'static,
) -> Vec<T> {
    let work = Arc::new(work);
    let spawn = |n| {
        let (work, registry) = (Arc::clone(&work), registry.clone());
        thread::spawn(move || work(n, &registry))
    };
    let threads: Vec<_> = (0..count).map(spawn).collect();
    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
}

/// What lists say and what look-ups say is the same, once everything is still.
fn assert_consistent(registry: &Registry<Holder>) {
    let query = Query::from("test:>".parse::<Pattern>().unwrap());
    let page = registry.list(&query, None, 100);
    assert_eq!(page.examined, registry.len(), "the index has the names of the table");
    for entry in &page.entries {
        assert_eq!(registry.lookup(&entry.name).map(|found| found.id()), Some(entry.found.id()));
    }
}

#[test]
fn of_concurrent_registrations_one_succeeds_and_the_others_name_it() {
    check(|| {
        let registry = Registry::new();
        let results =
            together(3, &registry, |n, registry| registry.register(&name(), instance(n)).map_err(|taken| taken.0));
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        let winner = registry.lookup(&name()).unwrap().id();
        assert!(results.into_iter().filter_map(Result::err).all(|taken| taken.unwrap().id() == winner));
        assert_consistent(&registry);
    });
}

#[test]
fn cleaning_up_after_the_dead_never_removes_a_newer_registration() {
    check(|| {
        let registry = Registry::new();
        let old = instance(0);
        registry.register(&name(), Arc::clone(&old)).unwrap();
        old.handle().kill();
        let (by, id) = (registry.clone(), old.id());
        let cleaners = [
            thread::spawn({
                let registry = registry.clone();
                move || drop(registry.lookup(&name()))
            }),
            thread::spawn({
                let registry = registry.clone();
                move || {
                    registry.sweep(&"test:>".parse().unwrap(), |_| false);
                }
            }),
            thread::spawn(move || {
                by.unregister(&name(), id);
            }),
        ];
        let generation = registry.register(&name(), instance(1)).unwrap();
        assert_eq!(registry.lookup(&name()).map(|found| found.generation), Some(generation));
        cleaners.into_iter().for_each(|cleaner| cleaner.join().unwrap());
        assert_eq!(registry.lookup(&name()).unwrap().handle().number, 1);
        assert_consistent(&registry);
    });
}

#[test]
fn of_concurrent_creations_one_runs_and_all_get_its_instance() {
    check(|| {
        let (registry, created) = (Registry::new(), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&created);
        let found = together(3, &registry, move |_, registry| {
            let create = || Ok(Holder::new(count.fetch_add(1, Ordering::SeqCst)));
            let found = registry.find(&name(), Policy::Create(&create)).unwrap();
            assert_eq!(registry.lookup(&name()).unwrap().id(), found.id(), "findable as soon as it is returned");
            (found.id(), found.generation)
        });
        assert_eq!(created.load(Ordering::SeqCst), 1);
        assert!(found.iter().all(|one| *one == found[0]));
        assert_consistent(&registry);
    });
}

#[test]
fn a_failing_factory_releases_everybody_and_leaves_nothing() {
    check(|| {
        let registry: Registry<Holder> = Registry::new();
        let results = together(3, &registry, |n, registry| {
            let create = || if n == 0 { Err("no".to_owned()) } else { Ok(Holder::new(n)) };
            registry.find(&name(), Policy::Create(&create)).map(|found| found.handle().number)
        });
        assert!(matches!(results[0], Err(RegistryError::Factory(_)) | Ok(1 | 2)));
        match registry.lookup(&name()) {
            Some(found) => assert!(results.iter().flatten().all(|number| *number == found.handle().number)),
            None => assert!(results.iter().all(Result::is_err) && registry.is_empty()),
        }
        assert_consistent(&registry);
    });
}

#[test]
fn a_creation_and_a_registration_never_both_succeed() {
    check(|| {
        let registry = Registry::new();
        let results = together(2, &registry, |n, registry| match n {
            0 => registry.register(&name(), instance(0)).is_ok().then_some(0),
            _ => {
                let created = registry.find(&name(), Policy::Create(&|| Ok(Holder::new(1)))).unwrap();
                Some(created.handle().number)
            }
        });
        let holder = registry.lookup(&name()).unwrap().handle().number;
        assert!(results.into_iter().flatten().all(|number| number == holder));
    });
}

#[test]
fn of_concurrent_repoints_one_wins_and_raises_the_generation_by_one() {
    check(|| {
        let registry = Registry::new();
        let generation = registry.register(&name(), instance(0)).unwrap();
        let results = together(3, &registry, move |n, registry| registry.repoint(&name(), generation, instance(n + 1)));
        let winner = results.iter().position(Result::is_ok).unwrap();
        for (n, result) in results.iter().enumerate() {
            let stale = Err(Stale { current: Some(generation + 1) });
            assert_eq!(*result, if n == winner { Ok(generation + 1) } else { stale });
        }
        assert_eq!(registry.lookup(&name()).unwrap().handle().number, winner + 1);
    });
}

#[test]
fn a_generation_never_names_two_instances() {
    check(|| {
        let registry = Registry::new();
        let seen = together(3, &registry, |n, registry| {
            let mut seen = Vec::new();
            let mine = instance(n);
            if let Ok(generation) = registry.register(&name(), Arc::clone(&mine)) {
                seen.push((generation, mine.id()));
                let next = instance(n);
                if let Ok(generation) = registry.repoint(&name(), generation, Arc::clone(&next)) {
                    seen.push((generation, next.id()));
                    registry.unregister(&name(), next.id());
                }
            }
            seen
        });
        let mut seen: Vec<_> = seen.into_iter().flatten().collect();
        seen.sort_unstable();
        assert!(seen.windows(2).all(|pair| pair[0].0 < pair[1].0), "{seen:?}");
        assert!(registry.is_empty());
        assert_consistent(&registry);
    });
}

#[test]
fn no_registration_is_slept_through() {
    check(|| {
        let registry: Registry<Holder> = Registry::new();
        let waiting = {
            let registry = registry.clone();
            thread::spawn(move || {
                let never = std::future::pending();
                shuttle::future::block_on(registry.awaited(&name(), never)).unwrap().handle().number
            })
        };
        registry.register(&name(), instance(7)).unwrap();
        assert_eq!(waiting.join().unwrap(), 7);
    });
}

/// The check can fail: it finds the two writers of those who look first and register then, and do not ask what came
/// of it.
#[test]
fn look_then_register_is_found_to_be_a_race() {
    let race = || {
        let registry = Registry::new();
        let writers = together(2, &registry, |n, registry| match registry.lookup(&name()) {
            Some(found) => found.id(),
            None => {
                let mine = instance(n);
                drop(registry.register(&name(), Arc::clone(&mine)));
                mine.id()
            }
        });
        assert_eq!(writers[0], writers[1], "two writers");
    };
    assert!(catch_unwind(|| check(race)).is_err());
}
