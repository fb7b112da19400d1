//! The open loop's own accuracy, and what it shows that a closed loop does not.
//!
//! * **Pacing**: how late the generator makes its starts at 10,000 and 100,000 a second, and the CPU time that takes,
//!   with a target that does nothing. At 10,000, on an idle machine the 99th percentile is to be at most 100 µs.
//! * **Stalls**: a target that stands still for 200 ms in every 2 s. What callers on a schedule see follows from the stalls
//!   as they really were and is printed beside what was measured, open and closed.
//!
//! `cargo bench --bench openloop`; half a minute. Where the generator may not run before others (it takes root,
//! `CAP_SYS_NICE` or `ulimit -r`), other work on the machine shows as lateness.
#![expect(clippy::print_stdout, reason = "the benchmark's result")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hdrhistogram::Histogram;
use slotbench::axis::Arrival;
use slotbench::driver::clock::Epoch;
use slotbench::driver::closed_loop::{self, Pass};
use slotbench::driver::open_loop::{self, OpenPass, Schedule};
use slotbench::driver::pool::{Pool, PoolSpec};
use slotbench::driver::target::{NullTarget, Target};
use slotbench::recorder::new_histogram;
use slotbench::runner::Stop;
use slotbench_benches::runtime;
use slotbench_core::ScheduleError;
use slotbench_core::item::Item;
use tokio::runtime::Runtime;
use tokio::sync::RwLock;

const IN_FLIGHT: usize = 1024;
const PACING_RATES: [u32; 2] = [10_000, 100_000];
const PACING_SECONDS: u32 = 3;
const STALL: Duration = Duration::from_millis(200);
const PERIOD: Duration = Duration::from_secs(2);
const STALL_RATE: u32 = 1_000;
const STALL_SECONDS: u32 = 10;
/// What the closed loop's single caller waits for besides stalls, so that its messages last.
const SERVICE: Duration = Duration::from_micros(100);

fn main() {
    let runtime = runtime();
    for arrival in [Arrival::Fixed, Arrival::Poisson] {
        PACING_RATES.iter().for_each(|rate| pacing(&runtime, *rate, arrival));
    }
    stalls(&runtime);
}

fn messages(count: u32) -> Arc<[Item]> {
    let mut pool = Pool::new(PoolSpec::plain(1, 1, 16));
    pool.grow(count as usize).expect("messages");
    Arc::clone(pool.messages())
}

fn open_pass(rate: u32, seconds: u32, arrival: Arrival) -> OpenPass<Epoch> {
    OpenPass {
        messages: messages(rate * seconds),
        range: 0..(rate * seconds) as usize,
        schedule: Schedule { rate, arrival, seed: 1 },
        in_flight: IN_FLIGHT,
        clock: Epoch::start(),
        stop: Stop::default(),
    }
}

fn pacing(runtime: &Runtime, rate: u32, arrival: Arrival) {
    let pass = open_pass(rate, PACING_SECONDS, arrival);
    let (outcome, paced) = open_loop::run(runtime, &NullTarget, &pass).expect("a thread");
    let share = 100.0 * paced.generator_cpu.as_secs_f64() / outcome.elapsed.as_secs_f64();
    println!("{rate}/s, {arrival}, for {PACING_SECONDS} s; the generator takes {share:.1} % of one core");
    println!("  pacing error  {}", quantiles(&paced.pacing));
    println!("  response      {}", quantiles(&paced.response));
    println!("  service       {}", quantiles(&paced.service));
}

/// Lets nobody in while it is shut.
#[derive(Clone, Default)]
struct Door(Arc<RwLock<()>>);

impl Target for Door {
    type Error = ScheduleError;

    async fn call(&self, _message: Item, _tag: u64) -> Result<u64, ScheduleError> {
        drop(self.0.read().await);
        let begin = std::time::Instant::now();
        while begin.elapsed() < SERVICE {
            std::hint::spin_loop();
        }
        Ok(0)
    }

    fn drain(&self) {}
}

/// Shuts a door for [`STALL`] in every [`PERIOD`], until `done`; begins and ends by the clock of `epoch`.
fn shut(door: &Door, epoch: Epoch, done: &AtomicBool) -> Vec<(u64, u64)> {
    let mut stalls = Vec::new();
    while !done.load(Ordering::Relaxed) {
        std::thread::sleep(PERIOD - STALL);
        let shut = door.0.blocking_write();
        let begin = epoch.now();
        std::thread::sleep(STALL);
        stalls.push((begin, epoch.now()));
        drop(shut);
    }
    stalls
}

/// Runs `measure` with a door that is shut now and then.
fn with_stalls<T>(epoch: Epoch, measure: impl FnOnce(&Door) -> T) -> (T, Vec<(u64, u64)>) {
    let (door, done, stalls) = (Door::default(), AtomicBool::new(false), Mutex::new(Vec::new()));
    let measured = std::thread::scope(|scope| {
        scope.spawn(|| *stalls.lock().expect("no panic") = shut(&door, epoch, &done));
        let measured = measure(&door);
        done.store(true, Ordering::Relaxed);
        measured
    });
    (measured, stalls.into_inner().expect("no panic"))
}

fn stalls(runtime: &Runtime) {
    println!("\nA target that stands still for {STALL:?} in every {PERIOD:?}, {STALL_SECONDS} s");
    let pass = open_pass(STALL_RATE, STALL_SECONDS, Arrival::Fixed);
    let ((_, paced), stalls) = with_stalls(pass.clock, |door| open_loop::run(runtime, door, &pass).expect("a thread"));
    let expected = expected(&pass.schedule, paced.begin, &stalls, pass.range.len());
    let (found, truth) = (paced.response.value_at_quantile(0.99), expected.value_at_quantile(0.99));
    println!("  callers see   {}   (follows from the stalls)", quantiles(&expected));
    println!("  open loop     {}   ({STALL_RATE}/s, response)", quantiles(&paced.response));
    println!("  p99 is {:+.2} % off", 100.0 * difference(found, truth));

    let epoch = Epoch::start();
    let closed = Pass {
        messages: messages(STALL_SECONDS * 10_000),
        range: 0..(STALL_SECONDS * 10_000) as usize,
        workers: 1,
        limit: Duration::from_secs(u64::from(STALL_SECONDS)),
        epoch,
        stop: Stop::default(),
        reads: None,
    };
    let (outcome, _) = with_stalls(epoch, |door| closed_loop::run(runtime, door, &closed));
    println!("  closed loop   {}   (closed: stalls are under-reported)", quantiles(&outcome.acknowledged));
}

/// What callers on a schedule see: whoever comes within a stall waits for its end, everybody for the service.
fn expected(schedule: &Schedule, first: u64, stalls: &[(u64, u64)], count: usize) -> Histogram<u64> {
    let mut seen = new_histogram();
    let service = u64::try_from(SERVICE.as_nanos()).expect("short");
    for start in schedule.starts().take(count).map(|offset| first + offset) {
        let within = stalls.iter().find(|(begin, end)| (*begin..*end).contains(&start));
        seen.saturating_record(within.map_or(0, |(_, end)| end - start) + service);
    }
    seen
}

#[expect(clippy::cast_precision_loss, reason = "latencies are far below 2^52 ns")]
fn difference(found: u64, truth: u64) -> f64 {
    found as f64 / truth as f64 - 1.0
}

#[expect(clippy::cast_precision_loss, reason = "latencies are far below 2^52 ns")]
fn quantiles(histogram: &Histogram<u64>) -> String {
    let at = |q| histogram.value_at_quantile(q) as f64 / 1e3;
    let shown = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)];
    shown.map(|(name, q)| format!("{name} {:>10.1} us", at(q))).join("  ")
}
