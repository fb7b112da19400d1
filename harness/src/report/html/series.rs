//! Time series, thinned to what a page can draw.

use serde::Serialize;

use crate::model::{RoundResult, Run, Sample};

/// Points of all cells together: a page of some megabytes.
const BUDGET: usize = 60_000;
/// Points of a cell, at least and at most.
const PER_CELL: std::ops::RangeInclusive<usize> = 24..=600;
/// Longest stalls of a round that are marked.
const STALLS: usize = 20;

/// One round over time, a column for each figure; `None` where there is nothing to show.
#[derive(Serialize)]
pub(super) struct Series {
    round: u32,
    /// How many intervals each point stands for. Of several, the worst latency and the largest memory are shown, so
    /// that thinning hides no peak.
    every: usize,
    /// Ends of the intervals, milliseconds.
    at_ms: Vec<f64>,
    /// Messages per second.
    rate: Vec<Option<f64>>,
    p50: Vec<Option<u64>>,
    p99: Vec<Option<u64>>,
    max: Vec<Option<u64>>,
    rss: Vec<Option<u64>>,
    /// CPUs in use.
    cpus: Vec<Option<f64>>,
    /// Bytes per second.
    written: Vec<Option<f64>>,
    unstored: Vec<Option<u64>>,
    /// Begin and length, milliseconds.
    stalls: Vec<(f64, f64)>,
}

/// The rounds of a cell that were sampled or stood still.
pub(super) fn series(run: &Run, rounds: &[RoundResult]) -> Vec<Series> {
    let sampled = run.cells.iter().filter(|cell| cell.rounds.iter().any(|round| !round.series.is_empty())).count();
    let points = (BUDGET / sampled.max(1)).clamp(*PER_CELL.start(), *PER_CELL.end());
    let told: Vec<&RoundResult> =
        rounds.iter().filter(|round| !round.series.is_empty() || !round.stalls.is_empty()).collect();
    let per_round = (points / told.len().max(1)).max(2);
    told.into_iter().map(|round| Series::of(round, per_round)).collect()
}

impl Series {
    fn of(round: &RoundResult, points: usize) -> Self {
        let every = round.series.len().div_ceil(points).max(1);
        let groups: Vec<&[Sample]> = round.series.chunks(every).collect();
        let begins = std::iter::once(0).chain(groups.iter().filter_map(|group| Some(group.last()?.at_ns)));
        let lengths: Vec<f64> =
            groups.iter().zip(begins).map(|(group, begin)| seconds(end(group).saturating_sub(begin))).collect();
        let most = |figure: fn(&Sample) -> Option<u64>| {
            groups.iter().map(|group| group.iter().filter_map(figure).max()).collect::<Vec<_>>()
        };
        let per_second = |figure: fn(&Sample) -> Option<u64>| {
            let sum = |group: &[Sample]| group.iter().map(figure).sum::<Option<u64>>();
            let rate = |(group, length): (&&[Sample], &f64)| {
                Some(short(sum(group)? as f64 / length)).filter(|_| *length > 0.0)
            };
            groups.iter().zip(&lengths).map(rate).collect::<Vec<_>>()
        };
        let cpus = per_second(|sample| sample.cpu_ns).into_iter().map(|rate| Some(short(rate? / 1e9))).collect();
        Self {
            round: round.round,
            every,
            at_ms: groups.iter().map(|group| millis(end(group))).collect(),
            rate: per_second(|sample| Some(sample.messages)),
            p50: most(|sample| sample.p50_ns),
            p99: most(|sample| sample.p99_ns),
            max: most(|sample| sample.max_ns),
            rss: most(|sample| sample.rss_bytes),
            cpus,
            written: per_second(|sample| sample.bytes_written),
            unstored: most(|sample| sample.unstored),
            stalls: stalls(round),
        }
    }
}

fn stalls(round: &RoundResult) -> Vec<(f64, f64)> {
    let mut longest = round.stalls.clone();
    longest.sort_by_key(|stall| std::cmp::Reverse(stall.duration_ns));
    longest.truncate(STALLS);
    longest.iter().map(|stall| (millis(stall.start_ns), millis(stall.duration_ns))).collect()
}

fn end(group: &[Sample]) -> u64 {
    group.last().map_or(0, |sample| sample.at_ns)
}

fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

/// To the tenth.
fn millis(ns: u64) -> f64 {
    (ns as f64 / 1e5).round() / 10.0
}

/// To three significant digits: no chart shows more.
fn short(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return 0.0;
    }
    #[expect(clippy::cast_possible_truncation, reason = "the logarithm of a finite number is small")]
    let scale = 10_f64.powi(2 - value.abs().log10().floor() as i32);
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Stall, sample};

    fn sample_at(at_ms: u64, messages: u64, p99_ns: u64) -> Sample {
        Sample {
            at_ns: at_ms * 1_000_000,
            messages,
            p99_ns: Some(p99_ns),
            cpu_ns: Some(50_000_000),
            ..Sample::default()
        }
    }

    #[test]
    fn thinning_keeps_peaks_and_totals() {
        let series: Vec<Sample> = (1..=10).map(|i| sample_at(i * 100, i, if i == 4 { 900 } else { i })).collect();
        let round = RoundResult { series, ..RoundResult::default() };
        let thin = Series::of(&round, 5);
        assert_eq!((thin.every, thin.at_ms.as_slice()), (2, &[200.0, 400.0, 600.0, 800.0, 1000.0][..]));
        assert_eq!(thin.p99, [2, 900, 6, 8, 10].map(Some));
        assert_eq!(thin.rate, [15.0, 35.0, 55.0, 75.0, 95.0].map(Some));
        assert_eq!(thin.cpus, [0.5; 5].map(Some));
        assert_eq!((thin.rss, thin.written), (vec![None; 5], vec![None; 5]));
        let whole = Series::of(&round, 100);
        assert_eq!((whole.every, whole.at_ms.len()), (1, 10));
    }

    #[test]
    fn the_longest_stalls_are_marked() {
        let stall = |ms: u64| Stall { start_ns: ms * 1_000_000, duration_ns: ms * 1_000_000 };
        let round = RoundResult { stalls: (1..=30).map(stall).collect(), ..RoundResult::default() };
        let all = series(&sample::run(), &[round]);
        assert_eq!((all[0].stalls.len(), all[0].stalls[0], all[0].stalls[19]), (20, (30.0, 30.0), (11.0, 11.0)));
        assert!(series(&sample::run(), &[RoundResult::default()]).is_empty());
    }

    #[test]
    fn three_digits_are_kept() {
        assert_eq!([123_456.0, 0.012_345, 0.0, -98.76].map(short), [123_000.0, 0.0123, 0.0, -98.8]);
    }
}
