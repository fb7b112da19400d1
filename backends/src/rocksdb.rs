//! RocksDB: a log-structured merge tree behind a write-ahead log.
//!
//! | tier | setting | file calls of one small batch |
//! |---|---|---|
//! | `memory` | the record stays in the WAL's buffer (`manual_wal_flush`) | none (1 write each MiB) |
//! | `process` | `FlushWAL(sync = false)` after the write | 1 write |
//! | `power` | write with `sync = true` | 1 write, 1 fdatasync |
//!
//! Counted with `strace` and `examples/tier.rs`; every 64 MiB a memtable becomes a table in the background.
//!
//! *Why the WAL stays on at tier `memory`.* Without it a later `process` batch would be recovered from the log while the
//! `memory` batches before it are gone: a slot without its predecessor. With one log that is pushed further or less far,
//! what survives is always a prefix, tiers may be mixed, and [`Store::sync`] is one `FlushWAL(sync = true)`. The price is
//! a copy and a CRC32C for each record, and no memtable need ever be flushed for durability.
//!
//! *One column family.* All entries of a batch share a fate and most scans are short; a second family would double the
//! memtables and buy only separate tuning. Keys already keep the families of paths apart.
//!
//! *Filters.* [`Store::resolve`] asks for each ancestor of a path, and most of those do not exist: full-key Bloom filters
//! answer that without reading a block. There is no prefix filter, for prefixes differ in length.
//!
//! *What grows and what does not.* [`Store::last`] seeks in every sorted run: memtables, each file of level 0
//! (compaction begins at 4), one per level below; a third of its time is spent in tables' blocks, a third in making and
//! dropping the iterator. Finding the end of a schedule so takes 8.4 µs at 10^3 slots, which are in one memtable, 9.1 µs
//! at 10^4, 10.6 µs at 10^5 and 13.8 µs at 10^6. That goes by runs rather than by slots, and runs are bounded; where
//! the last slot is known, two look-ups take 6.6 to 7.4 µs at all sizes. A write searches the memtable, which costs more
//! in a full one: 7.3 µs at 10^3 slots, and the same 9 µs from 10^4 on, of which huge pages save one
//! (`benches/growth`, tier `process`).
//!
//! *Damage.* Recovery takes the WAL up to the first record that is not whole, which is what a torn tail needs; damage in
//! the middle looks the same and is not reported. Tables and the manifest are checked whenever they are read.
//!
//! *After an error.* A failed write or sync of the WAL is final here, though RocksDB may resume by itself: with a manual
//! WAL flush the records that were in the buffer are lost.

use std::path::Path;
use std::sync::Arc;

use ::rocksdb::statistics::Ticker;
use ::rocksdb::{DB, Error, ErrorKind, ReadOptions, WriteBatch, WriteOptions};
use bytes::Bytes;
use slotbench_core::Key;
use slotbench_core::store::{Batch, Counters, Description, Durability, Entry, Node, Store, StoreError, Tier};

use crate::shared::{Medium, Poison, Record, Tally, locked, medium, record};
use crate::{Engine, Options};

pub(crate) mod settings;

use settings::Settings;

const NAME: &str = "rocksdb";

/// The kind of engine.
#[derive(Debug)]
pub struct Rocksdb;

impl Engine for Rocksdb {
    const NAME: &'static str = NAME;
    const PERSISTENT: bool = true;

    /// The version of the C++ library, which its binding carries as build metadata.
    fn version() -> String {
        let binding = locked::version("librocksdb-sys");
        binding.split_once('+').map_or(binding, |(_, library)| library).to_owned()
    }

    fn tiers() -> [Tier; 3] {
        let tier = |asked, how: &str| Tier { asked, effective: Some(asked), how: how.to_owned() };
        [
            tier(Durability::Memory, "WAL record buffered in user space (manual_wal_flush)"),
            tier(Durability::Process, "WAL written, not synced: FlushWAL(sync=false)"),
            tier(Durability::Power, "WAL synced: WriteOptions.sync, fdatasync"),
        ]
    }

    fn open(dir: &Path, options: &Options) -> Result<Arc<dyn Store>, StoreError> {
        Ok(Arc::new(RocksdbStore::open(dir, options)?))
    }
}

/// An open database.
struct RocksdbStore {
    db: DB,
    /// Keeps the statistics that RocksDB counts into.
    options: ::rocksdb::Options,
    settings: Settings,
    buffered: WriteOptions,
    synced: WriteOptions,
    medium: Medium,
    poison: Poison,
    tally: Tally,
}

impl RocksdbStore {
    fn open(dir: &Path, options: &Options) -> Result<Self, StoreError> {
        let settings = Settings::read(options)?;
        medium::expect_only(dir, NAME, owns)?;
        let options = settings.options();
        let db = DB::open(&options, dir).map_err(|error| refused(dir, &error))?;
        medium::sync_created(dir)?;
        let mut synced = WriteOptions::default();
        synced.set_sync(true);
        Ok(Self {
            db,
            options,
            settings,
            buffered: WriteOptions::default(),
            synced,
            medium: Medium::of(dir)?,
            poison: Poison::default(),
            tally: Tally::default(),
        })
    }

    fn write(&self, batch: &Batch, durability: Durability) -> Result<(), StoreError> {
        let options = if durability == Durability::Power { &self.synced } else { &self.buffered };
        self.db.write_opt(translate(batch), options).map_err(StoreError::engine(NAME, "write"))?;
        if durability == Durability::Process {
            self.db.flush_wal(false).map_err(StoreError::engine(NAME, "flush WAL"))?;
        }
        Ok(())
    }

    /// Options of a read that stays strictly below `prefix`.
    fn below(prefix: &Key) -> ReadOptions {
        let mut options = ReadOptions::default();
        options.set_iterate_lower_bound(prefix.as_bytes());
        options.set_iterate_upper_bound(prefix.fence().as_bytes());
        options
    }
}

impl Store for RocksdbStore {
    fn apply(&self, batch: &Batch, durability: Durability) -> Result<(), StoreError> {
        self.poison.check()?;
        self.medium.require(NAME, durability)?;
        self.poison.watch(self.write(batch, durability))?;
        self.tally.applied(batch);
        Ok(())
    }

    fn get(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        let stored = self.db.get_pinned(key.as_bytes()).map_err(|error| unreadable(key, error))?;
        stored.map(|stored| record::entry(key, &stored, Bytes::copy_from_slice)).transpose()
    }

    fn scan(&self, prefix: &Key, from: &Key, limit: usize) -> Result<Vec<(Key, Node)>, StoreError> {
        let mut entries = self.db.raw_iterator_opt(Self::below(prefix));
        entries.seek(from.max(prefix).as_bytes());
        let mut found = Vec::new();
        while found.len() < limit
            && let Some((key, stored)) = entries.item()
        {
            if key != prefix.as_bytes() {
                found.push(record::node(key, stored)?);
            }
            entries.next();
        }
        entries.status().map_err(|error| unreadable(prefix, error))?;
        Ok(found)
    }

    fn last(&self, prefix: &Key) -> Result<Option<(Key, Node)>, StoreError> {
        let mut entries = self.db.raw_iterator_opt(Self::below(prefix));
        entries.seek_to_last();
        let last = entries.item().filter(|(key, _)| *key != prefix.as_bytes());
        let last = last.map(|(key, stored)| record::node(key, stored)).transpose()?;
        entries.status().map_err(|error| unreadable(prefix, error))?;
        Ok(last)
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.poison.check()?;
        self.poison.watch(self.db.flush_wal(true).map_err(StoreError::engine(NAME, "sync WAL")))
    }

    fn describe(&self) -> Description {
        Description {
            engine: NAME.to_owned(),
            version: Rocksdb::version(),
            tiers: self.medium.limit(Rocksdb::tiers()),
            options: self.settings.effective(),
        }
    }

    /// `syncs` counts those of the WAL; tables and manifest are synced once a memtable, not once a batch.
    fn counters(&self) -> Counters {
        let ticker = |ticker| self.options.get_ticker_count(ticker);
        let figures = [
            ("wal_bytes", ticker(Ticker::WalFileBytes)),
            ("flush_bytes", ticker(Ticker::FlushWriteBytes)),
            ("compaction_bytes", ticker(Ticker::CompactWriteBytes)),
        ];
        self.tally.counters(Some(ticker(Ticker::WalFileSynced)), figures)
    }
}

fn translate(batch: &Batch) -> WriteBatch {
    // Tag, operation and two lengths take at most 12 bytes an operation.
    let mut changes = WriteBatch::with_capacity_bytes(batch.size() + 12 * batch.len() + 12);
    let mut value = Vec::new();
    for op in batch.ops() {
        let key = op.key().as_bytes();
        match Record::of(op) {
            Some(record) => {
                record.fill(&mut value);
                changes.put(key, &value);
            }
            None => changes.delete(key),
        }
    }
    changes
}

/// Whether RocksDB makes files of that name.
fn owns(name: &str) -> bool {
    const NAMES: [&str; 4] = ["CURRENT", "IDENTITY", "LOCK", "lost"];
    const PREFIXES: [&str; 3] = ["LOG", "MANIFEST-", "OPTIONS-"];
    const SUFFIXES: [&str; 5] = [".log", ".sst", ".blob", ".dbtmp", ".trash"];
    NAMES.contains(&name)
        || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
}

fn refused(dir: &Path, error: &Error) -> StoreError {
    let path = dir.display().to_string();
    let reason = error.to_string();
    // RocksDB has no code of its own for a lock that is held, by another process or by this one.
    let held = reason.contains("While lock file") || reason.contains("lock hold by current process");
    match error.kind() {
        ErrorKind::IOError if held => StoreError::Locked { path },
        ErrorKind::Corruption | ErrorKind::InvalidArgument | ErrorKind::NotSupported => {
            StoreError::Corrupt { path, reason }
        }
        _ => StoreError::engine(NAME, "open")(reason),
    }
}

fn unreadable(key: &Key, error: Error) -> StoreError {
    match error.kind() {
        ErrorKind::Corruption => StoreError::Corrupt { path: key.to_string(), reason: error.into_string() },
        _ => StoreError::engine(NAME, "read")(error),
    }
}
