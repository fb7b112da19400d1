//! The scheduler against each engine's own best for the same bytes, side by side in one run.
//!
//! *Ceiling* is `Store::apply` on prepared batches of the very records the scheduler writes (message, assignment, link),
//! without a scheduler, at the same tier. Rounds of all contestants take turns; figures are medians over rounds.
//!
//! `cargo bench --bench ceiling -- [ENGINE ...]`; environment: `CEILING_ROUNDS` (5), `CEILING_MESSAGES` (6000 in each
//! round), `CEILING_TIER` (power).
#![expect(clippy::print_stdout, reason = "the benchmark's result")]

use std::fmt::Display;
use std::path::Path;
use std::str::FromStr;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use slotbench::driver::closed_loop::{self, Pass};
use slotbench::driver::pool::{Pool, PoolSpec};
use slotbench_backends::{KINDS, Kind, Options};
use slotbench_benches::runtime;
use slotbench_core::assignment::{DEFAULT_PATH, Draft};
use slotbench_core::assignments::stage;
use slotbench_core::block::Block;
use slotbench_core::chain::Chain;
use slotbench_core::item::{Item, Template};
use slotbench_core::scheduler::{CommitMode, SignaturePolicy};
use slotbench_core::store::Store;
use slotbench_core::wallet::NoSigner;
use slotbench_core::{Batch, Config, Durability, Scheduler};
use tokio::runtime::Runtime;

/// One way of storing messages.
#[derive(Clone, Copy)]
enum Contestant {
    /// The engine alone.
    Ceiling { batch: usize, threads: usize },
    /// Through the scheduler.
    Scheduler { workers: usize, commit: CommitMode },
}

use Contestant::{Ceiling, Scheduler as Scheduled};

const CONTESTANTS: [Contestant; 7] = [
    Ceiling { batch: 1, threads: 1 },
    Scheduled { workers: 1, commit: CommitMode::Group },
    Ceiling { batch: 64, threads: 1 },
    Ceiling { batch: 1, threads: 4 },
    Ceiling { batch: 64, threads: 4 },
    Scheduled { workers: 100, commit: CommitMode::Group },
    Scheduled { workers: 100, commit: CommitMode::Each },
];
/// Positions in [`CONTESTANTS`] that the ratios are made of.
const ALONE: usize = 0;
const ONE_WORKER: usize = 1;
const BATCHED: usize = 2;
const GROUP: usize = 5;
const EACH: usize = 6;
/// Processes that 100 workers share.
const PROCESSES: usize = 25;

impl Display for Contestant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&match self {
            Ceiling { batch, threads } => format!("ceiling, batches of {batch}, {threads} threads"),
            Scheduled { workers, commit } => format!("scheduler, {workers} workers, commit {commit:?}"),
        })
    }
}

/// What one contestant did in one round.
#[derive(Clone, Copy, Default)]
struct Figure {
    per_second: f64,
    p50: Duration,
}

fn setting<T: FromStr>(name: &str, default: T) -> T {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let tier = setting("CEILING_TIER", Durability::Power);
    let (rounds, messages) = (setting("CEILING_ROUNDS", 5_usize), setting("CEILING_MESSAGES", 6_000));
    let runtime = runtime();
    let (one, many) = (inputs(1, messages), inputs(PROCESSES, messages));
    let lasting = KINDS.iter().copied().filter(|kind| kind.is_persistent());
    for kind in lasting.filter(|kind| wanted.is_empty() || wanted.iter().any(|name| name == kind.name())) {
        let mut figures = vec![Vec::new(); CONTESTANTS.len()];
        for _ in 0..rounds {
            for (contestant, figures) in CONTESTANTS.iter().zip(&mut figures) {
                figures.push(measure(*contestant, kind, tier, &one, &many, &runtime));
            }
        }
        report(kind, tier, &figures.iter().map(|rounds| median(rounds)).collect::<Vec<_>>());
    }
}

fn report(kind: Kind, tier: Durability, medians: &[Figure]) {
    println!("{kind} at {tier}");
    for (contestant, figure) in CONTESTANTS.iter().zip(medians) {
        println!("  {contestant:<42} {:>9.0} msg/s   p50 {:>9.1?}", figure.per_second, figure.p50);
    }
    let throughput = |a: usize, b: usize| medians[a].per_second / medians[b].per_second;
    let latency = medians[ONE_WORKER].p50.as_secs_f64() / medians[ALONE].p50.as_secs_f64();
    println!("  one worker's p50 over the ceiling's at batch 1      {latency:.2}");
    println!("  100 workers, group, over the ceiling at batch 64    {:.2}", throughput(GROUP, BATCHED));
    println!("  group over each                                     {:.2}", throughput(GROUP, EACH));
}

fn median(rounds: &[Figure]) -> Figure {
    let mut by_speed: Vec<f64> = rounds.iter().map(|figure| figure.per_second).collect();
    let mut by_latency: Vec<Duration> = rounds.iter().map(|figure| figure.p50).collect();
    by_speed.sort_by(f64::total_cmp);
    by_latency.sort();
    Figure { per_second: by_speed[rounds.len() / 2], p50: by_latency[rounds.len() / 2] }
}

/// The messages and, for the ceiling, what a scheduler would store with them.
struct Inputs {
    messages: Arc<[Item]>,
    processes: usize,
    records: Vec<(Item, Item)>,
    pool: Pool,
}

fn inputs(processes: usize, count: usize) -> Inputs {
    let mut pool = Pool::new(PoolSpec::plain(5, processes, 1024));
    pool.grow(count).expect("messages");
    let template = Template::new(Arc::new(NoSigner), None, None);
    let mut chains = vec![Chain::EMPTY; processes];
    let assign = |(index, message): (usize, &Item)| {
        let chain = chains[index % processes].next(&message.id());
        chains[index % processes] = Chain::after(chain);
        let (process, slot) = (pool.processes()[index % processes], (index / processes) as u64);
        let (id, block) = (message.id(), Block::NONE);
        let draft = Draft {
            process: &process,
            message: &id,
            path: DEFAULT_PATH,
            slot,
            chain,
            timestamp: 1_700_000_000_000,
            block: &block,
        };
        (message.clone(), draft.sign(&template).expect("builds"))
    };
    let records = pool.messages().iter().enumerate().map(assign).collect();
    Inputs { messages: Arc::clone(pool.messages()), processes, records, pool }
}

fn measure(
    contestant: Contestant,
    kind: Kind,
    tier: Durability,
    one: &Inputs,
    many: &Inputs,
    runtime: &Runtime,
) -> Figure {
    let dir = tempfile::tempdir_in(Path::new(env!("CARGO_TARGET_TMPDIR"))).expect("a directory");
    let store = kind.open(dir.path(), &Options::default()).expect("opens");
    match contestant {
        Ceiling { batch, threads } => ceiling(&*store, tier, if threads == 1 { one } else { many }, batch, threads),
        Scheduled { workers, commit } => {
            scheduled(store, tier, if workers == 1 { one } else { many }, workers, commit, runtime)
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a few thousand messages")]
fn ceiling(store: &dyn Store, tier: Durability, inputs: &Inputs, batch: usize, threads: usize) -> Figure {
    let batches: Vec<Batch> =
        (0..inputs.records.len()).step_by(batch).map(|from| stage_from(inputs, from, batch)).collect();
    let gate = Barrier::new(threads);
    let spans: Vec<(Instant, Instant, Vec<Duration>)> = std::thread::scope(|scope| {
        let run = |thread: usize| {
            let (batches, gate) = (&batches, &gate);
            scope.spawn(move || {
                let mut times = Vec::with_capacity(batches.len());
                gate.wait();
                let begun = Instant::now();
                for batch in batches.iter().skip(thread).step_by(threads) {
                    let start = Instant::now();
                    store.apply(batch, tier).expect("applies");
                    times.push(start.elapsed());
                }
                (begun, Instant::now(), times)
            })
        };
        let running: Vec<_> = (0..threads).map(run).collect();
        running.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    let begun = spans.iter().map(|span| span.0).min().expect("a thread");
    let ended = spans.iter().map(|span| span.1).max().expect("a thread");
    let mut times: Vec<Duration> = spans.into_iter().flat_map(|span| span.2).collect();
    times.sort();
    Figure { per_second: inputs.records.len() as f64 / (ended - begun).as_secs_f64(), p50: times[times.len() / 2] }
}

fn stage_from(inputs: &Inputs, from: usize, count: usize) -> Batch {
    let mut batch = Batch::new();
    for (index, (message, assignment)) in inputs.records.iter().enumerate().skip(from).take(count) {
        let process = inputs.pool.processes()[index % inputs.processes];
        stage(&mut batch, &process, (index / inputs.processes) as u64, message, assignment);
    }
    batch
}

#[expect(clippy::cast_precision_loss, reason = "a few thousand messages")]
fn scheduled(
    store: Arc<dyn Store>,
    tier: Durability,
    inputs: &Inputs,
    workers: usize,
    commit: CommitMode,
    runtime: &Runtime,
) -> Figure {
    let signatures = SignaturePolicy { required: false, verify: false };
    let config = Config { durability: tier, commit, signatures, ..Config::new(Arc::new(NoSigner)) };
    let scheduler = Arc::new(Scheduler::new(store, config).expect("starts"));
    let pass = Pass::of_messages(Arc::clone(&inputs.messages), 0..inputs.messages.len(), workers);
    let outcome = closed_loop::run(runtime, &scheduler, &pass);
    assert!(outcome.first_refusal.is_none(), "{:?}", outcome.first_refusal);
    Figure {
        per_second: inputs.messages.len() as f64 / outcome.elapsed.as_secs_f64(),
        p50: Duration::from_nanos(outcome.acknowledged.value_at_quantile(0.5)),
    }
}
