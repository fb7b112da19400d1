//! A queue in front of a store, with at most one `apply` in flight.

use std::collections::VecDeque;

use crate::commit::batch::{InFlight, fail_all};
use crate::commit::{CommitError, CommitObserver, ContentGate, Pending};
use crate::id::Id;
use crate::store::{Durability, Store};
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{Arc, AtomicU64, Condvar, Mutex, MutexGuard, Ordering, PoisonError};

/// How a lane commits.
#[derive(Clone)]
pub struct LaneOptions {
    /// What every batch must survive.
    pub durability: Durability,
    /// Most entries in one batch, at least 1.
    pub max_entries: usize,
    /// Most bytes of items in one batch; a single larger entry still goes, alone.
    pub max_bytes: usize,
    /// Whether a caller may run `apply` on its own thread: where the lane is quiet, and where the store
    /// [never waits](Store::may_wait) whenever nobody else does.
    pub inline: bool,
    /// Most batches that a caller applies, over a store that never waits, before it leaves the rest to the committer.
    pub combined: usize,
    /// Told of every batch.
    pub observer: Option<Arc<dyn CommitObserver>>,
    /// Whether each entry's assignment can be found by its message.
    pub index_messages: bool,
    /// Whether each entry's assignment is queued for upload.
    pub queue_uploads: bool,
    /// The gate in front of the store, one for all its lanes.
    pub gate: Arc<ContentGate>,
}

impl Default for LaneOptions {
    /// Group commit at tier `power`, at most 1024 entries or 8 MiB a batch; nothing is indexed or uploaded.
    fn default() -> Self {
        Self {
            durability: Durability::Power,
            max_entries: 1024,
            max_bytes: 8 << 20,
            inline: true,
            combined: 16,
            observer: None,
            index_messages: false,
            queue_uploads: false,
            gate: Arc::default(),
        }
    }
}

/// What a lane has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CommitCounters {
    /// Batches stored.
    pub batches: u64,
    /// Entries stored.
    pub entries: u64,
    /// Batches stored by a caller's thread.
    pub inline: u64,
    /// Entries that were queued but never stored.
    pub failed: u64,
}

/// A queue in front of a store.
pub struct Lane {
    shared: Arc<Shared>,
    committer: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    store: Arc<dyn Store>,
    options: LaneOptions,
    state: Mutex<State>,
    work: Condvar,
    idle: Condvar,
    counters: Counters,
    /// Whether callers commit under load too, for each other.
    combining: bool,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Pending>,
    /// The buffers of the next batch; absent while somebody leads.
    lead: Option<InFlight>,
    committer_asleep: bool,
    last_batch: usize,
    /// Batches stored, by their number of entries. Counted after their callers were answered.
    sizes: Vec<u64>,
    closed: bool,
    /// Batches begun, and batches done with.
    begun: u64,
    done: u64,
    /// Threads that wait for the entries of a process.
    flushers: usize,
    /// Threads that wait until nothing is queued or in flight.
    drainers: usize,
}

impl State {
    fn count_batch(&mut self, entries: usize) {
        if self.sizes.len() <= entries {
            self.sizes.resize(entries + 1, 0);
        }
        self.sizes[entries] += 1;
    }
}

#[derive(Default)]
struct Counters {
    batches: AtomicU64,
    entries: AtomicU64,
    inline: AtomicU64,
    failed: AtomicU64,
}

impl Lane {
    /// A lane with its committer thread.
    ///
    /// # Errors
    /// What the operating system says when it cannot start a thread.
    pub fn start(store: Arc<dyn Store>, options: LaneOptions) -> std::io::Result<Self> {
        let state = State { lead: Some(InFlight::default()), ..State::default() };
        let combining = options.inline && !store.may_wait();
        let shared = Arc::new(Shared {
            store,
            options,
            combining,
            state: Mutex::new(state),
            work: Condvar::new(),
            idle: Condvar::new(),
            counters: Counters::default(),
        });
        let committer = {
            let shared = Arc::clone(&shared);
            thread::Builder::new().name("committer".to_owned()).spawn(move || shared.run())?
        };
        Ok(Self { shared, committer: Mutex::new(Some(committer)) })
    }

    /// Queues an entry behind all that came before. True if nobody leads: then [`kick`](Self::kick) makes sure that
    /// somebody commits it. Whoever leads looks at the queue again before it rests.
    #[must_use]
    pub fn push(&self, pending: Pending) -> bool {
        let mut state = self.shared.lock();
        if state.closed {
            drop(state);
            self.shared.counters.failed.fetch_add(1, Ordering::Relaxed);
            fail_all([pending], &Arc::new(CommitError::Closed));
            return false;
        }
        state.queue.push_back(pending);
        state.lead.is_some()
    }

    /// Sees to it that queued entries get committed: by this thread if `may_lead` and [`LaneOptions::inline`] allows it,
    /// else by the committer.
    pub fn kick(&self, may_lead: bool) {
        let mut state = self.shared.lock();
        let mut turns = if may_lead { self.shared.turns(&state) } else { 0 };
        while turns > 0
            && !state.queue.is_empty()
            && let Some(in_flight) = state.lead.take()
        {
            turns -= 1;
            self.shared.counters.inline.fetch_add(1, Ordering::Relaxed);
            state = self.shared.commit(state, in_flight);
        }
        self.shared.wake_committer(&mut state);
    }

    /// Waits until nothing is queued or in flight.
    pub fn drain(&self) {
        let mut state = self.shared.lock();
        state.drainers += 1;
        while !(state.queue.is_empty() && state.lead.is_some()) {
            self.shared.wake_committer(&mut state);
            state = self.shared.idle.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.drainers -= 1;
    }

    /// The queue without its lane: it does not keep the lane going.
    #[must_use]
    pub fn queue(&self) -> QueueHandle {
        QueueHandle(Arc::clone(&self.shared))
    }

    /// Entries that wait for their batch.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.shared.lock().queue.len()
    }

    /// How many batches of how many entries were stored so far: `sizes[n]` batches of `n`.
    #[must_use]
    pub fn batch_sizes(&self) -> Vec<u64> {
        self.shared.lock().sizes.clone()
    }

    /// What has been done so far.
    #[must_use]
    pub fn counters(&self) -> CommitCounters {
        let counters = &self.shared.counters;
        CommitCounters {
            batches: counters.batches.load(Ordering::Relaxed),
            entries: counters.entries.load(Ordering::Relaxed),
            inline: counters.inline.load(Ordering::Relaxed),
            failed: counters.failed.load(Ordering::Relaxed),
        }
    }
}

/// A lane's queue, for whoever must wait for it.
#[derive(Clone)]
pub struct QueueHandle(Arc<Shared>);

impl QueueHandle {
    /// Waits until no entry of `process` is queued or in flight. Nothing more of it may be pushed meanwhile.
    pub fn flush(&self, process: &Id) {
        let mut state = self.0.lock();
        state.flushers += 1;
        while state.queue.iter().any(|entry| entry.receipt.process == *process) {
            self.0.wake_committer(&mut state);
            state = self.0.idle.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        // What is in flight now may hold the last of them.
        let begun = state.begun;
        while state.done < begun {
            state = self.0.idle.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.flushers -= 1;
    }
}

impl std::iter::Sum for CommitCounters {
    fn sum<I: Iterator<Item = Self>>(counters: I) -> Self {
        counters.fold(Self::default(), |sum, next| Self {
            batches: sum.batches + next.batches,
            entries: sum.entries + next.entries,
            inline: sum.inline + next.inline,
            failed: sum.failed + next.failed,
        })
    }
}

impl Drop for Lane {
    /// Commits what is queued, then ends the committer.
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.work.notify_all();
        let committer = self.committer.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        // The last owner of a lane may be an entry that the committer itself lets go of: a thread cannot join itself.
        let committer = committer.filter(|committer| committer.thread().id() != thread::current().id());
        if let Some(committer) = committer {
            // The committer catches the store's panics; should it die all the same, its entries died with it.
            let _ = committer.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // State is only changed in steps that cannot panic half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many batches a caller may commit now.
    fn turns(&self, state: &State) -> usize {
        let quiet = state.last_batch <= 1 && state.queue.len() == 1;
        if self.combining { self.options.combined } else { usize::from(self.options.inline && quiet) }
    }

    /// The committer thread.
    fn run(&self) {
        let mut state = self.lock();
        loop {
            let lead = if state.queue.is_empty() { None } else { state.lead.take() };
            if let Some(in_flight) = lead {
                state = self.commit(state, in_flight);
            } else if state.closed && state.queue.is_empty() {
                return;
            } else {
                state.committer_asleep = true;
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.committer_asleep = false;
            }
        }
    }

    fn wake_committer(&self, state: &mut MutexGuard<'_, State>) {
        let needed = !state.queue.is_empty() && state.lead.is_some() && state.committer_asleep;
        if needed {
            // Cleared here as well, so that one sleep gets one wake-up call.
            state.committer_asleep = false;
            self.work.notify_one();
        }
    }

    /// Commits one batch as the lane's leader, without holding the lock, and gives the lead back.
    fn commit<'a>(&'a self, mut state: MutexGuard<'a, State>, mut in_flight: InFlight) -> MutexGuard<'a, State> {
        in_flight.fill(&mut state.queue, self.options.max_entries, self.options.max_bytes);
        let entries = in_flight.len();
        state.begun += 1;
        drop(state);
        let result = in_flight.apply(&*self.store, &self.options);
        if let Some(observer) = &self.options.observer {
            in_flight.observe(&**observer, result.as_ref().err());
        }
        let stored = result.is_ok();
        match result {
            Ok(()) => {
                self.counters.batches.fetch_add(1, Ordering::Relaxed);
                self.counters.entries.fetch_add(entries as u64, Ordering::Relaxed);
                in_flight.succeed();
            }
            Err(error) => self.fail(&mut in_flight, Arc::new(error)),
        }
        let mut state = self.lock();
        state.last_batch = entries;
        if stored {
            state.count_batch(entries);
        }
        state.lead = Some(in_flight);
        state.done += 1;
        // The standard library's condition variable makes a system call whether or not somebody waits.
        if state.flushers > 0 || (state.drainers > 0 && state.queue.is_empty()) {
            self.idle.notify_all();
        }
        state
    }

    /// Fails the batch and all that its processes have queued behind it: nothing may be stored after a hole.
    fn fail(&self, in_flight: &mut InFlight, reason: Arc<CommitError>) {
        let (stopped, mut failed) = in_flight.stop_owners(&reason);
        let mut state = self.lock();
        let (behind, kept): (VecDeque<_>, VecDeque<_>) =
            state.queue.drain(..).partition(|entry| stopped.contains(entry));
        state.queue = kept;
        drop(state);
        failed.extend(behind);
        self.counters.failed.fetch_add(failed.len() as u64, Ordering::Relaxed);
        fail_all(failed, &reason);
    }
}
