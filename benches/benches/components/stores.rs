//! Each engine's own write, behind `Store`, at tier `process`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, SamplingMode, Throughput};
use slotbench_backends::{KINDS, Kind, Options};
use slotbench_benches::records::Records;
use slotbench_core::store::Store;
use slotbench_core::wallet::NoSigner;
use slotbench_core::{Batch, Durability};
use tempfile::TempDir;

const PROCESSES: usize = 25;
const MESSAGES: usize = 4096;
/// What is asked of the engines; redb gives `power`.
const TIER: Durability = Durability::Process;

/// Time of one `apply` of 1 and of 64 messages, three records each.
pub(crate) fn writes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group(format!("apply/{TIER}"));
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    let records = Records::new(PROCESSES, MESSAGES, Arc::new(NoSigner));
    for size in [1, 64] {
        let batches = records.batches(size);
        group.throughput(Throughput::Elements(size as u64));
        for kind in KINDS.iter().copied().filter(Kind::is_persistent) {
            let mut subject = Subject { kind, batches: &batches, next: batches.len(), open: None };
            group.bench_function(format!("{kind}, batch {size}"), |bencher| {
                bencher.iter_custom(|count| subject.apply(count));
            });
        }
    }
    group.finish();
}

/// A store that never sees the same batch twice: when they have run out, there is a new one.
struct Subject<'a> {
    kind: Kind,
    batches: &'a [Batch],
    next: usize,
    open: Option<(Arc<dyn Store>, TempDir)>,
}

impl Subject<'_> {
    fn apply(&mut self, count: u64) -> Duration {
        (0..count).map(|_| self.apply_next()).sum()
    }

    fn apply_next(&mut self) -> Duration {
        if self.next == self.batches.len() {
            // The store first: a tuple's fields are dropped in their order.
            self.open = None;
            self.next = 0;
        }
        let (store, _) = self.open.get_or_insert_with(|| open(self.kind));
        let start = Instant::now();
        store.apply(&self.batches[self.next], TIER).expect("it applies");
        let time = start.elapsed();
        self.next += 1;
        time
    }
}

fn open(kind: Kind) -> (Arc<dyn Store>, TempDir) {
    let dir = slotbench_benches::scratch(env!("CARGO_TARGET_TMPDIR"), kind.name()).expect("a directory");
    (kind.open(dir.path(), &Options::default()).expect("the engine opens"), dir)
}
