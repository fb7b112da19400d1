//! Aggressive mode on real engines whose store stands still for a while: what piles up, who waits, what is lost.
//!
//! Closed loops send messages to an aggressive scheduler. After half a second one `apply` is held for the length of the
//! stall, then the loops go on for another second and everything is drained. Shown are the most messages that were
//! acknowledged and not stored (the window bounds it), the answers and the waiting callers during the stall, the resident
//! set before the stall and its peak within it, and both latencies. After a reopen every message is read back and compared with the one sent; the exit code is 1
//! if one is missing or the window was exceeded.
//!
//! `harness/tests/stalled_store.rs` asserts the same on an in-memory store. `cargo bench --bench stall -- [ENGINE ...]`;
//! environment: `STALL_MS` (5000), `STALL_WORKERS` (25), `STALL_WINDOW` (1024), `STALL_TIER` (process),
//! `STALL_MESSAGES` (200,000, the most that are sent).

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use hdrhistogram::Histogram;
use slotbench::driver::clock::Epoch;
use slotbench::driver::closed_loop::{self, Outcome, Pass};
use slotbench::driver::pool::{Pool, PoolSpec};
use slotbench::driver::target::Target;
use slotbench::driver::usage::{peak_rss, reset_peak_rss, resident_bytes};
use slotbench::recorder::{Durable, DurableRecorder};
use slotbench::report::units::{bytes, number as shown, time};
use slotbench::report::{Align, Heading, Report, Style, Table, terminal};
use slotbench::runner::Stop;
use slotbench::verify::Verification;
use slotbench_backends::{Kind, Options};
use slotbench_benches::arguments::{engines, number};
use slotbench_benches::runtime;
use slotbench_core::item::Item;
use slotbench_core::scheduler::{CommitObserver, SignaturePolicy};
use slotbench_core::testing::{Delay, Hooked, Method};
use slotbench_core::wallet::NoSigner;
use slotbench_core::{Config, Durability, Mode, ScheduleError, Scheduler, Store};

/// From the first message to the stall.
const LEAD: Duration = Duration::from_millis(500);
/// From the end of the stall to the last message.
const TAIL: Duration = Duration::from_secs(1);
/// Bytes of data in a message.
const PAYLOAD: usize = 1024;

type Fallible<T> = Result<T, Box<dyn Error>>;

struct Settings {
    kinds: Vec<Kind>,
    stall: Duration,
    workers: usize,
    window: usize,
    tier: Durability,
    messages: usize,
}

impl Settings {
    fn read() -> Result<Self, String> {
        let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
        let tier = std::env::var("STALL_TIER").map_or(Ok(Durability::Process), |text| text.parse());
        Ok(Self {
            kinds: engines(words.iter().map(String::as_str))?,
            stall: Duration::from_millis(number("STALL_MS", 5_000, 1..=600_000)?),
            workers: number("STALL_WORKERS", 25, 1..=10_000)?,
            window: number("STALL_WINDOW", 1024, 1..=1_000_000)?,
            tier: tier.map_err(|mistake| format!("STALL_TIER: {mistake}"))?,
            messages: number("STALL_MESSAGES", 200_000, 1..=10_000_000)?,
        })
    }
}

fn main() -> ExitCode {
    let settings = match Settings::read() {
        Ok(settings) => settings,
        Err(mistake) => return fail(&mistake, 2),
    };
    match run(&settings) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => fail("a message was lost, or the window was exceeded", 1),
        Err(error) => fail(&error.to_string(), 1),
    }
}

#[expect(clippy::print_stderr, reason = "the error message of a command")]
fn fail(message: &str, code: u8) -> ExitCode {
    eprintln!("stall: {message}");
    ExitCode::from(code)
}

/// Runs all engines; whether each kept everything within its window.
#[expect(clippy::print_stdout, reason = "the benchmark's result")]
fn run(settings: &Settings) -> Fallible<bool> {
    let mut pool = Pool::new(PoolSpec::plain(5, 1, PAYLOAD as u64));
    pool.grow(settings.messages)?;
    let mut found = Vec::new();
    for kind in &settings.kinds {
        found.push(measure(*kind, settings, &pool).map_err(|error| format!("{kind}: {error}"))?);
    }
    let failures: Vec<String> = found.iter().flat_map(|it| it.failures.iter().cloned()).collect();
    let report = Report {
        headline: format!(
            "Aggressive mode, {} workers, a window of {}, one apply held for {} at tier {}",
            settings.workers,
            settings.window,
            time(settings.stall.as_secs_f64() * 1e9),
            settings.tier
        ),
        conditions: Vec::new(),
        tables: vec![table(&found)],
        details: Vec::new(),
        notes: if failures.is_empty() { Vec::new() } else { vec![("Failures", failures)] },
    };
    println!("{}", terminal(&report, Style::default()));
    Ok(found.iter().all(|it| it.lost == 0 && it.failures.is_empty() && it.max_unstored <= settings.window as u64))
}

/// What one engine did.
struct Found {
    engine: &'static str,
    acknowledged: Histogram<u64>,
    durable: Durable,
    max_unstored: u64,
    stalled: Stalled,
    lost: u64,
    failures: Vec<String>,
}

/// What was seen during the stall.
#[derive(Debug, Clone, Copy)]
struct Stalled {
    rss_before: u64,
    peak_rss: u64,
    /// Callers without an answer at its end.
    waiting: u64,
    /// Messages answered in it.
    answered: u64,
}

/// A scheduler whose calls are counted when they come and when they are answered.
#[derive(Clone)]
struct Counted {
    scheduler: Arc<Scheduler>,
    calls: Arc<Calls>,
}

#[derive(Default)]
struct Calls {
    came: AtomicU64,
    answered: AtomicU64,
}

impl Target for Counted {
    type Error = ScheduleError;

    async fn call(&self, message: Item, tag: u64) -> Result<u64, ScheduleError> {
        self.calls.came.fetch_add(1, Ordering::SeqCst);
        let answer = self.scheduler.schedule_tagged(message, tag).await;
        self.calls.answered.fetch_add(1, Ordering::SeqCst);
        answer.map(|receipt| receipt.slot)
    }

    fn drain(&self) {
        self.scheduler.drain();
    }
}

/// Holds the first `apply` that comes after the lead, once.
struct Stall {
    length: Duration,
    epoch: Epoch,
    calls: Arc<Calls>,
    seen: Mutex<Option<Stalled>>,
}

impl Stall {
    fn before(&self, method: Method) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if method != Method::Apply || seen.is_some() || Duration::from_nanos(self.epoch.now()) < LEAD {
            return;
        }
        let from_here = reset_peak_rss();
        let rss_before = resident_bytes().unwrap_or_default();
        let answered_before = self.calls.answered.load(Ordering::SeqCst);
        thread::sleep(self.length);
        let answered = self.calls.answered.load(Ordering::SeqCst);
        *seen = Some(Stalled {
            rss_before,
            peak_rss: peak_rss().filter(|_| from_here).unwrap_or_default(),
            waiting: self.calls.came.load(Ordering::SeqCst) - answered,
            answered: answered - answered_before,
        });
    }
}

fn measure(kind: Kind, settings: &Settings, pool: &Pool) -> Fallible<Found> {
    let dir = slotbench_benches::scratch(env!("CARGO_TARGET_TMPDIR"), kind.name())?;
    let (epoch, calls) = (Epoch::start(), Arc::<Calls>::default());
    let stall = Stall { length: settings.stall, epoch, calls: Arc::clone(&calls), seen: Mutex::default() };
    let stall = Arc::new(stall);
    let hook = Delay({
        let stall = Arc::clone(&stall);
        move |method| stall.before(method)
    });
    let store: Arc<dyn Store> = Arc::new(Hooked::around(kind.open(dir.path(), &Options::default())?, hook));
    let recorder = Arc::new(DurableRecorder::new(epoch));
    let config = Config {
        mode: Mode::Aggressive,
        durability: settings.tier,
        window: settings.window,
        signatures: SignaturePolicy { required: false, verify: false },
        observer: Some(Arc::clone(&recorder) as Arc<dyn CommitObserver>),
        ..Config::new(Arc::new(NoSigner))
    };
    let scheduler = Arc::new(Scheduler::new(store, config)?);
    let outcome = send(&Counted { scheduler: Arc::clone(&scheduler), calls }, settings, pool, epoch)?;
    let max_unstored = scheduler.max_unstored();
    drop(scheduler);
    let stalled = stall.seen.lock().unwrap_or_else(PoisonError::into_inner).take();
    let stalled = stalled.ok_or("the messages ran out before the stall: STALL_MESSAGES must be larger")?;
    let (lost, mut failures) = missing(kind, dir.path(), pool, outcome.acknowledged.len())?;
    let durable = recorder.recorded();
    failures.extend(durable.failure());
    let engine = kind.name();
    Ok(Found { engine, acknowledged: outcome.acknowledged, durable, max_unstored, stalled, lost, failures })
}

fn send(target: &Counted, settings: &Settings, pool: &Pool, epoch: Epoch) -> Fallible<Outcome> {
    let pass = Pass {
        messages: Arc::clone(pool.messages()),
        range: 0..settings.messages,
        workers: settings.workers,
        limit: LEAD + settings.stall + TAIL,
        epoch,
        stop: Stop::default(),
        reads: None,
    };
    let outcome = closed_loop::run(&runtime(), target, &pass);
    match outcome.first_refusal {
        Some(error) => Err(format!("a message was refused: {error}").into()),
        None => Ok(outcome),
    }
}

/// How many of the acknowledged messages are not stored, or not as they were sent; and what else is wrong.
fn missing(kind: Kind, dir: &Path, pool: &Pool, acknowledged: u64) -> Fallible<(u64, Vec<String>)> {
    let store = kind.open(dir, &Options::default())?;
    let mut verification = Verification::against(&store, Default::default(), pool.messages());
    verification.expect_slots(acknowledged);
    Ok((acknowledged.saturating_sub(verification.slots), verification.failures))
}

#[expect(clippy::cast_precision_loss, reason = "nanoseconds, bytes and counts far below 2^52")]
fn table(found: &[Found]) -> Table {
    type Column = (&'static str, fn(&Found) -> String);
    fn at(histogram: &Histogram<u64>, quantile: f64) -> String {
        time(histogram.value_at_quantile(quantile).min(histogram.max()) as f64)
    }
    let columns: [Column; 15] = [
        ("engine", |it| it.engine.to_owned()),
        ("messages", |it| shown(it.acknowledged.len() as f64)),
        ("most unstored", |it| it.max_unstored.to_string()),
        ("answered in stall", |it| it.stalled.answered.to_string()),
        ("callers waiting", |it| it.stalled.waiting.to_string()),
        ("RSS before", |it| bytes(it.stalled.rss_before as f64)),
        ("peak in stall", |it| bytes(it.stalled.peak_rss as f64)),
        ("ack p50", |it| at(&it.acknowledged, 0.5)),
        ("p99", |it| at(&it.acknowledged, 0.99)),
        ("max", |it| at(&it.acknowledged, 1.0)),
        ("durable p50", |it| at(&it.durable.histogram, 0.5)),
        ("p99", |it| at(&it.durable.histogram, 0.99)),
        ("max", |it| at(&it.durable.histogram, 1.0)),
        ("failed", |it| it.durable.failed.to_string()),
        ("lost", |it| it.lost.to_string()),
    ];
    let heading = |(title, _): &Column| Heading { title: (*title).to_owned(), align: Align::Right, rank: 0 };
    Table {
        title: "Resident sets hold the prepared messages too; latencies are of all messages".to_owned(),
        headings: columns.iter().map(heading).collect(),
        rows: found.iter().map(|row| columns.iter().map(|(_, show)| show(row)).collect()).collect(),
    }
}
