//! How a round went over time.

use serde::{Deserialize, Serialize};

/// One interval of a round: from one reading, taken beside the measured threads, to the next. Intervals are nearly equal.
/// `None`: the system does not tell, or nothing was recorded in the interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// End of the interval, after the first measured operation.
    pub at_ns: u64,
    /// Messages acknowledged in it.
    pub messages: u64,
    /// Median latency of those messages until the answer.
    pub p50_ns: Option<u64>,
    /// Their 99th percentile.
    pub p99_ns: Option<u64>,
    /// The longest of them.
    pub max_ns: Option<u64>,
    /// CPU time the process used in the interval.
    pub cpu_ns: Option<u64>,
    /// Bytes the process sent to storage in the interval.
    pub bytes_written: Option<u64>,
    /// Resident set at its end.
    pub rss_bytes: Option<u64>,
    /// Messages acknowledged and not yet stored at its end.
    pub unstored: Option<u64>,
}

/// A time in which nothing, or next to nothing, was acknowledged although callers were waiting; the rule is that of
/// [`stalls`](crate::stats::stalls).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stall {
    /// Its begin, after the first measured operation.
    pub start_ns: u64,
    /// Its length.
    pub duration_ns: u64,
}

/// What the engine still had to do when everything acknowledged was stored: compactions, flushes, checkpoints.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Debt {
    /// Until it was quiet; 0 where it was at once.
    pub duration_ns: u64,
    /// CPU time it took.
    pub cpu_ns: Option<u64>,
    /// Bytes it sent to storage.
    pub bytes_written: Option<u64>,
    /// It was not quiet before the watch ended, so there is more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unfinished: bool,
}
