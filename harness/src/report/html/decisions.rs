//! Recommendations for a grid of rates and latency limits, so that a reader finds their own question answered.

use std::collections::BTreeSet;

use serde::Serialize;
use slotbench_core::Durability;

use crate::axis::Mode;
use crate::model::{CellResult, Run, Status};
use crate::recommend::{Choice, Limits, Load, Outcome, Recommendation, Shortfall, recommend};
use crate::report::html::data::Places;
use crate::report::recommendation::shortfall;

/// Messages per second asked for; those above the fastest cell are left out.
const RATES: [f64; 10] = [100.0, 500.0, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5];
/// Columns at most.
const COLUMNS: usize = 7;
/// Limits of the p99, nanoseconds.
const LIMITS: [u64; 5] = [1_000_000, 5_000_000, 20_000_000, 100_000_000, 1_000_000_000];

/// The answers for one load at one tier.
#[derive(Serialize)]
pub(super) struct Decisions {
    /// The page's loads that it answers: they differ in their pace or in how they commit.
    loads: BTreeSet<usize>,
    tier: Durability,
    rates: Vec<f64>,
    limits_ns: [u64; 5],
    /// By limit, then by rate.
    grid: Vec<Vec<Decision>>,
}

/// One answer; cells by their place.
#[derive(Serialize)]
struct Decision {
    outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    best: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    runner_up: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    margin: Option<f64>,
    tied: Vec<usize>,
    /// Whether the latency is of an open loop.
    open: bool,
    meeting: usize,
    considered: usize,
    /// Where none meets the limits: what comes closest, and what it misses.
    #[serde(skip_serializing_if = "Option::is_none")]
    nearest: Option<usize>,
    misses: Vec<String>,
}

/// A grid for every load and every tier that a sound cell reaches. `of_cell` is the page's load of each cell.
pub(super) fn decisions(run: &Run, places: &Places<'_>, of_cell: &[usize]) -> Vec<Decisions> {
    let tiers: BTreeSet<Durability> = run.cells.iter().filter_map(|cell| cell.axes.durability.effective).collect();
    tiers.into_iter().rev().flat_map(|tier| at_tier(run, places, of_cell, tier)).collect()
}

fn at_tier(run: &Run, places: &Places<'_>, of_cell: &[usize], durability: Durability) -> Vec<Decisions> {
    let rates = rates(run, durability);
    let ask = |rate, p99_ns| {
        let limits = Limits { rate, p99_ns, durability, max_loss: None };
        recommend(run, &limits)
            .into_iter()
            .map(move |answer| (answer.load.clone(), Decision::of(answer, &limits, places)))
    };
    let loads = |load: &Load| {
        let own = run.cells.iter().zip(of_cell).filter(|(cell, _)| Load::of(cell) == *load);
        own.map(|(_, load)| *load).collect()
    };
    let mut grids: Vec<(Load, Decisions)> = Vec::new();
    for (row, limit) in LIMITS.into_iter().enumerate() {
        for (load, decision) in rates.iter().flat_map(|rate| ask(*rate, limit)) {
            let place = grids.iter().position(|(known, _)| *known == load).unwrap_or_else(|| {
                let grid = Decisions {
                    loads: loads(&load),
                    tier: durability,
                    rates: rates.clone(),
                    limits_ns: LIMITS,
                    grid: LIMITS.map(|_| Vec::new()).into(),
                };
                grids.push((load, grid));
                grids.len() - 1
            });
            grids[place].1.grid[row].push(decision);
        }
    }
    // A tier that no cell of a load reaches has nothing to say about it.
    let says = |grid: &Decisions| grid.grid.iter().flatten().any(|decision| decision.meeting > 0);
    grids.into_iter().map(|(_, grid)| grid).filter(says).collect()
}

/// The rates worth asking about: the highest that some cell which may be recommended at the tier carries, and those
/// below.
fn rates(run: &Run, tier: Durability) -> Vec<f64> {
    let is_sound = |cell: &&CellResult| cell.status == Status::Ok && cell.verified == Some(true);
    let reaches = |cell: &&CellResult| {
        let keeps = cell.axes.mode != Mode::Aggressive || tier == Durability::Memory;
        keeps && cell.axes.durability.effective >= Some(tier)
    };
    let carried = |cell: &CellResult| cell.throughput.map(|throughput| throughput.messages_per_s);
    let fastest = run.cells.iter().filter(is_sound).filter(reaches).filter_map(carried).fold(0.0, f64::max);
    let reached: Vec<f64> = RATES.into_iter().filter(|rate| *rate <= fastest).collect();
    reached[reached.len().saturating_sub(COLUMNS)..].to_vec()
}

impl Decision {
    fn of(answer: Recommendation, limits: &Limits, places: &Places<'_>) -> Self {
        let place = |choice: &Choice| places.get(&choice.cell).copied();
        let misses = answer.nearest.iter().flat_map(|miss| &miss.shortfalls);
        let is_open = |choice: &Choice| choice.source != crate::recommend::Source::Closed;
        Self {
            outcome: answer.outcome,
            best: answer.best.as_ref().and_then(place),
            runner_up: answer.runner_up.as_ref().and_then(place),
            margin: answer.margin,
            tied: answer.tied.iter().filter_map(place).collect(),
            open: answer.best.as_ref().is_some_and(is_open),
            meeting: answer.meeting,
            considered: answer.considered,
            nearest: answer.nearest.as_ref().and_then(|miss| place(&miss.choice)),
            misses: misses.map(|miss: &Shortfall| shortfall(miss, limits)).collect(),
        }
    }
}
