//! Saturation: the highest rate of an open loop at which a quantile of response time stays within a limit.
//!
//! A search tries rates, each with a short round over a fresh store; [`border`] says which. What is known in the end is
//! an interval: the highest rate that held and the lowest that did not, each by a majority of tries.

pub mod border;

use std::time::Duration;

use crate::cell::{Cell, CellId, Length, Search};
use crate::model::{Probe, RoundResult};

/// Shortest and longest try.
const LENGTHS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));
/// A try is as long as it takes for that many operations beyond the limited quantile, within its bounds.
const BEYOND: f64 = 20.0;
/// Longest warm-up of a try.
const WARMUP: Duration = Duration::from_millis(500);

/// The searches of a plan's cells: one for all that differ in nothing but rate, or in workers that an open loop does not
/// have. Each with its id, the first of its cells, and what is asked.
#[must_use]
pub fn searches(cells: &[Cell]) -> Vec<(CellId, &Cell, Search)> {
    let mut found: Vec<(CellId, &Cell, Search)> = Vec::new();
    for cell in cells.iter().filter(|cell| cell.refusal.is_none()) {
        let Some(search) = cell.saturate else { continue };
        let id = id(cell, &search);
        if !found.iter().any(|(known, ..)| *known == id) {
            found.push((id, cell, search));
        }
    }
    found
}

/// The id of a cell's search: that of its open loops, without a rate.
#[must_use]
pub fn id(cell: &Cell, search: &Search) -> CellId {
    CellId::of(&cell.axes.clone().with_load(Some(search.load(1))).with_load(None))
}

/// The cell that tries a rate.
#[must_use]
pub fn trial(cell: &Cell, search: &Search, rate: u32) -> Cell {
    let mut cell = cell.clone();
    cell.axes = cell.axes.with_load(Some(search.load(rate)));
    cell.id = CellId::of(&cell.axes);
    cell.measure.warmup = cell.measure.warmup.min(WARMUP);
    let operations = BEYOND / (1.0 - search.limit.quantile.share());
    let length = Duration::from_secs_f64(operations / f64::from(rate.max(1)));
    cell.measure.length = Length::Duration(length.clamp(LENGTHS.0, LENGTHS.1));
    cell
}

/// What a round of a [`trial`] says; `response_ns` is the limited quantile of response time.
#[must_use]
pub fn judged(search: &Search, rate: u32, round: &RoundResult, response_ns: u64) -> Probe {
    let held = !round.overloaded && response_ns <= search.limit.limit_ns;
    Probe { rate: f64::from(rate), achieved: round.messages_per_s, response_ns, held }
}

/// How long a search takes at most, when `around` goes by around each try.
#[must_use]
pub fn longest(cell: &Cell, around: Duration) -> Duration {
    let tries = u32::try_from(border::MAX_PROBES).unwrap_or(u32::MAX);
    (cell.measure.warmup.min(WARMUP) + LENGTHS.1 + around) * tries
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Overrides, Plan, Source};

    fn cells(text: &str) -> Vec<Cell> {
        let source = Source { file: "p".to_owned(), stem: "p".to_owned(), text: text.to_owned() };
        Plan::compile(&source, &Overrides::default()).expect("a valid plan").cells
    }

    #[test]
    fn cells_that_differ_in_rate_or_workers_are_searched_once() {
        let cells = cells(
            "backend = ['null', 'memory']\nworkers = [1, 4]\nrate = ['closed', 100, 200]\nsaturate = 'p99=1ms'\n",
        );
        assert_eq!(cells.len(), 2 * (2 + 2));
        let found = searches(&cells);
        let ids: Vec<_> = found.iter().map(|(id, ..)| id.as_str().split("-none").next()).collect();
        assert_eq!(ids, [Some("null-local-memory-w1-inproc-closed"), Some("memory-local-memory-w1-inproc-closed")]);
        assert!(cells.iter().all(|cell| found.iter().any(|(known, _, search)| id(cell, search) == *known)));
        assert_eq!(searches(&self::cells("backend = 'null'")), []);
    }

    #[test]
    fn a_try_is_long_enough_for_its_quantile_and_bounded() {
        let cells = cells("backend = 'null'\nsaturate = 'p99=1ms'\nwarmup = '10s'");
        let (_, cell, search) = searches(&cells)[0];
        let length = |rate| trial(cell, &search, rate).measure.length;
        assert_eq!(length(1000), Length::Duration(Duration::from_secs(2)), "20 of 2000 are beyond p99");
        assert_eq!(length(1), Length::Duration(Duration::from_secs(5)));
        assert_eq!(length(1_000_000), Length::Duration(Duration::from_secs(1)));
        let tried = trial(cell, &search, 7);
        assert_eq!((tried.axes.rate, tried.measure.warmup), (Some(7), WARMUP));
        assert_eq!(tried.id, CellId::of(&tried.axes));
    }

    #[test]
    fn a_limit_holds_when_it_is_reached_and_the_target_keeps_up() {
        let cells = cells("backend = 'null'\nsaturate = 'p99=1ms'");
        let (_, _, search) = searches(&cells)[0];
        let held = |overloaded, response| {
            judged(&search, 7, &RoundResult { overloaded, ..RoundResult::default() }, response).held
        };
        assert_eq!([held(false, 1_000_000), held(false, 1_000_001), held(true, 1)], [true, false, false]);
    }
}
