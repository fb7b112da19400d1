//! What the tables leave out.

use crate::model::{CellResult, Run, Status};
use crate::report::loss;

/// A harness that costs more than this share of a latency distorts it.
const LARGEST_SHARE: f64 = 0.05;

/// Lists of sentences; empty ones are left out.
pub(super) fn notes(run: &Run) -> Vec<(&'static str, Vec<String>)> {
    let all = [
        ("Promises broken in the crash lab", loss::sentences(run, true)),
        ("Failed", failed(run)),
        ("Lost after acknowledgement", lost(run)),
        ("Lost in the crash lab, as mode and tier allow, or not tried", loss::sentences(run, false)),
        ("Overloaded", by_status(run, Status::Overloaded)),
        ("The harness itself costs more than 5 % of p50", distorted(run)),
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

fn reason(cell: &CellResult) -> &str {
    cell.reason.as_deref().unwrap_or("no reason given")
}

fn sentence(cell: &CellResult, what: &str) -> String {
    match &cell.name {
        Some(name) => format!("{name} ({}): {what}", cell.id),
        None => format!("{}: {what}", cell.id),
    }
}
