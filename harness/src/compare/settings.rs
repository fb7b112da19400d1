//! How to compare.

use std::collections::BTreeMap;

use crate::cell::CellId;
use crate::compare::Metric;

/// How to compare.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Probability of a single false alarm among all figures, at most: 0 to 1.
    pub alpha: f64,
    /// What a change must exceed.
    pub thresholds: Thresholds,
    /// What to compare.
    pub metrics: Vec<Metric>,
    /// Whether runs of different machines may be compared.
    pub any_machine: bool,
    /// How the rounds of the two runs belong together.
    pub design: Design,
    /// What runs of unchanged code differ by, from a history.
    pub usual: Option<Usual>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            alpha: 0.05,
            thresholds: Thresholds::default(),
            metrics: Metric::ALL.to_vec(),
            any_machine: false,
            design: Design::Rounds,
            usual: None,
        }
    }
}

/// How the rounds of two runs belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Design {
    /// One run after the other. Whatever else changed between them is in the difference too, so a change must exceed
    /// the noise between rounds as well.
    Rounds,
    /// Interleaved: round n of the one beside round n of the other, in random order. What the machine did meanwhile
    /// fell on both, so a change need not exceed it.
    Pairs {
        /// Whether no more pairs will follow: only then is "no larger than the noise" an answer.
        last: bool,
    },
}

/// What a change must exceed, as a fraction: 0.05 for 5 %.
#[derive(Debug, Clone, PartialEq)]
pub struct Thresholds {
    /// For every metric that is not listed.
    pub default: f64,
    /// For those that are.
    pub by_metric: BTreeMap<Metric, f64>,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { default: 0.05, by_metric: BTreeMap::new() }
    }
}

impl Thresholds {
    /// That of a metric.
    #[must_use]
    pub fn of(&self, metric: Metric) -> f64 {
        self.by_metric.get(&metric).copied().unwrap_or(self.default)
    }
}

/// By how much the medians of runs of one cell usually differ: standard deviations of their logarithms.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Usual(pub BTreeMap<(CellId, Metric), f64>);

impl Usual {
    pub(super) fn deviation(&self, cell: &CellId, metric: Metric) -> Option<f64> {
        self.0.get(&(cell.clone(), metric)).copied()
    }
}
