//! What the scheduler asks of a storage engine, and the words both use.

mod batch;
mod error;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

pub use batch::{Batch, Op};
pub use error::StoreError;

use crate::key::Key;

/// How many links [`Store::resolve`] follows before it reports [`StoreError::LinkLoop`].
pub const MAX_LINK_HOPS: usize = 64;

/// What an acknowledged batch survives. Ordered: a stronger tier includes the weaker ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// Nothing: the data may die with the process.
    Memory,
    /// A SIGKILL of the process: the data has reached the operating system.
    Process,
    /// A power cut: fsync, or its equal, has returned.
    Power,
}

impl Durability {
    /// Every tier, weakest first.
    pub const ALL: [Self; 3] = [Self::Memory, Self::Process, Self::Power];

    /// The name used in plans, on the command line and in results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Process => "process",
            Self::Power => "power",
        }
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Durability {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|tier| tier.name() == text)
            .ok_or_else(|| format!("unknown durability '{text}' (allowed: memory, process, power)"))
    }
}

/// What is stored at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// Bytes.
    Value(Bytes),
    /// Another name for the path it holds; the target need not exist.
    Link(Key),
    /// A group made explicitly. A path that merely has descendants is a group without an entry.
    Group,
}

/// What a scan tells of a path: all of an [`Entry`] but the bytes of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A value of that many bytes.
    Value(u64),
    /// A link to the path it holds.
    Link(Key),
    /// A group made explicitly.
    Group,
}

impl Entry {
    /// What a scan tells of it.
    #[must_use]
    pub fn node(&self) -> Node {
        match self {
            Self::Value(bytes) => Node::Value(bytes.len() as u64),
            Self::Link(target) => Node::Link(target.clone()),
            Self::Group => Node::Group,
        }
    }
}

/// How one engine meets one tier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tier {
    /// The tier the caller asked for.
    pub asked: Durability,
    /// The tier the engine's cheapest sufficient setting gives; `None` where no setting reaches `asked`.
    pub effective: Option<Durability>,
    /// The engine's own setting, or the reason it cannot.
    pub how: String,
}

/// What an engine says of itself, for reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// The engine's name, such as `rocksdb`.
    pub engine: String,
    /// The engine's version, such as `11.8.1`.
    pub version: String,
    /// How it meets the three tiers, weakest first.
    pub tiers: [Tier; 3],
    /// Every setting that is in force, defaults that matter included.
    pub options: BTreeMap<String, String>,
}

/// What an engine counted since it was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Calls of [`Store::apply`] that succeeded.
    pub applies: u64,
    /// Operations in them.
    pub ops: u64,
    /// fsync, fdatasync and msync calls issued, where the engine lets us know.
    pub syncs: Option<u64>,
    /// Figures with a meaning of the engine's own, such as `wal_bytes`.
    pub engine: BTreeMap<String, u64>,
}

/// A storage engine, as the scheduler needs it.
///
/// Implementations are shared between threads and must order concurrent [`apply`](Self::apply) calls themselves:
/// of two batches one is entirely before the other. A batch is visible to [`get`](Self::get) when `apply` returns,
/// and not before it is whole.
pub trait Store: Send + Sync {
    /// Stores all of `batch`, or nothing, and returns when it survives what `durability` names.
    ///
    /// A later operation of a batch overrules an earlier one on the same key. Writing to a key replaces what was
    /// there: writing over a link replaces the link, never what it points to.
    ///
    /// # Errors
    /// [`StoreError::Tier`] where `durability` is out of reach; otherwise whatever went wrong. After an error the
    /// batch may be stored or not, never in part; callers must read back before they go on. After a failed sync the
    /// engine must refuse further batches ([`StoreError::Poisoned`]).
    fn apply(&self, batch: &Batch, durability: Durability) -> Result<(), StoreError>;

    /// What is stored at exactly `key`, links not followed; `None` for a missing path and for a group that was
    /// never made explicitly.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] where something is there but cannot be read.
    fn get(&self, key: &Key) -> Result<Option<Entry>, StoreError>;

    /// The entries strictly below `prefix` whose key is at least `from`, in key order, at most `limit`.
    ///
    /// `from` may be a [`Key::fence`]. The cost depends on `limit`, not on how much is stored.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    fn scan(&self, prefix: &Key, from: &Key, limit: usize) -> Result<Vec<(Key, Node)>, StoreError>;

    /// The greatest entry strictly below `prefix`, found without walking the others.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    fn last(&self, prefix: &Key) -> Result<Option<(Key, Node)>, StoreError>;

    /// Makes everything applied so far survive what the engine's strongest tier survives.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    fn sync(&self) -> Result<(), StoreError>;

    /// The engine, its version, its tiers and its effective options.
    fn describe(&self) -> Description;

    /// What the engine counted since it was opened.
    fn counters(&self) -> Counters;

    /// Whether [`apply`](Self::apply) can keep its caller waiting for a device, or for whoever waits for one. Where it
    /// cannot, threads that must not wait may call it, such as those of a network server.
    fn may_wait(&self) -> bool {
        true
    }

    /// Replaces links in `key`, from the left, until none is left: with `a/b -> c`, `a/b/d` resolves to `c/d`, even
    /// where something is stored at `a/b/d`. Segments that do not exist stay as they are.
    ///
    /// # Errors
    /// [`StoreError::LinkLoop`] after [`MAX_LINK_HOPS`] links.
    fn resolve(&self, key: &Key) -> Result<Key, StoreError> {
        crate::store::resolve(self, key)
    }
}

/// The resolution rule of [`Store::resolve`], for any store.
///
/// # Errors
/// [`StoreError::LinkLoop`], and what [`Store::get`] reports.
pub fn resolve<S: Store + ?Sized>(store: &S, key: &Key) -> Result<Key, StoreError> {
    let too_long = |source| StoreError::Key { path: key.to_string(), source };
    let mut path = key.clone();
    for _ in 0..=MAX_LINK_HOPS {
        // The target may itself lead through links, so every hop starts over from the left.
        let Some((link, target)) = first_link(store, &path)? else { return Ok(path) };
        path = graft(&path, &link, &target).map_err(too_long)?;
    }
    Err(StoreError::LinkLoop { path: key.to_string() })
}

/// The leftmost ancestor of `path`, itself included, that is a link, and where it leads.
fn first_link<S: Store + ?Sized>(store: &S, path: &Key) -> Result<Option<(Key, Key)>, StoreError> {
    for ancestor in path.ancestry() {
        if let Some(Entry::Link(target)) = store.get(&ancestor)? {
            return Ok(Some((ancestor, target)));
        }
    }
    Ok(None)
}

/// `path` with its ancestor `link` replaced by `target`.
fn graft(path: &Key, link: &Key, target: &Key) -> Result<Key, crate::key::KeyError> {
    path.segments().skip(link.segments().count()).try_fold(target.clone(), |grafted, segment| grafted.child(&segment))
}
