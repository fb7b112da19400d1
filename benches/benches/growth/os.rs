//! What the operating system tells of this process, and is told about its files.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::Advice;
use slotbench::driver::usage::Usage;

/// Calls and bytes since the process began, of `read` and `write` and their kin on whatever file.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct FileCalls {
    pub(crate) reads: u64,
    pub(crate) writes: u64,
    pub(crate) read_bytes: u64,
    pub(crate) written_bytes: u64,
    /// Bytes that really came from the disk.
    pub(crate) fetched_bytes: u64,
}

impl FileCalls {
    /// Reads the kernel's figures; all zero where it keeps none.
    pub(crate) fn now() -> Self {
        let text = fs::read_to_string("/proc/self/io").unwrap_or_default();
        let figure = |label: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(label));
            line.and_then(|rest| rest.trim().parse().ok()).unwrap_or_default()
        };
        Self {
            reads: figure("syscr:"),
            writes: figure("syscw:"),
            read_bytes: figure("rchar:"),
            written_bytes: figure("wchar:"),
            fetched_bytes: figure("read_bytes:"),
        }
    }

    /// What came after `earlier`.
    pub(crate) const fn since(&self, earlier: &Self) -> Self {
        Self {
            reads: self.reads - earlier.reads,
            writes: self.writes - earlier.writes,
            read_bytes: self.read_bytes - earlier.read_bytes,
            written_bytes: self.written_bytes - earlier.written_bytes,
            fetched_bytes: self.fetched_bytes - earlier.fetched_bytes,
        }
    }

    /// Both together.
    pub(crate) const fn plus(&self, other: &Self) -> Self {
        Self {
            reads: self.reads + other.reads,
            writes: self.writes + other.writes,
            read_bytes: self.read_bytes + other.read_bytes,
            written_bytes: self.written_bytes + other.written_bytes,
            fetched_bytes: self.fetched_bytes + other.fetched_bytes,
        }
    }
}

/// How long the process must rest to be taken for quiet.
const REST: Duration = Duration::from_secs(1);
const STEP: Duration = Duration::from_millis(100);
/// CPU time that a quiet process may use in one step: its idle threads wake now and then.
const IDLE: Duration = Duration::from_millis(2);

/// Waits until the process has neither written nor used more than 2 % of a core for a second. Returns how long that took;
/// `None` when `patience` ran out first.
pub(crate) fn wait_until_quiet(patience: Duration) -> Option<Duration> {
    let begun = Instant::now();
    let (mut last, mut rested) = (Usage::now(), Duration::ZERO);
    while rested < REST {
        if begun.elapsed() > patience {
            return None;
        }
        thread::sleep(STEP);
        let now = Usage::now();
        let idle = now.cpu - last.cpu <= IDLE && now.bytes_written == last.bytes_written;
        rested = if idle { rested + STEP } else { Duration::ZERO };
        last = now;
    }
    Some(begun.elapsed())
}

/// Writes everything in the page cache of the file system that holds `dir` to its disk.
pub(crate) fn write_back(dir: &Path) -> io::Result<()> {
    Ok(rustix::fs::syncfs(File::open(dir)?)?)
}

/// Drops all files below `dir` from the page cache.
pub(crate) fn drop_cached(dir: &Path) -> io::Result<()> {
    // Pages that are not written yet cannot be dropped.
    write_back(dir)?;
    each_file(dir, &|file| Ok(rustix::fs::fadvise(file, 0, None, Advice::DontNeed)?))
}

/// Reads all files below `dir`: what memory has room for is in the page cache after it.
pub(crate) fn read_through(dir: &Path) -> io::Result<()> {
    each_file(dir, &|mut file| io::copy(&mut file, &mut io::sink()).map(drop))
}

fn each_file(dir: &Path, act: &impl Fn(&File) -> io::Result<()>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            each_file(&entry.path(), act)?;
        } else if kind.is_file() {
            act(&File::open(entry.path())?)?;
        }
    }
    Ok(())
}
