//! Why an operation was not carried out: one variant for each kind of answer a node gives.

use crate::assignments::AssignmentsError;
use crate::commit::CommitError;
use crate::id::{Address, Id};
use crate::item::{BuildError, VerifyError};
use crate::location::{GatewayError, LocationError, UrlError};
use crate::operations::Elsewhere;
use crate::operations::slots::ParseSlotsError;
use crate::scheduler::{Receipt, ScheduleError};
use crate::uploads::UploadError;

/// Why an operation was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum OperationError {
    // What is wrong with the request.
    /// There is no message to schedule.
    #[error("the request brings no message")]
    NoMessage,
    /// Neither message, request nor base name a process.
    #[error("the request names no process")]
    NoTarget,
    /// A parameter cannot be read.
    #[error("parameter '{name}': {reason}")]
    Parameter {
        /// Its name.
        name: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Signatures are required and the message, or the process definition, has none.
    #[error("the message is not signed")]
    Unsigned,
    /// The signature of the message, or of the process definition, is not valid.
    #[error("the signature is not valid: {0}")]
    Signature(#[source] VerifyError),
    /// The message is larger than allowed.
    #[error("the message has {size} bytes, more than {limit}")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The request brings the definition of another process.
    #[error("the process given is {given}, not {process}")]
    OtherProcess {
        /// The process that the request is about.
        process: Id,
        /// The id of the definition that came along.
        given: Id,
    },
    /// The process names no scheduler, or none that can be read.
    #[error("process {0} has no scheduler information")]
    NoScheduler(Id),
    /// The message has been scheduled before, and duplicates are refused.
    #[error("message {0} already exists")]
    Duplicate(Id),

    // What is not here.
    /// No process with this id is known.
    #[error("process {0} is not known")]
    UnknownProcess(Id),
    /// The process is known, the message or assignment is not.
    #[error("process {process} has no message and no assignment {id}")]
    NotFound {
        /// The process.
        process: Id,
        /// What was looked for.
        id: Id,
    },
    /// The slot has not been assigned yet: ask again later.
    #[error("slot {slot} of process {process} is not assigned yet")]
    NotYet {
        /// The process.
        process: Id,
        /// The slot.
        slot: u64,
    },
    /// Other nodes schedule this process.
    #[error("process {} is scheduled elsewhere", .0.process)]
    Elsewhere(Box<Elsewhere>),

    /// None of the schedulers that the process names can be found.
    #[error("no location is known of a scheduler of process {0}")]
    LocationNotFound(Id),
    /// No location record of this address is known.
    #[error("no location of {0} is known")]
    NoLocation(Address),
    /// The slot was pruned from this node: what was uploaded of it is elsewhere.
    #[error("slot {slot} of process {process} is archived; this node keeps the slots from {first} on")]
    Archived {
        /// The process.
        process: Id,
        /// The slot.
        slot: u64,
        /// The first slot that is kept.
        first: u64,
    },

    // What is wrong with a location.
    /// The hint beside a process id is no URL of a scheduler.
    #[error("the hint: {0}")]
    Hint(#[source] UrlError),
    /// The item is no location record, a forged or a stale one; or the cache failed.
    #[error(transparent)]
    Location(LocationError),
    /// No nonce is left above the one known.
    #[error("no nonce is left for another location record")]
    NoNonce,

    // What the node cannot do now.
    /// The gateway failed, and nothing else helped.
    #[error(transparent)]
    Gateway(GatewayError),
    /// Scheduling is disabled.
    #[error("scheduling is disabled on this node")]
    Disabled,
    /// As many messages as allowed wait, for the store or for the bundler: try again later.
    #[error("busy: {waiting} messages wait for the {}", .waits_for.name())]
    Busy {
        /// How many.
        waiting: usize,
        /// For what.
        waits_for: WaitsFor,
    },
    /// A writer started later, over the same store, has taken the process over.
    #[error("process {process} was taken over by a later writer (generation {generation})")]
    Fenced {
        /// The process.
        process: Id,
        /// The generation that has it.
        generation: u64,
    },
    /// The slot is assigned and stored, and the bundler has not accepted it. The upload goes on.
    #[error("slot {} of process {} is stored, but not confirmed: {failure}", .receipt.slot, .receipt.process)]
    NotConfirmed {
        /// The slot and its assignment.
        receipt: Box<Receipt>,
        /// What the bundler, or the way to it, said last.
        failure: UploadError,
    },

    // What is broken.
    /// Another slot is stored where this one is expected.
    #[error("process {process}: slot {expected} was expected, {found} is next")]
    UnexpectedSlot {
        /// The process.
        process: Id,
        /// The slot that should be next.
        expected: u64,
        /// The one that is.
        found: u64,
    },
    /// The slot is assigned and cannot be read.
    #[error("slot {slot} of process {process} cannot be read: {source}")]
    Unreadable {
        /// The process.
        process: Id,
        /// The slot.
        slot: u64,
        /// Why.
        source: AssignmentsError,
    },
    /// The store failed, or holds damaged data.
    #[error(transparent)]
    Storage(AssignmentsError),
    /// The node's location record could not be signed.
    #[error("the location record: {0}")]
    Announce(#[source] BuildError),
    /// The message was not scheduled: the signer, the store or the writer failed.
    #[error(transparent)]
    Failed(ScheduleError),
}

/// The answer for a message that the scheduler did not take.
pub(super) fn of_schedule(error: ScheduleError) -> OperationError {
    use OperationError as Op;
    match error {
        ScheduleError::Disabled => Op::Disabled,
        ScheduleError::Unsigned => Op::Unsigned,
        ScheduleError::Signature(error) => Op::Signature(error),
        ScheduleError::NoTarget => Op::NoTarget,
        ScheduleError::Busy { waiting } => Op::Busy { waiting, waits_for: WaitsFor::Store },
        ScheduleError::UploadsFull { waiting } => Op::Busy { waiting, waits_for: WaitsFor::Bundler },
        ScheduleError::Fenced { process, generation } => Op::Fenced { process, generation },
        ScheduleError::NotConfirmed { receipt, failure } => Op::NotConfirmed { receipt, failure },
        ScheduleError::Start(shared) => match &*shared {
            ScheduleError::Fenced { process, generation } => Op::Fenced { process: *process, generation: *generation },
            _ => Op::Failed(ScheduleError::Start(shared)),
        },
        ScheduleError::Commit(shared) => match &*shared {
            CommitError::Fenced { process, generation } => Op::Fenced { process: *process, generation: *generation },
            _ => Op::Failed(ScheduleError::Commit(shared)),
        },
        broken => Op::Failed(broken),
    }
}

/// What messages wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitsFor {
    /// To be stored.
    Store,
    /// To be uploaded.
    Bundler,
}

impl WaitsFor {
    /// `store` or `bundler`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Bundler => "bundler",
        }
    }
}

impl From<ParseSlotsError> for OperationError {
    fn from(error: ParseSlotsError) -> Self {
        Self::Parameter { name: error.name, reason: error.to_string() }
    }
}

impl From<AssignmentsError> for OperationError {
    fn from(error: AssignmentsError) -> Self {
        match error {
            AssignmentsError::Archived { process, slot, first } => Self::Archived { process, slot, first },
            error => Self::Storage(error),
        }
    }
}

impl From<LocationError> for OperationError {
    fn from(error: LocationError) -> Self {
        match error {
            LocationError::Storage(error) => error.into(),
            error => Self::Location(error),
        }
    }
}
