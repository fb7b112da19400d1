//! What a caller would gain that keeps the writer it has found, instead of looking it up for every message.
//!
//! Messages go through a real scheduler over the engine `null`, signatures off, by both ways in turn: the ratio of each
//! pair of passes is of the same moment. Then the same as clients over HTTP/1.1 see it, each with a connection of its own.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use slotbench::driver::pool::{Pool, PoolSpec};
use slotbench_backends::{Kind, Options};
use slotbench_core::item::Item;
use slotbench_core::milestone::Mark;
use slotbench_core::scheduler::{SchedulingServer, SignaturePolicy};
use slotbench_core::wallet::NoSigner;
use slotbench_core::{Config, Durability, Id, Scheduler};
use tokio::runtime::Runtime;

use crate::Settings;
use crate::contest::spread;
use crate::over_http::Site;

/// Callers, each with a process of its own.
const CALLERS: [usize; 2] = [25, 100];
/// Messages of all callers in one pass.
pub(crate) const MESSAGES: usize = 20_000;

/// A caller: its process, the writer it has kept, and what it sends over and over.
pub(crate) struct Caller {
    pub(crate) process: Id,
    pub(crate) writer: Arc<SchedulingServer>,
    pub(crate) message: Item,
}

#[expect(clippy::print_stdout, reason = "the result")]
pub(crate) fn run(settings: &Settings) {
    println!("a writer looked up for every message, over one that is kept: {} pairs of passes", settings.rounds);
    let runtime = slotbench_benches::runtime();
    for callers in CALLERS {
        let (scheduler, callers) = start(callers);
        let ratios = pairs(settings.rounds, |is_kept| pass(&runtime, &scheduler, &callers, is_kept));
        println!("{:>4} callers          {}", callers.len(), spread(&ratios));
        let site = Site::open(scheduler, &callers);
        let ratios = pairs(settings.rounds, |is_kept| site.pass(&callers, is_kept));
        println!("{:>4} clients over h1  {}", callers.len(), spread(&ratios));
    }
}

/// Of each pair of passes the time without a kept writer over that with one.
fn pairs(rounds: usize, mut pass: impl FnMut(bool) -> Duration) -> Vec<f64> {
    let mut ratios = Vec::new();
    // The pair before the first warms up.
    for round in 0..=rounds {
        let turns = if round % 2 == 0 { [true, false] } else { [false, true] };
        let mut times = [Duration::ZERO; 2];
        for is_kept in turns {
            times[usize::from(is_kept)] = pass(is_kept);
        }
        ratios.extend((round > 0).then(|| times[0].as_secs_f64() / times[1].as_secs_f64()));
    }
    ratios
}

fn start(callers: usize) -> (Arc<Scheduler>, Arc<[Caller]>) {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Kind::find("null").and_then(|kind| kind.open(dir.path(), &Options::default()).ok());
    let config = Config {
        durability: Durability::Memory,
        signatures: SignaturePolicy { required: false, verify: false },
        ..Config::new(Arc::new(NoSigner))
    };
    let scheduler = Arc::new(Scheduler::new(store.expect("opens"), config).expect("starts"));
    let mut pool = Pool::new(PoolSpec::plain(1, callers, 64));
    pool.grow(callers).expect("messages are made");
    let caller = |message: &Item| {
        let process = message.target().expect("a process");
        Caller { process, writer: scheduler.server(&process).expect("starts"), message: message.clone() }
    };
    let callers = pool.messages().iter().take(callers).map(caller).collect();
    (scheduler, callers)
}

/// All callers at once, each one message after the other.
fn pass(runtime: &Runtime, scheduler: &Arc<Scheduler>, callers: &Arc<[Caller]>, is_kept: bool) -> Duration {
    let start = Instant::now();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..callers.len())
            .map(|index| {
                let (scheduler, callers) = (Arc::clone(scheduler), Arc::clone(callers));
                tokio::spawn(async move {
                    let Caller { process, writer, message } = &callers[index];
                    for _ in 0..MESSAGES / callers.len() {
                        let message = message.clone();
                        let receipt = if is_kept {
                            writer.schedule(message, Mark::default()).await
                        } else {
                            scheduler.schedule_on(*process, message, Mark::default()).await
                        };
                        black_box(receipt.expect("is scheduled"));
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("a caller");
        }
    });
    start.elapsed()
}
