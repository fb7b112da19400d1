//! Aggressive mode over a store that stands still for a while: memory is bounded, callers are slowed down, nothing is
//! lost, and the histograms tell of it. `cargo bench --bench stall` measures the same on real engines.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use slotbench::driver::clock::Epoch;
use slotbench::driver::closed_loop::{self, Outcome, Pass};
use slotbench::driver::pool::{Pool, PoolSpec};
use slotbench::driver::target::Target;
use slotbench::recorder::DurableRecorder;
use slotbench::runner::Stop;
use slotbench::verify::Verification;
use slotbench_backends::{Kind, Options};
use slotbench_core::item::Item;
use slotbench_core::scheduler::{CommitObserver, SignaturePolicy};
use slotbench_core::testing::{Gate, Hooked, Method};
use slotbench_core::wallet::NoSigner;
use slotbench_core::{Config, Durability, Mode, ScheduleError, Scheduler, Store};

const STALL: Duration = Duration::from_millis(300);
const WINDOW: usize = 32;
const WORKERS: usize = 5;
const MESSAGES: usize = 400;

/// A scheduler whose calls are counted when they come and when they are answered.
#[derive(Clone)]
struct Counted {
    scheduler: Arc<Scheduler>,
    came: Arc<AtomicUsize>,
    answered: Arc<AtomicUsize>,
}

impl Target for Counted {
    type Error = ScheduleError;

    async fn call(&self, message: Item, tag: u64) -> Result<u64, ScheduleError> {
        self.came.fetch_add(1, Ordering::SeqCst);
        let answer = self.scheduler.schedule_tagged(message, tag).await;
        self.answered.fetch_add(1, Ordering::SeqCst);
        answer.map(|receipt| receipt.slot)
    }

    fn drain(&self) {
        self.scheduler.drain();
    }
}

impl Counted {
    fn calls(&self) -> (usize, usize) {
        (self.came.load(Ordering::SeqCst), self.answered.load(Ordering::SeqCst))
    }
}

/// An in-memory store behind a closed gate, an aggressive scheduler over it, and messages to send.
struct Site {
    gate: Gate,
    store: Arc<dyn Store>,
    recorder: Arc<DurableRecorder>,
    target: Counted,
    pool: Pool,
    epoch: Epoch,
}

impl Site {
    fn new() -> Self {
        let gate = Gate::closed(Method::Apply);
        let kind = Kind::find("memory").expect("always built in");
        let inner = kind.open(Path::new("unused"), &Options::default()).expect("opens");
        let store: Arc<dyn Store> = Arc::new(Hooked::around(inner, gate.clone()));
        let epoch = Epoch::start();
        let recorder = Arc::new(DurableRecorder::new(epoch));
        let config = Config {
            mode: Mode::Aggressive,
            durability: Durability::Memory,
            window: WINDOW,
            signatures: SignaturePolicy { required: false, verify: false },
            observer: Some(Arc::clone(&recorder) as Arc<dyn CommitObserver>),
            ..Config::new(Arc::new(NoSigner))
        };
        let scheduler = Arc::new(Scheduler::new(Arc::clone(&store), config).expect("starts"));
        let target = Counted { scheduler, came: Arc::default(), answered: Arc::default() };
        let mut pool = Pool::new(PoolSpec::plain(9, 1, 64));
        pool.grow(MESSAGES).expect("messages");
        Self { gate, store, recorder, target, pool, epoch }
    }

    /// Sends all messages; the store stalls from its first batch until `during` has returned.
    fn run(&self, during: impl FnOnce()) -> Outcome {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("an executor");
        let pass = Pass {
            messages: Arc::clone(self.pool.messages()),
            range: 0..MESSAGES,
            workers: WORKERS,
            limit: Duration::MAX,
            epoch: self.epoch,
            stop: Stop::default(),
            reads: None,
        };
        std::thread::scope(|scope| {
            let running = scope.spawn(|| closed_loop::run(&runtime, &self.target, &pass));
            self.gate.wait_for(1);
            // Each worker has at most one call unanswered, so from here on every further answer is one too many.
            while self.target.came.load(Ordering::SeqCst) < WINDOW + WORKERS {
                std::thread::yield_now();
            }
            during();
            self.gate.open();
            running.join().expect("no worker panics")
        })
    }

    /// Slots that are stored, each of them sound and holding what was sent.
    fn stored(&self) -> u64 {
        let verification = Verification::against(&self.store, Default::default(), self.pool.messages());
        assert!(verification.is_sound(), "{:?}", verification.failures);
        verification.slots
    }
}

#[test]
fn a_stall_blocks_callers_once_the_window_is_full_and_loses_nothing() {
    let site = Site::new();
    let writer = || {
        let process = site.pool.processes()[0];
        site.target.scheduler.server(&process).expect("runs").info()
    };
    let outcome = site.run(|| {
        std::thread::sleep(STALL); // This is the stall; nothing waits for it.
        assert_eq!(site.target.calls(), (WINDOW + WORKERS, WINDOW), "a window of answers, then every caller waits");
        assert_eq!(writer().in_flight, WINDOW);
        assert_eq!(site.stored(), 0, "nothing passes the gate");
    });
    assert_eq!(site.target.calls(), (MESSAGES, MESSAGES));
    assert_eq!((outcome.refused, outcome.acknowledged.len()), (0, MESSAGES as u64));
    assert_eq!(site.target.scheduler.max_unstored(), WINDOW as u64, "the window was full, and never more than full");
    assert_eq!((writer().in_flight, writer().broken_promises), (0, 0));
    assert_eq!(site.stored(), MESSAGES as u64);
}

#[test]
fn both_histograms_show_the_stall() {
    let site = Site::new();
    let outcome = site.run(|| std::thread::sleep(STALL));
    let durable = site.recorder.recorded();
    assert_eq!((durable.failed, durable.histogram.len()), (0, MESSAGES as u64));
    let stall = u64::try_from(STALL.as_nanos()).expect("short");
    let as_long = |histogram: &hdrhistogram::Histogram<u64>| histogram.count_between(stall, u64::MAX);
    let (waited, unsafe_for_long) = (as_long(&outcome.acknowledged), as_long(&durable.histogram));
    assert!(waited >= WORKERS as u64, "{waited} callers waited, and each of {WORKERS} must have");
    assert!(outcome.acknowledged.max() >= stall && durable.histogram.max() >= stall);
    let held = (WINDOW + WORKERS) as u64;
    assert!(unsafe_for_long >= held, "{unsafe_for_long} messages were stored late, and each of {held} must have been");
}
