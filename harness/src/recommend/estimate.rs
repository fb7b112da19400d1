//! A figure and how sure it is.

use serde::Serialize;

use crate::model::Interval95;
use crate::stats;

/// A figure over rounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// Its 95 % confidence interval over rounds; `None` below two rounds.
    pub interval: Option<Interval95>,
}

impl Estimate {
    /// The median of rounds; `None` of no rounds.
    pub(super) fn over(rounds: &[f64]) -> Option<Self> {
        Some(Self { value: stats::median(rounds)?, interval: stats::interval95(rounds) })
    }

    /// The lower end of the interval.
    pub(super) fn lower(&self) -> Option<f64> {
        self.interval.map(|interval| interval.low)
    }

    /// The upper end of the interval.
    pub(super) fn upper(&self) -> Option<f64> {
        self.interval.map(|interval| interval.high)
    }

    /// Whether it is less than `other` beyond the noise of both.
    pub(super) fn is_below(&self, other: &Self) -> bool {
        self.upper().zip(other.lower()).is_some_and(|(upper, lower)| upper < lower)
    }
}
