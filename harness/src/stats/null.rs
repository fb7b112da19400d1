//! Null distributions of rank statistics, by counting: exact, so that a handful of rounds gets the p-value it deserves.

/// How a sum of ranks is distributed when nothing but chance decides which ranks are in it.
///
/// Ranks are doubled, so that the midrank of a tie is a whole number too.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SumDistribution {
    /// Probability of each sum from 0 on.
    probability: Vec<f64>,
}

impl SumDistribution {
    /// The sum of `size` of the doubled ranks, every choice being equally likely. Exact up to 56 ranks, where every
    /// count still is a whole number below 2^53.
    pub(super) fn of_subsets(doubled: &[usize], size: usize) -> Self {
        let largest: usize = doubled.iter().sum();
        let mut counts = vec![vec![0.0_f64; largest + 1]; size + 1];
        counts[0][0] = 1.0;
        let mut reach = 0;
        for (taken, rank) in doubled.iter().enumerate() {
            reach += rank;
            for chosen in (1..=size.min(taken + 1)).rev() {
                let (below, above) = counts.split_at_mut(chosen);
                let (without, with) = (&below[chosen - 1], &mut above[0]);
                for sum in (*rank..=reach).rev() {
                    with[sum] += without[sum - rank];
                }
            }
        }
        let counts = counts.pop().unwrap_or_default();
        let all: f64 = counts.iter().sum();
        Self { probability: counts.into_iter().map(|count| count / all).collect() }
    }

    /// The sum of the doubled ranks whose coin shows heads.
    pub(super) fn of_signs(doubled: &[usize]) -> Self {
        let largest: usize = doubled.iter().sum();
        let mut probability = vec![0.0_f64; largest + 1];
        probability[0] = 1.0;
        let mut reach = 0;
        for rank in doubled {
            reach += rank;
            for sum in (0..=reach).rev() {
                let heads = sum.checked_sub(*rank).map_or(0.0, |rest| probability[rest]);
                probability[sum] = 0.5 * (probability[sum] + heads);
            }
        }
        Self { probability }
    }

    /// P(sum <= `sum`).
    pub(super) fn at_most(&self, sum: usize) -> f64 {
        self.probability.iter().take(sum + 1).sum()
    }

    /// P(sum >= `sum`).
    pub(super) fn at_least(&self, sum: usize) -> f64 {
        self.probability.iter().skip(sum).sum()
    }

    /// Twice the smaller tail, at most 1.
    pub(super) fn two_sided(&self, sum: usize) -> f64 {
        (2.0 * self.at_most(sum).min(self.at_least(sum))).min(1.0)
    }

    /// How many steps of doubled ranks the lower tail may climb from `least` without exceeding `tail`; `None` where
    /// even the smallest sum is likelier than that.
    pub(super) fn steps_below(&self, least: usize, tail: f64) -> usize {
        let mut sum = 0.0;
        let steps = self.probability.iter().skip(least).step_by(2).take_while(|probability| {
            sum += **probability;
            sum <= tail
        });
        steps.count()
    }
}

/// The doubled rank of each value: ties share the mean of their places. NaN has no rank: values must be numbers.
pub(super) fn doubled_ranks(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|one, other| values[*one].total_cmp(&values[*other]));
    let mut ranks = vec![0; values.len()];
    let mut first = 0;
    for tied in order.chunk_by(|one, other| values[*one] == values[*other]) {
        // Places first + 1 to first + len: twice their mean.
        let doubled = 2 * first + tied.len() + 1;
        tied.iter().for_each(|index| ranks[*index] = doubled);
        first += tied.len();
    }
    ranks
}

/// Doubled ranks of `count` values without ties.
pub(super) fn untied(count: usize) -> Vec<usize> {
    (1..=count).map(|rank| 2 * rank).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_of_four_ranks() {
        // Sums of two of 1, 2, 3, 4: 3, 4, 5, 5, 6, 7.
        let sums = SumDistribution::of_subsets(&untied(4), 2);
        assert!((sums.at_most(2 * 3) - 1.0 / 6.0).abs() < 1e-15);
        assert!((sums.at_least(2 * 5) - 4.0 / 6.0).abs() < 1e-15);
        assert!((sums.two_sided(2 * 3) - 2.0 / 6.0).abs() < 1e-15);
        assert_eq!(sums.two_sided(2 * 5), 1.0);
    }

    #[test]
    fn three_coins() {
        // Sums of heads over ranks 1, 2, 3: 0, 1, 2, 3, 3, 4, 5, 6.
        let sums = SumDistribution::of_signs(&untied(3));
        assert!((sums.at_most(0) - 0.125).abs() < 1e-15);
        assert!((sums.at_most(2 * 3) - 5.0 / 8.0).abs() < 1e-15);
        assert_eq!((sums.steps_below(0, 0.124), sums.steps_below(0, 0.125), sums.steps_below(0, 0.3)), (0, 1, 2));
    }

    #[test]
    fn ties_share_a_rank() {
        assert_eq!(doubled_ranks(&[5.0, 1.0, 5.0, 9.0]), [5, 2, 5, 8]);
        assert_eq!(doubled_ranks(&[2.0; 3]), [4; 3]);
        assert_eq!(doubled_ranks(&[]), [0; 0]);
    }
}
