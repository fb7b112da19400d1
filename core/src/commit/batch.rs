//! The part of a queue that goes into one `apply`.

use std::collections::VecDeque;

use crate::assignments;
use crate::commit::{CommitError, CommitObserver, LaneOptions, Owner, Pending, Receipt, catch};
use crate::milestone::Milestone;
use crate::store::{Batch, Store};
use crate::sync::Arc;

/// Entries in flight and the buffers they are written with, both reused from batch to batch.
#[derive(Default)]
pub(super) struct InFlight {
    entries: Vec<Pending>,
    batch: Batch,
    tags: Vec<u64>,
    /// Whether somebody follows one of the entries.
    followed: bool,
}

impl InFlight {
    /// Takes entries from the front of `queue`: at least one, then as long as both limits hold.
    pub(super) fn fill(&mut self, queue: &mut VecDeque<Pending>, max_entries: usize, max_bytes: usize) -> usize {
        let mut bytes = 0;
        self.followed = false;
        while let Some(next) = queue.front() {
            let full = self.entries.len() >= max_entries || bytes + next.size() > max_bytes;
            if full && !self.entries.is_empty() {
                break;
            }
            bytes += next.size();
            self.followed |= next.mark.observer.is_some();
            self.entries.extend(queue.pop_front());
        }
        bytes
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Applies the entries as one batch. A panic of the store is an error like any other.
    pub(super) fn apply(&mut self, store: &dyn Store, options: &LaneOptions) -> Result<(), CommitError> {
        self.reached(Milestone::Committing);
        self.stage(options);
        let contents = self.entries.iter().flat_map(|entry| [entry.message.id(), entry.receipt.assignment.id()]);
        let entered = options.gate.enter(contents);
        let applied = catch("the store", || store.apply(&self.batch, options.durability)).and_then(|it| Ok(it?));
        drop(entered);
        if applied.is_ok() {
            self.reached(Milestone::Stored);
        }
        // Now and not before the next batch: messages are slices of what their clients' connections read into, and as long as one
        // is held the connection cannot read the next into the same place.
        self.batch.clear();
        applied
    }

    fn stage(&mut self, options: &LaneOptions) {
        for entry in &self.entries {
            let Receipt { process, slot, assignment } = &entry.receipt;
            assignments::stage(&mut self.batch, process, *slot, &entry.message, assignment.item());
            if let Some(generation) = entry.claim {
                assignments::stage_generation(&mut self.batch, process, generation.get());
            }
            if options.index_messages {
                assignments::stage_message_index(&mut self.batch, process, &entry.message.id(), &assignment.id());
            }
            if options.queue_uploads {
                assignments::stage_upload(&mut self.batch, process, *slot, &assignment.id());
            }
        }
    }

    fn reached(&self, milestone: Milestone) {
        if self.followed {
            self.entries.iter().for_each(|entry| entry.mark.reached(milestone));
        }
    }

    pub(super) fn observe(&mut self, observer: &dyn CommitObserver, error: Option<&CommitError>) {
        self.tags.clear();
        self.tags.extend(self.entries.iter().map(|entry| entry.mark.tag));
        observer.committed(&self.tags, error);
    }

    /// Tells every owner that its entry is stored.
    pub(super) fn succeed(&mut self) {
        for Pending { owner, receipt, reply, .. } in self.entries.drain(..) {
            owner.stored(receipt.slot);
            if let Some(reply) = reply {
                // A caller that went away is no reason to stop: its message is scheduled.
                let _ = reply.send(Ok(receipt));
            }
        }
    }

    /// Stops every owner once and hands out the entries, so that those still queued can fail with them.
    pub(super) fn stop_owners(&mut self, reason: &Arc<CommitError>) -> (Stopped, Vec<Pending>) {
        let mut stopped = Stopped::default();
        for entry in &self.entries {
            if !stopped.contains(entry) {
                entry.owner.stop(reason);
                stopped.0.push(Arc::clone(&entry.owner));
            }
        }
        (stopped, self.entries.drain(..).collect())
    }
}

/// Owners whose batch failed. Compared by identity: the next writer of a process may already be queueing.
#[derive(Default)]
pub(super) struct Stopped(Vec<Arc<dyn Owner>>);

impl Stopped {
    pub(super) fn contains(&self, entry: &Pending) -> bool {
        let address = |owner: &Arc<dyn Owner>| Arc::as_ptr(owner).cast::<()>();
        self.0.iter().any(|owner| address(owner) == address(&entry.owner))
    }
}

/// Tells owners and callers that their entries are not going to be stored.
pub(super) fn fail_all(entries: impl IntoIterator<Item = Pending>, reason: &Arc<CommitError>) {
    for Pending { owner, receipt, reply, mark, .. } in entries {
        owner.failed(receipt.slot, reply.is_none());
        // The message's way ends before its caller hears of it, and may try again.
        drop(mark);
        if let Some(reply) = reply {
            let _ = reply.send(Err(Arc::clone(reason)));
        }
    }
}
