//! Which configuration to deploy: the cheapest that meets limits on rate, latency, durability and loss.
//!
//! A pure function of a run. What counts, and why:
//!
//! * **Cheapest** is the least CPU time of the whole process per stored message, by its median over rounds. CPU is
//!   the one cost that every engine has in the same unit; bytes written are reported beside it and do not rank.
//! * **Meeting a limit** is judged by the worse end of the 95 % interval over rounds: the lower end of the
//!   throughput, the upper end of the p99. A single round has no interval and meets nothing.
//! * **The p99** is that of the response time where the load was measured in an open loop at the asked rate or above,
//!   or by a saturation search; else that of the acknowledgement in a closed loop, which does not show how callers
//!   wait ([`Source`] says which).
//! * **Durability** is the effective tier. A mode that acknowledges before it stores keeps no tier for its callers, so
//!   above `memory` it is only considered where losses are allowed explicitly.
//! * **Loss** is what the crash lab found. A cell that it has not visited does not meet a limit on loss, and a cell
//!   whose promise it saw broken is never recommended.
//! * **Worker counts do not compete**: of one deployment the fewest workers that meet the limits stand for it, as more
//!   would only be needed for a higher rate.
//! * **Too close to call**: the cost of a rival is within the noise of the cheapest.
//!
//! Cells that failed, were refused, were not verified, lost messages after acknowledging them, or ran a calibration
//! engine are never considered. Loads are answered one by one: a message of 1 KiB is no rival of one of 64 KiB.

mod assess;
mod choice;
mod deployment;
mod estimate;
mod rank;
#[cfg(test)]
mod tests;

use serde::Serialize;
use slotbench_core::Durability;

use crate::axis::names;
use crate::model::Run;

pub use assess::Shortfall;
pub use choice::{Choice, Source};
pub use deployment::Load;
pub use estimate::Estimate;

/// What a deployment must do.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Limits {
    /// Messages per second, at least; above 0.
    pub rate: f64,
    /// The 99th percentile of latency, at most, in nanoseconds.
    pub p99_ns: u64,
    /// What an acknowledged message must survive.
    pub durability: Durability,
    /// Acknowledged messages that one crash may lose; `None`: the tier must hold, and is taken at the engine's word
    /// where the crash lab has not tried it.
    pub max_loss: Option<u64>,
}

names! {
    /// How a recommendation ends.
    Outcome, "outcome" {
        /// One configuration is cheapest beyond the noise.
        Clear = "clear",
        /// Several are cheapest within the noise.
        TooCloseToCall = "too_close_to_call",
        /// None meets the limits.
        NoneMeets = "none_meets",
    }
}

/// The answer for one load.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recommendation {
    /// What callers do.
    pub load: Load,
    /// How it ends.
    pub outcome: Outcome,
    /// The cheapest that meets the limits.
    pub best: Option<Choice>,
    /// The next cheapest, of another deployment.
    pub runner_up: Option<Choice>,
    /// How much more CPU time per message the runner-up takes, as a fraction of the best's.
    pub margin: Option<f64>,
    /// Every rival that is not told apart from the best, cheapest first.
    pub tied: Vec<Choice>,
    /// The cheapest that is cheaper than the best and meets the limits by its medians, but not beyond the noise.
    pub uncertain: Option<Miss>,
    /// Where none meets the limits: what comes closest.
    pub nearest: Option<Miss>,
    /// Deployments that were considered.
    pub considered: usize,
    /// Deployments that meet the limits.
    pub meeting: usize,
}

/// A configuration that does not meet the limits.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Miss {
    /// The configuration.
    pub choice: Choice,
    /// Every limit it misses.
    pub shortfalls: Vec<Shortfall>,
}

/// An answer for every load of the run, in the order of its cells; empty where no cell can be considered.
#[must_use]
pub fn recommend(run: &Run, limits: &Limits) -> Vec<Recommendation> {
    deployment::contests(run).iter().map(|contest| rank::rank(contest, limits)).collect()
}
