//! The closed loop: each worker sends its next message when the one before is acknowledged.
//!
//! Closed loops report service time. They do not show what callers who do not wait for each other would see: a stall
//! delays one message a worker, not all that would have arrived meanwhile.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use hdrhistogram::Histogram;
use slotbench_core::ScheduleError;
use slotbench_core::item::Item;
use tokio::runtime::Runtime;
use tokio::sync::Barrier;

use crate::driver::clock::Epoch;
use crate::driver::target::Target;
use crate::driver::trail::Trail;
use crate::recorder::{merge, new_histogram};
use crate::runner::Stop;

/// What one pass is to do.
#[derive(Debug, Clone)]
pub struct Pass {
    /// The messages of the whole run.
    pub messages: Arc<[Item]>,
    /// Which of them this pass sends.
    pub range: Range<usize>,
    /// How many loops, at least 1.
    pub workers: usize,
    /// No operation starts later than this after the first.
    pub limit: Duration,
    /// Zero of the time stamps that serve as tags.
    pub epoch: Epoch,
    /// Ends the pass early.
    pub stop: Stop,
}

/// What a pass did.
#[derive(Debug)]
pub struct Outcome {
    /// Latency until the acknowledgement, nanoseconds.
    pub acknowledged: Histogram<u64>,
    /// Every acknowledgement, with its time after the pass's epoch.
    pub trail: Trail,
    /// Messages that were refused.
    pub refused: u64,
    /// Why the first of them was.
    pub first_refusal: Option<ScheduleError>,
    /// The first operation's start, nanoseconds after the pass's epoch.
    pub first_start: u64,
    /// From the first operation until everything acknowledged was stored.
    pub elapsed: Duration,
    /// From the first operation to the last acknowledgement.
    pub working: Duration,
    /// Whether every message of the range was sent, as opposed to the time running out.
    pub exhausted: bool,
}

/// Runs one pass. Blocks until everything acknowledged is stored.
pub fn run<T: Target>(runtime: &Runtime, target: &T, pass: &Pass) -> Outcome {
    let workers = pass.workers.max(1);
    let gate = Arc::new(Barrier::new(workers));
    let running: Vec<_> = (0..workers)
        .map(|index| runtime.spawn(worker(target.clone(), pass.clone(), index, Arc::clone(&gate))))
        .collect();
    let done: Vec<Worker> = running.into_iter().map(|task| finish(runtime, task)).collect();
    target.drain();
    collect(done, pass.epoch.now())
}

fn finish(runtime: &Runtime, task: tokio::task::JoinHandle<Worker>) -> Worker {
    match runtime.block_on(task) {
        Ok(worker) => worker,
        // Nobody aborts the tasks, so this is a worker's panic.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// What one worker did.
struct Worker {
    acknowledged: Histogram<u64>,
    trail: Trail,
    refused: u64,
    first_refusal: Option<ScheduleError>,
    first_start: u64,
    last_end: u64,
    exhausted: bool,
}

/// One closed loop. One clock read an operation: the end of one is the start of the next, so no time is lost between.
async fn worker<T: Target>(target: T, pass: Pass, index: usize, gate: Arc<Barrier>) -> Worker {
    let mut acknowledged = new_histogram();
    let mut trail = Trail::with_room_for(pass.range.len().div_ceil(pass.workers.max(1)));
    let (mut refused, mut first_refusal) = (0, None);
    let mut exhausted = true;
    let limit = u64::try_from(pass.limit.as_nanos()).unwrap_or(u64::MAX);
    gate.wait().await;
    let first_start = pass.epoch.now();
    let deadline = first_start.saturating_add(limit);
    let mut start = first_start;
    for message in pass.messages[pass.range].iter().skip(index).step_by(pass.workers.max(1)) {
        if start >= deadline || pass.stop.is_requested() {
            exhausted = false;
            break;
        }
        let result = target.call(message.clone(), start).await;
        let end = pass.epoch.now();
        match result {
            Ok(()) => {
                acknowledged.saturating_record(end - start);
                trail.push(end, end - start);
            }
            Err(error) => {
                refused += 1;
                first_refusal.get_or_insert(error);
            }
        }
        start = end;
    }
    Worker { acknowledged, trail, refused, first_refusal, first_start, last_end: start, exhausted }
}

fn collect(workers: Vec<Worker>, now: u64) -> Outcome {
    let first_start = workers.iter().map(|worker| worker.first_start).min().unwrap_or(now);
    let last_end = workers.iter().map(|worker| worker.last_end).max().unwrap_or(now);
    let mut outcome = Outcome {
        acknowledged: new_histogram(),
        trail: Trail::default(),
        refused: 0,
        first_refusal: None,
        first_start,
        elapsed: Duration::from_nanos(now - first_start),
        working: Duration::from_nanos(last_end - first_start),
        exhausted: workers.iter().all(|worker| worker.exhausted),
    };
    let mut trails = Vec::with_capacity(workers.len());
    for worker in workers {
        trails.push(worker.trail);
        merge(&mut outcome.acknowledged, &worker.acknowledged);
        outcome.refused += worker.refused;
        outcome.first_refusal = outcome.first_refusal.or(worker.first_refusal);
    }
    outcome.trail = Trail::merged(trails);
    outcome
}
