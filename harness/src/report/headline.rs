//! The answer, in a sentence.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use slotbench_core::Durability;

use crate::axis::Mode;
use crate::model::{CellResult, Run, Status, Tag, Throughput};
use crate::report::load;
use crate::report::units;

/// Cells that may be compared: same tier, mode and load; strongest tier first.
type Contest<'r> = BTreeMap<(Reverse<Durability>, Mode, load::Key), Vec<&'r CellResult>>;

/// Which engine is fastest, of those whose data was verified, for each tier, mode and load: by throughput in closed
/// loops, by response time in open ones, where all that keep up have the same throughput.
pub(super) fn headline(run: &Run) -> String {
    let contests = contests(run);
    let is_contest =
        |cells: &&Vec<&CellResult>| cells.iter().map(|cell| &cell.axes.backend).collect::<BTreeSet<_>>().len() > 1;
    // Where engines compete, a load that only one of them had is no news.
    let any = contests.values().any(|cells| is_contest(&cells));
    let told: Vec<_> = contests.values().filter(|cells| !any || is_contest(cells)).collect();
    let sentence = |title: &str, answer: fn(&Run, &[&CellResult]) -> Option<String>| {
        let answers: Vec<String> = told.iter().filter_map(|cells| answer(run, cells)).collect();
        (!answers.is_empty()).then(|| format!("{title}: {}.", answers.join("; ")))
    };
    let sentences = [sentence("Fastest verified", by_throughput), sentence("Shortest response", by_response)];
    match sentences.into_iter().flatten().collect::<Vec<_>>().as_slice() {
        [] => "No cell has a verified result, so nothing is fastest.".to_owned(),
        sentences => sentences.join(" "),
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
fn by_throughput(run: &Run, cells: &[&CellResult]) -> Option<String> {
    let closed = cells.iter().filter(|cell| cell.axes.rate.is_none());
    let mut ranked: Vec<(&CellResult, Throughput)> =
        closed.filter_map(|cell| Some((*cell, cell.throughput?))).collect();
    ranked.sort_by(|(_, one), (_, other)| other.messages_per_s.total_cmp(&one.messages_per_s));
    let (best, speed) = *ranked.first()?;
    let rivals = ranked.iter().filter(|(_, rival)| overlap(&speed, rival)).map(|(cell, _)| *cell);
    let workers = if best.axes.workers == 1 { "1 worker".to_owned() } else { format!("{} workers", best.axes.workers) };
    let (load, rate, tie) = (load(run, best)?, units::number(speed.messages_per_s), tie(best, rivals));
    Some(format!("{load}: {} with {rate} msg/s ({workers}){tie}", best.axes.backend))
}

/// `at power, local, pace 1000/s: sled with p99 8.28 ms`.
fn by_response(run: &Run, cells: &[&CellResult]) -> Option<String> {
    let open = cells.iter().filter(|cell| cell.axes.rate.is_some());
    let mut ranked: Vec<(&CellResult, u64)> =
        open.filter_map(|cell| Some((*cell, cell.latency_ns.get(&Tag::Response)?.p99))).collect();
    ranked.sort_by_key(|(_, p99)| *p99);
    let (best, p99) = *ranked.first()?;
    let rivals = ranked.iter().map(|(cell, _)| *cell).filter(|rival| rounds_overlap(best, rival));
    let (load, p99, tie) = (load(run, best)?, units::time(p99 as f64), tie(best, rivals));
    Some(format!("{load}: {} with p99 {p99}{tie}", best.axes.backend))
}

/// `at power, local, pace 1000/s`: tier, mode, and what of the load is not the same for all cells.
fn load(run: &Run, cell: &CellResult) -> Option<String> {
    let load: String =
        load::varying(run).iter().map(|axis| format!(", {} {}", axis.name, (axis.value)(cell))).collect();
    Some(format!("at {}, {}{load}", cell.axes.durability.effective?, cell.axes.mode))
}

/// `, not told apart from redb and sled`, of those that are other engines.
fn tie<'r>(best: &CellResult, rivals: impl Iterator<Item = &'r CellResult>) -> String {
    let names = rivals.map(|cell| cell.axes.backend.as_str()).filter(|name| *name != best.axes.backend);
    match names.collect::<BTreeSet<_>>() {
        tied if tied.is_empty() => String::new(),
        tied => format!(", not told apart from {}", tied.into_iter().collect::<Vec<_>>().join(" and ")),
    }
}

/// Whether the worst round of the best is no better than the best round of a rival. One round says nothing of the order.
fn rounds_overlap(best: &CellResult, rival: &CellResult) -> bool {
    let p99 = |cell: &CellResult| -> Vec<u64> {
        cell.rounds.iter().filter_map(|round| Some(round.latency_ns.get(&Tag::Response)?.p99)).collect()
    };
    let (one, other) = (p99(best), p99(rival));
    one.len() < 2 || other.len() < 2 || one.iter().max() >= other.iter().min()
}

/// Whether the confidence intervals overlap. Without intervals, one round says nothing about the order.
fn overlap(best: &Throughput, rival: &Throughput) -> bool {
    let (Some(one), Some(other)) = (best.ci95, rival.ci95) else { return true };
    rival.messages_per_s + other >= best.messages_per_s - one
}
