//! The writer of one process.

use tokio::sync::{TryAcquireError, oneshot};

use crate::assignment::{Assignment, DEFAULT_PATH, Draft};
use crate::assignments::{AssignmentStore, AssignmentsError};
use crate::commit::{CommitError, Lane, Owner, Pending, Receipt, catch};
use crate::id::{Address, Id};
use crate::item::{Item, Template};
use crate::milestone::Mark;
use crate::process::schedulers;
use crate::registry::Live;
use crate::scheduler::fence::Rank;
use crate::scheduler::intake::Intake;
use crate::scheduler::sequencer::{Accepted, Sequencer, Terms, Ticket};
use crate::scheduler::{Config, MAX_WINDOW, Mode, ScheduleError};
use crate::sync::{Arc, AtomicU64, AtomicUsize, MutexGuard, Ordering, Weak};
use crate::uploads::Uploads;
use crate::wallet::Signer;

/// What all writers of a scheduler have in common.
pub(super) struct Shared {
    pub(super) assignments: AssignmentStore,
    /// For the node's own wallet.
    pub(super) template: Arc<Template>,
    pub(super) config: Config,
    pub(super) uploads: Option<Uploads>,
    /// Kept by every entry on its way to the store: whoever comes later on this store finds them.
    pub(super) rank: Rank,
}

impl Shared {
    /// Takes on what earlier writers of the process have queued for upload since the queue was opened.
    pub(super) fn adopt_uploads(&self, process: &Id) -> Result<(), ScheduleError> {
        let Some(uploads) = &self.uploads else { return Ok(()) };
        let adopt = |slot| uploads.queued(*process, slot, false);
        self.assignments.uploads_of(process, adopt).map_err(ScheduleError::Uploads)
    }

    /// Where callers wait for the bundler, only so many may.
    fn check_room_for_confirmation(&self) -> Result<(), ScheduleError> {
        match &self.uploads {
            Some(uploads) if self.config.mode == Mode::Remote && uploads.is_full() => {
                Err(ScheduleError::UploadsFull { waiting: uploads.waiting() })
            }
            _ => Ok(()),
        }
    }

    /// Who signs for a process: what its definition says is read only where it matters.
    pub(super) fn signer(
        &self,
        process: &Id,
        first: Option<&Item>,
    ) -> Result<Option<&Arc<dyn Signer>>, AssignmentsError> {
        if self.config.keys.is_empty() {
            return Ok(None);
        }
        let stored;
        let definition = match first.filter(|message| message.id() == *process) {
            Some(definition) => Some(definition),
            None => {
                stored = self.assignments.known(process)?;
                stored.as_ref()
            }
        };
        let addresses = definition.map(schedulers).unwrap_or_default().into_iter().map(|named| named.value);
        Ok(self.config.keys.choose(process, addresses))
    }
}

/// The one writer of a process: all its slots are given here, one at a time.
pub struct SchedulingServer {
    process: Id,
    shared: Arc<Shared>,
    template: Arc<Template>,
    address: Address,
    lane: Arc<Lane>,
    intake: Arc<Intake>,
    generation: u64,
    /// The first slot that is not stored.
    unstored: AtomicU64,
    max_in_flight: AtomicUsize,
    /// Slots acknowledged before their write failed.
    broken_promises: AtomicU64,
}

/// What a writer says of itself. It has no access to the key that signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerInfo {
    /// The process.
    pub process: Id,
    /// One above the generation of the writer before it; only the highest can commit.
    pub generation: u64,
    /// The last slot given; `None` before the first.
    pub slot: Option<u64>,
    /// The chain after it, in text; `None` before the first.
    pub chain: Option<String>,
    /// The address that signs.
    pub address: Address,
    /// When callers are answered.
    pub mode: Mode,
    /// Messages that have a slot and are not stored yet.
    pub in_flight: usize,
    /// The most there have been at one time.
    pub max_in_flight: usize,
    /// Slots that were acknowledged before their write failed.
    pub broken_promises: u64,
}

/// Where a caller's answer arrives.
type Answer = oneshot::Receiver<Result<Receipt, Arc<CommitError>>>;

/// What became of a message that was offered to a writer.
#[expect(clippy::large_enum_variant, reason = "writers retire seldom")]
pub(super) enum Offer {
    Taken(Receipt),
    /// The writer takes no more; another one will.
    Retired(Item, Mark),
}

enum Sequenced {
    Slot(Answer),
    Retired(Item, Mark),
}

impl SchedulingServer {
    /// Starts after the last stored slot. No other writer of the process may be at work. `first` is the message it starts
    /// for; it may be the process itself.
    pub(super) fn start(
        process: Id,
        first: Option<&Item>,
        generation: u64,
        shared: Arc<Shared>,
        lane: Arc<Lane>,
    ) -> Result<Self, ScheduleError> {
        let head = shared.assignments.latest(&process).map_err(ScheduleError::Damaged)?;
        let (window, now) = (shared.config.window.clamp(1, MAX_WINDOW), shared.config.clock.now_ms());
        let intake = Arc::new(Intake::new(head, generation, window, now));
        let template = match shared.signer(&process, first).map_err(ScheduleError::Damaged)? {
            Some(signer) => Arc::new(Template::new(Arc::clone(signer), None, None)),
            None => Arc::clone(&shared.template),
        };
        Ok(Self {
            process,
            shared,
            address: template.address(),
            template,
            lane,
            intake,
            generation,
            unstored: AtomicU64::new(head.next_slot()),
            max_in_flight: AtomicUsize::new(0),
            broken_promises: AtomicU64::new(0),
        })
    }

    /// How to stop it.
    pub(super) fn intake(&self) -> Weak<Intake> {
        Arc::downgrade(&self.intake)
    }

    /// The process.
    #[must_use]
    pub const fn process(&self) -> Id {
        self.process
    }

    pub(super) fn lane(&self) -> &Lane {
        &self.lane
    }

    /// What can be told of this writer.
    #[must_use]
    pub fn info(&self) -> ServerInfo {
        let head = *self.lock().head();
        ServerInfo {
            process: self.process,
            generation: self.generation,
            slot: head.slot,
            chain: head.chain.value().map(|value| value.to_string()),
            address: self.address,
            mode: self.shared.config.mode,
            in_flight: self.in_flight(),
            max_in_flight: self.max_in_flight.load(Ordering::Relaxed).max(self.in_flight()),
            broken_promises: self.broken_promises.load(Ordering::Relaxed),
        }
    }

    pub(super) fn in_flight(&self) -> usize {
        self.window_size() - self.intake.window.available_permits()
    }

    /// The last slot that left the sequencer signed.
    pub(super) fn acknowledged(&self) -> Option<u64> {
        self.lock().released().slot
    }

    /// The last slot that this writer has stored, or found stored when it started.
    pub(super) fn stored_slot(&self) -> Option<u64> {
        self.unstored.load(Ordering::Acquire).checked_sub(1)
    }

    fn window_size(&self) -> usize {
        self.shared.config.window.clamp(1, MAX_WINDOW)
    }

    /// Gives `message` the next slot and answers when the mode says so. Checks no signature.
    ///
    /// Once the message has its slot, dropping the future does not take it back.
    ///
    /// # Errors
    /// [`ScheduleError`].
    pub async fn schedule(self: &Arc<Self>, message: Item, mark: Mark) -> Result<Receipt, ScheduleError> {
        match self.offer(message, mark).await? {
            Offer::Taken(receipt) => Ok(receipt),
            Offer::Retired(..) => Err(ScheduleError::Stopped),
        }
    }

    /// As [`schedule`](Self::schedule); a writer that has retired gives the message back.
    pub(super) async fn offer(self: &Arc<Self>, message: Item, mark: Mark) -> Result<Offer, ScheduleError> {
        self.shared.check_room_for_confirmation()?;
        if !self.enter().await? {
            return Ok(Offer::Retired(message, mark));
        }
        let reply = match self.sequence(message, mark)? {
            Sequenced::Slot(reply) => reply,
            Sequenced::Retired(message, mark) => return Ok(Offer::Retired(message, mark)),
        };
        let receipt = reply.await.map_err(|_| ScheduleError::Stopped)??;
        if self.shared.config.mode == Mode::Remote {
            // On the heap: the other modes do not carry its state.
            return Box::pin(self.confirm(receipt)).await.map(Offer::Taken);
        }
        Ok(Offer::Taken(receipt))
    }

    /// Waits until the bundler has accepted a slot that is stored.
    async fn confirm(&self, receipt: Receipt) -> Result<Receipt, ScheduleError> {
        // Without a queue no scheduler is made for this mode.
        let Some(uploads) = &self.shared.uploads else { return Ok(receipt) };
        match uploads.confirmed(receipt.process, receipt.slot).await {
            Ok(()) => Ok(receipt),
            Err(failure) => Err(ScheduleError::NotConfirmed { receipt: Box::new(receipt), failure }),
        }
    }

    /// Stops for good if nothing is on its way and nothing came since `before_ms`. Says whether it did.
    pub(super) fn retire(&self, before_ms: u64) -> bool {
        let mut sequencer = self.lock();
        // Whoever has a place in the window without a slot yet gets its message back when it asks for the slot.
        if self.in_flight() > 0 || sequencer.backlog.last_ms() > before_ms {
            return false;
        }
        sequencer.retire();
        self.intake.close();
        true
    }

    /// When the oldest message came that is not stored yet, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn oldest_ms(&self) -> Option<u64> {
        let sequencer = self.lock();
        let unstored = self.unstored.load(Ordering::Acquire);
        (unstored < sequencer.head().next_slot()).then(|| sequencer.backlog.oldest(unstored)).flatten()
    }

    /// Takes a place in the window; it is given back when the message is stored or has failed. False if the writer has
    /// retired.
    async fn enter(&self) -> Result<bool, ScheduleError> {
        let permit = match self.intake.window.try_acquire() {
            Ok(permit) => permit,
            Err(TryAcquireError::NoPermits) if self.shared.config.mode == Mode::Aggressive => {
                match self.intake.window.acquire().await {
                    Ok(permit) => permit,
                    Err(_) => return self.closed(),
                }
            }
            Err(TryAcquireError::NoPermits) => return Err(ScheduleError::Busy { waiting: self.window_size() }),
            Err(TryAcquireError::Closed) => return self.closed(),
        };
        permit.forget();
        Ok(true)
    }

    /// Why the window is closed: the writer has retired, or it failed.
    fn closed(&self) -> Result<bool, ScheduleError> {
        let sequencer = self.lock();
        // A retired writer may since have been fenced off by the next one, which is none of its callers' business.
        match sequencer.stopped() {
            _ if sequencer.is_retired() => Ok(false),
            Some(reason) => Err(Arc::clone(reason).into()),
            None => Err(ScheduleError::Stopped),
        }
    }

    fn sequence(self: &Arc<Self>, message: Item, mark: Mark) -> Result<Sequenced, ScheduleError> {
        let (sender, receiver) = oneshot::channel();
        let (serial, terms) = {
            let mut sequencer = self.lock();
            if sequencer.is_retired() {
                return Ok(Sequenced::Retired(message, mark));
            }
            if let Some(reason) = sequencer.stopped() {
                let reason = Arc::clone(reason);
                drop(sequencer);
                self.intake.window.add_permits(1);
                return Err(reason.into());
            }
            let now = self.shared.config.clock.now_ms();
            let (serial, terms) = sequencer.sequence(message.clone(), mark, now, Some(sender));
            sequencer.backlog.add(terms.slot, now, self.unstored.load(Ordering::Relaxed));
            (serial, terms)
        };
        if self.sign(serial, terms, message) {
            self.lane.kick(self.shared.config.mode != Mode::Aggressive);
        }
        Ok(Sequenced::Slot(receiver))
    }

    /// Signs a ticket until a signature holds, and whatever its failure leaves unsigned. True if the lane must be kicked.
    fn sign(self: &Arc<Self>, serial: u64, terms: Terms, message: Item) -> bool {
        let mut kick = false;
        let mut next = Some((serial, terms, message));
        while let Some((serial, terms, message)) = next.take() {
            let signed = self.assignment(&terms, &message);
            let mut sequencer = self.lock();
            match signed {
                Ok(assignment) => match sequencer.sign(serial, terms, assignment) {
                    Accepted::Again(terms) => next = Some((serial, terms, message)),
                    Accepted::Yes | Accepted::Gone => {}
                },
                Err(error) => {
                    if let Some(reply) = sequencer.withdraw(serial).and_then(|ticket| ticket.reply) {
                        let _ = reply.send(Err(Arc::new(error)));
                        self.intake.window.add_permits(1);
                    }
                }
            }
            if next.is_none() {
                next = sequencer.adopt().and_then(|(serial, terms)| Some((serial, terms, sequencer.message(serial)?)));
            }
            kick |= self.release(&mut sequencer);
        }
        kick
    }

    fn assignment(&self, terms: &Terms, message: &Item) -> Result<Assignment, CommitError> {
        let draft = Draft {
            process: &self.process,
            message: &message.id(),
            path: message.tag("path").unwrap_or(DEFAULT_PATH),
            slot: terms.slot,
            chain: terms.chain,
            timestamp: terms.timestamp,
            block: &self.shared.config.block,
        };
        Ok(catch("the signer", || draft.sign(&self.template))??)
    }

    /// Queues the signed prefix, in slot order, while the sequencer is held: nobody can overtake. In aggressive mode
    /// this is the moment of the acknowledgement. True if the lane must be kicked.
    fn release(self: &Arc<Self>, sequencer: &mut Sequencer) -> bool {
        let mut kick = false;
        let aggressive = self.shared.config.mode == Mode::Aggressive;
        while let Some((mut ticket, assignment)) = sequencer.release() {
            let receipt = Receipt { process: self.process, slot: ticket.terms.slot, assignment };
            if aggressive && let Some(reply) = ticket.reply.take() {
                let _ = reply.send(Ok(receipt.clone()));
            }
            let owner = Arc::clone(self) as Arc<dyn Owner>;
            let Ticket { message, reply, mark, .. } = ticket;
            let claim = sequencer.claim();
            kick |= self.lane.push(Pending { owner, receipt, message, reply, mark, claim });
        }
        kick
    }

    fn lock(&self) -> MutexGuard<'_, Sequencer> {
        self.intake.lock()
    }
}

impl Owner for SchedulingServer {
    fn stored(&self, slot: u64) {
        if let Some(uploads) = &self.shared.uploads {
            uploads.queued(self.process, slot, self.shared.config.mode == Mode::Remote);
        }
        self.unstored.store(slot + 1, Ordering::Release);
        // The number only falls here, so its peaks are all seen here.
        self.max_in_flight.fetch_max(self.in_flight(), Ordering::Relaxed);
        self.intake.window.add_permits(1);
    }

    fn stop(&self, reason: &Arc<CommitError>) {
        self.intake.stop(reason);
    }

    fn failed(&self, _slot: u64, acknowledged: bool) {
        self.broken_promises.fetch_add(u64::from(acknowledged), Ordering::Relaxed);
    }
}

impl Live for Arc<SchedulingServer> {
    type Error = ScheduleError;

    fn is_live(&self) -> bool {
        self.intake.is_live()
    }
}
