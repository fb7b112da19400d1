//! When operations are to start: an iterator of intended starts.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::axis::Arrival;

/// When operations are to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// Starts per second, at least 1.
    pub rate: u32,
    /// How they are spread.
    pub arrival: Arrival,
    /// Determines every start of a random schedule.
    pub seed: u64,
}

impl Schedule {
    /// The intended starts, nanoseconds after the schedule's begin; without end and never falling.
    #[must_use]
    pub fn starts(&self) -> Starts {
        let rate = self.rate.max(1);
        Starts(match self.arrival {
            Arrival::Fixed => Kind::Fixed { rate, index: 0 },
            Arrival::Poisson => Kind::Poisson {
                mean_ns: 1e9 / f64::from(rate),
                at_ns: 0.0,
                random: Box::new(StdRng::seed_from_u64(self.seed)),
            },
        })
    }

    /// How long `count` starts take; of a random schedule, on average.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts of messages that are held in memory")]
    pub fn span(&self, count: usize) -> Duration {
        Duration::from_secs_f64(count as f64 / f64::from(self.rate.max(1)))
    }
}

/// Intended starts; see [`Schedule::starts`].
#[derive(Debug)]
pub struct Starts(Kind);

#[derive(Debug)]
enum Kind {
    Fixed { rate: u32, index: u64 },
    Poisson { mean_ns: f64, at_ns: f64, random: Box<StdRng> },
}

impl Iterator for Starts {
    type Item = u64;

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "u64 nanoseconds last for 584 years")]
    fn next(&mut self) -> Option<u64> {
        Some(match &mut self.0 {
            // From the index every time: adding up rounded distances would drift.
            Kind::Fixed { rate, index } => {
                let at = u128::from(*index) * 1_000_000_000 / u128::from(*rate);
                *index += 1;
                at as u64
            }
            // The inverse of the exponential distribution's function, of a number in (0, 1].
            Kind::Poisson { mean_ns, at_ns, random } => {
                *at_ns -= *mean_ns * (1.0 - random.random::<f64>()).ln();
                *at_ns as u64
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(rate: u32, arrival: Arrival, seed: u64) -> Starts {
        Schedule { rate, arrival, seed }.starts()
    }

    #[test]
    fn a_fixed_schedule_does_not_drift() {
        assert_eq!(
            starts(3, Arrival::Fixed, 0).take(4).collect::<Vec<_>>(),
            [0, 333_333_333, 666_666_666, 1_000_000_000]
        );
        assert_eq!(starts(7_000_003, Arrival::Fixed, 0).nth(7_000_003), Some(1_000_000_000));
    }

    /// Kolmogorov and Smirnov: the largest distance between the distances' distribution and the exponential one.
    #[test]
    fn poisson_distances_are_exponential() {
        const COUNT: usize = 20_000;
        let mut last = 0;
        let mut distances: Vec<f64> = starts(10_000, Arrival::Poisson, 5)
            .take(COUNT)
            .map(|at| (at - std::mem::replace(&mut last, at)) as f64 / 100_000.0)
            .collect();
        // Neighbours are independent: of so many, the correlation of independent ones is within 0.02 at 99.5 %.
        let mean = distances.iter().sum::<f64>() / COUNT as f64;
        let covariance: f64 = distances.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean)).sum();
        assert!((covariance / COUNT as f64).abs() < 0.02, "{covariance}");
        assert!((mean - 1.0).abs() < 0.02, "{mean}");
        distances.sort_by(f64::total_cmp);
        let distance = |(index, value): (usize, &f64)| {
            let expected = 1.0 - (-value).exp();
            (expected - index as f64 / COUNT as f64).abs().max((expected - (index + 1) as f64 / COUNT as f64).abs())
        };
        let largest = distances.iter().enumerate().map(distance).fold(0.0, f64::max);
        // The 1 % point of the Kolmogorov distribution; a fixed schedule is at 0.63.
        assert!(largest < 1.63 / (COUNT as f64).sqrt(), "{largest}");
    }

    #[test]
    fn a_seed_makes_one_schedule_and_another_seed_another() {
        let some = |seed| starts(100, Arrival::Poisson, seed).take(100).collect::<Vec<_>>();
        assert_eq!(some(1), some(1));
        assert_ne!(some(1), some(2));
        assert!(some(1).is_sorted());
    }

    #[test]
    fn a_schedule_is_as_long_as_its_messages_at_its_rate() {
        let schedule = Schedule { rate: 2000, arrival: Arrival::Fixed, seed: 0 };
        assert_eq!(schedule.span(3000), Duration::from_millis(1500));
    }
}
