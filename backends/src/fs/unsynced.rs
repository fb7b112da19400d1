//! What is in the tree and would not survive a power cut.

use std::collections::{BTreeSet, HashSet};
use std::fs::File;

use rustix::fs::{FileType, OFlags};
use slotbench_core::store::StoreError;

use super::disk::Disk;
use super::layout::parent;

/// Most files kept open until they are synced; a quarter of the usual limit of 1024 descriptors a process.
pub(super) const MAX_HELD: usize = 256;
/// Most directories remembered as durable before the memory starts over: some 16 MB.
const MAX_DURABLE: usize = 1 << 16;

/// Files and directories that a checkpoint has to sync.
#[derive(Debug, Default)]
pub(super) struct Unsynced {
    /// Open since they were written, because Linux reports a failed write-back only to those who had the file open, or
    /// while it remembers the inode.
    files: Vec<(File, String)>,
    /// Directories with changed entries.
    dirs: BTreeSet<String>,
    /// Directories that a power cut does not take away, as far as known.
    durable: HashSet<String>,
    /// Whether something that is in neither list was never synced.
    pub(super) overflown: bool,
}

impl Unsynced {
    /// Nothing written yet; `overflown` if an earlier process may have left entries that it never synced.
    pub(super) fn new(overflown: bool) -> Self {
        Self { overflown, ..Self::default() }
    }

    /// Takes a file just written that goes to `path`. Beyond the limit it is synced at once if its batch has to last.
    pub(super) fn hold(&mut self, disk: &Disk, file: File, path: String, lasting: bool) -> Result<(), StoreError> {
        if self.files.len() < MAX_HELD {
            self.files.push((file, path));
            return Ok(());
        }
        if lasting {
            return disk.sync_file(&file, &path);
        }
        self.overflown = true;
        Ok(())
    }

    /// Notes that the entries of the directory of `path` have changed.
    pub(super) fn touch(&mut self, path: &str) {
        let directory = parent(path);
        if !self.dirs.contains(directory) {
            self.dirs.insert(directory.to_owned());
        }
    }

    /// Whether it has become so long that it must be synced or forgotten.
    pub(super) fn is_full(&self) -> bool {
        self.files.len() >= MAX_HELD || self.dirs.len() >= MAX_HELD
    }

    /// Stops keeping track, which leaves [`sync_tree`] as the only way to sync all.
    pub(super) fn forget(&mut self) {
        self.overflown |= !(self.files.is_empty() && self.dirs.is_empty());
        self.files.clear();
        self.dirs.clear();
    }

    /// Makes everything listed durable: contents first, then the directories that name them, each once.
    pub(super) fn sync(&mut self, disk: &Disk) -> Result<(), StoreError> {
        disk.sync_files(&self.files)?;
        self.files.clear();
        self.sync_dirs(disk)
    }

    /// A directory's entry is as volatile as any other, so every directory on the way up that is not known to be
    /// durable has its parent synced as well.
    fn sync_dirs(&mut self, disk: &Disk) -> Result<(), StoreError> {
        let mut due = std::mem::take(&mut self.dirs);
        let mut proven: BTreeSet<String> = BTreeSet::new();
        for directory in due.clone() {
            let mut path = directory.as_str();
            while !path.is_empty() && !self.durable.contains(path) && proven.insert(path.to_owned()) {
                path = parent(path);
                due.insert(path.to_owned());
            }
        }
        disk.sync_dirs(&due.into_iter().collect::<Vec<_>>())?;
        if self.durable.len() + proven.len() > MAX_DURABLE {
            self.durable.clear();
        }
        self.durable.extend(proven);
        Ok(())
    }
}

/// Syncs every file and directory at and below the directory `path`.
pub(super) fn sync_tree(disk: &Disk, path: &str) -> Result<(), StoreError> {
    for listed in disk.list(path)? {
        let Some(name) = listed.name else { continue };
        let below = format!("{path}/{name}");
        match listed.kind {
            FileType::Directory => sync_tree(disk, &below)?,
            FileType::RegularFile => disk.sync_file(&disk.open(&below, OFlags::RDONLY)?, &below)?,
            _ => {}
        }
    }
    disk.sync_dir(path)
}
