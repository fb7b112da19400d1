//! Latency histograms: one per worker while it runs, merged afterwards.

use std::sync::{Mutex, PoisonError};

use hdrhistogram::Histogram;
use slotbench_core::commit::{CommitError, CommitObserver};

use crate::driver::clock::Epoch;

/// Shortest latency told apart from zero, nanoseconds.
pub const LOWEST_NS: u64 = 1;
/// Longest latency recorded as itself, nanoseconds: ten minutes. Anything longer counts as this.
pub const HIGHEST_NS: u64 = 600_000_000_000;
/// Significant decimal digits.
pub const DIGITS: u8 = 3;

/// An empty latency histogram, nanoseconds, three significant digits, with all its memory.
#[must_use]
pub fn new_histogram() -> Histogram<u64> {
    let Ok(histogram) = Histogram::new_with_bounds(LOWEST_NS, HIGHEST_NS, DIGITS) else {
        unreachable!("the bounds are constants that the histogram accepts")
    };
    histogram
}

/// Adds `part` to `sum`; both come from [`new_histogram`].
pub fn merge(sum: &mut Histogram<u64>, part: &Histogram<u64>) {
    // Equal bounds are the one condition under which adding cannot fail.
    let added = sum.add(part);
    debug_assert!(added.is_ok());
}

/// A histogram of values that were counted: `counts[n]` times the value `n`.
#[must_use]
pub fn counted(counts: &[u64]) -> Histogram<u64> {
    let mut histogram = new_histogram();
    for (value, count) in (0..).zip(counts) {
        histogram.saturating_record_n(value, *count);
    }
    histogram
}

/// Records, as batches commit, how long each message took from its start until it was stored.
///
/// The tag of a message is its start in nanoseconds since the epoch; 0 means that it is not to be recorded.
pub struct DurableRecorder {
    epoch: Epoch,
    state: Mutex<State>,
}

struct State {
    histogram: Histogram<u64>,
    failed: u64,
    last_error: Option<String>,
}

/// What a [`DurableRecorder`] has seen.
#[derive(Debug, Clone)]
pub struct Durable {
    /// Latency until the message was stored, nanoseconds.
    pub histogram: Histogram<u64>,
    /// Messages whose batch failed.
    pub failed: u64,
    /// Why the last of them did.
    pub last_error: Option<String>,
}

impl Durable {
    /// How many messages failed and why the last of them did, in a sentence; `None` where none has.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        let cause = self.last_error.as_ref()?;
        Some(format!(
            "{} messages could not be stored after they were acknowledged, the last because: {cause}",
            self.failed
        ))
    }
}

impl DurableRecorder {
    /// A recorder whose tags count from `epoch`.
    #[must_use]
    pub fn new(epoch: Epoch) -> Self {
        let state = State { histogram: new_histogram(), failed: 0, last_error: None };
        Self { epoch, state: Mutex::new(state) }
    }

    /// What was recorded so far.
    #[must_use]
    pub fn recorded(&self) -> Durable {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        Durable { histogram: state.histogram.clone(), failed: state.failed, last_error: state.last_error.clone() }
    }
}

impl CommitObserver for DurableRecorder {
    fn committed(&self, tags: &[u64], error: Option<&CommitError>) {
        let now = self.epoch.now();
        // Commits of one lane come one after the other; only `commit = "each"` ever contends for this lock.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = error {
            state.failed += tags.len() as u64;
            state.last_error = Some(error.to_string());
            return;
        }
        for start in tags.iter().filter(|tag| **tag != 0) {
            state.histogram.saturating_record(now - start.min(&now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn untagged_messages_are_not_recorded_and_failures_are_counted() {
        let recorder = DurableRecorder::new(Epoch::start());
        recorder.committed(&[0, 1, 2, 0], None);
        recorder.committed(&[3, 0], Some(&CommitError::Closed));
        let seen = recorder.recorded();
        assert_eq!((seen.histogram.len(), seen.failed), (2, 2));
        assert_eq!(seen.last_error, Some(CommitError::Closed.to_string()));
        let said = seen.failure().expect("two have failed");
        assert!(said.starts_with("2 messages") && said.ends_with("the scheduler is shutting down"), "{said}");
        assert_eq!(DurableRecorder::new(Epoch::start()).recorded().failure(), None);
    }

    #[test]
    fn counted_values_are_recorded_as_often_as_they_were_seen() {
        let histogram = counted(&[0, 5, 0, 2]);
        assert_eq!((histogram.len(), histogram.min(), histogram.max()), (7, 1, 3));
        assert_eq!(histogram.count_at(1), 5);
        assert!(counted(&[]).is_empty());
    }

    #[test]
    fn a_latency_beyond_the_range_counts_as_the_highest() {
        let mut histogram = new_histogram();
        histogram.saturating_record(u64::MAX);
        assert!(histogram.max() >= HIGHEST_NS);
        let mut sum = new_histogram();
        merge(&mut sum, &histogram);
        merge(&mut sum, &histogram);
        assert_eq!(sum.len(), 2);
    }
}
