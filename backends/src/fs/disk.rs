//! The store's directory: file operations with the place in their errors, counted.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, Dir, FileType, FsWord, OFlags};
use rustix::io::Errno;
use slotbench_core::store::StoreError;

use super::layout::parent;
use super::ops::{FileOps, Root};

/// The private directory for files that are not in place yet.
pub(super) const STAGING: &str = "tmp";

/// What was done since the store was opened.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// fsync and fdatasync calls, failed ones included.
    pub(super) syncs: AtomicU64,
    /// Directories listed.
    pub(super) listings: AtomicU64,
    /// Things met in the tree that are not this engine's.
    pub(super) strays: AtomicU64,
    /// Bytes written to the journal.
    pub(super) journal_bytes: AtomicU64,
    /// Checkpoints made.
    pub(super) checkpoints: AtomicU64,
}

/// Adds to a figure that is only ever reported.
pub(super) fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Relaxed);
}

/// What a path holds.
pub(super) enum Content {
    File(Vec<u8>),
    Link(String),
}

/// One name of a directory.
pub(super) struct Listed {
    /// `None` if it is not UTF-8, and so not ours.
    pub(super) name: Option<String>,
    pub(super) kind: FileType,
}

/// The store's directory.
pub(super) struct Disk {
    path: PathBuf,
    root: Root,
    ops: Box<dyn FileOps>,
    staged: AtomicU64,
    pub(super) tally: Tally,
}

impl Disk {
    /// Works in `root`, which was opened at `path`; changes go through `ops`.
    pub(super) fn new(path: &Path, root: Root, ops: Box<dyn FileOps>) -> Self {
        Self { path: path.to_owned(), root, ops, staged: AtomicU64::new(0), tally: Tally::default() }
    }

    /// An error with the full path, put together only when it is needed.
    fn failed<'a>(&'a self, op: &'static str, path: &'a str) -> impl FnOnce(io::Error) -> StoreError + 'a {
        move |source| StoreError::Io { op, path: self.path.join(path).display().to_string(), source }
    }

    /// A fresh path in the staging directory.
    fn staging_path(&self) -> String {
        format!("{STAGING}/{}", self.staged.fetch_add(1, Ordering::Relaxed))
    }

    /// Writes a new file to the staging directory, and gives its path.
    pub(super) fn stage(&self, bytes: &[u8]) -> Result<(String, File), StoreError> {
        let path = self.staging_path();
        let file = self.ops.create(&path, bytes).map_err(self.failed("write", &path))?;
        Ok((path, file))
    }

    /// Moves a staged file or link into place, making the directories on the way.
    pub(super) fn publish(&self, staged: &str, path: &str) -> Result<(), StoreError> {
        self.with_parents(path, || self.ops.rename(staged, path)).map_err(self.failed("rename", path))
    }

    /// Makes `path` a symbolic link, whatever it was.
    pub(super) fn link(&self, text: &str, path: &str) -> Result<(), StoreError> {
        match self.with_parents(path, || self.ops.symlink(text, path)) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => self.relink(text, path),
            done => done.map_err(self.failed("symlink", path)),
        }
    }

    fn relink(&self, text: &str, path: &str) -> Result<(), StoreError> {
        let staged = self.staging_path();
        self.ops.symlink(text, &staged).map_err(self.failed("symlink", &staged))?;
        self.publish(&staged, path)
    }

    /// Tries `make`; where a directory is missing on the way to `path`, makes it and tries again.
    fn with_parents(&self, path: &str, make: impl Fn() -> io::Result<()>) -> io::Result<()> {
        match make() {
            Err(error) if error.kind() == ErrorKind::NotFound && !parent(path).is_empty() => {
                self.try_make_dir(parent(path))?;
                make()
            }
            done => done,
        }
    }

    fn try_make_dir(&self, path: &str) -> io::Result<()> {
        match self.with_parents(path, || self.ops.make_dir(path)) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            done => done,
        }
    }

    /// Makes a directory, and those on the way to it, unless it is there.
    pub(super) fn make_dir(&self, path: &str) -> Result<(), StoreError> {
        self.try_make_dir(path).map_err(self.failed("create directory", path))
    }

    /// Removes a file or link, if it is there. Tells whether its directory is, and so has lost the entry, now or before.
    pub(super) fn remove(&self, path: &str) -> Result<bool, StoreError> {
        match self.ops.remove(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => self.exists(parent(path)),
            done => done.map(|()| true).map_err(self.failed("remove", path)),
        }
    }

    /// Makes an empty file, unless there is one.
    pub(super) fn make_file(&self, path: &str) -> Result<(), StoreError> {
        if self.exists(path)? {
            return Ok(());
        }
        self.ops.create(path, &[]).map(drop).map_err(self.failed("create", path))
    }

    pub(super) fn write_at(&self, file: &File, path: &str, bytes: &[u8], offset: u64) -> Result<(), StoreError> {
        self.ops.write_at(file, bytes, offset).map_err(self.failed("write", path))
    }

    pub(super) fn truncate(&self, file: &File, path: &str) -> Result<(), StoreError> {
        self.ops.truncate(file).map_err(self.failed("truncate", path))
    }

    /// Makes a file's content durable. `path` is for the error only.
    pub(super) fn sync_file(&self, file: &File, path: &str) -> Result<(), StoreError> {
        add(&self.tally.syncs, 1);
        self.ops.sync_file(file).map_err(self.failed("fdatasync", path))
    }

    /// Makes a directory's entries durable; the empty path is the store's own directory, `..` the one it lies in.
    pub(super) fn sync_dir(&self, path: &str) -> Result<(), StoreError> {
        add(&self.tally.syncs, 1);
        self.ops.sync_dir(path).map_err(self.failed("fsync", path))
    }

    /// Makes the contents of many files durable.
    pub(super) fn sync_files(&self, files: &[(File, String)]) -> Result<(), StoreError> {
        add(&self.tally.syncs, files.len() as u64);
        let synced = self.ops.sync_files(files);
        synced.map_err(|(at, error)| self.failed("fdatasync", files.get(at).map_or("", |(_, path)| path))(error))
    }

    /// Makes the entries of many directories durable.
    pub(super) fn sync_dirs(&self, paths: &[String]) -> Result<(), StoreError> {
        add(&self.tally.syncs, paths.len() as u64);
        let synced = self.ops.sync_dirs(paths);
        synced.map_err(|(at, error)| self.failed("fsync", paths.get(at).map_or("", String::as_str))(error))
    }

    /// The kind of file system it lies on, as statfs(2) tells it.
    pub(super) fn magic(&self) -> Result<FsWord, StoreError> {
        self.ops.magic().map_err(self.failed("statfs", ""))
    }

    /// Opens a file of ours.
    pub(super) fn open(&self, path: &str, flags: OFlags) -> Result<File, StoreError> {
        self.root.file(path, flags).map_err(self.failed("open", path))
    }

    /// What is at `path`; `None` for nothing, and for what can be neither a value nor a link.
    pub(super) fn read(&self, path: &str) -> Result<Option<Content>, StoreError> {
        let opened = self.root.file(path, OFlags::RDONLY);
        match opened.map_err(|error| (Errno::from_io_error(&error), error)) {
            Ok(file) => self.read_all(file, path),
            Err((Some(Errno::LOOP), _)) => self.link_text(path).map(|text| text.map(Content::Link)),
            // ENXIO: a socket.
            Err((Some(Errno::NOENT | Errno::NOTDIR | Errno::NXIO), _)) => Ok(None),
            Err((_, error)) => Err(self.failed("open", path)(error)),
        }
    }

    fn read_all(&self, mut file: File, path: &str) -> Result<Option<Content>, StoreError> {
        let metadata = file.metadata().map_err(self.failed("stat", path))?;
        if !metadata.is_file() {
            return Ok(None);
        }
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
        file.read_to_end(&mut bytes).map_err(self.failed("read", path))?;
        Ok(Some(Content::File(bytes)))
    }

    /// The text of a symbolic link, a text that is not UTF-8 made unreadable; `None` if it is gone.
    pub(super) fn link_text(&self, path: &str) -> Result<Option<String>, StoreError> {
        match rustix::fs::readlinkat(self.root.fd(), path, Vec::new()) {
            Ok(text) => Ok(Some(text.to_string_lossy().into_owned())),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(self.failed("readlink", path)(error.into())),
        }
    }

    /// The length of a file in bytes; `None` if it is gone.
    pub(super) fn length(&self, path: &str) -> Result<Option<u64>, StoreError> {
        match rustix::fs::statat(self.root.fd(), path, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(u64::try_from(stat.st_size).unwrap_or(0))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(self.failed("stat", path)(error.into())),
        }
    }

    /// Whether anything has that name.
    pub(super) fn exists(&self, path: &str) -> Result<bool, StoreError> {
        self.length(path).map(|length| length.is_some())
    }

    /// The names in a directory, in no order; none if there is no such directory.
    pub(super) fn list(&self, path: &str) -> Result<Vec<Listed>, StoreError> {
        add(&self.tally.listings, 1);
        match self.try_list(path) {
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(Vec::new()),
            listed => listed.map_err(|error| self.failed("list", path)(error.into())),
        }
    }

    fn try_list(&self, path: &str) -> Result<Vec<Listed>, Errno> {
        let directory = self.root.directory(path).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
        let mut listed = Vec::new();
        for entry in Dir::new(directory)? {
            let entry = entry?;
            if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
                let name = entry.file_name().to_str().ok().map(str::to_owned);
                let kind = self.kind(path, name.as_deref(), entry.file_type());
                listed.push(Listed { name, kind });
            }
        }
        Ok(listed)
    }

    /// The kind of an entry where the file system does not say it in the directory.
    fn kind(&self, directory: &str, name: Option<&str>, told: FileType) -> FileType {
        let (FileType::Unknown, Some(name)) = (told, name) else { return told };
        let path = format!("{directory}/{name}");
        let stat = rustix::fs::statat(self.root.fd(), path, AtFlags::SYMLINK_NOFOLLOW);
        stat.map_or(FileType::Unknown, |stat| FileType::from_raw_mode(stat.st_mode))
    }
}
