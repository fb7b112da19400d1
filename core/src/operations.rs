//! The scheduler's operations, as a node serves them: `schedule`, `slot`, `status`, `next`, `location`, `checkpoint`,
//! `info`.
//!
//! [`Operations`] is a [`Scheduler`] seen by its clients: a request names its process in one of several ways, the
//! process must be known and name this node as its scheduler, and what comes back is a typed value or an
//! [`OperationError`]. Nothing here knows HTTP; what a node needs to answer in its own words is in the values.
//!
//! A process that others schedule is [`Elsewhere`](OperationError::Elsewhere): [`locate`](Operations::locate) says where,
//! [`cached`](Operations::cached) what is known here of its schedule.
//!
//! [`schedule`](Operations::schedule) is asynchronous. All other operations read the store on the caller's thread,
//! and start no writer; those that say so may wait for the gateway.

mod definition;
mod duplicates;
mod error;
mod locate;
mod location;
mod lookahead;
mod lookups;
mod network;
mod read;
mod remote;
mod request;
mod slots;

use std::sync::Arc;

use crate::block::Block;
use crate::foreign::ForeignSchedules;
use crate::id::{Address, Id};
use crate::item::Item;
use crate::location::LocationCache;
use crate::milestone::Mark;
use crate::scheduler::{Mode, Receipt, ScheduleError, Scheduler, Status};

pub use crate::process::{Hinted, Named};
pub use definition::Elsewhere;
pub use error::{OperationError, WaitsFor};
pub use locate::{LocationSource, Redirect};
pub use location::{Announcement, Published};
pub use lookahead::Lookahead;
pub use lookups::UNKNOWN_MS;
pub use network::Network;
pub use read::SchedulePage;
pub use request::{Base, BaseMessage, Request, Target};
pub use slots::{ParseSlotsError, Slots};

use duplicates::Duplicates;
use lookups::Lookups;

/// Most slots of one page of a schedule.
pub const PAGE_SLOTS: usize = 1000;

/// What a node asks of requests, beyond the signature policy of its [`Config`](crate::Config).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policies {
    /// Which processes are scheduled here.
    pub processes: ProcessPolicy,
    /// What happens to a message that has been scheduled before.
    pub duplicates: DuplicatePolicy,
    /// Largest message in bytes, as an item with its headers.
    pub max_message_bytes: usize,
    /// Most bytes of items in one page of a schedule; a page holds at least one slot, whatever its size.
    pub max_page_bytes: usize,
    /// Slots that [`next`](Operations::next) reads at a time, at least 1; 1 reads nothing ahead.
    pub lookahead: usize,
    /// Most bytes of items read ahead; the slot asked for is read whatever its size.
    pub max_lookahead_bytes: usize,
}

impl Default for Policies {
    /// Processes must be known and ours, duplicates are scheduled, messages up to 10 MiB, pages up to 64 MiB, a
    /// look-ahead of 8 slots and 8 MiB.
    fn default() -> Self {
        Self {
            processes: ProcessPolicy::Ours,
            duplicates: DuplicatePolicy::Schedule,
            max_message_bytes: 10 << 20,
            max_page_bytes: 64 << 20,
            lookahead: 8,
            max_lookahead_bytes: 8 << 20,
        }
    }
}

/// Which processes are scheduled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessPolicy {
    /// Those whose definition is known and names this node's address as scheduler.
    Ours,
    /// Any id: what tests and benchmarks use. No definition is looked for.
    Any,
}

/// What happens to a message whose id has been scheduled before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DuplicatePolicy {
    /// It gets another slot: the rule of `ao.N.1`.
    Schedule,
    /// It is refused with [`OperationError::Duplicate`]: the rule of the legacy testnet. Costs one look-up a message.
    Refuse,
}

/// What `slot` tells of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotReport {
    /// The process.
    pub process: Id,
    /// The last slot that a caller was told of, or could have been; `None` (on the wire −1) before the first.
    pub current: Option<u64>,
    /// The scheduler's wall clock, milliseconds since the Unix epoch.
    pub timestamp: u64,
    /// The network's last known block.
    pub block: Block,
    /// The address that signs the process's assignments.
    pub address: Address,
}

/// What `info` tells of the operations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// The keys that are served.
    pub exports: &'static [&'static str],
    /// Keys of every device that this one does not serve.
    pub excludes: &'static [&'static str],
    /// The key that serves unknown ones: none does.
    pub default: Option<&'static str>,
    /// When callers are answered.
    pub mode: Mode,
    /// The address that signs.
    pub address: Address,
}

/// A scheduler as its clients see it.
pub struct Operations {
    scheduler: Arc<Scheduler>,
    policies: Policies,
    duplicates: Duplicates,
    network: Network,
    locations: LocationCache,
    lookups: Lookups,
    foreign: ForeignSchedules,
}

impl Operations {
    /// The operations of `scheduler`, among others as [`Network::default`] says.
    #[must_use]
    pub fn new(scheduler: Arc<Scheduler>, policies: Policies) -> Self {
        Self::among(scheduler, policies, Network::default())
    }

    /// The operations of `scheduler`, among others.
    #[must_use]
    pub fn among(scheduler: Arc<Scheduler>, policies: Policies, network: Network) -> Self {
        let config = scheduler.config();
        let (store, clock) = (Arc::clone(scheduler.assignments().store()), Arc::clone(&config.clock));
        let own = [config.signer.address()];
        let lookups = Lookups::new(Arc::clone(&clock));
        let locations = LocationCache::new(store, clock, config.durability, network.max_locations, own);
        let foreign = ForeignSchedules::new(scheduler.assignments().clone(), network.max_foreign_bytes);
        Self { scheduler, policies, duplicates: Duplicates::default(), network, locations, lookups, foreign }
    }

    /// How it deals with other schedulers.
    #[must_use]
    pub const fn network(&self) -> &Network {
        &self.network
    }

    /// The cache of location records.
    #[must_use]
    pub const fn locations(&self) -> &LocationCache {
        &self.locations
    }

    /// The scheduler itself.
    #[must_use]
    pub const fn scheduler(&self) -> &Arc<Scheduler> {
        &self.scheduler
    }

    /// What is asked of requests.
    #[must_use]
    pub const fn policies(&self) -> &Policies {
        &self.policies
    }

    /// `POST schedule`: gives the request's message the next slot of its process and answers when the mode says so.
    ///
    /// The message is the request's `body` where there is one, else the request itself. Reads the store on the
    /// caller's thread where the process has no running writer, or duplicates are refused.
    ///
    /// # Errors
    /// [`OperationError`]. The message has a slot if the answer is `Ok` or [`OperationError::NotConfirmed`], and
    /// possibly if it is [`OperationError::Failed`].
    pub async fn schedule(&self, request: &Request) -> Result<Receipt, OperationError> {
        self.schedule_tagged(request, 0).await
    }

    /// As [`schedule`](Self::schedule); `tag` is handed to the [`CommitObserver`](crate::scheduler::CommitObserver) when
    /// the message is stored.
    ///
    /// # Errors
    /// As [`schedule`](Self::schedule).
    pub async fn schedule_tagged(&self, request: &Request, tag: u64) -> Result<Receipt, OperationError> {
        let message = request.message().ok_or(OperationError::NoMessage)?;
        self.check_size(message)?;
        let target = self.target_of_message(request, message)?;
        self.admit(request, message, &target)?;
        let mark = match self.policies.duplicates {
            DuplicatePolicy::Schedule => Mark::default(),
            DuplicatePolicy::Refuse => self.duplicates.reserve(self.scheduler.assignments(), message.id())?,
        };
        Ok(self.scheduler.schedule_on(target.process, message.clone(), Mark { tag, ..mark }).await?)
    }

    fn check_size(&self, message: &Item) -> Result<(), OperationError> {
        let (size, limit) = (message.as_bytes().len(), self.policies.max_message_bytes);
        if size > limit { Err(OperationError::TooLarge { size, limit }) } else { Ok(()) }
    }

    /// `GET slot`: where the process's schedule ends.
    ///
    /// # Errors
    /// Those of [`resolve`](Self::resolve); [`OperationError::Storage`].
    pub fn slot(&self, request: &Request) -> Result<SlotReport, OperationError> {
        let process = self.resolve(request)?;
        let config = self.scheduler.config();
        Ok(SlotReport {
            process,
            current: self.scheduler.acknowledged(&process)?,
            timestamp: config.clock.now_ms(),
            block: config.block.clone(),
            address: self.scheduler.signer_of(&process)?,
        })
    }

    /// `GET status`: who signs, and which processes have a running writer, the first of them.
    #[must_use]
    pub fn status(&self) -> Status {
        self.scheduler.status()
    }

    /// The page of `status` behind a process; see [`Scheduler::status_after`].
    #[must_use]
    pub fn status_after(&self, after: Option<&Id>, limit: usize) -> Status {
        self.scheduler.status_after(after, limit)
    }

    /// `checkpoint`: the state unchanged, for there is nothing to save that is not in the store.
    pub fn checkpoint<T>(&self, state: T) -> T {
        state
    }

    /// `GET info`: what is served.
    #[must_use]
    pub fn info(&self) -> Info {
        let config = self.scheduler.config();
        Info {
            exports: &["info", "status", "schedule", "slot", "next", "location", "checkpoint"],
            excludes: &["set", "keys"],
            default: None,
            mode: config.mode,
            address: config.signer.address(),
        }
    }
}

impl From<ScheduleError> for OperationError {
    fn from(error: ScheduleError) -> Self {
        error::of_schedule(error)
    }
}
