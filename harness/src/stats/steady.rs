//! Whether a round ran at one rate.
//!
//! The rule: a round is *not* steady when both hold,
//!
//! * its rate is not stationary around a level, by the test of Kwiatkowski, Phillips, Schmidt and Shin (*Testing the
//!   null hypothesis of stationarity against the alternative of a unit root*, Journal of Econometrics 54, 1992) at
//!   5 %. Its long-run variance (Newey and West's, with Bartlett weights) allows for intervals that resemble their
//!   neighbours;
//! * and it matters: the means of the round's three thirds lie more than 10 % of the whole mean apart.

/// Fewer intervals than this say nothing.
const FEWEST: usize = 20;
/// No more are needed.
const MOST: usize = 50;
/// Messages each interval should have on average.
const MESSAGES_EACH: usize = 10;
/// Critical value of the test around a level at 5 % (their table 1).
const CRITICAL: f64 = 0.463;
/// Differences between thirds, of the mean, that do not matter.
const NEGLIGIBLE: f64 = 0.1;

/// Whether messages acknowledged at `times` (sorted, nanoseconds after the start) over `span_ns` came at one rate;
/// `None` below two hundred messages.
#[must_use]
pub fn steady(times: &[u64], span_ns: u64) -> Option<bool> {
    let intervals = (times.len() / MESSAGES_EACH).min(MOST);
    (intervals >= FEWEST && span_ns > 0).then(|| is_level(&counts(times, span_ns, intervals)))
}

/// How many of `times` lie in each of `intervals` equal parts of the span.
fn counts(times: &[u64], span_ns: u64, intervals: usize) -> Vec<f64> {
    let mut counts = vec![0.0; intervals];
    for time in times {
        let part = u128::from(*time) * intervals as u128 / u128::from(span_ns);
        let part = usize::try_from(part).unwrap_or(usize::MAX).min(intervals - 1);
        counts[part] += 1.0;
    }
    counts
}

fn is_level(rates: &[f64]) -> bool {
    differences_are_negligible(rates) || kpss(rates) <= CRITICAL
}

fn differences_are_negligible(rates: &[f64]) -> bool {
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len().max(1) as f64;
    let thirds: Vec<f64> = rates.chunks(rates.len().div_ceil(3).max(1)).map(mean).collect();
    let most = thirds.iter().copied().fold(f64::MIN, f64::max);
    let least = thirds.iter().copied().fold(f64::MAX, f64::min);
    most - least <= NEGLIGIBLE * mean(rates)
}

/// The statistic of the test around a level; zero for a constant.
fn kpss(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let residuals: Vec<f64> = values.iter().map(|value| value - mean).collect();
    let partial_sums = residuals.iter().scan(0.0, |sum, residual| {
        *sum += residual;
        Some(*sum)
    });
    let variance = long_run_variance(&residuals);
    if variance <= 0.0 { 0.0 } else { partial_sums.map(|sum| sum * sum).sum::<f64>() / (n * n * variance) }
}

/// Lags up to 4 (n / 100)^¼, as in their paper.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small positive number")]
fn long_run_variance(residuals: &[f64]) -> f64 {
    let n = residuals.len() as f64;
    let lags = (4.0 * (n / 100.0).powf(0.25)) as usize;
    let covariance =
        |lag: usize| residuals.iter().zip(residuals.iter().skip(lag)).map(|(one, later)| one * later).sum::<f64>() / n;
    let weighted = (1..=lags).map(|lag| (1.0 - lag as f64 / (lags + 1) as f64) * covariance(lag));
    covariance(0) + 2.0 * weighted.sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::synthetic::Source;

    /// Part of 400 rounds of 50 intervals that the rule calls steady.
    fn steady_part(seed: u64, mut round: impl FnMut(&mut Source) -> Vec<f64>) -> f64 {
        let mut source = Source::new(seed);
        let steady = (0..400).filter(|_| is_level(&round(&mut source))).count();
        steady as f64 / 400.0
    }

    fn shaped(source: &mut Source, noise: f64, shape: impl Fn(f64) -> f64) -> Vec<f64> {
        (0..MOST).map(|i| 1000.0 * shape(i as f64 / MOST as f64) * (1.0 + noise * source.normal())).collect()
    }

    #[test]
    fn level_rates_are_steady_whatever_their_noise() {
        for noise in [0.0, 0.02, 0.1, 0.5] {
            let part = steady_part(1, |source| shaped(source, noise, |_| 1.0));
            assert!(part >= 0.93, "noise {noise}: {part}");
        }
        let part = steady_part(2, |source| {
            let mut before = 0.0;
            let mut next = |source: &mut Source| {
                before = 0.5 * before + source.normal();
                1000.0 + 50.0 * before
            };
            (0..MOST).map(|_| next(source)).collect()
        });
        assert!(part >= 0.9, "neighbours that resemble each other: {part}");
        let stops = steady_part(3, |source| {
            let mut rates = shaped(source, 0.05, |_| 1.0);
            (0..MOST).step_by(9).for_each(|i| rates[i] = 0.0);
            rates
        });
        assert!(stops >= 0.93, "regular stops: {stops}");
    }

    #[test]
    fn a_rate_that_changes_for_good_is_not_steady() {
        type Shape = fn(f64) -> f64;
        let shapes: [(&str, Shape); 4] = [
            ("falls by 30 %", |x| 1.0 - 0.3 * x),
            ("a step of 20 %", |x| if x < 0.4 { 1.0 } else { 0.8 }),
            ("warms up over the first third", |x| 1.0 - 0.6 * (-x * 8.0).exp()),
            ("slow in the middle third", |x| if (0.33..0.66).contains(&x) { 0.6 } else { 1.0 }),
        ];
        for (name, shape) in shapes {
            let part = steady_part(4, |source| shaped(source, 0.05, shape));
            // A hump is what the test is weakest at.
            let allowed = if name.starts_with("slow") { 0.5 } else { 0.05 };
            assert!(part <= allowed, "{name}: {part}");
        }
    }

    #[test]
    fn a_drift_too_small_to_matter_is_steady_though_the_test_sees_it() {
        let rates: Vec<f64> = (0..50).map(|i| 1000.0 + f64::from(i)).collect();
        assert!(kpss(&rates) > CRITICAL && is_level(&rates));
        assert_eq!(kpss(&[5.0; 30]), 0.0);
    }

    #[test]
    fn the_statistic_of_a_worked_example() {
        // Residuals -1.5 -0.5 0.5 1.5 with partial sums -1.5 -2 -1.5 0: 8.5 over 16 times the long-run variance,
        // which with one lag is 1.25 + 2 * ½ * 0.3125.
        assert!((kpss(&[1.0, 2.0, 3.0, 4.0]) - 8.5 / (16.0 * 1.5625)).abs() < 1e-12);
    }

    #[test]
    fn too_few_messages_say_nothing() {
        let times = |count: u64| (0..count).map(|i| i * 1_000_000).collect::<Vec<_>>();
        assert_eq!(steady(&times(199), 199_000_000), None);
        assert_eq!(steady(&times(200), 200_000_000), Some(true));
        assert_eq!(steady(&times(200), 400_000_000), Some(false), "all in the first half");
        assert_eq!(steady(&[], 0), None);
    }
}
