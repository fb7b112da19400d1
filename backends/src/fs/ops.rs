//! The file operations that change something, and the one they depend on, so that tests can count and fail them.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{AtFlags, CWD, FsWord, Mode, OFlags};
use rustix::io::retry_on_intr;

/// What the engine does to a file system. Paths are relative to the store's directory, which is itself
/// the empty path.
pub(super) trait FileOps: Send + Sync {
    /// Makes a file that does not exist yet and writes all of `bytes`.
    fn create(&self, path: &str, bytes: &[u8]) -> io::Result<File>;
    /// Makes a directory.
    fn make_dir(&self, path: &str) -> io::Result<()>;
    /// Makes a symbolic link with that text.
    fn symlink(&self, text: &str, path: &str) -> io::Result<()>;
    /// Moves a file or link, replacing another one.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file or link.
    fn remove(&self, path: &str) -> io::Result<()>;
    /// Overwrites or extends a file.
    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Empties a file.
    fn truncate(&self, file: &File) -> io::Result<()>;
    /// `fdatasync`: content and length of a file.
    fn sync_file(&self, file: &File) -> io::Result<()>;
    /// `fsync` of a directory: its entries.
    fn sync_dir(&self, path: &str) -> io::Result<()>;
    /// [`sync_file`](Self::sync_file) for all of them, in no particular order. On failure the first that was seen to
    /// fail, by its position; whether the others are durable is then unknown.
    fn sync_files(&self, files: &[(File, String)]) -> Result<(), (usize, io::Error)> {
        one_by_one(files, |(file, _)| self.sync_file(file))
    }
    /// [`sync_dir`](Self::sync_dir) for all of them, likewise.
    fn sync_dirs(&self, paths: &[String]) -> Result<(), (usize, io::Error)> {
        one_by_one(paths, |path| self.sync_dir(path))
    }
    /// The kind of file system, as statfs(2) tells it.
    fn magic(&self) -> io::Result<FsWord>;
}

/// How many syncs wait for the disk at a time: a journalling file system commits what waits together.
const PARALLEL_SYNCS: usize = 16;

fn one_by_one<T>(items: &[T], sync: impl Fn(&T) -> io::Result<()>) -> Result<(), (usize, io::Error)> {
    items.iter().enumerate().try_for_each(|(at, item)| sync(item).map_err(|error| (at, error)))
}

fn in_parallel<T: Sync>(
    items: &[T],
    sync: impl Fn(&T) -> io::Result<()> + Sync,
) -> Result<(), (usize, io::Error)> {
    if items.len() < 4 {
        return one_by_one(items, sync);
    }
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(None));
    let work = || {
        while let Some((at, item)) = items.iter().enumerate().nth(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(error) = sync(item) {
                failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert((at, error));
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..PARALLEL_SYNCS.min(items.len()) {
            scope.spawn(work);
        }
    });
    failed.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}

/// A directory, by descriptor: paths below it stay short to walk and remain valid when it is moved.
#[derive(Debug)]
pub(super) struct Root {
    dir: OwnedFd,
}

impl Root {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self { dir: rustix::fs::openat(CWD, path, flags, Mode::empty())? })
    }

    pub(super) fn fd(&self) -> &OwnedFd {
        &self.dir
    }

    /// Opens a file; a symbolic link is an error (`ELOOP`), and a FIFO does not block.
    pub(super) fn file(&self, path: &str, flags: OFlags) -> io::Result<File> {
        let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let mode = Mode::from_raw_mode(0o644);
        Ok(retry_on_intr(|| rustix::fs::openat(&self.dir, path, flags, mode))?.into())
    }

    /// Opens a directory; the empty path is this one.
    pub(super) fn directory(&self, path: &str) -> io::Result<OwnedFd> {
        let path = if path.is_empty() { "." } else { path };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(retry_on_intr(|| rustix::fs::openat(&self.dir, path, flags, Mode::empty()))?)
    }
}

impl FileOps for Root {
    fn create(&self, path: &str, bytes: &[u8]) -> io::Result<File> {
        let mut file = self.file(path, OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL)?;
        file.write_all(bytes)?;
        Ok(file)
    }

    fn make_dir(&self, path: &str) -> io::Result<()> {
        Ok(rustix::fs::mkdirat(&self.dir, path, Mode::from_raw_mode(0o755))?)
    }

    fn symlink(&self, text: &str, path: &str) -> io::Result<()> {
        Ok(rustix::fs::symlinkat(text, &self.dir, path)?)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.dir, from, &self.dir, to)?)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.dir, path, AtFlags::empty())?)
    }

    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    fn truncate(&self, file: &File) -> io::Result<()> {
        file.set_len(0)
    }

    fn sync_file(&self, file: &File) -> io::Result<()> {
        Ok(retry_on_intr(|| rustix::fs::fdatasync(file))?)
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        let directory = self.directory(path)?;
        Ok(retry_on_intr(|| rustix::fs::fsync(&directory))?)
    }

    fn sync_files(&self, files: &[(File, String)]) -> Result<(), (usize, io::Error)> {
        in_parallel(files, |(file, _)| self.sync_file(file))
    }

    fn sync_dirs(&self, paths: &[String]) -> Result<(), (usize, io::Error)> {
        in_parallel(paths, |path| self.sync_dir(path))
    }

    fn magic(&self) -> io::Result<FsWord> {
        Ok(rustix::fs::fstatfs(&self.dir)?.f_type)
    }
}
