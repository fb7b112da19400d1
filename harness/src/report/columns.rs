//! The columns of a table: each heading stands beside the one function that fills its cells.

use slotbench_core::Durability;

use crate::axis::Transport;
use crate::cell::Counted;
use crate::model::{CellResult, Floors, Resources, RoundResult, Run, Status, Summary, Tag};
use crate::percentiles;
use crate::report::confidence;
use crate::report::heading::{Align, Heading};
use crate::report::load::{self, LoadAxis};
use crate::report::loss;
use crate::report::units;

/// What is shown where there is no number.
pub(super) const NONE: &str = "–";

/// A column.
pub(super) struct Column {
    pub(super) heading: Heading,
    pub(super) show: Box<dyn Fn(&CellResult) -> String>,
}

fn column(title: &str, align: Align, rank: u8, show: impl Fn(&CellResult) -> String + 'static) -> Column {
    Column { heading: Heading { title: title.to_owned(), align, rank }, show: Box::new(show) }
}

pub(super) fn text(title: &str, show: impl Fn(&CellResult) -> String + 'static) -> Column {
    column(title, Align::Left, 0, show)
}

pub(super) fn number(title: &str, rank: u8, show: impl Fn(&CellResult) -> String + 'static) -> Column {
    column(title, Align::Right, rank, show)
}

/// The columns of the table of these cells, all of one effective tier.
pub(super) fn columns(run: &Run, tier: Durability, cells: &[&CellResult]) -> Vec<Column> {
    let mut columns = identity(run, cells);
    columns.extend(load::varying(run).into_iter().map(load));
    columns.extend(throughput(cells));
    let has = |tag: &Tag| cells.iter().any(|cell| shows(cell, *tag));
    columns.extend(Tag::ALL.iter().copied().filter(has).flat_map(latency));
    columns.extend(cells.iter().any(|cell| cell.axes.rate.is_some()).then(pacing));
    columns.extend(floor(run.floors, tier));
    columns.extend(costs());
    columns.push(text("verified", |cell| verified(cell).to_owned()));
    columns.extend(loss::tried(cells).into_iter().map(|fault| {
        let badge = move |cell: &CellResult| loss::of(cell, fault).map(loss::badge);
        column(loss::title(fault), Align::Left, 1, or_none(badge))
    }));
    // Where there is no room for it, the notes still list what is not ok.
    columns.push(column("status", Align::Left, 2, |cell| cell.status.to_string()));
    columns
}

fn identity(run: &Run, cells: &[&CellResult]) -> Vec<Column> {
    let mut columns =
        vec![text("engine", |cell| cell.axes.backend.clone()), text("mode", |cell| cell.axes.mode.to_string())];
    if run.cells.iter().any(|cell| cell.name.is_some()) {
        columns.insert(0, text("name", |cell| cell.name.clone().unwrap_or_else(|| NONE.to_owned())));
    }
    if cells.iter().any(|cell| cell.axes.durability.effective != Some(cell.axes.durability.asked)) {
        columns.push(text("asked", |cell| cell.axes.durability.asked.to_string()));
    }
    columns.push(number("workers", 0, workers));
    columns
}

/// In process an open loop has callers, as many as its rate makes, and no workers.
fn workers(cell: &CellResult) -> String {
    let has_none = cell.axes.rate.is_some() && cell.axes.transport == Transport::InProcess;
    if has_none { NONE.to_owned() } else { cell.axes.workers.to_string() }
}

/// An axis of the load; where its column has open loops too, closed ones say what they do not show.
fn load(LoadAxis { name, value }: LoadAxis) -> Column {
    let is_closed = move |cell: &CellResult| name == load::PACE && cell.axes.rate.is_none();
    text(name, move |cell| if is_closed(cell) { load::CLOSED.to_owned() } else { value(cell) })
}

/// Whether a latency has a place in the tables. That of an overloaded cell says nothing but how long it was measured;
/// the acknowledged one of an open loop is its service time.
fn shows(cell: &CellResult, tag: Tag) -> bool {
    let is_twice = tag == Tag::Acknowledged && cell.latency_ns.contains_key(&Tag::Service);
    cell.latency_ns.contains_key(&tag) && cell.status != Status::Overloaded && !is_twice
}

/// The generator's own lateness in the worst round.
fn pacing() -> Column {
    number("pacing p99", 6, or_none(|cell| Some(units::time(pacing_p99(cell)? as f64))))
}

/// The 99th percentile of the generator's own lateness in the worst round, nanoseconds.
pub(super) fn pacing_p99(cell: &CellResult) -> Option<u64> {
    cell.rounds.iter().filter_map(|round| Some(round.pacing_error_ns?.p99)).max()
}

/// Messages per second, or whatever else these cells count.
fn throughput(cells: &[&CellResult]) -> [Column; 2] {
    let title = Counted::of_all(cells.iter().map(|cell| &cell.axes.workload)).rate;
    let rate = |cell: &CellResult| cell.throughput.map(|t| units::number(t.messages_per_s));
    [number(title, 0, or_none(rate)), number("95%", 2, or_none(confidence::rate_text))]
}

fn latency(tag: Tag) -> [Column; 4] {
    let (short, rank) = match tag {
        Tag::Acknowledged => ("ack", 1),
        Tag::Durable => ("durable", 2),
        Tag::Response => ("response", 1),
        Tag::Service => ("service", 3),
        Tag::Read => ("read", 1),
        Tag::Restart => ("restart", 1),
        Tag::Registry => ("registry", 1),
    };
    // A quantile that the samples do not tell is not shown; the largest value is 1, which they always do.
    let one = |title: &str, rank, quantile: f64, pick: fn(&Summary) -> u64| {
        let is_known = move |summary: &&Summary| quantile == 1.0 || summary.count >= percentiles::needed(quantile);
        let show = move |cell: &CellResult| {
            let summary = cell.latency_ns.get(&tag).filter(|_| shows(cell, tag)).filter(is_known)?;
            Some(units::time(pick(summary) as f64))
        };
        number(&format!("{short} {title}"), rank, or_none(show))
    };
    [
        one("p50", rank, 0.5, |summary| summary.p50),
        one("p99", rank, 0.99, |summary| summary.p99),
        one("p99.9", rank + 2, 0.999, |summary| summary.p999),
        one("max", rank + 3, 1.0, |summary| summary.max),
    ]
}

/// How many times the machine's own cost a durable message takes.
fn floor(floors: Floors, tier: Durability) -> Option<Column> {
    let (title, floor) = match tier {
        Durability::Power => ("× fdatasync", floors.fdatasync_ns),
        Durability::Process => ("× append", floors.append_ns),
        Durability::Memory => return None,
    };
    let floor = floor.filter(|floor| *floor > 0.0)?;
    Some(number(title, 7, or_none(move |cell| Some(units::number(durable_p50(cell)? / floor)))))
}

fn durable_p50(cell: &CellResult) -> Option<f64> {
    let tags = [Tag::Durable, Tag::Acknowledged];
    tags.iter()
        .filter(|tag| shows(cell, **tag))
        .find_map(|tag| cell.latency_ns.get(tag))
        .map(|summary| summary.p50 as f64)
}

fn costs() -> [Column; 2] {
    let written = |cell: &CellResult| {
        let Resources { bytes_written, user_bytes, .. } = cell.resources?;
        Some(units::number(ratio(bytes_written?, user_bytes?)?))
    };
    let syncs = |cell: &CellResult| {
        let messages = |round: &RoundResult| round.messages.saturating_sub(round.reads);
        let messages: Vec<u64> = cell.rounds.iter().map(messages).collect();
        Some(units::number(ratio(cell.resources?.syncs?, crate::stats::median_count(&messages)?)?))
    };
    [number("written ×", 8, or_none(written)), number("syncs/msg", 9, or_none(syncs))]
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn verified(cell: &CellResult) -> &'static str {
    match cell.verified {
        Some(true) => "yes",
        Some(false) => "NO",
        None => NONE,
    }
}

pub(super) fn or_none(
    show: impl Fn(&CellResult) -> Option<String> + 'static,
) -> impl Fn(&CellResult) -> String + 'static {
    move |cell| show(cell).unwrap_or_else(|| NONE.to_owned())
}
