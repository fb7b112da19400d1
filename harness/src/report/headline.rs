//! The answer, in a sentence.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use slotbench_core::Durability;

use crate::axis::Mode;
use crate::model::{CellResult, Run, Status};
use crate::report::confidence;
use crate::report::load;
use crate::report::units;

/// Cells that may be compared: same tier, mode and load; strongest tier first.
type Contest<'r> = BTreeMap<(Reverse<Durability>, Mode, load::Load), Vec<&'r CellResult>>;

/// The fastest verified cell of a tier, mode and load, and who is not told apart from it.
pub(super) struct Answer<'r> {
    pub(super) tier: Durability,
    pub(super) best: &'r CellResult,
    pub(super) tied: BTreeSet<&'r str>,
}

/// Which engine is fastest, of those whose data was verified, for each tier, mode and load.
pub(super) fn headline(run: &Run) -> String {
    let answers: Vec<String> = answers(run).iter().filter_map(|answer| sentence(run, answer)).collect();
    match answers.as_slice() {
        [] => "No cell has a verified result, so nothing is fastest.".to_owned(),
        answers => format!("Fastest verified: {}.", answers.join("; ")),
    }
}

/// One answer per contest, strongest tier first.
pub(super) fn answers(run: &Run) -> Vec<Answer<'_>> {
    let contests = contests(run);
    let is_contest =
        |cells: &&Vec<&CellResult>| cells.iter().map(|cell| &cell.axes.backend).collect::<BTreeSet<_>>().len() > 1;
    // Where engines compete, a load that only one of them had is no news.
    let any = contests.values().any(|cells| is_contest(&cells));
    let told = contests.iter().filter(|(_, cells)| !any || is_contest(cells));
    told.filter_map(|((Reverse(tier), ..), cells)| answer(*tier, cells)).collect()
}

fn contests(run: &Run) -> Contest<'_> {
    let mut contests = Contest::new();
    let sound = load::measured(run).filter(|cell| cell.verified == Some(true) && cell.status == Status::Ok);
    for cell in sound {
        if let Some(tier) = cell.axes.durability.effective {
            contests.entry((Reverse(tier), cell.axes.mode, load::key(cell))).or_default().push(cell);
        }
    }
    contests
}

fn answer<'r>(tier: Durability, cells: &[&'r CellResult]) -> Option<Answer<'r>> {
    let speed = |cell: &CellResult| cell.throughput.map_or(0.0, |throughput| throughput.messages_per_s);
    let measured = cells.iter().copied().filter(|cell| cell.throughput.is_some());
    let best = measured.clone().max_by(|one, other| speed(one).total_cmp(&speed(other)))?;
    let rivals = measured.filter(|cell| cell.axes.backend != best.axes.backend);
    let tied = rivals.filter(|rival| overlap(best, rival)).map(|cell| cell.axes.backend.as_str()).collect();
    Some(Answer { tier, best, tied })
}

/// `at power, local: rocksdb with 1,234 msg/s (25 workers), not told apart from sled`.
fn sentence(run: &Run, answer: &Answer<'_>) -> Option<String> {
    let Answer { tier, best, tied } = answer;
    let tie = if tied.is_empty() {
        String::new()
    } else {
        format!(", not told apart from {}", tied.iter().copied().collect::<Vec<_>>().join(" and "))
    };
    let axes = &best.axes;
    let load: String =
        load::varying(run).iter().map(|axis| format!(", {} {}", axis.name, (axis.value)(best))).collect();
    let workers = if axes.workers == 1 { "1 worker".to_owned() } else { format!("{} workers", axes.workers) };
    Some(format!(
        "at {tier}, {}{load}: {} with {} msg/s ({workers}){tie}",
        axes.mode,
        axes.backend,
        units::number(best.throughput?.messages_per_s)
    ))
}

/// Whether the confidence intervals overlap. Without intervals, one round says nothing about the order.
fn overlap(best: &CellResult, rival: &CellResult) -> bool {
    let (Some(best), Some(rival)) = (confidence::rate(best), confidence::rate(rival)) else { return true };
    rival.high >= best.low
}
