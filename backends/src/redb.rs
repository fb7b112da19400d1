//! redb: a copy-on-write B+tree in one file, with a single writer at a time.
//!
//! | tier | setting | file calls of one small batch |
//! |---|---|---|
//! | `memory` | `Durability::None`: the commit stays in redb's write buffer | none |
//! | `process` | runs as `power`: redb has nothing between | as `power` |
//! | `power` | `Durability::Immediate`, one phase | about 8 pwrite, 1 fdatasync (2 with `two_phase`) |
//!
//! Counted with `strace` and `examples/tier.rs`. redb remembers every commit that is not durable yet (some 40 bytes), so
//! every 65,536th of tier `memory` is `Immediate`. At any tier a batch that makes the file grow adds 1 ftruncate and
//! 1 fdatasync.
//!
//! An `Immediate` commit carries every `None` commit before it, so tiers may be mixed and [`Store::sync`] is an empty
//! `Immediate` commit.
//!
//! - *One phase or two.* A one-phase commit relies on checksums to tell a torn commit from a whole one; its one weakness
//!   is data chosen to collide with XXH3. `two_phase` closes that for a second fdatasync.
//! - *Reopening.* After a crash redb walks the whole file to rebuild its allocator. `quick_repair` stores the allocator
//!   with every commit instead (and commits in two phases): reopening is quick, every commit dearer.
//! - *Damage.* Checksums are verified after a crash, not after an orderly close, and redb panics on a page that is none:
//!   such panics are caught and reported as damage.
//! - *Directory entry.* redb syncs its file and never the directory it created it in, so opening does.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use ::redb::{
    AccessGuard, Database, DatabaseError, Durability as Commit, ReadOnlyTable, ReadableDatabase, StorageError,
    TableDefinition, WriteTransaction,
};
use bytes::Bytes;
use slotbench_core::store::{Batch, Counters, Description, Durability, Entry, Node, Store, StoreError, Tier};

use crate::shared::{CACHE_BYTES, Medium, Poison, Record, Tally, contained, locked, medium, record};
use crate::{Engine, Options};
use slotbench_core::Key;


mod counted;

use counted::{CountedFile, FileCalls};

const NAME: &str = "redb";
pub(crate) const FILE: &str = "data.redb";
/// Commits of tier `memory` from one that is durable to the next.
const UNSYNCED_COMMITS: u64 = 1 << 16;
pub(crate) const ENTRIES: TableDefinition<'static, &'static [u8], &'static [u8]> = TableDefinition::new("entries");

type Entries = ReadOnlyTable<&'static [u8], &'static [u8]>;
type Guard<'a> = AccessGuard<'a, &'static [u8]>;

/// The kind of engine.
#[derive(Debug)]
pub struct Redb;

impl Engine for Redb {
    const NAME: &'static str = NAME;
    const PERSISTENT: bool = true;

    fn version() -> String {
        locked::version("redb").to_owned()
    }

    fn tiers() -> [Tier; 3] {
        let tier = |asked, effective, how: &str| Tier { asked, effective: Some(effective), how: how.to_owned() };
        [
            tier(Durability::Memory, Durability::Memory, "Durability::None: committed in memory"),
            tier(Durability::Process, Durability::Power, "Durability::Immediate: there is nothing between"),
            tier(Durability::Power, Durability::Power, "Durability::Immediate: fdatasync at every commit"),
        ]
    }

    fn open(dir: &Path, options: &Options) -> Result<Arc<dyn Store>, StoreError> {
        Ok(Arc::new(contained(dir, || RedbStore::open(dir, options))?))
    }
}

/// What a plan may change.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) cache_bytes: usize,
    pub(crate) two_phase: bool,
    pub(crate) quick_repair: bool,
}

impl Settings {
    pub(crate) fn read(options: &Options) -> Result<Self, StoreError> {
        options.known(NAME, &["cache_bytes", "two_phase", "quick_repair"])?;
        Ok(Self {
            cache_bytes: options.get(NAME, "cache_bytes", CACHE_BYTES)?,
            two_phase: options.get(NAME, "two_phase", false)?,
            quick_repair: options.get(NAME, "quick_repair", false)?,
        })
    }

    fn effective(&self) -> BTreeMap<String, String> {
        let options = [
            ("cache_bytes", self.cache_bytes.to_string()),
            ("two_phase", (self.two_phase || self.quick_repair).to_string()),
            ("quick_repair", self.quick_repair.to_string()),
            ("memory_commits_per_sync", UNSYNCED_COMMITS.to_string()),
            ("page_bytes", "4096".to_owned()),
            ("compression", "none".to_owned()),
            ("background_threads", "0".to_owned()),
        ];
        options.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// An open database.
struct RedbStore {
    db: Database,
    dir: PathBuf,
    settings: Settings,
    medium: Medium,
    poison: Poison,
    tally: Tally,
    /// Commits of tier `memory`.
    unsynced: AtomicU64,
    calls: Arc<FileCalls>,
}

impl RedbStore {
    fn open(dir: &Path, options: &Options) -> Result<Self, StoreError> {
        let settings = Settings::read(options)?;
        medium::expect_only(dir, NAME, |name| name == FILE)?;
        let path = dir.join(FILE);
        let calls = Arc::new(FileCalls::default());
        let db = open_file(&path, settings, calls.clone())?;
        let store = Self {
            db,
            dir: dir.to_owned(),
            settings,
            medium: Medium::of(dir)?,
            poison: Poison::default(),
            tally: Tally::default(),
            unsynced: AtomicU64::new(0),
            calls,
        };
        // Readers need the table to exist.
        store.commit(&Batch::new(), Commit::Immediate)?;
        medium::sync_created(dir)?;
        Ok(store)
    }

    fn commit(&self, batch: &Batch, durability: Commit) -> Result<(), StoreError> {
        contained(&self.dir, || {
            let transaction = self.begin(durability)?;
            write(&transaction, batch)?;
            transaction.commit().map_err(failed("commit"))
        })
    }

    fn level(&self, durability: Durability) -> Commit {
        let earlier = match durability {
            Durability::Memory => self.unsynced.fetch_add(1, Relaxed),
            Durability::Process | Durability::Power => return Commit::Immediate,
        };
        if (earlier + 1).is_multiple_of(UNSYNCED_COMMITS) { Commit::Immediate } else { Commit::None }
    }

    fn begin(&self, durability: Commit) -> Result<WriteTransaction, StoreError> {
        let mut transaction = self.db.begin_write().map_err(failed("begin write"))?;
        transaction.set_durability(durability).map_err(failed("set durability"))?;
        transaction.set_two_phase_commit(self.settings.two_phase);
        transaction.set_quick_repair(self.settings.quick_repair);
        Ok(transaction)
    }

    /// Runs `read` on a snapshot of all entries.
    fn read<T>(&self, read: impl FnOnce(&Entries) -> Result<T, StoreError>) -> Result<T, StoreError> {
        contained(&self.dir, || {
            let transaction = self.db.begin_read().map_err(failed("begin read"))?;
            read(&transaction.open_table(ENTRIES).map_err(failed("open table"))?)
        })
    }
}

impl Store for RedbStore {
    fn apply(&self, batch: &Batch, durability: Durability) -> Result<(), StoreError> {
        self.poison.check()?;
        self.medium.require(NAME, durability)?;
        self.poison.watch(self.commit(batch, self.level(durability)))?;
        self.tally.applied(batch);
        Ok(())
    }

    fn get(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        self.read(|entries| {
            let stored = entries.get(key.as_bytes()).map_err(|error| unreadable(key, error))?;
            // Copied: the guard would keep redb from reusing the pages of this snapshot while the value lives.
            stored.map(|stored| record::entry(key, stored.value(), Bytes::copy_from_slice)).transpose()
        })
    }

    fn scan(&self, prefix: &Key, from: &Key, limit: usize) -> Result<Vec<(Key, Node)>, StoreError> {
        let fence = prefix.fence();
        let Some(range) = record::bounds(prefix, from, &fence) else { return Ok(Vec::new()) };
        self.read(|entries| {
            let found = entries.range::<&[u8]>(range).map_err(|error| unreadable(prefix, error))?;
            found.take(limit).map(|entry| node(prefix, entry)).collect()
        })
    }

    fn last(&self, prefix: &Key) -> Result<Option<(Key, Node)>, StoreError> {
        let fence = prefix.fence();
        let Some(range) = record::bounds(prefix, prefix, &fence) else { return Ok(None) };
        self.read(|entries| {
            let mut found = entries.range::<&[u8]>(range).map_err(|error| unreadable(prefix, error))?;
            found.next_back().map(|entry| node(prefix, entry)).transpose()
        })
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.poison.check()?;
        self.poison.watch(self.commit(&Batch::new(), Commit::Immediate))
    }

    fn describe(&self) -> Description {
        Description {
            engine: NAME.to_owned(),
            version: Redb::version(),
            tiers: self.medium.limit(Redb::tiers()),
            options: self.settings.effective(),
        }
    }

    fn counters(&self) -> Counters {
        let figures = [
            ("file_writes", self.calls.writes.load(Relaxed)),
            ("file_write_bytes", self.calls.write_bytes.load(Relaxed)),
            ("file_reads", self.calls.reads.load(Relaxed)),
        ];
        self.tally.counters(Some(self.calls.syncs.load(Relaxed)), figures)
    }
}

fn open_file(path: &PathBuf, settings: Settings, calls: Arc<FileCalls>) -> Result<Database, StoreError> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(StoreError::io("open", path))?;
    CountedFile::new(file, calls)
        .and_then(|file| Database::builder().set_cache_size(settings.cache_bytes).create_with_backend(file))
        .map_err(|error| refused(path, error))
}

fn write(transaction: &WriteTransaction, batch: &Batch) -> Result<(), StoreError> {
    let mut table = transaction.open_table(ENTRIES).map_err(failed("open table"))?;
    for op in batch.ops() {
        let key = op.key().as_bytes();
        match Record::of(op) {
            Some(record) => {
                let mut space = table.insert_reserve(key, record.size()).map_err(failed("insert"))?;
                record.write_to(space.as_mut());
            }
            None => {
                table.remove(key).map_err(failed("remove"))?;
            }
        }
    }
    Ok(())
}

fn node(prefix: &Key, entry: Result<(Guard<'_>, Guard<'_>), StorageError>) -> Result<(Key, Node), StoreError> {
    let (key, stored) = entry.map_err(|error| unreadable(prefix, error))?;
    record::node(key.value(), stored.value())
}

fn failed<E: Error + Send + Sync + 'static>(op: &'static str) -> impl FnOnce(E) -> StoreError {
    StoreError::engine(NAME, op)
}

fn unreadable(key: &Key, error: StorageError) -> StoreError {
    match error {
        StorageError::Corrupted(reason) => StoreError::Corrupt { path: key.to_string(), reason },
        other => failed("read")(other),
    }
}

fn refused(path: &Path, error: DatabaseError) -> StoreError {
    let path = path.display().to_string();
    match error {
        DatabaseError::DatabaseAlreadyOpen => StoreError::Locked { path },
        DatabaseError::Storage(StorageError::Io(source)) if source.raw_os_error().is_some() => {
            StoreError::Io { op: "open", path, source }
        }
        other => StoreError::Corrupt { path, reason: other.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_of_tier_memory_become_durable_now_and_then() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let store = RedbStore::open(dir.path(), &Options::default()).expect("a new store");
        store.unsynced.store(UNSYNCED_COMMITS - 3, Relaxed);
        let opened = store.counters().syncs;
        let syncs = [(); 4].map(|()| {
            store.apply(&Batch::new(), Durability::Memory).expect("an empty batch");
            store.counters().syncs
        });
        let synced = opened.map(|before| before + 1);
        assert_eq!(syncs, [opened, opened, synced, synced]);
    }
}
