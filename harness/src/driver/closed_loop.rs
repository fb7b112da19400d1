//! The closed loop: each worker sends its next message when the one before is acknowledged.
//!
//! Closed loops report service time. They do not show what callers who do not wait for each other would see: a stall
//! delays one message a worker, not all that would have arrived meanwhile.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use hdrhistogram::Histogram;
use slotbench_core::item::Item;
use tokio::runtime::Runtime;
use tokio::sync::Barrier;

use crate::driver::clock::Epoch;
use crate::driver::reads::{Draw, Known, Reader, Reads, Step};
use crate::driver::target::{Refusal, Target};
use crate::driver::trail::Trail;
use crate::recorder::{merge, new_histogram};
use crate::runner::Stop;

/// What one pass is to do.
#[derive(Clone)]
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
    /// What is read in between; without it every operation sends a message.
    pub reads: Option<Arc<Reads>>,
}

impl Pass {
    /// Every message of `range` sent once, and nothing read.
    #[must_use]
    pub fn of_messages(messages: Arc<[Item]>, range: Range<usize>, workers: usize) -> Self {
        let (limit, epoch, stop) = (Duration::MAX, Epoch::start(), Stop::default());
        Self { messages, range, workers, limit, epoch, stop, reads: None }
    }

    fn operations(&self) -> usize {
        self.reads.as_ref().map_or(self.range.len(), |reads| reads.operations())
    }

    /// What operation number `index` does. A message is named by its place in `messages`.
    fn step(&self, index: usize) -> Step {
        match self.reads.as_ref().and_then(|reads| reads.step(index)) {
            None => Step::Write(self.range.start + index),
            Some(Step::Write(message)) => Step::Write(self.range.start + message),
            Some(read) => read,
        }
    }
}

/// What a pass did.
#[derive(Debug)]
pub struct Outcome {
    /// Latency until the acknowledgement, nanoseconds.
    pub acknowledged: Histogram<u64>,
    /// Latency of reads until their answer, nanoseconds.
    pub read: Histogram<u64>,
    /// Bytes of the acknowledged messages, as the target counts them.
    pub bytes: u64,
    /// Acknowledged messages that later passes can read; kept only where there are reads.
    pub known: Vec<Known>,
    /// Every answer, with its time after the pass's epoch.
    pub trail: Trail,
    /// Messages that were refused.
    pub refused: u64,
    /// Why the first of them was.
    pub first_refusal: Option<Refusal>,
    /// The first operation's start, nanoseconds after the pass's epoch.
    pub first_start: u64,
    /// From the first operation until everything acknowledged was stored.
    pub elapsed: Duration,
    /// From the first operation to the last acknowledgement.
    pub working: Duration,
    /// Whether every message of the range was sent, as opposed to the time running out.
    pub exhausted: bool,
}

impl Outcome {
    /// Operations that were answered.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.acknowledged.len() + self.read.len()
    }
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
    bytes: u64,
    reader: Option<Reader>,
    trail: Trail,
    refused: u64,
    first_refusal: Option<Refusal>,
    first_start: u64,
    last_end: u64,
    exhausted: bool,
}

/// One closed loop. One clock read for a message: its end is the start of the next operation, so no time is lost between.
async fn worker<T: Target>(target: T, pass: Pass, index: usize, gate: Arc<Barrier>) -> Worker {
    let mut worker = Worker::new(&pass);
    let limit = u64::try_from(pass.limit.as_nanos()).unwrap_or(u64::MAX);
    gate.wait().await;
    worker.first_start = pass.epoch.now();
    worker.last_end = worker.first_start;
    let deadline = worker.first_start.saturating_add(limit);
    let mut start = worker.first_start;
    for operation in (index..pass.operations()).step_by(pass.workers.max(1)) {
        if start >= deadline || pass.stop.is_requested() {
            worker.exhausted = false;
            break;
        }
        start = match pass.step(operation) {
            Step::Write(message) => worker.write(&target, &pass, message, start).await,
            Step::Read(draw) => worker.read(&pass, draw, start).await,
        };
    }
    worker
}

impl Worker {
    fn new(pass: &Pass) -> Self {
        let room = pass.range.len().div_ceil(pass.workers.max(1));
        Self {
            acknowledged: new_histogram(),
            trail: Trail::with_room_for(pass.operations().div_ceil(pass.workers.max(1))),
            bytes: 0,
            reader: pass.reads.as_ref().map(|reads| reads.reader(room)),
            refused: 0,
            first_refusal: None,
            first_start: 0,
            last_end: 0,
            exhausted: true,
        }
    }

    /// Sends a message. Returns its end, which is the start of what comes next.
    async fn write<T: Target>(&mut self, target: &T, pass: &Pass, index: usize, start: u64) -> u64 {
        let message = &pass.messages[index];
        let result = target.call(message.clone(), start).await;
        let end = pass.epoch.now();
        match result {
            Ok(slot) => {
                self.acknowledged.saturating_record(end - start);
                self.trail.push(end, end - start);
                self.bytes += target.size(message);
                if let Some(reader) = &mut self.reader {
                    reader.learn(Known { message: index, slot });
                }
            }
            Err(error) => {
                self.refused += 1;
                self.first_refusal.get_or_insert_with(|| Box::new(error));
            }
        }
        self.last_end = end;
        end
    }

    /// Reads something. Returns the start of what comes next: checking the answer is part of no latency.
    async fn read(&mut self, pass: &Pass, draw: Draw, start: u64) -> u64 {
        let Some(reader) = &mut self.reader else { return start };
        if let Some(wanted) = reader.pick(&pass.messages, draw) {
            let answer = reader.read(&wanted);
            let end = pass.epoch.now();
            self.trail.push(end, end - start);
            reader.check(&wanted, &answer, end - start);
            self.last_end = end;
        }
        // Reads never wait, so without this the workers of a thread would take turns only at its end.
        tokio::task::yield_now().await;
        pass.epoch.now()
    }
}

fn collect(workers: Vec<Worker>, now: u64) -> Outcome {
    let first_start = workers.iter().map(|worker| worker.first_start).min().unwrap_or(now);
    let last_end = workers.iter().map(|worker| worker.last_end).max().unwrap_or(now);
    let mut outcome = Outcome {
        acknowledged: new_histogram(),
        read: new_histogram(),
        bytes: 0,
        known: Vec::new(),
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
        outcome.bytes += worker.bytes;
        outcome.refused += worker.refused;
        outcome.first_refusal = outcome.first_refusal.or(worker.first_refusal);
        if let Some(reader) = worker.reader {
            merge(&mut outcome.read, &reader.latency);
            outcome.known.extend(reader.own);
        }
    }
    outcome.trail = Trail::merged(trails);
    outcome
}
