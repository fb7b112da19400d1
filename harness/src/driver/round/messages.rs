//! The messages of a round and the reads between them: what passes are made of, and what is checked in the end.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use slotbench_core::assignments::CheckOptions;
use slotbench_core::item::Item;
use slotbench_core::scheduler::{CommitMode, SignaturePolicy};
use slotbench_core::store::Store;
use slotbench_core::{AssignmentStore, Config, Durability, Mode as CoreMode, Signer};

use super::failed;
use super::site::{Site, history_key, interrupted};
use crate::answers::{Findings, WrongAnswers};
use crate::axis::{Commit, Mode};
use crate::driver::Driver;
use crate::driver::clock::Epoch;
use crate::driver::closed_loop::{self, Outcome, Pass};
use crate::driver::history::History;
use crate::driver::pool::{PoolSpec, Targets};
use crate::driver::reads::{Beforehand, Known, Reads, Script, ScriptSpec};
use crate::driver::target::Target;
use crate::runner::{CellFailure, Job};
use crate::verify::{Heads, Verification};

/// Messages of one process that may have a slot and not be stored yet, at least.
const WINDOW: usize = 1024;

/// The round's messages, handed out in order.
pub(super) struct Messages<'a> {
    pub(super) driver: &'a mut Driver,
    pub(super) job: &'a Job<'a>,
    pub(super) sent: usize,
    /// Over all passes: what must be stored in the end.
    pub(super) acknowledged: u64,
    /// What was stored before.
    pub(super) history: Option<History>,
    /// What later passes can read.
    pub(super) known: Vec<Known>,
    /// The script of the next pass, where it was drawn ahead.
    pub(super) script: Option<Arc<Script>>,
    /// Wrong answers of all passes.
    pub(super) wrong: Findings,
}

impl<'a> Messages<'a> {
    pub(super) fn new(driver: &'a mut Driver, job: &'a Job<'a>, history: Option<History>) -> Self {
        let (known, wrong) = (Vec::new(), Findings::default());
        Self { driver, job, sent: 0, acknowledged: 0, history, known, script: None, wrong }
    }

    pub(super) fn next(&mut self, count: usize) -> Result<(Arc<[Item]>, Range<usize>), CellFailure> {
        let range = self.sent..self.sent + count;
        let pool = self
            .driver
            .messages(PoolSpec::of(self.job.cell, self.job.seed), range.end)
            .map_err(|error| failed("the messages cannot be made", &error))?;
        self.sent = range.end;
        Ok((Arc::clone(pool.messages()), range))
    }

    /// Draws and makes what a pass of so many operations needs, without handing it out.
    pub(super) fn reserve(&mut self, operations: usize) -> Result<(), CellFailure> {
        let sent = self.sent;
        let script = self.script(operations);
        self.next(script.as_ref().map_or(operations, |script| script.writes()))?;
        self.sent = sent;
        self.script = script;
        Ok(())
    }

    /// Which of the next pass's operations read; `None` where none does.
    fn script(&mut self, operations: usize) -> Option<Arc<Script>> {
        let axes = &self.job.cell.axes;
        if axes.workload.reads == 0 {
            return None;
        }
        let drawn = self.script.take().filter(|script| script.operations() == operations);
        let draw = || {
            let work = &axes.workload;
            Arc::new(Script::draw(&ScriptSpec {
                seed: self.job.seed.wrapping_add(self.sent as u64),
                operations,
                workers: axes.workers as usize,
                percent: work.reads,
                known: self.beforehand(),
                targets: Targets::new(self.job.seed, work.processes as usize, work.skew),
            }))
        };
        Some(drawn.unwrap_or_else(draw))
    }

    pub(super) fn beforehand(&self) -> Beforehand {
        if self.history.is_some() || !self.known.is_empty() {
            Beforehand::Something
        } else if self.job.cell.axes.mode == Mode::Aggressive {
            Beforehand::Nothing
        } else {
            Beforehand::NothingYet
        }
    }

    /// Slots that are stored.
    pub(super) fn slots(&self) -> u64 {
        self.acknowledged + self.history.as_ref().map_or(0, History::slots)
    }

    /// Every message of the round so far.
    pub(super) fn all_sent(&self) -> Arc<[Item]> {
        self.driver.pool.as_ref().map(|pool| Arc::clone(pool.messages())).unwrap_or_default()
    }

    /// Leaves the closed store to the next round with the same history, unless there is something wrong with it.
    pub(super) fn give_back(&mut self, site: &Site, is_sound: bool) -> Result<(), CellFailure> {
        let is_kept = is_sound && site.kind.is_persistent() && !self.driver.keeps_stores;
        let (Some(history), Some(key)) = (self.history.take().filter(|_| is_kept), history_key(self.job)) else {
            return Ok(());
        };
        self.driver.histories.give_back(key, &site.dir, history).map_err(interrupted)
    }

    pub(super) fn config(&self, tier: Durability) -> Result<Config, CellFailure> {
        let axes = &self.job.cell.axes;
        let signer: Arc<dyn Signer> =
            self.driver.signer(axes.workload.sign).map_err(|error| failed("no signing key", &error))?;
        Ok(Config {
            mode: if axes.mode == Mode::Aggressive { CoreMode::Aggressive } else { CoreMode::Local },
            durability: tier,
            commit: if axes.workload.commit == Commit::Each { CommitMode::Each } else { CommitMode::Group },
            signatures: SignaturePolicy { required: false, verify: axes.workload.verify },
            window: WINDOW.max(axes.workers as usize).max(axes.in_flight.unwrap_or(0) as usize),
            ..Config::new(signer)
        })
    }

    pub(super) fn pass<T: Target>(&mut self, target: &T, order: Order) -> Result<Outcome, CellFailure> {
        let script = self.script(order.operations);
        let writes = script.as_ref().map_or(order.operations, |script| script.writes());
        let (messages, range) = self.next(writes)?;
        let reads = script.zip(order.store).map(|(script, store)| Arc::new(self.reads(script, store)));
        let pass = Pass {
            reads: reads.clone(),
            messages,
            range,
            workers: order.workers,
            limit: order.limit,
            epoch: order.epoch,
            stop: self.job.stop.clone(),
        };
        let runtime = self.driver.runtime().map_err(|error| failed("no threads for the workers", &error))?;
        let outcome = closed_loop::run(runtime, target, &pass);
        self.accept(&outcome)?;
        self.known.extend(&outcome.known);
        self.wrong.add(reads.map(|reads| reads.wrong.findings()).unwrap_or_default());
        Ok(outcome)
    }

    /// Counts what a pass had acknowledged, unless it was interrupted or messages were refused.
    pub(super) fn accept(&mut self, outcome: &Outcome) -> Result<(), CellFailure> {
        if self.job.stop.is_requested() {
            return Err(CellFailure::Interrupted);
        }
        if let Some(error) = &outcome.first_refusal {
            return Err(failed("a message was refused", &**error));
        }
        self.acknowledged += outcome.acknowledged.len();
        Ok(())
    }

    fn reads(&self, script: Arc<Script>, store: Arc<dyn Store>) -> Reads {
        let axes = &self.job.cell.axes;
        Reads {
            assignments: AssignmentStore::new(store),
            read: axes.workload.read,
            script,
            history: self.history.as_ref().map(|history| Arc::clone(&history.ledger)),
            before: self.known.as_slice().into(),
            at_once: axes.mode != Mode::Aggressive,
            wrong: WrongAnswers::default(),
        }
    }

    /// Checks the store as it is found after a reopen: what this round had stored in full, some of what was there before.
    pub(super) fn check(&mut self, store: &Arc<dyn Store>, checks: CheckOptions, expected: u64) -> Verification {
        let none = Heads::new();
        let heads = self.history.as_ref().map_or(&none, |history| &history.heads);
        let mut verification = Verification::after(store, checks, &self.all_sent(), heads, |_| {});
        verification.expect_slots(expected);
        verification.add(std::mem::take(&mut self.wrong));
        let seed = self.job.seed.wrapping_add(u64::from(self.job.round));
        if let Some(history) = &mut self.history {
            let read = history.read_back(store, seed);
            let read = read.and_then(|()| history.advance(store).map_err(|error| error.to_string()));
            read.err().into_iter().for_each(|failure| verification.fail(failure));
        }
        verification
    }
}

/// What one pass is to do.
pub(super) struct Order {
    /// What reads are answered from; without it nothing is read.
    pub(super) store: Option<Arc<dyn Store>>,
    pub(super) operations: usize,
    pub(super) workers: usize,
    pub(super) limit: Duration,
    pub(super) epoch: Epoch,
}
