//! When each message was acknowledged, and how long it took: eight bytes an operation.
//!
//! Every worker writes a trail of its own, into memory that was touched before the clock started. Since nothing is
//! binned while the clock runs, intervals of any length, and the times of stalls, can be computed afterwards.

/// Resolution of an acknowledgement's time: 32 bits then last for almost twelve hours.
const TICK_NS: u64 = 10_000;

/// Acknowledgements in the order they came.
///
/// One number each: the time in ticks in the upper half, the latency as `f32` (seven significant digits) in the lower.
/// So their natural order is that of time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trail(Vec<u64>);

impl Trail {
    /// An empty trail with room for `count` acknowledgements. Its memory is touched now, so that no page fault falls
    /// into a measured operation.
    #[must_use]
    pub fn with_room_for(count: usize) -> Self {
        let mut marks = Vec::new();
        marks.resize(count, u64::MAX);
        marks.clear();
        Self(marks)
    }

    /// Adds an acknowledgement at `at_ns` after the epoch; a worker's come in the order of time.
    #[expect(clippy::cast_precision_loss, reason = "seven digits of a latency are enough")]
    pub fn push(&mut self, at_ns: u64, latency_ns: u64) {
        let ticks = (at_ns / TICK_NS).min(u64::from(u32::MAX));
        self.0.push(ticks << 32 | u64::from((latency_ns as f32).to_bits()));
    }

    /// All of `trails` as one, in the order of time.
    #[must_use]
    pub fn merged(trails: impl IntoIterator<Item = Self>) -> Self {
        let mut all: Vec<u64> = trails.into_iter().flat_map(|trail| trail.0).collect();
        all.sort_unstable();
        Self(all)
    }

    /// How many acknowledgements there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Times in nanoseconds after `start_ns`, to 10 µs.
    pub fn times(&self, start_ns: u64) -> impl Iterator<Item = u64> {
        self.0.iter().map(move |mark| ((mark >> 32) * TICK_NS).saturating_sub(start_ns))
    }

    /// The latencies, in nanoseconds, of those up to `end_ns` after the epoch that are not among the first `skipped`.
    #[must_use]
    pub fn latencies(&self, skipped: usize, end_ns: u64) -> Vec<f32> {
        let rest = self.0.get(skipped..).unwrap_or_default();
        let count = rest.partition_point(|mark| (mark >> 32) * TICK_NS <= end_ns);
        rest.iter().take(count).map(|mark| latency(*mark)).collect()
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half is what is wanted")]
const fn latency(mark: u64) -> f32 {
    f32::from_bits(mark as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledgements_of_all_workers_come_out_in_the_order_of_time() {
        let (mut one, mut other) = (Trail::with_room_for(2), Trail::with_room_for(1));
        one.push(1_000_000, 400);
        one.push(3_000_000, 2_000_000);
        other.push(2_000_000, 5_000_000_000);
        let all = Trail::merged([one, other]);
        assert_eq!(all.times(500_000).collect::<Vec<_>>(), [500_000, 1_500_000, 2_500_000]);
        assert_eq!(all.latencies(0, u64::MAX), [400.0, 5e9, 2e6]);
        assert_eq!((all.latencies(1, 2_000_000), all.latencies(3, u64::MAX)), (vec![5e9], vec![]));
        assert_eq!((all.len(), Trail::default().is_empty()), (3, true));
    }

    #[test]
    fn a_time_beyond_the_range_counts_as_the_last() {
        let mut trail = Trail::default();
        trail.push(u64::MAX, u64::MAX);
        assert_eq!(trail.times(0).collect::<Vec<_>>(), [u64::from(u32::MAX) * TICK_NS]);
        assert!(trail.latencies(0, u64::MAX)[0] > 1e19);
    }

    #[test]
    fn room_that_was_asked_for_is_not_moved() {
        let mut trail = Trail::with_room_for(1000);
        let before = trail.0.as_ptr();
        (0..1000).for_each(|n| trail.push(n, n));
        assert_eq!(trail.0.as_ptr(), before);
    }
}
