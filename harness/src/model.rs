//! What a run leaves behind: the types of `run.json`, schema version 1.
//!
//! Every time is in nanoseconds, every size in bytes, unless a field's name says otherwise. Reading is
//! forward-compatible within a version: unknown fields are ignored. `results/run.schema.json` describes the same
//! document for other tools.

mod cell;
mod confidence;
mod file;
mod latency;
mod loss;
mod machine;
mod resources;
mod round;
#[cfg(test)]
pub(crate) mod sample;
mod scaling;
mod series;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use cell::{CellResult, Engine, Status, Throughput};
pub use confidence::{Confidence, Interval95, QuantileIntervals};
pub use file::{FileError, load, load_document, save, save_document, write_atomically};
pub use latency::{Latencies, Summary, Tag};
pub use loss::{Fault, Loss, Verdict};
pub use machine::{Floors, Machine, Storage};
pub use resources::Resources;
pub use round::{RoundResult, Warmup};
pub use scaling::{Point, Probe, Saturation, Scaling};
pub use series::{Debt, Sample, Stall};

/// The version of the document this build writes, and the newest it reads.
pub const SCHEMA: u32 = 1;

/// A run: a plan's cells on one machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Version of this document.
    pub schema: u32,
    /// What measured.
    pub slotbench: Build,
    /// The plan's name.
    pub plan: String,
    /// Seed of inputs and of the order of rounds.
    pub seed: u64,
    /// Start in UTC, RFC 3339.
    pub started: String,
    /// Whether every round of every cell that could run is in it.
    pub complete: bool,
    /// Where it ran.
    pub machine: Machine,
    /// What the machine and the harness themselves cost.
    pub floors: Floors,
    /// One result per cell, in the plan's order. A cell without a finished round is there only when it was refused
    /// or failed.
    pub cells: Vec<CellResult>,
    /// Searches for the highest rate that a latency limit allows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub saturation: Vec<Saturation>,
    /// Fits over worker counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scaling: Vec<Scaling>,
}

/// The build that measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// Version of slotbench.
    pub version: String,
    /// Git commit, with `-dirty` after it where tracked files differed; `None` when built outside a repository.
    pub commit: Option<String>,
    /// Cargo's build profile: `release` or `debug`.
    pub profile: String,
}

impl Build {
    /// This binary.
    #[must_use]
    pub fn this() -> Self {
        let commit = env!("SLOTBENCH_COMMIT");
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: (!commit.is_empty()).then(|| commit.to_owned()),
            profile: env!("SLOTBENCH_PROFILE").to_owned(),
        }
    }
}
