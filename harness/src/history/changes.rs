//! Where the level of a series changed, and what its runs usually differ by.

use crate::compare::{Metric, Thresholds, Usual};
use crate::history::{Entry, Series, series};
use crate::schedule::SplitMix64;
use crate::stats::{ChangePointSettings, change_points, least_rounds, median, robust_deviation};

/// Of the random orders of the permutation test: the same history gets the same answer.
const SEED: u64 = 1;
/// Entries from which what runs usually differ by can be told.
const LEAST_FOR_NOISE: usize = 5;

/// A lasting change of one figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The name of the cell.
    pub label: String,
    /// The figure.
    pub metric: Metric,
    /// Index of the first entry of the new level.
    pub entry: usize,
    /// Median of the level before.
    pub before: f64,
    /// Median of the level after.
    pub after: f64,
    /// Probability of such a change by chance.
    pub p: f64,
    /// Names of the last entry before and of the first one after: the commit is between them, or the second of them.
    pub commits: (String, String),
}

impl Change {
    /// After over before, minus 1.
    #[must_use]
    pub fn change(&self) -> f64 {
        self.after / self.before - 1.0
    }

    /// Whether it is for the worse.
    #[must_use]
    pub fn is_worse(&self) -> bool {
        (self.after > self.before) != self.metric.more_is_better()
    }
}

/// The lasting changes above the thresholds, in the order of series and time. `alpha`: probability of a single false one
/// among all series, at most.
#[must_use]
pub fn changes(entries: &[Entry], thresholds: &Thresholds, alpha: f64) -> Vec<Change> {
    let all = series(entries);
    let settings = settings(all.len(), alpha);
    let found = all.iter().flat_map(|series| of_series(entries, series, &settings));
    found.filter(|change| change.change().ln_1p().abs() > thresholds.of(change.metric).ln_1p()).collect()
}

/// The least number of entries with which a change could be found at all.
#[must_use]
pub fn least_entries(entries: &[Entry], alpha: f64) -> usize {
    2 * least_rounds(settings(series(entries).len(), alpha).alpha)
}

/// Every series gets its part of `alpha`, and as many random orders as it takes to tell so small a probability.
fn settings(series: usize, alpha: f64) -> ChangePointSettings {
    const ORDERS_PER_ALPHA: f64 = 5.0;
    let alpha = alpha / series.max(1) as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
    let permutations = (ORDERS_PER_ALPHA / alpha).ceil() as usize;
    ChangePointSettings { alpha, permutations: permutations.max(999), ..ChangePointSettings::default() }
}

fn of_series(entries: &[Entry], series: &Series, settings: &ChangePointSettings) -> Vec<Change> {
    let logarithms: Vec<f64> = series.points.iter().map(|(_, value)| value.ln()).collect();
    let mut random = SplitMix64(SEED);
    let mut order = |count: usize| {
        let mut places: Vec<usize> = (0..count).collect();
        random.shuffle(&mut places);
        places
    };
    let points = change_points(&logarithms, settings, &mut order);
    let starts = std::iter::once(0).chain(points.iter().map(|point| point.index));
    let ends = points.iter().skip(1).map(|point| point.index).chain([logarithms.len()]);
    let found = points.iter().zip(starts).zip(ends).filter_map(|((point, start), end)| {
        let level = |from: usize, to: usize| Some(median(logarithms.get(from..to)?)?.exp());
        let (last, _) = series.points.get(point.index.checked_sub(1)?)?;
        let (first, _) = series.points.get(point.index)?;
        Some(Change {
            label: series.label.clone(),
            metric: series.metric,
            entry: *first,
            before: level(start, point.index)?,
            after: level(point.index, end)?,
            p: point.p,
            commits: (entries.get(*last)?.name(), entries.get(*first)?.name()),
        })
    });
    found.collect()
}

/// What medians of runs differ by from one run to the next. Differences of neighbours see a lasting change once only, so
/// that a regression of the past does not make the future look noisy.
#[must_use]
pub fn usual(entries: &[Entry]) -> Usual {
    let deviation = |series: Series| {
        let steps: Vec<f64> = series.points.windows(2).map(|pair| (pair[1].1 / pair[0].1).ln()).collect();
        let enough = series.points.len() >= LEAST_FOR_NOISE;
        // A difference of two independent values varies by the square root of two more than each.
        let deviation = robust_deviation(&steps).filter(|_| enough)? / std::f64::consts::SQRT_2;
        Some(((series.cell, series.metric), deviation))
    };
    Usual(series(entries).into_iter().filter_map(deviation).collect())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::cell::CellId;
    use crate::history::{CellEntry, Level, SCHEMA};

    /// A history with one cell whose throughput has these levels, with noise of 2 %.
    pub(crate) fn history(levels: &[(usize, f64)]) -> Vec<Entry> {
        let mut random = SplitMix64(2);
        let values = levels.iter().flat_map(|(count, level)| vec![*level; *count]);
        let values: Vec<f64> = values.map(|level| level * (0.98 + random.below(401) as f64 / 10_000.0)).collect();
        let id: CellId = serde_json::from_str("\"redb-local-power-w1\"").expect("an id is text");
        let entry = |(index, median): (usize, f64)| Entry {
            schema: SCHEMA,
            started: format!("2026-01-01T00:00:{index:02}Z"),
            commit: Some(format!("{index:040}")),
            version: "0.1.0".to_owned(),
            fingerprint: "0123456789ab".to_owned(),
            plan: "gate".to_owned(),
            kernel: "Linux".to_owned(),
            cells: vec![CellEntry {
                id: id.clone(),
                label: "redb".to_owned(),
                engine: None,
                rounds: 12,
                figures: [(Metric::Throughput, Level { median, deviation: None })].into(),
            }],
        };
        values.into_iter().enumerate().map(entry).collect()
    }

    #[test]
    fn a_regression_is_found_with_its_commits() {
        let entries = history(&[(12, 1000.0), (10, 880.0)]);
        let found = changes(&entries, &Thresholds::default(), 0.05);
        let [change] = found.as_slice() else { panic!("one change, not {found:?}") };
        assert!(change.is_worse() && (change.change() + 0.12).abs() < 0.02, "{change:?}");
        assert_eq!(change.entry, 12);
        assert_eq!(change.commits, (entries[11].name(), entries[12].name()));
    }

    #[test]
    fn neither_noise_nor_a_change_below_the_threshold_is_one() {
        assert_eq!(changes(&history(&[(30, 1000.0)]), &Thresholds::default(), 0.05), []);
        let small = history(&[(15, 1000.0), (15, 970.0)]);
        assert_eq!(changes(&small, &Thresholds::default(), 0.05), []);
        let thresholds = Thresholds { default: 0.01, ..Thresholds::default() };
        assert_eq!(changes(&small, &thresholds, 0.05).len(), 1);
    }

    #[test]
    fn what_runs_usually_differ_by_does_not_see_a_step() {
        let noise = |entries: &[Entry]| {
            let cell = entries[0].cells[0].id.clone();
            usual(entries).0.get(&(cell, Metric::Throughput)).copied()
        };
        let (level, step) = (history(&[(30, 1000.0)]), history(&[(15, 1000.0), (15, 500.0)]));
        let (level, step) = (noise(&level).expect("30 entries"), noise(&step).expect("30 entries"));
        assert!(level > 0.005 && level < 0.03 && (step / level - 1.0).abs() < 0.3, "{level} {step}");
        assert_eq!(noise(&history(&[(4, 1000.0)])), None);
    }

    #[test]
    fn too_few_entries_find_nothing() {
        let entries = history(&[(3, 1000.0), (3, 500.0)]);
        assert_eq!(changes(&entries, &Thresholds::default(), 0.05), []);
        assert_eq!(least_entries(&entries, 0.05), 8);
    }
}
