//! `next`: a schedule followed slot by slot, with a few read ahead.

use std::collections::VecDeque;

use crate::assignments::Scheduled;
use crate::id::Id;
use crate::operations::{OperationError, Operations, Request};

/// Where somebody is in a schedule, and what was read ahead of them. Dropping it cancels everything.
#[derive(Debug, Clone)]
pub struct Lookahead {
    process: Id,
    next: u64,
    held: VecDeque<Scheduled>,
}

impl Lookahead {
    /// The process.
    #[must_use]
    pub const fn process(&self) -> Id {
        self.process
    }

    /// The slot that comes next.
    #[must_use]
    pub const fn next_slot(&self) -> u64 {
        self.next
    }

    /// How many slots have been read ahead.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len()
    }

    fn take(&mut self) -> Option<Scheduled> {
        let next = self.held.pop_front()?;
        self.next += 1;
        Some(next)
    }
}

impl Operations {
    /// Starts to follow a process's schedule after the slot `at_slot`; `None` starts with slot 0.
    ///
    /// # Errors
    /// Those of [`resolve`](Self::resolve).
    pub fn follow(&self, request: &Request, at_slot: Option<u64>) -> Result<Lookahead, OperationError> {
        let next = at_slot.map_or(0, |slot| slot.saturating_add(1));
        Ok(Lookahead { process: self.resolve(request)?, next, held: VecDeque::new() })
    }

    /// The next slot. Where none is held, up to [`lookahead`](crate::operations::Policies::lookahead) slots are read
    /// at once; where none exists, that is said at once.
    ///
    /// # Errors
    /// [`OperationError::NotYet`] at the schedule's end: ask again later with the same state.
    /// [`OperationError::UnexpectedSlot`] where the slot is missing and a later one exists,
    /// [`OperationError::Unreadable`] where it is damaged, [`OperationError::Archived`] where it was pruned;
    /// [`OperationError::Storage`].
    pub fn next(&self, state: &mut Lookahead) -> Result<Scheduled, OperationError> {
        if let Some(next) = state.take() {
            return Ok(next);
        }
        let (process, expected) = (state.process, state.next);
        let window = self.policies.lookahead.max(1);
        let assignments = self.scheduler.assignments();
        // What is damaged further ahead does not matter before its turn.
        let listed =
            assignments.list(&process, expected, window).or_else(|_| assignments.list(&process, expected, 1))?;
        self.check_first(&process, expected, &listed)?;
        let mut bytes = 0;
        for (expected, (slot, id)) in (expected..).zip(&listed) {
            if *slot != expected {
                break;
            }
            let ahead = match self.slot_of(&process, *slot, id) {
                Ok(scheduled) => scheduled,
                Err(error) if state.held.is_empty() => return Err(error),
                // Its turn has not come: whoever gets there is told.
                Err(_) => break,
            };
            bytes += ahead.size();
            if bytes > self.policies.max_lookahead_bytes && !state.held.is_empty() {
                break;
            }
            state.held.push_back(ahead);
        }
        state.take().ok_or(match listed.first() {
            Some((found, _)) => OperationError::UnexpectedSlot { process, expected, found: *found },
            None => OperationError::NotYet { process, slot: expected },
        })
    }
}
