//! A row per cell, for other tools: raw numbers, units in the names of the columns.

use crate::cell::Payload;
use crate::model::{CellResult, Fault, Loss, QuantileIntervals, Resources, RoundResult, Run, Summary, Tag};
use crate::report::columns::pacing_p99;
use crate::report::details::STAGES;
use crate::report::load;
use crate::report::loss::of;

/// A column: its name, and a cell's value as text; empty where there is none.
type Column = (String, Box<dyn Fn(&CellResult) -> String>);

/// The run as comma-separated values, RFC 4180, with a header.
///
/// # Errors
/// None that memory does not run out for: the writer's own error type.
pub fn csv(run: &Run) -> Result<String, ::csv::Error> {
    let columns = columns();
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    writer.write_record(columns.iter().map(|(name, _)| name))?;
    for cell in &run.cells {
        writer.write_record(columns.iter().map(|(_, value)| value(cell)))?;
    }
    let bytes = writer.into_inner().map_err(|error| ::csv::Error::from(error.into_error()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn columns() -> Vec<Column> {
    let mut columns = axes();
    columns.extend(outcome());
    columns.extend(Tag::ALL.iter().flat_map(|tag| latency(*tag)));
    columns.extend(Tag::ALL.iter().flat_map(|tag| latency_intervals(*tag)));
    columns.extend(resources());
    columns.extend(course());
    columns.extend(STAGES.map(stage));
    columns.extend(Fault::ALL.iter().flat_map(|fault| loss(*fault)));
    columns
}

fn column(name: &str, value: impl Fn(&CellResult) -> String + 'static) -> Column {
    (name.to_owned(), Box::new(value))
}

fn maybe<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn axes() -> Vec<Column> {
    vec![
        column("id", |cell| cell.id.to_string()),
        column("name", |cell| maybe(cell.name.as_ref())),
        column("benchmark", |cell| maybe(cell.benchmark.as_ref())),
        column("backend", |cell| cell.axes.backend.clone()),
        column("mode", |cell| cell.axes.mode.to_string()),
        column("durability_asked", |cell| cell.axes.durability.asked.to_string()),
        column("durability_effective", |cell| maybe(cell.axes.durability.effective)),
        column("workers", |cell| cell.axes.workers.to_string()),
        column("transport", |cell| cell.axes.transport.to_string()),
        column("loop", |cell| if cell.axes.rate.is_some() { "open" } else { load::CLOSED }.to_owned()),
        column("rate", |cell| maybe(cell.axes.rate)),
        column("arrival", |cell| maybe(cell.axes.arrival)),
        column("in_flight", |cell| maybe(cell.axes.in_flight)),
        column("sign", |cell| cell.axes.workload.sign.to_string()),
        column("verify", |cell| cell.axes.workload.verify.to_string()),
        column("commit", |cell| cell.axes.workload.commit.to_string()),
        column("processes", |cell| cell.axes.workload.processes.to_string()),
        column("skew", |cell| cell.axes.workload.skew.to_string()),
        column("payload", |cell| cell.axes.workload.payload.to_string()),
        column("payload_bytes", |cell| match cell.axes.workload.payload {
            Payload::Fixed(bytes) => bytes.to_string(),
            _ => String::new(),
        }),
        column("compressible_percent", |cell| cell.axes.workload.compressible.to_string()),
        column("duplicates_percent", |cell| cell.axes.workload.duplicates.to_string()),
        column("reads_percent", |cell| cell.axes.workload.reads.to_string()),
        column("read", |cell| cell.axes.workload.read.to_string()),
        column("history", |cell| cell.axes.workload.history.to_string()),
        column("operation", |cell| cell.axes.workload.operation.to_string()),
    ]
}

fn outcome() -> Vec<Column> {
    vec![
        column("status", |cell| cell.status.to_string()),
        column("reason", |cell| maybe(cell.reason.as_ref())),
        column("verified", |cell| maybe(cell.verified)),
        column("rounds", |cell| cell.rounds.len().to_string()),
        column("messages_per_s", |cell| maybe(cell.throughput.map(|t| t.messages_per_s))),
        column("messages_per_s_ci95", |cell| maybe(cell.throughput.and_then(|t| t.ci95))),
        column("messages_per_s_low95", |cell| maybe(cell.confidence.as_ref().map(|c| c.messages_per_s.low))),
        column("messages_per_s_high95", |cell| maybe(cell.confidence.as_ref().map(|c| c.messages_per_s.high))),
        column("messages_per_s_min", |cell| maybe(cell.throughput.map(|t| t.min))),
        column("messages_per_s_max", |cell| maybe(cell.throughput.map(|t| t.max))),
        column("pacing_p99_ns", |cell| maybe(pacing_p99(cell))),
    ]
}

fn latency(tag: Tag) -> [Column; 8] {
    let one = |name: &str, pick: fn(&Summary) -> String| {
        column(&format!("{tag}_{name}"), move |cell| maybe(cell.latency_ns.get(&tag).map(pick)))
    };
    [
        one("count", |summary| summary.count.to_string()),
        one("min_ns", |summary| summary.min.to_string()),
        one("mean_ns", |summary| summary.mean.to_string()),
        one("p50_ns", |summary| summary.p50.to_string()),
        one("p90_ns", |summary| summary.p90.to_string()),
        one("p99_ns", |summary| summary.p99.to_string()),
        one("p999_ns", |summary| summary.p999.to_string()),
        one("max_ns", |summary| summary.max.to_string()),
    ]
}

fn latency_intervals(tag: Tag) -> [Column; 4] {
    let one = |name: &str, pick: fn(QuantileIntervals) -> f64| {
        let value = move |cell: &CellResult| cell.confidence.as_ref()?.latency_ns.get(&tag).copied().map(pick);
        column(&format!("{tag}_{name}"), move |cell| maybe(value(cell)))
    };
    [
        one("p50_low95_ns", |quantiles| quantiles.p50.low),
        one("p50_high95_ns", |quantiles| quantiles.p50.high),
        one("p99_low95_ns", |quantiles| quantiles.p99.low),
        one("p99_high95_ns", |quantiles| quantiles.p99.high),
    ]
}

/// What rounds tell of their course: medians over rounds, except for counts, which are sums.
fn course() -> Vec<Column> {
    let over = |name: &str, figure: fn(&RoundResult) -> Option<f64>| {
        column(name, move |cell| {
            let figures: Vec<f64> = cell.rounds.iter().filter_map(figure).collect();
            maybe(crate::stats::median(&figures))
        })
    };
    let sum = |name: &str, figure: fn(&RoundResult) -> u64| {
        column(name, move |cell| cell.rounds.iter().map(figure).sum::<u64>().to_string())
    };
    vec![
        sum("steady_rounds", |round| u64::from(round.warmup.steady == Some(true))),
        sum("unsteady_rounds", |round| u64::from(round.warmup.steady == Some(false))),
        sum("stalls", |round| round.stalls.len() as u64),
        sum("stalled_ns", |round| round.stalls.iter().map(|stall| stall.duration_ns).sum()),
        over("batch_messages_mean", |round| round.batch_messages.map(|sizes| sizes.mean)),
        over("debt_ns", |round| round.debt.map(|debt| debt.duration_ns as f64)),
        over("debt_bytes_written", |round| round.debt?.bytes_written.map(|bytes| bytes as f64)),
        column("harness_share", |cell| maybe(cell.harness_share)),
        column("sampling_cost", |cell| maybe(cell.sampling_cost)),
    ]
}

/// The mean of a stage; means add up.
fn stage(name: &'static str) -> Column {
    column(&format!("stage_{name}_mean_ns"), move |cell| {
        maybe(cell.stage_round.as_ref().and_then(|round| round.stages_ns.get(name)).map(|stage| stage.mean))
    })
}

fn resources() -> [Column; 10] {
    let one =
        |name: &str, pick: fn(Resources) -> Option<u64>| column(name, move |cell| maybe(cell.resources.and_then(pick)));
    [
        one("cpu_ns", |resources| resources.cpu_ns),
        one("foreign_cpu_ns", |resources| resources.foreign_cpu_ns),
        one("peak_rss_bytes", |resources| resources.peak_rss_bytes),
        one("peak_above_base_bytes", |resources| resources.peak_above_base_bytes),
        one("bytes_written", |resources| resources.bytes_written),
        one("device_bytes_written", |resources| resources.device_bytes_written),
        one("disk_bytes", |resources| resources.disk_bytes),
        one("user_bytes", |resources| resources.user_bytes),
        one("syncs", |resources| resources.syncs),
        one("reopen_ns", |resources| resources.reopen_ns),
    ]
}

fn loss(fault: Fault) -> [Column; 8] {
    let one = |name: &str, pick: fn(&Loss) -> String| {
        column(&format!("{fault}_{name}"), move |cell| maybe(of(cell, fault).map(pick)))
    };
    [
        one("verdict", |loss| loss.verdict.to_string()),
        one("trials", |loss| loss.trials.to_string()),
        one("acknowledged", |loss| loss.acknowledged.to_string()),
        one("lost", |loss| loss.lost.to_string()),
        one("max_lost", |loss| loss.max_lost.to_string()),
        one("max_lost_ns", |loss| loss.max_lost_ns.to_string()),
        one("broken", |loss| loss.broken.to_string()),
        one("promise_broken", |loss| loss.promise_broken.to_string()),
    ]
}
