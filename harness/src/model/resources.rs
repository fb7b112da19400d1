//! What a round used.

use serde::{Deserialize, Serialize};

/// Use of the machine by one round. `None`: the system or the engine does not tell.
///
/// `bytes_written / user_bytes` is the write amplification, `disk_bytes` over all user bytes (history included) the
/// space amplification, `syncs / messages` the cost of durability.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    /// CPU time of the process, user and system, over the measured part.
    pub cpu_ns: Option<u64>,
    /// CPU time of everything else over the measured part, all CPUs together: other programs, the kernel on its own
    /// account, and what a hypervisor kept. In steps of 10 ms on most systems.
    #[serde(default)]
    pub foreign_cpu_ns: Option<u64>,
    /// Largest resident set of the process over the measured part, the prepared messages included.
    pub peak_rss_bytes: Option<u64>,
    /// The same without what was resident before the round's store was opened and without the messages prepared since:
    /// what engine, scheduler and recorders take. Memory that earlier rounds of the process freed and its allocator kept
    /// counts as resident before. `None` too where the node of a transport shares the driver's process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_above_base_bytes: Option<u64>,
    /// The largest of the series' readings: the kernel did not let the process reset its own record.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub peak_rss_is_sampled: bool,
    /// Bytes the process caused to be sent to storage over the measured part: `write_bytes` of `/proc/self/io`.
    pub bytes_written: Option<u64>,
    /// Bytes that the device below the data directory wrote over the measured part, by its own count: with the file
    /// system's journal and metadata and everybody else's writes, without what still waits in the page cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_bytes_written: Option<u64>,
    /// Bytes allocated on disk by the data directory when the store is closed.
    pub disk_bytes: Option<u64>,
    /// Bytes of the messages that were stored: items as they were sent, history excluded.
    pub user_bytes: Option<u64>,
    /// fsync, fdatasync and msync calls over the measured part.
    pub syncs: Option<u64>,
    /// Time to open the store again after the round.
    pub reopen_ns: Option<u64>,
}
