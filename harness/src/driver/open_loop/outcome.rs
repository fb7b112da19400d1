//! From the time stamps of all operations to what a pass says.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::driver::closed_loop::Outcome;
use crate::driver::open_loop::OpenPass;
use crate::driver::open_loop::pacer::Generated;
use crate::driver::open_loop::slots::Served;
use crate::driver::trail::Trail;
use crate::recorder::new_histogram;

/// Of the schedule's length, how much longer than usual a target that keeps up may take for what is left at its end.
const SLIP: f64 = 0.01;
/// The same for short schedules, in which a single pause of the machine would be that much.
const LEAST_SLIP: Duration = Duration::from_millis(10);

/// What an open-loop pass says beyond what any pass does.
#[derive(Debug)]
pub struct Paced {
    /// When the schedule began, on the pass's clock: what its starts count from.
    pub begin: u64,
    /// From the intended start to the acknowledgement, nanoseconds.
    pub response: Histogram<u64>,
    /// From the call to the acknowledgement, nanoseconds.
    pub service: Histogram<u64>,
    /// How late starts were by the generator's own fault, nanoseconds. Part of `response`.
    pub pacing: Histogram<u64>,
    /// Starts that found as many operations in flight as allowed.
    pub blocked: u64,
    /// Operations of the schedule that were never started: the generator gave up.
    pub unsent: usize,
    /// The target fell behind its schedule for good: operations were left unsent, or what was in flight at the schedule's
    /// end took longer than usual by more than a hundredth of the schedule.
    pub overloaded: bool,
    /// CPU time of the pacing thread.
    pub generator_cpu: Duration,
}

/// When each operation was started and acknowledged: a place of its own for each, so that no two share one.
#[derive(Debug)]
pub(super) struct Times(Box<[Stamps]>);

#[derive(Debug)]
struct Stamps {
    start: AtomicU64,
    end: AtomicU64,
}

/// Not acknowledged.
const NEVER: u64 = u64::MAX;

impl Times {
    /// Room for `count` operations; all of its memory is touched here.
    pub(super) fn new(count: usize) -> Self {
        let never = || AtomicU64::new(NEVER);
        Self((0..count).map(|_| Stamps { start: never(), end: never() }).collect())
    }

    pub(super) fn record(&self, operation: usize, start: u64, end: u64) {
        if let Some(stamps) = self.0.get(operation) {
            stamps.start.store(start, Ordering::Relaxed);
            stamps.end.store(end, Ordering::Relaxed);
        }
    }

    /// Start and end of an operation that was acknowledged. The tasks that record have been waited for.
    fn get(&self, operation: usize) -> Option<(u64, u64)> {
        let stamps = self.0.get(operation)?;
        let end = stamps.end.load(Ordering::Relaxed);
        (end != NEVER).then(|| (stamps.start.load(Ordering::Relaxed), end))
    }
}

/// Everything a pass left behind.
pub(super) struct Account<'a, C> {
    pub(super) pass: &'a OpenPass<C>,
    /// When the schedule began.
    pub(super) first: u64,
    pub(super) generated: Generated,
    pub(super) served: Served,
    /// When everything acknowledged was stored.
    pub(super) stored: u64,
    pub(super) times: &'a Times,
}

impl<C> Account<'_, C> {
    pub(super) fn settle(self) -> (Outcome, Paced) {
        let (mut response, mut service, mut early) = (new_histogram(), new_histogram(), new_histogram());
        let Generated { sent, blocked, pacing, cpu } = self.generated;
        let mut trail = Trail::with_room_for(sent);
        let (mut last_intended, mut last_end, mut bytes) = (self.first, self.first, 0);
        for (operation, offset) in self.pass.schedule.starts().take(sent).enumerate() {
            last_intended = self.first + offset;
            let Some((start, end)) = self.times.get(operation) else { continue };
            last_end = last_end.max(end);
            response.saturating_record(end.saturating_sub(last_intended));
            trail.push(end, end.saturating_sub(last_intended));
            service.saturating_record(end.saturating_sub(start));
            bytes += self.pass.bytes_of(operation);
            if operation < sent / 2 {
                early.saturating_record(end.saturating_sub(last_intended));
            }
        }
        let unsent = self.pass.range.len() - sent;
        let tail = Duration::from_nanos(last_end.saturating_sub(last_intended));
        let usual = Duration::from_nanos(early.value_at_quantile(0.99));
        let overloaded = is_overloaded(unsent, self.pass.span(), tail, usual);
        let outcome = Outcome {
            acknowledged: service.clone(),
            // Operations overtake each other; merging puts them in the order of time.
            trail: Trail::merged([trail]),
            read: new_histogram(),
            bytes,
            known: Vec::new(),
            first_start: self.first,
            refused: self.served.refused,
            first_refusal: self.served.first_refusal,
            elapsed: Duration::from_nanos(self.stored.saturating_sub(self.first)),
            working: Duration::from_nanos(last_end - self.first),
            exhausted: unsent == 0,
        };
        let paced =
            Paced { begin: self.first, response, service, pacing, blocked, unsent, overloaded, generator_cpu: cpu };
        (outcome, paced)
    }
}

/// Whether the target fell behind its schedule for good.
///
/// A target that keeps up needs, for what is in flight when the last operation was to start (`tail`), about as long as
/// it needed before: at most the 99th percentile of response time in the first half of the schedule (`usual`). The queue
/// of one that does not grows as long as the schedule lasts. More than a hundredth of the schedule over the usual is
/// overload; so is a schedule that was not finished at all.
fn is_overloaded(unsent: usize, span: Duration, tail: Duration, usual: Duration) -> bool {
    unsent > 0 || tail > usual + span.mul_f64(SLIP).max(LEAST_SLIP)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    /// The verdict on a server that needs `service` for each of `count` operations, one a millisecond, one at a time, and
    /// stands still for `stall` at the end of each `period`.
    fn verdict(count: u64, service_us: u64, stall_us: u64, period_us: u64) -> bool {
        let mut free = 0;
        let mut responses = Vec::new();
        for start in (0..count).map(|index| index * 1000) {
            let begin = start.max(free);
            let into = begin % period_us;
            let begin = if into + stall_us > period_us { begin - into + period_us } else { begin };
            free = begin + service_us;
            responses.push(free - start);
        }
        let tail = Duration::from_micros(responses.last().copied().unwrap_or(0));
        let mut early = responses[..responses.len() / 2].to_vec();
        early.sort_unstable();
        let usual = Duration::from_micros(early[early.len() * 99 / 100]);
        is_overloaded(0, MS(count), tail, usual)
    }

    #[test]
    fn a_queue_that_grows_is_overload_and_one_that_comes_and_goes_is_not() {
        assert!(!verdict(10_000, 500, 0, 1_000_000), "half loaded");
        assert!(!verdict(10_000, 990, 0, 1_000_000), "just enough");
        assert!(verdict(10_000, 1050, 0, 1_000_000), "five per cent too slow");
        assert!(verdict(10_000, 5000, 0, 1_000_000), "much too slow");
        // The schedule ends within a stall; every one before was worked off.
        assert!(!verdict(10_000, 500, 200_000, 2_000_000));
        assert!(verdict(10_000, 950, 200_000, 2_000_000), "too slow to work its stalls off");
    }

    #[test]
    fn what_was_never_started_is_overload() {
        assert!(is_overloaded(1, MS(1000), MS(0), MS(0)));
        assert!(!is_overloaded(0, MS(100), MS(10), MS(0)), "a pause of the machine in a short round");
    }
}
