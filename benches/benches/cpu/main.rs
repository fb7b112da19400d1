//! CPU time of a message through the whole scheduler, beside the sum of what it cannot do without.
//!
//! The sum: one verification, one signature, the hashes, and the engine's own write at the batch size that was in effect.
//! All of it is CPU time of this process, user and system, all threads, measured in the same run; at tier `process`,
//! signatures required, verified and made. With several workers the parts too are measured on all cores at a time, for
//! two hardware threads of one core slow each other down.
//!
//! `cargo bench --bench cpu -- [ENGINE ...]`; environment:
//!
//! | variable | default | |
//! |---|---|---|
//! | `CPU_ROUNDS` | 5 | rounds |
//! | `CPU_SECONDS` | 0.5 | longest time of one pass |
//! | `CPU_TIER` | `process` | `memory`, `process` or `power` |
//! | `CPU_SEED` | 1 | draws the order |
#![expect(clippy::print_stdout, reason = "the benchmark's result")]

mod parts;
mod passes;
mod report;

use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use slotbench_backends::shared::locked;
use slotbench_benches::arguments::{setting, wanted_engines};
use slotbench_benches::records::Records;
use slotbench_benches::{rsa_wallet, runtime};
use slotbench_core::item::{Item, Template};
use slotbench_core::wallet::NoSigner;
use slotbench_core::{Durability, Id, Signer, Wallet};

use passes::{Bench, Case};

/// Processes that the messages are for.
const PROCESSES: usize = 25;
const WORKERS: [usize; 2] = [1, 25];

/// A scheme, who signs with it, and how many messages to make: signing them takes longer than measuring.
fn schemes() -> [(&'static str, Arc<dyn Signer>, usize); 2] {
    let ed25519 = Arc::new(Wallet::ed25519_from_seed([5; 32]).expect("a key"));
    [("ed25519", ed25519, 20_000), ("rsa4096", rsa_wallet(), 1_000)]
}

fn main() {
    let engines = wanted_engines();
    let (rounds, seed) = (setting("CPU_ROUNDS", 5_usize), setting("CPU_SEED", 1));
    let limit = Duration::from_secs_f64(setting("CPU_SECONDS", 0.5));
    let tier = setting("CPU_TIER", Durability::Process);
    let mut order = StdRng::seed_from_u64(seed);
    println!("CPU us a message at tier {tier}: median of {rounds} rounds (least .. most), seed {seed}");
    println!("signatures by aws-lc-rs {}, SHA-2 by sha2 {}", locked::version("aws-lc-rs"), locked::version("sha2"));
    for (scheme, signer, count) in schemes() {
        let records = signed_records(&signer, count);
        let bench = Bench { records, signer, tier, limit, runtime: runtime() };
        for kind in &engines {
            let mut cases = WORKERS.map(|workers| Case::new(*kind, workers));
            for _ in 0..rounds {
                let mut turns: Vec<usize> = (0..cases.len()).collect();
                turns.shuffle(&mut order);
                turns.into_iter().for_each(|turn| bench.round(&mut cases[turn]));
            }
            cases.iter().for_each(|case| report::print(scheme, case));
        }
    }
}

/// Messages of 1 KiB signed by `signer`, which signs their assignments too.
fn signed_records(signer: &Arc<dyn Signer>, count: usize) -> Records {
    let unsigned = Records::new(PROCESSES, PROCESSES, Arc::new(NoSigner));
    let processes: Vec<Id> = unsigned.messages().iter().filter_map(Item::target).collect();
    let tags: [(&[u8], &[u8]); 3] = [(b"Data-Protocol", b"ao"), (b"Type", b"Message"), (b"Variant", b"ao.N.1")];
    let make = |index: usize| {
        let template = Template::new(Arc::clone(signer), Some(processes[index % PROCESSES]), None);
        let mut payload = [0x5A; slotbench_benches::PAYLOAD];
        payload[..8].copy_from_slice(&index.to_le_bytes());
        template.build(&tags, &payload).expect("a message")
    };
    let messages: Vec<Item> = (0..count).map(make).collect();
    Records::of(processes, messages.into(), Arc::clone(signer))
}
