//! What a run found, as it is written to a file.

use std::collections::BTreeMap;

use serde::Serialize;
use slotbench::model::Summary;
use slotbench_core::store::Tier;

/// What was found of one engine. Times are nanoseconds unless a name says otherwise.
#[derive(Debug, Serialize)]
pub(crate) struct EngineResult {
    pub(crate) engine: String,
    pub(crate) version: String,
    pub(crate) options: BTreeMap<String, String>,
    pub(crate) seed: u64,
    /// Bytes of data in each message.
    pub(crate) payload_bytes: usize,
    /// Slots in one batch while filling.
    pub(crate) fill_batch: u64,
    pub(crate) flatness: Vec<Flatness>,
    pub(crate) stores: Vec<StoreResult>,
}

/// How `latest` and append depend on size at one tier.
#[derive(Debug, Serialize)]
pub(crate) struct Flatness {
    pub(crate) tier: Tier,
    /// Until the engine was quiet with all stores open, seconds; null if it never was.
    pub(crate) quiet_after_s: Option<f64>,
    pub(crate) sizes: Vec<SizeResult>,
}

/// One size at one tier.
#[derive(Debug, Serialize)]
pub(crate) struct SizeResult {
    pub(crate) slots: u64,
    /// With the process's writer running: as a node answers while it schedules.
    pub(crate) latest: Operation,
    /// Without what the writer knows: as after a start.
    pub(crate) searched: Operation,
    pub(crate) append: Operation,
    pub(crate) append_calls: AppendCalls,
}

/// One operation at one size.
#[derive(Debug, Serialize)]
pub(crate) struct Operation {
    pub(crate) ns: Summary,
    /// Median over rounds of the block's median over that of the smallest size in the same round.
    pub(crate) ratio: Ratio,
}

/// A median over rounds with its 95 % confidence interval.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Ratio {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// What one append asks of the operating system, on average.
#[derive(Debug, Serialize)]
pub(crate) struct AppendCalls {
    pub(crate) reads: f64,
    pub(crate) read_bytes: f64,
    pub(crate) writes: f64,
    pub(crate) written_bytes: f64,
    /// Of the bytes read those that came from the disk and not from the page cache.
    pub(crate) fetched_bytes: f64,
    /// fsync, fdatasync and msync, where the engine lets us know.
    pub(crate) syncs: Option<f64>,
}

/// One store as filled, and how it restarts.
#[derive(Debug, Serialize)]
pub(crate) struct StoreResult {
    pub(crate) slots: u64,
    pub(crate) filled: Filled,
    pub(crate) restart_warm: Restart,
    pub(crate) restart_cold: Restart,
}

/// How filling went.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Filled {
    pub(crate) slots_per_s: f64,
    /// Until the engine was quiet, seconds; null if it never was.
    pub(crate) quiet_after_s: Option<f64>,
    /// Largest resident set of the process meanwhile.
    pub(crate) peak_rss_bytes: Option<u64>,
    /// Keys and values, as handed to the engine.
    pub(crate) record_bytes_per_message: f64,
    /// Allocated on disk after an orderly close.
    pub(crate) disk_bytes_per_message: f64,
}

/// Medians of several restarts after an orderly close.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Restart {
    pub(crate) close_ns: u64,
    pub(crate) open_ns: u64,
    /// Scheduler and the process's writer: the end of the schedule is read.
    pub(crate) latest_ns: u64,
    pub(crate) append_ns: u64,
    /// Bytes that came from the disk until the first append was stored.
    pub(crate) fetched_bytes: u64,
    /// Largest resident set of the process meanwhile.
    pub(crate) peak_rss_bytes: u64,
}
