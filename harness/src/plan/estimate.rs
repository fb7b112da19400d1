//! How long a plan takes.

use std::fmt;
use std::time::Duration;

use crate::cell::{Cell, Length, Measure};

/// Opening, filling, draining, verifying and reopening a store, for one round; history comes on top.
const AROUND_A_ROUND: Duration = Duration::from_secs(1);
/// Slots of history written per second: a guess on the low side.
const HISTORY_PER_S: u64 = 20_000;

/// How long the cells that can run will take. A lower bound where rounds end by count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Estimate {
    /// Of rounds whose length is a duration; warm-up, set-up and verification included.
    pub time: Duration,
    /// Rounds whose length is a number of operations: their time depends on what is measured.
    pub counted_rounds: u64,
    /// Measured rounds; stage rounds are in `time` only.
    pub rounds: u64,
}

impl Estimate {
    /// Adds up the cells that are not refused.
    #[must_use]
    pub fn of(cells: &[Cell]) -> Self {
        cells.iter().filter(|cell| cell.refusal.is_none()).fold(Self::default(), |sum, cell| sum.plus(cell))
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
            Length::Ops(_) => (Duration::ZERO, 1),
        };
        let history = Duration::from_secs(cell.axes.workload.history / HISTORY_PER_S);
        Self { time: warmup + measured + history + AROUND_A_ROUND, counted_rounds, rounds: 1 }
    }

    fn plus(self, cell: &Cell) -> Self {
        let (round, rounds) = (Self::of_round(cell), cell.measure.rounds);
        let stages = cell.stage_round().map_or(Duration::ZERO, |_| Self::of_stage_round(cell).time);
        Self {
            time: self.time + round.time * rounds + stages,
            counted_rounds: self.counted_rounds + round.counted_rounds * u64::from(rounds),
            rounds: self.rounds + u64::from(rounds),
        }
    }
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = humantime::format_duration(Duration::from_secs(self.time.as_secs()));
        match self.counted_rounds {
            0 => write!(f, "about {time}"),
            rounds => write!(f, "about {time}, and the operations of {rounds} rounds"),
        }
    }
}
