//! A store that writes down what may never happen to a schedule, batch by batch.
//!
//! It notes and does not panic: the scheduler takes a store's panic for a failed write.

use std::collections::BTreeMap;

use slotbench_core::assignment::Assignment;
use slotbench_core::assignments::{generation_key, schedule_key};
use slotbench_core::key::Segment;
use slotbench_core::store::{Counters, Description, Node, Op, Store, StoreError, Tier};
use slotbench_core::{Batch, Durability, Entry, Id, Item, Key};

use super::{PROCESS, scheduler_of};
use crate::sync::{Arc, Mutex, MutexGuard};

/// How a store can be wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// Fails its `n`-th batch, from 0, and stores it all the same if `keep` says so.
    Fails {
        n: u64,
        keep: bool,
    },
    /// Answers when it has the batch, and stores it with the next one.
    AnswersFirst,
    /// Tells where a schedule ended before the last batch.
    OldEnd,
    /// Stores the generation after the rest of its batch.
    Halves,
}

/// A process's schedule, and all that was wrong with it at any moment.
pub(crate) struct Disk {
    fault: Fault,
    contents: Mutex<Contents>,
}

#[derive(Clone, Default)]
pub(crate) struct Contents {
    entries: BTreeMap<Key, Entry>,
    before: BTreeMap<Key, Entry>,
    held_back: Batch,
    batches: u64,
    /// Assignment and message of each slot, in the order they were stored.
    pub(crate) slots: Vec<(Id, Id)>,
    generation: u64,
    /// What callers were told.
    pub(crate) acknowledged: Vec<(u64, Id)>,
    pub(crate) wrong: Vec<String>,
}

impl Disk {
    pub(crate) fn new(fault: Fault) -> Arc<Self> {
        Arc::new(Self { fault, contents: Mutex::default() })
    }

    /// The disk as a power cut would leave it now, and what callers had been told by now.
    pub(crate) fn cut(&self) -> Arc<Self> {
        let mut contents = self.lock().clone();
        contents.check_generation();
        Arc::new(Self { fault: Fault::None, contents: Mutex::new(contents) })
    }

    /// A caller was told of a slot; `stored` where that means that it is stored.
    pub(crate) fn acknowledged(&self, slot: u64, assignment: Id, stored: bool) {
        let mut contents = self.lock();
        if stored && !contents.has(slot, assignment) {
            contents.wrong.push(format!("slot {slot} acknowledged and not stored"));
        }
        contents.acknowledged.push((slot, assignment));
    }

    fn write(&self, batch: &Batch) -> Result<(), StoreError> {
        let mut contents = self.lock();
        let number = contents.batches;
        contents.batches += 1;
        match self.fault {
            Fault::Fails { n, keep } if n == number => {
                if keep {
                    contents.apply(batch);
                }
                let source = std::io::Error::other("the disk is on fire");
                return Err(StoreError::io("write", std::path::Path::new("disk"))(source));
            }
            Fault::AnswersFirst => {
                let before = std::mem::replace(&mut contents.held_back, batch.clone());
                contents.apply(&before);
            }
            Fault::Halves => {
                let is_generation = |op: &&Op| *op.key() == generation_key(&PROCESS);
                let (generation, rest): (Vec<_>, Vec<_>) = batch.ops().iter().partition(is_generation);
                contents.check(batch);
                contents.insert(rest);
                drop(contents);
                self.lock().insert(generation);
            }
            _ => contents.apply(batch),
        }
        Ok(())
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap()
    }
}

impl Contents {
    pub(crate) fn has(&self, slot: u64, assignment: Id) -> bool {
        usize::try_from(slot).is_ok_and(|slot| self.slots.get(slot).is_some_and(|stored| stored.0 == assignment))
    }

    fn apply(&mut self, batch: &Batch) {
        self.before = self.entries.clone();
        self.check(batch);
        self.insert(batch.ops());
    }

    fn insert<'a>(&mut self, ops: impl IntoIterator<Item = &'a Op>) {
        for op in ops {
            match op {
                Op::Put { key, value } => self.entries.insert(key.clone(), Entry::Value(value.clone())),
                Op::Link { key, target } => self.entries.insert(key.clone(), Entry::Link(target.clone())),
                Op::Group { key } => self.entries.insert(key.clone(), Entry::Group),
                Op::Delete { key } => self.entries.remove(key),
            };
        }
    }

    /// Each slot once and none left out; a scheduler that was followed by another stores nothing more; a new writer
    /// comes with a generation that is new.
    fn check(&mut self, batch: &Batch) {
        let mut claimed = false;
        for op in batch.ops() {
            if let Op::Put { key, value } = op
                && *key == generation_key(&PROCESS)
            {
                let generation = u64::from_be_bytes(value[..].try_into().unwrap());
                if generation <= self.generation {
                    self.wrong.push(format!("generation {generation} after {}", self.generation));
                }
                (self.generation, claimed) = (generation, true);
            }
        }
        for (slot, assignment, message) in batch.ops().iter().filter_map(|op| slot_of(op, batch)) {
            if slot != self.slots.len() as u64 {
                self.wrong.push(format!("slot {slot} after {} slots", self.slots.len()));
            }
            let (by, last) = (scheduler_of(&message), self.slots.last().map(|stored| scheduler_of(&stored.1)));
            if last.is_some_and(|last| by < last) {
                self.wrong.push(format!("slot {slot}: written by {by}, which had been followed by another"));
            }
            if last != Some(by) && !claimed {
                self.wrong.push(format!("slot {slot}: a new writer and no generation in its batch"));
            }
            if self.slots.iter().any(|stored| stored.1 == message) {
                self.wrong.push(format!("slot {slot}: its message has a slot already"));
            }
            self.slots.push((assignment, message));
        }
    }

    /// At any moment the stored generation is at least the number of schedulers that have written.
    fn check_generation(&mut self) {
        let stored = match self.entries.get(&generation_key(&PROCESS)) {
            Some(Entry::Value(bytes)) => u64::from_be_bytes(bytes[..].try_into().unwrap()),
            _ => 0,
        };
        let mut writers: Vec<_> = self.slots.iter().map(|stored| scheduler_of(&stored.1)).collect();
        writers.dedup();
        if stored < writers.len() as u64 {
            self.wrong.push(format!("generation {stored} beside slots of {} writers", writers.len()));
        }
    }

    fn below<'a>(entries: &'a BTreeMap<Key, Entry>, prefix: &'a Key) -> impl Iterator<Item = (Key, Node)> + 'a {
        let below = move |key: &Key| key.starts_with(prefix) && key != prefix;
        entries.iter().filter(move |(key, _)| below(key)).map(|(key, entry)| (key.clone(), entry.node()))
    }
}

/// Slot, assignment and message, if an operation stores a slot.
fn slot_of(op: &Op, batch: &Batch) -> Option<(u64, Id, Id)> {
    let Op::Link { key, target } = op else { return None };
    let Some(Segment::Number(slot)) = key.name().filter(|_| key.parent().as_ref() == Some(&schedule_key(&PROCESS)))
    else {
        return None;
    };
    let content = batch.ops().iter().find_map(|op| match op {
        Op::Put { key, value } if key == target => Some(value.clone()),
        _ => None,
    });
    let assignment = Assignment::parse(Item::parse(content?).unwrap()).unwrap();
    Some((slot, assignment.id(), assignment.message()))
}

impl Store for Disk {
    fn apply(&self, batch: &Batch, _durability: Durability) -> Result<(), StoreError> {
        // On the way to the disk, and on the way back: taking the lock lets others run.
        drop(self.lock());
        let written = self.write(batch);
        drop(self.lock());
        written
    }

    fn get(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        Ok(self.lock().entries.get(key).cloned())
    }

    fn scan(&self, prefix: &Key, from: &Key, limit: usize) -> Result<Vec<(Key, Node)>, StoreError> {
        let contents = self.lock();
        Ok(Contents::below(&contents.entries, prefix).filter(|(key, _)| key >= from).take(limit).collect())
    }

    fn last(&self, prefix: &Key) -> Result<Option<(Key, Node)>, StoreError> {
        let contents = self.lock();
        let entries = if self.fault == Fault::OldEnd { &contents.before } else { &contents.entries };
        Ok(Contents::below(entries, prefix).last())
    }

    fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn describe(&self) -> Description {
        let tier = |asked| Tier { asked, effective: Some(asked), how: "a model".to_owned() };
        let (engine, version) = ("model".to_owned(), String::new());
        Description { engine, version, tiers: Durability::ALL.map(tier), options: BTreeMap::new() }
    }

    fn counters(&self) -> Counters {
        Counters::default()
    }
}
