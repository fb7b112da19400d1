//! The parts of a message's way that need no store: CPU time of each, in nanoseconds a message.

use std::hint::black_box;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha384};
use slotbench::driver::usage::Usage;
use slotbench_benches::records::Records;
use slotbench_core::Signer;
use slotbench_core::chain::ChainValue;
use slotbench_core::hash::sha256;

/// How long each part is repeated.
const SPAN: Duration = Duration::from_millis(60);

/// CPU nanoseconds a message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts {
    /// `Item::verify`: the message's deep hash and its signature.
    pub(crate) verify: f64,
    /// One signature of 48 bytes.
    pub(crate) sign: f64,
    /// The rest of the deep hash of the assignment, its id, and one step of the chain.
    pub(crate) hashes: f64,
}

impl Parts {
    /// Measures every part on `threads` threads at a time.
    pub(crate) fn measure(records: &Records, signer: &Arc<dyn Signer>, threads: usize) -> Self {
        let messages = records.messages();
        let verify = cpu_ns(threads, |turn| messages[turn % messages.len()].verify().is_ok());
        let sign = cpu_ns(threads, |turn| signer.sign(&[turn.to_le_bytes()[0]; 48]).is_ok());
        let assignment = &records.assignments()[0];
        let tags = assignment.tags().map(|(name, value)| name.len() + value.len() + 4).sum();
        let (tags, signature) = (vec![0x5A; tags], assignment.signature());
        let (id, chain) = (messages[0].id(), ChainValue::first(&assignment.id()));
        let hashes = cpu_ns(threads, |_| {
            // Of an assignment's deep hash everything before the tags is known beforehand, as is that of its empty data:
            // one hash of the tags, one that makes them a blob, one for each of the two elements.
            let content = Sha384::digest(black_box(&tags));
            let pairs = [(); 3].map(|()| Sha384::digest(black_box([0x5A; 96])));
            black_box((content, pairs, sha256(&[signature]), chain.then(&id)))
        });
        Self { verify, sign, hashes }
    }

    /// What no scheduler can do without, the store aside.
    pub(crate) fn sum(&self) -> f64 {
        self.verify + self.sign + self.hashes
    }
}

/// CPU time of one call of `work`, with `threads` threads calling it at a time.
#[expect(clippy::cast_precision_loss, reason = "a few million calls")]
fn cpu_ns<T>(threads: usize, work: impl Fn(usize) -> T + Sync) -> f64 {
    let before = Usage::now().cpu;
    let calls: usize = thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(|| repeat(&work))).collect();
        running.into_iter().map(|thread| thread.join().expect("no panic")).sum()
    });
    (Usage::now().cpu - before).as_nanos() as f64 / calls as f64
}

/// Calls `work` for [`SPAN`]; how often. The clock is read after twice as many calls each time, lest it be part of the cost.
fn repeat<T>(work: &impl Fn(usize) -> T) -> usize {
    let begun = Instant::now();
    let (mut calls, mut burst) = (0, 1);
    while begun.elapsed() < SPAN {
        for turn in calls..calls + burst {
            black_box(work(turn));
        }
        calls += burst;
        burst = calls.min(1024);
    }
    calls
}
