//! Arguments of `crash`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

const ABOUT: &str = "\
Each trial runs the scheduler in a process of its own, breaks something, opens what is left in another process, checks all
of it and looks for every acknowledged message.
  kill   SIGKILL at a random moment
  power  a power cut: the engine runs on a FUSE file system that forgets what was not synced
  io     a write or a sync fails with EIO or ENOSPC; then, at tier power, the power is cut

LIST is separated by commas; for --fault, --backend and --mode also `all`. Without --durability every engine runs at the
strongest tier it reaches. An engine's setting is changed with --set engine.redb.two_phase=true.

Exit codes: 0 every promise was kept; 1 one was broken (the seed that shows it again is printed); 2 bad usage, or no cell
could run; 4 not measured, or the lab did not find a loss where there must be one; 130 interrupted.
Where nothing can be mounted, power and io are not measured; with SLOTBENCH_REQUIRE_FUSE=1 that counts as a broken lab.";

/// Arguments of `crash`.
#[derive(Debug, Default, Args)]
#[command(after_help = ABOUT)]
pub struct CrashArgs {
    /// What happens: kill, power, io
    #[arg(long, value_name = "LIST", default_value = "kill,power")]
    pub fault: String,
    /// Engines [default: all]
    #[arg(long, value_name = "LIST")]
    pub backend: Option<String>,
    /// When callers are acknowledged [default: local]
    #[arg(long, value_name = "LIST")]
    pub mode: Option<String>,
    /// What acknowledged data must survive
    #[arg(long, value_name = "LIST")]
    pub durability: Option<String>,
    /// Concurrent callers, 1 to 10000 [default: 4]
    #[arg(long, value_name = "N")]
    pub workers: Option<String>,
    /// Trials of each cell under each fault, 1 to 1000000
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub trials: u32,
    /// Only that trial of each cell, to see a loss again
    #[arg(long, value_name = "K")]
    pub trial: Option<u32>,
    /// Seed of messages, moments and of what survives a power cut [default: 1]
    #[arg(long, value_name = "N")]
    pub seed: Option<String>,
    /// Set an engine's option; may be repeated
    #[arg(long, value_name = "engine.NAME.KEY=VALUE")]
    pub set: Vec<String>,
    /// Where stores live and file systems are mounted: absent, empty, or used by slotbench before [default: temporary]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub data_dir: Option<PathBuf>,
    /// Add the result to the cells of a run; without --backend, --mode and --durability, try exactly those
    #[arg(long, value_name = "RUN", value_hint = ValueHint::AnyPath)]
    pub into: Option<PathBuf>,
    /// Print the result as one JSON document on standard output, and the rest on standard error
    #[arg(long)]
    pub json: bool,
}
