//! Reading schedules: pages, single messages, the end.

use std::ops::Range;

use crate::assignment::Assignment;
use crate::assignments::Scheduled;
use crate::block::Block;
use crate::id::Id;
use crate::operations::{OperationError, Operations, PAGE_SLOTS, Request, Slots};

/// A part of a schedule.
#[derive(Debug, Clone)]
pub struct SchedulePage {
    /// The process.
    pub process: Id,
    /// Consecutive slots in order, each with its message.
    pub assignments: Vec<Scheduled>,
    /// The next slot of the requested range that exists; `None` at the range's end. Ask for the rest from here.
    pub next_from: Option<u64>,
    /// The scheduler's wall clock, milliseconds since the Unix epoch.
    pub timestamp: u64,
    /// The network's last known block.
    pub block: Block,
}

impl SchedulePage {
    /// Whether a further requested slot exists.
    #[must_use]
    pub const fn continues(&self) -> bool {
        self.next_from.is_some()
    }
}

impl Operations {
    /// `GET schedule`: the requested slots, at most [`PAGE_SLOTS`] and
    /// [`max_page_bytes`](crate::operations::Policies::max_page_bytes).
    ///
    /// A page ends before a slot that is missing; `next_from` then names the next one that exists.
    ///
    /// # Errors
    /// Those of [`resolve`](Self::resolve); [`OperationError::Archived`] for a range that begins with a pruned slot;
    /// [`OperationError::Unreadable`], [`OperationError::Storage`].
    pub fn read(&self, request: &Request, slots: Slots) -> Result<SchedulePage, OperationError> {
        self.read_at_most(request, slots, PAGE_SLOTS)
    }

    /// As [`read`](Self::read), with a limit of the caller's own, from 1 to [`PAGE_SLOTS`].
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_at_most(&self, request: &Request, slots: Slots, limit: usize) -> Result<SchedulePage, OperationError> {
        let process = self.resolve(request)?;
        let config = self.scheduler.config();
        let (timestamp, block) = (config.clock.now_ms(), config.block.clone());
        let mut page = SchedulePage { process, assignments: Vec::new(), next_from: None, timestamp, block };
        self.fill(&mut page, slots, limit.clamp(1, PAGE_SLOTS))?;
        Ok(page)
    }

    fn fill(&self, page: &mut SchedulePage, slots: Slots, limit: usize) -> Result<(), OperationError> {
        if slots.is_empty() {
            return Ok(());
        }
        // One more than fits tells whether there is more.
        let wanted = usize::try_from(slots.end() - slots.first()).unwrap_or(usize::MAX);
        let listed = self.scheduler.assignments().list(&page.process, slots.first(), wanted.min(limit + 1))?;
        self.check_first(&page.process, slots.first(), &listed)?;
        let mut bytes = 0;
        for (expected, (slot, id)) in (slots.first()..).zip(listed) {
            if !slots.contains(slot) {
                break;
            }
            let full = page.assignments.len() >= limit || slot != expected;
            let next = if full { None } else { Some(self.slot_of(&page.process, slot, &id)?) };
            let room = self.policies.max_page_bytes.saturating_sub(bytes);
            match next.filter(|next| page.assignments.is_empty() || next.size() <= room) {
                Some(next) => {
                    bytes += next.size();
                    page.assignments.push(next);
                }
                None => {
                    page.next_from = Some(slot);
                    break;
                }
            }
        }
        Ok(())
    }

    /// Ok unless the first slot that was asked for is not there because it was pruned.
    pub(super) fn check_first(&self, process: &Id, first: u64, listed: &[(u64, Id)]) -> Result<(), OperationError> {
        match listed.first() {
            // The end of a schedule is never pruned: where nothing is left, nothing was assigned.
            Some((slot, _)) if *slot != first => Ok(self.scheduler.assignments().check_archived(process, first)?),
            _ => Ok(()),
        }
    }

    /// Reads a slot that is known to be assigned.
    pub(super) fn slot_of(&self, process: &Id, slot: u64, assignment: &Id) -> Result<Scheduled, OperationError> {
        let read = self.scheduler.assignments().scheduled(process, slot, assignment);
        read.map_err(|source| OperationError::Unreadable { process: *process, slot, source })
    }

    /// The end of the process's schedule.
    ///
    /// # Errors
    /// As [`read`](Self::read); [`OperationError::NotYet`] for an empty schedule.
    pub fn latest(&self, request: &Request) -> Result<Scheduled, OperationError> {
        let process = self.resolve(request)?;
        let last = self.scheduler.last_slot(&process)?;
        let (slot, id) = last.ok_or(OperationError::NotYet { process, slot: 0 })?;
        self.slot_of(&process, slot, &id)
    }

    /// A message of the process and its assignment, by the id of either. Of a message with several assignments the
    /// last one counts. Messages are found only while [`Config::index_messages`](crate::Config::index_messages) is on.
    ///
    /// # Errors
    /// Those of [`resolve`](Self::resolve); [`OperationError::NotFound`]; [`OperationError::Storage`].
    pub fn find(&self, request: &Request, id: &Id) -> Result<Scheduled, OperationError> {
        let process = self.resolve(request)?;
        let assignments = self.scheduler.assignments();
        let not_found = || OperationError::NotFound { process, id: *id };
        let assignment = match assignments.assignment_of_message(&process, id)? {
            Some(assignment) => assignment,
            None => *id,
        };
        let item = assignments.item(&assignment)?.ok_or_else(not_found)?;
        let assignment = Assignment::parse(item).map_err(|_| not_found())?;
        // Anybody can post an item that looks like an assignment: only the slot's own link tells.
        let slot = assignment.slot();
        let linked = assignments.list(&process, slot, 1)?;
        match linked.first() {
            Some(link) if *link == (slot, assignment.id()) => self.slot_of(&process, slot, &link.1),
            _ => Err(not_found()),
        }
    }

    /// The slots with a timestamp above `after_ms` and not above `to_ms`, both in milliseconds since the Unix epoch;
    /// an absent bound is open. Timestamps never decrease with slot, so this reads O(log slots) assignments.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn slots_in_time(
        &self,
        request: &Request,
        after_ms: Option<u64>,
        to_ms: Option<u64>,
    ) -> Result<Slots, OperationError> {
        let process = self.resolve(request)?;
        let count = self.scheduler.last_slot(&process)?.map_or(0, |(slot, _)| slot.saturating_add(1));
        // Pruned slots came before all others.
        let kept = self.scheduler.assignments().archived(&process)?.next_slot()..count;
        let first = after_ms.map_or(Ok(kept.start), |time| self.first_after(&process, kept.clone(), time))?;
        let end = to_ms.map_or(Ok(u64::MAX), |time| self.first_after(&process, kept, time))?;
        Ok(Slots::between(first, end))
    }

    /// The first of these slots with a timestamp above `time_ms`; their end if there is none.
    fn first_after(&self, process: &Id, slots: Range<u64>, time_ms: u64) -> Result<u64, OperationError> {
        let (mut low, mut high) = (slots.start, slots.end);
        while low < high {
            let middle = low + (high - low) / 2;
            let read = self.scheduler.assignments().assignment(process, middle);
            let unreadable = |source| OperationError::Unreadable { process: *process, slot: middle, source };
            // A missing slot is passed over: what lies behind it decides.
            let above = read.map_err(unreadable)?.is_some_and(|assignment| assignment.timestamp() > time_ms);
            if above { high = middle } else { low = middle + 1 }
        }
        Ok(low)
    }
}
