//! Random operations on the engine and on the [`Model`], which must answer alike.
//!
//! `PROPTEST_CASES` raises the number of cases, `PROPTEST_RNG_SEED` changes the seed. A failure is shrunk to a short
//! list of steps, and that list is what the failure shows.

use std::cell::Cell;
use std::fmt::Debug;
use std::sync::Arc;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};

use super::bench::key;
use super::{Bench, Failure, Handle, Outcome, expect_eq};
use crate::key::Key;
use crate::store::{Batch, Op, Store, StoreError};
use crate::testing::Model;
use crate::tree::{LinkMode, Tree, TreeError};

const CASES: u32 = 12;
const STEPS: usize = 50;
const SEED: u64 = 0x5107_BE4C;

/// Runs `play` on random steps, each time in a directory of its own.
fn cases<S: Debug>(
    bench: &Bench<'_>,
    step: impl Strategy<Value = S>,
    play: impl Fn(&str, Vec<S>) -> Outcome,
) -> Outcome {
    let mut config = Config { failure_persistence: None, max_shrink_iters: bench.shrinks(), ..Config::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = CASES;
    }
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(SEED);
    }
    let case = Cell::new(0_u32);
    let outcome = TestRunner::new(config).run(&vec(step, 1..STEPS), |steps| {
        case.set(case.get() + 1);
        play(&format!("case-{}", case.get()), steps).map_err(|failure| TestCaseError::fail(failure.to_string()))
    });
    outcome.map_err(|error| Failure::Broken(error.to_string()))
}

/// Few, so that paths meet: numbers, an id, names that sort oddly.
const NAMES: &[&str] = &["a", "b", "7", "10", "07", "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE", "\0", "é"];

fn path() -> impl Strategy<Value = Key> {
    vec(select(NAMES), 1..4).prop_map(|names| key(&names.join("/")))
}

fn path_or_root() -> impl Strategy<Value = Key> {
    prop_oneof![1 => Just(Key::root()), 6 => path()]
}

fn bound() -> impl Strategy<Value = Key> {
    prop_oneof![3 => path_or_root(), 1 => path().prop_map(|path| path.fence())]
}

fn bytes() -> impl Strategy<Value = Bytes> {
    prop_oneof![1 => Just(Bytes::new()), 6 => vec(any::<u8>(), 1..40).prop_map(Bytes::from)]
}

#[derive(Debug, Clone)]
enum Step {
    Apply(Vec<Op>),
    Get(Key),
    Scan { prefix: Key, from: Key, limit: usize },
    Last(Key),
    Resolve(Key),
    Reopen,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (path(), bytes()).prop_map(|(key, value)| Op::Put { key, value }),
        2 => (path(), path()).prop_map(|(key, target)| Op::Link { key, target }),
        1 => path().prop_map(|key| Op::Group { key }),
        2 => path().prop_map(|key| Op::Delete { key }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => vec(op(), 0..5).prop_map(Step::Apply),
        4 => path().prop_map(Step::Get),
        3 => (path_or_root(), bound(), 0..9_usize).prop_map(|(prefix, from, limit)| Step::Scan { prefix, from, limit }),
        3 => path_or_root().prop_map(Step::Last),
        2 => path_or_root().prop_map(Step::Resolve),
        1 => Just(Step::Reopen),
    ]
}

fn batch(ops: Vec<Op>) -> Batch {
    let mut batch = Batch::new();
    ops.into_iter().for_each(|op| _ = batch.push(op));
    batch
}

pub(super) fn random_operations_match_the_model(bench: &Bench<'_>) -> Outcome {
    cases(bench, step(), |dir, steps| {
        let model = Model::new();
        let mut store = bench.open(dir)?.lasting();
        for step in steps {
            match step {
                Step::Apply(ops) => {
                    let batch = batch(ops);
                    model.apply(&batch, store.tier())?;
                    store.store().apply(&batch, store.tier())?;
                }
                Step::Reopen if bench.is_persistent() => {
                    drop(store);
                    store = bench.open(dir)?.lasting();
                }
                Step::Reopen => {}
                question => alike(&store, &model, &question)?,
            }
        }
        same_content(&store, &model)
    })
}

fn alike(store: &Handle, model: &Model, question: &Step) -> Outcome {
    let ask = |store: &dyn Store| -> Result<String, StoreError> {
        Ok(match question {
            Step::Get(key) => format!("{:?}", store.get(key)?),
            Step::Scan { prefix, from, limit } => format!("{:?}", store.scan(prefix, from, *limit)?),
            Step::Last(prefix) => format!("{:?}", store.last(prefix)?),
            Step::Resolve(key) => match store.resolve(key) {
                Err(StoreError::LinkLoop { .. } | StoreError::Key { .. }) => "no end".to_owned(),
                resolved => format!("{:?}", resolved?),
            },
            Step::Apply(_) | Step::Reopen => String::new(),
        })
    };
    expect_eq(format!("{question:?}"), ask(&**store.store())?, ask(model)?)
}

fn same_content(store: &Handle, model: &Model) -> Outcome {
    let all = |store: &dyn Store| store.scan(&Key::root(), &Key::root(), usize::MAX);
    let expected = all(model)?;
    for (key, _) in &expected {
        expect_eq(format!("{key} at the end"), store.store().get(key)?, model.get(key)?)?;
    }
    expect_eq("all entries at the end", all(&**store.store())?, expected)
}

#[derive(Debug, Clone)]
enum PathStep {
    Write(Key, Bytes),
    MakeGroup(Key),
    MakeLink { existing: Key, new: Key, replace: bool },
    KindOf(Key),
    Read(Key),
    List(Key),
    Resolve(Key),
    Reset,
}

fn path_step() -> impl Strategy<Value = PathStep> {
    prop_oneof![
        16 => (path(), bytes()).prop_map(|(path, bytes)| PathStep::Write(path, bytes)),
        4 => path_or_root().prop_map(PathStep::MakeGroup),
        8 => (path_or_root(), path(), any::<bool>())
            .prop_map(|(existing, new, replace)| PathStep::MakeLink { existing, new, replace }),
        4 => path_or_root().prop_map(PathStep::KindOf),
        8 => path().prop_map(PathStep::Read),
        8 => path_or_root().prop_map(PathStep::List),
        4 => path_or_root().prop_map(PathStep::Resolve),
        1 => Just(PathStep::Reset),
    ]
}

fn take(tree: &Tree, step: &PathStep) -> Result<String, TreeError> {
    Ok(match step {
        PathStep::Write(path, bytes) => format!("{:?}", tree.write(path, bytes.clone())?),
        PathStep::MakeGroup(path) => format!("{:?}", tree.make_group(path)?),
        PathStep::MakeLink { existing, new, replace } => {
            let mode = if *replace { LinkMode::Replace } else { LinkMode::IfAbsent };
            format!("{:?}", tree.make_link(existing, new, mode)?)
        }
        PathStep::KindOf(path) => format!("{:?}", tree.kind_of(path)?),
        PathStep::Read(path) => format!("{:?}", tree.read(path)?),
        PathStep::List(path) => format!("{:?}", tree.list(path)?),
        PathStep::Resolve(path) => format!("{:?}", tree.resolve(path)?),
        PathStep::Reset => format!("{:?}", tree.reset()?),
    })
}

pub(super) fn random_path_operations_match_the_model(bench: &Bench<'_>) -> Outcome {
    cases(bench, path_step(), |dir, steps| {
        let store = bench.open(dir)?;
        let model = Arc::new(Model::new());
        let (tree, expected) = (store.tree(), Tree::new(model.clone(), store.tier()));
        for step in steps {
            // Errors are compared as well: which one, and for which path.
            let told = |tree: &Tree| take(tree, &step).unwrap_or_else(|error| error.to_string());
            expect_eq(format!("{step:?}"), told(&tree), told(&expected))?;
        }
        same_content(&store, &model)
    })
}
