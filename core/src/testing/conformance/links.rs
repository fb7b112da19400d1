//! Resolution of links.

use super::bench::{key, value};
use super::{Bench, Outcome, expect_eq, expect_err};
use crate::store::{Entry, MAX_LINK_HOPS, StoreError};

pub(super) fn c085_a_link_a_link_to_a_link_and_a_link_to_a_group_resolve(bench: &Bench<'_>) -> Outcome {
    let store = bench.open("a")?;
    store.put("data/v", "v")?;
    store.group("data/g")?;
    store.put("data/g/child", "c")?;
    store.link("one", "data/v")?;
    store.link("names/two", "one")?;
    store.link("group", "data/g")?;
    store.link("dangling", "nowhere/7")?;
    expect_eq("a link", store.follow("one")?, value("v"))?;
    expect_eq("a link to a link", store.follow("names/two")?, value("v"))?;
    expect_eq("a link to a group", store.follow("group")?, Some(Entry::Group))?;
    expect_eq("below a link to a group", store.follow("group/child")?, value("c"))?;
    expect_eq("a dangling link", store.resolve("dangling/8")?, "nowhere/7/8".to_owned())?;
    expect_eq("what a dangling link leads to", store.follow("dangling")?, None)
}

pub(super) fn c086_a_link_wins_over_what_it_shadows(bench: &Bench<'_>) -> Outcome {
    let store = bench.open("a")?;
    store.put("a/b/c", "shadowed")?;
    store.put("a/alt-b/c", "meant")?;
    store.link("a/b", "a/alt-b")?;
    expect_eq("the path", store.resolve("a/b/c")?, "a/alt-b/c".to_owned())?;
    expect_eq("the value", store.follow("a/b/c")?, value("meant"))?;
    expect_eq("the shadowed entry itself", store.get("a/b/c")?, value("shadowed"))?;
    store.put("a/b/only", "shadowed")?;
    expect_eq("shadowed, and missing where the link leads", store.follow("a/b/only")?, None)
}

pub(super) fn c087_links_in_the_middle_of_a_path_resolve_over_several_hops(bench: &Bench<'_>) -> Outcome {
    let store = bench.open("a")?;
    store.put("real/dir/x/y", "v")?;
    store.link("m", "n")?;
    store.link("n", "o/p")?;
    store.link("o", "real")?;
    store.link("real/p", "real/dir")?;
    expect_eq("m/x/y", store.resolve("m/x/y")?, "real/dir/x/y".to_owned())?;
    expect_eq("its value", store.follow("m/x/y")?, value("v"))?;
    store.link("hop/0", "real/dir")?;
    for hop in 1..MAX_LINK_HOPS {
        store.link(&format!("hop/{hop}"), &format!("hop/{}", hop - 1))?;
    }
    let longest = format!("hop/{}/x/y", MAX_LINK_HOPS - 1);
    expect_eq("the longest way allowed", store.follow(&longest)?, value("v"))?;
    store.link("one-too-many", &format!("hop/{}", MAX_LINK_HOPS - 1))?;
    expect_err("one link more", store.store().resolve(&key("one-too-many/x")), is_loop)
}

pub(super) fn c088_a_link_cycle_ends_with_link_loop(bench: &Bench<'_>) -> Outcome {
    let store = bench.open("a")?;
    for (path, target) in [("1", "1"), ("2/a", "2/b"), ("2/b", "2/a"), ("3/a", "3/b"), ("3/b", "3/c"), ("3/c", "3/a")] {
        store.link(path, target)?;
    }
    store.link("grows", "grows/on")?;
    for path in ["1", "1/x", "2/a", "2/b/x", "3/a", "3/b", "3/c/x/y", "grows", "grows/x"] {
        expect_err(path, store.store().resolve(&key(path)), is_loop)?;
    }
    store.put("still", "usable")?;
    expect_eq("another path", store.follow("still")?, value("usable"))
}

fn is_loop(error: &StoreError) -> bool {
    matches!(error, StoreError::LinkLoop { .. })
}

pub(super) fn c089_a_path_of_equal_segments_is_itself(bench: &Bench<'_>) -> Outcome {
    let store = bench.open("a")?;
    for path in ["a/a", "a/a/a", "7/7", "missing/missing/tail"] {
        expect_eq("resolved while nothing is there", store.resolve(path)?, path.to_owned())?;
    }
    store.put("a/a", "v")?;
    expect_eq("resolved", store.resolve("a/a")?, "a/a".to_owned())?;
    expect_eq("read", store.follow("a/a")?, value("v"))?;
    store.link("b", "a")?;
    store.link("a/c", "a/a")?;
    expect_eq("through a link", store.resolve("b/a")?, "a/a".to_owned())?;
    expect_eq("through two", store.follow("b/c")?, value("v"))
}
