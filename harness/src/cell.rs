//! A cell: one combination of all axes, and how long it is measured.

mod counted;
mod hundredths;
mod id;
pub(crate) mod payload;
pub(crate) mod skew;
mod workload;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use counted::Counted;
pub use hundredths::Hundredths;
pub use id::CellId;
pub use payload::{Digest, LOGNORMAL_CAP, MAX_PAYLOAD, Payload};
pub use skew::Skew;
pub use workload::{Operation, Read, Workload};

use crate::axis::{Arrival, Mode, Quantile, Reach, Transport};

/// Most operations of an open loop in flight, where a plan does not say.
pub const IN_FLIGHT: u32 = 1024;

/// One combination of all axes, measured for a number of rounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Every axis in one file-name-safe word; equal for equal axes only.
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
    /// Engine settings of the plan, for [`Kind::open`](slotbench_backends::Kind::open).
    pub engine_options: BTreeMap<String, String>,
    /// Where the items are that are sent, for a payload of real ones.
    #[serde(default)]
    pub items: Option<PathBuf>,
    /// Why it cannot run: known from the plan alone, before anything is opened.
    pub refusal: Option<String>,
    /// Search for the highest rate within this limit.
    #[serde(default)]
    pub saturate: Option<Search>,
}

/// A search for the highest rate of an open loop at which response time stays within a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Search {
    /// What is limited.
    pub limit: Limit,
    /// How the starts of its open loops are spread.
    pub arrival: Arrival,
    /// Most operations in flight.
    pub in_flight: u32,
}

/// A limit on response time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// Which quantile of response time.
    pub quantile: Quantile,
    /// What it must not exceed, nanoseconds.
    pub limit_ns: u64,
}

impl Search {
    /// The open loop that tries a rate.
    #[must_use]
    pub const fn load(&self, rate: u32) -> OpenLoad {
        OpenLoad { rate, arrival: self.arrival, in_flight: self.in_flight }
    }
}

impl Cell {
    /// The number of the cell's *stage round*: one more after the measured ones, shorter, in which messages are followed
    /// from stage to stage. It tells where the time goes and is part of no other figure. `None` where the scheduler
    /// is not in this process, so that nobody can follow, and where no messages are sent to it.
    #[must_use]
    pub fn stage_round(&self) -> Option<u32> {
        let Axes { transport, mode, workload, .. } = &self.axes;
        let is_here = *transport == Transport::InProcess && *mode != Mode::Remote;
        (is_here && workload.schedules()).then_some(self.measure.rounds)
    }
}

/// What distinguishes a cell from every other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Axes {
    /// The engine's name.
    pub backend: String,
    /// When callers are acknowledged.
    pub mode: Mode,
    /// Asked and effective tier.
    pub durability: Reach,
    /// Closed loop: concurrent callers, 1 to 10 000. An open loop has as many as its rate makes, so there it is 1 in
    /// process, and the number of connections otherwise.
    pub workers: u32,
    /// How they reach the scheduler.
    pub transport: Transport,
    /// Open loop: messages per second, all callers together. Closed loop without.
    pub rate: Option<u32>,
    /// Open loop: how starts are spread over time.
    #[serde(default)]
    pub arrival: Option<Arrival>,
    /// Open loop: most operations in flight, 1 to 10 000; a start that finds them all taken waits, and its wait counts.
    #[serde(default)]
    pub in_flight: Option<u32>,
    /// What they do.
    pub workload: Workload,
}

/// The load of an open loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenLoad {
    /// Messages per second.
    pub rate: u32,
    /// How starts are spread over time.
    pub arrival: Arrival,
    /// Most operations in flight.
    pub in_flight: u32,
}

impl Axes {
    /// The load of an open loop; `None` for a closed one.
    #[must_use]
    pub fn open_load(&self) -> Option<OpenLoad> {
        let (arrival, in_flight) = (self.arrival.unwrap_or(Arrival::Fixed), self.in_flight.unwrap_or(IN_FLIGHT));
        self.rate.map(|rate| OpenLoad { rate, arrival, in_flight })
    }

    /// The same with that load, or without one: what has no meaning then is left out, so that equal work has equal axes.
    #[must_use]
    pub fn with_load(mut self, load: Option<OpenLoad>) -> Self {
        self.rate = load.map(|load| load.rate);
        self.arrival = load.map(|load| load.arrival);
        self.in_flight = load.map(|load| load.in_flight);
        if load.is_some() && self.transport == Transport::InProcess {
            self.workers = 1;
        }
        self
    }
}

/// How long a cell is measured. Not part of its identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measure {
    /// What ends a round.
    pub length: Length,
    /// Not measured, at the start of each round, in nanoseconds.
    #[serde(rename = "warmup_ns", with = "nanoseconds")]
    pub warmup: Duration,
    /// Measured passes, each over a fresh directory; 1 to 1000.
    pub rounds: u32,
}

/// Longest stage round.
const LONGEST_STAGE_ROUND: Duration = Duration::from_secs(1);
/// Longest warm-up of one.
const LONGEST_STAGE_WARMUP: Duration = Duration::from_millis(500);

impl Measure {
    /// How long a stage round is measured: as long as the others, but for no more than a second.
    #[must_use]
    pub fn of_stage_round(&self) -> Self {
        let length = match self.length {
            Length::Duration(duration) => Length::Duration(duration.min(LONGEST_STAGE_ROUND)),
            Length::Ops(ops) => Length::Ops(ops),
        };
        Self { length, warmup: self.warmup.min(LONGEST_STAGE_WARMUP), rounds: self.rounds }
    }
}

/// What ends a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Length {
    /// That many operations, all workers together.
    #[serde(rename = "ops")]
    Ops(u64),
    /// No operation starts later than that, in nanoseconds.
    #[serde(rename = "duration_ns", with = "nanoseconds")]
    Duration(Duration),
}

/// Durations as whole nanoseconds: the unit of every time in a result.
mod nanoseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_nanos)
    }
}
