//! `latest`, with and without a running writer, and append at every size, interleaved.

use std::sync::Arc;
use std::time::Instant;

use hdrhistogram::Histogram;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use slotbench::recorder::new_histogram;
use slotbench::stats;
use slotbench_core::assignments::{AssignmentsError, Head};
use slotbench_core::item::Item;
use slotbench_core::store::{Store, Tier};
use slotbench_core::{Durability, Key, Scheduler};
use tokio::runtime::Runtime;

use crate::Outcome;
use crate::os::{self, FileCalls};
use crate::result::{AppendCalls, Flatness, Operation, Ratio, SizeResult};
use crate::settings::Settings;
use crate::subject::{PATIENCE, Subject, scheduler};

/// Calls of each `latest` in one visit.
const LATEST: usize = 200;
/// Appends in one visit: few enough that the smallest store hardly grows by them.
const APPENDS: usize = 50;

/// Measures all sizes at one tier. The stores are closed before and after.
pub(crate) fn measure(
    subjects: &mut [Subject<'_>],
    tier: Tier,
    settings: &Settings,
    runtime: &Runtime,
) -> Outcome<Flatness> {
    let durability = tier.asked;
    let mut running = subjects.iter_mut().map(|it| Running::start(it, durability)).collect::<Outcome<Vec<_>>>()?;
    // The largest first: it may not fit, and the others do.
    for each in running.iter().rev() {
        os::read_through(each.subject.dir())?;
    }
    for each in running.iter().rev() {
        if let Some((store, _)) = &each.open {
            walk(&**store)?;
        }
    }
    for each in &mut running {
        each.visit(runtime, false)?;
    }
    let quiet = os::wait_until_quiet(PATIENCE);
    let mut random = StdRng::seed_from_u64(settings.seed);
    for _ in 0..settings.rounds {
        let mut order: Vec<usize> = (0..running.len()).collect();
        order.shuffle(&mut random);
        for index in order {
            running[index].renew(durability, runtime)?;
            running[index].visit(runtime, true)?;
        }
    }
    let baseline = running.first().map(Running::blocks).unwrap_or_default();
    let sizes = running.into_iter().map(|each| each.finish(&baseline)).collect();
    Ok(Flatness { tier, quiet_after_s: quiet.map(|quiet| quiet.as_secs_f64()), sizes })
}

/// A store with its scheduler, while it is measured.
struct Running<'a, 's> {
    subject: &'a mut Subject<'s>,
    open: Option<(Arc<dyn Store>, Scheduler)>,
    latest: Times,
    searched: Times,
    append: Times,
    appended: u64,
    calls: FileCalls,
    syncs: Option<u64>,
}

/// Times of one operation.
struct Times {
    all: Histogram<u64>,
    /// The median of each visit.
    blocks: Vec<f64>,
}

/// What the other sizes are compared with: the smallest one's medians, visit by visit.
#[derive(Default)]
struct Blocks {
    latest: Vec<f64>,
    searched: Vec<f64>,
    append: Vec<f64>,
}

impl Times {
    fn new() -> Self {
        Self { all: new_histogram(), blocks: Vec::new() }
    }

    #[expect(clippy::cast_precision_loss, reason = "far below 2^52 ns")]
    fn add(&mut self, block: &mut [u64]) {
        for time in block.iter() {
            self.all.saturating_record(*time);
        }
        block.sort_unstable();
        self.blocks.push(block[block.len() / 2] as f64);
    }

    fn finish(self, baseline: &[f64]) -> Operation {
        let ratios = self.blocks.iter().zip(baseline).map(|(own, smallest)| own / smallest).collect();
        Operation { ns: stats::summary(&self.all), ratio: Ratio::of(ratios) }
    }
}

impl Ratio {
    /// The median, and the order statistics that hold it between them in 95 of 100 cases whatever the distribution
    /// (normal approximation of the sign test's binomial).
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "ranks of some dozen rounds"
    )]
    fn of(mut ratios: Vec<f64>) -> Self {
        ratios.sort_by(f64::total_cmp);
        let count = ratios.len() as f64;
        let reach = 0.98 * count.sqrt();
        let at = |rank: f64| ratios[(rank.max(0.0) as usize).min(ratios.len() - 1)];
        Self {
            median: stats::median(&ratios).unwrap_or(f64::NAN),
            low: at((count / 2.0 - reach).floor()),
            high: at((count / 2.0 + reach).ceil()),
        }
    }
}

impl<'a, 's> Running<'a, 's> {
    fn start(subject: &'a mut Subject<'s>, tier: Durability) -> Outcome<Self> {
        let store = if subject.is_renewed() { subject.renew()? } else { subject.open()? };
        let open = Some(scheduled(store, tier)?);
        let (latest, searched, append) = (Times::new(), Times::new(), Times::new());
        Ok(Self { subject, open, latest, searched, append, appended: 0, calls: FileCalls::default(), syncs: None })
    }

    /// Replaces a store that has grown too far, and warms the new one up.
    fn renew(&mut self, tier: Durability, runtime: &Runtime) -> Outcome<()> {
        if self.subject.is_outgrown() {
            self.open = None;
            self.open = Some(scheduled(self.subject.renew()?, tier)?);
            self.visit(runtime, false)?;
        }
        Ok(())
    }

    /// One block of each operation.
    fn visit(&mut self, runtime: &Runtime, record: bool) -> Outcome<()> {
        let Some((store, scheduler)) = &self.open else { return Ok(()) };
        let messages = (0..APPENDS).map(|_| self.subject.source.message()).collect::<Result<Vec<_>, _>>()?;
        let process = self.subject.source.process();
        let mut latest = time_latest(self.subject, || scheduler.stored_head(&process))?;
        let mut searched = time_latest(self.subject, || scheduler.assignments().latest(&process))?;
        let (calls, syncs) = (FileCalls::now(), store.counters().syncs);
        let mut append = runtime.block_on(time_appends(scheduler, messages))?;
        let calls = FileCalls::now().since(&calls);
        self.subject.slots += append.len() as u64;
        if record {
            self.latest.add(&mut latest);
            self.searched.add(&mut searched);
            self.append.add(&mut append);
            self.appended += append.len() as u64;
            self.calls = self.calls.plus(&calls);
            let synced = store.counters().syncs.zip(syncs).map(|(after, before)| after - before);
            self.syncs = synced.map(|synced| synced + self.syncs.unwrap_or(0));
        }
        Ok(())
    }

    /// The medians of each operation's visits.
    fn blocks(&self) -> Blocks {
        let blocks = |times: &Times| times.blocks.clone();
        Blocks { latest: blocks(&self.latest), searched: blocks(&self.searched), append: blocks(&self.append) }
    }

    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    fn finish(self, smallest: &Blocks) -> SizeResult {
        let each = |sum: u64| sum as f64 / self.appended.max(1) as f64;
        SizeResult {
            slots: self.subject.size,
            append_calls: AppendCalls {
                reads: each(self.calls.reads),
                read_bytes: each(self.calls.read_bytes),
                writes: each(self.calls.writes),
                written_bytes: each(self.calls.written_bytes),
                fetched_bytes: each(self.calls.fetched_bytes),
                syncs: self.syncs.map(each),
            },
            latest: self.latest.finish(&smallest.latest),
            searched: self.searched.finish(&smallest.searched),
            append: self.append.finish(&smallest.append),
        }
    }
}

/// Meets every entry once, so that an engine's own cache holds of them what it has room for.
fn walk(store: &dyn Store) -> Outcome<()> {
    const AT_ONCE: usize = 4096;
    let mut from = Key::root();
    loop {
        let entries = store.scan(&Key::root(), &from, AT_ONCE)?;
        let Some((last, _)) = entries.last() else { return Ok(()) };
        if entries.len() < AT_ONCE {
            return Ok(());
        }
        from = last.clone();
    }
}

fn scheduled(store: Arc<dyn Store>, tier: Durability) -> Outcome<(Arc<dyn Store>, Scheduler)> {
    Ok((Arc::clone(&store), scheduler(store, tier)?))
}

fn time_latest(subject: &Subject<'_>, latest: impl Fn() -> Result<Head, AssignmentsError>) -> Outcome<Vec<u64>> {
    let mut times = Vec::with_capacity(LATEST);
    for _ in 0..LATEST {
        let start = Instant::now();
        let head = latest()?;
        times.push(nanoseconds(start));
        if head.next_slot() != subject.slots {
            return Err(format!("{} slots are stored, and the last is {:?}", subject.slots, head.slot).into());
        }
    }
    Ok(times)
}

async fn time_appends(scheduler: &Scheduler, messages: Vec<Item>) -> Outcome<Vec<u64>> {
    let mut times = Vec::with_capacity(messages.len());
    for message in messages {
        let start = Instant::now();
        scheduler.schedule(message).await?;
        times.push(nanoseconds(start));
    }
    Ok(times)
}

/// Nanoseconds since `start`.
pub(crate) fn nanoseconds(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
