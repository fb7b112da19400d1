//! Monotonic time in nanoseconds since a round's epoch.

use std::time::{Duration, Instant};

/// What an open loop goes by: read for every operation, waited on for every start.
pub trait Clock: Clone + Send + Sync + 'static {
    /// Nanoseconds since the epoch.
    fn now(&self) -> u64;

    /// Returns at `at`, or as soon after it as it can; at once if that time has passed.
    fn wait_until(&self, at: u64);
}

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

/// How long before a start the pacing thread stops sleeping and begins to look at the clock all the time: what the
/// system needs to wake a thread, most of the time.
const SPIN_NS: u64 = 20_000;

impl Clock for Epoch {
    fn now(&self) -> u64 {
        Self::now(self)
    }

    /// Sleeps up to shortly before, then spins: a thread that spins for longer is taken off the CPU just when the machine
    /// is busy, and takes it from the target when it is not.
    fn wait_until(&self, at: u64) {
        loop {
            let left = at.saturating_sub(self.now());
            match left {
                0 => return,
                1..=SPIN_NS => std::hint::spin_loop(),
                _ => std::thread::sleep(Duration::from_nanos(left - SPIN_NS)),
            }
        }
    }
}
