//! The answer, in a sentence.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use slotbench_core::Durability;

use crate::axis::Mode;
use crate::model::{CellResult, Run, Status, Throughput};
use crate::report::load;
use crate::report::units;

/// Cells that may be compared: same tier, mode and load; strongest tier first.
type Contest<'r> = BTreeMap<(Reverse<Durability>, Mode, load::Key), Vec<&'r CellResult>>;

/// Which engine is fastest, of those whose data was verified, for each tier, mode and load.
pub(super) fn headline(run: &Run) -> String {
    let contests = contests(run);
    let is_contest =
        |cells: &&Vec<&CellResult>| cells.iter().map(|cell| &cell.axes.backend).collect::<BTreeSet<_>>().len() > 1;
    // Where engines compete, a load that only one of them had is no news.
    let any = contests.values().any(|cells| is_contest(&cells));
    let told = contests.values().filter(|cells| !any || is_contest(cells));
    let answers: Vec<String> = told.filter_map(|cells| answer(run, cells)).collect();
    match answers.as_slice() {
        [] => "No cell has a verified result, so nothing is fastest.".to_owned(),
        answers => format!("Fastest verified: {}.", answers.join("; ")),
    }
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

/// `at power, local: rocksdb with 1,234 msg/s (25 workers), not told apart from sled`.
fn answer(run: &Run, cells: &[&CellResult]) -> Option<String> {
    let mut ranked: Vec<(&CellResult, Throughput)> =
        cells.iter().filter_map(|cell| Some((*cell, cell.throughput?))).collect();
    ranked.sort_by(|(_, one), (_, other)| other.messages_per_s.total_cmp(&one.messages_per_s));
    let (best, speed) = *ranked.first()?;
    let rivals = ranked.iter().filter(|(cell, _)| cell.axes.backend != best.axes.backend);
    let tied: BTreeSet<&str> =
        rivals.filter(|(_, rival)| overlap(&speed, rival)).map(|(cell, _)| cell.axes.backend.as_str()).collect();
    let tie = if tied.is_empty() {
        String::new()
    } else {
        format!(", not told apart from {}", tied.into_iter().collect::<Vec<_>>().join(" and "))
    };
    let axes = &best.axes;
    let load: String =
        load::varying(run).iter().map(|axis| format!(", {} {}", axis.name, (axis.value)(best))).collect();
    let tier = axes.durability.effective?;
    let workers = if axes.workers == 1 { "1 worker".to_owned() } else { format!("{} workers", axes.workers) };
    Some(format!(
        "at {tier}, {}{load}: {} with {} msg/s ({workers}){tie}",
        axes.mode,
        axes.backend,
        units::number(speed.messages_per_s)
    ))
}

/// Whether the confidence intervals overlap. Without intervals, one round says nothing about the order.
fn overlap(best: &Throughput, rival: &Throughput) -> bool {
    let (Some(one), Some(other)) = (best.ci95, rival.ci95) else { return true };
    rival.messages_per_s + other >= best.messages_per_s - one
}
