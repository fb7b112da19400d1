//! A row per cell, for other tools: raw numbers, units in the names of the columns.

use crate::model::{CellResult, Fault, Loss, Resources, Run, Summary, Tag};
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
    columns.extend(resources());
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
        column("rate", |cell| maybe(cell.axes.rate)),
        column("sign", |cell| cell.axes.workload.sign.to_string()),
        column("verify", |cell| cell.axes.workload.verify.to_string()),
        column("commit", |cell| cell.axes.workload.commit.to_string()),
        column("processes", |cell| cell.axes.workload.processes.to_string()),
        column("payload_bytes", |cell| cell.axes.workload.payload.to_string()),
        column("duplicates_percent", |cell| cell.axes.workload.duplicates.to_string()),
        column("reads_percent", |cell| cell.axes.workload.reads.to_string()),
        column("history", |cell| cell.axes.workload.history.to_string()),
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
        column("messages_per_s_min", |cell| maybe(cell.throughput.map(|t| t.min))),
        column("messages_per_s_max", |cell| maybe(cell.throughput.map(|t| t.max))),
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

fn resources() -> [Column; 7] {
    let one =
        |name: &str, pick: fn(Resources) -> Option<u64>| column(name, move |cell| maybe(cell.resources.and_then(pick)));
    [
        one("cpu_ns", |resources| resources.cpu_ns),
        one("peak_rss_bytes", |resources| resources.peak_rss_bytes),
        one("bytes_written", |resources| resources.bytes_written),
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
