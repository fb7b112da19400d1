//! The rules of paths, over the engine.

use super::bench::{key, link, value};
use super::{Bench, Failure, Handle, Outcome, expect_eq, expect_err};
use crate::key::Key;
use crate::store::{Entry, StoreError};
use crate::testing::Method;
use crate::tree::{Kind, LinkMode, Tree, TreeError};

impl Handle {
    /// The tree over this store.
    #[must_use]
    pub fn tree(&self) -> Tree {
        Tree::new(self.store().clone(), self.tier())
    }
}

fn names(tree: &Tree, path: &str) -> Result<Option<Vec<String>>, Failure> {
    let names = tree.list(&key(path))?;
    Ok(names.map(|names| names.iter().map(|name| name.escape_ascii().to_string()).collect()))
}

fn some<const N: usize>(names: [&str; N]) -> Option<Vec<String>> {
    Some(names.map(str::to_owned).to_vec())
}

fn read(tree: &Tree, path: &str) -> Result<Option<String>, Failure> {
    let bytes = tree.read(&key(path))?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

pub(super) fn what_is_missing_is_not_found_and_no_error(bench: &Bench<'_>) -> Outcome {
    let store = bench.open("a")?;
    let tree = store.tree();
    tree.write(&key("there/v"), "v")?;
    for path in ["missing", "missing/below", "there/missing"] {
        expect_eq(format!("type of {path}"), tree.kind_of(&key(path))?, None)?;
        expect_eq(format!("read of {path}"), read(&tree, path)?, None)?;
        expect_eq(format!("list of {path}"), names(&tree, path)?, None)?;
    }
    expect_eq("read of a group", read(&tree, "there")?, None)?;
    expect_eq("list of a value", names(&tree, "there/v")?, None)?;
    expect_eq("read of a value", read(&tree, "there/v")?, text("v"))
}

pub(super) fn reads_follow_links_and_end_in_a_loop_with_an_error(bench: &Bench<'_>) -> Outcome {
    let store = bench.open("a")?;
    let tree = store.tree();
    tree.write(&key("real/x/v"), "v")?;
    for (target, name) in [("real", "m"), ("m/x", "n/o"), ("n/o/v", "p"), ("q2", "q1"), ("q1", "q2")] {
        tree.make_link(&key(target), &key(name), LinkMode::IfAbsent)?;
    }
    for path in ["m/x/v", "n/o/v", "p"] {
        expect_eq(path, read(&tree, path)?, text("v"))?;
    }
    expect_eq("a listing through links", names(&tree, "n/o")?, some(["v"]))?;
    for path in ["q1", "q2/below"] {
        expect_err(path, tree.read(&key(path)), is_loop)?;
        expect_err(path, tree.kind_of(&key(path)), is_loop)?;
        expect_err(path, tree.list(&key(path)), is_loop)?;
        expect_err(path, tree.make_group(&key(path)), is_loop)?;
    }
    expect_err("writing below a loop", tree.write(&key("q1/x"), "v"), is_loop)
}

fn is_loop(error: &TreeError) -> bool {
    matches!(error, TreeError::Store(StoreError::LinkLoop { .. }))
}

pub(super) fn c090_a_self_link_creates_nothing_and_groups_come_by_themselves(bench: &Bench<'_>) -> Outcome {
    let store = bench.open("a")?;
    let tree = store.tree();
    tree.make_link(&key("self/x"), &key("self/x"), LinkMode::IfAbsent)?;
    tree.make_link(&key("self/x"), &key("self/x"), LinkMode::Replace)?;
    expect_eq("after a self-link", store.scan("", &Key::root(), 9)?, vec![])?;
    expect_eq("its type", tree.kind_of(&key("self/x"))?, None)?;
    tree.write(&key("deep/er/v"), "1")?;
    tree.write(&key("deep/er/v"), "2")?;
    tree.make_link(&key("nowhere"), &key("deep/links/l"), LinkMode::IfAbsent)?;
    expect_eq("parents", names(&tree, "deep")?, some(["er", "links"]))?;
    expect_eq("a child written twice", names(&tree, "deep/er")?, some(["v"]))?;
    for _ in 0..2 {
        tree.make_group(&key("g/h/i"))?;
        tree.make_group(&key("deep"))?;
    }
    expect_eq("an empty group", names(&tree, "g/h/i")?, some([]))?;
    expect_eq("every level", (names(&tree, "g")?, names(&tree, "g/h")?), (some(["h"]), some(["i"])))?;
    expect_eq("what an existing group holds", names(&tree, "deep")?, some(["er", "links"]))?;
    expect_eq("its content", read(&tree, "deep/er/v")?, text("2"))
}

pub(super) fn c091_a_type_is_simple_composite_or_not_found_links_followed(bench: &Bench<'_>) -> Outcome {
    let store = bench.open("a")?;
    let tree = store.tree();
    tree.write(&key("g/v"), "v")?;
    tree.make_group(&key("empty"))?;
    for (target, name) in [("g/v", "to-value"), ("g", "to-group"), ("to-value", "twice"), ("none", "dangling")] {
        tree.make_link(&key(target), &key(name), LinkMode::IfAbsent)?;
    }
    let kind = |path: &str| tree.kind_of(&key(path));
    for path in ["g/v", "to-value", "twice", "to-group/v"] {
        expect_eq(path, kind(path)?, Some(Kind::Simple))?;
    }
    for path in ["g", "empty", "to-group", ""] {
        expect_eq(path, kind(path)?, Some(Kind::Composite))?;
    }
    for path in ["dangling", "to-group/none", "none"] {
        expect_eq(path, kind(path)?, None)?;
    }
    Ok(())
}

pub(super) fn c092_writing_over_a_link_or_a_group_is_refused_and_the_target_untouched(bench: &Bench<'_>) -> Outcome {
    let store = bench.open("a")?;
    let tree = store.tree();
    tree.write(&key("data/v"), "kept")?;
    tree.make_link(&key("data/v"), &key("l"), LinkMode::IfAbsent)?;
    tree.make_group(&key("empty"))?;
    expect_err("over a link", tree.write(&key("l"), "new"), |error| matches!(error, TreeError::IsLink { .. }))?;
    for path in ["data", "empty"] {
        let refused = tree.write(&key(path), "new");
        expect_err(path, refused, |error| matches!(error, TreeError::IsGroup { .. }))?;
    }
    expect_eq("the target", store.get("data/v")?, value("kept"))?;
    expect_eq("the link", store.get("l")?, link("data/v"))?;
    expect_eq("the group", store.get("empty")?, Some(Entry::Group))?;
    // The same below the tree, where a put replaces the link by what was asked for.
    store.put("l", "replaced")?;
    expect_eq("the target of a replaced link", store.get("data/v")?, value("kept"))
}

pub(super) fn c093_a_bad_parent_is_a_typed_error_and_the_store_keeps_working(bench: &Bench<'_>) -> Outcome {
    let store = bench.open("a")?;
    let tree = store.tree();
    tree.write(&key("v"), "v")?;
    tree.make_link(&key("v"), &key("l"), LinkMode::IfAbsent)?;
    let below_value: fn(&TreeError) -> bool = |error| matches!(error, TreeError::ParentIsValue { .. });
    for path in ["v/x", "v/x/y", "l/x"] {
        expect_err(path, tree.write(&key(path), "x"), below_value)?;
        expect_err(path, tree.make_group(&key(path)), below_value)?;
        expect_err(path, tree.make_link(&key("v"), &key(path), LinkMode::Replace), below_value)?;
    }
    expect_err("a group over a value", tree.make_group(&key("l")), |e| matches!(e, TreeError::IsValue { .. }))?;
    expect_eq("entries", store.scan("", &Key::root(), 9)?, vec!["l".to_owned(), "v".to_owned()])?;
    tree.write(&key("v"), "w")?;
    expect_eq("the value", read(&tree, "l")?, text("w"))
}

pub(super) fn c095_the_root_is_listed(bench: &Bench<'_>) -> Outcome {
    let store = bench.open("a")?;
    let tree = store.tree();
    expect_eq("an empty root", names(&tree, "")?, some([]))?;
    tree.write(&key("b/c/d"), "v")?;
    tree.write(&key("7"), "v")?;
    tree.make_group(&key("g"))?;
    tree.make_link(&key("b"), &key("l"), LinkMode::IfAbsent)?;
    expect_eq("the root", names(&tree, "")?, some(["7", "b", "g", "l"]))
}

pub(super) fn writing_below_a_link_goes_where_it_leads(bench: &Bench<'_>) -> Outcome {
    let store = bench.open("a")?;
    let tree = store.tree();
    tree.make_group(&key("real"))?;
    tree.make_link(&key("real"), &key("l"), LinkMode::IfAbsent)?;
    tree.make_link(&key("l/deep"), &key("m"), LinkMode::IfAbsent)?;
    tree.write(&key("l/v"), "v")?;
    tree.write(&key("m/w"), "w")?;
    tree.make_group(&key("l/g"))?;
    tree.make_link(&key("real/v"), &key("l/n"), LinkMode::IfAbsent)?;
    expect_eq("a value", store.get("real/v")?, value("v"))?;
    expect_eq("a value over two links", store.get("real/deep/w")?, value("w"))?;
    expect_eq("a group", store.get("real/g")?, Some(Entry::Group))?;
    expect_eq("a link", store.get("real/n")?, link("real/v"))?;
    expect_eq("below the link itself", store.scan("l", &Key::root(), 9)?, vec![])
}

pub(super) fn a_link_is_made_if_absent_or_replaced(bench: &Bench<'_>) -> Outcome {
    let store = bench.open("a")?;
    let tree = store.tree();
    let make = |target: &str, name: &str, mode| tree.make_link(&key(target), &key(name), mode);
    tree.write(&key("v"), "v")?;
    tree.write(&key("g/x"), "x")?;
    make("one", "l", LinkMode::IfAbsent)?;
    make("one", "l", LinkMode::IfAbsent)?;
    for taken in ["l", "v", "g"] {
        let refused = make("two", taken, LinkMode::IfAbsent);
        expect_err(taken, refused, |error| matches!(error, TreeError::Exists { .. }))?;
    }
    expect_eq("untouched", (store.get("l")?, store.get("v")?), (link("one"), value("v")))?;
    make("two", "l", LinkMode::Replace)?;
    make("two", "v", LinkMode::Replace)?;
    expect_eq("replaced", (store.get("l")?, store.get("v")?), (link("two"), link("two")))?;
    let over_group = make("two", "g", LinkMode::Replace);
    expect_err("over a group", over_group, |error| matches!(error, TreeError::IsGroup { .. }))?;
    expect_eq("the group", store.get("g/x")?, value("x"))
}

pub(super) fn a_reset_empties_one_store_and_leaves_it_usable(bench: &Bench<'_>) -> Outcome {
    let (one, two) = (bench.open("one")?, bench.open("two")?);
    for store in [&one, &two] {
        store.tree().write(&key("a/v"), "v")?;
        store.tree().make_group(&key("g"))?;
        store.tree().make_link(&key("a"), &key("l"), LinkMode::IfAbsent)?;
    }
    one.tree().reset()?;
    expect_eq("the one", one.scan("", &Key::root(), 9)?, vec![])?;
    expect_eq("the other", two.scan("", &Key::root(), 9)?.len(), 3)?;
    one.tree().write(&key("a"), "a value where a group was")?;
    expect_eq("after the reset", names(&one.tree(), "")?, some(["a"]))
}

pub(super) fn a_listing_costs_by_name(bench: &Bench<'_>) -> Outcome {
    let store = bench.open("a")?;
    let fill = |group: &str, below: u64| {
        store.apply(|batch| {
            for name in ["x", "y", "z"] {
                (0..below).for_each(|n| _ = batch.put(key(&format!("{group}/{name}/{n}")), bytes::Bytes::new()));
            }
        })
    };
    fill("small", 100)?;
    fill("large", 2000)?;
    let calls_for = |group: &str| {
        let before = bench.calls().of(Method::Scan);
        expect_eq(group, names(&store.tree(), group)?, some(["x", "y", "z"]))?;
        Ok::<u64, Failure>(bench.calls().of(Method::Scan) - before)
    };
    expect_eq("scans for twenty times the content", calls_for("large")?, calls_for("small")?)
}
