//! How a scheduler works: fixed when it is made.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::block::Block;
use crate::clock::{Clock, SystemClock};
use crate::commit::{CommitObserver, ContentGate, LaneOptions};
use crate::item::Item;
use crate::scheduler::ScheduleError;
use crate::store::Durability;
use crate::uploads::UploadConfig;
use crate::wallet::{KeyRing, Signer};

/// When a caller is told about its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Never: nothing is scheduled.
    Disabled,
    /// When the assignment is signed; it is stored afterwards. A crash may lose the last of the acknowledged slots, at
    /// most [`Config::window`] of them, never one in the middle.
    Aggressive,
    /// When message and assignment are stored at the configured durability.
    Local,
    /// When they are stored and a bundler has accepted them.
    Remote,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 4] = [Self::Disabled, Self::Aggressive, Self::Local, Self::Remote];

    /// The name used in plans, on the command line and in results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Aggressive => "aggressive",
            Self::Local => "local",
            Self::Remote => "remote",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Mode {
    type Err = String;

    /// Takes the long names of the protocol too: `local_confirmation`, `remote_confirmation`.
    fn from_str(text: &str) -> Result<Self, String> {
        let short = text.strip_suffix("_confirmation").filter(|short| matches!(*short, "local" | "remote"));
        Self::ALL
            .into_iter()
            .find(|mode| mode.name() == short.unwrap_or(text))
            .ok_or_else(|| format!("unknown mode '{text}' (allowed: disabled, aggressive, local, remote)"))
    }
}

/// Who calls the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CommitMode {
    /// One lane for all processes: messages that wait for the store together go into one batch.
    Group,
    /// One lane and one thread per process, one message a batch: what the engine groups by itself is its own merit.
    Each,
}

/// What is asked of a message's signature before it gets a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignaturePolicy {
    /// Refuse unsigned messages.
    pub required: bool,
    /// Verify the signature of signed ones.
    pub verify: bool,
}

impl Default for SignaturePolicy {
    /// Required and verified.
    fn default() -> Self {
        Self { required: true, verify: true }
    }
}

/// How a scheduler works.
#[derive(Clone)]
pub struct Config {
    /// When callers are answered.
    pub mode: Mode,
    /// What a stored assignment survives.
    pub durability: Durability,
    /// Who calls the store.
    pub commit: CommitMode,
    /// What is asked of signatures.
    pub signatures: SignaturePolicy,
    /// Most messages of one process that have a slot and are not stored yet, at least 1. In aggressive mode a caller
    /// waits for room, and this bounds what a crash can lose; in the confirming modes it gets [`ScheduleError::Busy`].
    pub window: usize,
    /// Most entries of one batch.
    pub max_batch: usize,
    /// Most bytes of items in one batch.
    pub max_batch_bytes: usize,
    /// Whether a caller's thread may run the store's `apply` when nobody else is committing. Off where callers must
    /// not block, such as on the threads of a network server, and the store [may wait](crate::Store::may_wait).
    pub inline: bool,
    /// Who signs assignments.
    pub signer: Arc<dyn Signer>,
    /// Who else signs, for which processes.
    pub keys: KeyRing,
    /// Writers that had nothing to do for that long may be stopped; `None`: never. Only memory is at stake: the next
    /// message starts the writer anew. See [`Scheduler::evict_idle`](crate::Scheduler::evict_idle).
    pub idle: Option<Duration>,
    /// Wall clock of the timestamps.
    pub clock: Arc<dyn Clock>,
    /// The block that assignments quote.
    pub block: Block,
    /// Told of every batch.
    pub observer: Option<Arc<dyn CommitObserver>>,
    /// Whether an assignment can be found by its message: one more link a message. The legacy interface needs it.
    pub index_messages: bool,
    /// Where assignments are uploaded to; [`Mode::Remote`] needs it, any other mode may have it. With it, every
    /// assignment is queued for upload in the batch that stores it.
    pub uploads: Option<UploadConfig>,
}

impl Config {
    /// Local confirmation at tier `power`, group commit, signatures required and verified, a window of 1024, one wallet,
    /// writers that stay.
    #[must_use]
    pub fn new(signer: Arc<dyn Signer>) -> Self {
        let lane = LaneOptions::default();
        Self {
            mode: Mode::Local,
            durability: lane.durability,
            commit: CommitMode::Group,
            signatures: SignaturePolicy::default(),
            window: 1024,
            max_batch: lane.max_entries,
            max_batch_bytes: lane.max_bytes,
            inline: lane.inline,
            signer,
            keys: KeyRing::default(),
            idle: None,
            clock: Arc::new(SystemClock),
            block: Block::NONE,
            observer: None,
            index_messages: false,
            uploads: None,
        }
    }

    /// Checks a message against mode and signature policy.
    pub(super) fn admit(&self, message: &Item) -> Result<(), ScheduleError> {
        if self.mode == Mode::Disabled {
            return Err(ScheduleError::Disabled);
        }
        self.check_signature(message)
    }

    /// Checks an item against the signature policy.
    pub(crate) fn check_signature(&self, item: &Item) -> Result<(), ScheduleError> {
        if self.signatures.required && !item.is_signed() {
            return Err(ScheduleError::Unsigned);
        }
        if self.signatures.verify && item.is_signed() {
            item.verify().map_err(ScheduleError::Signature)?;
        }
        Ok(())
    }

    pub(super) fn lane(&self, gate: Arc<ContentGate>) -> LaneOptions {
        LaneOptions {
            durability: self.durability,
            max_entries: if self.commit == CommitMode::Each { 1 } else { self.max_batch.max(1) },
            max_bytes: self.max_batch_bytes,
            inline: self.inline && self.commit == CommitMode::Group,
            combined: LaneOptions::default().combined,
            observer: self.observer.clone(),
            index_messages: self.index_messages,
            queue_uploads: self.uploads.is_some(),
            gate,
        }
    }
}
