//! What a round does differently in an open loop.

use std::time::Duration;

use super::messages::Messages;
use super::{failed, nanoseconds, to_count};
use crate::cell::{Cell, OpenLoad};
use crate::driver::clock::Epoch;
use crate::driver::closed_loop::Outcome;
use crate::driver::open_loop::{self, OpenPass, Paced, Schedule};
use crate::driver::target::Target;
use crate::model::{Resources, RoundResult, Tag};
use crate::runner::{CellFailure, Histograms};
use crate::stats::summary;

/// How many operations a cell's schedule has in that time.
pub(super) fn count(cell: &Cell, time: Duration) -> usize {
    to_count(cell.axes.rate.map_or(0.0, f64::from) * time.as_secs_f64())
}

/// The generator stands for callers who have machines of their own.
pub(super) fn exclude_generator(resources: &mut Resources, paced: Option<&Paced>) {
    if let (Some(cpu), Some(paced)) = (&mut resources.cpu_ns, paced) {
        *cpu = cpu.saturating_sub(nanoseconds(paced.generator_cpu));
    }
}

impl Messages<'_> {
    /// An open-loop pass over the next `count` messages.
    pub(super) fn paced_pass<T: Target>(
        &mut self,
        target: &T,
        count: usize,
        load: OpenLoad,
        epoch: Epoch,
    ) -> Result<(Outcome, Paced), CellFailure> {
        let (messages, range) = self.next(count)?;
        // The rounds of a cell have different random schedules, and those of all cells the same.
        let seed = self.job.seed.wrapping_add(u64::from(self.job.round));
        let pass = OpenPass {
            messages,
            range,
            schedule: Schedule { rate: load.rate, arrival: load.arrival, seed },
            in_flight: load.in_flight as usize,
            clock: epoch,
            stop: self.job.stop.clone(),
        };
        let runtime = self.driver.runtime().map_err(|error| failed("no threads for the workers", &error))?;
        let (outcome, paced) =
            open_loop::run(runtime, target, &pass).map_err(|error| failed("no thread for the generator", &error))?;
        self.accept(&outcome)?;
        Ok((outcome, paced))
    }
}

impl Paced {
    /// Puts its figures where a round's are.
    pub(super) fn tell(self, result: &mut RoundResult, histograms: &mut Histograms) {
        result.pacing_error_ns = Some(summary(&self.pacing));
        result.generator_cpu_ns = Some(nanoseconds(self.generator_cpu));
        result.blocked = Some(self.blocked);
        result.overloaded = self.overloaded;
        histograms.extend([(Tag::Response, self.response), (Tag::Service, self.service)]);
    }
}
