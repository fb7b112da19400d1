//! The cache of schedules that other nodes make.
//!
//! Its slots lie apart from this node's own schedules, so nothing that comes from others can overwrite one of those, be
//! taken for one, or be counted by a check. A slot is one value that holds assignment and message: it shares no content
//! with anything else, and can be evicted without looking for other uses of it.
//!
//! Nothing enters that has not been verified, see [`ForeignSchedules::keep`]. The cache has a budget in bytes; the
//! process that was used longest ago makes room. What cannot be read any more counts as not cached.

mod check;
mod entry;
mod error;
mod usage;

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

pub use check::{Authority, AuthorityError};
pub use error::{ForeignError, Unverified};

use crate::assignment::Link;
use crate::assignments::{AssignmentStore, AssignmentsError, Scheduled, foreign_process_key, foreign_slot_key};
use crate::id::Id;
use crate::item::Item;
use crate::key::{Key, Segment};
use crate::store::{Batch, Durability, Entry, Store};
use usage::Usage;

/// Most bytes the cache holds where nothing else is said: 256 MiB.
pub const DEFAULT_MAX_BYTES: u64 = 256 << 20;

/// How many slots are removed at a time.
const REMOVED_AT_ONCE: usize = 512;

/// The cached schedules of other nodes. A store has one.
pub struct ForeignSchedules {
    assignments: AssignmentStore,
    max_bytes: u64,
    /// Read from the store when the cache is first changed. Held while it is.
    usage: Mutex<Option<Usage>>,
    counters: Counting,
}

/// What became of slots that were to be cached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kept {
    /// Slots that were stored.
    pub stored: usize,
    /// Slots that were cached before.
    pub known: usize,
}

/// What a cache has done since it was made, and what it holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ForeignCounters {
    /// Slots that were read from the cache.
    pub hits: u64,
    /// Reads that ended, before the end of their range, at a slot that is not cached.
    pub misses: u64,
    /// Slots that were stored.
    pub stored: u64,
    /// Attempts to store something that was refused.
    pub refused: u64,
    /// Slots that made room for others.
    pub evicted: u64,
    /// Bytes cached; 0 before the cache is first changed.
    pub bytes: u64,
    /// Processes cached; likewise.
    pub processes: u64,
}

#[derive(Default)]
struct Counting {
    hits: AtomicU64,
    misses: AtomicU64,
    stored: AtomicU64,
    refused: AtomicU64,
    evicted: AtomicU64,
}

impl ForeignSchedules {
    /// The cache in the store of `assignments`, of at most `max_bytes`.
    #[must_use]
    pub fn new(assignments: AssignmentStore, max_bytes: u64) -> Self {
        Self { assignments, max_bytes, usage: Mutex::new(None), counters: Counting::default() }
    }

    /// The cached slots of a process from the first of `slots` on, up to the first that is not cached: at most `limit`
    /// slots and `max_bytes` of items, the first slot whatever its size.
    ///
    /// # Errors
    /// What the store reports.
    pub fn read(
        &self,
        process: &Id,
        slots: Range<u64>,
        limit: usize,
        max_bytes: usize,
    ) -> Result<Vec<Scheduled>, AssignmentsError> {
        let (mut found, mut bytes) = (Vec::new(), 0_usize);
        for slot in slots.take(limit) {
            let Some(scheduled) = self.slot(process, slot)? else {
                add(&self.counters.misses, 1);
                break;
            };
            bytes = bytes.saturating_add(scheduled.size());
            if bytes > max_bytes && !found.is_empty() {
                break;
            }
            found.push(scheduled);
        }
        add(&self.counters.hits, found.len());
        if !found.is_empty() {
            self.touch(process);
        }
        Ok(found)
    }

    /// Notes that a process was used. Whoever reads does not wait for whoever stores and evicts: the order of use may miss
    /// a read. Before the cache is first changed there is no order yet.
    fn touch(&self, process: &Id) {
        let Ok(mut usage) = self.usage.try_lock() else { return };
        usage.as_mut().into_iter().for_each(|usage| usage.touch(process));
    }

    /// The definition of a process that others schedule, if it came with one of its slots or beside them.
    ///
    /// # Errors
    /// What the store reports.
    pub fn definition(&self, process: &Id) -> Result<Option<Item>, AssignmentsError> {
        let stored = match self.store().get(&foreign_process_key(process))? {
            Some(Entry::Value(bytes)) => Item::parse(bytes).ok(),
            _ => None,
        };
        Ok(stored.filter(|item| item.id() == *process))
    }

    /// Caches slots of a process that others schedule, all of them or none.
    ///
    /// What is asked of them: the process is the authority's, and has no schedule of this node's own; every assignment is
    /// signed by a scheduler that the process itself names; every message is signed, and is the one that its assignment
    /// names; and every chain value follows from that of the slot before, where that one is given or cached, as does that
    /// of a cached slot behind. A location record's signer is no further authority: it is the scheduler, or nobody.
    ///
    /// # Errors
    /// [`ForeignError`]; nothing is stored then.
    pub fn keep(&self, authority: &Authority, slots: &[Scheduled]) -> Result<Kept, ForeignError> {
        let kept = self.verify_and_store(authority, slots);
        match &kept {
            Ok(kept) => add(&self.counters.stored, kept.stored),
            Err(_) => add(&self.counters.refused, 1),
        }
        kept
    }

    fn verify_and_store(&self, authority: &Authority, slots: &[Scheduled]) -> Result<Kept, ForeignError> {
        // Signatures first: they cost most, and need no lock.
        slots.iter().try_for_each(|scheduled| authority.check(scheduled))?;
        let mut guard = self.lock();
        let usage = match &mut *guard {
            Some(usage) => usage,
            none => none.insert(Usage::read(self.store())?),
        };
        let kept = self.store_verified(usage, authority, slots);
        if let Err(ForeignError::Storage(_)) = &kept {
            // What a failed batch has left behind is counted anew.
            *guard = None;
        }
        kept
    }

    fn store_verified(
        &self,
        usage: &mut Usage,
        authority: &Authority,
        slots: &[Scheduled],
    ) -> Result<Kept, ForeignError> {
        let process = authority.process();
        if self.assignments.last_slot(&process)?.is_some() {
            return Err(ForeignError::Ours(process));
        }
        let ordered = in_order(slots)?;
        let fresh = self.fresh(&process, &ordered)?;
        let stored = self.store_fresh(usage, authority, &ordered, &fresh)?;
        Ok(Kept { stored, known: slots.len() - stored })
    }

    /// Those of the slots, in order, that are not cached, once chain and conflicts are checked.
    fn fresh<'a>(&self, process: &Id, ordered: &[&'a Scheduled]) -> Result<Vec<&'a Scheduled>, ForeignError> {
        let mut fresh = Vec::new();
        for (index, scheduled) in ordered.iter().enumerate() {
            let (assignment, slot) = (&scheduled.assignment, scheduled.assignment.slot());
            let given = |index: Option<usize>, slot: Option<u64>| {
                let given = index.and_then(|index| ordered.get(index)).map(|given| &given.assignment);
                given.filter(|given| Some(given.slot()) == slot)
            };
            let before = match given(index.checked_sub(1), slot.checked_sub(1)) {
                Some(before) => Some(before.link()),
                None => self.link_before(process, slot)?,
            };
            check::chain(assignment, before)?;
            match self.slot(process, slot)? {
                Some(cached) if cached.assignment.id() == assignment.id() => {}
                Some(cached) => return Err(ForeignError::conflict(&cached.assignment, assignment)),
                None => {
                    let is_given = given(index.checked_add(1), slot.checked_add(1)).is_some();
                    if let (false, Some(next)) = (is_given, self.next_cached(process, slot)?) {
                        check::chain(&next.assignment, Some(assignment.link()))?;
                    }
                    fresh.push(*scheduled);
                }
            }
        }
        Ok(fresh)
    }

    fn link_before(&self, process: &Id, slot: u64) -> Result<Option<Link>, AssignmentsError> {
        let Some(before) = slot.checked_sub(1) else { return Ok(None) };
        Ok(self.slot(process, before)?.map(|scheduled| scheduled.assignment.link()))
    }

    fn next_cached(&self, process: &Id, slot: u64) -> Result<Option<Scheduled>, AssignmentsError> {
        slot.checked_add(1).map_or(Ok(None), |next| self.slot(process, next))
    }

    /// Stores those of the verified slots that are not cached, after what has to make room for them. Should the process
    /// itself have to go, all of them come back. Says how many were stored.
    fn store_fresh(
        &self,
        usage: &mut Usage,
        authority: &Authority,
        all: &[&Scheduled],
        fresh: &[&Scheduled],
    ) -> Result<usize, ForeignError> {
        if fresh.is_empty() {
            return Ok(0);
        }
        let process = authority.process();
        let anew = Staged::of(&process, Some(authority.definition()), all);
        if anew.size > self.max_bytes {
            return Err(ForeignError::TooLarge { size: anew.size, limit: self.max_bytes });
        }
        let is_defined = self.definition(&process)?.is_some();
        let mut staged = Staged::of(&process, (!is_defined).then_some(authority.definition()), fresh);
        while usage.bytes() + staged.size > self.max_bytes {
            let Some(victim) = usage.oldest(&process) else { break };
            self.evict(usage, &victim)?;
            if victim == process {
                staged = Staged::of(&process, Some(authority.definition()), all);
            }
        }
        self.store().apply(&staged.batch, Durability::Memory)?;
        usage.add(&process, staged.size);
        Ok(staged.slots)
    }

    /// Removes all that is cached of a process.
    fn evict(&self, usage: &mut Usage, process: &Id) -> Result<(), ForeignError> {
        let group = foreign_process_key(process);
        let mut from = group.clone();
        loop {
            let page = self.store().scan(&group, &from, REMOVED_AT_ONCE)?;
            let mut batch = Batch::new();
            let Some((last, _)) = page.last() else {
                batch.delete(group);
                self.store().apply(&batch, Durability::Memory)?;
                usage.forget(process);
                return Ok(());
            };
            from = last.fence();
            page.iter().for_each(|(key, _)| _ = batch.delete(key.clone()));
            self.store().apply(&batch, Durability::Memory)?;
            let slots = page.iter().filter(|(key, _)| matches!(key.name(), Some(Segment::Number(_)))).count();
            add(&self.counters.evicted, slots);
        }
    }

    /// One cached slot; `None` for one that is not cached, or cannot be read.
    fn slot(&self, process: &Id, slot: u64) -> Result<Option<Scheduled>, AssignmentsError> {
        match self.store().get(&foreign_slot_key(process, slot))? {
            Some(Entry::Value(bytes)) => Ok(entry::decode(&bytes, process, slot)),
            _ => Ok(None),
        }
    }

    /// What was done so far, and what is cached.
    #[must_use]
    pub fn counters(&self) -> ForeignCounters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let guard = self.lock();
        let usage = guard.as_ref();
        ForeignCounters {
            hits: read(&self.counters.hits),
            misses: read(&self.counters.misses),
            stored: read(&self.counters.stored),
            refused: read(&self.counters.refused),
            evicted: read(&self.counters.evicted),
            bytes: usage.map_or(0, Usage::bytes),
            processes: usage.map_or(0, |usage| usage.processes() as u64),
        }
    }

    fn store(&self) -> &dyn Store {
        &**self.assignments.store()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Usage>> {
        // Usage is only changed in steps that cannot panic half-way.
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Slots on their way to the store.
struct Staged {
    batch: Batch,
    slots: usize,
    /// What they add to the usage of their process.
    size: u64,
}

impl Staged {
    fn of(process: &Id, definition: Option<&Item>, slots: &[&Scheduled]) -> Self {
        let mut staged = Self { batch: Batch::new(), slots: slots.len(), size: 0 };
        if let Some(definition) = definition {
            staged.put(foreign_process_key(process), definition.as_bytes().clone());
        }
        for scheduled in slots {
            staged.put(foreign_slot_key(process, scheduled.assignment.slot()), entry::encode(scheduled));
        }
        staged
    }

    fn put(&mut self, key: Key, value: Bytes) {
        self.size += usage::cost(&key, value.len() as u64);
        self.batch.put(key, value);
    }
}

/// The slots by number, each once.
fn in_order(slots: &[Scheduled]) -> Result<Vec<&Scheduled>, ForeignError> {
    let mut ordered: Vec<&Scheduled> = slots.iter().collect();
    ordered.sort_by_key(|scheduled| scheduled.assignment.slot());
    for pair in ordered.array_windows() {
        let [one, other] = pair.map(|scheduled: &Scheduled| &scheduled.assignment);
        if one.slot() == other.slot() && one.id() != other.id() {
            return Err(ForeignError::conflict(one, other));
        }
    }
    ordered.dedup_by_key(|scheduled| scheduled.assignment.slot());
    Ok(ordered)
}

fn add(counter: &AtomicU64, count: usize) {
    counter.fetch_add(count as u64, Ordering::Relaxed);
}
