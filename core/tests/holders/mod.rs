//! What the registry's tests register.
#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};

use slotbench_core::registry::{Instance, Live, Name, Pattern, Registry};

/// Something that lives until it is killed, and has a value.
#[derive(Debug)]
pub(crate) struct Holder {
    pub(crate) number: usize,
    pub(crate) value: AtomicU64,
    dead: AtomicBool,
}

impl Holder {
    pub(crate) fn new(number: usize) -> Self {
        Self { number, value: AtomicU64::new(0), dead: AtomicBool::new(false) }
    }

    pub(crate) fn kill(&self) {
        self.dead.store(true, Ordering::SeqCst);
    }
}

impl Live for Holder {
    type Error = String;

    fn is_live(&self) -> bool {
        !self.dead.load(Ordering::SeqCst)
    }
}

pub(crate) fn instance(number: usize) -> Arc<Instance<Holder>> {
    Arc::new(Instance::new(Holder::new(number), 0))
}

pub(crate) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

pub(crate) fn pattern(text: &str) -> Pattern {
    text.parse().unwrap()
}

pub(crate) fn numbered(n: usize) -> Name {
    name(&format!("test:holders/{n}"))
}

/// The names of kind `test` with a live holder.
pub(crate) fn names<H: Live>(registry: &Registry<H>) -> Vec<Name> {
    matching(registry, "test:>")
}

/// The names that match and have a live holder.
pub(crate) fn matching<H: Live>(registry: &Registry<H>, text: &str) -> Vec<Name> {
    registry.iter(pattern(text)).map(|listed| listed.name).collect()
}

/// Runs `work` in `count` threads that start together.
pub(crate) fn together<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let start = Barrier::new(count);
    std::thread::scope(|scope| {
        let (work, start) = (&work, &start);
        let spawn = |n| {
            scope.spawn(move || {
                start.wait();
                work(n)
            })
        };
        let threads: Vec<_> = (0..count).map(spawn).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}
