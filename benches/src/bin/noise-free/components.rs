//! What is counted.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use slotbench::driver::pool::{Pool, PoolSpec};
use slotbench_backends::{Kind, Options};
use slotbench_core::assignment::{DEFAULT_PATH, Draft};
use slotbench_core::assignments::stage;
use slotbench_core::block::Block;
use slotbench_core::chain::Chain;
use slotbench_core::clock::ManualClock;
use slotbench_core::item::{Item, Template};
use slotbench_core::scheduler::SignaturePolicy;
use slotbench_core::store::Store;
use slotbench_core::wallet::NoSigner;
use slotbench_core::{Batch, Config, Durability, Scheduler};

/// Every component, the whole path last.
pub(crate) const COMPONENTS: [&str; 5] = ["chain_step", "parse", "assign", "store", "schedule"];

/// Bytes of data in each message.
const PAYLOAD: u64 = 1024;

/// What is counted; its inputs are made before and dropped after.
pub(crate) type Work = Box<dyn Fn()>;

/// A component and its inputs, ready to run once for each of `count` messages.
pub(crate) fn prepare(component: &str, count: usize) -> Result<Work, String> {
    let pool = pool(count)?;
    let messages: Arc<[Item]> = Arc::clone(pool.messages());
    let process = pool.processes().first().copied().ok_or("no process")?;
    Ok(match component {
        "chain_step" => Box::new(move || chain(&messages)),
        "parse" => Box::new(move || parse(&messages)),
        "assign" => Box::new(move || assign(&process, &messages)),
        "store" => {
            let batches = batches(&process, &messages);
            let store = memory()?;
            Box::new(move || apply(&*store, &batches))
        }
        "schedule" => {
            let scheduler = scheduler()?;
            let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|error| error.to_string())?;
            Box::new(move || schedule(&scheduler, &runtime, &messages))
        }
        _ => return Err(format!("unknown component '{component}' (allowed: {})", COMPONENTS.join(", "))),
    })
}

fn pool(count: usize) -> Result<Pool, String> {
    let mut pool = Pool::new(PoolSpec::plain(1, 1, PAYLOAD));
    pool.grow(count).map_err(|error| error.to_string())?;
    Ok(pool)
}

fn chain(messages: &[Item]) {
    let mut chain = Chain::EMPTY;
    for message in messages {
        chain = Chain::after(chain.next(black_box(&message.id())));
    }
    black_box(chain);
}

fn parse(messages: &[Item]) {
    for message in messages {
        assert!(black_box(Item::parse(black_box(message.as_bytes().clone()))).is_ok(), "a message of ours");
    }
}

/// The assignment of every message: `None` for one that cannot be built.
fn assignments(process: &slotbench_core::Id, messages: &[Item]) -> impl Iterator<Item = Option<Item>> {
    let template = Template::new(Arc::new(NoSigner), None, None);
    let mut chain = Chain::EMPTY;
    messages.iter().zip(0..).map(move |(message, slot)| {
        let value = chain.next(&message.id());
        chain = Chain::after(value);
        let (id, block) = (message.id(), Block::NONE);
        let draft = Draft {
            process,
            message: &id,
            path: DEFAULT_PATH,
            slot,
            chain: value,
            timestamp: 1_700_000_000_000,
            block: &block,
        };
        draft.sign(&template).ok().map(|signed| signed.item().clone())
    })
}

fn assign(process: &slotbench_core::Id, messages: &[Item]) {
    let built = assignments(process, messages).inspect(|assignment| drop(black_box(assignment.clone()))).flatten();
    assert_eq!(built.count(), messages.len(), "every assignment is built");
}

fn batches(process: &slotbench_core::Id, messages: &[Item]) -> Vec<Batch> {
    let records = messages.iter().zip(assignments(process, messages)).zip(0..);
    let batch = records.map(|((message, assignment), slot)| {
        let mut batch = Batch::new();
        if let Some(assignment) = assignment {
            stage(&mut batch, process, slot, message, &assignment);
        }
        batch
    });
    batch.collect()
}

fn memory() -> Result<Arc<dyn Store>, String> {
    let kind = Kind::find("memory").ok_or("the memory engine is not built in")?;
    kind.open(Path::new("."), &Options::default()).map_err(|error| error.to_string())
}

fn apply(store: &dyn Store, batches: &[Batch]) {
    for batch in batches {
        assert!(store.apply(black_box(batch), Durability::Memory).is_ok(), "memory takes everything");
    }
}

fn scheduler() -> Result<Scheduler, String> {
    let signatures = SignaturePolicy { required: false, verify: false };
    // A clock that stands still: ids depend on timestamps, and the shape of the store's tree on ids.
    let clock = Arc::new(ManualClock::at(1_700_000_000_000));
    let config = Config { durability: Durability::Memory, signatures, clock, ..Config::new(Arc::new(NoSigner)) };
    Scheduler::new(memory()?, config).map_err(|error| error.to_string())
}

/// One caller, so that every message is applied by its own thread: nothing depends on who wakes up when.
fn schedule(scheduler: &Scheduler, runtime: &tokio::runtime::Runtime, messages: &[Item]) {
    for message in messages {
        let receipt = runtime.block_on(scheduler.schedule(black_box(message.clone())));
        assert!(receipt.is_ok(), "a message of ours");
    }
}
