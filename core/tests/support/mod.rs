//! What the scheduler's tests have in common.
#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::task::Poll;

use slotbench_backends::{Kind, Options};
use slotbench_core::item::{Item, ItemBuilder};
use slotbench_core::store::{Counters, Description, Node, Store, StoreError};
use slotbench_core::wallet::Wallet;
use slotbench_core::{Batch, Config, Durability, Entry, Id, Key, Receipt, ScheduleError, Scheduler};

/// The process most tests schedule on.
pub(crate) const PROCESS: Id = Id::from_bytes([0xAB; 32]);

/// An empty in-memory store.
pub(crate) fn memory() -> Arc<dyn Store> {
    let kind = Kind::find("memory").expect("always built in");
    kind.open(Path::new("unused"), &Options::default()).expect("opens")
}

/// The scheduler's wallet.
pub(crate) fn wallet() -> Arc<Wallet> {
    Arc::new(Wallet::ed25519_from_seed([1; 32]).unwrap())
}

/// Somebody else's wallet.
pub(crate) fn client() -> Wallet {
    Wallet::ed25519_from_seed([2; 32]).unwrap()
}

/// A configuration at the tier the in-memory store reaches.
pub(crate) fn config() -> Config {
    Config { durability: Durability::Memory, ..Config::new(wallet()) }
}

/// The n-th distinct message for a process.
pub(crate) fn message_for(process: Id, n: u32) -> Item {
    ItemBuilder::new()
        .target(process)
        .tag("Type", "Message")
        .tag("Number", n.to_string())
        .data(format!("message {n}"))
        .sign(&client())
        .expect("signs")
}

/// The n-th distinct message for [`PROCESS`].
pub(crate) fn message(n: u32) -> Item {
    message_for(PROCESS, n)
}

/// Runs a future on the calling thread.
pub(crate) fn wait<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}

/// Schedules one message and waits for the answer.
pub(crate) fn schedule(scheduler: &Scheduler, message: Item) -> Result<Receipt, ScheduleError> {
    wait(scheduler.schedule(message))
}

/// Polls a future once; its result if it was ready.
pub(crate) async fn poll_once<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        Poll::Ready(match Pin::new(&mut future).poll(context) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        })
    })
    .await
}

/// The slots stored for a process.
pub(crate) fn stored_slots(scheduler: &Scheduler, process: &Id) -> Vec<u64> {
    let listed = scheduler.assignments().list(process, 0, usize::MAX).expect("lists");
    listed.into_iter().map(|(slot, _)| slot).collect()
}

/// Asserts that the stored schedule is sound and has exactly the slots `0..count`.
pub(crate) fn assert_sound(scheduler: &Scheduler, process: &Id, count: u64) {
    let check = scheduler.assignments().check(process, Default::default()).expect("readable");
    assert!(check.is_sound(), "{:?}", check.findings);
    assert_eq!(check.slots, count);
}

/// Called before each `apply` with its number, from 0.
pub(crate) type Hook = Box<dyn Fn(u64) -> Result<(), StoreError> + Send + Sync>;

/// A store that calls a hook before each `apply`, and counts all calls.
pub(crate) struct Hooked {
    inner: Arc<dyn Store>,
    hook: Hook,
    after_scan: Box<dyn Fn() + Send + Sync>,
    pub(crate) applies: AtomicU64,
    pub(crate) reads: AtomicU64,
    /// Of the reads, how many looked for the end of a range.
    pub(crate) ends: AtomicU64,
}

impl Hooked {
    pub(crate) fn new(
        inner: Arc<dyn Store>,
        hook: impl Fn(u64) -> Result<(), StoreError> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Self::with(inner, Box::new(hook), Box::new(|| ()))
    }

    /// Calls `after_scan` after each scan.
    pub(crate) fn watching_scans(inner: Arc<dyn Store>, after_scan: impl Fn() + Send + Sync + 'static) -> Arc<Self> {
        Self::with(inner, Box::new(|_| Ok(())), Box::new(after_scan))
    }

    fn with(inner: Arc<dyn Store>, hook: Hook, after_scan: Box<dyn Fn() + Send + Sync>) -> Arc<Self> {
        let (applies, reads, ends) = Default::default();
        Arc::new(Self { inner, hook, after_scan, applies, reads, ends })
    }

    fn read(&self) -> &Arc<dyn Store> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        &self.inner
    }
}

impl Store for Hooked {
    fn apply(&self, batch: &Batch, durability: Durability) -> Result<(), StoreError> {
        (self.hook)(self.applies.fetch_add(1, Ordering::SeqCst))?;
        self.inner.apply(batch, durability)
    }

    fn get(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        self.read().get(key)
    }

    fn scan(&self, prefix: &Key, from: &Key, limit: usize) -> Result<Vec<(Key, Node)>, StoreError> {
        let found = self.read().scan(prefix, from, limit);
        (self.after_scan)();
        found
    }

    fn last(&self, prefix: &Key) -> Result<Option<(Key, Node)>, StoreError> {
        self.ends.fetch_add(1, Ordering::SeqCst);
        self.read().last(prefix)
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.inner.sync()
    }

    fn describe(&self) -> Description {
        self.inner.describe()
    }

    fn counters(&self) -> Counters {
        self.inner.counters()
    }
}

/// The error of a device that has failed.
pub(crate) fn broken_disk() -> StoreError {
    let source = std::io::Error::other("the disk is on fire");
    StoreError::io("write", Path::new("disk"))(source)
}

/// A gate that threads wait at until it is opened, and that knows how many have come.
#[derive(Default)]
pub(crate) struct Gate {
    state: Mutex<(bool, usize)>,
    changed: Condvar,
}

impl Gate {
    /// Waits until the gate is open.
    pub(crate) fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        state.1 += 1;
        self.changed.notify_all();
        while !state.0 {
            state = self.changed.wait(state).unwrap();
        }
    }

    /// Opens it for good.
    pub(crate) fn open(&self) {
        self.state.lock().unwrap().0 = true;
        self.changed.notify_all();
    }

    /// Waits until `count` threads have come.
    pub(crate) fn await_arrivals(&self, count: usize) {
        let mut state = self.state.lock().unwrap();
        while state.1 < count {
            state = self.changed.wait(state).unwrap();
        }
    }
}
