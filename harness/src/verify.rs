//! The check that makes a cell's numbers worth reading: what is stored is what was acknowledged.

use std::collections::HashMap;
use std::sync::Arc;

use slotbench_core::assignments::{CheckOptions, Scheduled};
use slotbench_core::store::Store;
use slotbench_core::{AssignmentStore, Id, Item};

/// How many failures are kept in words; the rest are only counted.
const KEPT: usize = 20;

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
        Self::inspecting(store, options, |_| Ok(()))
    }

    /// As [`of`](Self::of), and compares every stored message with the one that was sent, byte for byte.
    #[must_use]
    pub fn against(store: &Arc<dyn Store>, options: CheckOptions, sent: &[Item]) -> Self {
        Self::against_each(store, options, sent, |_| {})
    }

    /// As [`against`](Self::against), and shows `see` every slot that can be read.
    #[must_use]
    pub fn against_each(
        store: &Arc<dyn Store>,
        options: CheckOptions,
        sent: &[Item],
        mut see: impl FnMut(&Scheduled),
    ) -> Self {
        let sent: HashMap<Id, &Item> = sent.iter().map(|message| (message.id(), message)).collect();
        Self::inspecting(store, options, |stored| {
            see(stored);
            match sent.get(&stored.message.id()) {
                None => Err("its message was never sent".to_owned()),
                Some(message) if message.as_bytes() == stored.message.as_bytes() => Ok(()),
                Some(_) => Err("its message is not the one that was sent".to_owned()),
            }
        })
    }

    fn inspecting(
        store: &Arc<dyn Store>,
        options: CheckOptions,
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
            match assignments.check_with(&process, options, &mut inspect) {
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

    fn fail(&mut self, failure: String) {
        self.wrong += 1;
        if self.failures.len() < KEPT {
            self.failures.push(failure);
        }
    }
}
