//! Percentile curves, and how many samples it takes to know a quantile.
//!
//! A quantile is taken for known where at least ten recorded values lie beyond it: the p99.9 of 500 samples is
//! one of its largest values, and says more about luck than about the engine.

use std::collections::BTreeMap;
use std::path::Path;

use hdrhistogram::Histogram;

use crate::cell::CellId;
use crate::hlog::{self, Interval};
use crate::model::{CellResult, FileError, Run, Tag};
use crate::stats::{self, MergeError};

/// How many values must lie beyond a quantile.
const BEYOND: u64 = 10;
/// Points of a curve in each decade of `1 - quantile`.
const PER_DECADE: i32 = 8;
/// Curves end at 99.999 %.
const DECADES: i32 = 5;

/// Percentile curves by cell and tag: latencies in nanoseconds at [`quantiles`], as far as they are known.
pub type Curves = BTreeMap<CellId, BTreeMap<Tag, Vec<u64>>>;

/// Why curves could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CurveError {
    /// A log could not be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// Histograms of rounds could not be added.
    #[error(transparent)]
    Merge(#[from] MergeError),
}

/// How many samples it takes to know a quantile, 0 to 1: 1,000 for the p99. `u64::MAX` for 1.
#[must_use]
pub fn needed(quantile: f64) -> u64 {
    let needed = BEYOND as f64 / (1.0 - quantile);
    // The difference is off by some last digits, and 999.99999 samples are 1,000.
    #[expect(clippy::cast_possible_truncation, reason = "saturates, and is never negative")]
    let needed = (needed * (1.0 - 1e-6)).ceil() as u64;
    needed
}

/// The quantiles of every curve, ascending from 0: evenly spaced on a logarithmic axis of what lies beyond.
#[must_use]
pub fn quantiles() -> Vec<f64> {
    (0..=DECADES * PER_DECADE).map(|step| 1.0 - 10_f64.powf(-f64::from(step) / f64::from(PER_DECADE))).collect()
}

/// A histogram's values at [`quantiles`], up to the last that is known.
#[must_use]
pub fn curve(histogram: &Histogram<u64>) -> Vec<u64> {
    let known = |quantile: &f64| needed(*quantile) <= histogram.len();
    let at = |quantile| histogram.value_at_quantile(quantile).min(histogram.max());
    quantiles().into_iter().take_while(known).map(at).collect()
}

/// The curves of a run from the logs beside its `run.json`; a cell without a log has none.
///
/// # Errors
/// [`CurveError`]: a log that is damaged or cannot be read.
pub fn curves(run: &Run, dir: &Path) -> Result<Curves, CurveError> {
    let measured = run.cells.iter().filter(|cell| !cell.rounds.is_empty());
    measured.map(|cell| Ok((cell.id.clone(), of_cell(cell, dir)?))).collect()
}

fn of_cell(cell: &CellResult, dir: &Path) -> Result<BTreeMap<Tag, Vec<u64>>, CurveError> {
    let mut by_tag: BTreeMap<Tag, Vec<Histogram<u64>>> = BTreeMap::new();
    // A round that was interrupted between log and result is in the log only.
    let is_known = |interval: &Interval| cell.rounds.iter().any(|round| round.start_ms == interval.start_ms);
    for interval in hlog::read(&hlog::path(dir, &cell.id))?.into_iter().filter(is_known) {
        by_tag.entry(interval.tag).or_default().push(interval.histogram);
    }
    by_tag.into_iter().map(|(tag, parts)| Ok((tag, curve(&stats::merge(&parts)?)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::sample;

    fn histogram(values: std::ops::RangeInclusive<u64>) -> Histogram<u64> {
        let mut histogram = Histogram::new(3).expect("3 digits are allowed");
        values.for_each(|value| histogram.record(value).expect("it grows"));
        histogram
    }

    #[test]
    fn ten_values_lie_beyond_a_known_quantile() {
        assert_eq!([0.0, 0.5, 0.9, 0.99, 0.999, 0.99999].map(needed), [10, 20, 100, 1_000, 10_000, 1_000_000]);
        assert_eq!(needed(1.0), u64::MAX);
    }

    #[test]
    fn a_curve_ends_where_its_samples_do() {
        let grid = quantiles();
        assert!((grid[0] - 0.0).abs() < 1e-12 && (grid[8] - 0.9).abs() < 1e-12 && (grid[40] - 0.99999).abs() < 1e-12);
        assert_eq!(grid.len(), 41);
        let curve_of = |count| curve(&histogram(1..=count));
        assert_eq!([9, 10, 100, 1000, 10_000].map(|count| curve_of(count).len()), [0, 1, 9, 17, 25]);
        let thousand = curve_of(1000);
        assert_eq!((thousand[0], thousand[8], thousand[16]), (1, 900, 990));
    }

    #[test]
    fn curves_are_of_the_rounds_in_the_result_and_no_others() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut run = sample::run();
        let id = run.cells[0].id.clone();
        run.cells[0].rounds[0].start_ms = 5;
        let interval = |start_ms, values| Interval {
            start_ms,
            duration: std::time::Duration::from_secs(1),
            tag: Tag::Durable,
            histogram: histogram(values),
        };
        let log = [interval(5, 1..=1000), interval(9, 100_000..=101_000)];
        hlog::write(&hlog::path(dir.path(), &id), std::time::SystemTime::UNIX_EPOCH, &log).expect("writes");
        let curves = curves(&run, dir.path()).expect("reads");
        assert_eq!(curves[&id][&Tag::Durable].last(), Some(&990));
        assert!(curves[&run.cells[1].id].is_empty(), "a cell without a log has no curve");
    }
}
