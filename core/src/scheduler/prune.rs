//! Pruning: the slots of a process that a bundler has are removed from this node.

use crate::assignments::AssignmentsError;
use crate::id::Id;
use crate::scheduler::Scheduler;

/// Slots for whose contents one pass over the store is made: 2^18 slots take some 30 MB of memory meanwhile.
const CHUNK: usize = 1 << 18;
/// Slots that are removed by one batch: nothing is stored while it is applied.
const STEP: usize = 256;

/// What was pruned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Slots that were removed.
    pub slots: u64,
    /// Messages and assignments that were removed with them; others are still in use.
    pub items: u64,
    /// The first slot that is kept.
    pub first: u64,
}

impl Scheduler {
    /// Removes slots from the start of a process's schedule, but for the last `keep_last` of them, at least 1: the head
    /// always stays. Stops at the first slot that no bundler is known to have accepted. A pruned slot reads as
    /// [`Archived`](AssignmentsError::Archived); everything else goes on as before, the chain included.
    ///
    /// Messages are removed with the last slot that uses them, on any process; definitions of processes stay. To find
    /// that out all assignments in the store are read, once for every 2^18 slots pruned. Scheduling goes on meanwhile,
    /// but for the time of each batch of 256 slots. A crash loses nothing: a slot is either pruned or whole.
    ///
    /// Where [duplicates](crate::operations::DuplicatePolicy) are refused, a pruned message counts as new.
    ///
    /// # Errors
    /// What the store reports; `Corrupt` if any assignment cannot be read, since it might use what is to be removed.
    pub fn prune(&self, process: &Id, keep_last: u64) -> Result<Pruned, AssignmentsError> {
        let (assignments, durability) = (&self.shared.assignments, self.shared.config.durability);
        let gate = self.shared.rank.gate();
        let mut pruned = Pruned::default();
        loop {
            let (slots, contents) = assignments.prunable(process, keep_last, CHUNK)?;
            if slots.is_empty() {
                pruned.first = assignments.archived(process)?.next_slot();
                return Ok(pruned);
            }
            let pruning = gate.watch(contents);
            let used = assignments.used_elsewhere(process, &slots, pruning.contents())?;
            for step in slots.chunks(STEP) {
                pruned.items += pruning.alone(|stored_again| -> Result<u64, AssignmentsError> {
                    let is_used = |content: &Id| used.contains(content) || stored_again(content);
                    let (batch, removed) = assignments.stage_prune(process, step, pruning.contents(), is_used)?;
                    assignments.store().apply(&batch, durability)?;
                    Ok(removed)
                })?;
                pruned.slots += step.len() as u64;
            }
        }
    }
}
