//! Latencies, summarised.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::axis::names;

names! {
    /// What a latency lies between. Closed loop: `acknowledged` and `durable`, `read` where there are reads; or `restart`
    /// or `registry` alone. Open loop: `response` and `service` too, of which the latter is `acknowledged` again.
    Tag, "latency tag" {
        /// From the call to the caller's answer.
        Acknowledged = "acknowledged",
        /// From the call until the message is stored at the cell's durability.
        Durable = "durable",
        /// From the *intended* start on a fixed schedule to the answer.
        Response = "response",
        /// From the actual start to the answer.
        Service = "service",
        /// From asking to the answer, of what was stored before.
        Read = "read",
        /// From the begin of closing a store until it is open again and its scheduler has taken a message.
        Restart = "restart",
        /// From asking the registry to its answer: the mean of a hundred look-ups, or of a hundred new names made and given
        /// up; one page of a list.
        Registry = "registry",
    }
}

/// A summary for each tag that was recorded.
pub type Latencies = BTreeMap<Tag, Summary>;

/// What a histogram says, in nanoseconds; quantiles are exact to 3 significant digits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Recorded values.
    pub count: u64,
    /// Smallest.
    pub min: u64,
    /// Arithmetic mean.
    pub mean: f64,
    /// Median.
    pub p50: u64,
    /// 90th percentile.
    pub p90: u64,
    /// 99th percentile.
    pub p99: u64,
    /// 99.9th percentile.
    pub p999: u64,
    /// Largest.
    pub max: u64,
}
