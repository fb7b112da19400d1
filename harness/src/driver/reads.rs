//! Reads between the messages of a closed loop.
//!
//! What is read has been acknowledged before, so every answer is checked: it has the message that was sent, or the one
//! of the history, in the slot that was asked for; a range is complete and its chain unbroken; a schedule does not end
//! before what is known of it. Which operations read, and what, is drawn from the seed before the clock starts.
//!
//! In aggressive mode an acknowledged message may not be stored yet. There only what was acknowledged, and stored,
//! before the pass is read: by the warm-up, and of the history.

use std::sync::Arc;

use hdrhistogram::Histogram;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use slotbench_core::assignments::{AssignmentsError, Head, Scheduled};
use slotbench_core::chain::{Chain, Step as ChainStep};
use slotbench_core::scheduler::process_of;
use slotbench_core::{AssignmentStore, Id, Item};

use crate::answers::WrongAnswers;
use crate::cell::Read;
use crate::driver::history::Ledger;
use crate::driver::pool::Targets;
use crate::recorder::new_histogram;

/// Slots of a range read.
pub const RANGE: u64 = 1000;

/// What one operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Sends the message of that number.
    Write(usize),
    /// Reads.
    Read(Draw),
}

/// What is drawn for a read, before it is known how much there will be to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draw {
    /// Where among all that can be read, as a fraction of 2^32.
    at: u32,
    /// The process, by number, should a slot of the history be read.
    process: u32,
}

/// An acknowledged message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Its place among the pass's messages.
    pub message: usize,
    /// Its slot.
    pub slot: u64,
}

/// Which operations of a pass read.
#[derive(Debug)]
pub struct Script {
    steps: Vec<Step>,
    writes: usize,
}

/// What is to be drawn.
#[derive(Debug, Clone)]
pub struct ScriptSpec {
    /// Determines all of it.
    pub seed: u64,
    /// Operations of the pass.
    pub operations: usize,
    /// How many workers share them.
    pub workers: usize,
    /// Percentage of them that read.
    pub percent: u8,
    /// What there is to read when the pass begins.
    pub known: Beforehand,
    /// Where reads of the history go.
    pub targets: Targets,
}

/// What there is to read when a pass begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beforehand {
    /// Something.
    Something,
    /// Nothing, but each worker can read what it has sent: its first operation sends.
    NothingYet,
    /// Nothing, and nothing that is sent can be read: all operations send.
    Nothing,
}

impl Script {
    /// Draws it.
    #[must_use]
    pub fn draw(spec: &ScriptSpec) -> Self {
        let mut random = StdRng::seed_from_u64(spec.seed ^ 0x0072_6561_6473);
        let mut writes = 0;
        let mut step = |index: usize| {
            let (reads, at) = (random.random_range(0..100) < spec.percent, random.random());
            let possible = match spec.known {
                Beforehand::Something => true,
                Beforehand::NothingYet => index >= spec.workers,
                Beforehand::Nothing => false,
            };
            if reads && possible {
                let process = u32::try_from(spec.targets.of(index)).unwrap_or(0);
                return Step::Read(Draw { at, process });
            }
            writes += 1;
            Step::Write(writes - 1)
        };
        let steps = (0..spec.operations).map(&mut step).collect();
        Self { steps, writes }
    }

    /// Messages it sends.
    #[must_use]
    pub const fn writes(&self) -> usize {
        self.writes
    }

    /// All operations.
    #[must_use]
    pub fn operations(&self) -> usize {
        self.steps.len()
    }
}

/// The reads of one pass, shared by its workers.
pub struct Reads {
    /// Where they read.
    pub assignments: AssignmentStore,
    /// What they ask for.
    pub read: Read,
    /// Which operations they are.
    pub script: Arc<Script>,
    /// What was stored before the round.
    pub history: Option<Arc<Ledger>>,
    /// What earlier passes of the round had acknowledged.
    pub before: Arc<[Known]>,
    /// Whether what this pass has acknowledged can be read at once.
    pub at_once: bool,
    /// Answers that were not right.
    pub wrong: WrongAnswers,
}

impl Reads {
    /// All operations of the pass.
    #[must_use]
    pub fn operations(&self) -> usize {
        self.script.operations()
    }

    /// What an operation does.
    #[must_use]
    pub fn step(&self, operation: usize) -> Option<Step> {
        self.script.steps.get(operation).copied()
    }

    /// A worker's reader, with room for so many messages of its own.
    #[must_use]
    pub fn reader(self: &Arc<Self>, room: usize) -> Reader {
        Reader { reads: Arc::clone(self), own: Vec::with_capacity(room), latency: new_histogram() }
    }
}

/// One worker's reads.
pub struct Reader {
    reads: Arc<Reads>,
    /// What this worker had acknowledged in this pass.
    pub own: Vec<Known>,
    /// Until the answer, nanoseconds.
    pub latency: Histogram<u64>,
}

/// What is asked for, and what must be answered.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    process: Id,
    slot: u64,
    expected: Expected,
}

#[derive(Debug, Clone, Copy)]
enum Expected {
    /// The message with this id.
    Message(Id),
    /// What the ledger has for the slot.
    History,
}

/// An answer, still to be checked.
pub type Answer = Result<Found, AssignmentsError>;

/// What was found.
#[derive(Debug)]
pub enum Found {
    /// One slot.
    One(Option<Box<Scheduled>>),
    /// Several.
    Range(Vec<Scheduled>),
    /// The end of the schedule.
    End(Head),
}

impl Reader {
    /// Takes note of an acknowledged message.
    pub fn learn(&mut self, known: Known) {
        self.own.push(known);
    }

    /// What a draw stands for now; `None` while there is nothing to read.
    #[must_use]
    pub fn pick(&self, messages: &[Item], draw: Draw) -> Option<Wanted> {
        let history = self.reads.history.as_ref().map_or(0, |history| history.slots());
        let own = if self.reads.at_once { self.own.as_slice() } else { &[] };
        let all = history + (self.reads.before.len() + own.len()) as u64;
        let at = u64::try_from((u128::from(draw.at) * u128::from(all)) >> 32).unwrap_or(0);
        let Some(at) = at.checked_sub(history) else {
            return self.reads.history.as_ref()?.pick(draw.process as usize, at).map(|(process, slot)| Wanted {
                process,
                slot,
                expected: Expected::History,
            });
        };
        let at = usize::try_from(at).ok()?;
        let known = self.reads.before.get(at).or_else(|| own.get(at - self.reads.before.len()))?;
        let message = messages.get(known.message)?;
        let expected = Expected::Message(message.id());
        Some(Wanted { process: process_of(message).ok()?, slot: known.slot, expected })
    }

    /// Asks the store.
    ///
    /// # Errors
    /// What the store reports.
    pub fn read(&self, wanted: &Wanted) -> Answer {
        let (assignments, process, slot) = (&self.reads.assignments, &wanted.process, wanted.slot);
        match self.reads.read {
            Read::Slot => Ok(Found::One(assignments.read(process, slot)?.map(Box::new))),
            // In the schedule's order: found by a scan from where the one before it ends.
            Read::Next => {
                let next = assignments.range(process, slot, u64::MAX, 1)?.into_iter().next();
                Ok(Found::One(next.map(Box::new)))
            }
            Read::Range => Ok(Found::Range(assignments.range(process, first_of_range(slot), slot, range_len(slot))?)),
            Read::Latest => Ok(Found::End(assignments.latest(process)?)),
        }
    }

    /// Records how long an answer took, and whether it is right.
    pub fn check(&mut self, wanted: &Wanted, answer: &Answer, latency_ns: u64) {
        self.latency.saturating_record(latency_ns);
        let checked = match answer {
            Err(error) => Err(error.to_string()),
            Ok(found) => self.verdict(wanted, found),
        };
        let place = |reason: String| format!("process {}, slot {}: {reason}", wanted.process, wanted.slot);
        self.reads.wrong.note(checked.map_err(place));
    }

    fn verdict(&self, wanted: &Wanted, found: &Found) -> Result<(), String> {
        match found {
            Found::One(None) => Err("it was acknowledged, and a read does not find it".to_owned()),
            Found::One(Some(scheduled)) => self.is_as_sent(wanted, scheduled),
            Found::Range(range) => self.is_whole(wanted, range),
            Found::End(head) if head.slot >= Some(wanted.slot) => Ok(()),
            Found::End(head) => Err(format!("the schedule is said to end at {:?}", head.slot)),
        }
    }

    /// Whether this is the slot that was asked for, with the message that was sent.
    fn is_as_sent(&self, wanted: &Wanted, scheduled: &Scheduled) -> Result<(), String> {
        let message = scheduled.message.id();
        let is_expected = match wanted.expected {
            Expected::Message(id) => message == id,
            Expected::History => self.is_of_history(wanted, wanted.slot, message),
        };
        if scheduled.assignment.slot() != wanted.slot {
            Err(format!("a read answers with slot {}", scheduled.assignment.slot()))
        } else if !is_expected {
            Err(format!("a read answers with message {message}, which was not sent there"))
        } else {
            Ok(())
        }
    }

    /// Whether the ledger has that message there, or nothing at all.
    fn is_of_history(&self, wanted: &Wanted, slot: u64, message: Id) -> bool {
        self.reads.history.as_ref().is_none_or(|history| history.agrees(&wanted.process, slot, &message))
    }

    fn is_whole(&self, wanted: &Wanted, range: &[Scheduled]) -> Result<(), String> {
        if range.len() != range_len(wanted.slot) {
            return Err(format!("a range of {} has {} slots", range_len(wanted.slot), range.len()));
        }
        let mut chain: Option<Chain> = None;
        for (slot, scheduled) in (first_of_range(wanted.slot)..).zip(range) {
            let (assignment, message) = (&scheduled.assignment, scheduled.message.id());
            let step = chain.map(|mut chain| chain.check(&assignment.message(), assignment.chain()));
            if assignment.slot() != slot
                || assignment.message() != message
                || step.is_some_and(|s| s != ChainStep::Sound)
            {
                return Err(format!("slot {slot} of a range does not follow the one before"));
            }
            if !self.is_of_history(wanted, slot, message) {
                return Err(format!("slot {slot} of a range has message {message}, which was not sent there"));
            }
            chain = Some(Chain::after(assignment.chain()));
        }
        range.last().map_or(Ok(()), |last| self.is_as_sent(wanted, last))
    }
}

/// A range ends at the slot that was drawn: all slots up to it are stored, those after it may not be.
fn first_of_range(slot: u64) -> u64 {
    slot.saturating_sub(RANGE - 1)
}

fn range_len(slot: u64) -> usize {
    usize::try_from(slot - first_of_range(slot) + 1).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
