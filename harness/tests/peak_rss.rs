//! The peak of the resident set belongs to a round, not to the process.
//!
//! A test binary of its own: other tests of one process would move its resident set meanwhile.

use slotbench::driver::usage::{peak_rss, reset_peak_rss, resident_bytes};

const BLOCK: usize = 64 << 20;
/// The kernel keeps its counts per CPU, so a reading may be some hundred kilobytes off.
const MOST_OF_IT: u64 = 60 << 20;

#[test]
fn a_peak_can_be_left_behind() {
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
