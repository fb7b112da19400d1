//! The queue: store, backlog and the threads that empty it.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::assignments::{AssignmentStore, AssignmentsError};
use crate::clock::Clock;
use crate::commit::catch;
use crate::id::Id;
use crate::item::Item;
use crate::store::Durability;
use crate::uploads::backlog::{Backlog, Outcome, Patience, Place};
use crate::uploads::rest::{Rest, Waiting};
use crate::uploads::{Upload, UploadConfig, UploadError};

/// Assignments on their way to a bundler.
pub struct Uploads {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

/// What the queue has done since it was opened, and what it holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UploadCounters {
    /// Uploads that wait in memory, those under way included.
    pub waiting: u64,
    /// Whether there may be more, in the store only.
    pub more: bool,
    /// Of these, uploads whose last attempt failed.
    pub failing: u64,
    /// Uploads that were accepted.
    pub accepted: u64,
    /// Attempts that failed.
    pub failures: u64,
    /// Accepted uploads that could not be taken out of the stored queue: they are repeated after a restart.
    pub unrecorded: u64,
    /// How often the stored queue could not be read on.
    pub unread: u64,
}

struct Shared {
    assignments: AssignmentStore,
    clock: Arc<dyn Clock>,
    config: UploadConfig,
    patience: Patience,
    state: Mutex<State>,
    work: Condvar,
    /// The backlog's length, for whoever must not wait for the lock.
    waiting: AtomicUsize,
    accepted: AtomicU64,
    failures: AtomicU64,
    unrecorded: AtomicU64,
    unread: AtomicU64,
}

#[derive(Default)]
struct State {
    backlog: Backlog,
    rest: Rest,
    closed: bool,
}

impl State {
    /// Whether the stored queue is to be read on now.
    fn may_read(&self, now: u64, patience: &Patience, capacity: usize) -> bool {
        self.backlog.len() < capacity && self.rest.delay_ms(now, patience.max_delay_ms) == Some(0)
    }

    /// Milliseconds until something is to be done.
    fn delay_ms(&self, now: u64, patience: &Patience, capacity: usize) -> Option<u64> {
        let reading = self.rest.delay_ms(now, patience.max_delay_ms).filter(|_| self.backlog.len() < capacity);
        [self.backlog.delay_ms(now), reading].into_iter().flatten().min()
    }
}

/// Why a queue cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The stored queue cannot be read.
    #[error("the stored queue of uploads cannot be read: {0}")]
    Store(#[from] AssignmentsError),
    /// No thread could be started.
    #[error("no thread: {0}")]
    Thread(#[source] std::io::Error),
}

impl Uploads {
    /// Reads the stored queue, as far as there is room for it, and starts the threads. What is in it is due at once.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(
        assignments: AssignmentStore,
        clock: Arc<dyn Clock>,
        mut config: UploadConfig,
    ) -> Result<Self, OpenError> {
        config.capacity = config.capacity.max(1);
        let (mut backlog, mut rest, now) = (Backlog::default(), Rest::default(), clock.now_ms());
        // Records are few, one for each address that is published.
        assignments.record_uploads(|record| _ = backlog.add(Place::Record(record), now))?;
        assignments.uploads(None, |process, slot| {
            if backlog.len() >= config.capacity {
                rest.leave();
                return ControlFlow::Break(());
            }
            backlog.add(Place::Slot(process, slot), now);
            ControlFlow::Continue(())
        })?;
        let patience = Patience {
            first_delay_ms: config.first_delay_ms,
            max_delay_ms: config.max_delay_ms,
            attempts: config.patience.max(1),
        };
        let waiting = AtomicUsize::new(backlog.len());
        let threads = config.threads;
        let shared = Arc::new(Shared {
            assignments,
            clock,
            config,
            patience,
            state: Mutex::new(State { backlog, rest, closed: false }),
            work: Condvar::new(),
            waiting,
            accepted: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            unrecorded: AtomicU64::new(0),
            unread: AtomicU64::new(0),
        });
        let mut uploads = Self { shared, workers: Vec::with_capacity(threads) };
        for _ in 0..threads {
            let shared = Arc::clone(&uploads.shared);
            let worker = std::thread::Builder::new().name("uploader".to_owned()).spawn(move || shared.work());
            // Should this one fail to start, dropping the queue ends those before it.
            uploads.workers.push(worker.map_err(OpenError::Thread)?);
        }
        Ok(uploads)
    }

    /// Takes note of an assignment whose queue entry has just been stored with it. Where memory is full it is left to the
    /// store, unless `awaited`: then somebody is going to wait for it.
    pub(crate) fn queued(&self, process: Id, slot: u64, awaited: bool) {
        let place = Place::Slot(process, slot);
        let mut state = self.shared.lock();
        if state.rest.was_read() && !state.backlog.has(&place) {
            drop(state);
            // A reader may have found it before this, and a bundler have it by now.
            if matches!(self.shared.assignments.is_queued(&process, slot), Ok(false)) {
                return;
            }
            state = self.shared.lock();
        }
        if !awaited && state.backlog.len() >= self.shared.config.capacity {
            state.rest.leave();
            return;
        }
        self.shared.add(&mut state, place);
        drop(state);
        self.shared.work.notify_one();
    }

    /// Queues a location record for upload, at a durability of the caller's choice.
    ///
    /// # Errors
    /// What the store reports.
    pub fn publish(&self, record: &Item, durability: Durability) -> Result<(), AssignmentsError> {
        self.shared.assignments.queue_record(record, durability)?;
        self.shared.add(&mut self.shared.lock(), Place::Record(record.id()));
        self.shared.work.notify_one();
        Ok(())
    }

    /// How many assignments and location records wait in memory, those under way included.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.waiting.load(Ordering::Relaxed)
    }

    /// Whether memory holds as many as it may.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.waiting() >= self.shared.config.capacity
    }

    /// Waits until the bundler has accepted the assignment of a slot that is stored.
    ///
    /// # Errors
    /// What the upload fails with, when it was [refused](UploadError::Rejected) or has failed
    /// [often enough](UploadConfig::patience); it is tried again all the same.
    pub async fn confirmed(&self, process: Id, slot: u64) -> Result<(), UploadError> {
        let (caller, answer) = oneshot::channel();
        self.shared.wait((process, slot), caller)?;
        answer.await.unwrap_or(Err(UploadError::Closed))
    }

    /// Attempts, on this thread, every upload that is due by now; how many those were.
    pub fn run_due(&self) -> usize {
        let mut attempts = 0;
        while let Some(place) = self.shared.take() {
            self.shared.attempt(place);
            attempts += 1;
        }
        attempts
    }

    /// What was done so far, and what waits.
    #[must_use]
    pub fn counters(&self) -> UploadCounters {
        let (failing, more) = {
            let state = self.shared.lock();
            (state.backlog.failing() as u64, state.rest.exists())
        };
        UploadCounters {
            waiting: self.waiting() as u64,
            more,
            failing,
            accepted: self.shared.accepted.load(Ordering::Relaxed),
            failures: self.shared.failures.load(Ordering::Relaxed),
            unrecorded: self.shared.unrecorded.load(Ordering::Relaxed),
            unread: self.shared.unread.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Uploads {
    /// Ends the threads; uploads under way are finished first. What waits stays in the store.
    fn drop(&mut self) {
        let callers = {
            let mut state = self.shared.lock();
            state.closed = true;
            state.backlog.close()
        };
        self.shared.work.notify_all();
        answer(callers, &Err(UploadError::Closed));
        for worker in self.workers.drain(..) {
            // An uploader's panics are caught: a worker that died has taken nothing with it that is not in the store.
            let _ = worker.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // The backlog is only changed in steps that cannot panic half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, state: &mut State, place: Place) {
        if state.backlog.add(place, self.clock.now_ms()) {
            self.waiting.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Lets a caller wait for an upload. One that is neither here nor in the store has been accepted.
    fn wait(&self, (process, slot): Waiting, caller: oneshot::Sender<Outcome>) -> Outcome {
        let place = Place::Slot(process, slot);
        let mut state = self.lock();
        if state.rest.exists() && !state.backlog.has(&place) {
            drop(state);
            let queued = self.assignments.is_queued(&process, slot);
            let queued = queued.map_err(|error| UploadError::Unreadable(error.to_string()))?;
            state = self.lock();
            if queued {
                self.add(&mut state, place);
                self.work.notify_one();
            }
        }
        state.backlog.wait(&place, &self.patience, caller);
        Ok(())
    }

    /// A worker thread.
    fn work(&self) {
        let mut state = self.lock();
        while !state.closed {
            let now = self.clock.now_ms();
            if let Some(place) = state.backlog.take(now, &self.patience) {
                drop(state);
                self.attempt(place);
                state = self.lock();
                continue;
            }
            if state.may_read(now, &self.patience, self.config.capacity) {
                drop(state);
                self.read_on();
                state = self.lock();
                continue;
            }
            state = match state.delay_ms(now, &self.patience, self.config.capacity) {
                None => self.work.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(delay_ms) => {
                    // A wall clock may jump: look again after a second at the latest.
                    let delay = Duration::from_millis(delay_ms.clamp(1, 1_000));
                    self.work.wait_timeout(state, delay).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    fn take(&self) -> Option<Place> {
        loop {
            let taken = self.lock().backlog.take(self.clock.now_ms(), &self.patience);
            if taken.is_some() || !self.read_on() {
                return taken;
            }
        }
    }

    /// Reads on in the stored queue if it may, and says whether it did. Nothing is locked meanwhile.
    fn read_on(&self) -> bool {
        let (after, room) = {
            let (mut state, now) = (self.lock(), self.clock.now_ms());
            if !state.may_read(now, &self.patience, self.config.capacity) {
                return false;
            }
            (state.rest.begin(), self.config.capacity - state.backlog.len())
        };
        let (mut found, mut read_to, mut full) = (Vec::new(), None, false);
        let read = self.assignments.uploads(after, |process, slot| {
            full = found.len() == room;
            if full {
                return ControlFlow::Break(());
            }
            read_to = Some((process, slot));
            if !self.lock().backlog.has(&Place::Slot(process, slot)) {
                found.push((process, slot));
            }
            ControlFlow::Continue(())
        });
        let mut state = self.lock();
        match read {
            Ok(()) => {
                let found = state.rest.end(found, read_to.filter(|_| full));
                for (process, slot) in found {
                    self.add(&mut state, Place::Slot(process, slot));
                }
            }
            Err(_) => {
                self.unread.fetch_add(1, Ordering::Relaxed);
                state.rest.put_off(self.clock.now_ms().saturating_add(self.patience.first_delay_ms.max(1)));
            }
        }
        drop(state);
        self.work.notify_all();
        true
    }

    fn attempt(&self, place: Place) {
        match self.upload(place) {
            Ok(()) => {
                // The entry goes before the callers are told, and after the bundler has it.
                let recorded = match place {
                    Place::Slot(process, slot) => self.assignments.uploaded(&process, slot),
                    Place::Record(record) => self.assignments.record_uploaded(&record),
                };
                if recorded.is_err() {
                    self.unrecorded.fetch_add(1, Ordering::Relaxed);
                }
                self.accepted.fetch_add(1, Ordering::Relaxed);
                self.waiting.fetch_sub(1, Ordering::Relaxed);
                let callers = {
                    let mut state = self.lock();
                    if let Place::Slot(process, slot) = place {
                        state.rest.accepted((process, slot));
                    }
                    state.backlog.accept(&place)
                };
                answer(callers, &Ok(()));
            }
            Err(failure) => {
                self.failures.fetch_add(1, Ordering::Relaxed);
                let now = self.clock.now_ms();
                let callers = self.lock().backlog.fail(place, failure.clone(), now, &self.patience);
                self.work.notify_one();
                answer(callers, &Err(failure));
            }
        }
    }

    fn upload(&self, place: Place) -> Outcome {
        let uploader = &self.config.uploader;
        let outcome = match place {
            Place::Slot(process, slot) => {
                let upload = self.slot(process, slot)?;
                catch("the uploader", || uploader.upload(&upload))
            }
            Place::Record(id) => {
                let record = self.assignments.queued_record(&id).map_err(unreadable)?;
                let record = record.ok_or_else(|| unreadable(format!("location record {id} is not stored")))?;
                catch("the uploader", || uploader.publish(&record))
            }
        };
        outcome.unwrap_or_else(|panic| Err(UploadError::Unavailable(panic.to_string())))
    }

    fn slot(&self, process: Id, slot: u64) -> Result<Upload, UploadError> {
        let read = self.assignments.read(&process, slot).map_err(unreadable)?;
        let scheduled = read.ok_or_else(|| unreadable(format!("slot {slot} of {process} is not stored")))?;
        let assignment = scheduled.assignment.item().clone();
        Ok(Upload { process, slot, assignment, message: scheduled.message })
    }
}

fn unreadable(reason: impl ToString) -> UploadError {
    UploadError::Unreadable(reason.to_string())
}

fn answer(callers: Vec<oneshot::Sender<Outcome>>, outcome: &Outcome) {
    for caller in callers {
        // A caller that went away is no reason to stop.
        let _ = caller.send(outcome.clone());
    }
}
