//! Each engine by its own interface alone: the ceiling that a scheduler is held against.
//!
//! A [`Writer`] has no path to encode, no record to tag, no failure to remember and nothing to count. It is handed
//! finished [`Pair`]s, byte for byte those that the engine's [`Store`](slotbench_core::Store) writes, and calls what the
//! engine offers, with the settings and at the tier of that store. For benches only: nothing is read back here.
//!
//! | writer | one batch, at tier `power` |
//! |---|---|
//! | `fs append` | one `write` to the end of one file, `fdatasync`: the bytes alone, no index, not even a file a message |
//! | `fs file per message` | for every value a file: `write`, `fsync`, `rename`; for every link a symbolic link; `fsync` of the directory |
//! | `rocksdb` | one `WriteBatch` with `sync` |
//! | `sled` | one `Batch`, `flush()`, `fdatasync` of the log, without which sled survives no power cut |
//! | `redb` | one write transaction, `Durability::Immediate` |
//!
//! At tier `process` syncs are left out where the engine has a setting between (`fs`, `rocksdb`, `sled`).

#[cfg(feature = "fs")]
mod fs;
#[cfg(feature = "redb")]
mod redb;
#[cfg(feature = "rocksdb")]
mod rocksdb;
#[cfg(feature = "sled")]
mod sled;

use std::fmt::{self, Write as _};
use std::path::Path;

use slotbench_core::store::{Batch, Durability, Op, StoreError};

use crate::Kind;
use crate::shared::Record;

/// One record as an engine gets it.
#[derive(Debug, Clone)]
pub struct Pair {
    /// What the engine's store uses as its key.
    pub key: Vec<u8>,
    /// What it keeps there.
    pub value: Vec<u8>,
    /// The key in hexadecimal, for a writer that makes files.
    pub name: String,
    /// The name a link leads to.
    pub target: Option<String>,
}

impl Pair {
    /// What `op` stores; `None` for a removal.
    #[must_use]
    pub fn of(op: &Op) -> Option<Self> {
        let mut value = Vec::new();
        Record::of(op)?.fill(&mut value);
        let target = match op {
            Op::Link { target, .. } => Some(hexadecimal(target.as_bytes())),
            _ => None,
        };
        let key = op.key().as_bytes().to_vec();
        Some(Self { name: hexadecimal(&key), key, value, target })
    }

    /// What a batch stores, in its order.
    #[must_use]
    pub fn all_of(batch: &Batch) -> Vec<Self> {
        batch.ops().iter().filter_map(Self::of).collect()
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// An engine, open for writing.
pub trait Writer: Send + Sync {
    /// Writes `pairs` as one unit, and returns when they survive what `tier` names.
    ///
    /// # Errors
    /// Whatever the engine reports.
    fn write(&self, pairs: &[Pair], tier: Durability) -> Result<(), StoreError>;
}

/// A way to write to an engine.
#[derive(Clone, Copy)]
pub struct Raw {
    name: &'static str,
    engine: &'static str,
    open: Open,
}

type Open = fn(&Path) -> Result<Box<dyn Writer>, StoreError>;

/// Every writer that is built in; an engine may have several.
pub const WRITERS: &[Raw] = &[
    #[cfg(feature = "fs")]
    Raw { name: "append", engine: "fs", open: fs::Append::open },
    #[cfg(feature = "fs")]
    Raw { name: "file per message", engine: "fs", open: fs::Files::open },
    #[cfg(feature = "rocksdb")]
    Raw { name: "raw", engine: "rocksdb", open: rocksdb::Rocksdb::open },
    #[cfg(feature = "sled")]
    Raw { name: "raw", engine: "sled", open: sled::Sled::open },
    #[cfg(feature = "redb")]
    Raw { name: "raw", engine: "redb", open: redb::Redb::open },
];

impl Raw {
    /// The writers of one engine: none for an engine without a ceiling.
    pub fn of(kind: Kind) -> impl Iterator<Item = Self> {
        WRITERS.iter().copied().filter(move |raw| raw.engine == kind.name())
    }

    /// What tells it from the engine's other writers: `raw` where there is one only.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Opens a new database in the empty directory `dir`.
    ///
    /// # Errors
    /// Whatever the engine reports.
    pub fn open(&self, dir: &Path) -> Result<Box<dyn Writer>, StoreError> {
        (self.open)(dir)
    }
}

impl PartialEq for Raw {
    fn eq(&self, other: &Self) -> bool {
        (self.engine, self.name) == (other.engine, other.name)
    }
}

impl Eq for Raw {}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Raw({} {})", self.engine, self.name)
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use bytes::Bytes;
    use slotbench_core::{Entry, Key};
    use tempfile::TempDir;

    use super::*;
    use crate::Options;

    fn at(path: &str) -> Key {
        Key::parse(path).expect("a valid path")
    }

    fn batch() -> Batch {
        let mut batch = Batch::new();
        batch.put(at("data/m"), Bytes::from_static(b"message")).put(at("data/a"), Bytes::from_static(b"assignment"));
        batch.link(at("assignments/p/7"), at("data/a"));
        batch
    }

    fn written(raw: Raw, tier: Durability) -> TempDir {
        let dir = tempfile::tempdir().expect("a directory");
        let writer = raw.open(dir.path()).expect("opens");
        writer.write(&Pair::all_of(&batch()), tier).expect("writes");
        dir
    }

    #[test]
    fn what_a_key_value_writer_wrote_its_store_reads() {
        for raw in WRITERS.iter().filter(|raw| raw.engine != "fs") {
            for tier in Durability::ALL {
                let dir = written(*raw, tier);
                let kind = Kind::find(raw.engine).expect("built in");
                let store = kind.open(dir.path(), &Options::default()).expect("a database of its own");
                let read = |path| store.get(&at(path)).expect("readable");
                assert_eq!(read("data/m"), Some(Entry::Value(Bytes::from_static(b"message"))), "{raw:?} at {tier}");
                assert_eq!(read("assignments/p/7"), Some(Entry::Link(at("data/a"))), "{raw:?} at {tier}");
            }
        }
    }

    #[test]
    #[cfg(feature = "fs")]
    fn files_hold_all_bytes_and_links_lead_to_files() {
        let pairs = Pair::all_of(&batch());
        for tier in Durability::ALL {
            let [append, files] = ["append", "file per message"]
                .map(|name| written(*WRITERS.iter().find(|raw| raw.name == name).expect("listed"), tier));
            let names: Vec<PathBuf> =
                append.path().read_dir().expect("a directory").map(|entry| entry.expect("readable").path()).collect();
            let expected: Vec<u8> = pairs.iter().flat_map(|pair| [&pair.key[..], &pair.value].concat()).collect();
            assert_eq!(names.len(), 1);
            assert_eq!(std::fs::read(&names[0]).expect("readable"), expected);
            let linked = std::fs::read(files.path().join(&pairs[2].name)).expect("the link leads somewhere");
            assert_eq!(linked, pairs[1].value);
        }
    }
}
