//! By how much one sample lies above another, how surely, and whether at all.

/// The answer of a two-sample or paired rank test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shift {
    /// The Hodges-Lehmann estimate of new minus base.
    pub estimate: f64,
    /// Its confidence interval: all shifts that the same test does not reject. Infinite where the samples are too
    /// small for the level, which is the honest answer.
    pub interval: (f64, f64),
    /// Two-sided probability of a difference at least as extreme if there were none.
    pub p: f64,
    /// Rank-biserial correlation, -1 to 1: how much more often new is above base than below it. For two samples it is
    /// Cliff's delta.
    pub effect: f64,
}

/// The interval of the order statistics that `steps` excluded ones at either end leave; infinite without any.
pub(super) fn interval(sorted: &[f64], steps: usize) -> (f64, f64) {
    let at = |index: usize| sorted.get(index).copied();
    let ends = steps.checked_sub(1).and_then(|low| Some((at(low)?, at(sorted.len().checked_sub(steps)?)?)));
    ends.unwrap_or((f64::NEG_INFINITY, f64::INFINITY))
}
