//! From numbers to a verdict.

use crate::axis::names;
use crate::compare::Metric;
use crate::compare::settings::{Design, Settings};
use crate::stats::Shift;

names! {
    /// What became of a figure.
    Verdict, "verdict" {
        /// Better by more than the margin, and not by chance.
        Improved = "improved",
        /// Worse by more than the margin, and not by chance.
        Regressed = "regressed",
        /// The whole interval lies within the margin: a larger change is ruled out.
        Unchanged = "unchanged",
        /// Neither: too few rounds, or too much noise.
        Inconclusive = "inconclusive",
        /// Not tested.
        NotComparable = "not comparable",
    }
}

/// Between runs made one after the other, a change counts when it exceeds that many standard deviations of a round.
/// About 95 % of rounds lie within as many of their median, so a change that a single round could show by itself is
/// not blamed on the code.
pub(super) const NOISE_FACTOR: f64 = 2.0;

/// What is known of a figure. Differences of logarithms: new minus base.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Evidence {
    pub(super) shift: Shift,
    pub(super) threshold: f64,
    pub(super) noise: f64,
    /// Rounds of the run that has fewer.
    pub(super) rounds: usize,
    pub(super) p_adjusted: f64,
}

impl Evidence {
    /// What a change must exceed to be called one.
    fn hurdle(&self, design: Design) -> f64 {
        match design {
            Design::Rounds => self.threshold.max(self.noise),
            Design::Pairs { .. } => self.threshold,
        }
    }

    /// Within what the interval must lie for "unchanged".
    pub(super) fn tolerance(&self, design: Design) -> f64 {
        match design {
            Design::Rounds | Design::Pairs { last: true } => self.threshold.max(self.noise),
            Design::Pairs { last: false } => self.threshold,
        }
    }
}

/// The verdict, and the reason where it is inconclusive.
pub(super) fn judge(
    evidence: &Evidence,
    metric: Metric,
    settings: &Settings,
    least_rounds: usize,
) -> (Verdict, Option<String>) {
    let Evidence { shift, rounds, .. } = evidence;
    let (hurdle, tolerance) = (evidence.hurdle(settings.design), evidence.tolerance(settings.design));
    let is_real = evidence.p_adjusted <= settings.alpha;
    if is_real && shift.estimate.abs() > hurdle {
        let is_better = (shift.estimate > 0.0) == metric.more_is_better();
        return (if is_better { Verdict::Improved } else { Verdict::Regressed }, None);
    }
    if -tolerance <= shift.interval.0 && shift.interval.1 <= tolerance {
        return (Verdict::Unchanged, None);
    }
    let reason = if *rounds < least_rounds {
        format!("{rounds} rounds cannot decide, {least_rounds} are the least")
    } else if is_real {
        "a change, but perhaps within the margin: more rounds would tell".to_owned()
    } else {
        "too noisy: more or longer rounds would tell".to_owned()
    };
    (Verdict::Inconclusive, Some(reason))
}
