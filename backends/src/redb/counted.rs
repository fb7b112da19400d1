//! redb's file with its calls counted: the only exact way to know how often it syncs.

use std::fs::File;
use std::io;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use ::redb::backends::FileBackend;
use ::redb::{BackendError, DatabaseError, StorageBackend};

/// Calls since the file was opened.
#[derive(Debug, Default)]
pub(super) struct FileCalls {
    /// fdatasync.
    pub(super) syncs: AtomicU64,
    /// pwrite.
    pub(super) writes: AtomicU64,
    /// Bytes of them.
    pub(super) write_bytes: AtomicU64,
    /// pread.
    pub(super) reads: AtomicU64,
}

/// A file that counts.
#[derive(Debug)]
pub(super) struct CountedFile {
    file: FileBackend,
    calls: Arc<FileCalls>,
}

impl CountedFile {
    pub(super) fn new(file: File, calls: Arc<FileCalls>) -> Result<Self, DatabaseError> {
        Ok(Self { file: FileBackend::new(file)?, calls })
    }
}

type Locked<T> = Result<T, BackendError>;

impl StorageBackend for CountedFile {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.calls.reads.fetch_add(1, Relaxed);
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.calls.syncs.fetch_add(1, Relaxed);
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.calls.writes.fetch_add(1, Relaxed);
        self.calls.write_bytes.fetch_add(data.len() as u64, Relaxed);
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Locked<bool> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Locked<bool> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Locked<()> {
        self.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Locked<()> {
        self.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Locked<()> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Locked<bool> {
        self.file.query_lock_range(start, end)
    }
}
