//! Numbers of known distributions, from a seed, for tests of statistics.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// A source of random numbers.
pub(crate) struct Source(StdRng);

impl Source {
    pub(crate) fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// Uniform between 0 and 1.
    pub(crate) fn uniform(&mut self) -> f64 {
        self.0.random()
    }

    /// Mean 0, deviation 1 (Box and Muller).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}
