//! One measured pass over a cell.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{Debt, Latencies, Resources, Sample, Stall, Summary};

/// One measured pass over a cell.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RoundResult {
    /// Its number within the cell, from 0.
    pub round: u32,
    /// When it began, in milliseconds after the first round of the run. Ties the round to its intervals in the `.hlog`.
    pub start_ms: u64,
    /// Operations done, warm-up excluded: messages acknowledged, and stored when the clock stopped, and reads answered.
    pub messages: u64,
    /// Of those, reads.
    #[serde(default)]
    pub reads: u64,
    /// Slots stored before the first measured operation: history, what earlier rounds added to it, and warm-up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slots_before: Option<u64>,
    /// From the first measured operation until everything acknowledged was stored.
    pub elapsed_ns: u64,
    /// `messages` over `elapsed_ns`.
    pub messages_per_s: f64,
    /// How warming up ended.
    pub warmup: Warmup,
    /// Latencies of this round.
    pub latency_ns: Latencies,
    /// What it used.
    pub resources: Resources,
    /// How fast the machine was: the time of a SHA-256 of 1 KiB, mean of the medians just before the round and just after it,
    /// the two readings of the clock around each included (the floor of that name is without them).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256_ns: Option<f64>,
    /// Time by stage (`verify`, `queue`, `sign`, `commit_wait`, `apply`, `acknowledge`; in aggressive mode `durable_lag`
    /// too), sampled; only in [`CellResult::stage_round`](crate::model::CellResult::stage_round).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stages_ns: BTreeMap<String, Summary>,
    /// Messages per batch that reached the store; group commit only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_messages: Option<Summary>,
    /// How it went over time, in equal intervals.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub series: Vec<Sample>,
    /// When it stood still.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stalls: Vec<Stall>,
    /// What the engine had left to do at its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub debt: Option<Debt>,
    /// Messages acknowledged whose write failed afterwards; possible in aggressive mode only.
    pub failed_after_acknowledge: u64,
    /// Most messages that were acknowledged but not yet stored at one time.
    pub max_unstored: u64,
    /// Over a transport: connections that were opened for the measured part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<u64>,
    /// Open loop: how late operations started, by the generator's own fault.
    pub pacing_error_ns: Option<Summary>,
    /// Open loop: CPU time of the thread that makes the starts. Not part of the resources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator_cpu_ns: Option<u64>,
    /// Open loop: starts that had to wait because as many operations were in flight as allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked: Option<u64>,
    /// Open loop: the target did not keep up with the rate.
    pub overloaded: bool,
    /// Whether the store holds exactly what was acknowledged, in order and unbroken, also after a reopen; `None` where
    /// nothing is stored.
    pub verified: Option<bool>,
    /// What verification found.
    pub failures: Vec<String>,
}

/// How warming up ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warmup {
    /// Its length.
    pub duration_ns: u64,
    /// Whether throughput was steady over the measured part, by the rule of [`steady`](crate::stats::steady); `None`
    /// where there are too few messages to tell.
    pub steady: Option<bool>,
}
