//! What is compared.

use crate::axis::names;
use crate::model::{CellResult, RoundResult, Summary, Tag};

names! {
    /// A figure of a cell, one value a round.
    Metric, "metric" {
        /// Messages acknowledged and stored per second.
        Throughput = "throughput",
        /// Median latency, in nanoseconds: of the answer, in the open loop of the response.
        P50 = "p50",
        /// 99th percentile.
        P99 = "p99",
        /// 99.9th percentile.
        P999 = "p99.9" | "p999",
        /// CPU time per message, in nanoseconds.
        Cpu = "cpu",
        /// Bytes written to storage per message.
        Written = "written",
    }
}

/// Samples that must lie above a quantile in every round for the round to say anything about it.
const LEAST_ABOVE: f64 = 10.0;

/// Why a figure has no values.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum Gap {
    /// The system or the engine does not tell, or nothing is written.
    #[error("not measured")]
    NotMeasured,
    /// A tail that rests on a few samples.
    #[error("only {above:.1} samples of a round lie above it (at least {LEAST_ABOVE}: longer rounds)")]
    TooFew {
        /// Samples above the quantile in the round that has fewest.
        above: f64,
    },
    /// A value that cannot be.
    #[error("round {round} has {value}, not a positive number,")]
    NotPositive {
        /// The round's number.
        round: u32,
        /// Its value.
        value: f64,
    },
}

impl Metric {
    /// Whether more of it is better.
    #[must_use]
    pub const fn more_is_better(self) -> bool {
        matches!(self, Self::Throughput)
    }

    /// What one of it is.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Throughput => "messages/s",
            Self::P50 | Self::P99 | Self::P999 => "ns",
            Self::Cpu => "ns/message",
            Self::Written => "bytes/message",
        }
    }

    /// One positive value for each round that was measured under the cell's own conditions.
    pub(crate) fn values(self, cell: &CellResult) -> Result<Vec<f64>, Gap> {
        let rounds: Vec<&RoundResult> = comparable_rounds(cell).collect();
        let values: Option<Vec<(u32, f64)>> =
            rounds.iter().map(|round| Some((round.round, self.value(round)?))).collect();
        let values = values.filter(|values| !values.is_empty()).ok_or(Gap::NotMeasured)?;
        if let Self::Written = self
            && values.iter().all(|(_, value)| *value == 0.0)
        {
            return Err(Gap::NotMeasured);
        }
        if let Some((round, value)) = values.iter().copied().find(|(_, value)| !(value.is_finite() && *value > 0.0)) {
            return Err(Gap::NotPositive { round, value });
        }
        self.enough_above(&rounds)?;
        Ok(values.into_iter().map(|(_, value)| value).collect())
    }

    fn value(self, round: &RoundResult) -> Option<f64> {
        let per_message = |amount: Option<u64>| Some(amount? as f64 / round.messages as f64);
        match self {
            Self::Throughput => Some(round.messages_per_s),
            Self::P50 | Self::P99 | Self::P999 => self.quantile(latency(round)?),
            Self::Cpu => per_message(round.resources.cpu_ns),
            Self::Written => per_message(round.resources.bytes_written),
        }
    }

    fn quantile(self, summary: &Summary) -> Option<f64> {
        match self {
            Self::P50 => Some(summary.p50 as f64),
            Self::P99 => Some(summary.p99 as f64),
            Self::P999 => Some(summary.p999 as f64),
            Self::Throughput | Self::Cpu | Self::Written => None,
        }
    }

    fn enough_above(self, rounds: &[&RoundResult]) -> Result<(), Gap> {
        let part = match self {
            Self::P99 => 0.01,
            Self::P999 => 0.001,
            Self::Throughput | Self::P50 | Self::Cpu | Self::Written => return Ok(()),
        };
        let counts = rounds.iter().filter_map(|round| latency(round)).map(|summary| summary.count);
        let above = counts.min().unwrap_or(0) as f64 * part;
        if above < LEAST_ABOVE { Err(Gap::TooFew { above }) } else { Ok(()) }
    }
}

/// The rounds of a cell that were measured without looking inside.
pub(super) fn comparable_rounds(cell: &CellResult) -> impl Iterator<Item = &RoundResult> {
    cell.rounds.iter().filter(|round| round.stages_ns.is_empty())
}

/// What the caller sees: of a message, where the cell sends some, else of its reads or restarts.
fn latency(round: &RoundResult) -> Option<&Summary> {
    let tags = [Tag::Response, Tag::Acknowledged, Tag::Read, Tag::Restart, Tag::Registry];
    tags.iter().find_map(|tag| round.latency_ns.get(tag))
}
