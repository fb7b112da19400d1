//! B3 as criterion targets: look-up, ensure and list, by number of names and of tasks.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use slotbench_core::registry::{AppType, Name, Pattern, Query, Registry};

use crate::Settings;
use crate::names::name;
use crate::subjects::Handle;

/// Threads that use the registry at a time.
const TASKS: [u64; 4] = [1, 4, 16, 64];
/// Names of a page.
const PAGE: usize = 100;

pub(crate) fn run(criterion: &mut Criterion, settings: &Settings) {
    for size in settings.sizes() {
        let registry = Registry::new();
        registry.define(AppType::new("scheduler").expect("a kind"), |_| Ok(Handle(0)));
        let names: Vec<Name> = (0..size).map(name).collect();
        names.iter().for_each(|name| drop(registry.ensure(name)));
        measure(criterion, "look-up", size, |task, turn| {
            black_box(registry.lookup(&names[scattered(task, turn, size)]).is_some());
        });
        // The names that are made anew and given up again are not among those that stay.
        let fresh: Vec<Name> = (0..TASKS[TASKS.len() - 1]).map(|task| name(size + task)).collect();
        measure(criterion, "ensure and give up", size, |task, _| {
            let name = &fresh[usize::try_from(task).unwrap_or(0)];
            if let Ok(found) = registry.ensure(name) {
                registry.unregister(name, found.id());
            }
        });
        let query = Query::from(Pattern::kind("scheduler").expect("a kind"));
        measure(criterion, "list 100", size, |task, turn| {
            black_box(registry.list(&query, Some(&names[scattered(task, turn, size)]), PAGE));
        });
    }
}

/// A place that is far from the one before, the same in every run.
fn scattered(task: u64, turn: u64, size: u64) -> usize {
    let mixed =
        (turn ^ task << 48).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    usize::try_from((u128::from(mixed) * u128::from(size)) >> 64).unwrap_or(0)
}

/// One group of targets: an operation on a registry of that size, by several tasks. Criterion's time is that of one
/// operation of all tasks together: one second over their rate.
fn measure(criterion: &mut Criterion, operation: &str, size: u64, work: impl Fn(u64, u64) + Sync) {
    let mut group = criterion.benchmark_group(format!("registry, {operation}, {size} names"));
    group.throughput(Throughput::Elements(1));
    for tasks in TASKS {
        group.bench_function(BenchmarkId::new("tasks", tasks), |bencher| {
            bencher.iter_custom(|iterations| together(tasks, iterations, &work));
        });
    }
    group.finish();
}

/// How long `iterations` operations take when the tasks share them.
fn together(tasks: u64, iterations: u64, work: &(impl Fn(u64, u64) + Sync)) -> Duration {
    // The clock starts when every thread is there.
    let start = Barrier::new(usize::try_from(tasks).unwrap_or(usize::MAX) + 1);
    let start = &start;
    std::thread::scope(|scope| {
        let spawn = |task| {
            let share = iterations / tasks + u64::from(task < iterations % tasks);
            scope.spawn(move || {
                start.wait();
                (0..share).for_each(|turn| work(task, turn));
            })
        };
        let threads: Vec<_> = (0..tasks).map(spawn).collect();
        let clock = {
            start.wait();
            Instant::now()
        };
        threads.into_iter().for_each(|thread| thread.join().expect("works"));
        clock.elapsed()
    })
}
