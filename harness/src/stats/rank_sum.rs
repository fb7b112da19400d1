//! Two independent samples: the test of Mann and Whitney, and the interval that belongs to it.
//!
//! Rounds on a shared machine have outliers, and there are few of them: ranks bear the one, exact counting the other.
//! The interval is the test turned around (Hodges and Lehmann, *Ann. Math. Statist.* 34, 1963): it excludes zero
//! exactly where the test rejects, up to ties, with which it is a little wide.

use crate::stats::median;
use crate::stats::null::{SumDistribution, doubled_ranks, untied};
use crate::stats::shift::{Shift, interval};

/// Values of both samples up to which the distribution is counted; above it is close to normal.
const EXACT_UP_TO: usize = 56;

/// How far `new` lies above `base`. `alpha` is 1 minus the level of the interval, such as 0.05.
///
/// `None` where a sample is empty or has a value that is not a finite number.
#[must_use]
pub fn rank_sum(base: &[f64], new: &[f64], alpha: f64) -> Option<Shift> {
    let pooled: Vec<f64> = new.iter().chain(base).copied().collect();
    if base.is_empty() || new.is_empty() || !pooled.iter().all(|value| value.is_finite()) {
        return None;
    }
    let ranks = doubled_ranks(&pooled);
    let sum: usize = ranks.iter().take(new.len()).sum();
    let mut differences: Vec<f64> = new.iter().flat_map(|new| base.iter().map(move |base| new - base)).collect();
    differences.sort_by(f64::total_cmp);
    let null = Null::of(&ranks, new.len());
    let above = (sum as f64 - lowest(new.len()) as f64) / 2.0;
    Some(Shift {
        estimate: median(&differences)?,
        interval: interval(&differences, null.steps(alpha / 2.0)),
        p: null.p(sum),
        effect: 2.0 * above / differences.len() as f64 - 1.0,
    })
}

/// The least number of rounds in each of two runs with which a p-value of at most `alpha` is possible at all:
/// 2 / C(2n, n) for samples that do not overlap.
#[must_use]
pub fn least_rounds(alpha: f64) -> usize {
    let least_p = |rounds: usize| (1..=rounds).fold(2.0, |p, k| p * k as f64 / (rounds + k) as f64);
    // The product's last digit is not the formula's.
    (1..).find(|rounds| least_p(*rounds) <= alpha * (1.0 + 1e-12)).unwrap_or(usize::MAX)
}

/// Twice the sum of the ranks 1 to `count`.
fn lowest(count: usize) -> usize {
    count * (count + 1)
}

enum Null {
    Exact { observed: SumDistribution, untied: SumDistribution, size: usize },
    Normal { size: usize, others: usize, ties: f64 },
}

impl Null {
    fn of(doubled: &[usize], size: usize) -> Self {
        if doubled.len() > EXACT_UP_TO {
            return Self::Normal { size, others: doubled.len() - size, ties: ties(doubled) };
        }
        let mut sorted = doubled.to_vec();
        sorted.sort_unstable();
        let ranks = untied(doubled.len());
        let untied = SumDistribution::of_subsets(&ranks, size);
        let observed = if sorted == ranks { untied.clone() } else { SumDistribution::of_subsets(doubled, size) };
        Self::Exact { observed, untied, size }
    }

    fn p(&self, doubled_sum: usize) -> f64 {
        match self {
            Self::Exact { observed, .. } => observed.two_sided(doubled_sum),
            Self::Normal { size, others, ties } => {
                let u = (doubled_sum as f64 - lowest(*size) as f64) / 2.0;
                let distance = (u - center(*size, *others)).abs() - 0.5;
                let deviation = deviation(*size, *others, *ties);
                if deviation > 0.0 { (2.0 * upper_tail(distance / deviation)).min(1.0) } else { 1.0 }
            }
        }
    }

    /// How many differences may be left out at either end of the interval.
    fn steps(&self, tail: f64) -> usize {
        match self {
            Self::Exact { untied, size, .. } => untied.steps_below(lowest(*size), tail),
            Self::Normal { size, others, .. } => {
                let (center, deviation) = (center(*size, *others), deviation(*size, *others, 0.0));
                let is_outside = |u: usize| upper_tail((center - u as f64 - 0.5) / deviation) <= tail;
                (0..size * others / 2).take_while(|u| is_outside(*u)).count()
            }
        }
    }
}

fn center(size: usize, others: usize) -> f64 {
    (size * others) as f64 / 2.0
}

fn deviation(size: usize, others: usize, ties: f64) -> f64 {
    let all = (size + others) as f64;
    let variance = (size * others) as f64 / 12.0 * (all + 1.0 - ties / (all * (all - 1.0)));
    variance.max(0.0).sqrt()
}

/// The sum of t^3 - t over groups of t tied values.
fn ties(doubled: &[usize]) -> f64 {
    let mut sorted = doubled.to_vec();
    sorted.sort_unstable();
    let groups = sorted.chunk_by(|one, other| one == other).map(|group| group.len() as f64);
    groups.map(|count| count.powi(3) - count).sum()
}

/// P(Z > z) of the standard normal distribution.
fn upper_tail(z: f64) -> f64 {
    0.5 * libm::erfc(z / std::f64::consts::SQRT_2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn samples_that_do_not_overlap() {
        let shift = rank_sum(&[1.0, 2.0, 3.0, 4.0], &[11.0, 12.0, 13.0, 14.0], 0.05).expect("numbers");
        assert!((shift.p - 2.0 / 70.0).abs() < 1e-15);
        assert_eq!((shift.estimate, shift.effect, shift.interval), (10.0, 1.0, (7.0, 13.0)));
        let reverse = rank_sum(&[11.0, 12.0, 13.0, 14.0], &[1.0, 2.0, 3.0, 4.0], 0.05).expect("numbers");
        assert_eq!((reverse.estimate, reverse.effect, reverse.interval), (-10.0, -1.0, (-13.0, -7.0)));
    }

    #[test]
    fn three_rounds_each_cannot_decide() {
        let shift = rank_sum(&[1.0, 2.0, 3.0], &[101.0, 102.0, 103.0], 0.05).expect("numbers");
        assert!((shift.p - 0.1).abs() < 1e-15);
        assert_eq!(shift.interval, (f64::NEG_INFINITY, f64::INFINITY));
    }

    #[test]
    fn the_least_rounds_are_those_of_the_formula() {
        // 2/C(2n, n): 1, 1/3, 1/10, 1/35, 1/126, 1/462, 1/1716, 1/6435.
        assert_eq!([0.1, 0.05, 0.01, 0.001, 0.05 / 96.0].map(least_rounds), [3, 4, 5, 7, 8]);
    }

    #[test]
    fn values_that_are_all_equal_say_nothing() {
        let shift = rank_sum(&[5.0; 6], &[5.0; 6], 0.05).expect("numbers");
        assert_eq!((shift.estimate, shift.effect, shift.p, shift.interval), (0.0, 0.0, 1.0, (0.0, 0.0)));
        let many = rank_sum(&[5.0; 40], &[5.0; 40], 0.05).expect("numbers");
        assert_eq!((many.p, many.interval), (1.0, (0.0, 0.0)));
    }

    #[test]
    fn no_numbers_no_answer() {
        assert_eq!(rank_sum(&[], &[1.0], 0.05), None);
        assert_eq!(rank_sum(&[f64::NAN], &[1.0], 0.05), None);
        assert_eq!(rank_sum(&[1.0], &[f64::INFINITY], 0.05), None);
    }

    fn sample() -> impl Strategy<Value = Vec<f64>> {
        prop::collection::vec(-50.0_f64..50.0, 1..14)
    }

    proptest! {
        /// Without ties the test and its interval say the same.
        #[test]
        fn the_interval_excludes_zero_where_the_test_rejects(base in sample(), new in sample(), alpha in 0.001_f64..0.5) {
            let shift = rank_sum(&base, &new, alpha).expect("numbers");
            let excludes_zero = shift.interval.0 > 0.0 || shift.interval.1 < 0.0;
            prop_assert_eq!(excludes_zero, shift.p <= alpha, "{:?}", shift);
            prop_assert!(shift.interval.0 <= shift.estimate && shift.estimate <= shift.interval.1);
        }

        #[test]
        fn moving_one_sample_moves_the_answer(base in sample(), new in sample(), by in -100.0_f64..100.0) {
            let shift = rank_sum(&base, &new, 0.1).expect("numbers");
            let moved: Vec<f64> = new.iter().map(|value| value + by).collect();
            let after = rank_sum(&base, &moved, 0.1).expect("numbers");
            prop_assert!((after.estimate - shift.estimate - by).abs() < 1e-9);
        }

        /// Where both apply, the normal approximation is near what counting gives.
        #[test]
        fn counting_and_the_normal_approximation_agree(base in prop::collection::vec(0.0_f64..1.0, 28), new in prop::collection::vec(0.0_f64..1.0, 28)) {
            let ranks = doubled_ranks(&new.iter().chain(&base).copied().collect::<Vec<_>>());
            let sum = ranks.iter().take(28).sum();
            let normal = Null::Normal { size: 28, others: 28, ties: ties(&ranks) };
            prop_assert!((Null::of(&ranks, 28).p(sum) - normal.p(sum)).abs() < 0.01);
            prop_assert!(Null::of(&ranks, 28).steps(0.025).abs_diff(normal.steps(0.025)) <= 2);
        }
    }
}
