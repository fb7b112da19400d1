//! The open loop against targets whose answers are known: every figure is compared with the target's own account of
//! when it answered, so that neither a slow machine nor a busy one makes a test fail.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use slotbench::axis::Arrival;
use slotbench::driver::clock::Epoch;
use slotbench::driver::closed_loop::{self, Outcome, Pass};
use slotbench::driver::open_loop::{self, OpenPass, Paced, Schedule};
use slotbench::driver::pool::{Pool, PoolSpec};
use slotbench::driver::target::{NullTarget, Target};
use slotbench::runner::Stop;
use slotbench_core::item::Item;
use slotbench_core::{Id, ScheduleError};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

const MS: u64 = 1_000_000;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("an executor")
}

fn messages(count: usize) -> Arc<[Item]> {
    let mut pool = Pool::new(PoolSpec::plain(1, 1, 16));
    pool.grow(count).expect("messages");
    Arc::clone(pool.messages())
}

fn pass(count: usize, rate: u32, in_flight: usize) -> OpenPass<Epoch> {
    OpenPass {
        messages: messages(count),
        range: 0..count,
        schedule: Schedule { rate, arrival: Arrival::Fixed, seed: 1 },
        in_flight,
        clock: Epoch::start(),
        stop: Stop::default(),
    }
}

fn run<T: Target>(target: &T, pass: &OpenPass<Epoch>) -> (Outcome, Paced) {
    let (outcome, paced) = open_loop::run(&runtime(), target, pass).expect("a thread");
    assert!(outcome.first_refusal.is_none());
    (outcome, paced)
}

/// The value at or below which so many in a hundred are.
fn quantile(values: &[u64], percent: usize) -> u64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let rank = (percent * sorted.len()).div_ceil(100);
    sorted[rank.clamp(1, sorted.len()) - 1]
}

fn within(found: u64, expected: u64, share: f64, what: &str) {
    let error = (found as f64 / expected as f64 - 1.0).abs();
    assert!(error <= share, "{what}: {found} ns found, {expected} ns expected, {error:.3} off");
}

/// Answers in 20 µs, except that it stands still for `stall` at the begin of each `period`. It keeps an account of which
/// message it answered when.
#[derive(Clone)]
struct Stalling {
    epoch: Epoch,
    begin: u64,
    stall: u64,
    period: u64,
    timer: Timer,
    answered: Arc<Mutex<Vec<(Id, u64)>>>,
}

impl Stalling {
    /// The end of the stall that `at` lies in.
    fn stalled_until(&self, at: u64) -> Option<u64> {
        let into = at.checked_sub(self.begin)? % self.period;
        (into < self.stall).then(|| at - into + self.stall)
    }
}

impl Target for Stalling {
    type Error = ScheduleError;

    async fn call(&self, message: Item, _tag: u64) -> Result<u64, ScheduleError> {
        let called = self.epoch.now();
        if let Some(end) = self.stalled_until(called) {
            self.timer.sleep(end - called).await;
        }
        let begin = self.epoch.now();
        while self.epoch.now() < begin + 20_000 {
            std::hint::spin_loop();
        }
        self.answered.lock().expect("no panic").push((message.id(), self.epoch.now()));
        Ok(0)
    }

    fn drain(&self) {}
}

/// Wakes tasks at their time, from a thread of its own.
#[derive(Clone)]
struct Timer(Sender<(Instant, oneshot::Sender<()>)>);

impl Timer {
    fn start() -> Self {
        let (send, receive) = channel::<(Instant, oneshot::Sender<()>)>();
        std::thread::spawn(move || {
            let mut waiting: Vec<(Instant, oneshot::Sender<()>)> = Vec::new();
            loop {
                let now = Instant::now();
                let next = waiting.iter().map(|(at, _)| *at).min();
                let patience = next.map_or(Duration::from_secs(3600), |at| at.saturating_duration_since(now));
                match receive.recv_timeout(patience) {
                    Ok(sleeper) => waiting.push(sleeper),
                    Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
                    Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return,
                }
                waiting.extend(receive.try_iter());
                let now = Instant::now();
                for due in waiting.extract_if(.., |(at, _)| *at <= now) {
                    // Whoever gave up waiting is not told.
                    let _ = due.1.send(());
                }
            }
        });
        Self(send)
    }

    async fn sleep(&self, nanoseconds: u64) {
        let (wake, woken) = oneshot::channel();
        self.0.send((Instant::now() + Duration::from_nanos(nanoseconds), wake)).expect("the timer runs");
        woken.await.expect("the timer wakes everybody");
    }
}

fn stalling(epoch: Epoch) -> Stalling {
    let (timer, answered) = (Timer::start(), Arc::default());
    Stalling { epoch, begin: epoch.now() + 50 * MS, stall: 100 * MS, period: 500 * MS, timer, answered }
}

#[test]
fn an_open_loop_shows_a_stall_that_a_closed_loop_hides() {
    const RATE: u32 = 2000;
    const COUNT: usize = 3000;
    let pass = pass(COUNT, RATE, 1024);
    let target = stalling(pass.clock);
    let (outcome, paced) = run(&target, &pass);
    assert_eq!((paced.response.len(), paced.unsent), (COUNT as u64, 0));
    let intended: Vec<u64> = pass.schedule.starts().take(COUNT).map(|offset| paced.begin + offset).collect();

    // What callers on that schedule saw, by the target's account.
    let answered: HashMap<Id, u64> = target.answered.lock().expect("no panic").iter().copied().collect();
    let seen = intended.iter().zip(pass.messages.iter()).map(|(start, message)| answered[&message.id()] - start);
    let seen: Vec<u64> = seen.collect();
    for percent in [85, 90, 99] {
        let found = paced.response.value_at_percentile(percent as f64);
        within(found, quantile(&seen, percent), 0.05, &format!("open loop p{percent}"));
    }
    // What they saw at least: whoever came within a stall waited for its end. A fifth of them, so 95 ms at p99.
    let least: Vec<u64> = intended.iter().map(|at| target.stalled_until(*at).map_or(0, |end| end - at)).collect();
    let (found, least) = (paced.response.value_at_quantile(0.99), quantile(&least, 99));
    assert!(least > 90 * MS && found as f64 > 0.999 * least as f64, "{found} {least}");
    assert!(outcome.acknowledged.value_at_quantile(0.5) < target.stall / 2, "service is short most of the time");

    // The same stalls in a closed loop of one: a fifth of the time, and next to none of the messages.
    let messages = messages(50_000);
    let epoch = Epoch::start();
    let target = stalling(epoch);
    let closed = Pass {
        messages,
        range: 0..50_000,
        workers: 1,
        limit: Duration::from_millis(1100),
        epoch,
        stop: Stop::default(),
        reads: None,
    };
    let outcome = closed_loop::run(&runtime(), &target, &closed);
    assert!(outcome.acknowledged.max() > 99 * MS, "it met a stall");
    let hidden = outcome.acknowledged.value_at_quantile(0.99);
    assert!(hidden < target.stall / 2, "a closed loop's p99 is {hidden} ns of stalls of {} ns", target.stall);
}

/// Answers after a time from a known distribution, and records it.
#[derive(Clone)]
struct Known {
    timer: Timer,
    calls: Arc<AtomicUsize>,
    took: Arc<Mutex<Vec<u64>>>,
}

/// Nine in ten take 10 ms, the others 40 ms.
const fn known_latency(call: usize) -> u64 {
    if call % 10 == 9 { 40 * MS } else { 10 * MS }
}

impl Target for Known {
    type Error = ScheduleError;

    async fn call(&self, _message: Item, _tag: u64) -> Result<u64, ScheduleError> {
        let start = Instant::now();
        self.timer.sleep(known_latency(self.calls.fetch_add(1, Ordering::Relaxed))).await;
        let took = u64::try_from(start.elapsed().as_nanos()).expect("short");
        self.took.lock().expect("no panic").push(took);
        Ok(0)
    }

    fn drain(&self) {}
}

#[test]
fn every_figure_of_a_target_with_known_latencies_is_right() {
    const COUNT: usize = 1500;
    let pass = pass(COUNT, 1000, 512);
    let target = Known { timer: Timer::start(), calls: Arc::default(), took: Arc::default() };
    let (outcome, paced) = run(&target, &pass);
    let took = target.took.lock().expect("no panic");
    // Three significant digits of a histogram, and what lies between the target's clock reads and the harness's.
    for percent in [50, 80, 95, 99] {
        let found = paced.service.value_at_percentile(percent as f64);
        within(found, quantile(&took, percent), 0.02, &format!("service p{percent}"));
    }
    assert!(quantile(&took, 50) >= 10 * MS && quantile(&took, 99) >= 40 * MS, "a timer is never early");
    assert_eq!((paced.service.len(), paced.response.len(), outcome.acknowledged.len()), (1500, 1500, 1500));
    for q in [0.1, 0.5, 0.9, 0.99, 1.0] {
        assert!(paced.response.value_at_quantile(q) >= paced.service.value_at_quantile(q), "a start is never early");
    }
    // 1500 at 1000 a second, and the last one's latency: no less; how much more is the machine's affair.
    let least = Duration::from_millis(1499 + 10);
    assert!(outcome.working >= least && outcome.elapsed >= outcome.working, "{:?}", outcome.working);
    assert!(outcome.exhausted && paced.unsent == 0);
}

/// Serves one at a time, each for that long, and watches how many are there.
#[derive(Clone)]
struct OneAtATime {
    service: Duration,
    server: Arc<tokio::sync::Mutex<()>>,
    there: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl OneAtATime {
    fn new(service: Duration) -> Self {
        Self { service, server: Arc::default(), there: Arc::default(), most: Arc::default() }
    }
}

impl Target for OneAtATime {
    type Error = ScheduleError;

    async fn call(&self, _message: Item, _tag: u64) -> Result<u64, ScheduleError> {
        let there = self.there.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(there, Ordering::SeqCst);
        let turn = self.server.lock().await;
        let begin = Instant::now();
        while begin.elapsed() < self.service {
            std::hint::spin_loop();
        }
        drop(turn);
        self.there.fetch_sub(1, Ordering::SeqCst);
        Ok(0)
    }

    fn drain(&self) {}
}

#[test]
fn a_target_with_too_little_capacity_is_overloaded_and_the_bound_holds() {
    // 1000 a second at most, 4000 asked for.
    let pass = pass(800, 4000, 16);
    let target = OneAtATime::new(Duration::from_millis(1));
    let (_, paced) = run(&target, &pass);
    assert!(paced.overloaded && paced.blocked > 0);
    assert_eq!(target.most.load(Ordering::SeqCst), 16, "as many as allowed, and never more");
    // Waiting for room counts: the last one started some 600 ms late, and its service was the 16 in flight at most.
    assert!(paced.response.max() > 500 * MS, "{}", paced.response.max());
    assert!(paced.service.max() < paced.response.max());
}

#[test]
fn a_generator_gives_up_on_a_hopeless_target() {
    // 10 a second at most, 1000 asked for, for 0.3 s: 30 s of work.
    let pass = pass(300, 1000, 4);
    let target = OneAtATime::new(Duration::from_millis(100));
    let (outcome, paced) = run(&target, &pass);
    assert!(paced.overloaded && !outcome.exhausted);
    assert_eq!(paced.unsent as u64 + paced.response.len(), 300, "what was started was finished");
    assert!(paced.unsent > 200, "{}", paced.unsent);
}

#[test]
fn a_request_to_stop_ends_a_pass() {
    let pass = pass(10, 1, 4);
    pass.stop.request();
    let (outcome, paced) = run(&OneAtATime::new(Duration::ZERO), &pass);
    assert_eq!((outcome.acknowledged.len(), paced.unsent), (0, 10));
}

#[test]
fn every_short_pass_ends() {
    // The end of a pass may fall at any moment of its last operation.
    let (runtime, pass) = (runtime(), pass(6, 1_000_000, 3));
    for _ in 0..500 {
        let (outcome, _) = open_loop::run(&runtime, &NullTarget, &pass).expect("a thread");
        assert_eq!(outcome.acknowledged.len(), 6);
    }
}
