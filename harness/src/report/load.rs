//! What callers did, as opposed to what served them: only cells under the same load are ranked against each other.

use crate::axis::Sign;
use crate::cell::{Operation, Skew, Workload};
use crate::model::{CellResult, Run};

/// One axis of the load: its name, and a cell's value as text.
pub(super) struct LoadAxis {
    pub(super) name: &'static str,
    pub(super) value: fn(&CellResult) -> String,
}

/// Every axis of the load. Workers are left out: how many callers to allow is part of the answer.
const AXES: [LoadAxis; 11] = [
    LoadAxis { name: "transport", value: |cell| cell.axes.transport.to_string() },
    LoadAxis { name: "pace", value: |cell| cell.axes.rate.map_or("closed".to_owned(), |rate| format!("{rate}/s")) },
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
    let shared = AXES.into_iter().filter(|axis| !differs(run, axis)).filter(is_worth_a_word);
    let phrase = |axis: LoadAxis| match axis.name {
        "sign" if cell.axes.workload.sign == Sign::None => "unsigned".to_owned(),
        "sign" => format!("signed with {}", (axis.value)(cell)),
        name => format!("{name} {}", (axis.value)(cell)),
    };
    shared.map(phrase).collect::<Vec<_>>().join(", ")
}

/// The load as text, axis by axis.
pub(super) type Load = [String; AXES.len()];

/// Equal for cells under the same load.
pub(super) fn key(cell: &CellResult) -> Load {
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

fn differs(run: &Run, axis: &LoadAxis) -> bool {
    let mut values = measured(run).map(|cell| (axis.value)(cell));
    values.next().is_some_and(|first| values.any(|value| value != first))
}
