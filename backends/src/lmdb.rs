//! LMDB: a copy-on-write B+tree in a memory map, one writer at a time.
//!
//! | tier | default | with `no_sync` |
//! |---|---|---|
//! | `memory` | runs as `power` | runs as `process` |
//! | `process` | runs as `power` | commit without sync (`MDB_NOSYNC`) |
//! | `power` | commit: fdatasync of the data, then of the meta page | refused |
//!
//! The choice is made for a whole store, not for a batch: without the sync between data and meta page a power cut may
//! damage what earlier, synced commits had stored, so one weak batch would break the promise of every strong one.
//!
//! - Several processes may share an environment, which a scheduler's data must never be: a lock file of ours prevents it.
//! - LMDB trusts its file. Damage may end the process with SIGBUS; nothing here can turn that into an error.
//! - There are no empty keys: the root is stored as [`record::ROOT`].

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use heed::types::Bytes as Raw;
use heed::{CommitOrAbort, Database, Env, EnvFlags, EnvOpenOptions, Error, MdbError, RoTxn, WithoutTls};
use slotbench_core::Key;
use slotbench_core::store::{Batch, Counters, Description, Durability, Entry, Node, Store, StoreError, Tier};

use crate::shared::{Medium, Poison, Record, Tally, locked, medium, record};
use crate::{Engine, Options};

const NAME: &str = "lmdb";
const LOCK: &str = "owner.lock";
/// Address space for the map; the file grows only as it is written.
const MAP_BYTES: usize = 64 << 30;

type Entries = Database<'static, Raw, Raw>;

/// The kind of engine.
#[derive(Debug)]
pub struct Lmdb;

impl Engine for Lmdb {
    const NAME: &'static str = NAME;
    const PERSISTENT: bool = true;

    /// The version of the binding: it builds LMDB's 0.9 branch from source and names no release.
    fn version() -> String {
        format!("0.9 (heed {})", locked::version("heed"))
    }

    fn tiers() -> [Tier; 3] {
        Durability::ALL.map(|asked| Tier {
            asked,
            effective: Some(Durability::Power),
            how: "commit with two fdatasync; weaker only for a whole store (option no_sync)".to_owned(),
        })
    }

    fn open(dir: &Path, options: &Options) -> Result<Arc<dyn Store>, StoreError> {
        Ok(Arc::new(LmdbStore::open(dir, options)?))
    }
}

/// An open environment.
struct LmdbStore {
    env: Env<WithoutTls>,
    entries: Entries,
    no_sync: bool,
    map_bytes: usize,
    medium: Medium,
    poison: Poison,
    tally: Tally,
    /// Unlocked when it is closed, after the environment.
    _owner: File,
}

impl LmdbStore {
    fn open(dir: &Path, options: &Options) -> Result<Self, StoreError> {
        options.known(NAME, &["map_bytes", "no_sync"])?;
        let map_bytes = options.get(NAME, "map_bytes", MAP_BYTES)?;
        let no_sync = options.get(NAME, "no_sync", false)?;
        medium::expect_only(dir, NAME, |name| matches!(name, "data.mdb" | "lock.mdb" | LOCK))?;
        let owner = own(dir)?;
        let env = open_env(dir, map_bytes, no_sync).map_err(|error| refused(dir, error))?;
        let entries = create_entries(&env).map_err(|error| refused(dir, error))?;
        medium::sync_created(dir)?;
        let medium = Medium::of(dir)?;
        let (poison, tally) = (Poison::default(), Tally::default());
        Ok(Self { env, entries, no_sync, map_bytes, medium, poison, tally, _owner: owner })
    }

    fn write(&self, batch: &Batch) -> heed::Result<()> {
        let mut transaction = self.env.write_txn()?;
        for op in batch.ops() {
            let key = record::never_empty(op.key().as_bytes());
            match Record::of(op) {
                Some(it) => {
                    self.entries.put_reserved(&mut transaction, key, it.size(), |space| {
                        let (tag, payload) = it.parts();
                        space.write_all(&[tag]).and_then(|()| space.write_all(payload))
                    })?;
                }
                None => {
                    self.entries.delete(&mut transaction, key)?;
                }
            }
        }
        transaction.commit()
    }

    fn begin(&self) -> Result<RoTxn<'_, WithoutTls>, StoreError> {
        self.env.read_txn().map_err(StoreError::engine(NAME, "begin read"))
    }

    fn tiers(&self) -> [Tier; 3] {
        if !self.no_sync {
            return self.medium.limit(Lmdb::tiers());
        }
        Durability::ALL.map(|asked| Tier {
            asked,
            effective: (asked < Durability::Power).then_some(Durability::Process),
            how: "MDB_NOSYNC".to_owned(),
        })
    }

    fn require(&self, asked: Durability) -> Result<(), StoreError> {
        if self.no_sync && asked == Durability::Power {
            return Err(StoreError::Tier { engine: NAME, asked, reason: "opened with no_sync".to_owned() });
        }
        self.medium.require(NAME, asked)
    }
}

impl Store for LmdbStore {
    fn apply(&self, batch: &Batch, durability: Durability) -> Result<(), StoreError> {
        self.poison.check()?;
        self.require(durability)?;
        self.poison.watch(self.write(batch).map_err(StoreError::engine(NAME, "commit")))?;
        self.tally.applied(batch);
        Ok(())
    }

    fn get(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        let snapshot = self.begin()?;
        let stored = self.entries.get(&snapshot, record::never_empty(key.as_bytes()));
        let stored = stored.map_err(|error| unreadable(key, error))?;
        stored.map(|stored| record::entry(key, stored, Bytes::copy_from_slice)).transpose()
    }

    fn scan(&self, prefix: &Key, from: &Key, limit: usize) -> Result<Vec<(Key, Node)>, StoreError> {
        let fence = prefix.fence();
        let Some(range) = record::bounds(prefix, from, &fence).map(record::above_root) else { return Ok(Vec::new()) };
        let snapshot = self.begin()?;
        let found = self.entries.range(&snapshot, &range).map_err(|error| unreadable(prefix, error))?;
        found.take(limit).map(|entry| node(prefix, entry)).collect()
    }

    fn last(&self, prefix: &Key) -> Result<Option<(Key, Node)>, StoreError> {
        let fence = prefix.fence();
        let Some(range) = record::bounds(prefix, prefix, &fence).map(record::above_root) else { return Ok(None) };
        let snapshot = self.begin()?;
        let mut found = self.entries.rev_range(&snapshot, &range).map_err(|error| unreadable(prefix, error))?;
        found.next().map(|entry| node(prefix, entry)).transpose()
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.poison.check()?;
        self.poison.watch(self.env.force_sync().map_err(StoreError::engine(NAME, "sync")))
    }

    fn describe(&self) -> Description {
        let options = [("map_bytes", self.map_bytes.to_string()), ("no_sync", self.no_sync.to_string())];
        Description {
            engine: NAME.to_owned(),
            version: Lmdb::version(),
            tiers: self.tiers(),
            options: BTreeMap::from(options.map(|(name, value)| (name.to_owned(), value))),
        }
    }

    fn counters(&self) -> Counters {
        let pages = self.env.info().last_page_number as u64;
        self.tally.counters(None, [("last_page", pages)])
    }
}

/// Takes the directory for this process and this handle.
fn own(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join(LOCK);
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(StoreError::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::Locked { path: dir.display().to_string() }),
        Err(std::fs::TryLockError::Error(error)) => Err(StoreError::io("lock", &path)(error)),
    }
}

fn open_env(dir: &Path, map_bytes: usize, no_sync: bool) -> heed::Result<Env<WithoutTls>> {
    let mut options = EnvOpenOptions::new().read_txn_without_tls();
    options.map_size(map_bytes);
    if no_sync {
        // SAFETY: a power cut may damage the file; a store opened so refuses tier `power`.
        unsafe { options.flags(EnvFlags::NO_SYNC) };
    }
    // SAFETY: nobody else may change the file while it is mapped. The lock file keeps other users of this module out,
    // and the directory holds nothing but this environment.
    unsafe { options.open(dir) }
}

fn create_entries(env: &Env<WithoutTls>) -> heed::Result<Entries> {
    let created = env.create_databases_and_commit(env.write_txn()?, |opener, transaction| {
        let entries = opener.create_database::<Raw, Raw>(transaction, None);
        entries.map(CommitOrAbort::<_, Infallible>::Commit)
    })?;
    match created {
        CommitOrAbort::Commit(entries) => Ok(entries),
        CommitOrAbort::Abort(never) => match never {},
    }
}

fn node(prefix: &Key, entry: heed::Result<(&[u8], &[u8])>) -> Result<(Key, Node), StoreError> {
    let (key, stored) = entry.map_err(|error| unreadable(prefix, error))?;
    record::node(key, stored)
}

fn refused(dir: &Path, error: Error) -> StoreError {
    let path = dir.display().to_string();
    match error {
        Error::EnvAlreadyOpened => StoreError::Locked { path },
        Error::Io(source) => StoreError::Io { op: "open", path, source },
        other => StoreError::Corrupt { path, reason: other.to_string() },
    }
}

fn unreadable(key: &Key, error: Error) -> StoreError {
    match error {
        Error::Mdb(MdbError::Corrupted | MdbError::PageNotFound | MdbError::Invalid) => {
            StoreError::Corrupt { path: key.to_string(), reason: error.to_string() }
        }
        other => StoreError::engine(NAME, "read")(other),
    }
}
