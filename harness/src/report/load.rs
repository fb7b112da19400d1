//! What callers did, as opposed to what served them: only cells under the same load are ranked against each other.

use crate::axis::{Arrival, Sign};
use crate::cell::{OpenLoad, Operation, Skew, Workload};
use crate::model::{CellResult, Run};

/// One axis of the load: its name, and a cell's value as text.
pub(super) struct LoadAxis {
    pub(super) name: &'static str,
    pub(super) value: fn(&CellResult) -> String,
}

/// The axis that tells closed loops from open ones.
pub(super) const PACE: &str = "pace";
/// What a closed loop is called where open ones stand beside it.
pub(super) const CLOSED: &str = "closed: stalls are under-reported";
/// Of an axis that means nothing for a cell.
const NOTHING: &str = "–";
const AXES_COUNT: usize = 12;
/// The values of all axes.
pub(super) type Key = [String; AXES_COUNT];

/// Every axis of the load. Workers are left out: how many callers to allow is part of the answer.
const AXES: [LoadAxis; AXES_COUNT] = [
    LoadAxis { name: "transport", value: |cell| cell.axes.transport.to_string() },
    LoadAxis { name: PACE, value: pace },
    LoadAxis {
        name: "in flight",
        value: |cell| cell.axes.in_flight.map_or(NOTHING.to_owned(), |bound| bound.to_string()),
    },
    LoadAxis { name: "sign", value: |cell| cell.axes.workload.sign.to_string() },
    LoadAxis { name: "verify", value: |cell| on_off(cell.axes.workload.verify) },
    LoadAxis { name: "commit", value: |cell| cell.axes.workload.commit.to_string() },
    LoadAxis { name: "processes", value: |cell| processes(&cell.axes.workload) },
    LoadAxis { name: "payload", value: |cell| payload(&cell.axes.workload) },
    LoadAxis { name: "duplicates", value: |cell| format!("{}%", cell.axes.workload.duplicates) },
    LoadAxis { name: "reads", value: |cell| reads(&cell.axes.workload) },
    LoadAxis { name: "history", value: |cell| cell.axes.workload.history.to_string() },
    LoadAxis { name: "operation", value: |cell| cell.axes.workload.operation.to_string() },
];

fn processes(work: &Workload) -> String {
    match work.skew {
        Skew::Uniform => work.processes.to_string(),
        skew => format!("{} {skew}", work.processes),
    }
}

fn payload(work: &Workload) -> String {
    let compressible =
        if work.compressible == 0 { String::new() } else { format!(" ({}% compressible)", work.compressible) };
    format!("{}{compressible}", work.payload)
}

fn reads(work: &Workload) -> String {
    if work.reads == 0 { "0%".to_owned() } else { format!("{}% {}", work.reads, work.read) }
}

/// `closed`, `1000/s`, `1000/s poisson`.
fn pace(cell: &CellResult) -> String {
    match cell.axes.open_load() {
        None => "closed".to_owned(),
        Some(OpenLoad { rate, arrival: Arrival::Fixed, .. }) => format!("{rate}/s"),
        Some(OpenLoad { rate, arrival, .. }) => format!("{rate}/s {arrival}"),
    }
}

fn on_off(flag: bool) -> String {
    if flag { "on" } else { "off" }.to_owned()
}

/// The axes in which measured cells of a run differ.
pub(super) fn varying(run: &Run) -> Vec<LoadAxis> {
    AXES.into_iter().filter(|axis| differs(run, axis)).collect()
}

/// What all measured cells have in common, in a phrase.
pub(super) fn common(run: &Run) -> String {
    let Some(cell) = measured(run).next() else { return String::new() };
    let is_worth_a_word =
        |axis: &LoadAxis| axis.name != "operation" || (axis.value)(cell) != Operation::Schedule.name();
    let is_shared = |axis: &LoadAxis| !differs(run, axis) && values(run, axis).next().is_some();
    let shared = AXES.into_iter().filter(is_shared).filter(is_worth_a_word);
    let phrase = |axis: LoadAxis| match axis.name {
        "sign" if cell.axes.workload.sign == Sign::None => "unsigned".to_owned(),
        "sign" => format!("signed with {}", (axis.value)(cell)),
        name => format!("{name} {}", values(run, &axis).next().unwrap_or_default()),
    };
    shared.map(phrase).collect::<Vec<_>>().join(", ")
}

/// Equal for cells under the same load.
pub(super) fn key(cell: &CellResult) -> Key {
    AXES.map(|axis| (axis.value)(cell))
}

/// Cells that have numbers to show.
pub(super) fn measured(run: &Run) -> impl Iterator<Item = &CellResult> {
    run.cells.iter().filter(|cell| is_measured(cell))
}

fn is_measured(cell: &CellResult) -> bool {
    use crate::model::Status::{Ok, Overloaded};
    matches!(cell.status, Ok | Overloaded) && cell.throughput.is_some()
}

/// What measured cells say of an axis; those for which it means nothing say nothing.
fn values<'r>(run: &'r Run, axis: &LoadAxis) -> impl Iterator<Item = String> + use<'r> {
    let value = axis.value;
    measured(run).map(value).filter(|value| value != NOTHING)
}

fn differs(run: &Run, axis: &LoadAxis) -> bool {
    let mut values = values(run, axis);
    values.next().is_some_and(|first| values.any(|value| value != first))
}
