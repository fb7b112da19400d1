//! sled's files, synced from outside.
//!
//! | file | written | made durable |
//! |---|---|---|
//! | `conf` | once, when created | at open |
//! | `db` | the log, at every flush | fdatasync after the flush: any descriptor of the file will do |
//! | `blobs/<lsn>` | once, before the log names it; pages above 128 KiB | fsync, and fsync of `blobs`, before the log |
//! | `snap.<lsn>` | in recovery, and fsynced by sled | their directory entry, at open |

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use slotbench_core::store::StoreError;

use crate::shared::medium;

/// What must reach the disk, and what has.
#[derive(Debug)]
pub(super) struct Files {
    log: File,
    log_path: PathBuf,
    blobs: PathBuf,
    known_blobs: BTreeSet<OsString>,
    /// The number of the last batch that survives a power cut.
    pub(super) covered: u64,
    /// fsync and fdatasync calls.
    pub(super) syncs: u64,
    /// Blobs among them.
    pub(super) blobs_synced: u64,
}

impl Files {
    /// Opens the files of an open sled in `dir`, and makes everything that is there durable.
    pub(super) fn open(dir: &Path) -> Result<Self, StoreError> {
        let (log_path, blobs) = (dir.join("db"), dir.join("blobs"));
        let log = File::open(&log_path).map_err(StoreError::io("open", &log_path))?;
        let known_blobs = BTreeSet::new();
        let mut files = Self { log, log_path, blobs, known_blobs, covered: 0, syncs: 0, blobs_synced: 0 };
        files.sync_blobs()?;
        files.sync_log()?;
        files.sync_file(&dir.join("conf"))?;
        medium::sync_dir(&files.blobs)?;
        medium::sync_created(dir)?;
        files.syncs += 3;
        Ok(files)
    }

    /// Syncs the blobs that appeared since the last call, then the directory that names them.
    pub(super) fn sync_blobs(&mut self) -> Result<(), StoreError> {
        let present = self.list_blobs()?;
        let mut appeared = false;
        for name in present.difference(&self.known_blobs).cloned().collect::<Vec<_>>() {
            appeared |= self.sync_file(&self.blobs.join(name))?;
            self.blobs_synced += 1;
        }
        // Names come from a counter that only grows, so one that is gone never means another file later.
        self.known_blobs = present;
        if appeared {
            medium::sync_dir(&self.blobs)?;
            self.syncs += 1;
        }
        Ok(())
    }

    /// Syncs the log as far as sled has written it.
    pub(super) fn sync_log(&mut self) -> Result<(), StoreError> {
        self.log.sync_data().map_err(StoreError::io("fdatasync", &self.log_path))?;
        self.syncs += 1;
        Ok(())
    }

    fn list_blobs(&self) -> Result<BTreeSet<OsString>, StoreError> {
        let names = self.blobs.read_dir().and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect());
        names.map_err(StoreError::io("read directory", &self.blobs))
    }

    /// fsync of a file, unless sled has removed it by now.
    fn sync_file(&mut self, path: &Path) -> Result<bool, StoreError> {
        match File::open(path) {
            Ok(file) => {
                file.sync_all().map_err(StoreError::io("fsync", path))?;
                self.syncs += 1;
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(StoreError::io("open", path)(error)),
        }
    }
}
