//! What a run says about load and concurrency beyond single cells.

use serde::{Deserialize, Serialize};

use crate::axis::Arrival;
use crate::cell::CellId;

/// The highest rate at which a latency limit held.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Saturation {
    /// The cell that was searched; its id carries no rate.
    pub cell: CellId,
    /// How the starts of its open loops were spread.
    pub arrival: Arrival,
    /// Most operations in flight.
    pub in_flight: u32,
    /// The quantile of response time that was limited, such as 0.99.
    pub quantile: f64,
    /// The limit, nanoseconds.
    pub limit_ns: u64,
    /// Messages per second: the highest rate that held; `None` when not even the lowest probe did.
    pub rate: Option<f64>,
    /// The lowest rate that did not hold: the true limit lies between the two. `None` when every probe held.
    pub above: Option<f64>,
    /// Every probe, in the order made.
    pub probes: Vec<Probe>,
}

/// One rate tried by a saturation search.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// Messages per second asked for.
    pub rate: f64,
    /// Messages per second acknowledged.
    pub achieved: f64,
    /// The limited quantile of response time, nanoseconds.
    pub response_ns: u64,
    /// Whether the limit held and the target kept up.
    pub held: bool,
}

/// Throughput over worker counts, fitted by the Universal Scalability Law:
/// `X(N) = lambda N / (1 + sigma (N - 1) + kappa N (N - 1))`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scaling {
    /// The cells it was fitted to: they differ in nothing but workers.
    pub cells: Vec<CellId>,
    /// Workers and messages per second, by workers.
    pub points: Vec<Point>,
    /// Messages per second of one worker.
    pub lambda: f64,
    /// Contention: the share of the work that is serial, 0 to 1.
    pub sigma: f64,
    /// Coherency: what each pair of workers costs each other.
    pub kappa: f64,
    /// Workers beyond which throughput falls; `None` where the fit has no peak.
    pub peak_workers: Option<f64>,
    /// Root mean square of the relative residuals.
    pub error: f64,
}

/// One measured point of a [`Scaling`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Workers.
    pub workers: u32,
    /// Messages per second.
    pub messages_per_s: f64,
}
