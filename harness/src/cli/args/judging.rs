//! Arguments of the commands that compare runs.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, ValueHint};

use crate::cli::args::RunArgs;

const COMPARE: &str = "\
Metrics: throughput, p50, p99, p99.9, cpu (per message), written (bytes per message).

A change is one when it is not chance (exact rank test, corrected for the number of figures) and exceeds both the
threshold and the noise between rounds. \"unchanged\" means that a larger change is ruled out, \"inconclusive\" that
neither could be shown.";

const AB: &str = "\
Each round runs in a process of its own, with that build's own code. Pairs of rounds, one of either build in random
order, are added until everything is decided or the budget is used up; then the exit code is that of gate. The default
plan is the preset gate. Both builds' rounds are left in --out, as runs.";

const BASELINE: &str = "\
The run must be whole and sound: every cell measured and verified, or refused, by a release build. What it replaces is named.
The file is the run's run.json without the course of its rounds, which nothing is compared with. A fingerprint is that of the
machine the run was made on: a baseline of another machine is never compared with.

  slotbench run --preset gate --out results/runs/new && slotbench baseline results/runs/new
  slotbench gate results/baselines results/runs/later";

/// Arguments of `baseline`.
#[derive(Debug, Clone, Args)]
#[command(after_help = BASELINE)]
pub struct BaselineArgs {
    /// A run directory or its run.json
    #[arg(value_hint = ValueHint::AnyPath)]
    pub run: PathBuf,
    /// The directory of baselines: the file is <fingerprint>/<plan>.json below it
    #[arg(long, value_name = "DIR", default_value = "results/baselines", value_hint = ValueHint::DirPath)]
    pub into: PathBuf,
}

/// Arguments of `compare` and of `gate`.
#[derive(Debug, Clone, Args)]
#[command(after_help = COMPARE)]
pub struct CompareArgs {
    /// What to compare with: a run directory, its run.json, a baseline, or a directory of baselines
    #[arg(value_hint = ValueHint::AnyPath)]
    pub base: PathBuf,
    /// What to judge: a run directory or its run.json
    #[arg(value_hint = ValueHint::AnyPath)]
    pub new: PathBuf,
    /// How to judge
    #[command(flatten)]
    pub judging: JudgingArgs,
    /// Compare runs of different machines all the same
    #[arg(long)]
    pub any_machine: bool,
    /// A history of the same machine and plan: what its runs differ by is noise too
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub history: Option<PathBuf>,
    /// Write to a file, whole or not at all, instead of standard output
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub out: Option<PathBuf>,
    /// Where the result goes
    #[command(flatten)]
    pub output: ComparisonOutput,
}

/// Where and how a comparison is shown.
#[derive(Debug, Clone, Args)]
pub struct ComparisonOutput {
    /// The form
    #[arg(long, value_enum, default_value_t = ComparisonFormat::Text)]
    pub format: ComparisonFormat,
    /// Append the result in Markdown to a file, such as $GITHUB_STEP_SUMMARY
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub summary: Option<PathBuf>,
    /// Print GitHub's workflow commands too, which annotate a pull request
    #[arg(long)]
    pub annotations: bool,
}

/// Arguments of `ab`.
#[derive(Debug, Clone, Args)]
#[command(after_help = AB)]
pub struct AbArgs {
    /// The build to compare with
    #[arg(value_name = "OLD_BIN", value_hint = ValueHint::ExecutablePath)]
    pub old: PathBuf,
    /// The build to judge
    #[arg(value_name = "NEW_BIN", value_hint = ValueHint::ExecutablePath)]
    pub new: PathBuf,
    /// What both are to run; --rounds is the most pairs of rounds [default: 40]
    #[command(flatten)]
    pub run: RunArgs,
    /// No pair begins later than that, such as 20m
    #[arg(long, value_name = "D")]
    pub budget: Option<String>,
    /// How to judge
    #[command(flatten)]
    pub judging: JudgingArgs,
    /// Where the result goes
    #[command(flatten)]
    pub output: ComparisonOutput,
}

/// When a change counts.
#[derive(Debug, Clone, Args)]
pub struct JudgingArgs {
    /// The least change that matters; METRIC=5% for one metric; may be repeated [default: 5%]
    #[arg(long, value_name = "5%")]
    pub threshold: Vec<String>,
    /// Probability of a single false alarm among all figures, at most
    #[arg(long, value_name = "P", default_value = "0.05")]
    pub alpha: String,
    /// Metrics to judge [default: all]
    #[arg(long, value_name = "LIST")]
    pub metric: Option<String>,
}

/// What to do with a history.
#[derive(Debug, Subcommand)]
pub enum HistoryCommand {
    /// Add a run to the history of its machine and plan
    Add {
        /// A run directory, its run.json, or a baseline
        #[arg(value_hint = ValueHint::AnyPath)]
        run: PathBuf,
        /// The file [default: results/history/<fingerprint>/<plan>.jsonl]
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        file: Option<PathBuf>,
    },
    /// Find lasting changes; exit code 1 for a recent regression, 4 where there are too few runs
    Check {
        /// Which history
        #[command(flatten)]
        which: WhichHistory,
        /// The least change that matters; METRIC=5% for one metric; may be repeated [default: 5%]
        #[arg(long, value_name = "5%")]
        threshold: Vec<String>,
        /// Runs back to which a regression is still news
        #[arg(long, value_name = "N", default_value_t = 20)]
        recent: usize,
    },
    /// Draw every series with its changes
    Show {
        /// Which history
        #[command(flatten)]
        which: WhichHistory,
        /// The form
        #[arg(long, value_enum, default_value_t = HistoryFormat::Text)]
        format: HistoryFormat,
        /// Write to a file, whole or not at all, instead of standard output
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        out: Option<PathBuf>,
    },
}

/// One of this machine's histories.
#[derive(Debug, Clone, Args)]
pub struct WhichHistory {
    /// The file [default: that of this machine and --plan below results/history]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "plan")]
    pub file: Option<PathBuf>,
    /// The plan
    #[arg(long, value_name = "NAME", default_value = "gate")]
    pub plan: String,
}

/// Form of a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum HistoryFormat {
    /// Tables for a terminal
    Text,
    /// Markdown
    Md,
    /// One HTML file that needs no network
    Html,
}

/// Form of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ComparisonFormat {
    /// Tables for a terminal
    Text,
    /// Markdown
    Md,
    /// One JSON document
    Json,
}
