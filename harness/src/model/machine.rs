//! Where a run happened.

use serde::{Deserialize, Serialize};

/// The machine, as far as it can be read without privileges. Nothing in it names a person, a host or a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// 12 hexadecimal digits over everything that makes results comparable: CPU, cores, memory, governor, huge pages,
    /// storage. Not the kernel, so that a baseline outlives an update.
    pub fingerprint: String,
    /// Model of the CPU.
    pub cpu: String,
    /// Logical CPUs this process may use.
    pub cores: u32,
    /// Main memory in bytes.
    pub memory_bytes: u64,
    /// CPU frequency governor, such as `performance`; `None` where the system does not tell, as in most guests.
    pub governor: Option<String>,
    /// Which memory the kernel backs with huge pages by itself, `always`, `madvise` or `never`: an engine with large
    /// tables in memory gains some percent by the first. `None` where the system does not tell.
    #[serde(default)]
    pub huge_pages: Option<String>,
    /// Kernel name and release, such as `Linux 6.8.0`.
    pub kernel: String,
    /// Below the data directory.
    pub storage: Storage,
}

/// File system and device of the data directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Storage {
    /// Type of the file system, such as `ext4`.
    pub filesystem: String,
    /// Mount options, comma-separated.
    pub mount_options: String,
    /// The block device's name, such as `nvme0n1p2`, or what is mounted.
    pub device: String,
    /// Model of the device, where it has one.
    pub model: Option<String>,
    /// The kernel's view of the write cache: `write back` (volatile: a flush costs) or `write through`.
    pub write_cache: Option<String>,
}

/// What the machine and the harness cost by themselves, measured in the same run. `None`: not measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Floors {
    /// Append 4 KiB to a file of the data directory and fdatasync it: median, on the CPU where it takes least.
    pub fdatasync_ns: Option<f64>,
    /// The same on the CPU where it takes longest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fdatasync_slowest_ns: Option<f64>,
    /// Append 4 KiB to a file without a sync: median.
    pub append_ns: Option<f64>,
    /// SHA-256 of 1 KiB.
    pub sha256_ns: Option<f64>,
    /// One reading of the clock.
    pub clock_ns: Option<f64>,
    /// The harness's own cost per message: a message scheduled on the `null` engine.
    pub harness_ns: Option<f64>,
}
