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
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::commit::{CommitError, QueueHandle};
use crate::id::Id;
use crate::scheduler::ScheduleError;
use crate::scheduler::intake::Intake;
use crate::store::Store;

/// The stores that have schedulers. An entry keeps its store alive, so no other store can come to have its address.
static OPEN: Mutex<Vec<Weak<Fences>>> = Mutex::new(Vec::new());

/// Claims are looked through for dead writers when there are this many, and whenever they have doubled.
const FIRST_SWEEP: usize = 1024;

/// Who writes which process of one open store.
pub(super) struct Fences {
    store: Arc<dyn Store>,
    schedulers: AtomicU64,
    claims: Mutex<Claims>,
}

struct Claims {
    by_process: HashMap<Id, Arc<Mutex<Claim>>>,
    next_sweep: usize,
}

/// The last writer of a process.
#[derive(Default)]
pub(super) struct Claim {
    /// The rank of its scheduler.
    rank: u64,
    /// 0 before the first writer.
    generation: u64,
    writer: Option<(Weak<Intake>, QueueHandle)>,
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

    /// Starts a writer: `start` gets its generation, which is above `stored` and all before it, and says how to stop
    /// it. The writer before it has stopped by then. Blocks while another writer of the process starts.
    pub(super) fn start<W>(
        &self,
        process: &Id,
        stored: impl FnOnce() -> Result<u64, ScheduleError>,
        start: impl FnOnce(u64) -> Result<(W, Weak<Intake>, QueueHandle), ScheduleError>,
    ) -> Result<W, ScheduleError> {
        let claim = self.fences.claim(process);
        let mut claim = lock(&claim);
        if claim.rank > self.rank {
            return Err(ScheduleError::Fenced { process: *process, generation: claim.generation });
        }
        claim.rank = self.rank;
        claim.generation = claim.generation.max(stored()?) + 1;
        claim.retire(process);
        let (writer, intake, queue) = start(claim.generation)?;
        claim.writer = Some((intake, queue));
        Ok(writer)
    }
}

impl Claim {
    /// Stops the last writer and waits for what it has queued.
    fn retire(&mut self, process: &Id) {
        let Some((intake, queue)) = self.writer.take() else { return };
        if let Some(intake) = intake.upgrade() {
            intake.stop(&Arc::new(CommitError::Fenced { process: *process, generation: self.generation }));
        }
        queue.flush(process);
    }

    /// Whether its writer may still be there.
    fn is_held(&self) -> bool {
        self.writer.as_ref().is_some_and(|(intake, _)| intake.strong_count() > 0)
    }
}

impl Fences {
    fn of(store: &Arc<dyn Store>) -> Arc<Self> {
        let address = |store: &Arc<dyn Store>| Arc::as_ptr(store).cast::<()>();
        let mut open = lock(&OPEN);
        open.retain(|fences| fences.strong_count() > 0);
        let known = open.iter().filter_map(Weak::upgrade).find(|fences| address(&fences.store) == address(store));
        known.unwrap_or_else(|| {
            let claims = Mutex::new(Claims { by_process: HashMap::new(), next_sweep: FIRST_SWEEP });
            let fences = Arc::new(Self { store: Arc::clone(store), schedulers: AtomicU64::new(0), claims });
            open.push(Arc::downgrade(&fences));
            fences
        })
    }

    fn claim(&self, process: &Id) -> Arc<Mutex<Claim>> {
        let mut claims = lock(&self.claims);
        if claims.by_process.len() >= claims.next_sweep {
            // Whoever uses a claim just now holds it as well; one that is locked is in use.
            claims.by_process.retain(|_, claim| {
                Arc::strong_count(claim) > 1 || claim.try_lock().map_or(true, |claim| claim.is_held())
            });
            claims.next_sweep = FIRST_SWEEP.max(claims.by_process.len() * 2);
        }
        Arc::clone(claims.by_process.entry(*process).or_default())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A claim whose writer failed to start has no writer: that is a state like any other.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
