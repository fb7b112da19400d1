//! Chains of two stores of the engine under test.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::bench::{key, value};
use super::{Bench, Handle, Outcome, expect, expect_eq, expect_err};
use crate::key::Key;
use crate::stack::{Member, Scope, Stack, StackError};
use crate::store::{Batch, Entry, Store, StoreError};
use crate::testing::{Failing, Hooked, Method};
use crate::tree::Tree;

fn chain(first: &Handle, second: &Handle) -> Stack {
    let second = Member::new("second", second.store().clone()).remote();
    Stack::new(vec![Member::new("first", first.store().clone()), second])
}

/// A handle whose calls of `method` all fail in that way.
fn broken(handle: &Handle, method: Method, error: fn() -> StoreError) -> Arc<dyn Store> {
    Arc::new(Hooked::around(handle.store().clone(), Failing::nth(method, 1).and_later().with(error)))
}

fn unavailable() -> StoreError {
    StoreError::Poisoned { reason: "injected".to_owned() }
}

fn corrupt() -> StoreError {
    StoreError::Corrupt { path: "injected".to_owned(), reason: "injected".to_owned() }
}

fn put(store: &dyn Store, tier: crate::Durability, path: &str, bytes: &'static str) -> Result<(), StoreError> {
    let mut batch = Batch::new();
    store.apply(batch.put(key(path), Bytes::from(bytes)), tier)
}

fn scanned(store: &dyn Store, prefix: &str, from: &Key) -> Result<Vec<String>, StoreError> {
    Ok(store.scan(&key(prefix), from, 9)?.into_iter().map(|(key, _)| key.to_string()).collect())
}

pub(super) fn c096_a_chain_falls_through_on_not_found_and_unavailable(bench: &Bench<'_>) -> Outcome {
    let (first, second) = (bench.open("first")?, bench.open("second")?);
    first.put("both", "first")?;
    first.group("empty")?;
    second.put("both", "second")?;
    second.put("g/1", "only in the second")?;
    second.put("empty/1", "hidden")?;
    second.link("l", "both")?;
    let both = chain(&first, &second);
    expect_eq("in both", both.get(&key("both"))?, value("first"))?;
    expect_eq("not found in the first", both.get(&key("g/1"))?, value("only in the second"))?;
    expect_eq("not found at all", both.get(&key("none"))?, None)?;
    expect_eq("a link from one into the other", both.resolve(&key("l"))?, key("both"))?;
    expect_eq("a group only the second has", scanned(&both, "g", &Key::root())?, vec!["g/1".to_owned()])?;
    expect_eq("its last", both.last(&key("g"))?.map(|(key, _)| key), Some(key("g/1")))?;
    expect_eq("an empty group of the first", scanned(&both, "empty", &Key::root())?, vec![])?;
    expect_eq("its last", both.last(&key("empty"))?, None)?;
    expect_eq("a group nobody has", Tree::new(Arc::new(both), first.tier()).list(&key("none"))?, None)?;
    falls_through_when_unavailable(&first, &second)
}

fn falls_through_when_unavailable(first: &Handle, second: &Handle) -> Outcome {
    let other = || Member::new("second", second.store().clone());
    for method in [Method::Get, Method::Scan, Method::Last] {
        let both = Stack::new(vec![Member::new("first", broken(first, method, unavailable)), other()]);
        match method {
            Method::Get => expect_eq("get", both.get(&key("g/1"))?, value("only in the second"))?,
            Method::Scan => expect_eq("scan", scanned(&both, "g", &Key::root())?, vec!["g/1".to_owned()])?,
            _ => expect_eq("last", both.last(&key("g"))?.map(|(key, _)| key), Some(key("g/1")))?,
        }
        expect_eq("passed over", both.counters().engine.get("passed_over"), Some(&1))?;
    }
    let both = Stack::new(vec![Member::new("first", broken(first, Method::Get, unavailable)), other()]);
    let unknown = both.get(&key("none"));
    expect_err("found nowhere, and one could not be asked", unknown, |e| matches!(e, StoreError::Poisoned { .. }))
}

pub(super) fn a_chain_stops_at_corrupt_data(bench: &Bench<'_>) -> Outcome {
    let (first, second) = (bench.open("first")?, bench.open("second")?);
    second.put("g/1", "v")?;
    for method in [Method::Get, Method::Scan, Method::Last] {
        let first = Member::new("first", broken(&first, method, corrupt));
        let both = Stack::new(vec![first, Member::new("second", second.store().clone())]);
        let outcome = match method {
            Method::Get => both.get(&key("g/1")).map(|_| ()),
            Method::Scan => both.scan(&key("g"), &Key::root(), 9).map(|_| ()),
            _ => both.last(&key("g")).map(|_| ()),
        };
        expect_err(&format!("{method:?}"), outcome, |error| matches!(error, StoreError::Corrupt { .. }))?;
    }
    expect_eq("without the corrupt one", second.get("g/1")?, value("v"))
}

pub(super) fn a_chain_writes_to_the_first_writable_store_only(bench: &Bench<'_>) -> Outcome {
    let (first, second) = (bench.open("first")?, bench.open("second")?);
    let both = chain(&first, &second);
    put(&both, first.tier(), "x", "1")?;
    expect_eq("the first", (first.get("x")?, second.get("x")?), (value("1"), None))?;
    let archive = Member::new("first", first.store().clone()).read_only();
    let both = Stack::new(vec![archive.clone(), Member::new("second", second.store().clone())]);
    put(&both, second.tier(), "y", "2")?;
    expect_eq("the first writable", (first.get("y")?, second.get("y")?), (None, value("2")))?;
    let refused = put(&Stack::new(vec![archive]), first.tier(), "z", "3");
    expect_err("none is writable", refused, |error| matches!(error, StoreError::Engine { .. }))?;
    let failing = Member::new("first", broken(&first, Method::Apply, unavailable));
    let both = Stack::new(vec![failing, Member::new("second", second.store().clone())]);
    let failed = put(&both, first.tier(), "z", "3");
    expect_err("the first writable fails", failed, |error| matches!(error, StoreError::Poisoned { .. }))?;
    expect_eq("written nowhere else", second.get("z")?, None)
}

/// The names of the stores in which an operation failed.
fn failed(outcome: Result<(), StackError>) -> Vec<String> {
    outcome.map_or_else(|error| error.failures.into_iter().map(|(name, _)| name).collect(), |()| Vec::new())
}

pub(super) fn c097_sync_reaches_every_store_of_a_chain(bench: &Bench<'_>) -> Outcome {
    let (first, second) = (bench.open("first")?, bench.open("second")?);
    second.put("x", "v")?;
    let syncs = || bench.calls().of(Method::Sync);
    expect_eq("no failure", failed(chain(&first, &second).sync_all()), vec![])?;
    expect_eq("both are synced", syncs(), 2)?;
    let failing = || Member::new("failing", broken(&first, Method::Sync, unavailable));
    let mixed = Stack::new(vec![failing(), Member::new("second", second.store().clone()), failing()]);
    expect_eq("two failures", failed(mixed.sync_all()), vec!["failing".to_owned(); 2])?;
    expect_eq("the one between them is synced", syncs(), 3)?;
    expect_err("as a store", mixed.sync(), |error| error.to_string().contains("failing"))?;
    expect_eq("what it holds", mixed.get(&key("x"))?, value("v"))
}

pub(super) fn c097_reset_reaches_every_store_of_a_chain(bench: &Bench<'_>) -> Outcome {
    let (first, second) = (bench.open("first")?, bench.open("second")?);
    first.put("x", "1")?;
    second.put("y", "2")?;
    let unreadable = Member::new("unreadable", broken(&first, Method::Scan, unavailable));
    let archive = Member::new("archive", first.store().clone()).read_only();
    let mixed = Stack::new(vec![unreadable, archive, Member::new("second", second.store().clone())]);
    let failures = vec!["unreadable".to_owned(), "archive".to_owned()];
    expect_eq("a reset that fails in some", failed(mixed.reset(first.tier())), failures)?;
    expect_eq("the last is empty", (first.get("x")?, second.get("y")?), (value("1"), None))?;
    second.put("y", "2")?;
    expect_eq("a reset of both", failed(chain(&first, &second).reset(first.tier())), vec![])?;
    expect_eq("both are empty", (first.get("x")?, second.get("y")?), (None, None))?;
    first.put("x", "again")?;
    expect_eq("usable at once", first.get("x")?, value("again"))
}

/// Dropping the chain, and with it the last handles, closes every store: each can be opened again at once.
pub(super) fn c097_stop_closes_every_store_of_a_chain(bench: &Bench<'_>) -> Outcome {
    let (first, second) = (bench.open("first")?.lasting(), bench.open("second")?.lasting());
    let both = chain(&first, &second);
    put(&both, first.tier(), "x", "1")?;
    second.put("y", "2")?;
    expect_eq("through the chain", (both.get(&key("x"))?, both.get(&key("y"))?), (value("1"), value("2")))?;
    drop((first, second));
    drop(both);
    let (first, second) = (bench.open("first")?, bench.open("second")?);
    let kept = |bytes: &'static str| if bench.is_persistent() { value(bytes) } else { None };
    expect_eq("what the first kept", first.get("x")?, kept("1"))?;
    expect_eq("what the second kept", second.get("y")?, kept("2"))
}

pub(super) fn c097_sorting_is_stable_and_a_failing_filter_means_no(bench: &Bench<'_>) -> Outcome {
    let store = bench.open("a")?;
    store.put("x", "v")?;
    let member = |name: &str| Member::new(name, store.store().clone());
    let chain = || Stack::new(vec![member("a").remote(), member("b"), member("c").remote(), member("d"), member("e")]);
    let order = |chain: &Stack| chain.members().iter().map(Member::name).collect::<String>();
    expect_eq("remote first", order(&chain().prefer(&[Scope::Remote, Scope::Local])), "acbde".to_owned())?;
    expect_eq("local named only", order(&chain().prefer(&[Scope::Local])), "bdeac".to_owned())?;
    let ranked = |scores: &[(Scope, i64)]| order(&chain().rank(&BTreeMap::from_iter(scores.iter().copied())));
    expect_eq("unknown scores are 0", ranked(&[(Scope::Remote, -1)]), "bdeac".to_owned())?;
    expect_eq("equal scores", ranked(&[(Scope::Remote, 5), (Scope::Local, 5)]), "abcde".to_owned())?;
    expect_eq("by scope", order(&chain().scope(&[Scope::Local])), "bde".to_owned())?;
    let filtered = chain().filter(|member| match member.name() {
        "a" => Err("no answer"),
        "b" => Ok(false),
        _ => Ok(true),
    });
    expect_eq("a predicate that fails", order(&filtered), "cde".to_owned())?;
    let found = filtered.get(&key("x"))?;
    expect_eq("what is left works", found, Some(Entry::Value("v".into())))?;
    let listed = filtered.describe().options.len() == 3;
    expect("the chain lists its stores", listed)
}
