//! Arguments.

mod crash;
mod judging;
mod serve;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};

pub(super) use crash::CrashArgs;
pub(super) use judging::{
    AbArgs, BaselineArgs, CompareArgs, ComparisonFormat, ComparisonOutput, HistoryCommand, HistoryFormat, JudgingArgs,
    WhichHistory,
};
pub(super) use serve::{NetworkArgs, ServeArgs};

use crate::crash::{CHILD, EXAMINE};
use crate::driver::node::CHILD as NODE;
use crate::plan::{Overrides, PlanError};

const EXAMPLES: &str = "\
Examples:
  slotbench run                                    four engines in four minutes
  slotbench run --backend fs,redb --workers 1,25   two of them, with one caller and with 25
  slotbench run --backend redb --rate 500,1000,2000
                                                   response times at three fixed rates
  slotbench run --backend redb --saturate p99=5ms  the highest rate with 99 in 100 answered within 5 ms
  slotbench run --durability power --set workload.payload=1KiB,64KiB
  slotbench run --resume results/runs/20261121T073044Z-quick
  slotbench report results/runs/20261121T073044Z-quick --format csv --out quick.csv
  slotbench recommend results/runs/20261121T073044Z-quick --rate 5000 --p99 5ms --durability power
  slotbench crash --backend redb --trials 300      300 kills and 300 power cuts

Exit codes:
    0  fine
    1  a regression, or a broken durability promise
    2  bad usage, plan or file; or no cell could run
    3  verification failed
    4  inconclusive: not comparable, too noisy, not measured
  130  interrupted; everything finished so far is saved";

const LISTS: &str = "\
LIST is separated by commas. Values, and what `all` means:
  --backend     fs, rocksdb, sled, redb (all); memory, null
  --mode        local, aggressive (all); remote
  --durability  memory, process, power
  --transport   inproc, h1, h2, h3
  --rate        1 to 10000000 per second; closed: each worker waits for its answer
  --arrival     fixed, poisson

An open loop (--rate) measures response time from each intended start, so a stall counts for everybody who would have
called meanwhile; in a closed loop it counts once for each worker. When the target does not keep up, the cell is
`overloaded` and its latencies are not shown. --saturate searches between rates with short rounds, 24 of them at most.

Keys of --set, with what they take:
  workload.sign          none, ed25519, rsa4096
  workload.verify        true, false
  workload.commit        group, each
  workload.processes     1 to 1000000
  workload.skew          which of them: uniform (in turns), zipf:0.99, hot:90%
  workload.payload       bytes, such as 1KiB, up to 64MiB; uniform:100B..10KiB; lognormal:median=1KiB,sigma=1 (up to
                         256 medians); file:PATH (real ANS-104 items or bundles, as they are, over and over)
  workload.compressible  percent of the payload that a compressor can remove, 0 to 100
  workload.duplicates    percent, 0 to 100
  workload.reads         percent of the operations that read, 0 to 100
  workload.read          what they read: slot, range (of 1000), next, latest
  workload.history       slots stored before a round, up to 100000000
  workload.operation     schedule, restart; past the scheduler message_write, message_read, key_write, key_read;
                         with backend null registry_lookup, registry_ensure, registry_list; with transport h1
                         remote_direct, remote_cold, remote_cached

Flags replace what the plan says, in all its cells. Without --durability every engine runs at the strongest tier it reaches.";

const RECOMMEND: &str = "\
The cheapest is the least CPU time per message. A limit is met when the worse end of the 95 % interval meets it, so a
cell needs two rounds or more. Of one deployment, the fewest workers that meet the limits stand for it. Without
--max-loss only modes are considered that store before they acknowledge; with it, only cells whose loss the crash lab
has measured.

Exit code 0: one configuration is cheapest beyond the noise. 4: too close to call, or none meets the limits.";

const VERIFY: &str = "\
The directory itself is not touched: engines repair a store when they open it, so a copy is opened, in a temporary
directory beside it.";

/// Which storage engine, in which confirmation mode, should I deploy, and what does it cost?
#[derive(Debug, Parser)]
#[command(name = "slotbench", version, after_help = EXAMPLES, max_term_width = 120)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the engines: what is built in, versions, how each meets the durability tiers
    Backends {
        /// Print one JSON document on standard output
        #[arg(long)]
        json: bool,
    },
    /// Measure the cells of a plan
    Run(Box<RunArgs>),
    /// Look at plans
    #[command(subcommand)]
    Plan(PlanCommand),
    /// Show a run again, in another form
    Report(ReportArgs),
    /// Name the cheapest configuration of a run that meets limits, and the runner-up
    Recommend(RecommendArgs),
    /// Hold a run against another: every figure's change, its interval and a verdict
    Compare(Box<CompareArgs>),
    /// The same for CI: exit code 1 for a regression, 4 where it cannot be decided
    Gate(Box<CompareArgs>),
    /// Keep a run as what later ones of its machine and plan are gated against
    Baseline(BaselineArgs),
    /// Two builds against each other, rounds interleaved on this machine: the strongest form of a comparison
    Ab(Box<AbArgs>),
    /// A series of runs over commits: where did it change?
    #[command(subcommand)]
    History(HistoryCommand),
    /// Check a data directory: slots gap-free, chain unbroken, messages signed as they say, links lead somewhere
    Verify(VerifyArgs),
    /// Break things on purpose: what is a confirmation worth after a kill, a power cut, an I/O error?
    Crash(Box<CrashArgs>),
    /// The crash lab's engine process
    #[command(name = CHILD, hide = true)]
    CrashChild {
        /// What to do, as JSON
        spec: String,
    },
    /// The crash lab's examiner
    #[command(name = EXAMINE, hide = true)]
    CrashExamine {
        /// What to look at, as JSON
        spec: String,
    },
    /// Serve a scheduler over HTTP
    Serve(Box<ServeArgs>),
    /// The node of a measured cell
    #[command(name = NODE, hide = true)]
    NodeChild {
        /// What to do, as JSON
        spec: String,
    },
    /// Print a completion script for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// Arguments of `run`. Values of axes are text here: they are read by the same rules as a plan's.
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = LISTS)]
pub struct RunArgs {
    /// The plan [default: the preset quick]
    #[arg(value_name = "PLAN.toml", value_hint = ValueHint::FilePath)]
    pub plan: Option<PathBuf>,
    /// A plan that ships with slotbench: seed, quick, full, registry, remote, history, restart, range, store, durability, gate
    #[arg(long, value_name = "NAME", conflicts_with = "plan")]
    pub preset: Option<String>,
    /// Engines
    #[arg(long, value_name = "LIST")]
    pub backend: Option<String>,
    /// When callers are acknowledged
    #[arg(long, value_name = "LIST")]
    pub mode: Option<String>,
    /// What acknowledged data must survive
    #[arg(long, value_name = "LIST")]
    pub durability: Option<String>,
    /// Concurrent callers, 1 to 10000
    #[arg(long, value_name = "LIST")]
    pub workers: Option<String>,
    /// How callers reach the scheduler
    #[arg(long, value_name = "LIST")]
    pub transport: Option<String>,
    /// Open loop: messages per second on a schedule, whether or not those before are done; or closed
    #[arg(long, value_name = "LIST")]
    pub rate: Option<String>,
    /// Open loop: how starts are spread over time [default: fixed]
    #[arg(long, value_name = "LIST")]
    pub arrival: Option<String>,
    /// Open loop: most operations in flight, 1 to 10000 [default: 1024]
    #[arg(long, value_name = "LIST")]
    pub in_flight: Option<String>,
    /// Search for the highest rate at which a quantile of response time stays within a limit, such as p99=5ms
    #[arg(long, value_name = "QUANTILE=TIME")]
    pub saturate: Option<String>,
    /// Operations per round, all workers together
    #[arg(long, value_name = "N", conflicts_with = "duration")]
    pub ops: Option<String>,
    /// Length of a round, such as 10s
    #[arg(long, value_name = "D")]
    pub duration: Option<String>,
    /// Not measured at the start of each round, such as 500ms
    #[arg(long, value_name = "D")]
    pub warmup: Option<String>,
    /// Rounds of each cell, 1 to 1000
    #[arg(long, value_name = "N")]
    pub rounds: Option<String>,
    /// Seed of inputs and of the order of rounds
    #[arg(long, value_name = "N")]
    pub seed: Option<String>,
    /// Set an axis of the workload; may be repeated
    #[arg(long, value_name = "workload.KEY=LIST")]
    pub set: Vec<String>,
    /// Where stores live while they are measured: absent, empty, or used by slotbench before [default: temporary]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub data_dir: Option<PathBuf>,
    /// Leave each cell's last store in the data directory
    #[arg(long)]
    pub keep_data: bool,
    /// Where results go: absent or empty [default: results/runs/<time>-<plan>]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub out: Option<PathBuf>,
    /// Go on with an interrupted run: finished rounds are kept
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, conflicts_with = "out")]
    pub resume: Option<PathBuf>,
    /// Print the result as one JSON document on standard output, and the report on standard error
    #[arg(long)]
    pub json: bool,
}

impl RunArgs {
    /// What the flags say over the plan.
    ///
    /// # Errors
    /// [`PlanError::Flag`] for the first flag whose value is not allowed.
    pub fn overrides(&self) -> Result<Overrides, PlanError> {
        let axes = [
            ("backend", &self.backend),
            ("mode", &self.mode),
            ("durability", &self.durability),
            ("workers", &self.workers),
            ("transport", &self.transport),
            ("rate", &self.rate),
            ("arrival", &self.arrival),
            ("in-flight", &self.in_flight),
            ("saturate", &self.saturate),
            ("ops", &self.ops),
            ("duration", &self.duration),
            ("warmup", &self.warmup),
            ("rounds", &self.rounds),
        ];
        let mut overrides = Overrides::default();
        for (key, list) in axes {
            list.iter().try_for_each(|list| overrides.axis(key, list))?;
        }
        self.set.iter().try_for_each(|assignment| overrides.set(assignment))?;
        self.seed.iter().try_for_each(|seed| overrides.seed(seed))?;
        Ok(overrides)
    }
}

/// What to do with plans.
#[derive(Debug, Subcommand)]
pub enum PlanCommand {
    /// Check a plan: print its cells and how long it will take
    Check {
        /// The plan
        #[arg(value_name = "PLAN.toml", value_hint = ValueHint::FilePath)]
        plan: PathBuf,
    },
    /// Print a plan that ships with slotbench, to start one's own from
    Show {
        /// seed, quick, full, registry, remote, history, restart, range, store, durability or gate
        preset: String,
    },
}

/// Arguments of `report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// A run directory, its run.json, or a baseline file
    #[arg(value_hint = ValueHint::AnyPath)]
    pub run: PathBuf,
    /// The form
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Write to a file, whole or not at all, instead of standard output
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub out: Option<PathBuf>,
}

/// Arguments of `recommend`. Limits are text here, so that what is wrong with one is said in a line.
#[derive(Debug, Args)]
#[command(after_help = RECOMMEND)]
pub struct RecommendArgs {
    /// A run directory, its run.json, or a baseline file
    #[arg(value_hint = ValueHint::AnyPath)]
    pub run: PathBuf,
    /// Messages per second it must carry, such as 5000
    #[arg(long, value_name = "R", allow_hyphen_values = true)]
    pub rate: String,
    /// The longest p99 latency allowed, such as 5ms
    #[arg(long, value_name = "D")]
    pub p99: String,
    /// What an acknowledged message must survive: memory, process, power
    #[arg(long, value_name = "T")]
    pub durability: String,
    /// Acknowledged messages that one crash may lose
    #[arg(long, value_name = "N")]
    pub max_loss: Option<String>,
    /// Print one JSON document on standard output
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `verify`.
#[derive(Debug, Args)]
#[command(after_help = VERIFY)]
pub struct VerifyArgs {
    /// A store, such as DATA_DIR/CELL_ID after run --keep-data; nothing may be writing to it
    #[arg(value_hint = ValueHint::DirPath)]
    pub dir: PathBuf,
    /// The engine that wrote it
    #[arg(long, value_name = "B")]
    pub backend: String,
}

/// Form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Tables for a terminal
    Text,
    /// Markdown
    Md,
    /// A page in one file that needs no network
    Html,
    /// A row per cell, raw numbers
    Csv,
    /// The result itself
    Json,
    /// Bencher Metric Format
    Bmf,
    /// For github-action-benchmark, customSmallerIsBetter
    GithubBenchmark,
    /// A baseline of criterion; --out is the directory, such as target/criterion
    Criterion,
}
