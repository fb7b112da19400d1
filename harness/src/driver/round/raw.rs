//! The store by itself: messages by their id, and values under keys, written and read past the scheduler.
//!
//! A message is stored whole and read as an item. A value is the data of a message alone, stored and fetched under the
//! message's id. All keys are hashes, so in an ordered engine neighbours in time are not neighbours in the tree.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use slotbench_core::assignments::data_key;
use slotbench_core::commit::CommitError;
use slotbench_core::store::Store;
use slotbench_core::{AssignmentStore, Batch, Durability, Entry, Item, ScheduleError, StoreError};

use super::messages::Messages;
use super::site::{PATIENCE, Site, interrupted};
use super::{FIRST_STEP, Totals, Warmed, extent, failed, round, verify};
use crate::answers::WrongAnswers;
use crate::cell::Operation;
use crate::driver::Driver;
use crate::driver::clock::Epoch;
use crate::driver::closed_loop::{self, Outcome, Pass};
use crate::driver::debt;
use crate::driver::history::write_back;
use crate::driver::meters::Meters;
use crate::driver::target::Target;
use crate::model::Tag;
use crate::runner::{CellFailure, Histograms, Job, Round};
use crate::verify::Verification;

/// Entries of a batch that stores what is to be read.
const BATCH: usize = 256;

pub(super) fn run(driver: &mut Driver, job: &Job<'_>, site: &Site) -> Result<Round, CellFailure> {
    let operation = job.cell.axes.workload.operation;
    let store = site.open()?;
    let described = store.describe();
    let wrong = Arc::<WrongAnswers>::default();
    let target = RawTarget { store: Arc::clone(&store), tier: site.tier, operation, wrong: Arc::clone(&wrong) };
    let mut raw = Raw { messages: Messages::new(driver, job, None), stored: 0 };
    if operation.is_raw_read() {
        raw.store_all(&target, site)?;
    }
    let warmed = raw.warm_up(&target)?;
    let (count, limit) = extent(job.cell, &warmed);
    let (messages, range) = raw.operands(operation, count)?;
    let meters = Meters::read(&*store, &site.dir, site.base.bytes(raw.messages.driver.prepared));
    let outcome = raw.pass(&target, messages, range, limit)?;
    let (mut resources, _) = meters.since(&*store, Vec::new);
    resources.user_bytes = (!operation.is_raw_read()).then_some(outcome.bytes);
    drop(target);

    let totals = Totals {
        operations: outcome.acknowledged.len(),
        reads: if operation.is_raw_read() { outcome.acknowledged.len() } else { 0 },
        elapsed: outcome.elapsed,
        warmup: warmed.duration,
        slots_before: None,
    };
    let check = |store: &Arc<dyn Store>| {
        let mut verification = raw.check(store, operation);
        verification.add(wrong.findings());
        verification
    };
    let verification = verify(site, Some(store), check, &mut resources)?;
    let histograms = histograms(operation, outcome);
    Ok(round(job, totals, resources, verification, histograms, described))
}

fn histograms(operation: Operation, outcome: Outcome) -> Histograms {
    if operation.is_raw_read() {
        return Histograms::from([(Tag::Read, outcome.acknowledged)]);
    }
    // A caller is answered when the write is stored.
    Histograms::from([(Tag::Durable, outcome.acknowledged.clone()), (Tag::Acknowledged, outcome.acknowledged)])
}

/// Messages or values, and how many of them the store must have.
struct Raw<'a> {
    messages: Messages<'a>,
    stored: u64,
}

/// Operands of a pass: items, and which of them it takes.
type Operands = (Arc<[Item]>, std::ops::Range<usize>);

impl Raw<'_> {
    /// Stores what there is to read, and waits until the engine is done with it.
    fn store_all(&mut self, target: &RawTarget, site: &Site) -> Result<(), CellFailure> {
        let count = usize::try_from(self.messages.job.cell.axes.workload.history).unwrap_or(usize::MAX);
        let (items, range) = self.messages.next(count)?;
        for chunk in items.get(range).unwrap_or_default().chunks(BATCH) {
            let mut batch = Batch::new();
            chunk.iter().for_each(|item| target.put(&mut batch, item));
            let applied = target.store.apply(&batch, Durability::Memory);
            applied.map_err(|error| failed("what is to be read cannot be stored", &error))?;
        }
        target.store.sync().map_err(|error| failed("what is to be read cannot be synced", &error))?;
        self.stored = count as u64;
        debt::wait_until_quiet(PATIENCE, self.messages.job.stop);
        if site.kind.is_persistent() {
            write_back(&site.dir).map_err(interrupted)?;
        }
        Ok(())
    }

    /// Fresh messages to write; of those that are stored, random ones to read.
    fn operands(&mut self, operation: Operation, count: usize) -> Result<Operands, CellFailure> {
        if !operation.is_raw_read() {
            return self.messages.next(count);
        }
        let stored = self.messages.all_sent();
        let stored = stored.get(..self.messages.sent).unwrap_or_default();
        let mut random = StdRng::seed_from_u64(self.messages.job.seed ^ count as u64);
        let drawn = (0..count).filter_map(|_| stored.get(random.random_range(0..stored.len().max(1))).cloned());
        Ok((drawn.collect(), 0..count))
    }

    fn warm_up(&mut self, target: &RawTarget) -> Result<Warmed, CellFailure> {
        let (start, warmup) = (Instant::now(), self.messages.job.cell.measure.warmup);
        let mut warmed = Warmed { duration: Duration::ZERO, rate: None };
        while start.elapsed() < warmup {
            let (items, range) = self.operands(target.operation, FIRST_STEP)?;
            let outcome = self.pass(target, items, range, warmup.saturating_sub(start.elapsed()))?;
            #[expect(clippy::cast_precision_loss, reason = "a few hundred operations")]
            let rate = outcome.acknowledged.len() as f64 / outcome.elapsed.as_secs_f64().max(1e-9);
            warmed.rate = Some(rate);
        }
        warmed.duration = start.elapsed();
        Ok(warmed)
    }

    fn pass(
        &mut self,
        target: &RawTarget,
        messages: Arc<[Item]>,
        range: std::ops::Range<usize>,
        limit: Duration,
    ) -> Result<Outcome, CellFailure> {
        let job = self.messages.job;
        let (workers, epoch, stop) = (job.cell.axes.workers as usize, Epoch::start(), job.stop.clone());
        let pass = Pass { messages, range, workers, limit, epoch, stop, reads: None };
        let runtime = self.messages.driver.runtime().map_err(|error| failed("no threads for the workers", &error))?;
        let outcome = closed_loop::run(runtime, target, &pass);
        if job.stop.is_requested() {
            return Err(CellFailure::Interrupted);
        }
        if let Some(error) = &outcome.first_refusal {
            return Err(failed("the store refused an operation", &**error));
        }
        if !target.operation.is_raw_read() {
            self.stored += outcome.acknowledged.len();
        }
        Ok(outcome)
    }

    /// Looks for everything that was sent: what is there must be as it was sent, and there must be as much as was
    /// acknowledged.
    fn check(&self, store: &Arc<dyn Store>, operation: Operation) -> Verification {
        let mut verification = Verification::default();
        let sent = self.messages.all_sent();
        for item in sent.get(..self.messages.sent).unwrap_or_default() {
            match store.get(&data_key(&item.id())) {
                Ok(None) => {}
                Ok(Some(Entry::Value(bytes))) if bytes == value(operation, item) => verification.slots += 1,
                Ok(Some(_)) => verification.fail(format!("{}: not what was written", item.id())),
                Err(error) => verification.fail(format!("{}: {error}", item.id())),
            }
        }
        let repeats = self.messages.job.cell.axes.workload.duplicates > 0;
        if verification.slots < self.stored || verification.slots > self.stored && !repeats {
            let found = verification.slots;
            verification.fail(format!("{} writes were acknowledged, {found} are stored and sound", self.stored));
        }
        verification
    }
}

/// The store, called by the workers themselves.
#[derive(Clone)]
struct RawTarget {
    store: Arc<dyn Store>,
    tier: Durability,
    operation: Operation,
    wrong: Arc<WrongAnswers>,
}

impl RawTarget {
    fn put(&self, batch: &mut Batch, item: &Item) {
        batch.put(data_key(&item.id()), value(self.operation, item));
    }

    fn write(&self, item: &Item) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        self.put(&mut batch, item);
        self.store.apply(&batch, self.tier)
    }

    /// A message is parsed, and its id compared, as by any reader; a value is just fetched.
    fn read(&self, item: &Item) -> Result<bool, ScheduleError> {
        match self.operation {
            Operation::MessageRead => {
                let assignments = AssignmentStore::new(Arc::clone(&self.store));
                Ok(assignments.item(&item.id()).map_err(ScheduleError::Damaged)?.is_some_and(|found| found == *item))
            }
            _ => {
                let found = self.store.get(&data_key(&item.id())).map_err(refused)?;
                Ok(matches!(found, Some(Entry::Value(bytes)) if bytes == value(self.operation, item)))
            }
        }
    }
}

impl Target for RawTarget {
    type Error = ScheduleError;

    async fn call(&self, item: Item, _tag: u64) -> Result<u64, ScheduleError> {
        if self.operation.is_raw_read() {
            let is_right = self.read(&item)?;
            self.wrong.note(if is_right { Ok(()) } else { Err(format!("{}: a read does not find it", item.id())) });
        } else {
            self.write(&item).map_err(refused)?;
        }
        // These calls never wait, so without this the workers of a thread would take turns only at its end.
        tokio::task::yield_now().await;
        Ok(0)
    }

    fn size(&self, item: &Item) -> u64 {
        value(self.operation, item).len() as u64
    }

    fn drain(&self) {}
}

fn refused(error: StoreError) -> ScheduleError {
    ScheduleError::Commit(Arc::new(CommitError::Store(error)))
}

fn value(operation: Operation, item: &Item) -> bytes::Bytes {
    match operation {
        Operation::MessageWrite | Operation::MessageRead => item.as_bytes().clone(),
        _ => item.data(),
    }
}
