//! What the criterion targets have in common: a scheduler over a real engine, driven by the harness's closed loop.
//!
//! Criterion times whole passes through `Bencher::iter_custom`, so its figures are messages per second of the
//! closed loop; latency percentiles of the same passes are printed beside them. Each benchmark ends with a full check
//! of what was stored: one that does not verify panics, and `cargo bench` fails.

pub mod arguments;
pub mod records;

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Throughput};
use hdrhistogram::Histogram;
use slotbench::datadir::spread_directories;
use slotbench::driver::clock::Epoch;
use slotbench::driver::closed_loop::{self, Outcome, Pass};
use slotbench::driver::pool::{Pool, PoolSpec};
use slotbench::recorder::{merge, new_histogram};
use slotbench::runner::Stop;
use slotbench::verify::Verification;
use slotbench_backends::{Kind, Options};
use slotbench_core::assignments::CheckOptions;
use slotbench_core::item::Item;
use slotbench_core::scheduler::SignaturePolicy;
use slotbench_core::store::Store;
use slotbench_core::wallet::NoSigner;
use slotbench_core::{Config, Durability, Mode, Scheduler, Signer, Wallet};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Bytes of data in each message.
pub const PAYLOAD: usize = 1024;

/// A directory for one store, away from those before it: deleted files must not slow the next store down.
///
/// # Errors
/// When the system makes no directory in `parent`.
pub fn scratch(parent: impl AsRef<Path>, prefix: &str) -> io::Result<TempDir> {
    spread_directories(parent.as_ref());
    tempfile::Builder::new().prefix(prefix).tempdir_in(parent)
}

/// What a benchmark runs.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// The engine.
    pub kind: Kind,
    /// When callers are answered.
    pub mode: Mode,
    /// What a stored message survives.
    pub durability: Durability,
    /// Closed loops at a time.
    pub workers: usize,
    /// Processes the messages are for.
    pub processes: usize,
    /// Whether messages are verified and assignments signed, with ed25519.
    pub signatures: bool,
}

impl Case {
    /// The tier the engine gives when asked for this case's, or why it gives none.
    ///
    /// # Errors
    /// The engine's reason.
    pub fn effective(&self) -> Result<Durability, String> {
        let tiers = self.kind.tiers();
        let tier = tiers.iter().find(|tier| tier.asked == self.durability);
        let tier = tier.ok_or_else(|| format!("{} says nothing of tier {}", self.kind, self.durability))?;
        tier.effective.ok_or_else(|| tier.how.clone())
    }

    /// Runs the case as one criterion benchmark with files below `dir`, unless the engine cannot give its tier.
    ///
    /// # Panics
    /// When the engine fails, or does not hold what it acknowledged.
    pub fn bench(&self, group: &mut BenchmarkGroup<'_, WallTime>, name: &str, dir: &Path, runtime: &Runtime) {
        if let Err(reason) = self.effective() {
            note(&format!("{name}: skipped, {reason}"));
            return;
        }
        group.throughput(Throughput::Elements(1));
        let mut subject = None;
        group.bench_function(name, |bencher| {
            // Made here, so that a benchmark that criterion's filter leaves out opens nothing.
            let subject = subject.get_or_insert_with(|| Subject::new(self, dir));
            bencher.iter_custom(|iterations| subject.pass(runtime, usize::try_from(iterations).unwrap_or(usize::MAX)));
        });
        if let Some(subject) = subject {
            subject.finish(name);
        }
    }
}

/// A scheduler over a fresh store, and the messages to send.
struct Subject {
    case: Case,
    dir: TempDir,
    store: Arc<dyn Store>,
    scheduler: Arc<Scheduler>,
    pool: Pool,
    sent: usize,
    latency: Histogram<u64>,
}

impl Subject {
    fn new(case: &Case, dir: &Path) -> Self {
        let dir = scratch(dir, case.kind.name()).expect("a data directory");
        let store = case.kind.open(dir.path(), &Options::default()).expect("the engine opens");
        let signer: Arc<dyn Signer> = if case.signatures {
            Arc::new(Wallet::ed25519_from_seed([5; 32]).expect("a key"))
        } else {
            Arc::new(NoSigner)
        };
        let config = Config {
            mode: case.mode,
            durability: case.effective().expect("checked by the caller"),
            signatures: SignaturePolicy { required: case.signatures, verify: case.signatures },
            ..Config::new(signer)
        };
        let scheduler = Arc::new(Scheduler::new(Arc::clone(&store), config).expect("the scheduler starts"));
        let pool = Pool::new(PoolSpec::plain(1, case.processes, PAYLOAD as u64));
        Self { case: *case, dir, store, scheduler, pool, sent: 0, latency: new_histogram() }
    }

    /// Sends `count` messages and returns how long it took until all of them were stored.
    fn pass(&mut self, runtime: &Runtime, count: usize) -> Duration {
        let range = self.sent..self.sent + count;
        self.pool.grow(range.end).expect("messages are made");
        let messages = self.pool.messages();
        let outcome = pass(runtime, &self.scheduler, messages, range.clone(), self.case.workers, Duration::MAX);
        merge(&mut self.latency, &outcome.acknowledged);
        self.sent = range.end;
        outcome.elapsed
    }

    /// Prints the latencies and checks what is stored, also after a reopen.
    fn finish(self, name: &str) {
        let Self { case, dir, store, scheduler, sent, latency, .. } = self;
        drop(scheduler);
        drop(store);
        let store = case.kind.open(dir.path(), &Options::default()).expect("the engine opens again");
        let mut verification = Verification::of(&store, CheckOptions::default());
        verification.expect_slots(sent as u64);
        assert!(verification.is_sound(), "{name} does not hold what it acknowledged: {:?}", verification.failures);
        let quantiles = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)];
        let quantiles = quantiles.map(|(label, q)| format!("{label} {}", micros(latency.value_at_quantile(q))));
        let (quantiles, max) = (quantiles.join("  "), micros(latency.max()));
        note(&format!("{name}: acknowledged {quantiles}  max {max}  ({sent} messages, verified)"));
    }
}

#[expect(clippy::cast_precision_loss, reason = "latencies are far below 2^52 ns")]
fn micros(ns: u64) -> String {
    format!("{:.1} us", ns as f64 / 1e3)
}

#[expect(clippy::print_stdout, reason = "the benchmark's result, beside criterion's own lines")]
fn note(line: &str) {
    println!("{line}");
}

/// Sends `range` of `messages` through a scheduler, each worker one message after the other, until `limit` is over.
///
/// # Panics
/// When a message is refused.
#[must_use]
pub fn pass(
    runtime: &Runtime,
    scheduler: &Arc<Scheduler>,
    messages: &Arc<[Item]>,
    range: Range<usize>,
    workers: usize,
    limit: Duration,
) -> Outcome {
    let messages = Arc::clone(messages);
    let pass = Pass { messages, range, workers, limit, epoch: Epoch::start(), stop: Stop::default(), reads: None };
    let outcome = closed_loop::run(runtime, scheduler, &pass);
    assert!(outcome.first_refusal.is_none(), "a message was refused: {:?}", outcome.first_refusal);
    outcome
}

/// An RSA-4096 wallet, always the same.
///
/// # Panics
/// When its file is not there.
#[must_use]
pub fn rsa_wallet() -> Arc<dyn Signer> {
    let jwk = String::from_utf8(test_data("wallets/rsa4096.json")).expect("text");
    Arc::new(Wallet::from_jwk(&jwk).expect("a wallet"))
}

/// A file of the core's test data.
///
/// # Panics
/// When it is not there.
#[must_use]
pub fn test_data(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/tests/data").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// An executor with one thread per core.
///
/// # Panics
/// When the operating system gives no threads.
#[must_use]
pub fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().build().expect("an executor")
}
