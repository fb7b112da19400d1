//! Fencing: of all the writers of a process over one open store, only the last one started may write.
//!
//! Every writer has a *generation*, one above that of the writer before it. Starting a writer closes its predecessor,
//! waits until what that one has queued is stored or has failed, and only then reads where the schedule ends: the old
//! writer cannot commit any more, and no promise of it is broken. The first batch of a writer stores its generation, so
//! that generations grow across restarts too.
//!
//! Between two schedulers over one store the one made later wins, process by process: the other gets
//! [`ScheduleError::Fenced`] and never takes a process back. All schedulers over the same open store meet here, however
//! they came by it. Other processes are kept out by the engine, which locks its directory.

use std::collections::HashMap;

use crate::commit::{CommitError, ContentGate, QueueHandle};
use crate::id::Id;
use crate::scheduler::ScheduleError;
use crate::scheduler::intake::Intake;
use crate::store::Store;
use crate::sync::{Arc, AtomicU64, Mutex, MutexGuard, Ordering, PoisonError, Weak};

/// The stores that have schedulers. An entry keeps its store alive, so no other store can come to have its address.
///
/// The standard library's lock under a model checker too: it outlives every schedule that is tried.
static OPEN: std::sync::Mutex<Vec<Weak<Fences>>> = std::sync::Mutex::new(Vec::new());

/// Fences are looked through for dead writers when there are this many, and whenever they have doubled.
const FIRST_SWEEP: usize = 1024;

/// Who writes which process of one open store.
pub(super) struct Fences {
    store: Arc<dyn Store>,
    gate: Arc<ContentGate>,
    schedulers: AtomicU64,
    processes: Mutex<Processes>,
}

struct Processes {
    fences: HashMap<Id, Arc<Fence>>,
    next_sweep: usize,
}

/// The last writer of a process. Rank and generation change only while `writer` is locked.
#[derive(Default)]
struct Fence {
    /// The rank of its scheduler.
    rank: AtomicU64,
    /// 0 before the first writer.
    generation: AtomicU64,
    writer: Mutex<Option<Handle>>,
}

/// How to stop a writer, and how to wait for what it has queued.
pub(super) struct Handle {
    pub(super) intake: Weak<Intake>,
    pub(super) queue: QueueHandle,
}

/// One scheduler's standing among those of its store.
pub(super) struct Rank {
    fences: Arc<Fences>,
    /// Higher for schedulers that were made later.
    rank: u64,
}

impl Rank {
    /// A place above all schedulers that the store has had so far.
    pub(super) fn above_all(store: &Arc<dyn Store>) -> Self {
        let fences = Fences::of(store);
        let rank = fences.schedulers.fetch_add(1, Ordering::SeqCst) + 1;
        Self { fences, rank }
    }

    /// The gate in front of the store, the same for all its schedulers.
    pub(super) fn gate(&self) -> &Arc<ContentGate> {
        &self.fences.gate
    }

    /// Starts a writer: `start` gets its generation, above the `stored` one and those of all writers before it. The
    /// last of them has stopped by then. Blocks while another writer of the process starts, unless that one is of a
    /// later scheduler.
    pub(super) fn start<W>(
        &self,
        process: &Id,
        stored: impl FnOnce() -> Result<u64, ScheduleError>,
        start: impl FnOnce(u64) -> Result<(W, Handle), ScheduleError>,
    ) -> Result<W, ScheduleError> {
        let fence = self.fences.of_process(process);
        self.check(&fence, process)?;
        let mut writer = lock(&fence.writer);
        self.check(&fence, process)?;
        let generation = fence.generation.load(Ordering::SeqCst).max(stored()?).saturating_add(1);
        // Told before the old writer is waited for: whoever comes for that one need not wait.
        fence.generation.store(generation, Ordering::SeqCst);
        fence.rank.store(self.rank, Ordering::SeqCst);
        if let Some(old) = writer.take() {
            old.retire(process, generation);
        }
        let (started, handle) = start(generation)?;
        *writer = Some(handle);
        Ok(started)
    }

    fn check(&self, fence: &Fence, process: &Id) -> Result<(), ScheduleError> {
        if fence.rank.load(Ordering::SeqCst) > self.rank {
            let generation = fence.generation.load(Ordering::SeqCst);
            return Err(ScheduleError::Fenced { process: *process, generation });
        }
        Ok(())
    }
}

impl Handle {
    /// Stops the writer and waits for what it has queued.
    fn retire(&self, process: &Id, generation: u64) {
        if let Some(intake) = self.intake.upgrade() {
            intake.stop(&Arc::new(CommitError::Fenced { process: *process, generation }));
        }
        self.queue.flush(process);
    }
}

impl Fence {
    /// Whether its writer may still be there.
    fn is_held(&self) -> bool {
        let Ok(writer) = self.writer.try_lock() else { return true };
        writer.as_ref().is_some_and(|handle| handle.intake.strong_count() > 0)
    }
}

impl Fences {
    fn of(store: &Arc<dyn Store>) -> Arc<Self> {
        let address = |store: &Arc<dyn Store>| Arc::as_ptr(store).cast::<()>();
        // Dropped after the lock: to let go of a store that nobody else has any more is to close it, which may take long.
        let held: Vec<Arc<Self>>;
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|fences| fences.strong_count() > 0);
        held = open.iter().filter_map(Weak::upgrade).collect();
        let known = held.iter().find(|fences| address(&fences.store) == address(store));
        known.cloned().unwrap_or_else(|| {
            let processes = Mutex::new(Processes { fences: HashMap::new(), next_sweep: FIRST_SWEEP });
            let (gate, schedulers) = (Arc::default(), AtomicU64::new(0));
            let fences = Arc::new(Self { store: Arc::clone(store), gate, schedulers, processes });
            open.push(Arc::downgrade(&fences));
            fences
        })
    }

    fn of_process(&self, process: &Id) -> Arc<Fence> {
        let mut processes = lock(&self.processes);
        if processes.fences.len() >= processes.next_sweep {
            // A fence in use has a second owner.
            processes.fences.retain(|_, fence| Arc::strong_count(fence) > 1 || fence.is_held());
            processes.next_sweep = FIRST_SWEEP.max(processes.fences.len() * 2);
        }
        Arc::clone(processes.fences.entry(*process).or_default())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A fence whose writer failed to start has no writer: that is a state like any other.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
