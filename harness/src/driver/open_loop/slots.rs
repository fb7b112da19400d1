//! The places of operations in flight: a task each, made before the first start.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use slotbench_core::item::Item;
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::driver::clock::Clock;
use crate::driver::open_loop::OpenPass;
use crate::driver::open_loop::outcome::Times;
use crate::driver::open_loop::pacer::Gate;
use crate::driver::target::{Refusal, Target};

/// In a mailbox: nothing to do.
const NOTHING: usize = usize::MAX;

/// What tasks that were closed have to say.
#[derive(Debug, Default)]
pub(super) struct Served {
    pub(super) refused: u64,
    pub(super) first_refusal: Option<Refusal>,
}

/// Where a task is handed its next operation. Only an idle task's mailbox is written to, and only by the generator.
#[derive(Debug)]
struct Mailbox {
    operation: AtomicUsize,
    filled: Notify,
}

/// What the generator tells the tasks.
#[derive(Debug)]
struct Shared {
    mailboxes: Box<[Mailbox]>,
    /// There will be no more operations. Notifications coalesce, so that of the end may be lost in that of the last one.
    closing: AtomicBool,
}

/// The tasks, and which of them are idle.
pub(super) struct Slots {
    shared: Arc<Shared>,
    idle: Receiver<usize>,
    tasks: Vec<JoinHandle<Served>>,
    /// Known to be idle. The last one to become idle is the first to be used: its memory is warm.
    spare: Vec<usize>,
}

impl Slots {
    pub(super) fn spawn<T: Target, C: Clock>(
        runtime: &Runtime,
        target: &T,
        pass: &OpenPass<C>,
        times: &Arc<Times>,
    ) -> Self {
        let count = pass.in_flight.max(1).min(pass.range.len().max(1));
        let mailbox = |_| Mailbox { operation: AtomicUsize::new(NOTHING), filled: Notify::new() };
        let shared = Arc::new(Shared { mailboxes: (0..count).map(mailbox).collect(), closing: AtomicBool::new(false) });
        // As many places as tasks: announcing oneself never waits.
        let (announce, idle) = sync_channel(count);
        let task = |index| Task {
            index,
            shared: Arc::clone(&shared),
            idle: announce.clone(),
            target: target.clone(),
            messages: Arc::clone(&pass.messages),
            first_message: pass.range.start,
            times: Arc::clone(times),
            clock: pass.clock.clone(),
        };
        let tasks = (0..count).map(|index| runtime.spawn(task(index).serve())).collect();
        Self { shared, idle, tasks, spare: Vec::with_capacity(count) }
    }

    /// Waits until every task waits for its first operation.
    pub(super) fn wait_until_idle(&mut self) {
        while self.spare.len() < self.tasks.len() {
            match self.idle.recv() {
                Ok(index) => self.spare.push(index),
                Err(_) => return,
            }
        }
    }

    /// Ends every task after the operation it is at.
    pub(super) fn close(self, runtime: &Runtime) -> Served {
        self.shared.closing.store(true, Ordering::Release);
        self.shared.mailboxes.iter().for_each(|mailbox| mailbox.filled.notify_one());
        let mut all = Served::default();
        for task in self.tasks {
            match runtime.block_on(task) {
                Ok(served) => {
                    all.refused += served.refused;
                    all.first_refusal = all.first_refusal.or(served.first_refusal);
                }
                // Nobody aborts the tasks, so this is a task's panic.
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            }
        }
        all
    }
}

impl Gate for Slots {
    fn place(&mut self) -> Option<usize> {
        self.spare.extend(self.idle.try_iter());
        self.spare.pop()
    }

    fn wait_for_place(&mut self, patience: Duration) -> Option<usize> {
        self.idle.recv_timeout(patience).ok()
    }

    fn start(&mut self, place: usize, operation: usize) {
        if let Some(mailbox) = self.shared.mailboxes.get(place) {
            mailbox.operation.store(operation, Ordering::Release);
            mailbox.filled.notify_one();
        }
    }
}

/// One place.
struct Task<T, C> {
    index: usize,
    shared: Arc<Shared>,
    idle: SyncSender<usize>,
    target: T,
    messages: Arc<[Item]>,
    first_message: usize,
    times: Arc<Times>,
    clock: C,
}

impl<T: Target, C: Clock> Task<T, C> {
    /// One operation after the other until the end. Two clock reads an operation.
    async fn serve(self) -> Served {
        let mut served = Served::default();
        let mailbox = &self.shared.mailboxes[self.index];
        while !self.shared.closing.load(Ordering::Acquire) {
            // Fails only when nobody makes starts any more.
            let _ = self.idle.try_send(self.index);
            mailbox.filled.notified().await;
            let operation = mailbox.operation.swap(NOTHING, Ordering::Acquire);
            let Some(message) = self.messages.get(self.first_message.saturating_add(operation)) else { break };
            let start = self.clock.now();
            let result = self.target.call(message.clone(), start).await;
            match result {
                Ok(_) => self.times.record(operation, start, self.clock.now()),
                Err(error) => {
                    served.refused += 1;
                    served.first_refusal.get_or_insert_with(|| Box::new(error));
                }
            }
        }
        served
    }
}
