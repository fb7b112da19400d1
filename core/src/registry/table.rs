//! Names and what they hold: a hash table in shards for look-ups, and the names in order for lists.
//!
//! Locks are taken in one order: shard, then index, then watchers. A look-up takes its shard only, to read. Whatever
//! changes a name changes it under its shard's lock, tells the watchers under it as well, and so in that order.

use std::collections::BTreeSet;
use std::hash::BuildHasher as _;

use hashbrown::HashTable;

use crate::registry::flight::{Flight, Landing};
use crate::registry::slot::Slot;
use crate::registry::watch::{Change, Hub};
use crate::registry::{Found, Instance, InstanceId, Live, Name, NameRef, RegistryError, Stale, Taken};
use crate::sync::{Arc, PoisonError, RandomState, RwLock, RwLockReadGuard, RwLockWriteGuard};

const SHARDS: usize = 64;

pub(super) struct Table<H: Live> {
    shards: Box<[Shard<H>]>,
    hasher: RandomState,
    /// Every name of every shard.
    pub(super) index: RwLock<BTreeSet<Name>>,
    pub(super) hub: Arc<Hub>,
}

/// Shards lie in cache lines of their own (two, as processors fetch them in pairs), so that neighbours do not wait for
/// each other.
#[repr(align(128))]
struct Shard<H: Live>(RwLock<Slots<H>>);

pub(super) struct Slots<H: Live> {
    table: HashTable<Slot<H>>,
    /// No generation of a name that has gone from here was higher, so a name that comes back goes on above.
    floor: u64,
}

/// What a creator finds.
enum Claim<H: Live> {
    Held(Found<H>),
    Underway(Arc<Flight<H>>),
    Ours(Arc<Flight<H>>),
}

impl<H: Live> Default for Table<H> {
    fn default() -> Self {
        let shard = |_| Shard(RwLock::new(Slots { table: HashTable::new(), floor: 0 }));
        Self {
            shards: (0..SHARDS).map(shard).collect(),
            hasher: RandomState::default(),
            index: RwLock::default(),
            hub: Arc::default(),
        }
    }
}

impl<H: Live> Table<H> {
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.read().table.len()).sum()
    }

    /// What a name holds, if it is known at all.
    pub(super) fn read<T>(&self, name: NameRef<'_>, look: impl FnOnce(&Slot<H>) -> T) -> Option<T> {
        let hash = self.hash(name);
        let shard = self.shard(hash).read();
        shard.table.find(hash, |slot| slot.name.as_str() == name.as_str()).map(look)
    }

    /// How many stored names a look-up compares with `name`.
    pub(super) fn probes(&self, name: NameRef<'_>) -> usize {
        let (hash, mut probes) = (self.hash(name), 0);
        let shard = self.shard(hash).read();
        let is_it = |slot: &Slot<H>| {
            probes += 1;
            slot.name.as_str() == name.as_str()
        };
        shard.table.find(hash, is_it);
        probes
    }

    pub(super) fn lookup(&self, name: NameRef<'_>) -> Option<Found<H>> {
        let seen = self.read(name, |slot| slot.live().ok_or_else(|| slot.current.as_ref().map(|dead| dead.id())))?;
        match seen {
            Ok(found) => Some(found),
            Err(dead) => {
                // Only the entry that was looked at goes: the name may be somebody else's by now.
                if let Some(id) = dead {
                    self.remove(name, id);
                }
                None
            }
        }
    }

    pub(super) fn register(&self, name: &Name, instance: Arc<Instance<H>>) -> Result<u64, Taken<H>> {
        self.change(name.into(), |slot, hub| {
            if slot.flight().is_some() {
                return Err(Taken(None));
            }
            if let Some(holder) = slot.live() {
                return Err(Taken(Some(holder)));
            }
            bury(slot, hub);
            Ok(place(slot, hub, instance))
        })
    }

    /// Removes a name from the instance that has it; does nothing if it is no longer its holder.
    pub(super) fn remove(&self, name: NameRef<'_>, id: InstanceId) -> bool {
        self.remove_if(name, |slot| slot.is_held_by(id))
    }

    /// Points a name to another instance, if `condition` holds for what it holds now.
    pub(super) fn repoint(
        &self,
        name: &Name,
        instance: Arc<Instance<H>>,
        condition: impl FnOnce(&Slot<H>) -> bool,
    ) -> Result<u64, Stale> {
        let hash = self.hash(name.into());
        let mut shard = self.shard(hash).write();
        let slot = shard.table.find_mut(hash, |slot| slot.name == *name).ok_or(Stale { current: None })?;
        if slot.flight().is_some() || !condition(slot) {
            return Err(Stale { current: Some(slot.generation) });
        }
        let (generation, id) = (slot.point_to(Arc::clone(&instance)), instance.id());
        self.hub.tell(&slot.name, Change::Repointed { generation, instance: id });
        Ok(generation)
    }

    /// Changes a name that somebody has.
    pub(super) fn update<T>(&self, name: &Name, change: impl FnOnce(&mut Slot<H>) -> T) -> Option<T> {
        let hash = self.hash(name.into());
        let mut shard = self.shard(hash).write();
        shard.table.find_mut(hash, |slot| slot.name == *name && slot.live().is_some()).map(change)
    }

    /// The live holder of a name, or what `make` makes. Of any number of concurrent callers one makes it. Says whether
    /// it was this one.
    pub(super) fn find_or_create(
        &self,
        name: NameRef<'_>,
        make: impl FnOnce() -> Result<Instance<H>, RegistryError<H::Error>>,
    ) -> Result<(Found<H>, bool), RegistryError<H::Error>> {
        match self.change(name, |slot, hub| Ok::<_, RegistryError<H::Error>>(claim(slot, hub)))? {
            Claim::Held(found) => Ok((found, false)),
            Claim::Underway(flight) => Ok((flight.wait()?, false)),
            Claim::Ours(flight) => {
                // Should the factory panic, the landing removes the name and releases whoever waits.
                let landing = Landing::new(self, name, flight);
                Ok((landing.complete(make())?, true))
            }
        }
    }

    /// Gives the name to what its creator made.
    pub(super) fn settle(&self, name: NameRef<'_>, instance: Arc<Instance<H>>) -> Found<H> {
        let settled = self.change(name, |slot, hub| {
            slot.set_flight(None);
            Ok::<_, std::convert::Infallible>(place(slot, hub, Arc::clone(&instance)))
        });
        let Ok(generation) = settled;
        Found { instance, generation }
    }

    /// Removes the name of a creation that failed.
    pub(super) fn abandon(&self, name: NameRef<'_>, flight: &Arc<Flight<H>>) {
        self.remove_if(name, |slot| slot.flight().is_some_and(|current| Arc::ptr_eq(current, flight)));
    }

    /// Changes what a name holds, known before or not. A change that fails must leave the slot as it was.
    fn change<T, E>(&self, name: NameRef<'_>, change: impl FnOnce(&mut Slot<H>, &Hub) -> Result<T, E>) -> Result<T, E> {
        let hash = self.hash(name);
        let mut shard = self.shard(hash).write();
        if let Some(slot) = shard.table.find_mut(hash, |slot| slot.name.as_str() == name.as_str()) {
            return change(slot, &self.hub);
        }
        let mut slot = Slot::vacant(name.to_name(), shard.floor);
        let changed = change(&mut slot, &self.hub)?;
        write(&self.index).insert(slot.name.clone());
        shard.table.insert_unique(hash, slot, |slot| self.hash((&slot.name).into()));
        Ok(changed)
    }

    fn remove_if(&self, name: NameRef<'_>, condition: impl FnOnce(&Slot<H>) -> bool) -> bool {
        let hash = self.hash(name);
        let mut shard = self.shard(hash).write();
        let Ok(entry) = shard.table.find_entry(hash, |slot| slot.name.as_str() == name.as_str()) else { return false };
        if !condition(entry.get()) {
            return false;
        }
        let (mut slot, _) = entry.remove();
        write(&self.index).remove(name.as_str());
        shard.floor = shard.floor.max(slot.generation);
        bury(&mut slot, &self.hub);
        true
    }

    fn hash(&self, name: NameRef<'_>) -> u64 {
        self.hasher.hash_one(name.as_str())
    }

    fn shard(&self, hash: u64) -> &Shard<H> {
        // The table within uses the lowest bits and the highest seven, so these are free.
        let index = usize::try_from(hash >> 48).unwrap_or(0) % SHARDS;
        &self.shards[index]
    }
}

impl<H: Live> Shard<H> {
    fn read(&self) -> RwLockReadGuard<'_, Slots<H>> {
        read(&self.0)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Slots<H>> {
        write(&self.0)
    }
}

fn claim<H: Live>(slot: &mut Slot<H>, hub: &Hub) -> Claim<H> {
    if let Some(found) = slot.live() {
        return Claim::Held(found);
    }
    if let Some(flight) = slot.flight() {
        return Claim::Underway(Arc::clone(flight));
    }
    bury(slot, hub);
    let flight = Arc::new(Flight::default());
    slot.set_flight(Some(Arc::clone(&flight)));
    Claim::Ours(flight)
}

/// Gives an unheld name to an instance.
fn place<H: Live>(slot: &mut Slot<H>, hub: &Hub, instance: Arc<Instance<H>>) -> u64 {
    let id = instance.id();
    let generation = slot.point_to(instance);
    hub.tell(&slot.name, Change::Registered { generation, instance: id });
    generation
}

/// Lets go of whoever has the name.
fn bury<H: Live>(slot: &mut Slot<H>, hub: &Hub) {
    if let Some(instance) = slot.current.take() {
        hub.tell(&slot.name, Change::Ended { generation: slot.generation, instance: instance.id() });
    }
}

/// What is under these locks is changed in steps that do not panic half-way.
pub(super) fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
