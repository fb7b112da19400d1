//! What items cost in memory, counted: nothing to parse or read, whatever the input claims; one allocation to build.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use slotbench_core::Id;
use slotbench_core::item::{Item, ItemBuilder, Template};
use slotbench_core::wallet::NoSigner;

thread_local! {
    /// Calls and bytes asked for by this thread.
    static COUNTED: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}

struct Counting;

// SAFETY: every call goes to the system's allocator unchanged; counting in a thread-local `Cell` with a constant
// initialiser and without a destructor does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let (calls, bytes) = COUNTED.get();
        COUNTED.set((calls + 1, bytes + layout.size() as u64));
        // SAFETY: the caller's promises about `layout` are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `alloc` above, that is from the system's allocator, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Calls to the allocator and bytes asked for while `work` ran on this thread.
fn counted<T>(work: impl FnOnce() -> T) -> (T, (u64, u64)) {
    let before = COUNTED.get();
    let result = work();
    let after = COUNTED.get();
    (result, (after.0 - before.0, after.1 - before.1))
}

fn samples() -> Vec<Bytes> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/ans104");
    let files = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    files
        .filter(|file| file.extension().is_some_and(|e| e == "bin"))
        .map(|f| std::fs::read(f).unwrap().into())
        .collect()
}

/// An ed25519 header without target and anchor, these two numbers, and these tag bytes.
fn claiming(tags: u64, tag_bytes: u64, block: &[u8]) -> Bytes {
    [&[2, 0][..], &[1; 96], &[0, 0], &tags.to_le_bytes(), &tag_bytes.to_le_bytes(), block].concat().into()
}

#[test]
fn the_counter_counts() {
    assert_eq!(counted(|| Vec::<u8>::with_capacity(100)).1, (1, 100));
}

#[test]
fn parsing_allocates_nothing_whatever_the_input_claims() {
    let huge_string = [2, 0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01];
    let lying = [
        claiming(u64::MAX, 0, &[]),
        claiming(0, u64::MAX, &[]),
        claiming(1 << 40, 4, &[0x80, 0x80, 0x80, 0x08]),
        claiming(1, 11, &huge_string),
    ];
    for bytes in samples().into_iter().chain(lying) {
        let shared = bytes.clone();
        let (parsed, cost) = counted(|| Item::parse(shared));
        assert_eq!(cost, (0, 0), "{parsed:?}");
    }
}

#[test]
fn reading_fields_allocates_nothing() {
    // Cloned from what is kept: the first share of a `Bytes` that was a `Vec` allocates its reference count.
    for item in samples().iter().filter_map(|bytes| Item::parse(bytes.clone()).ok()) {
        let (found, cost) = counted(|| (item.tags().count(), item.tag("type"), item.data(), item.target()));
        assert_eq!(cost, (0, 0), "{found:?}");
    }
}

#[test]
fn a_template_builds_an_unsigned_item_with_one_allocation() {
    let template = Template::new(Arc::new(NoSigner), Some(Id::from_bytes([1; 32])), None);
    let tags: &[(&[u8], &[u8])] = &[(b"Type", b"Message"), (b"Action", b"Ping")];
    // The first one fills the caches of the deep hash.
    let first = template.build(tags, b"data").unwrap();
    let (item, cost) = counted(|| template.build(tags, b"data").unwrap());
    assert_eq!(cost, (1, first.as_bytes().len() as u64));
    assert_eq!(item, first);
    assert_eq!(ItemBuilder::new().tag("a", "b").sign(&NoSigner).unwrap().tags().len(), 1);
}
