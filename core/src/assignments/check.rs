//! The full check of one stored schedule: what makes a benchmark's numbers valid.

use std::fmt;

use crate::assignment::{Assignment, Link, Variant};
use crate::assignments::{AssignmentStore, AssignmentsError, Head, Scheduled};
use crate::chain::{Chain, Step};
use crate::id::{Address, Id};

/// How many slots are read at a time.
const PAGE: usize = 1024;
/// How many findings are kept; the rest are only counted.
const KEPT: usize = 100;

/// One thing that is wrong with a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// A slot that is missing although a later one is stored.
    Gap {
        /// The missing slot.
        slot: u64,
    },
    /// A chain value that does not follow from the one before.
    Chain {
        /// The slot that carries it.
        slot: u64,
    },
    /// A message or an assignment whose signature does not verify, or an assignment by another signer.
    Signature {
        /// The slot.
        slot: u64,
        /// What is wrong.
        reason: String,
    },
    /// A slot whose content is not what the caller of the check expects.
    Content {
        /// The slot.
        slot: u64,
        /// What is wrong.
        reason: String,
    },
    /// A timestamp below that of the slot before.
    Timestamp {
        /// The slot.
        slot: u64,
    },
    /// A slot that cannot be read.
    Unreadable {
        /// The slot.
        slot: u64,
        /// Why not.
        reason: String,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gap { slot } => write!(f, "slot {slot} is missing"),
            Self::Chain { slot } => write!(f, "slot {slot}: the chain value does not follow from the slot before"),
            Self::Timestamp { slot } => write!(f, "slot {slot}: the timestamp is lower than that of the slot before"),
            Self::Signature { slot, reason } | Self::Unreadable { slot, reason } | Self::Content { slot, reason } => {
                write!(f, "slot {slot}: {reason}")
            }
        }
    }
}

type Inspect<'a> = dyn FnMut(&Scheduled) -> Result<(), String> + 'a;

/// What a check looks at beyond slots, links, ids, chain and timestamps.
#[derive(Debug, Clone, Copy, Default)]
pub struct CheckOptions {
    /// Verify the signature of every message.
    pub messages: bool,
    /// Verify the signature of every assignment, and that this address made it.
    pub signer: Option<Address>,
}

/// The result of a check.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScheduleCheck {
    /// Slots that were read and are sound.
    pub slots: u64,
    /// Slots that were pruned after their upload, and not read.
    pub archived: u64,
    /// Slots at which the reference node had restarted: accepted, and worth knowing.
    pub seams: Vec<u64>,
    /// What is wrong; the first hundred.
    pub findings: Vec<Finding>,
    /// How many things are wrong.
    pub wrong: u64,
}

impl ScheduleCheck {
    /// Whether nothing is wrong.
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        self.wrong == 0
    }

    fn report(&mut self, finding: Finding) {
        self.wrong += 1;
        if self.findings.len() < KEPT {
            self.findings.push(finding);
        }
    }
}

impl AssignmentStore {
    /// Checks every slot of a process: no gap, content hashes equal addresses, links resolve, the chain recomputes.
    /// Where slots were [pruned](crate::Scheduler::prune) the check begins behind them.
    ///
    /// # Errors
    /// What the store reports for the list of slots itself; a slot that cannot be read is a finding.
    pub fn check(&self, process: &Id, options: CheckOptions) -> Result<ScheduleCheck, AssignmentsError> {
        self.check_with(process, options, |_| Ok(()))
    }

    /// As [`check`](Self::check), and asks `inspect` about every slot that can be read; what it refuses is a finding.
    ///
    /// An item's id is the hash of its signature, so a damaged payload under a sound signature has the right id: only
    /// its signature, or a copy to compare with, tells.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn check_with(
        &self,
        process: &Id,
        options: CheckOptions,
        inspect: impl FnMut(&Scheduled) -> Result<(), String>,
    ) -> Result<ScheduleCheck, AssignmentsError> {
        self.check_after(process, &Head::default(), options, inspect)
    }

    /// As [`check_with`](Self::check_with), but of the slots after `head` only, whose chain they must go on with.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn check_after(
        &self,
        process: &Id,
        head: &Head,
        options: CheckOptions,
        mut inspect: impl FnMut(&Scheduled) -> Result<(), String>,
    ) -> Result<ScheduleCheck, AssignmentsError> {
        let archived = self.archived(process)?;
        let Head { chain, timestamp, .. } = *if archived.slot > head.slot { &archived } else { head };
        let next = head.next_slot().max(archived.next_slot());
        let result = ScheduleCheck { archived: next - head.next_slot(), ..ScheduleCheck::default() };
        let mut walk = Walk { options, next, chain: Some(chain), before: None, timestamp, result };
        loop {
            let page = self.list(process, walk.next, PAGE)?;
            for (slot, id) in &page {
                walk.slot(self, process, *slot, id, &mut inspect);
            }
            if page.is_empty() {
                return Ok(walk.result);
            }
        }
    }
}

struct Walk {
    options: CheckOptions,
    next: u64,
    /// The chain after the slot before; `None` where that slot is missing or unreadable.
    chain: Option<Chain>,
    /// The assignment of the slot before, where it was read: the chain of `ao.TN.1` needs its id.
    before: Option<Link>,
    timestamp: u64,
    result: ScheduleCheck,
}

impl Walk {
    fn slot(&mut self, store: &AssignmentStore, process: &Id, slot: u64, id: &Id, inspect: &mut Inspect<'_>) {
        for missing in self.next..slot.min(self.next.saturating_add(KEPT as u64)) {
            self.result.report(Finding::Gap { slot: missing });
            (self.chain, self.before) = (None, None);
        }
        self.next = slot.saturating_add(1);
        let before = self.result.wrong;
        match store.linked(process, slot, id).and_then(|assignment| store.with_message(assignment)) {
            Ok(scheduled) => {
                self.content(slot, &scheduled);
                if let Err(reason) = inspect(&scheduled) {
                    self.result.report(Finding::Content { slot, reason });
                }
            }
            Err(error) => {
                self.result.report(Finding::Unreadable { slot, reason: error.to_string() });
                (self.chain, self.before) = (None, None);
            }
        }
        self.result.slots += u64::from(self.result.wrong == before);
    }

    fn content(&mut self, slot: u64, scheduled: &Scheduled) {
        let assignment = &scheduled.assignment;
        match self.step(assignment) {
            None | Some(Step::Sound) => {}
            Some(Step::Seam) => self.result.seams.push(slot),
            Some(Step::Broken) => self.result.report(Finding::Chain { slot }),
        }
        self.chain = Some(Chain::after(assignment.chain()));
        self.before = Some(assignment.link());
        if assignment.timestamp() < self.timestamp {
            self.result.report(Finding::Timestamp { slot });
        }
        self.timestamp = assignment.timestamp();
        if let Some(reason) = self.bad_signature(scheduled) {
            self.result.report(Finding::Signature { slot, reason });
        }
    }

    /// How the chain goes on; `None` where what it goes on from is not known.
    fn step(&self, assignment: &Assignment) -> Option<Step> {
        match (assignment.variant(), self.chain?) {
            (Variant::Native, mut chain) => Some(chain.check(&assignment.message(), assignment.chain())),
            (Variant::Legacy, Chain::EMPTY) => Some(assignment.check_chain(None)),
            (Variant::Legacy, _) => self.before.map(|before| assignment.check_chain(Some(before))),
        }
    }

    fn bad_signature(&self, scheduled: &Scheduled) -> Option<String> {
        let assignment = scheduled.assignment.item();
        if let Some(signer) = self.options.signer {
            if let Err(error) = assignment.verify() {
                return Some(format!("assignment: {error}"));
            }
            if assignment.owner_address() != signer {
                return Some(format!("the assignment is signed by {}", assignment.owner_address()));
            }
        }
        let message = self.options.messages.then(|| scheduled.message.verify()).transpose();
        message.err().map(|error| format!("message: {error}"))
    }
}
