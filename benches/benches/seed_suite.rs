//! Benchmark B1, one message at a time in process, in the suite's configurations: each engine in local and aggressive
//! confirmation, at tier `process` (all that the original promises) and at `power`, with real signatures.

use std::path::Path;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use slotbench_backends::KINDS;
use slotbench_benches::{Case, runtime};
use slotbench_core::{Durability, Mode};

fn b1(criterion: &mut Criterion) {
    let runtime = runtime();
    for durability in [Durability::Process, Durability::Power] {
        let mut group = criterion.benchmark_group(format!("B1/{durability}"));
        for kind in KINDS.iter().copied().filter(|kind| kind.is_persistent()) {
            for (mode, suffix) in [(Mode::Local, ""), (Mode::Aggressive, "_aggressive")] {
                let case = Case { kind, mode, durability, workers: 1, processes: 1, signatures: true };
                case.bench(&mut group, &format!("{kind}{suffix}"), Path::new(env!("CARGO_TARGET_TMPDIR")), &runtime);
            }
        }
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = b1
}
criterion_main!(benches);
