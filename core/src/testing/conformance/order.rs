//! Scans, and the last entry below a prefix.

use super::bench::key;
use super::{Bench, Failure, Handle, Outcome, expect_eq};
use crate::key::Key;
use crate::store::Node;

fn paths<const N: usize>(paths: [&str; N]) -> Vec<String> {
    paths.map(str::to_owned).to_vec()
}

/// A small tree with neighbours on every side of `m`.
fn planted(bench: &Bench<'_>) -> Result<Handle, Failure> {
    let store = bench.open("a")?;
    store.apply(|batch| {
        for path in ["m/b/x", "l", "m", "m/10", "mm", "m/9", "m/a", "m/b", "n/1", "m/b/2"] {
            batch.put(key(path), path.to_owned().into());
        }
        batch.link(key("m/link"), key("l")).group(key("m/group"));
    })?;
    Ok(store)
}

pub(super) fn scan_is_ordered_and_stays_below_its_prefix(bench: &Bench<'_>) -> Outcome {
    let store = planted(bench)?;
    let below = paths(["m/9", "m/10", "m/a", "m/b", "m/b/2", "m/b/x", "m/group", "m/link"]);
    expect_eq("below m", store.scan("m", &Key::root(), 99)?, below)?;
    expect_eq("below m/b", store.scan("m/b", &Key::root(), 99)?, paths(["m/b/2", "m/b/x"]))?;
    expect_eq("below a leaf", store.scan("m/a", &Key::root(), 99)?, paths([]))?;
    expect_eq("below nothing", store.scan("absent", &Key::root(), 99)?, paths([]))?;
    expect_eq("all", store.scan("", &Key::root(), 99)?.len(), 12)?;
    let nodes: Vec<Node> = store.store().scan(&key("m"), &key("m/b/x"), 3)?.into_iter().map(|(_, node)| node).collect();
    expect_eq("sorts", nodes, vec![Node::Value(5), Node::Group, Node::Link(key("l"))])
}

pub(super) fn scan_starts_at_its_bound_or_behind_a_fence(bench: &Bench<'_>) -> Outcome {
    let store = planted(bench)?;
    let scan = |from: &Key| store.scan("m", from, 99);
    expect_eq("from an entry", scan(&key("m/b/x"))?, paths(["m/b/x", "m/group", "m/link"]))?;
    expect_eq("from a gap", scan(&key("m/c"))?, paths(["m/group", "m/link"]))?;
    expect_eq("from a number in a gap", scan(&key("m/11"))?.len(), 6)?;
    expect_eq("behind m/b", scan(&key("m/b").fence())?, paths(["m/group", "m/link"]))?;
    expect_eq("from before m", scan(&key("l"))?.len(), 8)?;
    expect_eq("from m itself", scan(&key("m"))?.len(), 8)?;
    expect_eq("behind m", scan(&key("m").fence())?, paths([]))?;
    expect_eq("from far behind m", scan(&key("n/1"))?, paths([]))?;
    expect_eq("behind everything", scan(&Key::root().fence())?, paths([]))
}

pub(super) fn scan_in_pages_tells_the_same_as_at_once(bench: &Bench<'_>) -> Outcome {
    let store = planted(bench)?;
    expect_eq("limit 0", store.scan("m", &Key::root(), 0)?, paths([]))?;
    for limit in 1..=9 {
        let mut pages: Vec<String> = Vec::new();
        let mut from = Key::root();
        loop {
            let page = store.store().scan(&key("m"), &from, limit)?;
            let Some((end, _)) = page.last() else { break };
            // Not the end's fence: that would skip what lies below it. Its first possible child comes next.
            from = end.clone().child(&crate::key::Segment::Number(0)).map_err(|e| Failure::Broken(e.to_string()))?;
            expect_eq("a page is full or the last", page.len() == limit || pages.len() + page.len() == 8, true)?;
            pages.extend(page.into_iter().map(|(key, _)| key.to_string()));
        }
        expect_eq(format!("pages of {limit}"), pages, store.scan("m", &Key::root(), 99)?)?;
    }
    expect_eq("everything", store.scan("", &Key::root(), usize::MAX)?.len(), 12)
}

pub(super) fn last_is_the_greatest_below_any_prefix(bench: &Bench<'_>) -> Outcome {
    let store = bench.open("a")?;
    expect_eq("of nothing", store.last("")?, None)?;
    store.apply(|batch| {
        for path in ["m", "m/b", "m/b/2", "m/b/10", "m/a/z", "l/1"] {
            batch.put(key(path), path.to_owned().into());
        }
    })?;
    let last = |prefix: &str| store.last(prefix).map(|path| path.unwrap_or_default());
    expect_eq("of all", last("")?, "m/b/10".to_owned())?;
    expect_eq("below m", last("m")?, "m/b/10".to_owned())?;
    expect_eq("below m/a", last("m/a")?, "m/a/z".to_owned())?;
    expect_eq("below l", last("l")?, "l/1".to_owned())?;
    expect_eq("below a leaf", store.last("l/1")?, None)?;
    expect_eq("below nothing", store.last("lll")?, None)?;
    store.delete("m/b/10")?;
    expect_eq("after a delete", last("m")?, "m/b/2".to_owned())?;
    store.link("m/c", "l")?;
    let found = store.store().last(&key("m"))?;
    expect_eq("a link", found, Some((key("m/c"), Node::Link(key("l")))))
}

pub(super) fn slots_sort_by_number(bench: &Bench<'_>) -> Outcome {
    const SLOTS: u64 = 1000;
    let store = bench.open("a")?;
    let process = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
    let slot = |number: u64| format!("assignments/{process}/{number}");
    let prefix = format!("assignments/{process}");
    let mut stored = 0;
    for count in [9, 10, SLOTS] {
        store.apply(|batch| (stored..count).for_each(|n| _ = batch.link(key(&slot(n)), key("data/x"))))?;
        stored = count;
        expect_eq(format!("last of {count}"), store.last(&prefix)?, Some(slot(count - 1)))?;
    }
    let all: Vec<String> = (0..SLOTS).map(slot).collect();
    expect_eq("slots in a scan", store.scan(&prefix, &Key::root(), usize::MAX)?, all)?;
    expect_eq("from slot 998", store.scan(&prefix, &key(&slot(998)), 9)?, vec![slot(998), slot(999)])?;
    store.link(&slot(u64::MAX), "data/x")?;
    expect_eq("the last of all slots", store.last(&prefix)?, Some(slot(u64::MAX)))
}
