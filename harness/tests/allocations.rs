//! The measured loops allocate nothing: what they cost does not depend on the allocator's mood.
//!
//! A test binary of its own, because it replaces the global allocator.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use slotbench::axis::Arrival;
use slotbench::driver::clock::Epoch;
use slotbench::driver::closed_loop::{self, Pass};
use slotbench::driver::open_loop::{self, OpenPass, Schedule};
use slotbench::driver::pool::{Pool, PoolSpec};
use slotbench::driver::target::NullTarget;
use slotbench::runner::Stop;

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps to the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps to the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations_of(pass: &Pass, runtime: &tokio::runtime::Runtime) -> u64 {
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    let outcome = closed_loop::run(runtime, &NullTarget, pass);
    assert_eq!(outcome.acknowledged.len(), pass.range.len() as u64);
    ALLOCATIONS.load(Ordering::Relaxed) - before
}

fn allocations_of_open(pass: &OpenPass<Epoch>, runtime: &tokio::runtime::Runtime) -> u64 {
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    let (outcome, _) = open_loop::run(runtime, &NullTarget, pass).expect("a thread");
    assert_eq!(outcome.acknowledged.len(), pass.range.len() as u64);
    ALLOCATIONS.load(Ordering::Relaxed) - before
}

/// One test, for the count is of the whole process.
#[test]
fn the_measured_loops_allocate_nothing() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("an executor");
    let mut pool = Pool::new(PoolSpec::plain(1, 1, 64));
    pool.grow(20_000).expect("messages");
    let pass = |count| Pass::of_messages(Arc::clone(pool.messages()), 0..count, 4);
    allocations_of(&pass(100), &runtime);
    // What a pass allocates is its set-up (tasks, histograms), whatever its length.
    let (short, long) = (allocations_of(&pass(100), &runtime), allocations_of(&pass(20_000), &runtime));
    assert!(long <= short + 50, "{short} allocations for 100 messages, {long} for 20000");

    let open = |count| OpenPass {
        messages: Arc::clone(pool.messages()),
        range: 0..count,
        schedule: Schedule { rate: 100_000, arrival: Arrival::Poisson, seed: 1 },
        in_flight: 100,
        clock: Epoch::start(),
        stop: Stop::default(),
    };
    allocations_of_open(&open(200), &runtime);
    let (short, long) = (allocations_of_open(&open(200), &runtime), allocations_of_open(&open(20_000), &runtime));
    assert!(long <= short + 50, "{short} allocations for 200 messages on a schedule, {long} for 20000");
}
