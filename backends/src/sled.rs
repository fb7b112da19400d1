//! sled 0.34: a lock-free B-link tree over a log of 512 KiB segments.
//!
//! | tier | setting | file calls of one small batch |
//! |---|---|---|
//! | `memory` | runs as `process`, see below | as `process` |
//! | `process` | `flush()` | 2 pwrite, 2 sync_file_range |
//! | `power` | `flush()`, then fdatasync of sled's log by us | the same, 1 fdatasync; 2 fsync more where it made a blob |
//!
//! Counted with `strace` and `examples/tier.rs`. The periodic flusher is off, so that a tier is a tier and not a race with
//! a timer; option `flush_every_ms` turns it on.
//!
//! # Why `memory` flushes too
//! sled writes its log at the start and at the end of every atomic batch, flushed or not, through a pool of seven threads.
//! Not to await that saves no call; it only lets a backlog grow. Without flushes 80,000 batches of 1 KiB took 425 MB of
//! memory and 279 MB of disk, with one flush each 102 MB and 145 MB. Worse, it can stop for good: the thread that takes a
//! segment holds the segment lock while it waits for the pool to truncate the file, and every thread of the pool waits for
//! that lock to finish its write (seen with `gdb`, in minutes). So no batch starts before the one before it is flushed;
//! batches of 4 MB have not stopped it since.
//!
//! # Why batches are followed by collections
//! sled frees replaced nodes and evicted pages by epochs: every 128th call of any kind collects, and a batch is one call
//! however large it is. Filled with batches of 1024 messages, a million of them took 9.9 GiB of memory beside a cache of
//! 128 MiB; with batches of 64, 271 MiB. So each batch collects for itself (`benches/growth` has the figures).
//!
//! # Why `flush()` is not enough
//! On Linux sled's `flush()` writes its buffer and calls only `sync_file_range`, which flushes neither the file's
//! metadata nor the drive's cache (spacejam/sled#1351, #1452): in a simulated power cut every record is lost. sled's
//! own fsync happens only in the periodic flusher, when the log shrinks, in recovery and in an orderly close. `files.rs`
//! does what is missing: blobs, the directory that names them, then the log. One such sync serves every batch that was
//! flushed before it began.
//!
//! # Known trouble in 0.34.7
//! - Recovery may panic instead of failing (spacejam/sled#1387), reads too: panics are caught and reported as damage.
//! - Damage to the log or to a blob is not reported: the store opens with what was before it, or without the page.
//! - Recovery passes over a pointer to a missing or torn blob without a word (`DanglingBlob`). An acknowledged batch is
//!   safe from that; an unacknowledged one that made a blob (a page above 128 KiB) may come back in part, for the log is
//!   written in the background while the blob is not yet synced.
//! - Segments are freed as soon as what replaces them has been written, synced or not. The sync after every batch
//!   closes that window for batches that fit into two segments (1 MiB); nothing can for larger ones.
//! - Its lock outlives the closed database for as long as a write is under way: closing waits for that. With ten million
//!   slots it took 28 s; three seconds' profile of its thread show `SegmentAccountant::stabilize` (`perf`).
//! - A batch is isolated from readers by a lock that belongs to the process, not to the database: two open stores slow
//!   each other down.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use ::sled::{Config, Db, IVec};
use bytes::Bytes;
use slotbench_core::Key;
use slotbench_core::store::{Batch, Counters, Description, Durability, Entry, Node, Store, StoreError, Tier};

use crate::shared::{CACHE_BYTES, Medium, Poison, Record, Tally, contained, locked, medium, record};
use crate::{Engine, Options};

mod files;

use files::Files;

const NAME: &str = "sled";

/// The kind of engine.
#[derive(Debug)]
pub struct Sled;

impl Engine for Sled {
    const NAME: &'static str = NAME;
    const PERSISTENT: bool = true;

    fn version() -> String {
        locked::version("sled").to_owned()
    }

    fn tiers() -> [Tier; 3] {
        let tier = |asked, effective, how: &str| Tier { asked, effective: Some(effective), how: how.to_owned() };
        [
            tier(Durability::Memory, Durability::Process, "flush(): without it sled's backlog of writes has no bound"),
            tier(Durability::Process, Durability::Process, "flush(): pwrite and sync_file_range"),
            tier(Durability::Power, Durability::Power, "flush(), then fdatasync of sled's files: flush() alone is lost"),
        ]
    }

    fn open(dir: &Path, options: &Options) -> Result<Arc<dyn Store>, StoreError> {
        Ok(Arc::new(contained(dir, || SledStore::open(dir, options))?))
    }
}

/// What a plan may change.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    cache_bytes: u64,
    /// Milliseconds between the syncs of sled's own flusher; 0: none.
    flush_every_ms: u64,
}

impl Settings {
    pub(crate) fn read(options: &Options) -> Result<Self, StoreError> {
        options.known(NAME, &["cache_bytes", "flush_every_ms"])?;
        Ok(Self {
            cache_bytes: options.get(NAME, "cache_bytes", CACHE_BYTES as u64)?,
            flush_every_ms: options.get(NAME, "flush_every_ms", 0)?,
        })
    }

    pub(crate) fn config(&self, dir: &Path) -> Config {
        // `mode` is left alone: 0.34.7 reads it nowhere.
        Config::default().path(dir).cache_capacity(self.cache_bytes).flush_every_ms(self.flusher())
    }

    fn flusher(&self) -> Option<u64> {
        (self.flush_every_ms > 0).then_some(self.flush_every_ms)
    }

    fn effective(&self) -> BTreeMap<String, String> {
        let options = [
            ("cache_bytes", self.cache_bytes.to_string()),
            ("flush_every_ms", self.flusher().map_or_else(|| "off".to_owned(), |every| every.to_string())),
            ("segment_bytes", (512 << 10).to_string()),
            ("compression", "none".to_owned()),
        ];
        options.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// An open database.
struct SledStore {
    db: Db,
    dir: PathBuf,
    /// Dropped after the database.
    _release: Release,
    files: Mutex<Files>,
    /// Held from the start of a batch until it is flushed.
    turn: Mutex<()>,
    /// Batches flushed so far, so that one sync serves all that came before it.
    flushed: AtomicU64,
    settings: Settings,
    medium: Medium,
    poison: Poison,
    tally: Tally,
}

impl SledStore {
    fn open(dir: &Path, options: &Options) -> Result<Self, StoreError> {
        let settings = Settings::read(options)?;
        medium::expect_only(dir, NAME, |name| {
            matches!(name, "db" | "conf" | "blobs") || name.starts_with("snap.")
        })?;
        let db = settings.config(dir).open().map_err(|error| refused(dir, error))?;
        Ok(Self {
            db,
            dir: dir.to_owned(),
            _release: Release { dir: dir.to_owned() },
            files: Mutex::new(Files::open(dir)?),
            turn: Mutex::default(),
            flushed: AtomicU64::new(0),
            settings,
            medium: Medium::of(dir)?,
            poison: Poison::default(),
            tally: Tally::default(),
        })
    }

    fn write(&self, batch: &Batch, durability: Durability) -> Result<(), StoreError> {
        let changes = translate(batch);
        let ticket = {
            let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
            self.db.apply_batch(changes).map_err(StoreError::engine(NAME, "apply batch"))?;
            self.flush()?;
            free_replaced(batch.len());
            self.flushed.fetch_add(1, Ordering::SeqCst) + 1
        };
        match durability {
            Durability::Memory | Durability::Process => Ok(()),
            Durability::Power => self.sync_up_to(ticket),
        }
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.db.flush().map(drop).map_err(StoreError::engine(NAME, "flush"))
    }

    /// Makes the first `ticket` batches survive a power cut, unless a sync that began after them already has.
    fn sync_up_to(&self, ticket: u64) -> Result<(), StoreError> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever held the lock may have failed: its fsync error is not reported a second time.
        self.poison.check()?;
        if files.covered >= ticket {
            return Ok(());
        }
        self.poison.watch(self.sync_files(&mut files))
    }

    fn sync_files(&self, files: &mut Files) -> Result<(), StoreError> {
        let covered = self.flushed.load(Ordering::SeqCst);
        files.sync_blobs()?;
        files.sync_log()?;
        files.covered = covered;
        Ok(())
    }
}

impl Store for SledStore {
    fn apply(&self, batch: &Batch, durability: Durability) -> Result<(), StoreError> {
        self.poison.check()?;
        self.medium.require(NAME, durability)?;
        self.poison.watch(contained(&self.dir, || self.write(batch, durability)))?;
        self.tally.applied(batch);
        Ok(())
    }

    fn get(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        let read = || self.db.get(key.as_bytes()).map_err(|error| unreadable(key, error));
        let stored = contained(&self.dir, read)?;
        stored.map(|stored| record::entry(key, &stored, |_| payload(&stored))).transpose()
    }

    fn scan(&self, prefix: &Key, from: &Key, limit: usize) -> Result<Vec<(Key, Node)>, StoreError> {
        let fence = prefix.fence();
        let Some(range) = record::bounds(prefix, from, &fence) else { return Ok(Vec::new()) };
        let entries = || self.db.range::<&[u8], _>(range).take(limit).map(|entry| node(prefix, entry)).collect();
        contained(&self.dir, entries)
    }

    fn last(&self, prefix: &Key) -> Result<Option<(Key, Node)>, StoreError> {
        let fence = prefix.fence();
        let Some(range) = record::bounds(prefix, prefix, &fence) else { return Ok(None) };
        let last = || self.db.range::<&[u8], _>(range).next_back().map(|entry| node(prefix, entry)).transpose();
        contained(&self.dir, last)
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.poison.check()?;
        contained(&self.dir, || self.sync_up_to(u64::MAX))
    }

    fn describe(&self) -> Description {
        Description {
            engine: NAME.to_owned(),
            version: Sled::version(),
            tiers: self.medium.limit(Sled::tiers()),
            options: self.settings.effective(),
        }
    }

    fn counters(&self) -> Counters {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        self.tally.counters(Some(files.syncs), [("blobs_synced", files.blobs_synced)])
    }
}

fn refused(dir: &Path, error: ::sled::Error) -> StoreError {
    let path = dir.display().to_string();
    match error {
        _ if is_locked(dir) => StoreError::Locked { path },
        ::sled::Error::Io(source) if source.raw_os_error().is_some() => StoreError::Io { op: "open", path, source },
        error => StoreError::Corrupt { path, reason: error.to_string() },
    }
}

/// Ends a close. sled gives its lock back only when the last of its threads is done with the last write, some time after
/// the database has been dropped; whoever opens the directory until then would find it locked. With ten million slots, on
/// a busy machine, that took more than five seconds.
struct Release {
    dir: PathBuf,
}

impl Drop for Release {
    fn drop(&mut self) {
        const PATIENCE: Duration = Duration::from_secs(120);
        let begun = Instant::now();
        while is_locked(&self.dir) && begun.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Whether someone holds sled's lock. sled reports a held lock as an I/O error like any other.
fn is_locked(dir: &Path) -> bool {
    let attempt = File::open(dir.join("db")).map(|log| log.try_lock_shared());
    matches!(attempt, Ok(Err(std::fs::TryLockError::WouldBlock)))
}

/// Frees what a batch of `ops` has replaced. A collection frees at most 512 pieces; with one for every 32 operations the
/// same fill stays at 402 MiB.
fn free_replaced(ops: usize) {
    for _ in 0..ops.div_ceil(32) {
        ::sled::pin().flush();
    }
}

fn translate(batch: &Batch) -> ::sled::Batch {
    let mut changes = ::sled::Batch::default();
    let mut value = Vec::new();
    for op in batch.ops() {
        let key = op.key().as_bytes();
        match Record::of(op) {
            Some(record) => {
                record.fill(&mut value);
                changes.insert(key, &value[..]);
            }
            None => changes.remove(key),
        }
    }
    changes
}

/// The bytes behind the tag, shared with sled.
fn payload(stored: &IVec) -> Bytes {
    Bytes::from_owner(stored.clone()).slice(1..)
}

fn node(prefix: &Key, entry: ::sled::Result<(IVec, IVec)>) -> Result<(Key, Node), StoreError> {
    let (key, stored) = entry.map_err(|error| unreadable(prefix, error))?;
    record::node(&key, &stored)
}

fn unreadable(key: &Key, error: ::sled::Error) -> StoreError {
    match error {
        ::sled::Error::Corruption { .. } => StoreError::Corrupt { path: key.to_string(), reason: error.to_string() },
        other => StoreError::engine(NAME, "read")(other),
    }
}
