//! The open loop: operations start on a schedule, whether or not those before them are done.
//!
//! That is what callers who do not know of each other do. **Response** time counts from the *intended* start, so whatever
//! delays a start counts: a target that stands still, a full house ([`OpenPass::in_flight`]), an executor that is busy,
//! the generator itself. No start is skipped. **Service** time counts from the moment the target is called. What the
//! generator alone was late is reported beside both: **pacing error**.
//!
//! One thread of its own makes the starts: the timers of the executor tick in milliseconds. As many tasks as operations
//! may be in flight wait for it from the beginning; a start is an index handed to an idle one. Nothing is allocated for
//! an operation, and its two time stamps go to a place of their own; histograms are made of them afterwards.

mod outcome;
mod pacer;
mod schedule;
mod slots;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use slotbench_core::item::Item;
use tokio::runtime::Runtime;

use crate::driver::clock::Clock;
use crate::driver::closed_loop::Outcome;
use crate::driver::target::Target;
use crate::runner::Stop;

pub use outcome::Paced;
pub use schedule::{Schedule, Starts};

/// Between the generator's being ready and the first intended start, so that the first is no later than any other.
const LEAD: Duration = Duration::from_millis(1);
/// Of the schedule's length, how far behind it the last start may be before the generator gives up: a target with half
/// of the capacity needed would else take twice as long to measure.
const PATIENCE: f64 = 0.25;
/// Patience with short schedules.
const LEAST_PATIENCE: Duration = Duration::from_secs(1);

/// What one open-loop pass is to do.
#[derive(Debug, Clone)]
pub struct OpenPass<C> {
    /// The messages of the whole run.
    pub messages: Arc<[Item]>,
    /// Which of them this pass sends.
    pub range: Range<usize>,
    /// When.
    pub schedule: Schedule,
    /// Most operations in flight, at least 1.
    pub in_flight: usize,
    /// What the time stamps, which serve as tags, are read from.
    pub clock: C,
    /// Ends the pass early.
    pub stop: Stop,
}

impl<C> OpenPass<C> {
    /// Length of the schedule: of as many messages at that rate.
    #[must_use]
    pub fn span(&self) -> Duration {
        self.schedule.span(self.range.len())
    }

    /// Bytes of the message of an operation.
    fn bytes_of(&self, operation: usize) -> u64 {
        self.messages.get(self.range.start + operation).map_or(0, |message| message.as_bytes().len() as u64)
    }

    /// How late a start may be before the generator gives up, counted from the schedule's end.
    fn patience(&self) -> Duration {
        self.span().mul_f64(PATIENCE).max(LEAST_PATIENCE)
    }
}

/// Runs one pass. Blocks until everything acknowledged is stored.
///
/// # Errors
/// When the system gives no thread to the generator.
pub fn run<T: Target, C: Clock>(
    runtime: &Runtime,
    target: &T,
    pass: &OpenPass<C>,
) -> std::io::Result<(Outcome, Paced)> {
    let times = Arc::new(outcome::Times::new(pass.range.len()));
    let mut slots = slots::Slots::spawn(runtime, target, pass, &times);
    let (first, generated) = std::thread::scope(|scope| {
        let generator = std::thread::Builder::new().name("pacer".to_owned()).spawn_scoped(scope, || {
            pacer::take_precedence();
            slots.wait_until_idle();
            let first = pass.clock.now() + nanoseconds(LEAD);
            let plan = pacer::Plan {
                starts: pass.schedule.starts().take(pass.range.len()),
                first,
                give_up: first + nanoseconds(pass.span() + pass.patience()),
            };
            (first, pacer::generate(&pass.clock, plan, &mut slots, &pass.stop))
        })?;
        Ok::<_, std::io::Error>(generator.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })?;
    let served = slots.close(runtime);
    target.drain();
    let stored = pass.clock.now();
    Ok(outcome::Account { pass, first, generated, served, stored, times: &times }.settle())
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
