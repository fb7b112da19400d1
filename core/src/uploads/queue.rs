//! The queue: store, backlog and the threads that empty it.

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
use crate::uploads::{Upload, UploadConfig, UploadError};

/// Assignments on their way to a bundler.
pub struct Uploads {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

/// What the queue has done since it was opened, and what it holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UploadCounters {
    /// Uploads that wait, those under way included.
    pub waiting: u64,
    /// Of these, uploads whose last attempt failed.
    pub failing: u64,
    /// Uploads that were accepted.
    pub accepted: u64,
    /// Attempts that failed.
    pub failures: u64,
    /// Accepted uploads that could not be taken out of the stored queue: they are repeated after a restart.
    pub unrecorded: u64,
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
}

#[derive(Default)]
struct State {
    backlog: Backlog,
    closed: bool,
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
    /// Reads the stored queue and starts its threads. What is in it is due at once.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(assignments: AssignmentStore, clock: Arc<dyn Clock>, config: UploadConfig) -> Result<Self, OpenError> {
        let mut backlog = Backlog::default();
        let now = clock.now_ms();
        assignments.uploads(|process, slot| _ = backlog.add(Place::Slot(process, slot), now))?;
        assignments.record_uploads(|record| _ = backlog.add(Place::Record(record), now))?;
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
            state: Mutex::new(State { backlog, closed: false }),
            work: Condvar::new(),
            waiting,
            accepted: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            unrecorded: AtomicU64::new(0),
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

    /// Takes note of an assignment whose queue entry has just been stored with it.
    pub(crate) fn queued(&self, process: Id, slot: u64) {
        self.add(Place::Slot(process, slot));
    }

    fn add(&self, place: Place) {
        let mut state = self.shared.lock();
        if state.backlog.add(place, self.shared.clock.now_ms()) {
            self.shared.waiting.fetch_add(1, Ordering::Relaxed);
        }
        drop(state);
        self.shared.work.notify_one();
    }

    /// Queues a location record for upload, at a durability of the caller's choice.
    ///
    /// # Errors
    /// What the store reports.
    pub fn publish(&self, record: &Item, durability: Durability) -> Result<(), AssignmentsError> {
        self.shared.assignments.queue_record(record, durability)?;
        self.add(Place::Record(record.id()));
        Ok(())
    }

    /// How many assignments wait, those under way included.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.waiting.load(Ordering::Relaxed)
    }

    /// Whether as many wait as allowed.
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
        self.shared.lock().backlog.wait(&Place::Slot(process, slot), &self.shared.patience, caller);
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
        let failing = self.shared.lock().backlog.failing() as u64;
        UploadCounters {
            waiting: self.waiting() as u64,
            failing,
            accepted: self.shared.accepted.load(Ordering::Relaxed),
            failures: self.shared.failures.load(Ordering::Relaxed),
            unrecorded: self.shared.unrecorded.load(Ordering::Relaxed),
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
            state = match state.backlog.delay_ms(now) {
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
        self.lock().backlog.take(self.clock.now_ms(), &self.patience)
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
                let callers = self.lock().backlog.accept(&place);
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
