//! Why a message was not scheduled.

use std::sync::Arc;

use crate::assignments::AssignmentsError;
use crate::commit::{CommitError, Receipt};
use crate::id::Id;
use crate::item::VerifyError;
use crate::uploads::UploadError;

/// Why a message was not scheduled.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    /// The mode is `disabled`.
    #[error("scheduling is disabled on this node")]
    Disabled,
    /// The mode cannot be kept here.
    #[error("{0}")]
    Unsupported(&'static str),
    /// Signatures are required and the message has none.
    #[error("the message is not signed")]
    Unsigned,
    /// The signature does not verify.
    #[error("the message's signature is not valid: {0}")]
    Signature(#[source] VerifyError),
    /// Neither a process nor addressed to one.
    #[error("the message names no process: it has no target and is no process itself")]
    NoTarget,
    /// As many messages of the process as allowed wait for the store.
    #[error("busy: {waiting} messages of this process wait to be stored")]
    Busy {
        /// The window's size.
        waiting: usize,
    },
    /// In mode `remote`: as many assignments as allowed wait to be uploaded.
    #[error("busy: {waiting} assignments wait to be uploaded")]
    UploadsFull {
        /// How many.
        waiting: usize,
    },
    /// A scheduler made later, over the same store, has taken the process over.
    #[error("process {process} was taken over by a later writer (generation {generation})")]
    Fenced {
        /// The process.
        process: Id,
        /// The generation that has it.
        generation: u64,
    },
    /// The slot is assigned and stored, and the bundler has not accepted it. The upload goes on.
    #[error("slot {} is stored, but not confirmed by the bundler: {failure}", .receipt.slot)]
    NotConfirmed {
        /// The slot and its assignment.
        receipt: Box<Receipt>,
        /// What the upload failed with last.
        failure: UploadError,
    },
    /// The stored queue of uploads cannot be read.
    #[error("the upload queue cannot be read: {0}")]
    Uploads(#[source] AssignmentsError),
    /// Signing or storing failed; the writer stopped unless only this one assignment could not be signed.
    #[error(transparent)]
    Commit(#[from] Arc<CommitError>),
    /// The writer stopped while the message was on its way.
    #[error("the process's writer has stopped")]
    Stopped,
    /// The process's writer could not start. Shared by all who waited for it.
    #[error("the writer cannot start: {0}")]
    Start(#[source] Arc<ScheduleError>),
    /// The stored schedule cannot be read.
    #[error("the stored schedule cannot be read: {0}")]
    Damaged(#[source] AssignmentsError),
    /// No thread could be started.
    #[error("no thread: {0}")]
    Thread(#[source] std::io::Error),
}
