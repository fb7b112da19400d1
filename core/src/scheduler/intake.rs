//! Where messages enter a writer, and how it is closed.

use tokio::sync::Semaphore;

use crate::assignments::Head;
use crate::commit::CommitError;
use crate::scheduler::sequencer::{Sequencer, Ticket};
use crate::sync::{Arc, AtomicBool, Mutex, MutexGuard, Ordering, PoisonError};

/// The part of a writer that others than its callers reach: those who stop it.
pub(super) struct Intake {
    sequencer: Mutex<Sequencer>,
    /// One permit for each message that may still get a slot.
    pub(super) window: Semaphore,
    live: AtomicBool,
}

impl Intake {
    pub(super) fn new(head: Head, generation: u64, window: usize, now_ms: u64) -> Self {
        let sequencer = Mutex::new(Sequencer::resume(head, generation, now_ms));
        Self { sequencer, window: Semaphore::new(window), live: AtomicBool::new(true) }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Sequencer> {
        // Signers and stores run outside the lock; what runs inside does not panic half-way.
        self.sequencer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets nobody in any more.
    pub(super) fn close(&self) {
        self.live.store(false, Ordering::Release);
        self.window.close();
    }

    pub(super) fn is_live(&self) -> bool {
        self.live.load(Ordering::Acquire)
    }

    /// Takes no more messages, and gives back those whose turn to be stored has not come. What has been queued for
    /// the store stays there.
    pub(super) fn stop(&self, reason: &Arc<CommitError>) {
        self.live.store(false, Ordering::Release);
        for Ticket { reply, mark, .. } in self.lock().stop(reason) {
            // The message's way ends before its caller hears of it, and may try again.
            drop(mark);
            if let Some(reply) = reply {
                let _ = reply.send(Err(Arc::clone(reason)));
            }
        }
        self.window.close();
    }
}
