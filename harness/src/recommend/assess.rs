//! Which limits a configuration misses.

use serde::Serialize;
use slotbench_core::Durability;

use crate::axis::Mode;
use crate::model::{Fault, Verdict};
use crate::percentiles;
use crate::recommend::{Choice, Limits};

/// A limit that is not met, or not shown to be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "limit", rename_all = "snake_case")]
pub enum Shortfall {
    /// The effective tier is too weak.
    Durability {
        /// What it is.
        effective: Durability,
    },
    /// It acknowledges before it stores, and no loss was allowed.
    AcknowledgesEarly,
    /// Fewer than two rounds: how far they lie apart is not known.
    OneRound,
    /// It carries less.
    Rate {
        /// Messages per second, the lower end of the interval.
        lower: f64,
        /// Messages per second, the median.
        value: f64,
    },
    /// It did not keep up with a rate no higher than the asked one.
    Overloaded {
        /// Messages per second.
        rate: f64,
    },
    /// No latency of the kind that counts was recorded.
    NoLatency,
    /// Too few latencies to know their 99th percentile.
    Samples {
        /// How many there are.
        count: u64,
        /// How many it takes.
        needed: u64,
    },
    /// Its p99 is higher.
    P99 {
        /// Nanoseconds, the upper end of the interval.
        upper: f64,
        /// Nanoseconds, the p99 of all rounds.
        value: f64,
    },
    /// The crash lab has not tried the fault, or could not.
    LossNotMeasured {
        /// The fault that counts for the tier.
        fault: Fault,
    },
    /// A crash lost more.
    Lost {
        /// The fault.
        fault: Fault,
        /// Messages, in the worst trial.
        lost: u64,
    },
    /// A crash broke what the mode and the tier promise, or left a store that is wrong.
    PromiseBroken {
        /// The fault.
        fault: Fault,
    },
}

impl Shortfall {
    /// How far off, as a factor above 1; `None` where it is not a matter of degree.
    pub(super) fn factor(&self, limits: &Limits) -> Option<f64> {
        match *self {
            Self::Rate { lower, .. } => Some(limits.rate / lower.max(f64::MIN_POSITIVE)),
            Self::Overloaded { rate } => Some(limits.rate / rate.max(f64::MIN_POSITIVE)),
            Self::P99 { upper, .. } => Some(upper / (limits.p99_ns as f64).max(1.0)),
            Self::Lost { lost, .. } => Some((lost + 1) as f64 / (limits.max_loss? + 1) as f64),
            _ => None,
        }
    }

    /// Whether only the noise is in the way: the median meets the limit, an end of its interval does not.
    pub(super) fn is_noise(&self, limits: &Limits) -> bool {
        match *self {
            Self::Rate { value, .. } => value >= limits.rate,
            Self::P99 { value, .. } => value <= limits.p99_ns as f64,
            Self::OneRound => true,
            _ => false,
        }
    }
}

/// Every limit that a configuration misses; none: it meets them all.
pub(super) fn shortfalls(choice: &Choice, limits: &Limits) -> Vec<Shortfall> {
    let mut found = Vec::new();
    found.extend(durability(choice, limits));
    found.extend(rate(choice, limits));
    found.extend(p99(choice, limits));
    found.extend(loss(choice, limits));
    // A single round is said once, though it leaves both rate and p99 open.
    found.dedup();
    found
}

fn durability(choice: &Choice, limits: &Limits) -> Option<Shortfall> {
    let effective = choice.durability;
    if effective < limits.durability {
        return Some(Shortfall::Durability { effective });
    }
    let is_early = choice.mode == Mode::Aggressive && limits.durability > Durability::Memory;
    (is_early && limits.max_loss.is_none()).then_some(Shortfall::AcknowledgesEarly)
}

fn rate(choice: &Choice, limits: &Limits) -> Option<Shortfall> {
    if let Some(rate) = choice.overloaded_at.filter(|rate| *rate <= limits.rate) {
        return Some(Shortfall::Overloaded { rate });
    }
    let value = choice.messages_per_s.value;
    match choice.carries() {
        Some(lower) if lower >= limits.rate => None,
        Some(lower) => Some(Shortfall::Rate { lower, value }),
        None if value < limits.rate => Some(Shortfall::Rate { lower: value, value }),
        None => Some(Shortfall::OneRound),
    }
}

fn p99(choice: &Choice, limits: &Limits) -> Option<Shortfall> {
    let Some(estimate) = choice.p99_ns else { return Some(Shortfall::NoLatency) };
    let needed = percentiles::needed(0.99);
    if let Some(count) = choice.samples.filter(|count| *count < needed) {
        return Some(Shortfall::Samples { count, needed });
    }
    let (limit, value) = (limits.p99_ns as f64, estimate.value);
    match choice.p99_bound() {
        Some(upper) if upper <= limit => None,
        Some(upper) => Some(Shortfall::P99 { upper, value }),
        None if value > limit => Some(Shortfall::P99 { upper: value, value }),
        None => Some(Shortfall::OneRound),
    }
}

/// The fault that a tier is about. At `memory`, a kill shows what there is to lose.
const fn fault(tier: Durability) -> Fault {
    match tier {
        Durability::Power => Fault::Power,
        Durability::Process | Durability::Memory => Fault::Kill,
    }
}

fn loss(choice: &Choice, limits: &Limits) -> Option<Shortfall> {
    // What a weaker tier or mode loses, it never promised to keep.
    if let Some(loss) = choice.loss.iter().find(|loss| loss.promise_broken > 0) {
        return Some(Shortfall::PromiseBroken { fault: loss.fault });
    }
    let allowed = limits.max_loss?;
    let fault = fault(limits.durability);
    let tried = choice.loss.iter().find(|loss| loss.fault == fault);
    match tried.map(|loss| (loss.verdict, loss.max_lost)) {
        Some((Verdict::Survived, _)) => None,
        Some((Verdict::Lost, lost)) if lost <= allowed => None,
        Some((Verdict::Lost, lost)) => Some(Shortfall::Lost { fault, lost }),
        Some((Verdict::NotMeasured | Verdict::HarnessBroken, _)) | None => Some(Shortfall::LossNotMeasured { fault }),
    }
}
