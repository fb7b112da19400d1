//! Why slots of other nodes were not cached.

use crate::assignment::Assignment;
use crate::assignments::AssignmentsError;
use crate::foreign::AuthorityError;
use crate::id::{Address, Id};
use crate::item::VerifyError;
use crate::store::StoreError;

/// Why slots were not cached.
#[derive(Debug, thiserror::Error)]
pub enum ForeignError {
    /// Nobody knows who may schedule the process.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// This node has a schedule of the process itself.
    #[error("process {0} is scheduled here")]
    Ours(Id),
    /// A slot does not prove what it says.
    #[error("slot {slot}: {reason}")]
    Unverified {
        /// The slot.
        slot: u64,
        /// What is wrong.
        reason: Unverified,
    },
    /// The process's scheduler has signed two assignments of one slot, and the other one came first.
    #[error("slot {slot} of {process} is assignment {cached}, not {given}")]
    Conflict {
        /// The process.
        process: Id,
        /// The slot.
        slot: u64,
        /// The assignment that is cached, or was given first.
        cached: Id,
        /// The one that is refused.
        given: Id,
    },
    /// The slots alone exceed what the cache may hold.
    #[error("the slots take {size} bytes, the cache has {limit}")]
    TooLarge {
        /// Their size in bytes.
        size: u64,
        /// The cache's.
        limit: u64,
    },
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] AssignmentsError),
}

/// What is wrong with a slot that came from another node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unverified {
    /// The assignment is for another process.
    #[error("the assignment is for process {0}")]
    Process(Id),
    /// The assignment is for another message than the one that came with it.
    #[error("the assignment is for message {assigned}, not {given}")]
    Message {
        /// The message that the assignment names.
        assigned: Id,
        /// The message that came with it.
        given: Id,
    },
    /// The message is for another process.
    #[error("the message is for process {0}")]
    Target(Id),
    /// The assignment is signed by nobody that the process names.
    #[error("the assignment is signed by {0}, whom the process does not name")]
    Signer(Address),
    /// The assignment's signature is missing or not valid.
    #[error("assignment: {0}")]
    Assignment(VerifyError),
    /// The message's signature is missing or not valid.
    #[error("message: {0}")]
    MessageSignature(VerifyError),
    /// The chain value does not follow from that of the slot before.
    #[error("the chain value does not follow from the slot before")]
    Chain,
}

impl ForeignError {
    pub(super) fn conflict(cached: &Assignment, given: &Assignment) -> Self {
        let (process, slot) = (given.process(), given.slot());
        Self::Conflict { process, slot, cached: cached.id(), given: given.id() }
    }
}

impl From<StoreError> for ForeignError {
    fn from(error: StoreError) -> Self {
        Self::Storage(error.into())
    }
}
