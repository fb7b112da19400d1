//! What a cell's confirmations were worth when something broke.

use serde::{Deserialize, Serialize};

use crate::axis::names;
use crate::model::Summary;

names! {
    /// What the crash lab does to a store.
    Fault, "fault" {
        /// SIGKILL of the process.
        Kill = "kill",
        /// A power cut: whatever was not synced is gone, or survives in part and out of order.
        Power = "power",
        /// A write or a sync that fails with EIO or ENOSPC; then, at tier `power`, a power cut.
        Io = "io",
    }
}

names! {
    /// What became of acknowledged messages.
    Verdict, "verdict" {
        /// Every one was there, in every trial.
        Survived = "survived",
        /// Some were not, or what was there was wrong.
        Lost = "lost",
        /// The fault cannot be made here.
        NotMeasured = "not_measured",
        /// The lab did not find a loss where there must be one, or broke: its other verdicts mean nothing.
        HarnessBroken = "harness_broken",
    }
}

/// The outcome of all trials of one fault on one cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Loss {
    /// The fault.
    pub fault: Fault,
    /// The verdict.
    pub verdict: Verdict,
    /// Why it is not `survived`, in a sentence.
    pub reason: Option<String>,
    /// Whether the cell's mode and tier promise that nothing acknowledged is lost by this fault.
    pub promised: bool,
    /// Trials made.
    pub trials: u32,
    /// Messages acknowledged in all trials.
    pub acknowledged: u64,
    /// Of those, messages that were not there afterwards.
    pub lost: u64,
    /// Most messages lost in one trial.
    pub max_lost: u64,
    /// Longest time of acknowledgements lost in one trial, nanoseconds.
    pub max_lost_ns: u64,
    /// Trials in which the chain, a slot or a message's content was wrong, or the store could not be opened.
    pub broken: u32,
    /// Median time to open the store after the fault, nanoseconds.
    pub reopen_ns: Option<u64>,
    /// Reproduces every trial.
    pub seed: u64,
    /// Where acknowledgements come before storage: how many of them one trial may lose at most, the last ones.
    #[serde(default)]
    pub window: Option<u64>,
    /// Messages lost in a trial, over trials; `None` without a trial.
    #[serde(default)]
    pub lost_by_trial: Option<Summary>,
    /// Trials that broke what mode and tier promise.
    #[serde(default)]
    pub promise_broken: u32,
}
