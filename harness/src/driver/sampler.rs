//! Reads what the process uses at a fixed interval, on a thread of its own.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::driver::clock::Epoch;
use crate::driver::usage::{Usage, resident_bytes};

/// Readings to have memory for from the start: more than twice as many as a round is meant to have.
const EXPECTED: usize = 128;

/// What was read at one time.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Reading {
    /// After the epoch.
    pub at_ns: u64,
    /// Used by the process since it began.
    pub usage: Usage,
    /// Resident set.
    pub rss_bytes: Option<u64>,
    /// Messages acknowledged and not yet stored.
    pub unstored: Option<u64>,
}

/// A thread that reads.
#[derive(Debug)]
pub struct Sampler {
    /// Dropped when the thread is to end.
    stop: Sender<()>,
    thread: JoinHandle<Vec<Reading>>,
}

impl Sampler {
    /// Takes a first reading now and further ones each `interval`; `unstored` is called for each.
    ///
    /// # Errors
    /// What the operating system says when it cannot start a thread.
    pub fn start(
        epoch: Epoch,
        interval: Duration,
        unstored: impl Fn() -> Option<u64> + Send + 'static,
    ) -> std::io::Result<Self> {
        let (stop, stopped) = mpsc::channel::<()>();
        let read = move || Reading {
            at_ns: epoch.now(),
            usage: Usage::now(),
            rss_bytes: resident_bytes(),
            unstored: unstored(),
        };
        let work = move || {
            let interval = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX).max(1);
            let mut readings = Vec::with_capacity(EXPECTED);
            readings.push(read());
            let mut next = epoch.now().saturating_add(interval);
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(remaining(epoch, next)) {
                readings.push(read());
                // A reading that comes late moves none of those after it; one that comes too late is left out.
                let missed = epoch.now().saturating_sub(next) / interval;
                next = next.saturating_add(interval.saturating_mul(missed + 1));
            }
            readings.push(read());
            readings
        };
        let thread = std::thread::Builder::new().name("sampler".to_owned()).spawn(work)?;
        Ok(Self { stop, thread })
    }

    /// Takes a last reading and ends the thread. All readings, in the order of time.
    #[must_use]
    pub fn finish(self) -> Vec<Reading> {
        drop(self.stop);
        // Reading files does not panic; should it, the round has no series and is none the worse.
        self.thread.join().unwrap_or_default()
    }
}

fn remaining(epoch: Epoch, until: u64) -> Duration {
    Duration::from_nanos(until.saturating_sub(epoch.now()))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn readings_come_in_order_until_it_is_stopped() {
        static CALLS: AtomicU64 = AtomicU64::new(0);
        let (done, enough) = mpsc::channel();
        let unstored = move || {
            let call = CALLS.fetch_add(1, Ordering::Relaxed);
            if call == 5 {
                let _ = done.send(());
            }
            Some(call)
        };
        let sampler = Sampler::start(Epoch::start(), Duration::from_micros(200), unstored).expect("a thread");
        enough.recv().expect("six readings");
        let readings = sampler.finish();
        assert!(readings.len() >= 7, "six, and the last one");
        assert!(readings.is_sorted_by(|one, other| one.at_ns <= other.at_ns && one.unstored < other.unstored));
        assert!(readings.iter().all(|reading| reading.rss_bytes.is_some_and(|bytes| bytes > 1 << 20)));
    }

    #[test]
    fn an_interval_longer_than_the_round_leaves_first_and_last() {
        let sampler = Sampler::start(Epoch::start(), Duration::MAX, || None).expect("a thread");
        assert_eq!(sampler.finish().len(), 2);
    }
}
