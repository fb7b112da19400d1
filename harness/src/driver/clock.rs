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

    /// The epoch whose zero lies at `ns` of [`monotonic_ns`]: how another process on this machine agrees with this one.
    #[must_use]
    pub fn at_monotonic(ns: u64) -> Self {
        let now = (Instant::now(), monotonic_ns());
        let ago = Duration::from_nanos(now.1.saturating_sub(ns));
        Self(now.0.checked_sub(ago).unwrap_or(now.0))
    }

    /// Where its zero lies by [`monotonic_ns`].
    #[must_use]
    pub fn monotonic(&self) -> u64 {
        monotonic_ns().saturating_sub(self.now())
    }

    /// Nanoseconds since the epoch; one read of the monotonic clock. Good for 584 years.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "u64 nanoseconds last for 584 years")]
    pub fn now(&self) -> u64 {
        self.0.elapsed().as_nanos() as u64
    }
}

/// Now, by the clock that all processes of this machine share, nanoseconds.
#[must_use]
pub fn monotonic_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}

/// How long before a start the pacing thread stops sleeping and begins to look at the clock all the time: what the
/// system needs to wake a thread, most of the time.
const SPIN_NS: u64 = 20_000;

impl Clock for Epoch {
    fn now(&self) -> u64 {
        Self::now(self)
    }

    /// Sleeps up to shortly before and spins for the rest. A start that is nearer than that is slept for altogether, for
    /// a thread that spins from start to start would take a core from the target: such starts are some 20 µs late, and
    /// made a few at a time.
    fn wait_until(&self, at: u64) {
        let left = at.saturating_sub(self.now());
        if left == 0 {
            return;
        }
        let spin = if left > SPIN_NS { SPIN_NS } else { 0 };
        std::thread::sleep(Duration::from_nanos(left - spin));
        while self.now() < at {
            std::hint::spin_loop();
        }
    }
}
