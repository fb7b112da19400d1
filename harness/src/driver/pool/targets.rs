//! Which process each message is for.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rand_distr::{Distribution as _, Zipf};

use crate::cell::Skew;

/// Draws processes by number, from 0. The draw of a message depends on seed and message alone, not on those before it.
#[derive(Debug, Clone)]
pub struct Targets {
    seed: u64,
    processes: usize,
    rule: Rule,
}

#[derive(Debug, Clone)]
enum Rule {
    RoundRobin,
    Zipf(Zipf<f64>),
    Hot { percent: u8 },
}

impl Targets {
    /// Spreads messages over `processes`, at least 1.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "at most a million processes")]
    pub fn new(seed: u64, processes: usize, skew: Skew) -> Self {
        let processes = processes.max(1);
        let rule = match skew {
            Skew::Uniform => Rule::RoundRobin,
            // Refused only for a count below 1 or a negative exponent, and there is neither.
            Skew::Zipf(exponent) => Zipf::new(processes as f64, exponent.value()).map_or(Rule::RoundRobin, Rule::Zipf),
            Skew::Hot(percent) => Rule::Hot { percent },
        };
        Self { seed: seed ^ 0x74_6172_6765_7473, processes, rule }
    }

    /// The process of message `index`.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "ranks are from 1 to the count")]
    pub fn of(&self, index: usize) -> usize {
        match &self.rule {
            Rule::RoundRobin => index % self.processes,
            Rule::Zipf(ranks) => ranks.sample(&mut self.random(index)) as usize - 1,
            Rule::Hot { percent } => {
                let mut random = self.random(index);
                let is_hot = random.random_range(0..100) < *percent || self.processes == 1;
                if is_hot { 0 } else { random.random_range(1..self.processes) }
            }
        }
    }

    fn random(&self, index: usize) -> StdRng {
        StdRng::seed_from_u64(self.seed.wrapping_add(index as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWS: usize = 50_000;

    /// Pearson's statistic of the draws against expected shares.
    fn chi_square(skew: &str, shares: &[f64]) -> f64 {
        let targets = Targets::new(12, shares.len(), skew.parse().expect("a skew"));
        let mut counts = vec![0_u32; shares.len()];
        (0..DRAWS).for_each(|index| counts[targets.of(index)] += 1);
        let terms = counts.iter().zip(shares).map(|(count, share)| {
            let expected = share * DRAWS as f64;
            (f64::from(*count) - expected).powi(2) / expected
        });
        terms.sum()
    }

    fn zipf_shares(processes: usize, exponent: f64) -> Vec<f64> {
        let weights: Vec<f64> = (1..=processes).map(|rank| (rank as f64).powf(-exponent)).collect();
        let sum: f64 = weights.iter().sum();
        weights.into_iter().map(|weight| weight / sum).collect()
    }

    fn hot_shares(processes: usize, share: f64) -> Vec<f64> {
        let rest = (1.0 - share) / (processes - 1) as f64;
        std::iter::once(share).chain(std::iter::repeat_n(rest, processes - 1)).collect()
    }

    #[test]
    fn processes_get_the_shares_that_their_skew_says() {
        // The 99.9th percentile of the chi-square distribution with 19 degrees of freedom.
        const LIMIT: f64 = 43.8;
        assert!(chi_square("uniform", &[0.05; 20]) < 1e-9);
        for exponent in [0.5, 0.99, 2.0] {
            assert!(chi_square(&format!("zipf:{exponent}"), &zipf_shares(20, exponent)) < LIMIT);
        }
        assert!(chi_square("hot:90%", &hot_shares(20, 0.9)) < LIMIT);
        assert!(chi_square("hot:5%", &[0.05; 20]) < LIMIT);
        // What the statistic is for: another skew is told apart.
        assert!(chi_square("zipf:0.99", &zipf_shares(20, 0.9)) > LIMIT);
        assert!(chi_square("hot:90%", &hot_shares(20, 0.88)) > LIMIT);
    }

    #[test]
    fn a_single_process_gets_everything() {
        for skew in ["uniform", "zipf:1", "hot:10%"] {
            let targets = Targets::new(3, 1, skew.parse().expect("a skew"));
            assert!((0..100).all(|index| targets.of(index) == 0), "{skew}");
        }
    }
}
