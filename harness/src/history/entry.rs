//! A line of a history.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::cell::CellId;
use crate::compare::Metric;
use crate::model::{CellResult, Run, Status};
use crate::stats::{median, robust_deviation};

/// The version of the line this build writes, and the newest it reads.
pub const SCHEMA: u32 = 1;

/// One run, reduced to what its series need.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Version of this line.
    pub schema: u32,
    /// Start of the run in UTC, RFC 3339.
    pub started: String,
    /// Git commit of the build, where it is known.
    pub commit: Option<String>,
    /// Version of slotbench.
    pub version: String,
    /// The machine.
    pub fingerprint: String,
    /// The plan.
    pub plan: String,
    /// Kernel name and release.
    pub kernel: String,
    /// The cells that were measured.
    pub cells: Vec<CellEntry>,
}

/// One cell of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellEntry {
    /// Its id.
    pub id: CellId,
    /// The name to show.
    pub label: String,
    /// Version of its engine.
    pub engine: Option<String>,
    /// Finished rounds.
    pub rounds: usize,
    /// Its figures, by metric.
    pub figures: BTreeMap<Metric, Level>,
}

/// A figure of a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Level {
    /// Median over rounds, in the metric's unit.
    pub median: f64,
    /// Scaled median absolute deviation between rounds; `None` for a single one.
    pub deviation: Option<f64>,
}

impl Entry {
    /// What a history keeps of a run: its sound cells.
    #[must_use]
    pub fn of(run: &Run) -> Self {
        Self {
            schema: SCHEMA,
            started: run.started.clone(),
            commit: run.slotbench.commit.clone(),
            version: run.slotbench.version.clone(),
            fingerprint: run.machine.fingerprint.clone(),
            plan: run.plan.clone(),
            kernel: run.machine.kernel.clone(),
            cells: run.cells.iter().filter(|cell| cell.status == Status::Ok).map(CellEntry::of).collect(),
        }
    }

    /// A figure's median; `None` where the run does not have it.
    #[must_use]
    pub fn median(&self, cell: &CellId, metric: Metric) -> Option<f64> {
        let cell = self.cells.iter().find(|entry| entry.id == *cell)?;
        let median = cell.figures.get(&metric)?.median;
        (median.is_finite() && median > 0.0).then_some(median)
    }

    /// The commit in short, or the version.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.commit {
            Some(commit) => commit.split_once('-').map_or_else(
                || commit.chars().take(12).collect(),
                |(hash, dirty)| format!("{}-{dirty}", hash.chars().take(12).collect::<String>()),
            ),
            None => format!("version {}", self.version),
        }
    }
}

impl CellEntry {
    fn of(cell: &CellResult) -> Self {
        let figure = |metric: &Metric| {
            let values = metric.values(cell).ok()?;
            Some((*metric, Level { median: median(&values)?, deviation: robust_deviation(&values) }))
        };
        Self {
            id: cell.id.clone(),
            label: cell.label().to_owned(),
            engine: cell.engine.as_ref().map(|engine| engine.version.clone()),
            rounds: cell.rounds.len(),
            figures: Metric::ALL.iter().filter_map(figure).collect(),
        }
    }
}
