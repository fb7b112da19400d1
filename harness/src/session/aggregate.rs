//! From the rounds of a cell to its result.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use crate::hlog::Interval;
use crate::model::{
    CellResult, Confidence, Floors, QuantileIntervals, Resources, RoundResult, Sample, Status, Summary, Tag,
};
use crate::stats::{self, MergeError};

/// Computes everything in `cell` that follows from its rounds and their histograms.
///
/// # Errors
/// [`MergeError`].
pub fn aggregate(cell: &mut CellResult, intervals: &[Interval], floors: &Floors) -> Result<(), MergeError> {
    let mut by_tag: BTreeMap<Tag, Vec<&Histogram<u64>>> = BTreeMap::new();
    for interval in intervals {
        by_tag.entry(interval.tag).or_default().push(&interval.histogram);
    }
    let merged = by_tag.into_iter().map(|(tag, parts)| Ok((tag, stats::summary(&stats::merge(parts)?))));
    cell.latency_ns = merged.collect::<Result<_, MergeError>>()?;
    let rates: Vec<f64> = cell.rounds.iter().map(|round| round.messages_per_s).collect();
    cell.throughput = stats::throughput(&rates);
    cell.resources = Some(medians(&cell.rounds));
    cell.confidence = confidence(&cell.rounds);
    cell.harness_share = share(cell, floors);
    conclude(cell);
    Ok(())
}

/// Computes what follows from the measured rounds and the stage round together.
pub(super) fn conclude(cell: &mut CellResult) {
    let all = || cell.rounds.iter().chain(&cell.stage_round);
    (cell.verified, cell.failures) = (verdict(all), all().flat_map(complaints).collect());
    cell.sampling_cost = cell.stage_round.as_ref().and_then(|stages| sampling_cost(&cell.rounds, stages));
    judge(cell);
}

/// How sure rounds make of what they show; `None` below two of them.
fn confidence(rounds: &[RoundResult]) -> Option<Confidence> {
    let over = |figure: &dyn Fn(&RoundResult) -> Option<f64>| {
        stats::interval95(&rounds.iter().filter_map(figure).collect::<Vec<_>>())
    };
    let quantile = |tag: Tag, pick: fn(&Summary) -> u64| over(&|round| Some(pick(round.latency_ns.get(&tag)?) as f64));
    let quantiles = |tag: Tag| {
        let (p50, p99) = (quantile(tag, |summary| summary.p50)?, quantile(tag, |summary| summary.p99)?);
        Some((tag, QuantileIntervals { p50, p99 }))
    };
    let latency_ns = Tag::ALL.iter().copied().filter_map(quantiles).collect();
    Some(Confidence { messages_per_s: over(&|round| Some(round.messages_per_s))?, latency_ns })
}

/// The part of the rate that is missing in the stage round, against the same first part of the measured rounds.
fn sampling_cost(rounds: &[RoundResult], stages: &RoundResult) -> Option<f64> {
    let span = stages.series.iter().rfind(|sample| sample.messages > 0)?.at_ns;
    let others: Vec<f64> = rounds.iter().filter_map(|round| rate_of_first(&round.series, span)).collect();
    Some(1.0 - rate_of_first(&stages.series, span)? / stats::median(&others).filter(|rate| *rate > 0.0)?)
}

/// Messages per nanosecond acknowledged in the intervals that end within `span_ns`.
fn rate_of_first(series: &[Sample], span_ns: u64) -> Option<f64> {
    let first: Vec<&Sample> = series.iter().take_while(|sample| sample.at_ns <= span_ns).collect();
    let messages: u64 = first.iter().map(|sample| sample.messages).sum();
    first.last().map(|last| messages as f64 / last.at_ns as f64)
}

/// False if any round is, true if all are, `None` if there was nothing to verify in one of them.
fn verdict<'r, R: Iterator<Item = &'r RoundResult>>(rounds: impl Fn() -> R) -> Option<bool> {
    if rounds().any(|round| round.verified == Some(false)) {
        return Some(false);
    }
    let all = rounds().next().is_some() && rounds().all(|round| round.verified == Some(true));
    all.then_some(true)
}

/// What is wrong with a round, each with its number.
fn complaints(round: &RoundResult) -> Vec<String> {
    let idle = (round.messages == 0).then(|| "no operation was done".to_owned());
    let all = round.failures.iter().cloned().chain(idle);
    all.map(|complaint| format!("round {}: {complaint}", round.round)).collect()
}

fn judge(cell: &mut CellResult) {
    let is_idle = cell.rounds.iter().any(|round| round.messages == 0);
    if cell.verified == Some(false) || is_idle {
        cell.status = Status::Failed;
        cell.reason = Some(cell.failures.first().cloned().unwrap_or_else(|| "verification failed".to_owned()));
    } else if cell.rounds.iter().any(|round| round.overloaded) {
        let overloaded = cell.rounds.iter().filter(|round| round.overloaded).count();
        cell.status = Status::Overloaded;
        cell.reason = Some(format!("did not keep up with the rate in {overloaded} of {} rounds", cell.rounds.len()));
    }
}

fn share(cell: &CellResult, floors: &Floors) -> Option<f64> {
    let tags = [Tag::Acknowledged, Tag::Service, Tag::Read];
    let p50 = tags.iter().find_map(|tag| cell.latency_ns.get(tag)).map(|summary| summary.p50).filter(|p50| *p50 > 0)?;
    Some((floors.harness_ns? / p50 as f64).min(1.0))
}

/// The median over rounds of each figure, over the rounds that have it.
fn medians(rounds: &[RoundResult]) -> Resources {
    let median = |figure: fn(&Resources) -> Option<u64>| {
        let values: Vec<u64> = rounds.iter().filter_map(|round| figure(&round.resources)).collect();
        stats::median_count(&values)
    };
    Resources {
        cpu_ns: median(|resources| resources.cpu_ns),
        foreign_cpu_ns: median(|resources| resources.foreign_cpu_ns),
        peak_rss_bytes: median(|resources| resources.peak_rss_bytes),
        peak_above_base_bytes: median(|resources| resources.peak_above_base_bytes),
        peak_rss_is_sampled: rounds.iter().any(|round| round.resources.peak_rss_is_sampled),
        bytes_written: median(|resources| resources.bytes_written),
        device_bytes_written: median(|resources| resources.device_bytes_written),
        disk_bytes: median(|resources| resources.disk_bytes),
        user_bytes: median(|resources| resources.user_bytes),
        syncs: median(|resources| resources.syncs),
        reopen_ns: median(|resources| resources.reopen_ns),
    }
}
