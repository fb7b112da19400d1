//! What the operating system says this process has used so far.

use std::path::Path;
use std::time::Duration;

/// Use of the machine since the process began. Differences of two readings are what lies between.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// CPU time, user and system, of all threads.
    pub cpu: Duration,
    /// Bytes this process caused to be sent to storage; `None` where the kernel does not tell.
    pub bytes_written: Option<u64>,
}

impl Usage {
    /// Reads both figures.
    #[must_use]
    pub fn now() -> Self {
        Self { cpu: cpu_time(), bytes_written: proc_figure("/proc/self/io", "write_bytes:") }
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
    fn a_peak_can_be_left_behind() {
        // Other tests of this process come and go meanwhile: the block is larger than all they hold.
        let block = std::hint::black_box(vec![1_u8; 512 << 20]);
        assert!(resident_bytes().expect("told") >= 512 << 20);
        drop(block);
        let peak = peak_rss().expect("told");
        assert!(peak >= 512 << 20);
        if reset_peak_rss() {
            assert!(peak_rss().expect("told") < peak - (256 << 20));
        }
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
