//! One round: a fresh store, history, warm-up, the measured pass, verification before and after a reopen.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use slotbench_backends::{Kind, Options};
use slotbench_core::assignments::CheckOptions;
use slotbench_core::item::Item;
use slotbench_core::scheduler::{CommitMode, CommitObserver, SignaturePolicy};
use slotbench_core::store::{Description, Store};
use slotbench_core::{Config, Durability, Mode as CoreMode, Scheduler, Signer};

use crate::axis::{Commit, Mode, Sign, Transport};
use crate::cell::{Cell, Length};
use crate::driver::Driver;
use crate::driver::clock::Epoch;
use crate::driver::closed_loop::{self, Outcome, Pass};
use crate::driver::usage::{Usage, disk_bytes, peak_rss};
use crate::model::{Engine, Resources, RoundResult, Tag, Warmup};
use crate::recorder::{Durable, DurableRecorder};
use crate::runner::{CellFailure, Histograms, Job, Round};
use crate::verify::Verification;

/// Messages a warm-up starts with; it goes on in steps of measured size.
const FIRST_STEP: usize = 256;
/// How much of a second each further warm-up step lasts.
const STEP: Duration = Duration::from_millis(250);
/// How many more messages than the warm-up's rate suggests are held for a round that ends by time.
const MARGIN: f64 = 1.4;
/// Callers that fill a store with its history at once.
const HISTORY_WORKERS: usize = 256;
/// The engine that stores nothing.
const NULL: &str = "null";
/// Messages of one process that may have a slot and not be stored yet, at least.
const WINDOW: usize = 1024;

pub(super) fn run(driver: &mut Driver, job: &Job<'_>) -> Result<Round, CellFailure> {
    let cell = job.cell;
    refuse_what_is_not_built(cell)?;
    let site = Site::of(cell, job.dir)?;
    let mut messages = Messages { driver, job, sent: 0, acknowledged: 0 };
    let store = site.open()?;
    messages.fill_history(&store)?;
    let described = store.describe();
    let measured = measure(&mut messages, &site, store)?;
    Ok(measured.into_round(job, described))
}

/// Cells that a plan may name and this driver cannot run.
fn refuse_what_is_not_built(cell: &Cell) -> Result<(), CellFailure> {
    let axes = &cell.axes;
    let reason = if axes.transport != Transport::InProcess {
        format!("transport '{}' is not built in", axes.transport)
    } else if axes.mode == Mode::Remote {
        "remote confirmation needs a bundler, and none is configured".to_owned()
    } else if axes.rate.is_some() {
        "open loop (a rate) is not built in".to_owned()
    } else if axes.workload.reads > 0 {
        "a share of reads is not built in".to_owned()
    } else {
        return Ok(());
    };
    Err(CellFailure::Refused(reason))
}

/// Where a round stores, and with what.
struct Site {
    kind: Kind,
    options: Options,
    dir: PathBuf,
    tier: Durability,
}

impl Site {
    fn of(cell: &Cell, dir: &Path) -> Result<Self, CellFailure> {
        let name = &cell.axes.backend;
        let kind = Kind::find(name)
            .ok_or_else(|| CellFailure::Refused(format!("engine '{name}' is not built into this binary")))?;
        let tier = cell.axes.durability.effective.ok_or_else(|| {
            CellFailure::Refused(format!("{name} cannot give durability '{}'", cell.axes.durability.asked))
        })?;
        let options = Options::new(cell.engine_options.clone());
        Ok(Self { kind, options, dir: dir.to_path_buf(), tier })
    }

    fn open(&self) -> Result<Arc<dyn Store>, CellFailure> {
        self.kind.open(&self.dir, &self.options).map_err(|error| failed("the store cannot be opened", &error))
    }
}

fn failed(what: &str, error: &dyn std::error::Error) -> CellFailure {
    CellFailure::Failed(format!("{what}: {error}"))
}

/// The round's messages, handed out in order.
struct Messages<'a> {
    driver: &'a mut Driver,
    job: &'a Job<'a>,
    sent: usize,
    /// Over all passes: what must be stored in the end.
    acknowledged: u64,
}

impl Messages<'_> {
    fn next(&mut self, count: usize) -> Result<(Arc<[Item]>, Range<usize>), CellFailure> {
        let workload = &self.job.cell.axes.workload;
        let range = self.sent..self.sent + count;
        let pool = self
            .driver
            .messages(self.job.seed, workload, range.end)
            .map_err(|error| failed("the messages cannot be made", &error))?;
        self.sent = range.end;
        Ok((Arc::clone(pool.messages()), range))
    }

    /// Makes the next `count` messages without handing them out.
    fn reserve(&mut self, count: usize) -> Result<(), CellFailure> {
        let sent = self.sent;
        self.next(count)?;
        self.sent = sent;
        Ok(())
    }

    /// Every message of the round so far.
    fn all_sent(&self) -> Arc<[Item]> {
        self.driver.pool.as_ref().map(|pool| Arc::clone(pool.messages())).unwrap_or_default()
    }

    /// Bytes of one message, all of one workload being of the same size.
    fn bytes_each(&self) -> u64 {
        let first = self.driver.pool.as_ref().and_then(|pool| pool.messages().first());
        first.map_or(0, |message| message.as_bytes().len() as u64)
    }

    fn config(&self, tier: Durability) -> Result<Config, CellFailure> {
        let axes = &self.job.cell.axes;
        let signer: Arc<dyn Signer> =
            self.driver.signer(axes.workload.sign).map_err(|error| failed("no signing key", &error))?;
        Ok(Config {
            mode: if axes.mode == Mode::Aggressive { CoreMode::Aggressive } else { CoreMode::Local },
            durability: tier,
            commit: if axes.workload.commit == Commit::Each { CommitMode::Each } else { CommitMode::Group },
            signatures: SignaturePolicy { required: false, verify: axes.workload.verify },
            window: WINDOW.max(axes.workers as usize),
            ..Config::new(signer)
        })
    }

    fn pass(&mut self, target: &Arc<Scheduler>, order: Order) -> Result<Outcome, CellFailure> {
        let (messages, range) = self.next(order.messages)?;
        let pass = Pass {
            messages,
            range,
            workers: order.workers,
            limit: order.limit,
            epoch: order.epoch,
            stop: self.job.stop.clone(),
        };
        let runtime = self.driver.runtime().map_err(|error| failed("no threads for the workers", &error))?;
        let outcome = closed_loop::run(runtime, target, &pass);
        if self.job.stop.is_requested() {
            return Err(CellFailure::Interrupted);
        }
        if let Some(error) = &outcome.first_refusal {
            return Err(failed("a message was refused", error));
        }
        self.acknowledged += outcome.acknowledged.len();
        Ok(outcome)
    }

    /// Stores the cell's history as fast as the engine can.
    fn fill_history(&mut self, store: &Arc<dyn Store>) -> Result<(), CellFailure> {
        let history = usize::try_from(self.job.cell.axes.workload.history).unwrap_or(usize::MAX);
        if history == 0 {
            return Ok(());
        }
        let config = Config { mode: CoreMode::Local, commit: CommitMode::Group, ..self.config(Durability::Memory)? };
        let scheduler = new_scheduler(store, Config { window: WINDOW.max(HISTORY_WORKERS), ..config })?;
        let order = Order { messages: history, workers: HISTORY_WORKERS, limit: Duration::MAX, epoch: Epoch::start() };
        self.pass(&scheduler, order)?;
        store.sync().map_err(|error| failed("the history cannot be synced", &error))
    }
}

/// What one pass is to do.
struct Order {
    messages: usize,
    workers: usize,
    limit: Duration,
    epoch: Epoch,
}

fn new_scheduler(store: &Arc<dyn Store>, config: Config) -> Result<Arc<Scheduler>, CellFailure> {
    let scheduler = Scheduler::new(Arc::clone(store), config);
    scheduler.map(Arc::new).map_err(|error| failed("the scheduler cannot start", &error))
}

/// How warming up ended.
struct Warmed {
    duration: Duration,
    /// Messages per second of the last step; `None` without a warm-up.
    rate: Option<f64>,
}

/// Sends messages without recording them until the plan's warm-up time has passed.
#[expect(clippy::cast_precision_loss, reason = "rates need no more than 52 bits")]
fn warm_up(messages: &mut Messages<'_>, target: &Arc<Scheduler>, epoch: Epoch) -> Result<Warmed, CellFailure> {
    let cell = messages.job.cell;
    let start = Instant::now();
    let mut warmed = Warmed { duration: Duration::ZERO, rate: None };
    while start.elapsed() < cell.measure.warmup {
        let rate = warmed.rate.unwrap_or(0.0);
        let count = FIRST_STEP.max(to_count(rate * STEP.as_secs_f64()));
        let limit = cell.measure.warmup.saturating_sub(start.elapsed());
        let order = Order { messages: count, workers: cell.axes.workers as usize, limit, epoch };
        let outcome = messages.pass(target, order)?;
        warmed.rate = Some(outcome.acknowledged.len() as f64 / outcome.elapsed.as_secs_f64().max(1e-9));
    }
    warmed.duration = start.elapsed();
    Ok(warmed)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
fn to_count(messages: f64) -> usize {
    messages.ceil().max(0.0) as usize
}

/// How many messages the measured pass may need, and for how long it may run.
fn extent(cell: &Cell, warmed: &Warmed) -> (usize, Duration) {
    match cell.measure.length {
        Length::Ops(ops) => (usize::try_from(ops).unwrap_or(usize::MAX), Duration::MAX),
        Length::Duration(duration) => {
            let expected = warmed.rate.unwrap_or(f64::from(u16::MAX)) * duration.as_secs_f64() * MARGIN;
            (to_count(expected) + FIRST_STEP + cell.axes.workers as usize, duration)
        }
    }
}

/// A measured and verified pass.
struct Measured {
    outcome: Outcome,
    durable: Option<Durable>,
    max_unstored: u64,
    warmup: Duration,
    resources: Resources,
    verification: Option<Verification>,
}

fn measure(messages: &mut Messages<'_>, site: &Site, store: Arc<dyn Store>) -> Result<Measured, CellFailure> {
    let cell = messages.job.cell;
    let workers = cell.axes.workers as usize;
    let epoch = Epoch::start();
    let config = messages.config(site.tier)?;
    let warmed = warm_up(messages, &new_scheduler(&store, config.clone())?, epoch)?;

    let recorder = (cell.axes.mode == Mode::Aggressive).then(|| Arc::new(DurableRecorder::new(epoch)));
    let observer = recorder.clone().map(|recorder| recorder as Arc<dyn CommitObserver>);
    let signer = config.signer.address();
    let scheduler = new_scheduler(&store, Config { observer, ..config })?;
    let (count, limit) = extent(cell, &warmed);
    // The inputs exist before the meters are read.
    messages.reserve(count)?;
    let meters = Meters::read(&*store);
    let outcome = messages.pass(&scheduler, Order { messages: count, workers, limit, epoch })?;
    let mut resources = meters.since(&*store);
    resources.user_bytes = Some(messages.bytes_each() * outcome.acknowledged.len());
    let max_unstored = scheduler.max_unstored();
    drop(scheduler);

    let durable = recorder.map(|recorder| recorder.recorded());
    let expected = messages.acknowledged - durable.as_ref().map_or(0, |durable| durable.failed);
    let checks = CheckOptions {
        messages: cell.axes.workload.verify,
        signer: (cell.axes.workload.sign != Sign::None).then_some(signer),
    };
    let sent = messages.all_sent();
    let verification = verify(site, store, &|store| checked(store, checks, expected, &sent), &mut resources)?;
    Ok(Measured { outcome, durable, max_unstored, warmup: warmed.duration, resources, verification })
}

/// The meters of process and engine before a pass.
struct Meters {
    usage: Usage,
    syncs: Option<u64>,
}

impl Meters {
    fn read(store: &dyn Store) -> Self {
        Self { syncs: store.counters().syncs, usage: Usage::now() }
    }

    fn since(&self, store: &dyn Store) -> Resources {
        let usage = Usage::now();
        let written = usage.bytes_written.zip(self.usage.bytes_written);
        Resources {
            cpu_ns: u64::try_from((usage.cpu - self.usage.cpu).as_nanos()).ok(),
            peak_rss_bytes: peak_rss(),
            foreign_cpu_ns: usage.foreign_cpu_since(&self.usage).and_then(|time| u64::try_from(time.as_nanos()).ok()),
            bytes_written: written.map(|(after, before)| after - before),
            syncs: store.counters().syncs.zip(self.syncs).map(|(after, before)| after - before),
            ..Resources::default()
        }
    }
}

/// Checks the store as it is found after a reopen; as it is, where it would not outlive one. `None` for an engine that stores nothing.
fn verify(
    site: &Site,
    store: Arc<dyn Store>,
    check: &dyn Fn(&Arc<dyn Store>) -> Verification,
    resources: &mut Resources,
) -> Result<Option<Verification>, CellFailure> {
    if site.kind.name() == NULL {
        return Ok(None);
    }
    if !site.kind.is_persistent() {
        return Ok(Some(check(&store)));
    }
    drop(store);
    resources.disk_bytes = Some(disk_bytes(&site.dir));
    let start = Instant::now();
    let reopened = site.open()?;
    resources.reopen_ns = u64::try_from(start.elapsed().as_nanos()).ok();
    Ok(Some(check(&reopened)))
}

fn checked(store: &Arc<dyn Store>, checks: CheckOptions, expected: u64, sent: &[Item]) -> Verification {
    let mut verification = Verification::against(store, checks, sent);
    verification.expect_slots(expected);
    verification
}

impl Measured {
    #[expect(clippy::cast_precision_loss, reason = "rates need no more than 52 bits")]
    fn into_round(self, job: &Job<'_>, described: Description) -> Round {
        let stored = self.durable.as_ref().map_or(self.outcome.acknowledged.len(), |durable| durable.histogram.len());
        let (verified, failures) = match self.verification {
            Some(verification) => (Some(verification.is_sound()), verification.failures),
            None => (None, Vec::new()),
        };
        let result = RoundResult {
            round: job.round,
            messages: stored,
            elapsed_ns: u64::try_from(self.outcome.elapsed.as_nanos()).unwrap_or(u64::MAX),
            messages_per_s: stored as f64 / self.outcome.elapsed.as_secs_f64().max(1e-9),
            warmup: Warmup { duration_ns: u64::try_from(self.warmup.as_nanos()).unwrap_or(u64::MAX), steady: None },
            resources: self.resources,
            failed_after_acknowledge: self.durable.as_ref().map_or(0, |durable| durable.failed),
            max_unstored: self.max_unstored,
            verified,
            failures,
            ..RoundResult::default()
        };
        let histograms = histograms(self.outcome.acknowledged, self.durable);
        let engine = Engine { version: described.version, options: described.options };
        Round { result, histograms, engine }
    }
}

/// In the confirming modes the acknowledgement is the moment of storage, so both tags share one histogram.
fn histograms(acknowledged: Histogram<u64>, durable: Option<Durable>) -> Histograms {
    let durable = durable.map_or_else(|| acknowledged.clone(), |durable| durable.histogram);
    Histograms::from([(Tag::Acknowledged, acknowledged), (Tag::Durable, durable)])
}
