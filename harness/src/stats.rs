//! Statistics: pure functions of histograms and of rounds.

mod change_point;
mod holm;
mod noise;
mod null;
mod rank_sum;
mod shift;
mod signed_rank;
pub mod stalls;
pub mod steady;
mod student;
#[cfg(test)]
pub(crate) mod synthetic;
pub mod usl;

use hdrhistogram::{AdditionError, CreationError, Histogram};

use crate::model::{Interval95, Summary, Throughput};

pub use change_point::{ChangePoint, ChangePointSettings, change_points};
pub use holm::holm;
pub use noise::robust_deviation;
pub use rank_sum::{least_rounds, rank_sum};
pub use shift::Shift;
pub use signed_rank::{least_pairs, signed_rank};

/// Significant decimal digits of every histogram.
const DIGITS: u8 = 3;

/// What a histogram of nanoseconds says. All zero for an empty one.
#[must_use]
pub fn summary(histogram: &Histogram<u64>) -> Summary {
    if histogram.is_empty() {
        return Summary::default();
    }
    let at = |quantile| histogram.value_at_quantile(quantile).min(histogram.max());
    Summary {
        count: histogram.len(),
        min: histogram.min(),
        mean: histogram.mean(),
        p50: at(0.5),
        p90: at(0.9),
        p99: at(0.99),
        p999: at(0.999),
        max: histogram.max(),
    }
}

/// Why histograms could not be added.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// Three digits were refused.
    #[error("cannot make a histogram: {0}")]
    Create(#[from] CreationError),
    /// Memory ran out for the wider of the two.
    #[error("cannot add histograms: {0}")]
    Add(#[from] AdditionError),
}

/// The histogram of all values of all `parts`.
///
/// # Errors
/// [`MergeError`] when the sum needs more memory than can be addressed.
pub fn merge<'h>(parts: impl IntoIterator<Item = &'h Histogram<u64>>) -> Result<Histogram<u64>, MergeError> {
    let mut sum = Histogram::new(DIGITS)?;
    for part in parts {
        sum.add(part)?;
    }
    Ok(sum)
}

/// The middle value, or the mean of the middle two; `None` of nothing. NaN sorts last.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = *sorted.get((sorted.len() - 1) / 2)?;
    Some(f64::midpoint(lower, upper))
}

/// The middle count, rounded down between two.
#[must_use]
pub fn median_count(values: &[u64]) -> Option<u64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = *sorted.get((sorted.len() - 1) / 2)?;
    Some(u64::midpoint(lower, upper))
}

/// Arithmetic mean; `None` of nothing.
#[must_use]
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Range over median, a fraction: how far rounds lie apart. `None` of nothing, or where the median is zero.
#[must_use]
pub fn spread(values: &[f64]) -> Option<f64> {
    let median = median(values).filter(|median| *median != 0.0)?;
    let (min, max) = range(values)?;
    Some((max - min) / median)
}

/// Half the width of the 95 % confidence interval of the mean, by Student's t; `None` below two values.
///
/// It assumes independent rounds, which is why each has a directory of its own and a random place in the order. Where
/// rounds are skewed it is too narrow; [`interval95`] is not.
#[must_use]
pub fn ci95(values: &[f64]) -> Option<f64> {
    let mean = mean(values)?;
    let freedom = values.len().checked_sub(1).filter(|freedom| *freedom > 0)?;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let deviation = (squares / freedom as f64).sqrt();
    Some(student::t975(freedom) * deviation / (values.len() as f64).sqrt())
}

/// The 95 % confidence interval for the median of the distribution that `values`, one a round, come from: Student's t on
/// their logarithms. `None` below two values, or where one is not positive.
///
/// Rates and latencies vary by factors rather than by amounts, so their logarithms are closer to normal than they are,
/// and the interval never reaches below zero. Simulated coverage, 3 to 10 rounds (a test asserts it):
///
/// | rounds come from | coverage |
/// |---|---|
/// | normal, deviation up to 20 % | 94 % and more |
/// | log-normal, any skew (deviation of the logarithm up to 0.8) | 94 % and more |
/// | two equally likely states, 2 deviations apart (their middle) | 93 % and more |
/// | two equally likely states, far apart (their middle) | 93 % from 5 rounds on; at 3 rounds 75 %: all three may see one state |
/// | a state that only one round in five sees (the mean) | below 93 % up to 10 rounds: no method can show what was not seen |
///
/// Percentile bootstraps are narrower and cover about 83 % at 5 rounds.
#[must_use]
pub fn interval95(values: &[f64]) -> Option<Interval95> {
    if values.iter().any(|value| *value <= 0.0) {
        return None;
    }
    let logarithms: Vec<f64> = values.iter().map(|value| value.ln()).collect();
    let (centre, half) = (mean(&logarithms)?, ci95(&logarithms)?);
    Some(Interval95 { low: (centre - half).exp(), high: (centre + half).exp() })
}

/// Throughput over rounds, each in messages per second; `None` of no rounds.
#[must_use]
pub fn throughput(rounds: &[f64]) -> Option<Throughput> {
    let (min, max) = range(rounds)?;
    Some(Throughput { messages_per_s: median(rounds)?, ci95: ci95(rounds), min, max })
}

fn range(values: &[f64]) -> Option<(f64, f64)> {
    let min = values.iter().copied().min_by(f64::total_cmp)?;
    let max = values.iter().copied().max_by(f64::total_cmp)?;
    Some((min, max))
}

#[cfg(test)]
mod coverage;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn histogram(values: &[u64]) -> Histogram<u64> {
        let mut histogram = Histogram::new(DIGITS).expect("3 digits are allowed");
        values.iter().for_each(|value| histogram.record(*value).expect("it grows"));
        histogram
    }

    #[test]
    fn a_summary_of_known_values() {
        let values: Vec<u64> = (1..=1000).collect();
        let expected = Summary { count: 1000, min: 1, mean: 500.5, p50: 500, p90: 900, p99: 990, p999: 999, max: 1000 };
        assert_eq!(summary(&histogram(&values)), expected);
        assert_eq!(summary(&histogram(&[])), Summary::default());
    }

    #[test]
    fn the_interval_of_a_worked_example() {
        // Five values with mean 10 and sample deviation 1: t(4) = 2.776, so 2.776 / sqrt(5).
        let values = [9.0, 9.5, 10.0, 10.0, 11.5];
        let deviation = (3.5_f64 / 4.0).sqrt();
        let expected = 2.776 * deviation / 5_f64.sqrt();
        assert!((ci95(&values).expect("five values") - expected).abs() < 1e-9);
        assert_eq!((ci95(&[1.0]), ci95(&[])), (None, None));
    }

    #[test]
    fn the_interval_on_logarithms_of_a_worked_example() {
        // Logarithms 0, 1 and 2: mean 1, deviation 1, t(2) = 4.303, so e^(1 ± 4.303 / sqrt(3)).
        let found = interval95(&[1.0, 1_f64.exp(), 2_f64.exp()]).expect("three values");
        let half = 4.303 / 3_f64.sqrt();
        assert!((found.low.ln() - (1.0 - half)).abs() < 1e-9 && (found.high.ln() - (1.0 + half)).abs() < 1e-9);
        assert_eq!((interval95(&[5.0]), interval95(&[5.0, 0.0]), interval95(&[])), (None, None, None));
    }

    #[test]
    fn nothing_has_no_statistics() {
        assert_eq!((median(&[]), mean(&[]), spread(&[]), median_count(&[])), (None, None, None, None));
        assert_eq!(throughput(&[]), None);
        assert_eq!(spread(&[0.0, 0.0]), None);
    }

    proptest! {
        /// Against sorted values: a quantile is never below the exact one, and above by a thousandth at most.
        #[test]
        fn quantiles_are_exact_to_three_digits(mut values in prop::collection::vec(1_u64..100_000_000_000, 1..500)) {
            let found = summary(&histogram(&values));
            values.sort_unstable();
            for (per_mille, value) in [(500, found.p50), (900, found.p90), (990, found.p99), (999, found.p999)] {
                let rank = (per_mille * values.len()).div_ceil(1000).clamp(1, values.len());
                let exact = values[rank - 1];
                prop_assert!(value >= exact && value as f64 <= exact as f64 * 1.001 + 1.0, "{value} for {exact}");
            }
            prop_assert_eq!(found.count, values.len() as u64);
            prop_assert!(found.max as f64 <= values[values.len() - 1] as f64 * 1.001);
            prop_assert!(found.min <= found.p50 && found.p50 <= found.p90 && found.p90 <= found.p99);
            prop_assert!(found.p99 <= found.p999 && found.p999 <= found.max);
        }

        #[test]
        fn merging_is_recording_everything_in_one(parts in prop::collection::vec(prop::collection::vec(1_u64..1 << 40, 0..50), 0..8)) {
            let histograms: Vec<_> = parts.iter().map(|values| histogram(values)).collect();
            let merged = merge(&histograms).expect("fits in memory");
            prop_assert_eq!(summary(&merged), summary(&histogram(&parts.concat())));
        }

        #[test]
        fn median_and_mean_lie_within_the_range_and_ignore_order(mut values in prop::collection::vec(0.0_f64..1e9, 1..40)) {
            let (middle, average) = (median(&values).expect("not empty"), mean(&values).expect("not empty"));
            let (min, max) = range(&values).expect("not empty");
            prop_assert!(min <= middle && middle <= max);
            prop_assert!(min - 1e-3 <= average && average <= max + 1e-3);
            values.reverse();
            prop_assert_eq!(median(&values), Some(middle));
            let half = values.iter().filter(|value| **value <= middle).count();
            prop_assert!(half * 2 >= values.len());
        }

        #[test]
        fn the_interval_scales_with_the_values_and_ignores_their_offset(values in prop::collection::vec(1.0_f64..1e6, 2..20)) {
            let width = ci95(&values).expect("two values");
            let scaled: Vec<_> = values.iter().map(|value| value * 4.0).collect();
            let moved: Vec<_> = values.iter().map(|value| value + 1000.0).collect();
            prop_assert!((ci95(&scaled).expect("two values") - 4.0 * width).abs() <= 1e-6 * width.max(1.0));
            prop_assert!((ci95(&moved).expect("two values") - width).abs() <= 1e-4 * width.max(1.0));
        }
    }
}
