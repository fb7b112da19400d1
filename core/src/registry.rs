//! Names of live things: which instance currently answers to a name, and who may create it.
//!
//! A [`Registry`] has one [`Table`] per kind, so that names of different kinds never meet. Names are paths
//! ([`Key`]), case-sensitive. A holder that has died counts as absent everywhere: it is never returned, its name can
//! be taken at once, and whoever cleans up removes only the entry it looked at.

mod flight;

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::id::Id;
use crate::key::{Key, Segment};
use flight::{Flight, Landing};

const SHARDS: usize = 16;

/// What can be registered.
pub trait Live: Send + Sync {
    /// Why a factory fails.
    type Error: Send + Sync;

    /// Whether it still answers. Once `false`, always `false`.
    fn is_live(&self) -> bool;
}

/// Tables by kind.
pub struct Registry<H: Live> {
    tables: Mutex<HashMap<Box<str>, Arc<Table<H>>>>,
}

impl<H: Live> Registry<H> {
    /// A registry without tables.
    #[must_use]
    pub fn new() -> Self {
        Self { tables: Mutex::new(HashMap::new()) }
    }

    /// The table of a kind, made on first use. Callers keep it: looking it up is not for the hot path.
    #[must_use]
    pub fn table(&self, kind: &str) -> Arc<Table<H>> {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(tables.entry(kind.into()).or_default())
    }
}

impl<H: Live> Default for Registry<H> {
    fn default() -> Self {
        Self::new()
    }
}

/// Names of one kind and their holders.
pub struct Table<H: Live> {
    shards: [RwLock<HashMap<Key, Entry<H>>>; SHARDS],
    hasher: RandomState,
}

enum Entry<H: Live> {
    Held(Arc<H>),
    /// Somebody runs the factory; the others wait.
    Creating(Arc<Flight<H>>),
}

/// What [`Table::find`] does about an absent name.
pub enum Policy<'a, H: Live> {
    /// Nothing.
    Never,
    /// Run the factory: of any number of concurrent callers exactly one does, and all get its result.
    Create(&'a dyn Fn() -> Result<H, H::Error>),
}

/// Why [`Table::find`] found nothing.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError<E> {
    /// The factory failed; every caller that waited for it gets the same error, and the next one tries again.
    #[error("the factory failed")]
    Factory(Arc<E>),
    /// The factory panicked in another caller's thread.
    #[error("the factory panicked")]
    Panicked,
    /// The name is absent, and the policy was not to create it.
    #[error("no such name")]
    Absent,
}

impl<H: Live> Table<H> {
    /// Gives `name` to `holder` if no live holder has it.
    ///
    /// # Errors
    /// The holder that has it.
    pub fn register(&self, name: &Key, holder: Arc<H>) -> Result<(), Taken<H>> {
        let mut shard = self.write(name);
        match shard.get(name) {
            Some(Entry::Held(current)) if current.is_live() => Err(Taken(Some(Arc::clone(current)))),
            Some(Entry::Creating(_)) => Err(Taken(None)),
            _ => {
                shard.insert(name.clone(), Entry::Held(holder));
                Ok(())
            }
        }
    }

    /// Takes the name from `holder`; does nothing if it is no longer its holder. Says whether it was.
    pub fn unregister(&self, name: &Key, holder: &Arc<H>) -> bool {
        self.remove_if(name, |entry| matches!(entry, Entry::Held(current) if Arc::ptr_eq(current, holder)))
    }

    /// The live holder of a name.
    #[must_use]
    pub fn lookup(&self, name: &Key) -> Option<Arc<H>> {
        match self.read(name).get(name) {
            Some(Entry::Held(holder)) if holder.is_live() => Some(Arc::clone(holder)),
            _ => None,
        }
    }

    /// The live holder of a name, created if `policy` says so.
    ///
    /// # Errors
    /// [`RegistryError`]; after a failure the name is absent.
    pub fn find(&self, name: &Key, policy: Policy<'_, H>) -> Result<Arc<H>, RegistryError<H::Error>> {
        if let Some(holder) = self.lookup(name) {
            return Ok(holder);
        }
        match policy {
            Policy::Never => Err(RegistryError::Absent),
            Policy::Create(factory) => self.create(name, factory),
        }
    }

    /// As [`find`](Self::find), for a name that is one id.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub fn find_id(&self, id: &Id, policy: Policy<'_, H>) -> Result<Arc<H>, RegistryError<H::Error>> {
        let mut name = Key::root();
        name.push_id(id);
        self.find(&name, policy)
    }

    fn create(&self, name: &Key, factory: &dyn Fn() -> Result<H, H::Error>) -> Result<Arc<H>, RegistryError<H::Error>> {
        let flight = {
            let mut shard = self.write(name);
            match shard.get(name) {
                Some(Entry::Held(holder)) if holder.is_live() => return Ok(Arc::clone(holder)),
                Some(Entry::Creating(flight)) => {
                    let flight = Arc::clone(flight);
                    drop(shard);
                    return flight.wait();
                }
                _ => {
                    let flight = Arc::new(Flight::default());
                    shard.insert(name.clone(), Entry::Creating(Arc::clone(&flight)));
                    flight
                }
            }
        };
        // Should the factory panic, the landing removes the entry and releases whoever waits.
        let landing = Landing::new(self, name, &flight);
        landing.complete(factory())
    }

    /// The names with a live holder, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<Key> {
        let mut names = self.collect(|name, _| Some(name.clone()));
        names.sort_unstable();
        names
    }

    /// The names that are one id, with a live holder, sorted.
    #[must_use]
    pub fn ids(&self) -> Vec<Id> {
        let id = |name: Key| match name.name() {
            Some(Segment::Id(id)) => Some(id),
            _ => None,
        };
        self.names().into_iter().filter_map(id).collect()
    }

    /// The live holders, in no particular order.
    #[must_use]
    pub fn live(&self) -> Vec<Arc<H>> {
        self.collect(|_, holder| Some(Arc::clone(holder)))
    }

    fn collect<T>(&self, pick: impl Fn(&Key, &Arc<H>) -> Option<T>) -> Vec<T> {
        let mut found = Vec::new();
        for shard in &self.shards {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            found.extend(shard.iter().filter_map(|(name, entry)| match entry {
                Entry::Held(holder) if holder.is_live() => pick(name, holder),
                _ => None,
            }));
        }
        found
    }

    fn settle(&self, name: &Key, flight: &Arc<Flight<H>>, holder: Option<&Arc<H>>) {
        let mut shard = self.write(name);
        let ours = matches!(shard.get(name), Some(Entry::Creating(current)) if Arc::ptr_eq(current, flight));
        match holder {
            Some(holder) if ours => drop(shard.insert(name.clone(), Entry::Held(Arc::clone(holder)))),
            None if ours => drop(shard.remove(name)),
            _ => {}
        }
    }

    fn remove_if(&self, name: &Key, condition: impl Fn(&Entry<H>) -> bool) -> bool {
        let mut shard = self.write(name);
        shard.get(name).is_some_and(condition) && shard.remove(name).is_some()
    }

    fn shard(&self, name: &Key) -> &RwLock<HashMap<Key, Entry<H>>> {
        #[expect(clippy::cast_possible_truncation, reason = "any bits of the hash will do")]
        let hash = self.hasher.hash_one(name) as usize;
        &self.shards[hash % SHARDS]
    }

    fn read(&self, name: &Key) -> RwLockReadGuard<'_, HashMap<Key, Entry<H>>> {
        self.shard(name).read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, name: &Key) -> RwLockWriteGuard<'_, HashMap<Key, Entry<H>>> {
        self.shard(name).write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<H: Live> Default for Table<H> {
    fn default() -> Self {
        Self { shards: std::array::from_fn(|_| RwLock::default()), hasher: RandomState::new() }
    }
}

/// A name that somebody has: its live holder, or `None` while it is being created.
#[derive(thiserror::Error)]
#[error("the name is taken")]
pub struct Taken<H>(pub Option<Arc<H>>);

impl<H> fmt::Debug for Taken<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Taken(a live holder)" } else { "Taken(being created)" })
    }
}
