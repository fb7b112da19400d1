//! One round: a pass through the scheduler, and the parts of it, in fresh directories.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use slotbench::driver::usage::Usage;
use slotbench_backends::raw::{Pair, Raw};
use slotbench_backends::{Kind, Options};
use slotbench_benches::records::Records;
use slotbench_core::scheduler::SignaturePolicy;
use slotbench_core::store::Store;
use slotbench_core::wallet::NoSigner;
use slotbench_core::{Batch, Config, Durability, Scheduler, Signer};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::PROCESSES;
use crate::parts::Parts;

/// What all rounds share.
pub(crate) struct Bench {
    pub(crate) records: Records,
    pub(crate) signer: Arc<dyn Signer>,
    pub(crate) tier: Durability,
    pub(crate) limit: Duration,
    pub(crate) runtime: Runtime,
}

/// An engine and a number of workers, with the rounds measured so far.
pub(crate) struct Case {
    pub(crate) kind: Kind,
    pub(crate) workers: usize,
    pub(crate) rounds: Vec<Round>,
}

impl Case {
    pub(crate) const fn new(kind: Kind, workers: usize) -> Self {
        Self { kind, workers, rounds: Vec::new() }
    }
}

/// CPU nanoseconds a message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Round {
    /// The whole way.
    pub(crate) whole: f64,
    /// Messages a batch, on average.
    pub(crate) batch: f64,
    pub(crate) parts: Parts,
    /// The engine by its own interface, in batches of that size; behind `Store` for an engine that has no such interface, because
    /// it is ours.
    pub(crate) write: f64,
    /// The engine behind `Store`.
    pub(crate) apply: f64,
    /// The scheduler over a store that forgets everything, signatures off.
    pub(crate) idle: f64,
}

impl Bench {
    /// Measures one more round of a case.
    pub(crate) fn round(&self, case: &mut Case) {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let parts = Parts::measure(&self.records, &self.signer, case.workers.min(cores));
        let dir = directory();
        let (whole, batch) = self.pass(open(case.kind, dir.path()), self.tier, case.workers, &self.signer);
        let null = Kind::find("null").expect("always built in");
        let nobody: Arc<dyn Signer> = Arc::new(NoSigner);
        let (idle, _) = self.pass(open(null, dir.path()), Durability::Memory, case.workers, &nobody);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 25")]
        let size = batch.round() as usize;
        let apply = self.apply(case.kind, size);
        let write = if case.kind.name() == "fs" { apply } else { self.write(case.kind, size) };
        case.rounds.push(Round { whole, batch, parts, write, apply, idle });
    }

    /// CPU time a message of a closed loop through a scheduler, and messages a batch.
    #[expect(clippy::cast_precision_loss, reason = "a few thousand messages")]
    fn pass(&self, store: Arc<dyn Store>, tier: Durability, workers: usize, signer: &Arc<dyn Signer>) -> (f64, f64) {
        let signed = !signer.is_null();
        let signatures = SignaturePolicy { required: signed, verify: signed };
        let config = Config { durability: tier, signatures, ..Config::new(Arc::clone(signer)) };
        let scheduler = Arc::new(Scheduler::new(store, config).expect("the scheduler starts"));
        let messages = self.records.messages();
        let send = |range, limit| slotbench_benches::pass(&self.runtime, &scheduler, messages, range, workers, limit);
        // Starts the writers of all processes.
        let _ = send(0..PROCESSES, Duration::MAX);
        let (before, counted) = (Usage::now().cpu, scheduler.commit_counters());
        let sent = send(PROCESSES..messages.len(), self.limit).acknowledged.len() as f64;
        let (cpu, counters) = (Usage::now().cpu - before, scheduler.commit_counters());
        let (entries, batches) = (counters.entries - counted.entries, counters.batches - counted.batches);
        (cpu.as_nanos() as f64 / sent, entries as f64 / batches as f64)
    }

    fn apply(&self, kind: Kind, size: usize) -> f64 {
        let batches = self.records.batches(size);
        let dir = directory();
        let store = open(kind, dir.path());
        self.cpu_of(&batches, Batch::len, |batch| store.apply(batch, self.tier).expect("it applies"))
    }

    fn write(&self, kind: Kind, size: usize) -> f64 {
        let batches: Vec<Vec<Pair>> = self.records.batches(size).iter().map(Pair::all_of).collect();
        let dir = directory();
        let raw = Raw::of(kind).next().expect("an engine with a writer of its own");
        let writer = raw.open(dir.path()).expect("the engine opens");
        self.cpu_of(&batches, Vec::len, |pairs| writer.write(pairs, self.tier).expect("it writes"))
    }

    /// CPU time of `write` a message, which is three records.
    #[expect(clippy::cast_precision_loss, reason = "a few thousand messages")]
    fn cpu_of<B>(&self, batches: &[B], records: impl Fn(&B) -> usize, write: impl Fn(&B)) -> f64 {
        let (before, begun) = (Usage::now().cpu, Instant::now());
        let mut written = 0;
        for batch in batches {
            write(batch);
            written += records(batch);
            if begun.elapsed() >= self.limit {
                break;
            }
        }
        (Usage::now().cpu - before).as_nanos() as f64 / (written as f64 / 3.0)
    }
}

fn open(kind: Kind, dir: &Path) -> Arc<dyn Store> {
    kind.open(dir, &Options::default()).expect("the engine opens")
}

fn directory() -> TempDir {
    slotbench_benches::scratch(env!("CARGO_TARGET_TMPDIR"), "cpu").expect("a directory")
}
