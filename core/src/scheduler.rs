//! The scheduler: every process has one writer, which gives each message the next slot and sees it stored.
//!
//! A message's path: verify → find the process's [`SchedulingServer`] → slot and chain step → sign → *aggressive:
//! acknowledge* → [group commit](crate::commit) → *local: acknowledge* → [upload](crate::uploads) → *remote:
//! acknowledge*. Verifying and signing run on the callers' threads, so they are parallel; slot and chain step are
//! strictly serial per process: one hash under a lock.

mod backlog;
mod config;
mod error;
mod fence;
mod intake;
mod prune;
mod sequencer;
mod server;
mod status;

use tokio::sync::Semaphore;

pub use crate::commit::{CommitCounters, CommitError, CommitObserver, Receipt};
pub use crate::process::is_process;
pub use config::{CommitMode, Config, Mode, SignaturePolicy};
pub use error::ScheduleError;
pub use prune::Pruned;
pub use server::{SchedulingServer, ServerInfo};
pub use status::{MAX_LISTED, Metrics, Status};

use crate::assignments::{AssignmentStore, AssignmentsError, Head};
use crate::commit::Lane;
use crate::id::{Address, ID_TEXT_LEN, Id};
use crate::item::{Item, Template};
use crate::milestone::{Mark, Milestone};
use crate::registry::{NameRef, Pattern, Policy, Registry, RegistryError};
use crate::store::Store;
use crate::sync::{Arc, AtomicUsize, Ordering};
use crate::uploads::{OpenError, Uploads};
use fence::{Handle, Rank};
use server::{Offer, Shared};

/// The kind under which scheduling servers are registered.
pub const KIND: &str = "scheduler";

/// Schedules messages of any number of processes over one store.
pub struct Scheduler {
    shared: Arc<Shared>,
    servers: Registry<Arc<SchedulingServer>>,
    group: Option<Arc<Lane>>,
    /// Writers that may start before idle ones are looked for.
    startable: AtomicUsize,
}

impl Scheduler {
    /// A scheduler over `store`. Starts the committer thread and those that upload, and no writer.
    ///
    /// Of several schedulers over one open store the one made last writes: as soon as it schedules a message of a
    /// process, the others are [fenced](ScheduleError::Fenced) off that process for good.
    ///
    /// # Errors
    /// [`ScheduleError::Unsupported`] for a mode that needs a bundler where none is configured;
    /// [`ScheduleError::Uploads`]; [`ScheduleError::Thread`].
    pub fn new(store: Arc<dyn Store>, config: Config) -> Result<Self, ScheduleError> {
        if config.mode == Mode::Remote && config.uploads.is_none() {
            return Err(ScheduleError::Unsupported("remote confirmation needs a bundler, and none is configured"));
        }
        let rank = Rank::above_all(&store);
        let assignments = AssignmentStore::new(Arc::clone(&store));
        let uploads = config.uploads.clone().map(|uploads| {
            Uploads::open(assignments.clone(), Arc::clone(&config.clock), uploads).map_err(|error| match error {
                OpenError::Store(error) => ScheduleError::Uploads(error),
                OpenError::Thread(error) => ScheduleError::Thread(error),
            })
        });
        let uploads = uploads.transpose()?;
        let group = match config.commit {
            CommitMode::Group => {
                let lane = Lane::start(store, config.lane(Arc::clone(rank.gate())));
                Some(Arc::new(lane.map_err(ScheduleError::Thread)?))
            }
            CommitMode::Each => None,
        };
        let template = Arc::new(Template::new(Arc::clone(&config.signer), None, None));
        let servers = Registry::with_clock(Arc::clone(&config.clock));
        let shared = Arc::new(Shared { assignments, template, config, uploads, rank });
        Ok(Self { shared, servers, group, startable: AtomicUsize::new(0) })
    }

    /// Schedules one message and answers when the mode says so.
    ///
    /// # Errors
    /// [`ScheduleError`]. The message has a slot only if the answer is `Ok`, or possibly if it is
    /// [`ScheduleError::Commit`]: what is stored then is read back when the process's next writer starts.
    pub async fn schedule(&self, message: Item) -> Result<Receipt, ScheduleError> {
        self.schedule_marked(message, Mark::default()).await
    }

    /// As [`schedule`](Self::schedule); `tag` is handed to the [`CommitObserver`] when the message is stored.
    ///
    /// # Errors
    /// As [`schedule`](Self::schedule).
    pub async fn schedule_tagged(&self, message: Item, tag: u64) -> Result<Receipt, ScheduleError> {
        self.schedule_marked(message, tag.into()).await
    }

    /// As [`schedule`](Self::schedule); the mark's observer follows the message.
    ///
    /// # Errors
    /// As [`schedule`](Self::schedule).
    pub async fn schedule_marked(&self, message: Item, mark: Mark) -> Result<Receipt, ScheduleError> {
        self.admit(&message)?;
        let process = process_of(&message)?;
        mark.reached(Milestone::Verified);
        self.offer(process, message, mark).await
    }

    /// Hands a message to the process's writer, and to the next one where that has just retired.
    async fn offer(&self, process: Id, message: Item, mark: Mark) -> Result<Receipt, ScheduleError> {
        let mut offered = (message, mark);
        loop {
            let server = self.server_for(&process, Some(&offered.0))?;
            match server.offer(offered.0, offered.1).await? {
                Offer::Taken(receipt) => return Ok(receipt),
                Offer::Retired(message, mark) => offered = (message, mark),
            }
        }
    }

    /// Checks a message against mode and signature policy.
    ///
    /// # Errors
    /// [`ScheduleError::Disabled`], [`ScheduleError::Unsigned`], [`ScheduleError::Signature`].
    pub fn admit(&self, message: &Item) -> Result<(), ScheduleError> {
        self.shared.config.admit(message)
    }

    /// Schedules a message that has been [admitted](Self::admit) on a process of the caller's choice.
    ///
    /// # Errors
    /// As [`schedule`](Self::schedule).
    pub async fn schedule_on(&self, process: Id, message: Item, mark: Mark) -> Result<Receipt, ScheduleError> {
        mark.reached(Milestone::Verified);
        self.offer(process, message, mark).await
    }

    /// The running writer of a process; started if there is none.
    ///
    /// # Errors
    /// [`ScheduleError::Disabled`]; what reading the end of the stored schedule reports.
    pub fn server(&self, process: &Id) -> Result<Arc<SchedulingServer>, ScheduleError> {
        self.server_for(process, None)
    }

    /// The writer of a process; `message` is what it is wanted for.
    fn server_for(&self, process: &Id, message: Option<&Item>) -> Result<Arc<SchedulingServer>, ScheduleError> {
        let name = WriterName::new(process);
        let found = self.servers.find(&name, Policy::Create(&|| self.start(process, message)));
        found.map(|found| Arc::clone(found.handle())).map_err(|error| match error {
            RegistryError::Factory(error) => ScheduleError::Start(error),
            _ => ScheduleError::Stopped,
        })
    }

    fn start(&self, process: &Id, message: Option<&Item>) -> Result<Arc<SchedulingServer>, ScheduleError> {
        self.make_room();
        let lane = match &self.group {
            Some(lane) => Arc::clone(lane),
            None => {
                let store = Arc::clone(self.shared.assignments.store());
                let options = self.shared.config.lane(Arc::clone(self.shared.rank.gate()));
                Arc::new(Lane::start(store, options).map_err(ScheduleError::Thread)?)
            }
        };
        let stored = || self.shared.assignments.generation(process).map_err(ScheduleError::Damaged);
        self.shared.rank.start(process, stored, |generation| {
            let queue = lane.queue();
            self.shared.adopt_uploads(process)?;
            let server = SchedulingServer::start(*process, message, generation, Arc::clone(&self.shared), lane)?;
            let handle = Handle { intake: server.intake(), queue };
            Ok((Arc::new(server), handle))
        })
    }

    /// The queue of assignments that a bundler has not accepted; `None` without a bundler.
    #[must_use]
    pub fn uploads(&self) -> Option<&Uploads> {
        self.shared.uploads.as_ref()
    }

    /// Stops writers that were idle for longer than [`Config::idle`], and says how many. They are looked for now and
    /// then when others start, in all no more often than writers start; a node that wants its memory back sooner calls
    /// this. What stopped writers have counted is no longer part of any sum below.
    pub fn evict_idle(&self) -> usize {
        let Some(idle) = self.shared.config.idle else { return 0 };
        let idle = u64::try_from(idle.as_millis()).unwrap_or(u64::MAX);
        let Some(before) = self.shared.config.clock.now_ms().checked_sub(idle) else { return 0 };
        self.servers.sweep(&Pattern::known_kind(KIND), |server| server.handle().retire(before))
    }

    /// Looks for idle writers once as many were started as there were left: a constant part of what starting costs.
    fn make_room(&self) {
        let start = |startable: usize| startable.checked_sub(1);
        let is_due = self.startable.fetch_update(Ordering::Relaxed, Ordering::Relaxed, start).is_err();
        if self.shared.config.idle.is_some() && is_due {
            self.evict_idle();
            self.startable.store(self.servers.len(), Ordering::Relaxed);
        }
    }

    fn live(&self) -> impl Iterator<Item = Arc<SchedulingServer>> {
        self.servers.iter(Pattern::known_kind(KIND)).map(|listed| Arc::clone(listed.found.handle()))
    }

    /// The end of a process's stored schedule. Starts no writer.
    ///
    /// # Errors
    /// What the store reports.
    pub fn stored_head(&self, process: &Id) -> Result<Head, AssignmentsError> {
        self.shared.assignments.latest_from(process, self.known_slot(process))
    }

    /// The last stored slot of a process, and the id of its assignment, which is not read. Starts no writer.
    ///
    /// # Errors
    /// What the store reports.
    pub fn last_slot(&self, process: &Id) -> Result<Option<(u64, Id)>, AssignmentsError> {
        self.shared.assignments.last_slot_from(process, self.known_slot(process))
    }

    /// What a running writer of the process has stored last. Another node's writer may since have stored more.
    fn known_slot(&self, process: &Id) -> Option<u64> {
        self.running(process)?.stored_slot()
    }

    /// The last slot of a process that a caller was told of, or could have been: in aggressive mode its writer knows
    /// more than the store. Starts no writer.
    ///
    /// # Errors
    /// What the store reports.
    pub fn acknowledged(&self, process: &Id) -> Result<Option<u64>, AssignmentsError> {
        let writer = self.running(process);
        let known = writer.as_ref().and_then(|writer| writer.stored_slot());
        let stored = self.shared.assignments.last_slot_from(process, known)?.map(|(slot, _)| slot);
        let writer = writer.filter(|_| self.shared.config.mode == Mode::Aggressive);
        Ok(stored.max(writer.and_then(|writer| writer.acknowledged())))
    }

    /// Whether a process has a running writer. Starts none.
    #[must_use]
    pub fn is_running(&self, process: &Id) -> bool {
        self.running(process).is_some()
    }

    fn running(&self, process: &Id) -> Option<Arc<SchedulingServer>> {
        self.servers.find(&WriterName::new(process), Policy::Never).ok().map(|found| Arc::clone(found.handle()))
    }

    /// Whether assignments can be signed as this address.
    #[must_use]
    pub fn signs_as(&self, address: &Address) -> bool {
        let Config { signer, keys, .. } = &self.shared.config;
        signer.address() == *address || keys.holds(address)
    }

    /// The address that signs a process's assignments. Starts no writer.
    ///
    /// # Errors
    /// What the store reports, where a key ring makes it matter what the process's definition says.
    pub fn signer_of(&self, process: &Id) -> Result<Address, AssignmentsError> {
        let chosen = self.shared.signer(process, None)?;
        Ok(chosen.unwrap_or(&self.shared.config.signer).address())
    }

    /// How it works.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.shared.config
    }

    /// The schedules.
    #[must_use]
    pub fn assignments(&self) -> &AssignmentStore {
        &self.shared.assignments
    }

    /// What group commit has done so far, all lanes added up.
    #[must_use]
    pub fn commit_counters(&self) -> CommitCounters {
        match &self.group {
            Some(lane) => lane.counters(),
            None => self.live().map(|server| server.lane().counters()).sum(),
        }
    }

    /// The most messages that had a slot and were not stored at one time: the sum of the running writers' peaks.
    #[must_use]
    pub fn max_unstored(&self) -> u64 {
        self.live().map(|server| server.info().max_in_flight as u64).sum()
    }

    /// Messages that have a slot and are not stored yet, over all running writers.
    #[must_use]
    pub fn unstored(&self) -> u64 {
        self.live().map(|server| server.in_flight() as u64).sum()
    }

    /// How many batches of how many messages were stored so far: `sizes[n]` batches of `n`, all lanes added up.
    #[must_use]
    pub fn batch_sizes(&self) -> Vec<u64> {
        match &self.group {
            Some(lane) => lane.batch_sizes(),
            None => self.live().fold(Vec::new(), |sum, server| add(sum, &server.lane().batch_sizes())),
        }
    }

    /// Waits until everything acknowledged so far is stored or has failed. Blocks the thread.
    pub fn drain(&self) {
        match &self.group {
            Some(lane) => lane.drain(),
            None => self.live().for_each(|server| server.lane().drain()),
        }
    }
}

/// The name of a process's writer, made without an allocation.
struct WriterName([u8; PREFIX.len() + ID_TEXT_LEN]);

const PREFIX: &str = "scheduler:";

impl WriterName {
    fn new(process: &Id) -> Self {
        let mut text = [0; PREFIX.len() + ID_TEXT_LEN];
        text[..PREFIX.len()].copy_from_slice(PREFIX.as_bytes());
        text[PREFIX.len()..].copy_from_slice(process.text().as_bytes());
        Self(text)
    }
}

impl<'a> From<&'a WriterName> for NameRef<'a> {
    fn from(name: &'a WriterName) -> Self {
        // Both parts are ASCII.
        NameRef::known(std::str::from_utf8(&name.0).unwrap_or_default())
    }
}

/// Element by element; the shorter one counts as zero beyond its end.
fn add(mut sum: Vec<u64>, part: &[u64]) -> Vec<u64> {
    sum.resize(sum.len().max(part.len()), 0);
    sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
    sum
}

/// The process a message is for: its own id if it is a process, else its target.
///
/// # Errors
/// [`ScheduleError::NoTarget`].
pub fn process_of(message: &Item) -> Result<Id, ScheduleError> {
    if is_process(message) { Ok(message.id()) } else { message.target().ok_or(ScheduleError::NoTarget) }
}

/// Semaphores count at most this many permits.
const MAX_WINDOW: usize = Semaphore::MAX_PERMITS;
