//! Who is compared, and how one round of each runs.

use std::fmt::{self, Display};
use std::path::Path;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use slotbench_backends::raw::{Pair, Raw};
use slotbench_backends::{Kind, Options};
use slotbench_benches::pass;
use slotbench_benches::records::Records;
use slotbench_core::item::Item;
use slotbench_core::scheduler::{CommitMode, SignaturePolicy};
use slotbench_core::store::Store;
use slotbench_core::wallet::NoSigner;
use slotbench_core::{Batch, Config, Durability, Scheduler};
use tokio::runtime::Runtime;

/// Messages in a batch, and threads that write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) batch: usize,
    pub(crate) threads: usize,
}

const BATCHES: [usize; 2] = [1, 64];
const THREADS: [usize; 2] = [1, 4];

/// One way of storing messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contestant {
    /// The engine's own interface.
    Raw { raw: Raw, shape: Shape },
    /// The engine behind `Store`.
    Adapter { shape: Shape },
    /// Through the scheduler.
    Scheduler { workers: usize, commit: CommitMode },
}

/// What one contestant did in one round.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figure {
    /// Messages per second.
    pub(crate) rate: f64,
    /// Median time of one batch, or of one message through the scheduler, in seconds.
    pub(crate) p50: f64,
}

/// The same messages in every form that is asked for.
pub(crate) struct Inputs {
    messages: Arc<[Item]>,
    batches: Vec<(usize, Vec<Batch>)>,
    pairs: Vec<(usize, Vec<Vec<Pair>>)>,
    limit: Duration,
    runtime: Runtime,
}

impl Inputs {
    pub(crate) fn new(records: &Records, limit: Duration, runtime: Runtime) -> Self {
        let batches: Vec<_> = BATCHES.iter().map(|size| (*size, records.batches(*size))).collect();
        let pairs = batches.iter().map(|(size, batches)| (*size, batches.iter().map(Pair::all_of).collect())).collect();
        Self { messages: Arc::clone(records.messages()), batches, pairs, limit, runtime }
    }
}

/// The entry for batches of `size`.
fn of_size<T>(entries: &[(usize, Vec<T>)], size: usize) -> &[T] {
    &entries.iter().find(|entry| entry.0 == size).expect("a size in BATCHES").1
}

impl Contestant {
    /// All that compete over one engine.
    pub(crate) fn all(kind: Kind) -> Vec<Self> {
        let shapes = || BATCHES.into_iter().flat_map(|batch| THREADS.map(|threads| Shape { batch, threads }));
        let raw = Raw::of(kind).flat_map(|raw| shapes().map(move |shape| Self::Raw { raw, shape }));
        let adapter = shapes().map(|shape| Self::Adapter { shape });
        let scheduler = [(1, CommitMode::Group), (100, CommitMode::Group), (100, CommitMode::Each)];
        raw.chain(adapter).chain(scheduler.map(|(workers, commit)| Self::Scheduler { workers, commit })).collect()
    }

    /// One round over a fresh database in `dir`.
    pub(crate) fn run(&self, kind: Kind, dir: &Path, tier: Durability, inputs: &Inputs) -> Figure {
        let open = || kind.open(dir, &Options::default()).expect("the engine opens");
        match self {
            Self::Raw { raw, shape } => {
                let writer = raw.open(dir).expect("the engine opens");
                let write = |pairs: &Vec<Pair>| writer.write(pairs, tier).expect("it writes");
                write_all(
                    of_size(&inputs.pairs, shape.batch),
                    shape.threads,
                    inputs.limit,
                    |pairs| pairs.len() / 3,
                    write,
                )
            }
            Self::Adapter { shape } => {
                let store = open();
                let apply = |batch: &Batch| store.apply(batch, tier).expect("it applies");
                write_all(
                    of_size(&inputs.batches, shape.batch),
                    shape.threads,
                    inputs.limit,
                    |batch| batch.len() / 3,
                    apply,
                )
            }
            Self::Scheduler { workers, commit } => schedule(open(), tier, inputs, *workers, *commit),
        }
    }
}

impl Display for Contestant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&match self {
            Self::Raw { raw, shape } => format!("{:<17}{shape}", raw.name()),
            Self::Adapter { shape } => format!("{:<17}{shape}", "adapter"),
            Self::Scheduler { workers, commit } => {
                format!("{:<17}{workers:>3} workers, commit {}", "scheduler", format!("{commit:?}").to_lowercase())
            }
        })
    }
}

impl Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "batch {:>2}, {} thread{}", self.batch, self.threads, if self.threads == 1 { "" } else { "s" })
    }
}

/// Writes `batches` from `threads` threads until they are all written or the time is over. Three records, and so three
/// operations, make one message: `messages` tells how many a batch has.
#[expect(clippy::cast_precision_loss, reason = "a few thousand messages")]
fn write_all<B: Sync>(
    batches: &[B],
    threads: usize,
    limit: Duration,
    messages: impl Fn(&B) -> usize,
    write: impl Fn(&B) + Sync,
) -> Figure {
    let gate = Barrier::new(threads);
    let run = |thread: usize| {
        let mut times = Vec::with_capacity(batches.len().div_ceil(threads));
        gate.wait();
        let begun = Instant::now();
        let mut start = begun;
        for batch in batches.iter().skip(thread).step_by(threads) {
            write(batch);
            let end = Instant::now();
            times.push(end - start);
            start = end;
            if end - begun >= limit {
                break;
            }
        }
        (begun, start, times)
    };
    let spans: Vec<_> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|thread| scope.spawn(move || run(thread))).collect();
        running.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    let begun = spans.iter().map(|span| span.0).min().expect("a thread");
    let ended = spans.iter().map(|span| span.1).max().expect("a thread");
    let written: usize = spans
        .iter()
        .enumerate()
        .flat_map(|(thread, span)| batches.iter().skip(thread).step_by(threads).take(span.2.len()))
        .map(messages)
        .sum();
    let mut times: Vec<Duration> = spans.into_iter().flat_map(|span| span.2).collect();
    times.sort_unstable();
    Figure { rate: written as f64 / (ended - begun).as_secs_f64(), p50: times[times.len() / 2].as_secs_f64() }
}

#[expect(clippy::cast_precision_loss, reason = "latencies are far below 2^52 ns")]
fn schedule(store: Arc<dyn Store>, tier: Durability, inputs: &Inputs, workers: usize, commit: CommitMode) -> Figure {
    let signatures = SignaturePolicy { required: false, verify: false };
    let config = Config { durability: tier, commit, signatures, ..Config::new(Arc::new(NoSigner)) };
    let scheduler = Arc::new(Scheduler::new(store, config).expect("the scheduler starts"));
    let outcome = pass(&inputs.runtime, &scheduler, &inputs.messages, 0..inputs.messages.len(), workers, inputs.limit);
    let times = &outcome.acknowledged;
    Figure { rate: times.len() as f64 / outcome.elapsed.as_secs_f64(), p50: times.value_at_quantile(0.5) as f64 / 1e9 }
}
