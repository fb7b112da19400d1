//! Arguments.

mod crash;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};

pub(super) use crash::CrashArgs;

use crate::crash::{CHILD, EXAMINE};
use crate::plan::{Overrides, PlanError};

const EXAMPLES: &str = "\
Examples:
  slotbench run                                    four engines in four minutes
  slotbench run --backend fs,redb --workers 1,25   two of them, with one caller and with 25
  slotbench run --durability power --set workload.payload=1KiB,64KiB
  slotbench run --resume results/runs/20261121T073044Z-quick
  slotbench report results/runs/20261121T073044Z-quick --format csv --out quick.csv
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

Keys of --set, with what they take:
  workload.sign        none, ed25519, rsa4096
  workload.verify      true, false
  workload.commit      group, each
  workload.processes   1 to 1000000
  workload.payload     bytes, such as 1KiB, up to 64MiB
  workload.duplicates  percent, 0 to 100
  workload.reads       percent, 0 to 99
  workload.history     slots stored before a round, up to 100000000

Flags replace what the plan says, in all its cells. Without --durability every engine runs at the strongest tier it reaches.";

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
    /// Print a completion script for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// Arguments of `run`. Values of axes are text here: they are read by the same rules as a plan's.
#[derive(Debug, Default, Args)]
#[command(after_help = LISTS)]
pub struct RunArgs {
    /// The plan [default: the preset quick]
    #[arg(value_name = "PLAN.toml", value_hint = ValueHint::FilePath)]
    pub plan: Option<PathBuf>,
    /// A plan that ships with slotbench: seed, quick, full
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
    /// Open loop at that many messages per second, all workers together; or closed
    #[arg(long, value_name = "LIST")]
    pub rate: Option<String>,
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
        /// seed, quick or full
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
    /// A row per cell, raw numbers
    Csv,
    /// The result itself
    Json,
}
