//! The generator: makes every start at its time, or as soon after it as there is room.

use std::time::Duration;

use hdrhistogram::Histogram;
use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy,
    thread_native_id,
};

use crate::driver::clock::Clock;
use crate::recorder::new_histogram;
use crate::runner::Stop;

/// How often a generator that waits for room looks whether it is to stop or to give up.
const LOOK_UP: Duration = Duration::from_millis(20);

/// Where operations go.
pub(super) trait Gate {
    /// A place for one more operation, if there is one now.
    fn place(&mut self) -> Option<usize>;

    /// A place as soon as there is one; `None` after `patience`.
    fn wait_for_place(&mut self, patience: Duration) -> Option<usize>;

    /// Starts an operation in a place.
    fn start(&mut self, place: usize, operation: usize);
}

/// What the generator is to do.
pub(super) struct Plan<S> {
    /// Intended starts after `first`.
    pub(super) starts: S,
    /// When the schedule begins.
    pub(super) first: u64,
    /// Nothing starts after this.
    pub(super) give_up: u64,
}

/// What the generator did.
#[derive(Debug)]
pub(super) struct Generated {
    /// Operations started: the first so many of the schedule.
    pub(super) sent: usize,
    /// Starts that had to wait for room.
    pub(super) blocked: u64,
    /// How late starts were by the generator's own fault, nanoseconds.
    pub(super) pacing: Histogram<u64>,
    /// CPU time of the generator's thread.
    pub(super) cpu: Duration,
}

/// Makes the starts of a plan. No start is skipped: one that is late is made late, and those after it as soon as can be.
pub(super) fn generate<C: Clock>(
    clock: &C,
    plan: Plan<impl Iterator<Item = u64>>,
    gate: &mut impl Gate,
    stop: &Stop,
) -> Generated {
    let mut generated = Generated { sent: 0, blocked: 0, pacing: new_histogram(), cpu: Duration::ZERO };
    // When there was room again, the last time there was none: lateness before that is not the generator's.
    let mut room_since = 0;
    for (operation, offset) in plan.starts.enumerate() {
        let intended = plan.first + offset;
        clock.wait_until(intended);
        let place = match gate.place() {
            Some(place) => place,
            None => {
                generated.blocked += 1;
                let Some(place) = wait_for_place(clock, plan.give_up, gate, stop) else { break };
                room_since = clock.now();
                place
            }
        };
        let now = clock.now();
        if now > plan.give_up || stop.is_requested() {
            break;
        }
        gate.start(place, operation);
        generated.pacing.saturating_record(now.saturating_sub(intended.max(room_since)));
        generated.sent += 1;
    }
    generated.cpu = thread_cpu();
    generated
}

/// A place; `None` when it is time to give up or to stop.
fn wait_for_place<C: Clock>(clock: &C, give_up: u64, gate: &mut impl Gate, stop: &Stop) -> Option<usize> {
    while clock.now() <= give_up && !stop.is_requested() {
        if let Some(place) = gate.wait_for_place(LOOK_UP) {
            return Some(place);
        }
    }
    None
}

/// Asks the kernel to wake this thread exactly, and before any other: by default it may be 50 µs late to save energy, and
/// milliseconds late where the target keeps every core busy. Callers on machines of their own would not be.
///
/// Real-time scheduling takes root, `CAP_SYS_NICE` or a limit (`ulimit -r`). Where either is refused the pacing error says
/// so. The thread sleeps between starts, so it does not keep a core to itself.
pub(super) fn take_precedence() {
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::set_current_timer_slack(Some(std::num::NonZeroU64::MIN));
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo);
    let _ = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy);
}

fn thread_cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::VecDeque;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// A clock that stands still unless it is waited on, and is then `late` by that much.
    #[derive(Clone)]
    struct Manual {
        now: Arc<AtomicU64>,
        late: u64,
    }

    impl Manual {
        fn new(late: u64) -> Self {
            Self { now: Arc::default(), late }
        }
    }

    impl Clock for Manual {
        fn now(&self) -> u64 {
            self.now.load(Ordering::SeqCst)
        }

        fn wait_until(&self, at: u64) {
            if at > self.now() {
                self.now.store(at + self.late, Ordering::SeqCst);
            }
        }
    }

    /// One place, which each operation takes for as long as the next of `services` says.
    struct OnePlace {
        clock: Manual,
        services: VecDeque<u64>,
        free_at: u64,
        started: Vec<(usize, u64)>,
        waits: Cell<u32>,
    }

    impl OnePlace {
        fn new(clock: &Manual, services: &[u64]) -> Self {
            let services = services.iter().copied().collect();
            Self { clock: clock.clone(), services, free_at: 0, started: Vec::new(), waits: Cell::new(0) }
        }

        fn starts(&self) -> Vec<u64> {
            self.started.iter().map(|(_, at)| *at).collect()
        }
    }

    impl Gate for OnePlace {
        fn place(&mut self) -> Option<usize> {
            (self.clock.now() >= self.free_at).then_some(0)
        }

        fn wait_for_place(&mut self, patience: Duration) -> Option<usize> {
            self.waits.set(self.waits.get() + 1);
            let until = self.free_at.min(self.clock.now() + u64::try_from(patience.as_nanos()).expect("short"));
            self.clock.now.store(until, Ordering::SeqCst);
            self.place()
        }

        fn start(&mut self, place: usize, operation: usize) {
            assert_eq!((place, operation), (0, self.started.len()));
            let now = self.clock.now();
            self.started.push((operation, now));
            self.free_at = now + self.services.pop_front().unwrap_or(0);
        }
    }

    fn plan(starts: &[u64], give_up: u64) -> Plan<impl Iterator<Item = u64> + use<'_>> {
        Plan { starts: starts.iter().copied(), first: 1000, give_up }
    }

    #[test]
    fn starts_are_made_at_their_time_and_lateness_of_the_clock_is_pacing_error() {
        let clock = Manual::new(30);
        let mut gate = OnePlace::new(&clock, &[]);
        let generated = generate(&clock, plan(&[0, 100, 100, 500], u64::MAX), &mut gate, &Stop::default());
        assert_eq!(gate.starts(), [1030, 1130, 1130, 1530]);
        assert_eq!((generated.sent, generated.blocked), (4, 0));
        assert_eq!((generated.pacing.min(), generated.pacing.max()), (30, 30));
    }

    #[test]
    fn starts_that_find_no_room_are_made_late_not_skipped_and_the_wait_is_not_the_generators() {
        let clock = Manual::new(0);
        // The first takes 1000; three more were to start meanwhile.
        let mut gate = OnePlace::new(&clock, &[1000, 10, 10, 10, 10]);
        let generated = generate(&clock, plan(&[0, 100, 200, 300, 2000], u64::MAX), &mut gate, &Stop::default());
        assert_eq!(gate.starts(), [1000, 2000, 2010, 2020, 3000]);
        assert_eq!((generated.sent, generated.blocked, generated.pacing.max()), (5, 3, 0));
    }

    #[test]
    fn a_generator_gives_up_at_its_time_also_while_it_waits() {
        let clock = Manual::new(0);
        let mut gate = OnePlace::new(&clock, &[10, 3_600_000_000_000]);
        let starts = [0, 100, 200];
        let generated = generate(&clock, plan(&starts, 100_000_000), &mut gate, &Stop::default());
        assert_eq!((generated.sent, generated.blocked, gate.waits.get()), (2, 1, 5));
        let generated =
            generate(&clock, plan(&[0], clock.now() - 1), &mut OnePlace::new(&clock, &[]), &Stop::default());
        assert_eq!(generated.sent, 0, "a start after its time to give up");
    }

    #[test]
    fn a_request_to_stop_is_heard() {
        let (clock, stop) = (Manual::new(0), Stop::default());
        stop.request();
        assert_eq!(generate(&clock, plan(&[0, 1], u64::MAX), &mut OnePlace::new(&clock, &[]), &stop).sent, 0);
    }
}
