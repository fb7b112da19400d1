//! What can go wrong with a stored schedule.

use crate::id::Id;
use crate::store::StoreError;

/// A failed operation on a schedule.
#[derive(Debug, thiserror::Error)]
pub enum AssignmentsError {
    /// The store failed, or holds damaged data.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another assignment has the slot.
    #[error("slot {slot} of {process} is taken by assignment {stored}")]
    Conflict {
        /// The process.
        process: Id,
        /// The slot.
        slot: u64,
        /// The assignment that is stored there.
        stored: Id,
    },
    /// The slot was pruned after it had been uploaded.
    #[error("slot {slot} of {process} is archived; the slots from {first} on are kept")]
    Archived {
        /// The process.
        process: Id,
        /// The slot.
        slot: u64,
        /// The first slot that is kept.
        first: u64,
    },
    /// The slot before is not stored, so this one would leave a gap.
    #[error("slot {slot} of {process} cannot be stored before the slot ahead of it")]
    Gap {
        /// The process.
        process: Id,
        /// The slot.
        slot: u64,
    },
    /// The assignment is for another message.
    #[error("the assignment is for message {assigned}, not {given}")]
    OtherMessage {
        /// The message that the assignment names.
        assigned: Id,
        /// The message that came with it.
        given: Id,
    },
}
