//! The scheduler held against each engine's own best for the same bytes, side by side in one run.
//!
//! *Raw* is the engine's own interface ([`slotbench_backends::raw`]) on prepared records: those the scheduler writes
//! (message, assignment, link), with the same settings, at the same tier. *Adapter* is `Store::apply` on the same
//! records. *Scheduler* is the whole path, signatures off. All of an engine take turns: each round runs every contestant once,
//! in an order drawn from the seed, in a fresh directory.
//!
//! `cargo bench --bench ceiling -- [ENGINE ...]`; environment:
//!
//! | variable | default | |
//! |---|---|---|
//! | `CEILING_TIER` | `power` | `memory`, `process` or `power` |
//! | `CEILING_ROUNDS` | 5 | rounds |
//! | `CEILING_SECONDS` | 0.7 | longest time of one contestant in one round |
//! | `CEILING_MESSAGES` | 30000 | most messages of one contestant in one round |
//! | `CEILING_SEED` | 1 | draws the order |
#![expect(clippy::print_stdout, reason = "the benchmark's result")]

mod contest;
mod report;

use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use slotbench_backends::Kind;
use slotbench_backends::raw::Raw;
use slotbench_benches::arguments::{setting, wanted_engines};
use slotbench_benches::records::Records;
use slotbench_benches::{runtime, scratch};
use slotbench_core::Durability;
use slotbench_core::wallet::NoSigner;

use contest::{Contestant, Figure, Inputs};

/// Processes that the messages are for.
const PROCESSES: usize = 25;

fn main() {
    let engines = wanted_engines();
    let tier = setting("CEILING_TIER", Durability::Power);
    let (rounds, seed) = (setting("CEILING_ROUNDS", 5_usize), setting("CEILING_SEED", 1));
    let limit = Duration::from_secs_f64(setting("CEILING_SECONDS", 0.7));
    let records = Records::new(PROCESSES, setting("CEILING_MESSAGES", 30_000), Arc::new(NoSigner));
    let inputs = Inputs::new(&records, limit, runtime());
    let mut order = StdRng::seed_from_u64(seed);
    println!("{rounds} rounds of at most {limit:?} each, order drawn from seed {seed}: median (least .. most)");
    for kind in engines {
        println!("\n{kind} {} at {tier}: {}", kind.version(), how(kind, tier));
        let contestants = Contestant::all(kind);
        let mut figures = vec![Vec::new(); contestants.len()];
        for _ in 0..rounds {
            let mut turns: Vec<usize> = (0..contestants.len()).collect();
            turns.shuffle(&mut order);
            for turn in turns {
                figures[turn].push(measure(&contestants[turn], kind, tier, &inputs));
            }
        }
        report::print(&Raw::of(kind).collect::<Vec<_>>(), &contestants, &figures);
    }
}

fn measure(contestant: &Contestant, kind: Kind, tier: Durability, inputs: &Inputs) -> Figure {
    let dir = scratch(env!("CARGO_TARGET_TMPDIR"), kind.name()).expect("a directory");
    contestant.run(kind, dir.path(), tier, inputs)
}

/// What the engine does for the tier.
fn how(kind: Kind, tier: Durability) -> String {
    kind.tiers().into_iter().find(|how| how.asked == tier).map_or_else(String::new, |how| how.how)
}
