//! Where stores live while they are measured.
//!
//! Measuring empties directories, so it touches only what it recognises: a directory that was absent or empty, or that
//! carries the marker file of an earlier run.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, IFlags};
use tempfile::TempDir;

use crate::cell::CellId;

/// The file that marks a directory as ours.
pub const MARKER: &str = ".slotbench-data";
/// Names of directories in which stores wait for their next round begin with it.
pub const HISTORY_PREFIX: &str = ".slotbench-history-";
const MARKER_TEXT: &str =
    "slotbench keeps stores under test here and deletes them: do not put anything else beside this file\n";

/// A data directory that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// There is something in it, and it is not ours.
    #[error("--data-dir {}: holds files that are not slotbench's (allowed: a directory that is absent, empty, or carries {MARKER})", .0.display())]
    Foreign(PathBuf),
    /// Another run uses it.
    #[error("--data-dir {}: in use by another run of slotbench", .0.display())]
    Locked(PathBuf),
    /// The system refused.
    #[error("cannot {op} {}: {source}", path.display())]
    Io {
        /// What was attempted.
        op: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

impl DataDirError {
    fn io(op: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { op, path, source }
    }
}

/// A directory for stores, locked against other runs. Stores are removed when it is dropped, unless they are to be kept.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    keep: bool,
    /// Released by the system when the process ends, however it ends.
    _lock: File,
    temporary: Option<TempDir>,
}

impl DataDir {
    /// Takes `path`, or a temporary directory in `beside`.
    ///
    /// # Errors
    /// [`DataDirError`]: not ours, in use, or not writable.
    pub fn open(path: Option<&Path>, beside: &Path, keep: bool) -> Result<Self, DataDirError> {
        match path {
            Some(path) => Self::take(path.to_owned(), keep, None),
            None => {
                let made = tempfile::Builder::new().prefix(".slotbench-").tempdir_in(beside);
                let temporary = made.map_err(DataDirError::io("create a temporary directory in", beside))?;
                Self::take(temporary.path().to_owned(), keep, Some(temporary))
            }
        }
    }

    fn take(path: PathBuf, keep: bool, temporary: Option<TempDir>) -> Result<Self, DataDirError> {
        fs::create_dir_all(&path).map_err(DataDirError::io("create", &path))?;
        let marker = path.join(MARKER);
        if !marker.exists() {
            if has_entries(&path)? {
                return Err(DataDirError::Foreign(path));
            }
            fs::write(&marker, MARKER_TEXT).map_err(DataDirError::io("write", &marker))?;
        }
        let lock = File::open(&marker).map_err(DataDirError::io("open", &marker))?;
        match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {
                remove_histories(&path)?;
                spread_directories(&path);
                Ok(Self { path, keep, _lock: lock, temporary })
            }
            Err(rustix::io::Errno::WOULDBLOCK) => Err(DataDirError::Locked(path)),
            Err(error) => Err(DataDirError::io("lock", &marker)(error.into())),
        }
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The directory by its full name, without links.
    ///
    /// # Errors
    /// [`DataDirError::Io`].
    pub fn canonical(&self) -> Result<PathBuf, DataDirError> {
        fs::canonicalize(&self.path).map_err(DataDirError::io("resolve", &self.path))
    }

    /// An empty directory for a round of `cell`: `<data directory>/<cell id>`.
    ///
    /// # Errors
    /// [`DataDirError::Io`].
    pub fn fresh(&self, cell: &CellId) -> Result<PathBuf, DataDirError> {
        let dir = self.path.join(cell.as_str());
        remove(&dir)?;
        // Made under a random name, from which the block group is chosen: see [`spread_directories`].
        let mut made = tempfile::Builder::new();
        // What the user's umask leaves of it, as with any directory.
        made.prefix(".new-").permissions(fs::Permissions::from_mode(0o777));
        let made = made.tempdir_in(&self.path);
        let made = made.map_err(DataDirError::io("create a directory in", &self.path))?.keep();
        fs::rename(&made, &dir).map_err(DataDirError::io("create", &dir))?;
        Ok(dir)
    }

    /// Removes what a round stored, unless stores are to be kept.
    ///
    /// # Errors
    /// [`DataDirError::Io`].
    pub fn discard(&self, dir: &Path) -> Result<(), DataDirError> {
        if self.keep { Ok(()) } else { self.remove(dir) }
    }

    /// Removes what was stored in a directory of a cell, also where stores are to be kept.
    ///
    /// # Errors
    /// [`DataDirError::Io`].
    pub fn remove(&self, dir: &Path) -> Result<(), DataDirError> {
        debug_assert!(dir.starts_with(&self.path));
        remove(dir)
    }

    /// Whether it goes away when dropped.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        self.temporary.is_some() && !self.keep
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        if let Some(temporary) = self.temporary.take_if(|_| self.keep) {
            let _kept = temporary.keep();
        }
    }
}

/// Removes what a run that was killed left behind: stores that waited for their next round.
fn remove_histories(path: &Path) -> Result<(), DataDirError> {
    for entry in fs::read_dir(path).map_err(DataDirError::io("list", path))?.flatten() {
        if entry.file_name().to_string_lossy().starts_with(HISTORY_PREFIX) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// Asks ext2, ext3 and ext4 to place each new directory in `path` in a block group of its own, as they do for home
/// directories.
///
/// ext4 does not reuse an inode for one to five minutes after its file was deleted, and steps over every such inode of
/// the group whenever a file is created. In one group with the deleted files of the round before, an engine that keeps
/// a file per record pays for that round. Other file systems do not know the flag and do not need it.
pub fn spread_directories(path: &Path) {
    let Ok(dir) = File::open(path) else { return };
    if let Ok(flags) = rustix::fs::ioctl_getflags(&dir) {
        let _is_a_hint = rustix::fs::ioctl_setflags(&dir, flags | IFlags::TOPDIR);
    }
}

fn has_entries(path: &Path) -> Result<bool, DataDirError> {
    Ok(fs::read_dir(path).map_err(DataDirError::io("list", path))?.next().is_some())
}

fn remove(dir: &Path) -> Result<(), DataDirError> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(DataDirError::io("remove", dir)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Overrides, Plan};

    fn cell() -> CellId {
        Plan::preset("quick", &Overrides::default()).expect("valid").cells[0].id.clone()
    }

    #[test]
    fn takes_absent_and_empty_directories_and_its_own_again() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let path = root.path().join("a/b");
        for _ in 0..2 {
            let data = DataDir::open(Some(&path), root.path(), false).expect("ours");
            fs::write(data.fresh(&cell()).expect("creates").join("file"), "x").expect("writes");
            assert_eq!(fs::read_dir(data.fresh(&cell()).expect("empties")).expect("is there").count(), 0);
        }
        assert!(path.join(MARKER).exists());
    }

    #[test]
    fn stores_that_a_killed_run_left_waiting_are_removed() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let path = root.path().join("data");
        drop(DataDir::open(Some(&path), root.path(), true).expect("ours"));
        let left = path.join(format!("{HISTORY_PREFIX}x/1"));
        fs::create_dir_all(&left).expect("creates");
        fs::create_dir_all(path.join("kept")).expect("creates");
        DataDir::open(Some(&path), root.path(), true).expect("ours");
        assert_eq!((left.exists(), path.join("kept").exists()), (false, true));
    }

    #[test]
    fn leaves_foreign_files_alone() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let precious = root.path().join("thesis.tex");
        fs::write(&precious, "years").expect("writes");
        let error = DataDir::open(Some(root.path()), root.path(), false).expect_err("foreign");
        assert!(matches!(error, DataDirError::Foreign(_)) && !error.to_string().contains('\n'));
        assert_eq!(fs::read_to_string(precious).expect("still there"), "years");
        assert!(!root.path().join(MARKER).exists());
    }

    #[test]
    fn rounds_are_spread_where_the_file_system_knows_how() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let data = DataDir::open(None, root.path(), false).expect("creates");
        let flags = |path: &Path| rustix::fs::ioctl_getflags(File::open(path).expect("opens"));
        if let Ok(plain) = flags(root.path())
            && rustix::fs::ioctl_setflags(File::open(root.path()).expect("opens"), plain | IFlags::TOPDIR).is_ok()
        {
            assert!(flags(data.path()).expect("as its parent").contains(IFlags::TOPDIR));
        }
    }

    #[test]
    fn one_run_at_a_time() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let path = root.path().join("data");
        let first = DataDir::open(Some(&path), root.path(), false).expect("ours");
        let second = DataDir::open(Some(&path), root.path(), false);
        assert!(matches!(second, Err(DataDirError::Locked(_))));
        drop(first);
        DataDir::open(Some(&path), root.path(), false).expect("free again");
    }

    #[test]
    fn a_temporary_directory_goes_away_unless_kept() {
        let root = tempfile::tempdir().expect("a temporary directory");
        for keep in [false, true] {
            let data = DataDir::open(None, root.path(), keep).expect("creates");
            let store = data.fresh(&cell()).expect("creates");
            data.discard(&store).expect("removes");
            let path = data.path().to_owned();
            assert_eq!(data.is_temporary(), !keep);
            drop(data);
            assert_eq!((path.exists(), store.exists()), (keep, keep));
        }
    }
}
