//! Monotonic time in nanoseconds since a round's epoch.

use std::time::Instant;

/// The zero of a round's time stamps. Copies agree with each other.
#[derive(Debug, Clone, Copy)]
pub struct Epoch(Instant);

impl Epoch {
    /// Starts counting now.
    #[must_use]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Nanoseconds since the epoch; one read of the monotonic clock. Good for 584 years.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "u64 nanoseconds last for 584 years")]
    pub fn now(&self) -> u64 {
        self.0.elapsed().as_nanos() as u64
    }
}
