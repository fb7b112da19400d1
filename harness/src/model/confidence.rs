//! How sure the figures of a cell are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::Tag;

/// 95 % confidence intervals over rounds, for what a typical round (the median one of many) would show.
///
/// The round is the unit: messages of one round follow each other and share the engine's state, so they are not
/// independent, whatever their number. Each interval needs two rounds; [`interval95`](crate::stats::interval95)
/// says how it is computed and how often it is right.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Confidence {
    /// Throughput.
    pub messages_per_s: Interval95,
    /// Latency quantiles in nanoseconds, by tag.
    pub latency_ns: BTreeMap<Tag, QuantileIntervals>,
}

/// Quantiles of a latency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct QuantileIntervals {
    /// The median.
    pub p50: Interval95,
    /// The 99th percentile.
    pub p99: Interval95,
}

/// A 95 % confidence interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Interval95 {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}
