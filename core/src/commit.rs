//! Group commit: what queues up while one `apply` runs goes into the next, from any number of processes.
//!
//! A [`Lane`] is a queue in front of a store with at most one `apply` in flight. Whoever holds the lane's *lead*
//! takes the queue's front, applies it as one batch and tells every entry's owner. Two kinds of thread lead:
//!
//! * the lane's own committer thread, which sleeps until there is work;
//! * a caller that finds the lane quiet: it applies its own entry itself, which saves two thread switches.
//!   Only while batches have been of one entry: under load the committer collects;
//! * over a store that [never waits](crate::Store::may_wait), any caller that finds nobody at it: it applies what is
//!   queued, its own entry and those that others queue meanwhile, some batches long (*flat combining*: Hendler, Incze,
//!   Shavit and Tzafrir, SPAA 2010).
//!
//! There is no artificial wait. Entries leave in the order they came, so per-process order is kept.

mod batch;
mod gate;
mod lane;

use std::num::NonZeroU64;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;

use crate::assignment::Assignment;
use crate::id::Id;
use crate::item::{BuildError, Item};
use crate::milestone::Mark;
use crate::store::StoreError;
use crate::sync::Arc;

pub use gate::ContentGate;
pub use lane::{CommitCounters, Lane, LaneOptions, QueueHandle};

/// One assignment on its way to the store.
pub struct Pending {
    /// Who queued it and hears what became of it.
    pub owner: Arc<dyn Owner>,
    /// What the caller gets once it is stored.
    pub receipt: Receipt,
    /// The scheduled message.
    pub message: Item,
    /// Where the caller waits; absent where it was answered before.
    pub reply: Option<Reply>,
    /// What the caller attached: its tag is handed to the commit observer.
    pub mark: Mark,
    /// The generation of its writer, with the writer's first entry.
    pub claim: Option<NonZeroU64>,
}

/// Where a caller waits for its entry.
pub type Reply = oneshot::Sender<Result<Receipt, Arc<CommitError>>>;

/// The answer to a scheduled message.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// The process.
    pub process: Id,
    /// The slot.
    pub slot: u64,
    /// The signed assignment.
    pub assignment: Assignment,
}

impl Pending {
    /// Bytes it adds to a batch, keys aside.
    fn size(&self) -> usize {
        self.message.as_bytes().len() + self.receipt.assignment.item().as_bytes().len()
    }
}

/// Whoever queues entries: the writer of one process.
pub trait Owner: Send + Sync {
    /// The entry is stored at the lane's durability.
    fn stored(&self, slot: u64);

    /// A batch with an entry of this owner failed. Called before [`failed`](Self::failed) and before the lane looks
    /// for what is queued behind it: from here on the owner may queue nothing more.
    fn stop(&self, reason: &Arc<CommitError>);

    /// The entry is not going to be stored. `acknowledged` tells whether its caller had been answered before.
    fn failed(&self, slot: u64, acknowledged: bool);
}

/// Told of every batch on the committing thread, right after the store has answered.
pub trait CommitObserver: Send + Sync {
    /// `tags` are those of the batch's entries, in order; `error` says why none of them is stored.
    fn committed(&self, tags: &[u64], error: Option<&CommitError>);
}

/// Why an entry was not stored.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The store refused its batch.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its assignment could not be signed.
    #[error("the assignment could not be signed: {0}")]
    Sign(#[from] BuildError),
    /// Store or signer panicked.
    #[error("{who} panicked: {text}")]
    Panic {
        /// Store or signer.
        who: &'static str,
        /// The panic's message.
        text: String,
    },
    /// A scheduler made later, over the same store, has taken the process over.
    #[error("process {process} was taken over by a later writer (generation {generation})")]
    Fenced {
        /// The process.
        process: Id,
        /// The generation that has it.
        generation: u64,
    },
    /// The lane was closed before its turn came.
    #[error("the scheduler is shutting down")]
    Closed,
}

/// Runs `work` and turns a panic into an error, so that one bad call cannot leave callers waiting for ever.
pub(crate) fn catch<T>(who: &'static str, work: impl FnOnce() -> T) -> Result<T, CommitError> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        CommitError::Panic { who, text: text.unwrap_or_else(|| "no message".to_owned()) }
    })
}
