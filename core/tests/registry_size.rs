//! What a million names cost: comparisons, bytes and the price of a page, all counted.
//!
//! One test a file: the allocator counts what every thread of the process does.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests; the figures are for the curious")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use slotbench_core::registry::{Instance, Live, Name, Pattern, Query, Registry};

/// Counts the bytes that are allocated, as the allocator hands them out: in steps of 16, and 8 for its own use.
struct Counting;

static BYTES: AtomicU64 = AtomicU64::new(0);

fn cost(layout: Layout) -> u64 {
    (layout.size() as u64 + 8).next_multiple_of(16)
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(cost(layout), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        BYTES.fetch_sub(cost(layout), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Handle(u64);

impl Live for Handle {
    type Error = String;

    fn is_live(&self) -> bool {
        self.0 < u64::MAX
    }
}

fn name(n: u64) -> Name {
    format!("scheduler:{n:043}").parse().unwrap()
}

/// Registers names until there are `count`.
fn grow(registry: &Registry<Handle>, from: u64, count: u64) {
    for n in from..count {
        registry.register(&name(n), Arc::new(Instance::new(Handle(n), 0))).unwrap();
    }
}

/// The mean and the largest number of names that a look-up compares, over at most 100,000 of them.
fn probes(registry: &Registry<Handle>, count: u64) -> (f64, usize) {
    let step = usize::try_from((count / 100_000).max(1)).unwrap();
    let probes: Vec<usize> = (0..count).step_by(step).map(|n| registry.probes(&name(n))).collect();
    let sum: usize = probes.iter().sum();
    #[expect(clippy::cast_precision_loss, reason = "some hundred thousand")]
    let mean = sum as f64 / probes.len() as f64;
    (mean, probes.into_iter().max().unwrap())
}

#[test]
fn c067_a_look_up_among_a_million_names_costs_what_it_costs_among_a_hundred() {
    let registry: Registry<Handle> = Registry::new();
    grow(&registry, 0, 100);
    let (few, _) = probes(&registry, 100);
    let (mut reached, mut filled) = (Vec::new(), 100);
    let before = BYTES.load(Ordering::Relaxed);
    // A hash table takes most per name right after it has grown, so every size on the way is looked at.
    for size in (1..=20).map(|step| step * 50_000) {
        grow(&registry, filled, size);
        filled = size;
        let text = name(0).as_str().len() as u64;
        let bytes = (BYTES.load(Ordering::Relaxed) - before) / (size - 100);
        reached.push((size, bytes - text - size_of::<Handle>() as u64));
    }
    println!("bytes per name beyond name and handle: {reached:?}");
    assert!(reached.iter().all(|(_, bytes)| *bytes <= 250), "{reached:?}");

    let (many, most) = probes(&registry, 1_000_000);
    println!("names compared by a look-up: {few} of 100, {many} of 1,000,000, at most {most}");
    assert!((1.0..=2.0 * few).contains(&many) && most <= 8, "{few}, {many}, {most}");
    assert!(registry.probes(&name(1_000_000)) <= 8, "an absent one too");

    // One name of another kind before, and one after: a page of either kind looks at that kind alone.
    for other in ["atoms:a", "wallets:a"] {
        registry.register(&other.parse().unwrap(), Arc::new(Instance::new(Handle(0), 0))).unwrap();
        let kind = Pattern::kind(other.split_once(':').unwrap().0).unwrap();
        let page = registry.list(&Query::from(kind), None, 100);
        assert_eq!((page.entries.len(), page.examined, page.next), (1, 1, None));
    }
    let query = Query::from(Pattern::kind("scheduler").unwrap());
    let page = registry.list(&query, Some(&name(499_999)), 100);
    assert_eq!((page.entries.len(), page.examined, &page.entries[0].name), (100, 100, &name(500_000)));
    // A query that finds little is cut into pages as well.
    let page = registry.list(&query.with("role", "none"), None, 100);
    assert_eq!((page.entries.len(), page.examined), (0, slotbench_core::registry::MAX_EXAMINED));
}
