//! B3: the registry by itself. Nothing is stored and no message is sent.
//!
//! Before the round as many names are registered as the cell's history says. Each worker is a task that asks for random
//! ones of them, for pages of a list that begin at one, or has new ones made and gives them up again. A look-up takes
//! little longer than reading the clock, so a hundred operations are timed together, and a latency is their mean; pages
//! of a hundred names are timed one by one. Every answer is checked, after its time was taken.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use slotbench_core::Id;
use slotbench_core::hash::sha256;
use slotbench_core::registry::{AppType, Listed, Live, Name, NameError, Page, Pattern, Query, Registry};
use tokio::sync::Barrier;

use super::site::Site;
use super::{Totals, failed, round, share};
use crate::answers::WrongAnswers;
use crate::cell::{Length, Operation};
use crate::driver::Driver;
use crate::driver::meters::Meters;
use crate::model::Tag;
use crate::recorder::{merge, new_histogram};
use crate::runner::{CellFailure, Histograms, Job, Round, Stop};
use crate::verify::Verification;

/// The kind of all names.
const KIND: &str = "scheduler";
/// Operations that are timed together, unless they are pages.
const BATCH: usize = 100;
/// Names of a page.
const PAGE: usize = 100;
/// Names that are asked for, drawn before the clock starts and asked for in turns.
const QUESTIONS: usize = 1 << 18;

pub(super) fn run(driver: &mut Driver, job: &Job<'_>, site: &Site) -> Result<Round, CellFailure> {
    let cell = job.cell;
    let store = site.open()?;
    let subject = Arc::new(Subject::fill(cell.axes.workload.history, cell.axes.workers, job)?);
    let base = site.base.bytes(driver.prepared);
    let runtime = driver.runtime().map_err(|error| failed("no threads for the workers", &error))?;
    let pass = |length| {
        let outcome = runtime.block_on(Subject::pass(
            &subject,
            cell.axes.workload.operation,
            cell.axes.workers,
            length,
            job.stop,
        ));
        if job.stop.is_requested() { Err(CellFailure::Interrupted) } else { Ok(outcome) }
    };
    let warmup = pass(Length::Duration(cell.measure.warmup))?;
    let meters = Meters::read(&*store, &site.dir, base);
    let outcome = pass(cell.measure.length)?;
    let (resources, _) = meters.since(&*store, Vec::new);
    let totals = Totals {
        operations: outcome.operations,
        reads: 0,
        elapsed: outcome.elapsed,
        warmup: warmup.elapsed,
        slots_before: None,
    };
    let verification = subject.verify(warmup.operations + outcome.operations, cell.axes.workload.operation);
    let histograms = Histograms::from([(Tag::Registry, outcome.latency)]);
    Ok(round(job, totals, resources, Some(verification), histograms, store.describe()))
}

/// Something registered: the number of its name.
struct Numbered(u64);

impl Live for Numbered {
    type Error = std::convert::Infallible;

    fn is_live(&self) -> bool {
        true
    }
}

/// A registry with its names, and what is asked of it.
struct Subject {
    registry: Registry<Numbered>,
    names: u64,
    /// Names among those that are registered, in texts of their own, with their numbers.
    questions: Vec<(Name, u64)>,
    /// Names that are not registered, a batch for each worker.
    fresh: Vec<Vec<Name>>,
    /// Instances made by the factory.
    made: Arc<AtomicU64>,
    kind: Query,
    wrong: WrongAnswers,
}

/// What a pass, or a worker of it, did.
struct Outcome {
    latency: Histogram<u64>,
    operations: u64,
    elapsed: Duration,
}

impl Subject {
    fn fill(names: u64, workers: u32, job: &Job<'_>) -> Result<Self, CellFailure> {
        let invalid = |error: NameError| failed("a name", &error);
        let (registry, made) = (Registry::new(), Arc::new(AtomicU64::new(0)));
        let count = Arc::clone(&made);
        registry
            .define(AppType::new(KIND).map_err(invalid)?, move |_| Ok(Numbered(count.fetch_add(1, Ordering::Relaxed))));
        for n in 0..names {
            if n % 10_000 == 0 && job.stop.is_requested() {
                return Err(CellFailure::Interrupted);
            }
            registry
                .ensure(&name(n).map_err(invalid)?)
                .map_err(|error| failed("a name cannot be registered", &error))?;
        }
        let mut random = StdRng::seed_from_u64(job.seed.wrapping_add(u64::from(job.round)));
        let question = |_| {
            let n = random.random_range(0..names.max(1));
            Ok((name(n)?, n))
        };
        let questions = (0..QUESTIONS).map(question).collect::<Result<_, _>>().map_err(invalid)?;
        let batch = |worker: u64| (0..BATCH as u64).map(|n| name(names + worker * BATCH as u64 + n)).collect();
        let fresh = (0..u64::from(workers)).map(batch).collect::<Result<_, _>>().map_err(invalid)?;
        let kind = Query::from(Pattern::kind(KIND).map_err(invalid)?);
        Ok(Self { registry, names, questions, fresh, made, kind, wrong: WrongAnswers::default() })
    }

    async fn pass(subject: &Arc<Self>, operation: Operation, workers: u32, length: Length, stop: &Stop) -> Outcome {
        let gate = Arc::new(Barrier::new(workers as usize + 1));
        let tasks: Vec<_> = (0..workers)
            .map(|worker| {
                let (subject, gate, stop, (count, limit)) =
                    (Arc::clone(subject), Arc::clone(&gate), stop.clone(), share(length, workers, worker));
                tokio::spawn(async move {
                    gate.wait().await;
                    subject.work(operation, worker as usize, count, limit, &stop).await
                })
            })
            .collect();
        gate.wait().await;
        let start = Instant::now();
        let mut all = Outcome { latency: new_histogram(), operations: 0, elapsed: Duration::ZERO };
        for task in tasks {
            match task.await {
                Ok(one) => {
                    merge(&mut all.latency, &one.latency);
                    all.operations += one.operations;
                }
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            }
        }
        all.elapsed = start.elapsed();
        all
    }

    /// One worker: `count` operations, none of them begun later than `limit` after the first.
    async fn work(&self, operation: Operation, worker: usize, count: u64, limit: Duration, stop: &Stop) -> Outcome {
        let mut done = Outcome { latency: new_histogram(), operations: 0, elapsed: Duration::ZERO };
        // Workers begin at places of their own.
        let start = worker.wrapping_mul(QUESTIONS / 7);
        let mut questions = self.questions.iter().cycle().skip(start % QUESTIONS.max(1));
        let clock = Instant::now();
        while done.operations < count && clock.elapsed() < limit && !stop.is_requested() {
            let batch = usize::try_from(count - done.operations).map_or(BATCH, |left| left.min(BATCH));
            let (operations, time) = match operation {
                Operation::RegistryList => (1, self.page(questions.next())),
                Operation::RegistryEnsure => {
                    (batch, self.come_and_go(self.fresh.get(worker).map_or(&[], |fresh| &fresh[..batch])))
                }
                _ => (batch, self.look_up(questions.by_ref().take(batch))),
            };
            let mean = time.as_nanos() / operations as u128;
            done.latency.saturating_record(u64::try_from(mean).unwrap_or(u64::MAX));
            done.operations += operations as u64;
            // These calls never wait, so without this the workers of a thread would take turns only at its end.
            tokio::task::yield_now().await;
        }
        done
    }

    fn look_up<'q>(&self, questions: impl Iterator<Item = &'q (Name, u64)>) -> Duration {
        let mut wrong = None;
        let clock = Instant::now();
        for (name, number) in questions {
            let found = self.registry.lookup(name);
            if found.is_none_or(|found| found.handle().0 != *number) {
                wrong = Some(name);
            }
        }
        let time = clock.elapsed();
        self.note(wrong, "a look-up does not find its holder");
        time
    }

    fn come_and_go(&self, fresh: &[Name]) -> Duration {
        let mut wrong = None;
        let clock = Instant::now();
        for name in fresh {
            let found = self.registry.ensure(name);
            if !found.is_ok_and(|found| self.registry.unregister(name, found.id())) {
                wrong = Some(name);
            }
        }
        let time = clock.elapsed();
        self.note(wrong, "a new name is not its maker's");
        time
    }

    fn page(&self, after: Option<&(Name, u64)>) -> Duration {
        let after = after.map(|(name, _)| name);
        let clock = Instant::now();
        let page = self.registry.list(&self.kind, after, PAGE);
        let time = clock.elapsed();
        self.note(after.filter(|after| !is_right(&page, after)), "a page is not what follows");
        time
    }

    fn note(&self, wrong: Option<&Name>, what: &str) {
        self.wrong.note(wrong.map_or(Ok(()), |name| Err(format!("{name}: {what}"))));
    }

    /// The names registered before are all there, in order, and nothing else is; the factory made what was counted.
    fn verify(&self, operations: u64, operation: Operation) -> Verification {
        let mut verification = Verification::default();
        verification.add(self.wrong.findings());
        let mut last: Option<Name> = None;
        for Listed { name, .. } in self.registry.iter(self.kind.clone()) {
            if last.as_ref().is_some_and(|last| *last >= name) {
                verification.fail(format!("{name}: listed out of order"));
            }
            last = Some(name);
            verification.slots += 1;
        }
        if verification.slots != self.names || self.registry.len() as u64 != self.names {
            let found = verification.slots;
            verification.fail(format!("{} names were registered, {found} are listed", self.names));
        }
        let expected = self.names + if operation == Operation::RegistryEnsure { operations } else { 0 };
        let made = self.made.load(Ordering::Relaxed);
        if made != expected {
            verification.fail(format!("{expected} instances were counted, {made} were made"));
        }
        verification
    }
}

/// Full unless it is the last, in order, and after the name asked for.
fn is_right(page: &Page<Numbered>, after: &Name) -> bool {
    let names = || page.entries.iter().map(|entry| &entry.name);
    let is_full = page.entries.len() == PAGE || page.next.is_none();
    is_full && names().next().is_none_or(|first| first > after) && names().is_sorted()
}

/// The n-th name: that of a process's writer.
fn name(n: u64) -> Result<Name, NameError> {
    Name::new(KIND, [Id::from_bytes(sha256(&[&n.to_le_bytes()])).to_string()])
}
