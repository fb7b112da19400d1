//! The answer, in a sentence.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use slotbench_core::Durability;

use crate::axis::Mode;
use crate::cell::Counted;
use crate::model::{CellResult, Run, Status, Tag};
use crate::report::load;
use crate::report::units;

/// Cells that may be compared: same tier, mode and load; strongest tier first.
type Contest<'r> = BTreeMap<(Reverse<Durability>, Mode, load::Key), Vec<&'r CellResult>>;

/// What decides: throughput in closed loops, response time in open ones, where all that keep up have the same
/// throughput.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rank {
    Throughput,
    Response,
}

/// The best verified cell of a tier, mode and load, and who is not told apart from it.
pub(super) struct Answer<'r> {
    pub(super) tier: Durability,
    pub(super) best: &'r CellResult,
    pub(super) tied: BTreeSet<&'r str>,
    rank: Rank,
}

/// Which engine is best, of those whose data was verified, for each tier, mode and load.
pub(super) fn headline(run: &Run) -> String {
    let answers = answers(run);
    let told = |title: &str, rank: Rank| {
        let of_rank = answers.iter().filter(|answer| answer.rank == rank);
        let told: Vec<String> = of_rank.filter_map(|answer| sentence(run, answer)).collect();
        (!told.is_empty()).then(|| format!("{title}: {}.", told.join("; ")))
    };
    let sentences = [told("Fastest verified", Rank::Throughput), told("Shortest response", Rank::Response)];
    match sentences.into_iter().flatten().collect::<Vec<_>>().as_slice() {
        [] => "No cell has a verified result, so nothing is fastest.".to_owned(),
        sentences => sentences.join(" "),
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

/// The pace is part of a load, so the cells of a contest are all of one rank.
fn answer<'r>(tier: Durability, cells: &[&'r CellResult]) -> Option<Answer<'r>> {
    let is_open = cells.iter().any(|cell| cell.axes.rate.is_some());
    let rank = if is_open { Rank::Response } else { Rank::Throughput };
    let measured = cells.iter().filter_map(|cell| Some((*cell, figure(cell, rank)?)));
    let (best, _) = measured.clone().max_by(|(_, one), (_, other)| one.total_cmp(other))?;
    let rivals = measured.map(|(cell, _)| cell).filter(|cell| cell.axes.backend != best.axes.backend);
    let tied = rivals.filter(|rival| is_tie(best, rival, rank)).map(|cell| cell.axes.backend.as_str()).collect();
    Some(Answer { tier, best, tied, rank })
}

/// What cells are ranked by: more is better.
fn figure(cell: &CellResult, rank: Rank) -> Option<f64> {
    match rank {
        Rank::Throughput => Some(cell.throughput?.messages_per_s),
        Rank::Response => Some(-(cell.latency_ns.get(&Tag::Response)?.p99 as f64)),
    }
}

fn is_tie(best: &CellResult, rival: &CellResult, rank: Rank) -> bool {
    match rank {
        Rank::Throughput => overlap(best, rival),
        Rank::Response => rounds_overlap(best, rival),
    }
}

/// Whether the confidence intervals overlap. Without intervals, one round says nothing about the order.
fn overlap(best: &CellResult, rival: &CellResult) -> bool {
    let (Some(best), Some(rival)) = (best.rate_interval(), rival.rate_interval()) else { return true };
    rival.high >= best.low
}

/// Whether the worst round of the best is no better than the best round of a rival. One round says nothing of the order.
fn rounds_overlap(best: &CellResult, rival: &CellResult) -> bool {
    let p99 = |cell: &CellResult| -> Vec<u64> {
        cell.rounds.iter().filter_map(|round| Some(round.latency_ns.get(&Tag::Response)?.p99)).collect()
    };
    let (one, other) = (p99(best), p99(rival));
    one.len() < 2 || other.len() < 2 || one.iter().max() >= other.iter().min()
}

/// `at power, local: rocksdb with 1,234 msg/s (25 workers), not told apart from sled`, or
/// `at power, local, pace 1000/s: sled with p99 8.28 ms`.
fn sentence(run: &Run, answer: &Answer<'_>) -> Option<String> {
    let Answer { tier, best, tied, rank } = answer;
    let axes = &best.axes;
    let load: String =
        load::varying(run).iter().map(|axis| format!(", {} {}", axis.name, (axis.value)(best))).collect();
    let figure = match rank {
        Rank::Throughput => {
            let workers = if axes.workers == 1 { "1 worker".to_owned() } else { format!("{} workers", axes.workers) };
            let rate = Counted::of(&axes.workload).rate;
            format!("{} {rate} ({workers})", units::number(best.throughput?.messages_per_s))
        }
        Rank::Response => format!("p99 {}", units::time(best.latency_ns.get(&Tag::Response)?.p99 as f64)),
    };
    let tie = if tied.is_empty() {
        String::new()
    } else {
        format!(", not told apart from {}", tied.iter().copied().collect::<Vec<_>>().join(" and "))
    };
    Some(format!("at {tier}, {}{load}: {} with {figure}{tie}", axes.mode, axes.backend))
}
