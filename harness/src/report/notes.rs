//! What the tables leave out.

use std::cmp::Reverse;

use crate::model::{CellResult, Run, Stall, Status};
use crate::report::columns::pacing_p99;
use crate::report::{LARGEST_SHARE, loss, units};

/// Stalls of a cell that are told one by one.
const STALLS_TOLD: usize = 3;
/// A generator whose starts are later than this, nanoseconds at p99, distorts response times.
const LATEST_START: u64 = 100_000;

/// Lists of sentences; empty ones are left out.
pub(super) fn notes(run: &Run) -> Vec<(&'static str, Vec<String>)> {
    let all = [
        ("Promises broken in the crash lab", loss::sentences(run, true)),
        ("Failed", failed(run)),
        ("Lost after acknowledgement", lost(run)),
        ("Lost in the crash lab, as mode and tier allow, or not tried", loss::sentences(run, false)),
        ("Overloaded", by_status(run, Status::Overloaded)),
        (
            "Starts were made late by more than 100 µs (p99): the generator needs real-time priority, a less busy machine or a lower rate",
            late(run),
        ),
        ("The harness itself costs more than 5 % of p50", distorted(run)),
        (
            "Not steady: the rate changed during most rounds, so a longer warm-up or round would show another",
            unsteady(run),
        ),
        ("Stalls: times in which next to nobody was answered", stalled(run)),
        (
            "Following messages cost more than 5 % of the rate, and more than the slowest other round lost",
            disturbed(run),
        ),
        ("Refused", by_status(run, Status::Refused)),
    ];
    all.into_iter().filter(|(_, list)| !list.is_empty()).collect()
}

fn by_status(run: &Run, status: Status) -> Vec<String> {
    run.cells.iter().filter(|cell| cell.status == status).map(|cell| sentence(cell, reason(cell))).collect()
}

fn failed(run: &Run) -> Vec<String> {
    let failed = run.cells.iter().filter(|cell| cell.status == Status::Failed);
    let all = failed.flat_map(|cell| match cell.failures.as_slice() {
        [] => vec![sentence(cell, reason(cell))],
        failures => failures.iter().map(|failure| sentence(cell, failure)).collect(),
    });
    all.collect()
}

fn lost(run: &Run) -> Vec<String> {
    let others = run.cells.iter().filter(|cell| cell.status != Status::Failed);
    others.flat_map(|cell| cell.failures.iter().map(|failure| sentence(cell, failure))).collect()
}

fn distorted(run: &Run) -> Vec<String> {
    let share = |cell: &CellResult| cell.harness_share.filter(|share| *share > LARGEST_SHARE);
    let sentence = |cell| share(cell).map(|share| sentence(cell, &format!("{:.0} %", share * 100.0)));
    run.cells.iter().filter_map(sentence).collect()
}

/// More rounds than not were judged unsteady: one alone may be an accident, since the rule errs in one round of twenty.
fn unsteady(run: &Run) -> Vec<String> {
    let sentence = |cell: &CellResult| {
        let told: Vec<bool> = cell.rounds.iter().filter_map(|round| round.warmup.steady).collect();
        let unsteady = told.iter().filter(|steady| !**steady).count();
        (2 * unsteady > told.len()).then(|| sentence(cell, &format!("{unsteady} of {} rounds", told.len())))
    };
    run.cells.iter().filter_map(sentence).collect()
}

/// Each cell's longest stalls, with their places.
fn stalled(run: &Run) -> Vec<String> {
    let sentence = |cell: &CellResult| {
        let stalls = cell.rounds.iter().flat_map(|round| round.stalls.iter().map(move |stall| (round.round, *stall)));
        let mut stalls: Vec<(u32, Stall)> = stalls.collect();
        stalls.sort_by_key(|(_, stall)| Reverse(stall.duration_ns));
        let told = stalls.iter().take(STALLS_TOLD).map(|(round, Stall { start_ns, duration_ns })| {
            format!("{} at {} of round {round}", units::time(*duration_ns as f64), units::time(*start_ns as f64))
        });
        let told = told.collect::<Vec<_>>().join(", ");
        let more = match stalls.len().saturating_sub(STALLS_TOLD) {
            0 => String::new(),
            more => format!(", and {more} shorter"),
        };
        (!stalls.is_empty()).then(|| sentence(cell, &format!("{told}{more}")))
    };
    run.cells.iter().filter_map(sentence).collect()
}

fn disturbed(run: &Run) -> Vec<String> {
    // Within the range of the measured rounds it is their noise that was seen.
    let slowest = |cell: &CellResult| cell.throughput.map_or(0.0, |t| t.min / t.messages_per_s.max(f64::MIN_POSITIVE));
    let cost =
        |cell: &CellResult| cell.sampling_cost.filter(|cost| *cost > LARGEST_SHARE && 1.0 - cost < slowest(cell));
    let sentence = |cell| cost(cell).map(|cost| sentence(cell, &format!("{:.0} %", cost * 100.0)));
    run.cells.iter().filter_map(sentence).collect()
}

fn late(run: &Run) -> Vec<String> {
    let lateness = |cell| pacing_p99(cell).filter(|p99| *p99 > LATEST_START);
    let sentence = |cell| lateness(cell).map(|p99| sentence(cell, &units::time(p99 as f64)));
    run.cells.iter().filter_map(sentence).collect()
}

fn reason(cell: &CellResult) -> &str {
    cell.reason.as_deref().unwrap_or("no reason given")
}

fn sentence(cell: &CellResult, what: &str) -> String {
    match &cell.name {
        Some(name) => format!("{name} ({}): {what}", cell.id),
        None => format!("{}: {what}", cell.id),
    }
}
