//! The assignment store: the only code that knows the scheduler's keys.
//!
//! | path | content |
//! |---|---|
//! | `data/<id>` | a message or an assignment, as the ANS-104 item it is, by its own id |
//! | `assignments/<process>/<slot>` | link to the assignment of that slot |
//! | `generations/<process>` | the generation of the writer that stored last, 8 bytes big endian |
//! | `messages/<message>/<process>` | link to the message's last assignment, where messages are indexed |
//! | `processes/<process>` | a process definition that came with a message and was not itself scheduled |
//! | `uploads/<process>/<slot>` | id of an assignment that is to be uploaded, 32 bytes |
//! | `uploads/<record>` | a location record that is to be uploaded, whole: a direct child of the group |
//! | `uploaded/<process>/<slot>` | note that a bundler has accepted the slot, empty |
//! | `archived/<process>` | the last slot that was pruned, the chain and the time after it: 8, 32 and 8 bytes |
//! | `foreign/<process>` | definition of a process that other nodes schedule |
//! | `foreign/<process>/<slot>` | one of its slots: a cache, see [`foreign`](crate::foreign) |
//! | `scheduler-locations/<address>` | link to the newest location record of a scheduler |
//! | `location-records/<id>` | a location record, as the ANS-104 item it is |
//! | `location-times/<address>` | when that record was taken, 8 bytes big endian, milliseconds |
//! | `location-requests/<id>` | note that a request for a new location was carried out, empty |
//!
//! Message, assignment and link go into one atomic batch, so a slot is either readable in full or absent.

mod archive;
mod check;
mod error;
mod index;
mod keys;
mod pending;

use std::sync::Arc;

use bytes::Bytes;

pub use archive::{Contents, Prunable};
pub use check::{CheckOptions, Finding, ScheduleCheck};
pub use error::AssignmentsError;
pub use keys::{archived_key, uploaded_key};
pub use keys::{data_key, definition_key, generation_key, message_key, schedule_key, slot_key, upload_key};
pub(crate) use keys::{foreign_key, location_times_key};
pub use keys::{foreign_process_key, foreign_slot_key};
pub use keys::{location_key, location_record_key, location_request_key, location_time_key};
pub use keys::{stage, stage_generation, stage_message_index, stage_upload};

use crate::assignment::Assignment;
use crate::chain::Chain;
use crate::id::Id;
use crate::item::Item;
use crate::key::{Key, Segment};
use crate::store::{Batch, Durability, Entry, Node, Store, StoreError};

/// Where a schedule ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Head {
    /// The last slot; `None` before the first.
    pub slot: Option<u64>,
    /// The chain after it.
    pub chain: Chain,
    /// Its timestamp in milliseconds, 0 before the first: the next one must not be lower.
    pub timestamp: u64,
}

impl Head {
    /// The slot the next message gets.
    #[must_use]
    pub fn next_slot(&self) -> u64 {
        self.slot.map_or(0, |slot| slot + 1)
    }
}

/// One slot, read back.
#[derive(Debug, Clone)]
pub struct Scheduled {
    /// The assignment.
    pub assignment: Assignment,
    /// The message it assigns.
    pub message: Item,
}

impl Scheduled {
    /// Bytes of both items.
    #[must_use]
    pub fn size(&self) -> usize {
        self.assignment.item().as_bytes().len() + self.message.as_bytes().len()
    }
}

/// Schedules, on top of any [`Store`].
#[derive(Clone)]
pub struct AssignmentStore {
    store: Arc<dyn Store>,
}

impl AssignmentStore {
    /// Wraps a store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// The store itself.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Writes one scheduled message at the slot its assignment names. For schedules that no scheduler is at work on: it
    /// does not keep clear of writers and of [pruning](crate::Scheduler::prune).
    ///
    /// # Errors
    /// [`AssignmentsError::Conflict`] when another assignment has the slot (nothing is changed; the same one is fine);
    /// [`AssignmentsError::Gap`] when the slot before is not stored; what the store reports.
    pub fn write(
        &self,
        message: &Item,
        assignment: &Assignment,
        durability: Durability,
    ) -> Result<(), AssignmentsError> {
        let (process, slot) = (assignment.process(), assignment.slot());
        if assignment.message() != message.id() {
            return Err(AssignmentsError::OtherMessage { assigned: assignment.message(), given: message.id() });
        }
        match self.occupant(&process, slot)? {
            Some(id) if id == assignment.id() => return Ok(()),
            Some(stored) => return Err(AssignmentsError::Conflict { process, slot, stored }),
            None => {}
        }
        if slot > 0 && self.occupant(&process, slot - 1)?.is_none() {
            return Err(AssignmentsError::Gap { process, slot });
        }
        let mut batch = Batch::new();
        stage(&mut batch, &process, slot, message, assignment.item());
        Ok(self.store.apply(&batch, durability)?)
    }

    /// The id of the assignment at a slot, without reading it.
    fn occupant(&self, process: &Id, slot: u64) -> Result<Option<Id>, AssignmentsError> {
        let key = slot_key(process, slot);
        match self.store.get(&key)? {
            None => Ok(None),
            Some(Entry::Link(target)) => link_target(&key, &target).map(Some),
            Some(_) => Err(corrupt(&key, "a slot is a link")),
        }
    }

    /// One slot; `None` when nothing is assigned there.
    ///
    /// # Errors
    /// `Corrupt` when the slot is assigned but assignment or message cannot be read; [`AssignmentsError::Archived`] when
    /// it was pruned.
    pub fn read(&self, process: &Id, slot: u64) -> Result<Option<Scheduled>, AssignmentsError> {
        self.assignment(process, slot)?.map(|assignment| self.with_message(assignment)).transpose()
    }

    /// A slot whose assignment [`list`](Self::list) has told.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn scheduled(&self, process: &Id, slot: u64, assignment: &Id) -> Result<Scheduled, AssignmentsError> {
        self.with_message(self.linked(process, slot, assignment)?)
    }

    fn with_message(&self, assignment: Assignment) -> Result<Scheduled, AssignmentsError> {
        let key = data_key(&assignment.message());
        let message = self.item(&assignment.message())?.ok_or_else(|| corrupt(&key, "the message is missing"))?;
        Ok(Scheduled { assignment, message })
    }

    /// The assignment at a slot, without its message.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn assignment(&self, process: &Id, slot: u64) -> Result<Option<Assignment>, AssignmentsError> {
        match self.occupant(process, slot)? {
            Some(id) => self.linked(process, slot, &id).map(Some),
            None => self.check_archived(process, slot).map(|()| None),
        }
    }

    fn linked(&self, process: &Id, slot: u64, id: &Id) -> Result<Assignment, AssignmentsError> {
        let key = slot_key(process, slot);
        let item = self.item(id)?.ok_or_else(|| corrupt(&key, "the assignment is missing"))?;
        let assignment = Assignment::parse(item).map_err(|error| corrupt(&key, &error.to_string()))?;
        if assignment.process() != *process || assignment.slot() != slot {
            return Err(corrupt(&key, "the assignment is for another slot"));
        }
        Ok(assignment)
    }

    /// A message or an assignment by its own id.
    ///
    /// # Errors
    /// `Corrupt` when what is stored under the id is not an item with that id.
    pub fn item(&self, id: &Id) -> Result<Option<Item>, AssignmentsError> {
        self.item_at(&data_key(id), id)
    }

    fn item_at(&self, key: &Key, id: &Id) -> Result<Option<Item>, AssignmentsError> {
        let bytes: Bytes = match self.content(key)? {
            None => return Ok(None),
            Some(Entry::Value(bytes)) => bytes,
            Some(_) => return Err(corrupt(key, "content is a value")),
        };
        let item = Item::parse(bytes).map_err(|error| corrupt(key, &error.to_string()))?;
        if item.id() == *id { Ok(Some(item)) } else { Err(corrupt(key, "the content has another id")) }
    }

    /// What is stored under a path of content, links followed.
    ///
    /// The plain look-up comes first: whatever stands at an id's own path is checked against the id, so a link above
    /// it could only lead to the same bytes, and need not be looked for.
    fn content(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        match self.store.get(key)? {
            Some(Entry::Value(bytes)) => Ok(Some(Entry::Value(bytes))),
            _ => self.store.get(&self.store.resolve(key)?),
        }
    }

    /// The end of a schedule. Its cost does not depend on the number of slots.
    ///
    /// # Errors
    /// `Corrupt` when the last slot cannot be read: a damaged schedule is never taken for an empty one.
    pub fn latest(&self, process: &Id) -> Result<Head, AssignmentsError> {
        self.latest_from(process, None)
    }

    /// As [`latest`](Self::latest), for a caller that knows a stored slot: see [`last_slot_from`](Self::last_slot_from).
    ///
    /// # Errors
    /// As [`latest`](Self::latest).
    pub fn latest_from(&self, process: &Id, known: Option<u64>) -> Result<Head, AssignmentsError> {
        let Some((slot, id)) = self.last_slot_from(process, known)? else { return Ok(Head::default()) };
        let assignment = self.linked(process, slot, &id)?;
        Ok(Head { slot: Some(slot), chain: Chain::after(assignment.chain()), timestamp: assignment.timestamp() })
    }

    /// The last slot and the id of its assignment, which is not read. Its cost does not depend on the number of slots.
    ///
    /// # Errors
    /// What the store reports; `Corrupt` for a slot that is not a link to content.
    pub fn last_slot(&self, process: &Id) -> Result<Option<(u64, Id)>, AssignmentsError> {
        let group = schedule_key(process);
        let Some((key, node)) = self.store.last(&group)? else { return Ok(None) };
        if let Some(found) = slot_link(&group, &key, &node)? {
            return Ok(Some(found));
        }
        self.last_slot_among_strays(&group)
    }

    /// As [`last_slot`](Self::last_slot), for a caller that knows a stored slot, as a running writer does.
    ///
    /// Slots have no gaps, so a known one without a successor is the last: two plain look-ups, which cost an engine
    /// with many sorted runs far less than finding the end of a range. Any other number only costs them in vain.
    ///
    /// # Errors
    /// As [`last_slot`](Self::last_slot).
    pub fn last_slot_from(&self, process: &Id, known: Option<u64>) -> Result<Option<(u64, Id)>, AssignmentsError> {
        if let Some((slot, next)) = known.and_then(|slot| Some((slot, slot.checked_add(1)?)))
            && let Some(id) = self.occupant(process, slot)?
            && self.occupant(process, next)?.is_none()
        {
            return Ok(Some((slot, id)));
        }
        self.last_slot(process)
    }

    /// Gallops over the numbered part of a group whose last entry is not a slot: cost O(log slots) look-ups.
    fn last_slot_among_strays(&self, group: &Key) -> Result<Option<(u64, Id)>, AssignmentsError> {
        let at_or_after = |slot: u64| -> Result<Option<(u64, Id)>, AssignmentsError> {
            let mut from = group.clone();
            from.push_number(slot);
            match self.store.scan(group, &from, 1)?.first() {
                Some((key, node)) => slot_link(group, key, node),
                None => Ok(None),
            }
        };
        let Some(mut best) = at_or_after(0)? else { return Ok(None) };
        let mut step = 1_u64;
        while step > 0 {
            match best.0.checked_add(step).map(at_or_after).transpose()?.flatten() {
                Some(found) => {
                    best = found;
                    step = step.saturating_mul(2);
                }
                None => step /= 2,
            }
        }
        Ok(Some(best))
    }

    /// The slots from `from` on, in order, at most `limit`; entries that are not slots are skipped.
    ///
    /// # Errors
    /// What the store reports; `Corrupt` for a slot that is not a link to content.
    pub fn list(&self, process: &Id, from: u64, limit: usize) -> Result<Vec<(u64, Id)>, AssignmentsError> {
        let group = schedule_key(process);
        let nodes = self.store.scan(&group, &slot_key(process, from), limit)?;
        nodes.iter().filter_map(|(key, node)| slot_link(&group, key, node).transpose()).collect()
    }

    /// The slots `from..=to` in full, at most `limit`, up to the first that is not assigned.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn range(&self, process: &Id, from: u64, to: u64, limit: usize) -> Result<Vec<Scheduled>, AssignmentsError> {
        if from > to {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        let listed = self.list(process, from, limit)?;
        // The end of a schedule is never pruned: where nothing is left, nothing was assigned.
        if listed.first().is_some_and(|(slot, _)| *slot != from) {
            self.check_archived(process, from)?;
        }
        for (expected, (slot, id)) in (from..=to).zip(listed) {
            if slot != expected {
                break;
            }
            found.push(self.with_message(self.linked(process, slot, &id)?)?);
        }
        Ok(found)
    }

    /// The generation of the writer that stored last, 0 before the first.
    ///
    /// # Errors
    /// What the store reports; `Corrupt` for anything but 8 bytes.
    pub fn generation(&self, process: &Id) -> Result<u64, AssignmentsError> {
        let key = generation_key(process);
        match self.store.get(&key)? {
            None => Ok(0),
            Some(Entry::Value(bytes)) => {
                let bytes: [u8; 8] = bytes[..].try_into().map_err(|_| corrupt(&key, "a generation has 8 bytes"))?;
                Ok(u64::from_be_bytes(bytes))
            }
            Some(_) => Err(corrupt(&key, "a generation is a value")),
        }
    }

    /// Every process with at least one slot, in id order, one seek each.
    ///
    /// # Errors
    /// What the store reports.
    pub fn processes(&self) -> Result<Vec<Id>, AssignmentsError> {
        let group = keys::schedules_key();
        let mut found = Vec::new();
        let mut from = group.clone();
        while let Some((key, _)) = self.store.scan(&group, &from, 1)?.into_iter().next() {
            let Some(child) = key.child_below(&group) else { break };
            if let Some(Segment::Id(process)) = child.name() {
                found.push(process);
            }
            from = child.fence();
        }
        Ok(found)
    }
}

/// The slot number and target of a direct child of a schedule; `None` for anything that is not a slot.
fn slot_link(group: &Key, key: &Key, node: &Node) -> Result<Option<(u64, Id)>, AssignmentsError> {
    if key.parent().as_ref() != Some(group) {
        return Ok(None);
    }
    match (key.name(), node) {
        (Some(Segment::Number(slot)), Node::Link(target)) => Ok(Some((slot, link_target(key, target)?))),
        (Some(Segment::Number(_)), _) => Err(corrupt(key, "a slot is a link")),
        _ => Ok(None),
    }
}

fn link_target(link: &Key, target: &Key) -> Result<Id, AssignmentsError> {
    match target.name() {
        Some(Segment::Id(id)) if *target == data_key(&id) => Ok(id),
        _ => Err(corrupt(link, "the link does not lead to content")),
    }
}

fn corrupt(key: &Key, reason: &str) -> AssignmentsError {
    StoreError::Corrupt { path: key.to_string(), reason: reason.to_owned() }.into()
}
