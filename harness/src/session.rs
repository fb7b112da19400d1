//! The measuring loop: round after round, everything finished safe on disk before the next begins.

mod aggregate;
mod resume;
mod saturation;
mod scaling;
#[cfg(test)]
mod tests;

use std::time::SystemTime;

use crate::cell::{Cell, CellId};
use crate::datadir::{DataDir, DataDirError};
use crate::hlog::{self, Interval};
use crate::model::{Build, CellResult, FileError, Floors, Machine, RoundResult, Run, SCHEMA, Status};
use crate::plan::Plan;
use crate::rundir::RunDir;
use crate::runner::{CellFailure, Job, Round, Runner, Stop};
use crate::schedule::{Turn, schedule};
use crate::stats::MergeError;

use aggregate::conclude;

pub use aggregate::aggregate;
pub use resume::resume;

/// Watches a session.
pub trait Progress {
    /// A round is about to begin. `done` counts the finished ones of those in `turns`.
    fn begin(&mut self, plan: &Plan, turns: &[Turn], done: usize);

    /// A saturation search is about to try a rate; `done` counts the rates it has tried.
    fn probing(&mut self, search: &CellId, done: usize, rate: u32);

    /// A cell was refused or failed, in a sentence.
    fn dropped(&mut self, cell: &CellResult);
}

/// Shows nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&mut self, _plan: &Plan, _turns: &[Turn], _done: usize) {}
    fn probing(&mut self, _search: &CellId, _done: usize, _rate: u32) {}
    fn dropped(&mut self, _cell: &CellResult) {}
}

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Every round of every cell that could run was measured.
    Complete,
    /// Somebody asked to stop; what was finished is saved.
    Interrupted,
}

/// Why a session broke off. What was finished is saved.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// A result could not be written or read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The data directory gave out.
    #[error(transparent)]
    Data(#[from] DataDirError),
    /// Histograms of rounds could not be added.
    #[error(transparent)]
    Merge(#[from] MergeError),
    /// The machine itself could not be measured.
    #[error("cannot measure the machine: {0}")]
    Floors(String),
}

/// A run in progress.
#[derive(Debug)]
pub struct Session<'a> {
    plan: &'a Plan,
    dir: &'a RunDir,
    data: &'a DataDir,
    /// One result per cell of the plan, in its order.
    run: Run,
    start: SystemTime,
    now: fn() -> SystemTime,
}

impl<'a> Session<'a> {
    /// Goes on with `run`: an empty one for a new run, see [`new_run`].
    ///
    /// # Errors
    /// [`SessionError::File`] when the directory cannot be written, so that this is known before anything is measured.
    pub fn new(
        plan: &'a Plan,
        dir: &'a RunDir,
        data: &'a DataDir,
        run: Run,
        now: fn() -> SystemTime,
    ) -> Result<Self, SessionError> {
        let start = humantime::parse_rfc3339(&run.started).unwrap_or(SystemTime::UNIX_EPOCH);
        let session = Self { plan, dir, data, run, start, now };
        session.save()?;
        Ok(session)
    }

    /// Measures what is missing.
    ///
    /// # Errors
    /// [`SessionError`].
    pub fn execute(
        &mut self,
        runner: &mut dyn Runner,
        progress: &mut dyn Progress,
        stop: &Stop,
    ) -> Result<End, SessionError> {
        let turns: Vec<Turn> =
            schedule(&self.plan.cells, self.plan.seed).into_iter().filter(|t| self.is_open(*t)).collect();
        if !turns.is_empty() && !self.measure_floors(runner, stop)? {
            return Ok(End::Interrupted);
        }
        for (done, turn) in turns.iter().enumerate() {
            if stop.is_requested() {
                return Ok(End::Interrupted);
            }
            if !self.is_open(*turn) {
                continue;
            }
            progress.begin(self.plan, &turns, done);
            if !self.take(*turn, runner, progress, stop)? {
                return Ok(End::Interrupted);
            }
        }
        self.run.scaling = scaling::fits(&self.run.cells);
        if !self.saturate(&mut saturation::Tools { runner, progress, stop })? {
            return Ok(End::Interrupted);
        }
        self.run.complete = true;
        self.save()?;
        Ok(End::Complete)
    }

    /// The result so far, as it is on disk.
    #[must_use]
    pub fn result(&self) -> Run {
        let is_known = |cell: &&CellResult| !cell.rounds.is_empty() || cell.status != Status::Ok;
        Run { cells: self.run.cells.iter().filter(is_known).cloned().collect(), ..self.run.clone() }
    }

    fn save(&self) -> Result<(), FileError> {
        self.dir.save(&self.result())
    }

    /// Whether a turn is still to be taken: its cell runs, and the round is not there yet.
    fn is_open(&self, turn: Turn) -> bool {
        self.run.cells.get(turn.cell).is_some_and(|cell| {
            let runs = matches!(cell.status, Status::Ok | Status::Overloaded);
            let mut taken = cell.rounds.iter().chain(&cell.stage_round);
            runs && !taken.any(|round| round.round == turn.round)
        })
    }

    /// Measures the machine once a run; `false` when interrupted.
    fn measure_floors(&mut self, runner: &mut dyn Runner, stop: &Stop) -> Result<bool, SessionError> {
        if self.run.floors != Floors::default() {
            return Ok(true);
        }
        match runner.floors(self.data.path(), stop) {
            Ok(floors) => self.run.floors = floors,
            Err(CellFailure::Interrupted) => return Ok(false),
            Err(CellFailure::Refused(reason) | CellFailure::Failed(reason)) => {
                return Err(SessionError::Floors(reason));
            }
        }
        Ok(true)
    }

    /// Takes one turn and saves what it yields; `false` when interrupted.
    fn take(
        &mut self,
        turn: Turn,
        runner: &mut dyn Runner,
        progress: &mut dyn Progress,
        stop: &Stop,
    ) -> Result<bool, SessionError> {
        let (Some(cell), Some(result)) = (self.plan.cells.get(turn.cell), self.run.cells.get_mut(turn.cell)) else {
            return Ok(true);
        };
        let dir = self.data.fresh(&cell.id)?;
        let start_ms = unused_start(self.start, (self.now)(), &result.rounds);
        let is_stage_round = cell.stage_round() == Some(turn.round);
        let shortened = is_stage_round.then(|| Cell { measure: cell.measure.of_stage_round(), ..cell.clone() });
        let cell = shortened.as_ref().unwrap_or(cell);
        let outcome = runner.run_round(&Job { cell, round: turn.round, seed: self.plan.seed, dir: &dir, stop });
        self.data.discard(&dir)?;
        match outcome {
            Ok(round) if is_stage_round => record_stages(result, turn.round, start_ms, round),
            Ok(round) => record(result, turn.round, start_ms, round, self.dir, self.start, &self.run.floors)?,
            Err(CellFailure::Interrupted) => return Ok(false),
            Err(CellFailure::Refused(reason)) => result.drop_out(Status::Refused, reason),
            Err(CellFailure::Failed(reason)) => {
                let reason = format!("round {}: {reason}", turn.round);
                result.failures.push(reason.clone());
                result.drop_out(Status::Failed, reason);
            }
        }
        if matches!(result.status, Status::Refused | Status::Failed) {
            progress.dropped(result);
        }
        self.save()?;
        Ok(true)
    }
}

/// Adds a round to a cell: its histograms to the log first, so that no round is ever in the result without them.
fn record(
    result: &mut CellResult,
    number: u32,
    start_ms: u64,
    round: Round,
    dir: &RunDir,
    start: SystemTime,
    floors: &Floors,
) -> Result<(), SessionError> {
    let path = dir.log_path(&result.id);
    let is_known = |interval: &Interval| result.rounds.iter().any(|round| round.start_ms == interval.start_ms);
    // A round that was interrupted between log and result is in the log only, and will be measured again.
    let mut intervals: Vec<Interval> = hlog::read(&path)?.into_iter().filter(is_known).collect();
    let duration = std::time::Duration::from_nanos(round.result.elapsed_ns);
    let fresh = round.histograms.into_iter().map(|(tag, histogram)| Interval { start_ms, duration, tag, histogram });
    let fresh: Vec<Interval> = fresh.collect();
    let latency_ns = fresh.iter().map(|interval| (interval.tag, crate::stats::summary(&interval.histogram))).collect();
    intervals.extend(fresh);
    hlog::write(&path, start, &intervals)?;
    result.rounds.push(RoundResult { round: number, start_ms, latency_ns, ..round.result });
    result.rounds.sort_by_key(|round| round.round);
    result.engine = Some(round.engine);
    aggregate(result, &intervals, floors)?;
    Ok(())
}

/// Adds its stage round to a cell. Its histograms are not kept: they would be taken for those of a measured round.
fn record_stages(result: &mut CellResult, number: u32, start_ms: u64, round: Round) {
    let summaries = round.histograms.iter().map(|(tag, histogram)| (*tag, crate::stats::summary(histogram)));
    let latency_ns = summaries.collect();
    result.stage_round = Some(RoundResult { round: number, start_ms, latency_ns, ..round.result });
    conclude(result);
}

/// Milliseconds from `start` to `now`, moved behind those of earlier rounds if the system's clock was set back.
fn unused_start(start: SystemTime, now: SystemTime, rounds: &[RoundResult]) -> u64 {
    let elapsed = now.duration_since(start).unwrap_or_default().as_millis();
    let after_last = rounds.iter().map(|round| round.start_ms + 1).max().unwrap_or(0);
    u64::try_from(elapsed).unwrap_or(u64::MAX).max(after_last)
}

/// A run of `plan` in which nothing has been measured yet.
#[must_use]
pub fn new_run(plan: &Plan, machine: Machine, now: SystemTime) -> Run {
    Run {
        schema: SCHEMA,
        slotbench: Build::this(),
        plan: plan.name.clone(),
        seed: plan.seed,
        started: humantime::format_rfc3339_millis(now).to_string(),
        complete: false,
        machine,
        floors: Floors::default(),
        cells: plan.cells.iter().map(CellResult::new).collect(),
        saturation: Vec::new(),
        scaling: Vec::new(),
    }
}

impl CellResult {
    /// Takes the cell out of the run.
    fn drop_out(&mut self, status: Status, reason: String) {
        self.status = status;
        self.reason = Some(reason);
    }
}
