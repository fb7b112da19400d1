//! How long a plan takes.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use crate::cell::{Cell, Length, Measure, Workload};
use crate::saturation::{longest, searches};

/// Opening, filling, draining, verifying and reopening a store, for one round, as the quick preset was seen to take;
/// history comes on top.
const AROUND_A_ROUND: Duration = Duration::from_millis(1750);
/// Slots of history written and checked per second: a guess on the low side.
const HISTORY_PER_S: u64 = 10_000;
/// Names registered, listed and drawn per second, likewise.
const NAMES_PER_S: u64 = 200_000;

/// How long the cells that can run will take. A lower bound where rounds end by count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Estimate {
    /// Of rounds whose length is a duration; warm-up, set-up and verification included.
    pub time: Duration,
    /// Rounds whose length is a number of operations: their time depends on what is measured.
    pub counted_rounds: u64,
    /// Measured rounds; stage rounds are in `time` only.
    pub rounds: u64,
    /// Saturation searches, at most.
    pub searching: Duration,
}

impl Estimate {
    /// Adds up the cells that are not refused.
    #[must_use]
    pub fn of(cells: &[Cell]) -> Self {
        let running = || cells.iter().filter(|cell| cell.refusal.is_none());
        let rounds = running().fold(Self::default(), |sum, cell| sum.plus(cell));
        let longest = |cell: &Cell| longest(cell, filling(cell.axes.workload.history) + AROUND_A_ROUND);
        let searching = searches(cells).into_iter().map(|(_, cell, _)| longest(cell)).sum();
        Self { time: rounds.time + histories(running()), searching, ..rounds }
    }

    /// One measured round of a cell.
    #[must_use]
    pub fn of_round(cell: &Cell) -> Self {
        Self::of_one(cell, &cell.measure)
    }

    /// A cell's stage round.
    #[must_use]
    pub fn of_stage_round(cell: &Cell) -> Self {
        Self::of_one(cell, &cell.measure.of_stage_round())
    }

    fn of_one(cell: &Cell, measure: &Measure) -> Self {
        let Measure { length, warmup, rounds: _ } = *measure;
        let (measured, counted_rounds) = match length {
            Length::Duration(duration) => (duration, 0),
            // A schedule is as long as its operations at its rate.
            Length::Ops(ops) => match cell.axes.rate {
                Some(rate) => (Duration::from_secs_f64(ops as f64 / f64::from(rate)), 0),
                None => (Duration::ZERO, 1),
            },
        };
        let workload = &cell.axes.workload;
        // What is read past the scheduler is stored anew for every round.
        let stored = match workload.operation {
            operation if operation.is_raw_read() => filling(workload.history),
            operation if operation.is_registry() => Duration::from_millis(workload.history * 1000 / NAMES_PER_S),
            // Made anew for every round, signed and verified.
            operation if operation.is_remote() => filling(workload.history * 2),
            _ => Duration::ZERO,
        };
        let time = warmup + measured + stored + AROUND_A_ROUND;
        Self { time, counted_rounds, rounds: 1, searching: Duration::ZERO }
    }

    fn plus(self, cell: &Cell) -> Self {
        let (round, rounds) = (Self::of_round(cell), cell.measure.rounds);
        let stages = cell.stage_round().map_or(Duration::ZERO, |_| Self::of_stage_round(cell).time);
        Self {
            time: self.time + round.time * rounds + stages,
            counted_rounds: self.counted_rounds + round.counted_rounds * u64::from(rounds),
            rounds: self.rounds + u64::from(rounds),
            searching: self.searching,
        }
    }
}

/// Filling stores with their histories: once for all cells that have the same one.
fn histories<'c>(cells: impl Iterator<Item = &'c Cell>) -> Duration {
    let scheduled = cells.filter(|cell| {
        let operation = cell.axes.workload.operation;
        !operation.is_raw() && !operation.is_registry() && !operation.is_remote()
    });
    let figures = |cell: &'c Cell| {
        let Workload { processes, payload, compressible, history, .. } = &cell.axes.workload;
        (&cell.axes.backend, *processes, payload.to_string(), *compressible, *history)
    };
    let distinct: BTreeSet<_> = scheduled.map(figures).collect();
    distinct.into_iter().map(|(.., history)| filling(history)).sum()
}

fn filling(slots: u64) -> Duration {
    Duration::from_millis(slots * 1000 / HISTORY_PER_S)
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = humantime::format_duration(Duration::from_secs(self.time.as_secs()));
        write!(f, "about {time}")?;
        if self.counted_rounds > 0 {
            write!(f, ", and the operations of {} rounds", self.counted_rounds)?;
        }
        if self.searching > Duration::ZERO {
            let searching = humantime::format_duration(Duration::from_secs(self.searching.as_secs()));
            write!(f, ", and at most {searching} of searching")?;
        }
        Ok(())
    }
}
