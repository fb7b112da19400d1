//! Durability tiers, reopening, ownership of a directory, and what an engine says of itself.

use super::bench::{key, value};
use super::{Bench, Failure, Handle, Outcome, expect, expect_eq, expect_err};
use crate::key::Key;
use crate::store::{Batch, Description, Durability, StoreError};

pub(super) fn each_tier_is_met_or_refused(bench: &Bench<'_>) -> Outcome {
    let store = bench.open("a")?;
    let description = store.store().describe();
    expect_consistent(&description)?;
    for tier in &description.tiers {
        let path = format!("tier/{}", tier.asked);
        let mut batch = Batch::new();
        batch.put(key(&path), "v".into());
        let applied = store.store().apply(&batch, tier.asked);
        if tier.effective.is_some() {
            applied?;
            expect_eq(path.clone(), store.get(&path)?, value("v"))?;
        } else {
            expect_err(&path, applied, |error| matches!(error, StoreError::Tier { .. }))?;
            expect_eq(format!("{path}, refused"), store.get(&path)?, None)?;
        }
    }
    store.store().sync()?;
    let met = description.tiers.iter().filter(|tier| tier.effective.is_some()).count();
    expect_eq("what was accepted is stored", store.scan("tier", &Key::root(), 9)?.len(), met)
}

fn expect_consistent(description: &Description) -> Outcome {
    let asked = description.tiers.each_ref().map(|tier| tier.asked);
    expect_eq("tiers, weakest first", asked, Durability::ALL)?;
    for tier in &description.tiers {
        let enough = tier.effective.is_none_or(|effective| effective >= tier.asked);
        expect(format!("tier {} is met by {:?}", tier.asked, tier.effective), enough)?;
        expect(format!("tier {} says how, or why not", tier.asked), !tier.how.is_empty())?;
    }
    expect("it reaches some tier", description.tiers.iter().any(|tier| tier.effective.is_some()))?;
    expect("it names itself and its version", !description.engine.is_empty() && !description.version.is_empty())?;
    expect("it lists its settings", !description.options.is_empty())
}

pub(super) fn what_is_applied_survives_a_reopen(bench: &Bench<'_>) -> Outcome {
    let store = bench.open("a")?.lasting();
    store.apply(|batch| {
        batch.put(key("data/v"), "v".into()).link(key("names/l"), key("data/v")).group(key("g"));
        batch.put(key("data/big"), vec![7; 1 << 20].into()).put(key("data/gone"), "v".into());
    })?;
    store.apply(|batch| _ = batch.delete(key("data/gone")).put(key("data/v"), "w".into()))?;
    let before = contents(&store)?;
    expect_eq("stored", before.len(), 4)?;
    drop(store);
    let again = bench.open("a")?;
    let expected = if bench.is_persistent() { before } else { Vec::new() };
    expect_eq("found after a reopen", contents(&again)?, expected)?;
    if bench.is_persistent() {
        expect_eq("an overwritten value", again.follow("names/l")?, value("w"))?;
    }
    again.put("data/new", "n")?;
    expect_eq("written after a reopen", again.get("data/new")?, value("n"))
}

/// All paths with what a scan tells of them.
fn contents(store: &Handle) -> Result<Vec<String>, Failure> {
    let found = store.store().scan(&Key::root(), &Key::root(), usize::MAX)?;
    Ok(found.into_iter().map(|(key, node)| format!("{key} {node:?}")).collect())
}

pub(super) fn a_directory_has_one_owner(bench: &Bench<'_>) -> Outcome {
    let store = bench.open("a")?;
    store.put("x", "first")?;
    let second = bench.open("a");
    match second {
        Err(StoreError::Locked { .. }) if bench.is_persistent() => {}
        Err(error) => return Err(Failure::Broken(format!("the wrong error: {error}"))),
        Ok(_) if bench.is_persistent() => return Err(Failure::Broken("a second handle was opened".to_owned())),
        Ok(other) => expect_eq("another handle of a store in memory", other.get("x")?, None)?,
    }
    store.put("y", "still works")?;
    expect_eq("the first handle", store.get("y")?, value("still works"))?;
    drop(store);
    bench.open("a")?.put("z", "free again")
}

pub(super) fn counters_count(bench: &Bench<'_>) -> Outcome {
    let store = bench.open("a")?;
    let before = store.store().counters();
    store.put("x", "1")?;
    store.apply(|batch| _ = batch.put(key("x"), "2".into()).group(key("g")).delete(key("none")))?;
    store.get("x")?;
    let after = store.store().counters();
    expect_eq("applies", after.applies - before.applies, 2)?;
    expect_eq("operations", after.ops - before.ops, 4)?;
    expect("syncs never fall", after.syncs >= before.syncs)
}

pub(super) fn c094_two_directories_are_two_stores(bench: &Bench<'_>) -> Outcome {
    let (one, two) = (bench.open("one")?, bench.open("two")?);
    one.put("x", "one")?;
    expect_eq("not in the other", two.get("x")?, None)?;
    two.put("x", "two")?;
    one.delete("x")?;
    expect_eq("deleted in one", one.get("x")?, None)?;
    expect_eq("kept in the other", two.get("x")?, value("two"))
}
