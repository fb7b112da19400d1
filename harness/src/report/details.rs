//! Tables about single cells rather than between engines: where the time went, and how rounds went over time.

use crate::model::{CellResult, Interval95, QuantileIntervals, RoundResult, Run, Summary, Tag};
use crate::report::columns::{Column, number, or_none, text};
use crate::report::load::{self, LoadAxis};
use crate::report::table::Table;
use crate::report::units;
use crate::stats;

/// The stages in the order they come, as `run.json` calls them.
pub(super) const STAGES: [&str; 7] = ["verify", "queue", "sign", "commit_wait", "apply", "acknowledge", "durable_lag"];
/// The heading of each.
const HEADINGS: [&str; 7] = ["verify", "queue", "sign", "wait", "apply", "answer", "lag"];

/// The tables that have a row.
pub(super) fn tables(run: &Run) -> Vec<Table> {
    let staged: Vec<&CellResult> = load::measured(run).filter(|cell| cell.stage_round.is_some()).collect();
    let watched: Vec<&CellResult> = load::measured(run).filter(|cell| !rounds_with_series(cell).is_empty()).collect();
    let all = [
        Table::of(
            "Where the time of a message goes: means, from one in 64 of a round of its own",
            stages(run),
            &staged,
        ),
        Table::of("Over the rounds", course(run), &watched),
    ];
    all.into_iter().filter(|table| !table.rows.is_empty()).collect()
}

fn rounds_with_series(cell: &CellResult) -> Vec<&RoundResult> {
    cell.rounds.iter().filter(|round| !round.series.is_empty()).collect()
}

fn identity(run: &Run) -> Vec<Column> {
    let tier = |cell: &CellResult| cell.axes.durability.effective.map(|tier| tier.to_string());
    let mut columns = vec![
        text("engine", |cell| cell.axes.backend.clone()),
        text("mode", |cell| cell.axes.mode.to_string()),
        text("tier", or_none(tier)),
        number("workers", 0, |cell| cell.axes.workers.to_string()),
    ];
    if run.cells.iter().any(|cell| cell.name.is_some()) {
        columns.insert(0, text("name", or_none(|cell| cell.name.clone())));
    }
    columns.extend(load::varying(run).into_iter().map(|LoadAxis { name, value }| text(name, value)));
    columns
}

fn stages(run: &Run) -> Vec<Column> {
    let stage = |(name, title): (&'static str, &'static str)| {
        let mean = move |cell: &CellResult| Some(units::time(cell.stage_round.as_ref()?.stages_ns.get(name)?.mean));
        number(title, 1, or_none(mean))
    };
    let cost = |cell: &CellResult| Some(format!("{:.1} %", cell.sampling_cost? * 100.0));
    let mut columns = identity(run);
    columns.extend(STAGES.into_iter().zip(HEADINGS).map(stage));
    columns.push(number("cost", 2, or_none(cost)));
    columns
}

fn course(run: &Run) -> Vec<Column> {
    let steady = |cell: &CellResult| {
        let told: Vec<bool> = cell.rounds.iter().filter_map(|round| round.warmup.steady).collect();
        let steady = told.iter().filter(|steady| **steady).count();
        (!told.is_empty()).then(|| format!("{steady}/{}", told.len()))
    };
    let stalls = |cell: &CellResult| cell.rounds.iter().map(|round| round.stalls.len()).sum::<usize>().to_string();
    let longest = |cell: &CellResult| {
        let lengths = cell.rounds.iter().flat_map(|round| &round.stalls).map(|stall| stall.duration_ns);
        lengths.max().map(|longest| units::time(longest as f64))
    };
    let mut columns = identity(run);
    columns.extend([
        number("steady", 0, or_none(steady)),
        number("stalls", 0, stalls),
        number("longest", 1, or_none(longest)),
        number("batch", 1, or_none(|cell| batch(cell, |sizes| sizes.mean))),
        number("largest", 3, or_none(|cell| batch(cell, |sizes| sizes.max as f64))),
        number("debt", 2, or_none(debt)),
        number("p50 95%", 4, or_none(|cell| interval(cell, |quantiles| quantiles.p50))),
        number("p99 95%", 5, or_none(|cell| interval(cell, |quantiles| quantiles.p99))),
    ]);
    columns
}

/// The median over rounds.
fn batch(cell: &CellResult, figure: fn(Summary) -> f64) -> Option<String> {
    let figures: Vec<f64> = cell.rounds.iter().filter_map(|round| round.batch_messages.map(figure)).collect();
    stats::median(&figures).map(units::number)
}

/// The median over rounds; with a sign where the watch ended before the engine was quiet.
fn debt(cell: &CellResult) -> Option<String> {
    let debts = || cell.rounds.iter().filter_map(|round| round.debt);
    let median = stats::median_count(&debts().map(|debt| debt.duration_ns).collect::<Vec<_>>())?;
    let sign = if debts().any(|debt| debt.unfinished) { "≥ " } else { "" };
    Some(format!("{sign}{}", units::time(median as f64)))
}

fn interval(cell: &CellResult, pick: fn(QuantileIntervals) -> Interval95) -> Option<String> {
    let tags = [Tag::Response, Tag::Acknowledged, Tag::Read, Tag::Restart, Tag::Registry];
    let latencies = &cell.confidence.as_ref()?.latency_ns;
    let Interval95 { low, high } = tags.iter().find_map(|tag| latencies.get(tag)).copied().map(pick)?;
    Some(format!("{}–{}", units::time(low), units::time(high)))
}
