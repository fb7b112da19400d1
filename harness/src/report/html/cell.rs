//! A cell as the page's script is given it: what cannot be known from it is absent.

use std::collections::BTreeMap;

use serde::Serialize;
use slotbench_core::Durability;

use crate::axis::{Commit, Mode};
use crate::cell::Counted;
use crate::model::{CellResult, Interval95, Loss, RoundResult, Run, Status, Summary, Tag, Throughput};
use crate::percentiles::{Curves, needed};
use crate::report::html::series::{Series, series};
use crate::stats;

#[derive(Serialize)]
pub(super) struct Cell<'r> {
    id: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'r str>,
    backend: &'r str,
    mode: Mode,
    asked: Durability,
    tier: Durability,
    workers: u32,
    load: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<u32>,
    commit: Commit,
    counted: Counted,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'r str>,
    verified: Option<bool>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    failures: &'r [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    throughput: Option<Rate>,
    latency: BTreeMap<Tag, Latency>,
    #[serde(skip_serializing_if = "Option::is_none")]
    curves: Option<&'r BTreeMap<Tag, Vec<u64>>>,
    costs: Costs,
    #[serde(skip_serializing_if = "Option::is_none")]
    share: Option<f64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    loss: &'r [Loss],
    rounds: Vec<Round>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    series: Vec<Series>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    stages: BTreeMap<&'r str, f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    options: Option<String>,
}

/// Operations a second, over rounds.
#[derive(Serialize)]
struct Rate {
    messages_per_s: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<Ends>,
}

/// The two ends of a 95 % interval over rounds.
type Ends = [f64; 2];

/// A summary without the quantiles that its samples do not tell.
#[derive(Serialize)]
struct Latency {
    count: u64,
    p50: Option<u64>,
    p90: Option<u64>,
    p99: Option<u64>,
    p999: Option<u64>,
    max: u64,
    /// Of the p99.
    #[serde(skip_serializing_if = "Option::is_none")]
    p99_interval: Option<Ends>,
}

/// What a message costs.
#[derive(Default, Serialize)]
struct Costs {
    /// CPU time, nanoseconds a message.
    cpu: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_interval: Option<Ends>,
    /// Bytes sent to storage per byte of message.
    written: Option<f64>,
    /// Bytes on disk per byte of message; absent where a history was stored before.
    space: Option<f64>,
    /// Sync calls a message.
    syncs: Option<f64>,
    /// Bytes: peak above what was there before, prepared messages left out.
    memory: Option<u64>,
    /// Nanoseconds.
    reopen: Option<u64>,
    /// Messages per batch, mean.
    batch: Option<f64>,
    /// Nanoseconds of work left when everything acknowledged was stored, median over rounds.
    debt: Option<u64>,
    /// Most messages acknowledged and not stored at one time, over all rounds.
    unstored: Option<u64>,
}

/// A round in four numbers.
#[derive(Serialize)]
struct Round {
    round: u32,
    start_ms: u64,
    rate: f64,
    p50: Option<u64>,
    p99: Option<u64>,
}

impl<'r> Cell<'r> {
    pub(super) fn of(run: &'r Run, cell: &'r CellResult, load: usize, curves: &'r Curves) -> Self {
        let axes = &cell.axes;
        // A failed cell's numbers mean nothing, so they are not there to be shown.
        let is_shown = matches!(cell.status, Status::Ok | Status::Overloaded);
        let rounds: &[RoundResult] = if is_shown { &cell.rounds } else { &[] };
        let latency = cell.latency_ns.iter().filter(|_| is_shown);
        Self {
            id: cell.id.as_str(),
            name: cell.name.as_deref(),
            backend: &axes.backend,
            mode: axes.mode,
            asked: axes.durability.asked,
            tier: axes.durability.effective.unwrap_or(axes.durability.asked),
            workers: axes.workers,
            load,
            rate: axes.rate,
            commit: axes.workload.commit,
            counted: Counted::of(&axes.workload),
            status: cell.status,
            reason: cell.reason.as_deref(),
            verified: cell.verified,
            failures: &cell.failures,
            throughput: cell.throughput.filter(|_| is_shown).map(|throughput| Rate::of(cell, &throughput)),
            latency: latency.map(|(tag, summary)| (*tag, Latency::of(*tag, summary, rounds))).collect(),
            curves: curves.get(&cell.id).filter(|curves| is_shown && !curves.is_empty()),
            costs: costs(cell, rounds),
            share: cell.harness_share,
            loss: &cell.loss,
            rounds: rounds.iter().map(Round::of).collect(),
            series: series(run, rounds),
            stages: if is_shown { stages(cell) } else { BTreeMap::new() },
            options: cell.engine.as_ref().map(engine),
        }
    }
}

impl Rate {
    fn of(cell: &CellResult, throughput: &Throughput) -> Self {
        Self { messages_per_s: throughput.messages_per_s, interval: cell.rate_interval().map(ends) }
    }
}

fn ends(interval: Interval95) -> Ends {
    [interval.low, interval.high]
}

impl Latency {
    fn of(tag: Tag, summary: &Summary, rounds: &[RoundResult]) -> Self {
        let known = |quantile, value| (summary.count >= needed(quantile)).then_some(value);
        let p99s: Vec<f64> = rounds.iter().filter_map(|round| Some(round.latency_ns.get(&tag)?.p99 as f64)).collect();
        Self {
            count: summary.count,
            p50: known(0.5, summary.p50),
            p90: known(0.9, summary.p90),
            p99: known(0.99, summary.p99),
            p999: known(0.999, summary.p999),
            max: summary.max,
            p99_interval: stats::interval95(&p99s).map(ends),
        }
    }
}

impl Round {
    fn of(round: &RoundResult) -> Self {
        let tags = [Tag::Response, Tag::Acknowledged, Tag::Read, Tag::Restart, Tag::Registry];
        let latency = tags.iter().find_map(|tag| round.latency_ns.get(tag));
        let known = |quantile: f64| latency.filter(|summary| summary.count >= needed(quantile));
        Self {
            round: round.round,
            start_ms: round.start_ms,
            rate: round.messages_per_s,
            p50: known(0.5).map(|summary| summary.p50),
            p99: known(0.99).map(|summary| summary.p99),
        }
    }
}

fn costs(cell: &CellResult, rounds: &[RoundResult]) -> Costs {
    let Some(resources) = cell.resources.filter(|_| !rounds.is_empty()) else { return Costs::default() };
    let per_message =
        |round: &RoundResult, total: Option<u64>| (round.messages > 0).then_some(total? as f64 / round.messages as f64);
    let cpu: Vec<f64> = rounds.iter().filter_map(|round| per_message(round, round.resources.cpu_ns)).collect();
    let syncs: Vec<f64> = rounds.iter().filter_map(|round| per_message(round, round.resources.syncs)).collect();
    let per_byte = |part: Option<u64>| {
        let user = resources.user_bytes.filter(|bytes| *bytes > 0)?;
        Some(part? as f64 / user as f64)
    };
    let batches: Vec<f64> = rounds.iter().filter_map(|round| Some(round.batch_messages?.mean)).collect();
    let debts: Vec<u64> = rounds.iter().filter_map(|round| Some(round.debt?.duration_ns)).collect();
    Costs {
        cpu: stats::median(&cpu),
        cpu_interval: stats::interval95(&cpu).map(ends),
        written: per_byte(resources.bytes_written),
        space: per_byte(resources.disk_bytes).filter(|_| cell.axes.workload.history == 0),
        syncs: stats::median(&syncs),
        memory: resources.peak_above_base_bytes,
        reopen: resources.reopen_ns,
        batch: stats::median(&batches),
        debt: stats::median_count(&debts),
        unstored: rounds.iter().map(|round| round.max_unstored).max().filter(|most| *most > 0),
    }
}

/// Mean time of each stage in the cell's stage round, nanoseconds a message.
fn stages(cell: &CellResult) -> BTreeMap<&str, f64> {
    let timed = cell.stage_round.iter().flat_map(|round| &round.stages_ns);
    timed.filter(|(_, summary)| summary.count > 0).map(|(stage, summary)| (stage.as_str(), summary.mean)).collect()
}

/// `0.34.7: cache = 1 GiB, …`
fn engine(engine: &crate::model::Engine) -> String {
    let options: Vec<String> = engine.options.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    if options.is_empty() { engine.version.clone() } else { format!("{}: {}", engine.version, options.join(", ")) }
}
