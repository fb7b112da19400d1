//! Values as real files and links as real symbolic links, made atomic and durable by a write-ahead journal.
//!
//! # Layout
//! ```text
//! LOCK  FORMAT  journal  tmp/  UNSYNCED
//! root.d/                                     what lies below the root
//!   data.d/                                   a group: its name and `.d`
//!     @3f/                                    ids, spread by their leading bits (option `content_fanout`)
//!       _8AB...                               the file of `data/_8AB...`
//!   assignments.d/@00/AQEB....d/
//!     +1/07                                   slot 7, a link: -> ../../../../../root.d/data.d/@3f/_8AB...
//!     +3/01/23/45                             slot 12345
//!   notes                                     an explicit group is a link to its directory: -> notes.d
//!   notes.d/
//!     %2Ehidden                               bytes that are not plain are escaped
//!     aaaa...~/aaaa                           a name of more than 80 bytes goes on in a directory
//! ```
//! A key's own entry and what lies below it have different names, so a key can have both. Numbers are written in
//! groups of two digits below a directory that tells how many: a directory of numbers has at most 100 entries and
//! 100 groups, names sort as numbers do, and the last slot is found by listing one directory a level. (With three digits
//! the last slot took up to five times as long to find at 100,000 slots as at 1000: `benches/growth`.) Links are
//! relative: the store can be moved, and `cat` follows them. What this engine would not write is passed over and counted
//! (`stray`). Directories are never removed; a name below another is found by listing all names of its directory,
//! so what comes in great numbers should be a number or an id.
//!
//! # One batch
//! 1. Values go to files in `tmp/`.
//! 2. The batch goes to the journal as one record with a checksum; at tier `power` the journal is fdatasynced. **This
//!    commits it.** No entry has changed yet.
//! 3. Files are renamed into place and links made, in batch order, while readers wait.
//! 4. After `checkpoint_ops` operations (or 256 values, 256 directories, 8 MiB of journal) every file is fdatasynced,
//!    and every changed directory, and every new one's parent, fsynced once; then the journal starts over.
//!
//! Opening replays the journal, so a batch is whole whatever of step 3 a crash has kept: several directories cannot be
//! changed at once, one record can be written at once. This also costs less than the order content, sync, links, sync
//! does without a journal, which under the strict rule (a directory entry is durable only after fsync of its directory)
//! demands a sync of every value and every distinct directory before each acknowledgement, for no atomicity.
//!
//! fsync and fdatasync calls over 2048 messages (two values and a slot link each), opening included, as this engine
//! counts them; for the second row `strace -c -f` counted the same 7194. The first row is reckoned, not run: two values,
//! two directories of content, one of links.
//!
//! | | per message | before its acknowledgement |
//! |---|---|---|
//! | without a journal, by the rule above | 5 | 5 |
//! | a message a batch | 3.5 | 1, every 128th all that is due |
//! | the same, `content_fanout` 1, 16, 256, 4096 instead of 64 | 3.0, 3.1, 4.3, 5.0 | |
//! | the same, `checkpoint_ops = 1` | 7.0 | 7 |
//! | 64 messages a batch | 2.5 | |
//!
//! Hence 64 directories of content by default: spreading costs half a sync per message, and ten million values make
//! directories of 160 000 names. With 64 the shard of an id is its first character.
//!
//! At tiers `memory` and `process` nothing is synced: what has been written to the page cache survives the process. The
//! journal serves atomicity alone, and is rewound after every batch. After a *power cut* such batches may be lost, in
//! part too, and files may be torn: that is what their tier means, also for a key whose earlier value was safe.
//! [`Store::sync`] makes them last.
//!
//! # Failures
//! After any failed write or sync the store takes no more batches until it is opened again: Linux may drop a page whose
//! write-back failed, so a second fsync that succeeds proves nothing. Opening writes everything in the journal
//! anew. Should step 3 fail half-way (a full disk), reads fail as well, for they would see half a batch; it is committed
//! all the same, and the next opening completes it, or says what is in its way.

mod checksum;
#[cfg(test)]
mod crash;
mod disk;
mod journal;
mod layout;
mod name;
mod ops;
mod place;
mod setup;
#[cfg(test)]
mod simulated;
mod tree;
mod unsynced;
mod writer;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use slotbench_core::Key;
use slotbench_core::store::{Batch, Counters, Description, Durability, Entry, Node, Store, StoreError, Tier};

use crate::{Engine, Options};
use disk::{Content, Disk};
use layout::Target;
use ops::{FileOps, Root};
use setup::{FileSystem, Settings};
use tree::Walk;
use writer::Writer;

/// A store of files and symbolic links.
pub struct Fs {
    disk: Disk,
    settings: Settings,
    file_system: FileSystem,
    writer: Mutex<Writer>,
    /// Held for writing while a batch goes to the tree. True if that was not finished.
    torn: RwLock<bool>,
    applies: AtomicU64,
    ops: AtomicU64,
    /// Keeps other handles out.
    _lock: File,
}

impl Engine for Fs {
    const NAME: &'static str = "fs";
    const PERSISTENT: bool = true;

    fn version() -> String {
        let system = rustix::system::uname();
        format!("{} {}", system.sysname().to_string_lossy(), system.release().to_string_lossy())
    }

    fn tiers() -> [Tier; 3] {
        tiers(None)
    }

    fn open(dir: &Path, options: &Options) -> Result<Arc<dyn Store>, StoreError> {
        let root = Root::open(dir).map_err(StoreError::io("open directory", dir))?;
        Ok(Arc::new(Self::open_with(dir, options, Box::new(root))?))
    }
}

impl Fs {
    /// Opens the store in `dir`, whose changes go through `ops`.
    fn open_with(dir: &Path, options: &Options, ops: Box<dyn FileOps>) -> Result<Self, StoreError> {
        let root = Root::open(dir).map_err(StoreError::io("open directory", dir))?;
        let disk = Disk::new(dir, root, ops);
        let lock = setup::lock(&disk, dir)?;
        let settings = setup::prepare(&disk, dir, options)?;
        let file_system = setup::file_system(&disk)?;
        let writer = Mutex::new(Writer::open(&disk, settings)?);
        let (applies, ops) = (AtomicU64::new(0), AtomicU64::new(0));
        Ok(Self { disk, settings, file_system, writer, torn: RwLock::new(false), applies, ops, _lock: lock })
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps batches from going to the tree while something is read.
    fn reading(&self) -> Result<RwLockReadGuard<'_, bool>, StoreError> {
        let torn = self.torn.read().unwrap_or_else(PoisonError::into_inner);
        if *torn {
            return Err(StoreError::Poisoned { reason: "a batch is in place in part; opening the store completes it".into() });
        }
        Ok(torn)
    }

    fn check_tier(&self, asked: Durability) -> Result<(), StoreError> {
        if asked == Durability::Power && self.file_system.volatile {
            let reason = volatile(&self.file_system.name);
            return Err(StoreError::Tier { engine: Self::NAME, asked, reason });
        }
        Ok(())
    }
}

fn volatile(file_system: &str) -> String {
    format!("{file_system} keeps its files in memory")
}

/// How the tiers are met; `power` is not on that file system, if there is one.
fn tiers(memory_only: Option<&str>) -> [Tier; 3] {
    let cached = "files and links in the page cache; nothing synced";
    let journaled = "fdatasync of a write-ahead journal before the acknowledgement; \
                     fdatasync of values and fsync of directories at the next checkpoint";
    let tier = |asked, effective, how: &str| Tier { asked, effective, how: how.to_owned() };
    [
        tier(Durability::Memory, Some(Durability::Process), cached),
        tier(Durability::Process, Some(Durability::Process), cached),
        match memory_only {
            None => tier(Durability::Power, Some(Durability::Power), journaled),
            Some(file_system) => tier(Durability::Power, None, &volatile(file_system)),
        },
    ]
}

impl Store for Fs {
    fn apply(&self, batch: &Batch, durability: Durability) -> Result<(), StoreError> {
        self.check_tier(durability)?;
        journal::check_size(batch)?;
        self.writer().apply(&self.disk, &self.torn, batch, durability == Durability::Power)?;
        disk::add(&self.applies, 1);
        disk::add(&self.ops, batch.len() as u64);
        Ok(())
    }

    fn get(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        let _whole = self.reading()?;
        let layout = self.settings.layout;
        let path = layout.entry(key);
        Ok(match self.disk.read(&path)? {
            None => None,
            Some(Content::File(bytes)) => Some(Entry::Value(bytes.into())),
            Some(Content::Link(text)) => Some(match tree::read_link(layout, &path, &text)? {
                Target::Group => Entry::Group,
                Target::Key(target) => Entry::Link(target),
            }),
        })
    }

    fn scan(&self, prefix: &Key, from: &Key, limit: usize) -> Result<Vec<(Key, Node)>, StoreError> {
        let _whole = self.reading()?;
        Walk::forwards(&self.disk, self.settings.layout, from, limit).below(prefix)
    }

    fn last(&self, prefix: &Key) -> Result<Option<(Key, Node)>, StoreError> {
        let _whole = self.reading()?;
        Walk::backwards(&self.disk, self.settings.layout, 1).below(prefix).map(|mut found| found.pop())
    }

    fn sync(&self) -> Result<(), StoreError> {
        if self.file_system.volatile { Ok(()) } else { self.writer().sync(&self.disk) }
    }

    fn describe(&self) -> Description {
        let FileSystem { name, volatile } = &self.file_system;
        Description {
            engine: Self::NAME.to_owned(),
            version: format!("{} ({name})", Self::version()),
            tiers: tiers(volatile.then_some(name)),
            options: self.settings.describe(),
        }
    }

    fn counters(&self) -> Counters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let tally = &self.disk.tally;
        let engine = [
            ("checkpoints", &tally.checkpoints),
            ("journal_bytes", &tally.journal_bytes),
            ("listings", &tally.listings),
            ("stray", &tally.strays),
        ];
        Counters {
            applies: read(&self.applies),
            ops: read(&self.ops),
            syncs: Some(read(&tally.syncs)),
            engine: BTreeMap::from(engine.map(|(name, counter)| (name.to_owned(), read(counter)))),
        }
    }
}

impl Drop for Fs {
    fn drop(&mut self) {
        // Only to make the next opening short: what this cannot do, replaying the journal does.
        let _ = self.writer().close(&self.disk);
    }
}
