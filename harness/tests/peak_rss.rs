//! The peak of the resident set belongs to a round, not to the process.
//!
//! A test binary of its own: other tests of one process would move its resident set meanwhile.

use std::sync::{Mutex, MutexGuard, PoisonError};

use slotbench::driver::usage::{MemoryBase, Prepared, peak_rss, reset_peak_rss, resident_bytes};

/// One test at a time has the process.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

const BLOCK: usize = 64 << 20;
/// The kernel keeps its counts per CPU, so a reading may be some hundred kilobytes off.
const MOST_OF_IT: u64 = 60 << 20;

#[test]
fn a_peak_can_be_left_behind() {
    let _alone = alone();
    let before = resident_bytes().expect("told");
    let block = std::hint::black_box(vec![1_u8; BLOCK]);
    let with_block = resident_bytes().expect("told");
    assert!(with_block >= before + MOST_OF_IT, "{before} {with_block}");
    drop(block);
    let peak = peak_rss().expect("told");
    assert!(peak >= before + MOST_OF_IT, "{before} {peak}");
    if reset_peak_rss() {
        let after = peak_rss().expect("told");
        assert!(after + MOST_OF_IT <= peak, "{peak} {after}");
    } else {
        eprintln!("skipped in part: this kernel does not let a process reset its peak");
    }
}

#[test]
fn what_was_prepared_and_what_was_there_before_are_no_part_of_a_round() {
    let _alone = alone();
    let mut prepared = Prepared::default();
    let earlier = prepared.count(|| std::hint::black_box(vec![1_u8; BLOCK]));
    let base = MemoryBase::now(prepared);
    let messages = prepared.count(|| std::hint::black_box(vec![1_u8; 2 * BLOCK]));
    let bytes = base.bytes(prepared).expect("told");
    let engine = std::hint::black_box(vec![1_u8; BLOCK]);
    let above = resident_bytes().expect("told") - bytes;
    let expected = BLOCK as u64;
    assert!(above > MOST_OF_IT && above < expected + (expected - MOST_OF_IT), "{above} of {expected}");
    // Messages of another kind take the place of the earlier ones, which had been resident before.
    prepared.count(|| drop(earlier));
    assert!(base.bytes(prepared).is_some_and(|less| less + MOST_OF_IT < bytes));
    drop((messages, engine));
}
