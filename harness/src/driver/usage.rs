//! What the operating system says this process has used so far.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Use of the machine since the process began. Differences of two readings are what lies between.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Usage {
    /// CPU time, user and system, of all threads.
    pub cpu: Duration,
    /// Bytes this process caused to be sent to storage; `None` where the kernel does not tell.
    pub bytes_written: Option<u64>,
    /// CPU time that anybody used or that a hypervisor kept, over all CPUs; `None` where the kernel does not tell.
    pub machine_cpu: Option<Duration>,
}

impl Usage {
    /// Reads all figures.
    #[must_use]
    pub fn now() -> Self {
        Self {
            cpu: cpu_time(),
            bytes_written: proc_figure("/proc/self/io", "write_bytes:"),
            machine_cpu: std::fs::read_to_string("/proc/stat").ok().and_then(|text| busy(&text)),
        }
    }

    /// CPU time since `before` that was not this process's: what other programs, the kernel on its own account and
    /// other guests of the host took.
    #[must_use]
    pub fn foreign_cpu_since(&self, before: &Self) -> Option<Duration> {
        let machine = self.machine_cpu?.saturating_sub(before.machine_cpu?);
        Some(machine.saturating_sub(self.cpu.saturating_sub(before.cpu)))
    }
}

/// The largest resident set of this process so far, or since [`reset_peak_rss`], in bytes.
#[must_use]
pub fn peak_rss() -> Option<u64> {
    proc_figure("/proc/self/status", "VmHWM:").map(|kib| kib * 1024)
}

/// Lets [`peak_rss`] count from now on; `false` where the kernel does not allow it.
///
/// proc_pid_clear_refs(5): writing 5 sets the peak to what is resident now.
#[must_use]
pub fn reset_peak_rss() -> bool {
    std::fs::write("/proc/self/clear_refs", "5").is_ok()
}

/// The resident set of this process, in bytes.
#[must_use]
pub fn resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// What is resident and no part of what a round measures: what there was when it began, before its store was opened, and
/// the messages that were prepared since.
#[derive(Debug, Clone, Copy)]
pub struct MemoryBase {
    resident: Option<u64>,
    prepared: Prepared,
}

/// Resident bytes that making messages took, over the life of a driver. Messages that are let go of take some away.
#[derive(Debug, Clone, Copy, Default)]
pub struct Prepared(i64);

impl Prepared {
    /// Runs `prepare` and counts what it leaves resident.
    pub fn count<T>(&mut self, prepare: impl FnOnce() -> T) -> T {
        let resident = || resident_bytes().and_then(|bytes| i64::try_from(bytes).ok()).unwrap_or(0);
        let before = resident();
        let prepared = prepare();
        self.0 += resident() - before;
        prepared
    }
}

impl MemoryBase {
    /// Of a round that begins now.
    #[must_use]
    pub fn now(prepared: Prepared) -> Self {
        Self { resident: resident_bytes(), prepared }
    }

    /// Its bytes, now that so much is prepared.
    #[must_use]
    pub fn bytes(&self, prepared: Prepared) -> Option<u64> {
        Some(self.resident?.saturating_add_signed(prepared.0 - self.prepared.0))
    }
}

/// Bytes allocated on disk below `dir`. Files that vanish meanwhile do not count.
#[must_use]
pub fn disk_bytes(dir: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => allocated(&metadata) + disk_bytes(&entry.path()),
            Ok(metadata) => allocated(&metadata),
            Err(_) => 0,
        })
        .sum()
}

fn allocated(metadata: &std::fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    // The unit of st_blocks is 512 bytes whatever the file system's block size.
    metadata.blocks() * 512
}

fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}

/// The busy time of all CPUs in `/proc/stat` (proc(5)): user, nice, system, irq, softirq and steal. Guests' time is in
/// user already.
fn busy(stat: &str) -> Option<Duration> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let ticks: Vec<u64> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [user, nice, system, _idle, _iowait, irq, softirq, steal, ..] = *ticks.as_slice() else { return None };
    let busy = user + nice + system + irq + softirq + steal;
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    Some(Duration::from_nanos(busy.saturating_mul(1_000_000_000 / per_second)))
}

fn proc_figure(file: &str, label: &str) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(label))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_grow_with_use() {
        let before = Usage::now();
        let mut sum = 0_u64;
        while Usage::now().cpu == before.cpu {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(peak_rss().is_some_and(|bytes| bytes > 1 << 20));
    }

    #[test]
    fn what_is_busy_is_told_apart_from_what_waits() {
        let stat = "cpu  100 20 3 9000 800 4 5 6 7 8\ncpu0 1 1 1 1 1 1 1 1 0 0\nintr 5\n";
        let tick = Duration::from_nanos(1_000_000_000 / rustix::param::clock_ticks_per_second());
        assert_eq!(busy(stat), Some(tick * 138));
        assert_eq!((busy("cpu  1 2 3\n"), busy("")), (None, None));
        let usage = |cpu, machine| Usage { cpu: tick * cpu, bytes_written: None, machine_cpu: Some(tick * machine) };
        assert_eq!(usage(30, 100).foreign_cpu_since(&usage(10, 50)), Some(tick * 30));
        assert_eq!(usage(30, 60).foreign_cpu_since(&usage(10, 50)), Some(Duration::ZERO), "ticks are coarse");
    }

    #[test]
    fn disk_use_counts_nested_files() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let empty = disk_bytes(dir.path());
        std::fs::create_dir(dir.path().join("sub")).expect("creates");
        std::fs::write(dir.path().join("sub/file"), vec![1; 100_000]).expect("writes");
        assert!(disk_bytes(dir.path()) >= empty + 100_000);
        assert_eq!(disk_bytes(Path::new("/nonexistent")), 0);
    }
}
