//! Whether a round ran at one rate.
//!
//! The rule: a round is cut into twenty equal pieces. It is *not* steady when both hold,
//!
//! * pieces resemble their neighbours more than chance allows at 5 %, by Young's statistic C (*On randomness in ordered
//!   sequences*, Annals of Mathematical Statistics 12, 1941; von Neumann's ratio is 2 (1 - C)). A slope, a step, a
//!   warm-up and a slow middle all raise it, whatever their shape. On batch means this is a classic test of simulation
//!   output (Fishman, *Principles of discrete event simulation*, 1978); our pieces are such batches;
//! * and it matters: the means of the round's three thirds lie more than 10 % of the whole mean apart.

/// Pieces of a round.
const PIECES: usize = 20;
/// Messages a piece should have on average: with fewer, a round says nothing.
const MESSAGES_EACH: usize = 10;
/// Upper 5 % point of the normal distribution.
const CRITICAL: f64 = 1.645;
/// Differences between thirds, of the mean, that do not matter.
const NEGLIGIBLE: f64 = 0.1;

/// Whether messages acknowledged at `times` (sorted, nanoseconds after the start) over `span_ns` came at one rate;
/// `None` below two hundred messages.
#[must_use]
pub fn steady(times: &[u64], span_ns: u64) -> Option<bool> {
    let tells = times.len() >= PIECES * MESSAGES_EACH && span_ns > 0;
    tells.then(|| is_level(&counts(times, span_ns)))
}

/// How many of `times` lie in each piece of the span.
fn counts(times: &[u64], span_ns: u64) -> [f64; PIECES] {
    let mut counts = [0.0; PIECES];
    for time in times {
        let piece = u128::from(*time) * PIECES as u128 / u128::from(span_ns);
        let last = PIECES - 1;
        counts[usize::try_from(piece).unwrap_or(last).min(last)] += 1.0;
    }
    counts
}

fn is_level(rates: &[f64]) -> bool {
    differences_are_negligible(rates) || likeness_of_neighbours(rates) <= CRITICAL
}

fn differences_are_negligible(rates: &[f64]) -> bool {
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len().max(1) as f64;
    let thirds: Vec<f64> = rates.chunks(rates.len().div_ceil(3).max(1)).map(mean).collect();
    let most = thirds.iter().copied().fold(f64::MIN, f64::max);
    let least = thirds.iter().copied().fold(f64::MAX, f64::min);
    most - least <= NEGLIGIBLE * mean(rates)
}

/// Young's C over its standard deviation: about standard normal where the order is random, larger where neighbours
/// resemble each other. Zero for a constant.
fn likeness_of_neighbours(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let successive: f64 = values.iter().zip(values.iter().skip(1)).map(|(one, next)| (next - one).powi(2)).sum();
    if squares <= 0.0 {
        return 0.0;
    }
    (1.0 - successive / (2.0 * squares)) / ((n - 2.0) / (n * n - 1.0)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::synthetic::Source;

    /// Part of 400 rounds that the rule calls steady.
    fn steady_part(seed: u64, mut round: impl FnMut(&mut Source) -> Vec<f64>) -> f64 {
        let mut source = Source::new(seed);
        let steady = (0..400).filter(|_| is_level(&round(&mut source))).count();
        steady as f64 / 400.0
    }

    fn shaped(source: &mut Source, noise: f64, shape: impl Fn(f64) -> f64) -> Vec<f64> {
        (0..PIECES).map(|i| 1000.0 * shape(i as f64 / PIECES as f64) * (1.0 + noise * source.normal())).collect()
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
                before = 0.3 * before + source.normal();
                1000.0 + 50.0 * before
            };
            (0..PIECES).map(|_| next(source)).collect()
        });
        assert!(part >= 0.9, "neighbours that resemble each other: {part}");
        let stops = steady_part(3, |source| {
            let mut rates = shaped(source, 0.05, |_| 1.0);
            (0..PIECES).step_by(6).for_each(|i| rates[i] = 0.0);
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
            assert!(part <= 0.05, "{name}: {part}");
        }
    }

    #[test]
    fn a_drift_too_small_to_matter_is_steady_though_the_test_sees_it() {
        let rates: Vec<f64> = (0..20).map(|i| 1000.0 + f64::from(i)).collect();
        assert!(likeness_of_neighbours(&rates) > CRITICAL && is_level(&rates));
        assert_eq!(likeness_of_neighbours(&[5.0; 20]), 0.0);
    }

    #[test]
    fn the_statistic_of_a_worked_example() {
        // Successive differences 1 1 1, deviations -1.5 -0.5 0.5 1.5: C is 1 - 3 / 10, its deviation the root of 2 / 15.
        let expected = 0.7 / (2.0_f64 / 15.0).sqrt();
        assert!((likeness_of_neighbours(&[1.0, 2.0, 3.0, 4.0]) - expected).abs() < 1e-12);
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
