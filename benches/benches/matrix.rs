//! Engine x mode x workers at tier `power`, signatures off: what storage and group commit cost by themselves. The preset
//! `full` has the same cells at tier `process` too.

use std::path::Path;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use slotbench_backends::KINDS;
use slotbench_benches::{Case, runtime};
use slotbench_core::{Durability, Mode};

const WORKERS: [usize; 4] = [1, 4, 25, 100];
/// What every stored message survives.
const DURABILITY: Durability = Durability::Power;
/// Processes the workers are spread over.
const PROCESSES: usize = 25;

fn matrix(criterion: &mut Criterion) {
    let runtime = runtime();
    for mode in [Mode::Local, Mode::Aggressive] {
        let mut group = criterion.benchmark_group(format!("matrix/{DURABILITY}/{mode}"));
        for kind in KINDS.iter().copied().filter(|kind| kind.is_persistent()) {
            for workers in WORKERS {
                let processes = PROCESSES.min(workers);
                let case = Case { kind, mode, durability: DURABILITY, workers, processes, signatures: false };
                let dir = Path::new(env!("CARGO_TARGET_TMPDIR"));
                case.bench(&mut group, &format!("{kind}/w{workers}"), dir, &runtime);
            }
        }
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1));
    targets = matrix
}
criterion_main!(benches);
