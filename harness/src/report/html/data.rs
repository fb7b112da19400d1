//! What the page's script is given.

use std::collections::BTreeMap;

use serde::Serialize;
use slotbench_core::Durability;

use crate::cell::CellId;
use crate::model::{CellResult, Point, Probe, Run};
use crate::percentiles::{self, Curves};
use crate::report::html::cell::Cell;
use crate::report::html::decisions::{Decisions, decisions};
use crate::report::{conditions, headline, load, notes};

/// Everything the page shows. Cells are named by their place in `cells`, loads by theirs in `loads`.
#[derive(Serialize)]
pub(super) struct Page<'r> {
    plan: &'r str,
    started: &'r str,
    complete: bool,
    optimised: bool,
    machine: String,
    conditions: Vec<(&'static str, String)>,
    notes: Vec<(&'static str, Vec<String>)>,
    /// The quantiles of every percentile curve.
    quantiles: Vec<f64>,
    /// Samples that the p50, p90, p99 and p99.9 take.
    needed: [u64; 4],
    loads: Vec<String>,
    answers: Vec<Answer<'r>>,
    decisions: Vec<Decisions>,
    cells: Vec<Cell<'r>>,
    saturation: Vec<Saturation<'r>>,
    scaling: Vec<Scaling<'r>>,
}

/// The fastest of a tier, mode and load.
#[derive(Serialize)]
struct Answer<'r> {
    tier: Durability,
    cell: usize,
    tied: Vec<&'r str>,
}

#[derive(Serialize)]
struct Saturation<'r> {
    cell: usize,
    quantile: f64,
    limit_ns: u64,
    rate: Option<f64>,
    above: Option<f64>,
    probes: &'r [Probe],
}

#[derive(Serialize)]
struct Scaling<'r> {
    cells: Vec<usize>,
    points: &'r [Point],
    lambda: f64,
    sigma: f64,
    kappa: f64,
    peak_workers: Option<f64>,
    error: f64,
}

/// Where each cell is.
pub(super) type Places<'r> = BTreeMap<&'r CellId, usize>;

impl<'r> Page<'r> {
    pub(super) fn of(run: &'r Run, curves: &'r Curves) -> Self {
        let places: Places<'_> = run.cells.iter().enumerate().map(|(place, cell)| (&cell.id, place)).collect();
        let (loads, of_cell) = loads(run);
        let decisions = decisions(run, &places, &of_cell);
        let cells = run.cells.iter().zip(of_cell).map(|(cell, load)| Cell::of(run, cell, load, curves)).collect();
        Self {
            plan: &run.plan,
            started: &run.started,
            complete: run.complete,
            optimised: run.slotbench.profile == "release",
            machine: format!("{}, {} cores, {}", run.machine.cpu, run.machine.cores, run.machine.storage.filesystem),
            conditions: conditions::conditions(run),
            notes: notes::notes(run),
            quantiles: percentiles::quantiles(),
            needed: [0.5, 0.9, 0.99, 0.999].map(percentiles::needed),
            loads,
            answers: answers(run, &places),
            decisions,
            cells,
            saturation: saturation(run, &places),
            scaling: scaling(run, &places),
        }
    }
}

/// Every load of the run in words, and the load of each cell.
fn loads(run: &Run) -> (Vec<String>, Vec<usize>) {
    let varying = load::varying(run);
    let mut known: Vec<(load::Key, String)> = Vec::new();
    let place = |cell: &CellResult| {
        let key = load::key(cell);
        known.iter().position(|(other, _)| *other == key).unwrap_or_else(|| {
            let words = varying.iter().map(|axis| format!("{} {}", axis.name, (axis.value)(cell)));
            known.push((key, words.collect::<Vec<_>>().join(", ")));
            known.len() - 1
        })
    };
    let of_cell = run.cells.iter().map(place).collect();
    (known.into_iter().map(|(_, words)| words).collect(), of_cell)
}

fn answers<'r>(run: &'r Run, places: &Places<'r>) -> Vec<Answer<'r>> {
    let place = |answer: headline::Answer<'r>| {
        let cell = *places.get(&answer.best.id)?;
        Some(Answer { tier: answer.tier, cell, tied: answer.tied.into_iter().collect() })
    };
    headline::answers(run).into_iter().filter_map(place).collect()
}

fn saturation<'r>(run: &'r Run, places: &Places<'r>) -> Vec<Saturation<'r>> {
    let place = |search: &'r crate::model::Saturation| {
        let crate::model::Saturation { cell, quantile, limit_ns, rate, above, probes, .. } = search;
        let cell = *places.get(cell)?;
        Some(Saturation { cell, quantile: *quantile, limit_ns: *limit_ns, rate: *rate, above: *above, probes })
    };
    run.saturation.iter().filter_map(place).collect()
}

fn scaling<'r>(run: &'r Run, places: &Places<'r>) -> Vec<Scaling<'r>> {
    let place = |fit: &'r crate::model::Scaling| {
        let crate::model::Scaling { cells, points, lambda, sigma, kappa, peak_workers, error } = fit;
        let cells = cells.iter().filter_map(|cell| places.get(cell).copied()).collect();
        let (lambda, sigma, kappa, peak_workers, error) = (*lambda, *sigma, *kappa, *peak_workers, *error);
        Scaling { cells, points, lambda, sigma, kappa, peak_workers, error }
    };
    run.scaling.iter().map(place).collect()
}
