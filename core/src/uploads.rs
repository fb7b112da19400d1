//! Uploads: assignments, and the node's own location records, on their way to a bundler, through a queue that lives in the
//! store.
//!
//! An entry is written in the batch that stores its assignment, and removed when the bundler has accepted it. So a crash
//! between any two steps loses no upload; it may repeat one: a bundler must take an item it already has as accepted.
//! Failed uploads are tried again for as long as it takes, later and later.
//!
//! Memory holds the next uploads, at most [`UploadConfig::capacity`]; what is beyond that waits in the store and is read
//! when there is room. So however far behind a bundler is, only mode `remote` feels it.

mod backlog;
mod queue;
mod rest;

use std::sync::Arc;

use crate::id::Id;
use crate::item::Item;

pub use queue::{OpenError, UploadCounters, Uploads};

/// One assignment to upload, with its message.
#[derive(Debug, Clone)]
pub struct Upload {
    /// The process.
    pub process: Id,
    /// The slot.
    pub slot: u64,
    /// The assignment.
    pub assignment: Item,
    /// The message it assigns.
    pub message: Item,
}

/// The way to a bundler.
pub trait Uploader: Send + Sync {
    /// Hands one upload to the bundler and returns when it has accepted it. Called on the queue's own threads, several
    /// at a time. Must return within a deadline of its own.
    ///
    /// # Errors
    /// [`UploadError`]; the upload is tried again.
    fn upload(&self, upload: &Upload) -> Result<(), UploadError>;

    /// As [`upload`](Self::upload), for a location record: an item that belongs to no process.
    ///
    /// # Errors
    /// As [`upload`](Self::upload).
    fn publish(&self, record: &Item) -> Result<(), UploadError>;
}

/// Why an upload was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UploadError {
    /// The bundler did not answer, or said that it cannot take anything now.
    #[error("the bundler is not available: {0}")]
    Unavailable(String),
    /// The bundler answered that it does not take this upload.
    #[error("the bundler refused: {0}")]
    Rejected(String),
    /// The assignment, or its message, cannot be read from the store.
    #[error("the assignment cannot be read: {0}")]
    Unreadable(String),
    /// The queue was closed before the bundler had accepted.
    #[error("the node is shutting down")]
    Closed,
}

/// How uploads are made.
#[derive(Clone)]
pub struct UploadConfig {
    /// The way to the bundler.
    pub uploader: Arc<dyn Uploader>,
    /// Threads that upload; 0 for a queue that is driven by hand, with [`Uploads::run_due`].
    pub threads: usize,
    /// Most uploads held in memory, at least 1; the others wait in the store. In mode `remote`, whose callers wait for
    /// theirs, no message is given a slot while that many wait; those that have one by then still enter.
    pub capacity: usize,
    /// Delay in milliseconds after the first failure; it doubles with every further one.
    pub first_delay_ms: u64,
    /// Longest delay in milliseconds.
    pub max_delay_ms: u64,
    /// Failed attempts after which a caller in mode `remote` is told that its slot is not confirmed. At least 1; a
    /// refusal is told at once.
    pub patience: u32,
}

impl UploadConfig {
    /// 4 threads, 65,536 uploads in memory, delays from 1 to 32 seconds, callers told after 3 failures.
    #[must_use]
    pub fn new(uploader: Arc<dyn Uploader>) -> Self {
        Self { uploader, threads: 4, capacity: 1 << 16, first_delay_ms: 1_000, max_delay_ms: 32_000, patience: 3 }
    }
}
