//! How a pass went over time: its series, its stalls, and whether it was steady.

use std::time::Duration;

use crate::driver::closed_loop::Outcome;
use crate::driver::sampler::Reading;
use crate::driver::trail::Trail;
use crate::model::{Sample, Stall};
use crate::stats::stalls::{Watched, stalls};
use crate::stats::steady::steady;

/// Intervals that a round is divided into, where their length is within its bounds.
const INTERVALS: u32 = 50;
/// Bounds of an interval's length: a result is not to be mostly series, and a long round is to be seen in detail.
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(1);

/// How a pass went over time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Course {
    /// Interval by interval.
    pub series: Vec<Sample>,
    /// When it stood still.
    pub stalls: Vec<Stall>,
    /// Whether messages were acknowledged at one rate throughout; `None` where there are too few to tell.
    pub steady: Option<bool>,
}

impl Course {
    /// From what a pass left behind. `usual_ns` is the median time until a message was stored.
    #[must_use]
    pub fn of(outcome: &Outcome, readings: &[Reading], usual_ns: u64) -> Self {
        let working = u64::try_from(outcome.working.as_nanos()).unwrap_or(u64::MAX);
        let times: Vec<u64> = outcome.trail.times(outcome.first_start).collect();
        Self {
            series: series(&outcome.trail, readings, outcome.first_start),
            stalls: stalls(&Watched { times: &times, span_ns: working, usual_ns }),
            steady: steady(&times, working),
        }
    }
}

/// How often to read during a pass that is expected to last `expected`.
#[must_use]
pub fn interval(expected: Duration) -> Duration {
    (expected / INTERVALS).clamp(SHORTEST, LONGEST)
}

/// One sample for each interval between readings, from the first operation on. Intervals end when the reading was
/// really taken, so that messages and use belong to the same time.
fn series(trail: &Trail, readings: &[Reading], first_start: u64) -> Vec<Sample> {
    let mut seen = 0;
    let intervals = readings.windows(2).filter_map(|pair| match pair {
        [from, to] if to.at_ns > first_start => Some((from, to)),
        _ => None,
    });
    let sample = |(from, to): (&Reading, &Reading)| {
        let mut latencies = trail.latencies(seen, to.at_ns);
        seen += latencies.len();
        latencies.sort_unstable_by(f32::total_cmp);
        let written = to.usage.bytes_written.zip(from.usage.bytes_written);
        Sample {
            at_ns: to.at_ns - first_start,
            messages: latencies.len() as u64,
            p50_ns: quantile(&latencies, 0.5),
            p99_ns: quantile(&latencies, 0.99),
            max_ns: quantile(&latencies, 1.0),
            cpu_ns: u64::try_from(to.usage.cpu.saturating_sub(from.usage.cpu).as_nanos()).ok(),
            bytes_written: written.map(|(after, before)| after.saturating_sub(before)),
            rss_bytes: to.rss_bytes,
            unstored: to.unstored,
        }
    };
    intervals.map(sample).collect()
}

/// The smallest value that at least that part of all `sorted` ones do not exceed.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rank is a small whole number, a latency is positive"
)]
fn quantile(sorted: &[f32], quantile: f64) -> Option<u64> {
    let rank = (quantile * sorted.len() as f64).ceil().max(1.0) as usize;
    sorted.get(rank - 1).map(|latency| latency.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::usage::Usage;

    fn reading(at_ms: u64, cpu_ms: u64, bytes: u64) -> Reading {
        let usage = Usage { cpu: Duration::from_millis(cpu_ms), bytes_written: Some(bytes), machine_cpu: None };
        Reading { at_ns: at_ms * 1_000_000, usage, rss_bytes: Some(at_ms), unstored: None }
    }

    #[test]
    fn every_message_is_in_one_interval_with_what_was_used_in_it() {
        let mut trail = Trail::default();
        for ms in [101, 102, 104, 125, 150] {
            trail.push(ms * 1_000_000, ms * 1000);
        }
        // The first operation starts at 100 ms, between the second reading and the third.
        let readings =
            [reading(50, 0, 0), reading(90, 1, 10), reading(110, 8, 30), reading(130, 9, 30), reading(160, 20, 90)];
        let samples = series(&trail, &readings, 100_000_000);
        let counts: Vec<_> =
            samples.iter().map(|s| (s.at_ns / 1_000_000, s.messages, s.cpu_ns, s.bytes_written)).collect();
        assert_eq!(
            counts,
            [
                (10, 3, Some(7_000_000), Some(20)),
                (30, 1, Some(1_000_000), Some(0)),
                (60, 1, Some(11_000_000), Some(60))
            ]
        );
        let first = samples[0];
        assert_eq!((first.p50_ns, first.p99_ns, first.max_ns), (Some(102_000), Some(104_000), Some(104_000)));
        assert_eq!(first.rss_bytes, Some(110));
    }

    #[test]
    fn an_interval_without_messages_has_no_latencies() {
        let samples = series(&Trail::default(), &[reading(0, 0, 0), reading(10, 0, 0)], 0);
        assert_eq!((samples.len(), samples[0].messages, samples[0].p50_ns), (1, 0, None));
        assert_eq!(series(&Trail::default(), &[], 0), []);
    }

    #[test]
    fn intervals_are_neither_too_short_nor_too_long() {
        let of_ms = |ms| interval(Duration::from_millis(ms)).as_millis();
        assert_eq!([of_ms(10), of_ms(10_000), of_ms(1_000_000)], [100, 200, 1000]);
        assert_eq!(interval(Duration::MAX), LONGEST);
    }
}
