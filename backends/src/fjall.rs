//! fjall: a log-structured merge tree in safe Rust, behind a journal.
//!
//! | tier | setting |
//! |---|---|
//! | `memory` | the record stays in the journal's 8 KiB buffer (`manual_journal_persist`) |
//! | `process` | `PersistMode::Buffer` with the batch |
//! | `power` | `PersistMode::SyncData` with the batch |
//!
//! Two things fjall does not do by itself: it has no empty keys, so the root is stored as [`record::ROOT`]; and all entries of a batch get one sequence number, so of several changes to one key only the last is passed on.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use ::fjall::{Database, Error, Guard, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode};
use bytes::Bytes;
use slotbench_core::Key;
use slotbench_core::store::{Batch, Counters, Description, Durability, Entry, Node, Op, Store, StoreError, Tier};

use crate::shared::{CACHE_BYTES, Medium, Poison, Record, Tally, contained, locked, medium, record};
use crate::{Engine, Options};

const NAME: &str = "fjall";

/// The kind of engine.
#[derive(Debug)]
pub struct Fjall;

impl Engine for Fjall {
    const NAME: &'static str = NAME;
    const PERSISTENT: bool = true;

    fn version() -> String {
        locked::version("fjall").to_owned()
    }

    fn tiers() -> [Tier; 3] {
        let tier = |asked, how: &str| Tier { asked, effective: Some(asked), how: how.to_owned() };
        [
            tier(Durability::Memory, "journal record buffered in user space (manual_journal_persist)"),
            tier(Durability::Process, "PersistMode::Buffer: journal written, not synced"),
            tier(Durability::Power, "PersistMode::SyncData: journal synced, fdatasync"),
        ]
    }

    fn open(dir: &Path, options: &Options) -> Result<Arc<dyn Store>, StoreError> {
        Ok(Arc::new(contained(dir, || FjallStore::open(dir, options))?))
    }
}

/// An open database.
struct FjallStore {
    entries: Keyspace,
    db: Database,
    dir: PathBuf,
    options: BTreeMap<String, String>,
    medium: Medium,
    poison: Poison,
    tally: Tally,
    syncs: AtomicU64,
}

impl FjallStore {
    fn open(dir: &Path, options: &Options) -> Result<Self, StoreError> {
        options.known(NAME, &["cache_bytes", "worker_threads"])?;
        let cache_bytes = options.get(NAME, "cache_bytes", CACHE_BYTES as u64)?;
        let worker_threads = options.get(NAME, "worker_threads", 2_usize)?.max(1);
        medium::expect_only(dir, NAME, owns)?;
        let builder = Database::builder(dir).cache_size(cache_bytes).worker_threads(worker_threads);
        let db = builder.manual_journal_persist(true).open().map_err(|error| refused(dir, error))?;
        let entries = db.keyspace("entries", KeyspaceCreateOptions::default).map_err(|error| refused(dir, error))?;
        medium::sync_created(dir)?;
        let options = [
            ("cache_bytes", cache_bytes.to_string()),
            ("worker_threads", worker_threads.to_string()),
            ("manual_journal_persist", "true".to_owned()),
            ("keyspaces", "1".to_owned()),
        ];
        Ok(Self {
            entries,
            db,
            dir: dir.to_owned(),
            options: options.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            medium: Medium::of(dir)?,
            poison: Poison::default(),
            tally: Tally::default(),
            syncs: AtomicU64::new(0),
        })
    }

    fn write(&self, batch: &Batch, durability: Durability) -> Result<(), StoreError> {
        let mode = match durability {
            Durability::Memory => None,
            Durability::Process => Some(PersistMode::Buffer),
            Durability::Power => Some(PersistMode::SyncData),
        };
        self.translate(batch).durability(mode).commit().map_err(StoreError::engine(NAME, "commit"))?;
        self.syncs.fetch_add(u64::from(durability == Durability::Power), Relaxed);
        Ok(())
    }

    fn translate(&self, batch: &Batch) -> OwnedWriteBatch {
        let mut changes = OwnedWriteBatch::with_capacity(self.db.clone(), batch.len());
        let mut value = Vec::new();
        for op in last_of_each_key(batch) {
            match Record::of(op) {
                Some(record) => {
                    record.fill(&mut value);
                    changes.insert(&self.entries, record::never_empty(op.key().as_bytes()), &value[..]);
                }
                None => changes.remove(&self.entries, record::never_empty(op.key().as_bytes())),
            }
        }
        changes
    }
}

impl Store for FjallStore {
    fn apply(&self, batch: &Batch, durability: Durability) -> Result<(), StoreError> {
        self.poison.check()?;
        self.medium.require(NAME, durability)?;
        self.poison.watch(contained(&self.dir, || self.write(batch, durability)))?;
        self.tally.applied(batch);
        Ok(())
    }

    fn get(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        let read = || self.entries.get(record::never_empty(key.as_bytes())).map_err(|error| unreadable(key, error));
        let stored = contained(&self.dir, read)?;
        stored.map(|it| record::entry(key, &it, |_| Bytes::from_owner(it.clone()).slice(1..))).transpose()
    }

    fn scan(&self, prefix: &Key, from: &Key, limit: usize) -> Result<Vec<(Key, Node)>, StoreError> {
        let fence = prefix.fence();
        let Some(range) = record::bounds(prefix, from, &fence) else { return Ok(Vec::new()) };
        let found = || self.entries.range::<&[u8], _>(record::above_root(range)).take(limit).map(|entry| node(prefix, entry)).collect();
        contained(&self.dir, found)
    }

    fn last(&self, prefix: &Key) -> Result<Option<(Key, Node)>, StoreError> {
        let fence = prefix.fence();
        let Some(range) = record::bounds(prefix, prefix, &fence) else { return Ok(None) };
        let last = || self.entries.range::<&[u8], _>(record::above_root(range)).next_back().map(|entry| node(prefix, entry)).transpose();
        contained(&self.dir, last)
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.poison.check()?;
        let sync = || self.db.persist(PersistMode::SyncAll).map_err(StoreError::engine(NAME, "persist"));
        self.poison.watch(contained(&self.dir, sync))?;
        self.syncs.fetch_add(1, Relaxed);
        Ok(())
    }

    fn describe(&self) -> Description {
        Description {
            engine: NAME.to_owned(),
            version: Fjall::version(),
            tiers: self.medium.limit(Fjall::tiers()),
            options: self.options.clone(),
        }
    }

    /// `syncs` counts those of the journal that we asked for.
    fn counters(&self) -> Counters {
        let figures = [("journals", self.db.journal_count() as u64)];
        self.tally.counters(Some(self.syncs.load(Relaxed)), figures)
    }
}

/// The changes of `batch` that no later one overrules.
fn last_of_each_key(batch: &Batch) -> Vec<&Op> {
    let mut seen = BTreeSet::new();
    batch.ops().iter().rev().filter(|op| seen.insert(op.key())).collect()
}

fn node(prefix: &Key, entry: Guard) -> Result<(Key, Node), StoreError> {
    let (key, stored) = entry.into_inner().map_err(|error| unreadable(prefix, error))?;
    record::node(&key, &stored)
}

/// Whether fjall makes files of that name.
fn owns(name: &str) -> bool {
    matches!(name, "lock" | "version" | "keyspaces") || name.ends_with(".jnl")
}

fn refused(dir: &Path, error: Error) -> StoreError {
    let path = dir.display().to_string();
    match error {
        Error::Locked => StoreError::Locked { path },
        Error::Io(source) if source.raw_os_error().is_some() => StoreError::Io { op: "open", path, source },
        other => StoreError::Corrupt { path, reason: other.to_string() },
    }
}

fn unreadable(key: &Key, error: Error) -> StoreError {
    match is_io(&error) {
        true => StoreError::engine(NAME, "read")(error),
        false => StoreError::Corrupt { path: key.to_string(), reason: error.to_string() },
    }
}

/// Whether the operating system is among the causes.
fn is_io(error: &(dyn std::error::Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|io| io.raw_os_error().is_some())
        || error.source().is_some_and(is_io)
}
