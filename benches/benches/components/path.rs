//! Items, hashes, and the scheduler's own steps.

use std::hint::black_box;
use std::sync::Arc;

use criterion::Criterion;
use slotbench_benches::PAYLOAD;
use slotbench_benches::records::Records;
use slotbench_core::Id;
use slotbench_core::assignment::{DEFAULT_PATH, Draft};
use slotbench_core::block::Block;
use slotbench_core::chain::ChainValue;
use slotbench_core::clock::{Clock as _, SystemClock};
use slotbench_core::hash::sha256;
use slotbench_core::item::{Item, Template};
use slotbench_core::registry::{Live, Name, Policy, Registry};
use slotbench_core::wallet::NoSigner;

const PROCESS: Id = Id::from_bytes([7; 32]);

/// What is done with a message's bytes.
pub(crate) fn items(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("item");
    let message = Records::new(1, 1, Arc::new(NoSigner)).messages()[0].clone();
    let payload = [0x5A; PAYLOAD];
    group.bench_function("sha256 1 KiB", |bencher| bencher.iter(|| sha256(&[black_box(&payload)])));
    group.bench_function("deep hash 1 KiB", |bencher| bencher.iter(|| black_box(&message).deep_hash()));
    group.bench_function("parse 1 KiB", |bencher| bencher.iter(|| Item::parse(black_box(message.as_bytes()).clone())));
    let template = Template::new(Arc::new(NoSigner), Some(PROCESS), Some([3; 32]));
    let tags: [(&[u8], &[u8]); 3] = [(b"Data-Protocol", b"ao"), (b"Type", b"Message"), (b"Variant", b"ao.N.1")];
    group.bench_function("build 1 KiB, unsigned", |bencher| {
        bencher.iter(|| template.build(black_box(&tags), black_box(&payload)));
    });
    group.finish();
}

/// What the scheduler does to give a message its slot.
pub(crate) fn scheduling(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("scheduler");
    registry(&mut group);
    let message = Id::from_bytes([1; 32]);
    let chain = ChainValue::first(&message);
    group.bench_function("chain step", |bencher| bencher.iter(|| black_box(chain).then(black_box(&message))));
    group.bench_function("wall clock", |bencher| bencher.iter(|| SystemClock.now_ms()));
    let template = Template::new(Arc::new(NoSigner), None, None);
    group.bench_function("assignment, unsigned", |bencher| {
        bencher.iter(|| {
            let draft = Draft {
                process: &PROCESS,
                message: &message,
                path: DEFAULT_PATH,
                slot: black_box(123_456),
                chain,
                timestamp: 1_700_000_000_000,
                block: &Block::NONE,
            };
            draft.sign(&template)
        });
    });
    group.finish();
}

/// Something registered.
struct Holder;

impl Live for Holder {
    type Error = ();

    fn is_live(&self) -> bool {
        true
    }
}

fn registry(group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>) {
    const NAMES: usize = 10_000;
    let registry = Registry::new();
    let id = |name: usize| Id::from_bytes(sha256(&[&name.to_le_bytes()]));
    let names: Vec<Name> =
        (0..NAMES).map(|name| Name::new("scheduler", [id(name).to_string()]).expect("an id is a segment")).collect();
    for name in &names {
        registry.find(name, Policy::Create(&|| Ok(Holder))).unwrap_or_else(|_| unreachable!("the factory cannot fail"));
    }
    let mut turn = names.iter().cycle();
    group.bench_function("registry, hit among 10^4", |bencher| {
        bencher.iter(|| turn.next().map(|name| registry.find(name, Policy::Never).is_ok()));
    });
}
