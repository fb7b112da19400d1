//! One round: a fresh store, history, warm-up, the measured pass, verification before and after a reopen.

mod messages;
mod names;
mod open;
mod raw;
mod relay;
mod remote;
mod restarts;
mod site;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use slotbench_core::assignments::CheckOptions;
use slotbench_core::scheduler::CommitObserver;
use slotbench_core::store::{Description, Store};
use slotbench_core::{Config, Scheduler};

use self::messages::{Messages, Order};
use self::site::Site;
use crate::axis::{Commit, Mode, Sign, Transport};
use crate::cell::{Cell, Length, Operation};
use crate::driver::Driver;
use crate::driver::clock::Epoch;
use crate::driver::closed_loop::Outcome;
use crate::driver::course::{self, Course};
use crate::driver::debt;
use crate::driver::meters::Meters;
use crate::driver::open_loop::Paced;
use crate::driver::reads::Beforehand;
use crate::driver::sampler::Sampler;
use crate::driver::stages::{StageLog, Staged};
use crate::driver::target::Target;
use crate::driver::usage::disk_bytes;
use crate::model::{Debt, Engine, Resources, RoundResult, Summary, Tag, Warmup};
use crate::recorder::{Durable, DurableRecorder, counted};
use crate::runner::{CellFailure, Histograms, Job, Round};
use crate::stats;
use crate::verify::Verification;

/// Messages a warm-up starts with; it goes on in steps of measured size.
const FIRST_STEP: usize = 256;
/// How much of a second each further warm-up step lasts.
const STEP: Duration = Duration::from_millis(250);
/// How many more messages than the warm-up's rate suggests are held for a round that ends by time.
const MARGIN: f64 = 1.4;
/// The engine that stores nothing.
const NULL: &str = "null";
/// Above so many processes, counting what is not stored yet would be work of its own.
const COUNTED_PROCESSES: u32 = 1000;

pub(super) fn run(driver: &mut Driver, job: &Job<'_>) -> Result<Round, CellFailure> {
    let cell = job.cell;
    refuse_what_is_not_built(cell)?;
    let site = Site::of(cell, job.dir, driver.prepared)?;
    let operation = cell.axes.workload.operation;
    if operation.is_raw() {
        return raw::run(driver, job, &site);
    }
    if operation.is_registry() {
        return names::run(driver, job, &site);
    }
    if operation.is_remote() {
        return relay::run(driver, job, &site);
    }
    let (store, history) = site.filled(driver, job)?;
    let described = store.describe();
    let mut messages = Messages::new(driver, job, history);
    let round = match operation {
        Operation::Restart => restarts::run(&mut messages, &site, store, described)?,
        _ if cell.axes.transport != Transport::InProcess => {
            remote::measure(&mut messages, &site, store)?.into_round(job, described)
        }
        _ => measure(&mut messages, &site, store)?.into_round(job, described),
    };
    messages.give_back(&site, round.result.verified != Some(false))?;
    Ok(round)
}

/// Cells that a plan may name and this driver cannot run.
fn refuse_what_is_not_built(cell: &Cell) -> Result<(), CellFailure> {
    if cell.axes.mode == Mode::Remote {
        let reason = "remote confirmation needs a bundler, and none is configured";
        return Err(CellFailure::Refused(reason.to_owned()));
    }
    Ok(())
}

fn failed(what: &str, error: &dyn std::error::Error) -> CellFailure {
    CellFailure::Failed(format!("{what}: {error}"))
}

fn new_scheduler(store: &Arc<dyn Store>, config: Config) -> Result<Arc<Scheduler>, CellFailure> {
    let scheduler = Scheduler::new(Arc::clone(store), config);
    scheduler.map(Arc::new).map_err(|error| failed("the scheduler cannot start", &error))
}

/// How warming up ended.
struct Warmed {
    duration: Duration,
    /// Operations per second of the last step; `None` without a warm-up.
    rate: Option<f64>,
}

/// Sends messages without recording them until the plan's warm-up time has passed.
#[expect(clippy::cast_precision_loss, reason = "rates need no more than 52 bits")]
fn warm_up<T: Target>(
    messages: &mut Messages<'_>,
    target: &T,
    store: Option<&Arc<dyn Store>>,
    epoch: Epoch,
) -> Result<Warmed, CellFailure> {
    let cell = messages.job.cell;
    let start = Instant::now();
    let mut warmed = Warmed { duration: Duration::ZERO, rate: None };
    if let Some(load) = cell.axes.open_load() {
        messages.paced_pass(target, open::count(cell, cell.measure.warmup), load, epoch)?;
        warmed.duration = start.elapsed();
        return Ok(warmed);
    }
    while start.elapsed() < cell.measure.warmup {
        let rate = warmed.rate.unwrap_or(0.0);
        let count = FIRST_STEP.max(to_count(rate * STEP.as_secs_f64()));
        let limit = cell.measure.warmup.saturating_sub(start.elapsed());
        let (workers, store) = (cell.axes.workers as usize, store.cloned());
        let outcome = messages.pass(target, Order { store, operations: count, workers, limit, epoch })?;
        warmed.rate = Some(outcome.operations() as f64 / outcome.elapsed.as_secs_f64().max(1e-9));
    }
    warmed.duration = start.elapsed();
    Ok(warmed)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
fn to_count(operations: f64) -> usize {
    operations.ceil().max(0.0) as usize
}

/// How many operations the measured pass may need, and for how long it may run.
fn extent(cell: &Cell, warmed: &Warmed) -> (usize, Duration) {
    match cell.measure.length {
        Length::Ops(ops) => (usize::try_from(ops).unwrap_or(usize::MAX), Duration::MAX),
        Length::Duration(duration) if cell.axes.rate.is_some() => (open::count(cell, duration), duration),
        Length::Duration(duration) => {
            let expected = warmed.rate.unwrap_or(f64::from(u16::MAX)) * duration.as_secs_f64() * MARGIN;
            (to_count(expected) + FIRST_STEP + cell.axes.workers as usize, duration)
        }
    }
}

/// How many operations one of several workers does at most, and for how long it begins new ones.
fn share(length: Length, workers: u32, worker: u32) -> (u64, Duration) {
    let (workers, worker) = (u64::from(workers), u64::from(worker));
    match length {
        Length::Ops(ops) => (ops / workers + u64::from(worker < ops % workers), Duration::MAX),
        Length::Duration(limit) => (u64::MAX, limit),
    }
}

/// A measured and verified pass.
struct Measured {
    outcome: Outcome,
    paced: Option<Paced>,
    durable: Option<Durable>,
    max_unstored: u64,
    warmup: Duration,
    used: Used,
    verification: Option<Verification>,
    /// Slots stored before the first measured operation.
    slots_before: u64,
    /// Connections opened for the pass, where it went over a transport.
    connections: Option<u64>,
}

/// What a pass used, and how it went.
struct Used {
    resources: Resources,
    stages: BTreeMap<String, Summary>,
    /// Batches by their number of messages.
    batches: Vec<u64>,
    course: Course,
    debt: Debt,
}

fn measure(messages: &mut Messages<'_>, site: &Site, store: Arc<dyn Store>) -> Result<Measured, CellFailure> {
    let cell = messages.job.cell;
    let workers = cell.axes.workers as usize;
    let epoch = Epoch::start();
    let config = messages.config(site.tier)?;
    let warmed = warm_up(messages, &new_scheduler(&store, config.clone())?, Some(&store), epoch)?;
    if cell.axes.workload.reads > 0 && messages.beforehand() == Beforehand::Nothing {
        let reason = "in aggressive mode only what is stored can be read: it takes a history or a warm-up";
        return Err(CellFailure::Refused(reason.to_owned()));
    }
    let slots_before = messages.slots();

    let recorder = (cell.axes.mode == Mode::Aggressive).then(|| Arc::new(DurableRecorder::new(epoch)));
    let observer = recorder.clone().map(|recorder| recorder as Arc<dyn CommitObserver>);
    let checks = checks(cell, &config);
    let scheduler = new_scheduler(&store, Config { observer, ..config })?;
    let (count, limit) = extent(cell, &warmed);
    // The inputs exist before the meters are read.
    messages.reserve(count)?;
    let stage_log = messages.job.is_stage_round().then(|| StageLog::new(epoch, count));
    let order = || Order { store: Some(Arc::clone(&store)), operations: count, workers, limit, epoch };
    let sampler = sample(cell, &scheduler, epoch, course::interval(expected_length(count, limit, &warmed)))?;
    let meters = Meters::read(&*store, &site.dir, site.base.bytes(messages.driver.prepared));
    let outcome = match (&stage_log, cell.axes.open_load()) {
        (None, None) => messages.pass(&scheduler, order()).map(|outcome| (outcome, None)),
        (Some(log), None) => {
            messages.pass(&Staged::new(&scheduler, log, epoch), order()).map(|outcome| (outcome, None))
        }
        (None, Some(load)) => {
            messages.paced_pass(&scheduler, count, load, epoch).map(|(outcome, paced)| (outcome, Some(paced)))
        }
        (Some(log), Some(load)) => messages
            .paced_pass(&Staged::new(&scheduler, log, epoch), count, load, epoch)
            .map(|(outcome, paced)| (outcome, Some(paced))),
    };
    let (mut resources, readings) = meters.since(&*store, || sampler.finish());
    let (outcome, paced) = outcome?;
    open::exclude_generator(&mut resources, paced.as_ref());
    let debt = debt::watch(outcome.elapsed);
    resources.user_bytes = Some(outcome.bytes);
    let (max_unstored, batches) = (scheduler.max_unstored(), scheduler.batch_sizes());
    drop(scheduler);

    let durable = recorder.map(|recorder| recorder.recorded());
    let stages = stage_log.map(|log| log.summaries(durable.is_some())).unwrap_or_default();
    let stored = durable.as_ref().map_or(&outcome.acknowledged, |durable| &durable.histogram);
    let usual = if stored.is_empty() { &outcome.read } else { stored };
    let course = Course::of(&outcome, &readings, usual.value_at_quantile(0.5));
    let expected = messages.acknowledged - durable.as_ref().map_or(0, |durable| durable.failed);
    let verification = verify(site, Some(store), |store| messages.check(store, checks, expected), &mut resources)?;
    let warmup = warmed.duration;
    let used = Used { resources, stages, batches, course, debt };
    Ok(Measured { outcome, paced, durable, max_unstored, warmup, used, verification, slots_before, connections: None })
}

/// What is to be checked of signatures.
fn checks(cell: &Cell, config: &Config) -> CheckOptions {
    let workload = &cell.axes.workload;
    let signer = (workload.sign != Sign::None).then(|| config.signer.address());
    CheckOptions { messages: workload.verify, signer }
}

/// Starts reading, beside the measured threads, what a pass uses.
fn sample(cell: &Cell, scheduler: &Arc<Scheduler>, epoch: Epoch, interval: Duration) -> Result<Sampler, CellFailure> {
    // In the confirming modes nothing is acknowledged before it is stored.
    let counts = cell.axes.mode == Mode::Aggressive && cell.axes.workload.processes <= COUNTED_PROCESSES;
    let scheduler = counts.then(|| Arc::clone(scheduler));
    let unstored = move || scheduler.as_ref().map(|scheduler| scheduler.unstored());
    Sampler::start(epoch, interval, unstored).map_err(|error| failed("no thread for the sampler", &error))
}

/// How long a pass will probably take.
#[expect(clippy::cast_precision_loss, reason = "a guess")]
fn expected_length(count: usize, limit: Duration, warmed: &Warmed) -> Duration {
    let by_count = warmed.rate.map(|rate| Duration::try_from_secs_f64(count as f64 / rate));
    by_count.and_then(Result::ok).unwrap_or(Duration::ZERO).min(limit)
}

/// Checks the store as it is found after a reopen; as it is, where it would not outlive one. It is given where it is open
/// in this process. `None` for an engine that stores nothing.
fn verify(
    site: &Site,
    store: Option<Arc<dyn Store>>,
    check: impl FnOnce(&Arc<dyn Store>) -> Verification,
    resources: &mut Resources,
) -> Result<Option<Verification>, CellFailure> {
    if site.kind.name() == NULL {
        return Ok(None);
    }
    if let Some(store) = store.as_ref().filter(|_| !site.kind.is_persistent()) {
        return Ok(Some(check(store)));
    }
    drop(store);
    resources.disk_bytes = Some(disk_bytes(&site.dir));
    let start = Instant::now();
    let reopened = site.open()?;
    resources.reopen_ns = u64::try_from(start.elapsed().as_nanos()).ok();
    Ok(Some(check(&reopened)))
}

impl Measured {
    fn into_round(self, job: &Job<'_>, described: Description) -> Round {
        let stored = self.durable.as_ref().map_or(self.outcome.acknowledged.len(), |durable| durable.histogram.len());
        let reads = self.outcome.read.len();
        let totals = Totals {
            operations: stored + reads,
            reads,
            elapsed: self.outcome.elapsed,
            warmup: self.warmup,
            slots_before: Some(self.slots_before),
        };
        let failure = self.durable.as_ref().and_then(Durable::failure);
        let batches = counted(&self.used.batches);
        let is_grouped = job.cell.axes.workload.commit == Commit::Group && !batches.is_empty();
        let failed_after_acknowledge = self.durable.as_ref().map_or(0, |durable| durable.failed);
        let histograms = histograms(self.outcome, self.durable);
        let Used { resources, stages, course, debt, .. } = self.used;
        let mut round = round(job, totals, resources, self.verification, histograms, described);
        let Round { result, histograms, .. } = &mut round;
        result.failures.extend(failure);
        result.warmup.steady = course.steady;
        result.stages_ns = stages;
        result.batch_messages = is_grouped.then(|| stats::summary(&batches));
        (result.series, result.stalls) = (course.series, course.stalls);
        result.debt = Some(debt);
        result.failed_after_acknowledge = failed_after_acknowledge;
        result.max_unstored = self.max_unstored;
        result.connections = self.connections;
        if let Some(paced) = self.paced {
            paced.tell(result, histograms);
        }
        round
    }
}

/// What every round counts, whatever its operations.
struct Totals {
    operations: u64,
    /// Of those, reads.
    reads: u64,
    elapsed: Duration,
    warmup: Duration,
    slots_before: Option<u64>,
}

#[expect(clippy::cast_precision_loss, reason = "rates need no more than 52 bits")]
fn round(
    job: &Job<'_>,
    totals: Totals,
    resources: Resources,
    verification: Option<Verification>,
    histograms: Histograms,
    described: Description,
) -> Round {
    let verified = verification.as_ref().map(Verification::is_sound);
    let result = RoundResult {
        round: job.round,
        messages: totals.operations,
        reads: totals.reads,
        slots_before: totals.slots_before,
        elapsed_ns: nanoseconds(totals.elapsed),
        messages_per_s: totals.operations as f64 / totals.elapsed.as_secs_f64().max(1e-9),
        warmup: Warmup { duration_ns: nanoseconds(totals.warmup), steady: None },
        resources,
        verified,
        failures: verification.map(|verification| verification.failures).unwrap_or_default(),
        ..RoundResult::default()
    };
    Round { result, histograms, engine: Engine { version: described.version, options: described.options } }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// In the confirming modes the acknowledgement is the moment of storage, so both tags share one histogram. What was never
/// done has none.
fn histograms(outcome: Outcome, durable: Option<Durable>) -> Histograms {
    let Outcome { acknowledged, read, .. } = outcome;
    let durable = durable.map_or_else(|| acknowledged.clone(), |durable| durable.histogram);
    let all = [(Tag::Acknowledged, acknowledged), (Tag::Durable, durable), (Tag::Read, read)];
    all.into_iter().filter(|(_, histogram)| !histogram.is_empty()).collect()
}
