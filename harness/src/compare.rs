//! Two runs, cell by cell and figure by figure: what changed, how surely, and whether it matters.
//!
//! A *round* is the unit of everything here. Messages of one round depend on each other, so a million of them are no
//! million observations; rounds have directories of their own and random places in the order.
//!
//! [`compare`] takes two runs made one after the other ([`Design::Rounds`]) or interleaved, round against round
//! ([`Design::Pairs`]). All figures are compared on a logarithmic scale: what is estimated is a ratio.

mod metric;
mod obstacle;
mod outcome;
mod settings;
#[cfg(test)]
mod tests;
mod verdict;

use std::collections::BTreeMap;

use serde::Serialize;

pub use metric::Metric;
pub use outcome::Outcome;
pub use settings::{Design, Settings, Thresholds, Usual};
pub use verdict::Verdict;

use crate::cell::CellId;
use crate::compare::metric::Gap;
use crate::compare::verdict::Evidence;
use crate::model::{CellResult, Run, Status};
use crate::stats::{Shift, holm, least_pairs, least_rounds, median, rank_sum, robust_deviation, signed_rank};

/// What two runs say when held against each other.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The commit of the base run, where it is known.
    pub base_commit: Option<String>,
    /// The commit of the new run.
    pub new_commit: Option<String>,
    /// Probability of a single false alarm among all figures, at most.
    pub alpha: f64,
    /// Figures that were tested together: what [`Figure::p_adjusted`] is corrected for.
    pub family: usize,
    /// Rounds of each cell (pairs of rounds, where they were interleaved) without which nothing could be decided.
    pub least_rounds: usize,
    /// Why the runs as wholes cannot be compared; then no cell is.
    pub obstacles: Vec<String>,
    /// Differences between the runs that leave them comparable.
    pub notes: Vec<String>,
    /// The cells of both runs, in the base's order, then new ones.
    pub cells: Vec<CellComparison>,
}

/// One cell.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CellComparison {
    /// Its id.
    pub id: CellId,
    /// The name to show.
    pub label: String,
    /// Why it cannot be compared.
    pub obstacle: Option<String>,
    /// Whether the obstacle leaves the whole comparison open: not for a new cell, and for one that neither run could
    /// measure.
    pub leaves_open: bool,
    /// Its figures; none with an obstacle.
    pub figures: Vec<Figure>,
}

/// One figure of one cell.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// Which.
    pub metric: Metric,
    /// Median over the rounds of the base run, in the metric's unit.
    pub base: Option<f64>,
    /// Median over the rounds of the new run.
    pub new: Option<f64>,
    /// New over base, minus 1: the Hodges-Lehmann estimate.
    pub change: Option<f64>,
    /// Ends of the change's confidence interval; `None`: unbounded.
    pub interval: [Option<f64>; 2],
    /// Rank-biserial correlation, -1 to 1: how much more often new lies above base than below.
    pub effect: Option<f64>,
    /// Probability of a difference at least as extreme by chance.
    pub p: Option<f64>,
    /// The same, corrected for the number of figures tested (Holm).
    pub p_adjusted: Option<f64>,
    /// What a change must exceed to count: the threshold, or the noise where that is larger.
    pub margin: Option<f64>,
    /// The verdict.
    pub verdict: Verdict,
    /// Why it is inconclusive or not comparable.
    pub reason: Option<String>,
    /// Whether the lack of a verdict leaves the whole comparison open.
    pub leaves_open: bool,
}

/// Holds `new` against `base`.
#[must_use]
pub fn compare(base: &Run, new: &Run, settings: &Settings) -> Comparison {
    let (obstacles, notes) = obstacle::between_runs(base, new, settings.any_machine);
    let mut cells = if obstacles.is_empty() { pair_up(base, new, settings) } else { Vec::new() };
    let family = correct(&mut cells);
    let level = settings.alpha / family.max(1) as f64;
    let least_rounds = match settings.design {
        Design::Rounds => least_rounds(level),
        Design::Pairs { .. } => least_pairs(level),
    };
    for cell in &mut cells {
        judge(cell, settings, least_rounds);
    }
    Comparison {
        base_commit: base.slotbench.commit.clone(),
        new_commit: new.slotbench.commit.clone(),
        alpha: settings.alpha,
        family,
        least_rounds,
        obstacles,
        notes,
        cells: cells.into_iter().map(|cell| cell.result).collect(),
    }
}

/// A cell whose figures wait for their verdicts.
struct Pending {
    result: CellComparison,
    /// Of the figure at the same place; `None`: its verdict stands.
    evidence: Vec<Option<Evidence>>,
}

fn pair_up(base: &Run, new: &Run, settings: &Settings) -> Vec<Pending> {
    let news: BTreeMap<&CellId, &CellResult> = new.cells.iter().map(|cell| (&cell.id, cell)).collect();
    let is_known = |cell: &&CellResult| !base.cells.iter().any(|known| known.id == cell.id);
    let known = base.cells.iter().map(|cell| match news.get(&cell.id) {
        Some(other) => match different_conditions(base, cell, other, settings) {
            Some(obstacle) => alone(cell, true, &obstacle),
            None => both(cell, other, settings),
        },
        None => alone(cell, true, "it is missing in NEW"),
    });
    let added = new.cells.iter().filter(is_known).map(|cell| alone(cell, false, "it is new: BASE does not have it"));
    known.chain(added).collect()
}

/// Interleaved rounds share whatever else the machine does.
fn different_conditions(base: &Run, cell: &CellResult, other: &CellResult, settings: &Settings) -> Option<String> {
    match settings.design {
        Design::Rounds => obstacle::load(cell, other, base.machine.cores).or_else(|| obstacle::pace(cell, other)),
        Design::Pairs { .. } => None,
    }
}

fn alone(cell: &CellResult, leaves_open: bool, obstacle: &str) -> Pending {
    let (id, label) = (cell.id.clone(), cell.label().to_owned());
    let obstacle = Some(obstacle.to_owned());
    let result = CellComparison { id, label, obstacle, leaves_open, figures: Vec::new() };
    Pending { result, evidence: Vec::new() }
}

fn both(base: &CellResult, new: &CellResult, settings: &Settings) -> Pending {
    if let Some(obstacle) = obstacle::between_cells(base, new) {
        let neither = base.status == Status::Refused && new.status == Status::Refused;
        return alone(base, !neither, &obstacle);
    }
    let figures = settings.metrics.iter().filter_map(|metric| figure(*metric, base, new, settings));
    let (figures, evidence) = figures.unzip();
    let (id, label) = (base.id.clone(), base.label().to_owned());
    Pending { result: CellComparison { id, label, obstacle: None, leaves_open: false, figures }, evidence }
}

/// One figure of a cell; `None` where neither run has it.
fn figure(
    metric: Metric,
    base: &CellResult,
    new: &CellResult,
    settings: &Settings,
) -> Option<(Figure, Option<Evidence>)> {
    let (base_values, new_values) = (metric.values(base), metric.values(new));
    let (base_values, new_values) = match (base_values, new_values) {
        (Err(Gap::NotMeasured), Err(Gap::NotMeasured)) => return None,
        (Err(gap), _) => return Some((Figure::without(metric, &gap, "BASE"), None)),
        (_, Err(gap)) => return Some((Figure::without(metric, &gap, "NEW"), None)),
        (Ok(base), Ok(new)) => (base, new),
    };
    let mut figure = Figure { base: median(&base_values), new: median(&new_values), ..Figure::empty(metric) };
    let mut evidence = evidence(&base.id, metric, &base_values, &new_values, settings);
    if settings.design == Design::Rounds
        && let Some(evidence) = &mut evidence
    {
        evidence.noise += obstacle::pace_shift(base, new);
    }
    if let Some(Evidence { shift, .. }) = &evidence {
        figure.change = Some(shift.estimate.exp_m1());
        figure.interval = [shift.interval.0, shift.interval.1].map(|end| end.is_finite().then(|| end.exp_m1()));
        figure.effect = Some(shift.effect);
        figure.p = Some(shift.p);
    } else {
        figure.reason = Some("the rounds do not form pairs".to_owned());
    }
    Some((figure, evidence))
}

fn evidence(cell: &CellId, metric: Metric, base: &[f64], new: &[f64], settings: &Settings) -> Option<Evidence> {
    let logarithms = |values: &[f64]| values.iter().map(|value| value.ln()).collect::<Vec<f64>>();
    let (base, new) = (logarithms(base), logarithms(new));
    let rounds = base.len().min(new.len());
    let threshold = settings.thresholds.of(metric).ln_1p();
    let (shift, noise): (Shift, f64) = match settings.design {
        Design::Rounds => {
            let deviation = |values: &[f64]| robust_deviation(values).unwrap_or(0.0);
            let usual = settings.usual.as_ref().and_then(|usual| usual.deviation(cell, metric)).unwrap_or(0.0);
            let deviation = deviation(&base).max(deviation(&new)).max(usual);
            (rank_sum(&base, &new, settings.alpha)?, verdict::NOISE_FACTOR * deviation)
        }
        Design::Pairs { .. } if base.len() != new.len() => return None,
        Design::Pairs { .. } => {
            let differences: Vec<f64> = new.iter().zip(&base).map(|(new, base)| new - base).collect();
            (signed_rank(&differences, settings.alpha)?, robust_deviation(&differences).unwrap_or(0.0))
        }
    };
    Some(Evidence { shift, threshold, noise, rounds, p_adjusted: 1.0 })
}

/// Corrects the p-values of all figures for each other and returns how many there are.
fn correct(cells: &mut [Pending]) -> usize {
    let mut tested: Vec<&mut Evidence> = cells.iter_mut().flat_map(|cell| &mut cell.evidence).flatten().collect();
    let raw: Vec<f64> = tested.iter().map(|evidence| evidence.shift.p).collect();
    for (evidence, adjusted) in tested.iter_mut().zip(holm(&raw)) {
        evidence.p_adjusted = adjusted;
    }
    raw.len()
}

fn judge(cell: &mut Pending, settings: &Settings, least_rounds: usize) {
    for (figure, evidence) in cell.result.figures.iter_mut().zip(&cell.evidence) {
        let Some(evidence) = evidence else { continue };
        let (verdict, reason) = verdict::judge(evidence, figure.metric, settings, least_rounds);
        figure.p_adjusted = Some(evidence.p_adjusted);
        figure.margin = Some(evidence.tolerance(settings.design).exp_m1());
        figure.leaves_open = verdict == Verdict::Inconclusive;
        (figure.verdict, figure.reason) = (verdict, reason);
    }
}

impl Figure {
    fn empty(metric: Metric) -> Self {
        Self {
            metric,
            base: None,
            new: None,
            change: None,
            interval: [None; 2],
            effect: None,
            p: None,
            p_adjusted: None,
            margin: None,
            verdict: Verdict::NotComparable,
            reason: None,
            leaves_open: true,
        }
    }

    fn without(metric: Metric, gap: &Gap, run: &str) -> Self {
        // Too few samples for a tail is a matter of the plan; anything else is something that should be there.
        let leaves_open = !matches!(gap, Gap::TooFew { .. });
        Self { reason: Some(format!("{gap} in {run}")), leaves_open, ..Self::empty(metric) }
    }
}
