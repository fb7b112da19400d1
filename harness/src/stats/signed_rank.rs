//! Paired samples: Wilcoxon's signed ranks, and the interval that belongs to them.
//!
//! What a noisy machine does to both halves of a pair cancels. The interval is the test turned around: order statistics
//! of the means of all pairs of differences (Walsh averages; Hollander and Wolfe, *Nonparametric Statistical Methods*,
//! chapter 3).

use crate::stats::median;
use crate::stats::null::{SumDistribution, doubled_ranks, untied};
use crate::stats::shift::{Shift, interval};

/// How far the differences, new minus base, lie from zero. `alpha` is 1 minus the level of the interval.
///
/// Exact for any number of pairs, ties included; pairs without a difference count for neither side. `None` where there
/// is no pair or a difference is not a finite number.
#[must_use]
pub fn signed_rank(differences: &[f64], alpha: f64) -> Option<Shift> {
    if differences.is_empty() || !differences.iter().all(|value| value.is_finite()) {
        return None;
    }
    let moved: Vec<f64> = differences.iter().copied().filter(|value| *value != 0.0).collect();
    let ranks = doubled_ranks(&moved.iter().map(|value| value.abs()).collect::<Vec<_>>());
    let all: usize = ranks.iter().sum();
    let above: usize = ranks.iter().zip(&moved).filter(|(_, value)| **value > 0.0).map(|(rank, _)| rank).sum();
    let averages = walsh_averages(differences);
    let steps = SumDistribution::of_signs(&untied(differences.len())).steps_below(0, alpha / 2.0);
    Some(Shift {
        estimate: median(&averages)?,
        interval: interval(&averages, steps),
        p: SumDistribution::of_signs(&ranks).two_sided(above),
        effect: if all == 0 { 0.0 } else { 2.0 * above as f64 / all as f64 - 1.0 },
    })
}

/// The least number of pairs with which a p-value of at most `alpha` is possible at all: 2 / 2^n.
#[must_use]
pub fn least_pairs(alpha: f64) -> usize {
    let least_p = |pairs: usize| (1..pairs).fold(1.0, |p, _| p / 2.0);
    (1..).find(|pairs| least_p(*pairs) <= alpha).unwrap_or(usize::MAX)
}

/// The means of all pairs of values, each with itself included, sorted.
fn walsh_averages(values: &[f64]) -> Vec<f64> {
    let pairs = values.iter().enumerate();
    let mut averages: Vec<f64> =
        pairs.flat_map(|(index, one)| values[index..].iter().map(|other| f64::midpoint(*one, *other))).collect();
    averages.sort_by(f64::total_cmp);
    averages
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn six_differences_of_one_sign() {
        let shift = signed_rank(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 0.05).expect("numbers");
        assert!((shift.p - 2.0 / 64.0).abs() < 1e-15);
        assert_eq!((shift.estimate, shift.effect, shift.interval), (3.5, 1.0, (1.0, 6.0)));
        let few = signed_rank(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.05).expect("numbers");
        assert_eq!(few.interval, (f64::NEG_INFINITY, f64::INFINITY));
    }

    #[test]
    fn no_difference_says_nothing() {
        let shift = signed_rank(&[0.0; 8], 0.05).expect("numbers");
        assert_eq!((shift.estimate, shift.effect, shift.p, shift.interval), (0.0, 0.0, 1.0, (0.0, 0.0)));
        assert_eq!(signed_rank(&[], 0.05), None);
        assert_eq!(signed_rank(&[f64::NAN], 0.05), None);
    }

    #[test]
    fn the_least_pairs_are_those_of_the_formula() {
        assert_eq!([1.0, 0.5, 0.05, 0.01, 0.001].map(least_pairs), [1, 2, 6, 8, 11]);
    }

    proptest! {
        #[test]
        fn the_interval_excludes_zero_where_the_test_rejects(differences in prop::collection::vec(-9.0_f64..9.0, 1..25), alpha in 0.001_f64..0.5) {
            let shift = signed_rank(&differences, alpha).expect("numbers");
            let excludes_zero = shift.interval.0 > 0.0 || shift.interval.1 < 0.0;
            prop_assert_eq!(excludes_zero, shift.p <= alpha, "{:?}", shift);
            prop_assert!(shift.interval.0 <= shift.estimate && shift.estimate <= shift.interval.1);
        }

        #[test]
        fn exchanging_the_builds_turns_the_answer_around(differences in prop::collection::vec(-9.0_f64..9.0, 1..25)) {
            let turned: Vec<f64> = differences.iter().map(|value| -value).collect();
            let (one, other) = (signed_rank(&differences, 0.05).expect("numbers"), signed_rank(&turned, 0.05).expect("numbers"));
            prop_assert!((one.p - other.p).abs() < 1e-12 && (one.effect + other.effect).abs() < 1e-12);
            prop_assert_eq!(one.interval, (-other.interval.1, -other.interval.0));
        }
    }
}
