//! What measuring adds to every operation.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::Criterion;
use slotbench::driver::clock::Epoch;
use slotbench::driver::closed_loop::{self, Pass};
use slotbench::driver::target::NullTarget;
use slotbench::recorder::new_histogram;
use slotbench_benches::records::Records;
use slotbench_benches::runtime;
use slotbench_core::wallet::NoSigner;

const MESSAGES: usize = 4096;

/// The clock, the recorder, and a whole operation on a target that does nothing.
pub(crate) fn harness(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("harness");
    let epoch = Epoch::start();
    group.bench_function("clock", |bencher| bencher.iter(|| epoch.now()));
    let mut histogram = new_histogram();
    let mut latency = 1_u64;
    group.bench_function("recorder", |bencher| {
        bencher.iter(|| {
            // Latencies of 1 us to 1 ms: one value would hit one counter, and that in the cache.
            latency = latency.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            histogram.saturating_record(black_box(1_000 + (latency >> 44)));
        });
    });
    null_target(&mut group);
    group.finish();
}

fn null_target(group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>) {
    let runtime = runtime();
    let messages = Arc::clone(Records::new(1, MESSAGES, Arc::new(NoSigner)).messages());
    let pass = Pass::of_messages(messages, 0..MESSAGES, 1);
    group.bench_function("null target", |bencher| {
        bencher.iter_custom(|count| {
            let passes = count.div_ceil(MESSAGES as u64);
            let working: Duration = (0..passes).map(|_| closed_loop::run(&runtime, &NullTarget, &pass).working).sum();
            working.mul_f64(count as f64 / (passes * MESSAGES as u64) as f64)
        });
    });
}
