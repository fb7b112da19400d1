//! The result of one cell.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::axis::names;
use crate::cell::{Axes, Cell, CellId, Measure};
use crate::model::{Confidence, Interval95, Latencies, Loss, Resources, RoundResult};

names! {
    /// What became of a cell.
    Status, "status" {
        /// Measured; see [`CellResult::verified`] for whether to believe it.
        Ok = "ok",
        /// A round failed, or what was stored is not what was acknowledged: its numbers mean nothing.
        Failed = "failed",
        /// Could not run: the reason is in [`CellResult::reason`].
        Refused = "refused",
        /// Open loop: the target did not keep up with the rate, so latencies have no meaning.
        Overloaded = "overloaded",
    }
}

/// One cell of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellResult {
    /// Every axis in one word.
    pub id: CellId,
    /// The plan's name for it, such as `fs_aggressive`.
    pub name: Option<String>,
    /// The benchmark it belongs to, such as `B1`.
    pub benchmark: Option<String>,
    /// What distinguishes it from every other cell.
    #[serde(flatten)]
    pub axes: Axes,
    /// How long, how often.
    pub measure: Measure,
    /// What became of it.
    pub status: Status,
    /// Why it was refused, failed or is overloaded, in a sentence.
    pub reason: Option<String>,
    /// Whether everything acknowledged was found stored, in order and unbroken, after every round; `None` for `null`
    /// and where nothing is stored.
    pub verified: Option<bool>,
    /// What verification found, and rounds that ended with an error.
    pub failures: Vec<String>,
    /// Latencies of all rounds together.
    pub latency_ns: Latencies,
    /// Over rounds; `None` without a finished round.
    pub throughput: Option<Throughput>,
    /// Finished rounds, by their number.
    pub rounds: Vec<RoundResult>,
    /// How sure the figures are; `None` below two rounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Confidence>,
    /// The round in which messages were followed from stage to stage. No other figure includes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage_round: Option<RoundResult>,
    /// How much slower the stage round was than the measured ones over their first part of the same length: what
    /// following messages costs, and the noise between rounds. A fraction, negative where it was faster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampling_cost: Option<f64>,
    /// The median over rounds of each figure.
    pub resources: Option<Resources>,
    /// The engine, as it said of itself when it was open.
    pub engine: Option<Engine>,
    /// The harness's own part of the acknowledged p50, 0 to 1, where the run measured it.
    pub harness_share: Option<f64>,
    /// What the crash lab found, by fault; empty where it was not asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub loss: Vec<Loss>,
}

/// Messages acknowledged and stored per second. The clock stops when everything acknowledged is stored.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Throughput {
    /// Median over rounds.
    pub messages_per_s: f64,
    /// Half the width of the 95 % confidence interval of the mean over rounds (Student's t); `None` below two rounds.
    pub ci95: Option<f64>,
    /// Slowest round.
    pub min: f64,
    /// Fastest round.
    pub max: f64,
}

/// The engine of a cell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Engine {
    /// Its version.
    pub version: String,
    /// Every setting in force, defaults that matter included.
    pub options: BTreeMap<String, String>,
}

impl CellResult {
    /// The result of a cell of which no round has finished yet: refused where the plan says so.
    #[must_use]
    pub fn new(cell: &Cell) -> Self {
        Self {
            id: cell.id.clone(),
            name: cell.name.clone(),
            benchmark: cell.benchmark.clone(),
            axes: cell.axes.clone(),
            measure: cell.measure.clone(),
            status: if cell.refusal.is_some() { Status::Refused } else { Status::Ok },
            reason: cell.refusal.clone(),
            verified: None,
            failures: Vec::new(),
            latency_ns: Latencies::default(),
            throughput: None,
            rounds: Vec::new(),
            confidence: None,
            stage_round: None,
            sampling_cost: None,
            resources: None,
            engine: None,
            harness_share: None,
            loss: Vec::new(),
        }
    }

    /// The 95 % interval of the rate; `None` below two rounds. A result from before there was one has half a width
    /// around the mean only.
    #[must_use]
    pub fn rate_interval(&self) -> Option<Interval95> {
        let symmetric = || {
            let Throughput { messages_per_s: centre, ci95, .. } = self.throughput?;
            ci95.map(|half| Interval95 { low: centre - half, high: centre + half })
        };
        self.confidence.as_ref().map(|confidence| confidence.messages_per_s).or_else(symmetric)
    }

    /// The name to show: the plan's, else the id.
    #[must_use]
    pub fn label(&self) -> &str {
        self.name.as_deref().unwrap_or(self.id.as_str())
    }
}
