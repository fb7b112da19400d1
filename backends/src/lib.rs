//! The storage engines, one file and one cargo feature each, behind [`slotbench_core::Store`].
//!
//! Adding an engine takes one new file with a type that implements [`Engine`], and one line in the list below.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use slotbench_core::store::{Store, StoreError, Tier};

mod options;
#[cfg(feature = "raw")]
pub mod raw;
pub mod shared;

pub use options::Options;

/// What the list of kinds needs of an engine.
pub trait Engine {
    /// The name in plans and on the command line: lower case, no comma.
    const NAME: &'static str;
    /// Whether it keeps anything beyond the process: `false` for the two calibration targets.
    const PERSISTENT: bool;

    /// Version of the engine itself.
    fn version() -> String;

    /// How it meets the three tiers, weakest first.
    fn tiers() -> [Tier; 3];

    /// Opens the store in `dir`, creating it where there is none. `dir` exists.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another handle has it open; [`StoreError::Corrupt`] for content that is not this
    /// engine's; an option that does not exist, or cannot take its value.
    fn open(dir: &Path, options: &Options) -> Result<Arc<dyn Store>, StoreError>;
}

/// The list of kinds: feature, module, type.
macro_rules! engines {
    ($($(#[$gate:meta])* $module:ident :: $engine:ident;)*) => {
        $($(#[$gate])* pub mod $module;)*

        /// Every engine that is built in, in the order reports show them.
        pub const KINDS: &[Kind] = &[$($(#[$gate])* Kind::of::<$module::$engine>(),)*];

        /// The name of every engine there is, built in or not, in the same order.
        pub const NAMES: &[&str] = &[$(stringify!($module),)*];
    };
}

engines! {
    #[cfg(feature = "fs")] fs::Fs;
    #[cfg(feature = "rocksdb")] rocksdb::Rocksdb;
    #[cfg(feature = "sled")] sled::Sled;
    #[cfg(feature = "redb")] redb::Redb;
    #[cfg(feature = "fjall")] fjall::Fjall;
    #[cfg(feature = "lmdb")] lmdb::Lmdb;
    memory::Memory;
    null::Null;
}

/// One built-in engine.
#[derive(Clone, Copy)]
pub struct Kind {
    name: &'static str,
    persistent: bool,
    version: fn() -> String,
    tiers: fn() -> [Tier; 3],
    open: Open,
}

type Open = fn(&Path, &Options) -> Result<Arc<dyn Store>, StoreError>;

impl Kind {
    const fn of<E: Engine>() -> Self {
        Self { name: E::NAME, persistent: E::PERSISTENT, version: E::version, tiers: E::tiers, open: E::open }
    }

    /// The engine of that name, if it is built in.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        KINDS.iter().copied().find(|kind| kind.name == name)
    }

    /// The name in plans and on the command line.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Whether a store of this kind outlives the process.
    #[must_use]
    pub const fn is_persistent(&self) -> bool {
        self.persistent
    }

    /// Version of the engine itself.
    #[must_use]
    pub fn version(&self) -> String {
        (self.version)()
    }

    /// How it meets the three tiers, weakest first.
    #[must_use]
    pub fn tiers(&self) -> [Tier; 3] {
        (self.tiers)()
    }

    /// Opens the store in `dir`, creating `dir` and the store where there is none.
    ///
    /// # Errors
    /// What [`Engine::open`] says, and the failure to create `dir`.
    pub fn open(&self, dir: &Path, options: &Options) -> Result<Arc<dyn Store>, StoreError> {
        if self.persistent {
            std::fs::create_dir_all(dir).map_err(StoreError::io("create directory", dir))?;
        }
        (self.open)(dir, options)
    }
}

impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Kind {}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kind({})", self.name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_listed_under_its_name() {
        let mut names = NAMES.iter();
        for kind in KINDS {
            assert!(names.any(|name| *name == kind.name), "{kind} is missing from NAMES, or out of order");
        }
    }
}
