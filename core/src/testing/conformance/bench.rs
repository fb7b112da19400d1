//! What a check works with: directories, counted stores, and short ways to say what it does.

use std::sync::Arc;

use bytes::Bytes;
use tempfile::TempDir;

use super::{Failure, Outcome, Subject};
use crate::key::Key;
use crate::store::{Batch, Durability, Entry, Store, StoreError, Tier};
use crate::testing::{Calls, Hooked};

/// One check's own directory and counter.
pub struct Bench<'a> {
    subject: &'a Subject,
    dir: TempDir,
    calls: Calls,
}

impl<'a> Bench<'a> {
    pub(super) fn new(subject: &'a Subject) -> Result<Self, Failure> {
        let dir = tempfile::Builder::new().prefix("conformance-").tempdir_in(&subject.parent)?;
        Ok(Self { subject, dir, calls: Calls::default() })
    }

    /// The calls of all stores opened on this bench.
    #[must_use]
    pub fn calls(&self) -> &Calls {
        &self.calls
    }

    /// Whether what is stored outlives the handle.
    #[must_use]
    pub fn is_persistent(&self) -> bool {
        self.subject.persistent
    }

    pub(super) fn shrinks(&self) -> u32 {
        self.subject.shrinks
    }

    /// Opens the store in the subdirectory `name`, with its calls counted.
    ///
    /// # Errors
    /// What the engine reports.
    pub fn open(&self, name: &str) -> Result<Handle, StoreError> {
        let dir = self.dir.path().join(name);
        std::fs::create_dir_all(&dir).map_err(StoreError::io("create directory", &dir))?;
        let store = Arc::new(Hooked::around((self.subject.open)(&dir)?, self.calls.clone()));
        Ok(Handle::new(store))
    }
}

/// A store and the tier a check writes with, spoken to in paths.
///
/// The tier is the weakest the engine reaches, so that checks of anything but durability are fast.
#[derive(Clone)]
pub struct Handle {
    store: Arc<dyn Store>,
    tier: Durability,
}

impl Handle {
    fn new(store: Arc<dyn Store>) -> Self {
        let tier = weakest(&*store, Durability::Memory);
        Self { store, tier }
    }

    /// The same store, written to with a tier that survives its being closed: the weakest reached from `process` on.
    #[must_use]
    pub fn lasting(self) -> Self {
        let tier = weakest(&*self.store, Durability::Process);
        Self { tier, ..self }
    }

    /// The store itself.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The tier the short forms write with.
    #[must_use]
    pub fn tier(&self) -> Durability {
        self.tier
    }

    /// Applies what `fill` puts into a batch.
    ///
    /// # Errors
    /// What the store reports.
    pub fn apply(&self, fill: impl FnOnce(&mut Batch)) -> Outcome {
        let mut batch = Batch::new();
        fill(&mut batch);
        Ok(self.store.apply(&batch, self.tier)?)
    }

    pub(super) fn put(&self, path: &str, value: impl Into<Bytes>) -> Outcome {
        self.apply(|batch| _ = batch.put(key(path), value.into()))
    }

    pub(super) fn link(&self, path: &str, target: &str) -> Outcome {
        self.apply(|batch| _ = batch.link(key(path), key(target)))
    }

    pub(super) fn group(&self, path: &str) -> Outcome {
        self.apply(|batch| _ = batch.group(key(path)))
    }

    pub(super) fn delete(&self, path: &str) -> Outcome {
        self.apply(|batch| _ = batch.delete(key(path)))
    }

    pub(super) fn get(&self, path: &str) -> Result<Option<Entry>, Failure> {
        Ok(self.store.get(&key(path))?)
    }

    /// What is stored where `path` leads.
    pub(super) fn follow(&self, path: &str) -> Result<Option<Entry>, Failure> {
        Ok(self.store.get(&self.store.resolve(&key(path))?)?)
    }

    pub(super) fn resolve(&self, path: &str) -> Result<String, Failure> {
        Ok(self.store.resolve(&key(path))?.to_string())
    }

    /// The paths below `prefix`, `from` on.
    pub(super) fn scan(&self, prefix: &str, from: &Key, limit: usize) -> Result<Vec<String>, Failure> {
        let found = self.store.scan(&key(prefix), from, limit)?;
        Ok(found.into_iter().map(|(key, _)| key.to_string()).collect())
    }

    pub(super) fn last(&self, prefix: &str) -> Result<Option<String>, Failure> {
        Ok(self.store.last(&key(prefix))?.map(|(key, _)| key.to_string()))
    }
}

/// The weakest tier from `least` on that `store` reaches; `memory` where there is none.
fn weakest(store: &dyn Store, least: Durability) -> Durability {
    let reached = |tier: &&Tier| tier.asked >= least && tier.effective.is_some();
    store.describe().tiers.iter().find(reached).map_or(Durability::Memory, |tier| tier.asked)
}

/// The key of a path that a check spells out.
pub(super) fn key(path: &str) -> Key {
    Key::parse(path).expect("a check's own path is valid")
}

/// The entry that holds these bytes.
pub(super) fn value(bytes: impl Into<Bytes>) -> Option<Entry> {
    Some(Entry::Value(bytes.into()))
}

/// The entry that leads to `target`.
pub(super) fn link(target: &str) -> Option<Entry> {
    Some(Entry::Link(key(target)))
}
