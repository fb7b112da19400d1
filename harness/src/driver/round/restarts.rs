//! Restarts: how long a store and its scheduler take to be back at work.
//!
//! One restart is one latency: the store is closed and opened, the end of the next message's schedule is looked up, and
//! the message is scheduled. What the end must be is known, so every restart is checked.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use slotbench_core::scheduler::process_of;
use slotbench_core::store::{Description, Store};
use slotbench_core::{Config, Item};

use super::messages::Messages;
use super::site::{Site, interrupted};
use super::{Totals, checks, failed, nanoseconds, new_scheduler, round, verify};
use crate::answers::WrongAnswers;
use crate::cell::Length;
use crate::driver::clock::Epoch;
use crate::driver::meters::Meters;
use crate::model::Tag;
use crate::recorder::new_histogram;
use crate::runner::{CellFailure, Histograms, Round};
use crate::verify::Heads;

/// Restarts for which messages are made at a time.
const STEP: usize = 64;

pub(super) fn run(
    messages: &mut Messages<'_>,
    site: &Site,
    store: Arc<dyn Store>,
    described: Description,
) -> Result<Round, CellFailure> {
    let job = messages.job;
    let config = messages.config(site.tier)?;
    let heads = messages.history.as_ref().map(|history| history.heads.clone()).unwrap_or_default();
    let mut restarts = Restarts { site, config, store: Some(store), heads, wrong: WrongAnswers::default() };
    let warmup = Instant::now();
    restarts.repeat(messages, usize::MAX, job.cell.measure.warmup)?;
    let warmup = warmup.elapsed();

    let slots_before = messages.slots();
    let (count, limit) = match job.cell.measure.length {
        Length::Ops(ops) => (usize::try_from(ops).unwrap_or(usize::MAX), Duration::MAX),
        Length::Duration(limit) => (usize::MAX, limit),
    };
    let meters = Meters::read(restarts.store()?, &site.dir, site.base.bytes(messages.driver.prepared));
    let passed = restarts.repeat(messages, count, limit)?;
    let (mut resources, _) = meters.since(restarts.store()?, Vec::new);
    // A store counts from its own opening on.
    resources.syncs = None;
    resources.user_bytes = Some(passed.bytes);

    messages.wrong.add(restarts.wrong.findings());
    let (checks, expected) = (checks(job.cell, &restarts.config), messages.acknowledged);
    let store = restarts.store.take().ok_or_else(|| CellFailure::Failed("the store is gone".to_owned()))?;
    let verification = verify(site, Some(store), |store| messages.check(store, checks, expected), &mut resources)?;
    let totals = Totals {
        operations: passed.latency.len(),
        reads: 0,
        elapsed: passed.elapsed,
        warmup,
        slots_before: Some(slots_before),
    };
    let histograms = Histograms::from([(Tag::Restart, passed.latency)]);
    Ok(round(job, totals, resources, verification, histograms, described))
}

struct Restarts<'a> {
    site: &'a Site,
    config: Config,
    /// Absent while it is closed.
    store: Option<Arc<dyn Store>>,
    /// Where schedules must end.
    heads: Heads,
    wrong: WrongAnswers,
}

struct Passed {
    latency: Histogram<u64>,
    bytes: u64,
    elapsed: Duration,
}

impl Restarts<'_> {
    fn store(&self) -> Result<&dyn Store, CellFailure> {
        self.store.as_deref().ok_or_else(|| CellFailure::Failed("the store is closed".to_owned()))
    }

    /// Restarts `count` times, none of them later than `limit` after the first.
    fn repeat(&mut self, messages: &mut Messages<'_>, count: usize, limit: Duration) -> Result<Passed, CellFailure> {
        let mut made = messages.next(STEP.min(count))?;
        let epoch = Epoch::start();
        let mut passed = Passed { latency: new_histogram(), bytes: 0, elapsed: Duration::ZERO };
        for _ in 0..count {
            if epoch.now() >= nanoseconds(limit) {
                break;
            }
            if messages.job.stop.is_requested() {
                return Err(CellFailure::Interrupted);
            }
            if made.1.is_empty() {
                made = messages.next(STEP)?;
            }
            let Some(message) = made.1.next().and_then(|index| made.0.get(index)) else { break };
            passed.latency.saturating_record(self.restart(messages, message, epoch)?);
            passed.bytes += message.as_bytes().len() as u64;
            messages.acknowledged += 1;
        }
        passed.elapsed = Duration::from_nanos(epoch.now());
        Ok(passed)
    }

    /// Nanoseconds from the begin of closing until the message is acknowledged.
    fn restart(&mut self, messages: &Messages<'_>, message: &Item, epoch: Epoch) -> Result<u64, CellFailure> {
        let process = process_of(message).map_err(|error| failed("a message was refused", &error))?;
        let runtime = messages.driver.runtime().map_err(|error| failed("no threads for the workers", &error))?;
        let (config, message) = (self.config.clone(), message.clone());
        let start = epoch.now();
        drop(self.store.take());
        let store = self.site.open()?;
        let scheduler = new_scheduler(&store, config)?;
        let head =
            scheduler.stored_head(&process).map_err(|error| failed("a schedule's end cannot be read", &error))?;
        let receipt = runtime.block_on(scheduler.schedule(message));
        let latency = epoch.now() - start;

        let receipt = receipt.map_err(|error| failed("a message was refused", &error))?;
        // In aggressive mode the message may still be on its way.
        scheduler.drain();
        drop(scheduler);
        let expected = self.heads.get(&process).copied().unwrap_or_default();
        let is_right = head == expected && receipt.slot == expected.next_slot();
        let found = || format!("process {process} ends at {:?} after a restart, not {:?}", head.slot, expected.slot);
        self.wrong.note(if is_right { Ok(()) } else { Err(found()) });
        let assignments = slotbench_core::AssignmentStore::new(Arc::clone(&store));
        let end = assignments.latest(&process).map_err(|error| interrupted(error.into()))?;
        self.heads.insert(process, end);
        self.store = Some(store);
        Ok(latency)
    }
}
