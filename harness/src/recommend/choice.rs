//! A configuration with the figures it is judged by.

use serde::Serialize;
use slotbench_core::Durability;

use crate::axis::{Commit, Mode};
use crate::cell::CellId;
use crate::model::{CellResult, Loss, Probe, Resources, RoundResult, Saturation, Status, Tag};
use crate::recommend::Limits;
use crate::recommend::deployment::Configuration;
use crate::recommend::estimate::Estimate;

/// The quantile that is limited.
const P99: f64 = 0.99;

/// Where the latency of a [`Choice`] comes from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "loop", rename_all = "snake_case")]
pub enum Source {
    /// Response times at a fixed rate.
    Open {
        /// Messages per second.
        rate: f64,
    },
    /// A saturation search held at that rate; its quantile of response time is one probe's, without an interval.
    Search {
        /// Messages per second.
        rate: f64,
    },
    /// Acknowledgements of callers who wait for each other: a stall delays one message a worker, not all that would
    /// have arrived meanwhile.
    Closed,
}

/// A configuration and its figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Choice {
    /// The cell the figures are from.
    pub cell: CellId,
    /// The engine.
    pub backend: String,
    /// When callers are acknowledged.
    pub mode: Mode,
    /// The effective tier.
    pub durability: Durability,
    /// How assignments reach the store.
    pub commit: Commit,
    /// Concurrent callers.
    pub workers: u32,
    /// Throughput, messages per second.
    pub messages_per_s: Estimate,
    /// The 99th percentile of latency, nanoseconds; `None` where the cell has no such latency.
    pub p99_ns: Option<Estimate>,
    /// How many latencies that is of; `None` where a search only tells the quantile.
    pub samples: Option<u64>,
    /// Where that latency comes from.
    pub source: Source,
    /// CPU time of the process per stored message, nanoseconds: the cost that ranks.
    pub cpu_ns_per_message: Option<Estimate>,
    /// Bytes sent to storage per byte of message.
    pub bytes_written_per_byte: Option<f64>,
    /// The harness's own part of the acknowledged p50, 0 to 1, where the run measured it.
    pub harness_share: Option<f64>,
    /// What the crash lab found; empty where it was not asked.
    pub loss: Vec<Loss>,
    /// The lowest rate at which the configuration was overloaded in an open loop.
    pub overloaded_at: Option<f64>,
}

impl Choice {
    /// The figures of a configuration that tell most about these limits; `None` without any throughput.
    pub(super) fn of(configuration: &Configuration<'_>, limits: &Limits) -> Option<Self> {
        let (cell, source, probe) = witness(configuration, limits)?;
        let axes = &cell.axes;
        let throughput = cell.throughput?;
        let (p99_ns, samples) = latency(cell, probe);
        Some(Self {
            cell: cell.id.clone(),
            backend: axes.backend.clone(),
            mode: axes.mode,
            durability: axes.durability.effective?,
            commit: axes.workload.commit,
            workers: axes.workers,
            messages_per_s: Estimate { value: throughput.messages_per_s, interval: cell.rate_interval() },
            p99_ns,
            samples,
            source,
            cpu_ns_per_message: cpu_per_message(&cell.rounds),
            bytes_written_per_byte: cell.resources.as_ref().and_then(amplification),
            harness_share: cell.harness_share,
            loss: cell.loss.clone(),
            overloaded_at: overloaded_at(configuration),
        })
    }

    /// Messages per second that are sure to be carried; `None` where one round leaves that open.
    pub(super) fn carries(&self) -> Option<f64> {
        match self.source {
            Source::Open { rate } | Source::Search { rate } => Some(rate),
            Source::Closed => self.messages_per_s.lower(),
        }
    }

    /// The p99 that is sure not to be exceeded; `None` where one round leaves that open.
    pub(super) fn p99_bound(&self) -> Option<f64> {
        let p99 = self.p99_ns?;
        if matches!(self.source, Source::Search { .. }) { Some(p99.value) } else { p99.upper() }
    }
}

type Witness<'r> = (&'r CellResult, Source, Option<&'r Probe>);

/// The cell that tells most: an open loop at the asked rate or the next above it, a search that held there, a closed
/// loop; and where there is nothing else, the fastest open loop below.
fn witness<'r>(configuration: &Configuration<'r>, limits: &Limits) -> Option<Witness<'r>> {
    let at = |cell: &'r CellResult, rate: u32| (cell, Source::Open { rate: f64::from(rate) }, None);
    let mut open: Vec<(&CellResult, u32)> = configuration
        .cells
        .iter()
        .filter(|cell| cell.status == Status::Ok)
        .filter_map(|cell| Some((*cell, cell.axes.rate?)))
        .collect();
    open.sort_by_key(|(_, rate)| *rate);
    if let Some((cell, rate)) = open.iter().find(|(_, rate)| f64::from(*rate) >= limits.rate) {
        return Some(at(cell, *rate));
    }
    let Some(closed) = configuration.cells.iter().find(|cell| cell.axes.rate.is_none()) else {
        return open.last().map(|(cell, rate)| at(cell, *rate));
    };
    Some(match held(&configuration.saturation, limits) {
        Some(probe) => (closed, Source::Search { rate: probe.rate }, Some(probe)),
        None => (closed, Source::Closed, None),
    })
}

/// The gentlest probe at the asked rate or above that held.
fn held<'r>(searches: &[&'r Saturation], limits: &Limits) -> Option<&'r Probe> {
    let searches = searches.iter().filter(|search| search.quantile >= P99);
    let probes = searches.flat_map(|search| &search.probes).filter(|probe| probe.held && probe.rate >= limits.rate);
    probes.min_by(|one, other| one.rate.total_cmp(&other.rate))
}

fn latency(cell: &CellResult, probe: Option<&Probe>) -> (Option<Estimate>, Option<u64>) {
    if let Some(probe) = probe {
        return (Some(Estimate { value: probe.response_ns as f64, interval: None }), None);
    }
    let tag = if cell.axes.rate.is_some() { Tag::Response } else { Tag::Acknowledged };
    let Some(summary) = cell.latency_ns.get(&tag) else { return (None, None) };
    let of_round = |round: &RoundResult| Some(round.latency_ns.get(&tag)?.p99 as f64);
    let rounds: Vec<f64> = cell.rounds.iter().filter_map(of_round).collect();
    let estimate = Estimate { value: summary.p99 as f64, interval: crate::stats::interval95(&rounds) };
    (Some(estimate), Some(summary.count))
}

fn cpu_per_message(rounds: &[RoundResult]) -> Option<Estimate> {
    let of_round = |round: &RoundResult| {
        let cpu = round.resources.cpu_ns.filter(|_| round.messages > 0)?;
        Some(cpu as f64 / round.messages as f64)
    };
    Estimate::over(&rounds.iter().filter_map(of_round).collect::<Vec<_>>())
}

fn amplification(resources: &Resources) -> Option<f64> {
    let user = resources.user_bytes.filter(|bytes| *bytes > 0)?;
    Some(resources.bytes_written? as f64 / user as f64)
}

fn overloaded_at(configuration: &Configuration<'_>) -> Option<f64> {
    let overloaded = configuration.cells.iter().filter(|cell| cell.status == Status::Overloaded);
    overloaded.filter_map(|cell| cell.axes.rate).min().map(f64::from)
}
