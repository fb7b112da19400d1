//! The check that makes a cell's numbers worth reading: what is stored is what was acknowledged.

use std::collections::HashMap;
use std::sync::Arc;

use slotbench_core::assignments::{CheckOptions, Head, Scheduled};
use slotbench_core::store::Store;
use slotbench_core::{AssignmentStore, Id, Item};

use crate::answers::Findings;

/// How many failures are kept in words; the rest are only counted.
const KEPT: usize = 20;

/// Where schedules end, by process.
pub type Heads = HashMap<Id, Head>;

/// What a check of a whole store found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verification {
    /// Processes with at least one slot.
    pub processes: u64,
    /// Slots that are stored and sound.
    pub slots: u64,
    /// How many things are wrong.
    pub wrong: u64,
    /// What is wrong; the first twenty in words.
    pub failures: Vec<String>,
}

impl Verification {
    /// Checks every slot of every process: gap-free, chain recomputed, content hash equals address, links resolve.
    #[must_use]
    pub fn of(store: &Arc<dyn Store>, options: CheckOptions) -> Self {
        Self::inspecting(store, options, &Heads::new(), |_| Ok(()))
    }

    /// As [`of`](Self::of), and compares every stored message with the one that was sent, byte for byte.
    #[must_use]
    pub fn against(store: &Arc<dyn Store>, options: CheckOptions, sent: &[Item]) -> Self {
        Self::after(store, options, sent, &Heads::new(), |_| {})
    }

    /// As [`against`](Self::against), but of the slots after `heads` only, since what lies before them was checked
    /// before; shows `see` every one of them that can be read.
    #[must_use]
    pub fn after(
        store: &Arc<dyn Store>,
        options: CheckOptions,
        sent: &[Item],
        heads: &Heads,
        mut see: impl FnMut(&Scheduled),
    ) -> Self {
        let sent: HashMap<Id, &Item> = sent.iter().map(|message| (message.id(), message)).collect();
        Self::inspecting(store, options, heads, |stored| {
            see(stored);
            match sent.get(&stored.message.id()) {
                None => Err("its message was never sent".to_owned()),
                Some(message) if message.as_bytes() == stored.message.as_bytes() => Ok(()),
                Some(_) => Err("its message is not the one that was sent".to_owned()),
            }
        })
    }

    /// Checks the slots after `heads`, all of those processes that have none there, and asks `inspect` about each.
    pub fn inspecting(
        store: &Arc<dyn Store>,
        options: CheckOptions,
        heads: &Heads,
        mut inspect: impl FnMut(&Scheduled) -> Result<(), String>,
    ) -> Self {
        let assignments = AssignmentStore::new(Arc::clone(store));
        let mut result = Self::default();
        let processes = match assignments.processes() {
            Ok(processes) => processes,
            Err(error) => {
                result.fail(format!("the processes cannot be listed: {error}"));
                return result;
            }
        };
        for process in processes {
            result.processes += 1;
            let head = heads.get(&process).copied().unwrap_or_default();
            match assignments.check_after(&process, &head, options, &mut inspect) {
                Ok(check) => {
                    result.slots += check.slots;
                    result.wrong += check.wrong;
                    let kept = KEPT.saturating_sub(result.failures.len());
                    let found = check.findings.iter().take(kept).map(|finding| format!("process {process}: {finding}"));
                    result.failures.extend(found);
                }
                Err(error) => result.fail(format!("process {process}: {error}")),
            }
        }
        result
    }

    /// Adds a failure unless exactly `acknowledged` slots are stored.
    pub fn expect_slots(&mut self, acknowledged: u64) {
        if self.slots != acknowledged {
            let stored = self.slots;
            self.fail(format!("{acknowledged} messages were acknowledged, {stored} are stored and sound"));
        }
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        self.wrong == 0
    }

    /// Adds answers that were wrong.
    pub fn add(&mut self, answers: Findings) {
        self.wrong += answers.count;
        let room = KEPT.saturating_sub(self.failures.len());
        self.failures.extend(answers.first.into_iter().take(room));
    }

    /// Adds a failure.
    pub fn fail(&mut self, failure: String) {
        self.wrong += 1;
        if self.failures.len() < KEPT {
            self.failures.push(failure);
        }
    }
}
