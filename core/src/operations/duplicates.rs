//! Messages that are scheduled once only.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::assignments::AssignmentStore;
use crate::id::Id;
use crate::milestone::{Mark, MessageObserver, Milestone};
use crate::operations::OperationError;

/// The ids of messages that have been let in and are neither stored nor failed.
#[derive(Default)]
pub(super) struct Duplicates {
    in_flight: Arc<Mutex<HashSet<Id>>>,
}

impl Duplicates {
    /// Lets a message in if it is neither stored nor on its way to be. The mark must travel with the message: it
    /// gives the id free when the message is stored, or has failed, or is dropped.
    pub(super) fn reserve(&self, assignments: &AssignmentStore, message: Id) -> Result<Mark, OperationError> {
        let mut in_flight = self.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
        if !in_flight.insert(message) {
            return Err(OperationError::Duplicate(message));
        }
        drop(in_flight);
        let reservation = Reservation { message, in_flight: Arc::clone(&self.in_flight) };
        // Reserved before it is looked for: of two callers at once, one finds the other here or its message there.
        if assignments.holds(&message)? {
            return Err(OperationError::Duplicate(message));
        }
        Ok(Mark { tag: 0, observer: Some(Arc::new(reservation)) })
    }
}

/// One id that is taken for as long as this lives.
struct Reservation {
    message: Id,
    in_flight: Arc<Mutex<HashSet<Id>>>,
}

impl MessageObserver for Reservation {
    /// The message's way does not matter, only its end.
    fn reached(&self, _milestone: Milestone) {}
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.message);
    }
}
