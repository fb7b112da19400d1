//! Entries by themselves.

use bytes::Bytes;

use super::bench::{key, link, value};
use super::{Bench, Outcome, expect, expect_eq};
use crate::key::{Key, MAX_KEY_LEN};
use crate::store::Entry;

const MIB: usize = 1 << 20;

pub(super) fn a_value_is_read_back_and_overwritten(bench: &Bench<'_>) -> Outcome {
    let store = bench.open("a")?;
    expect_eq("before the first write", store.get("a/b")?, None)?;
    store.put("a/b", "first")?;
    expect_eq("a value", store.get("a/b")?, value("first"))?;
    store.put("a/b", "second, and longer")?;
    expect_eq("an overwritten value", store.get("a/b")?, value("second, and longer"))?;
    store.put("a/b", "3")?;
    expect_eq("a value overwritten by a shorter one", store.get("a/b")?, value("3"))?;
    expect_eq("a group never made", store.get("a")?, None)
}

pub(super) fn values_of_zero_one_1m_and_64m_bytes(bench: &Bench<'_>) -> Outcome {
    let store = bench.open("a")?;
    for size in [0, 1, MIB, 64 * MIB] {
        let path = format!("sized/{size}");
        let bytes = incompressible(size);
        store.put(&path, bytes.clone())?;
        let found = store.get(&path)?;
        expect(format!("{size} bytes are read back as they were"), found == value(bytes))?;
    }
    expect_eq("all are there", store.scan("sized", &Key::root(), 9)?.len(), 4)
}

/// Bytes that no engine can make smaller: the middle bits of a Weyl sequence, multiplied.
fn incompressible(size: usize) -> Bytes {
    let mut state = 0_u64;
    let mut next = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        (state ^ (state >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9).to_le_bytes()
    };
    let mut bytes: Vec<u8> = (0..size.div_ceil(8)).flat_map(|_| next()).collect();
    bytes.truncate(size);
    bytes.into()
}

pub(super) fn names_may_hold_any_byte(bench: &Bench<'_>) -> Outcome {
    let store = bench.open("a")?;
    let names: Vec<Vec<u8>> = (0..=u8::MAX).filter(|byte| !b"/.".contains(byte)).map(|byte| vec![byte]).collect();
    let odd = [&b"a\0b"[..], b"\0\xFF\0\x01", b"...", b".hidden", b"A", b"a", b"con", b"a b\n", b"%2F", b"07"];
    let mut keys: Vec<Key> = Vec::new();
    for name in names.iter().map(Vec::as_slice).chain(odd) {
        let mut path = b"names/".to_vec();
        path.extend_from_slice(name);
        keys.push(Key::parse(&path).map_err(|source| super::Failure::Broken(source.to_string()))?);
    }
    store.apply(|batch| {
        for key in &keys {
            batch.put(key.clone(), Bytes::copy_from_slice(key.as_bytes()));
        }
    })?;
    for key in &keys {
        let expected = Some(Entry::Value(Bytes::copy_from_slice(key.as_bytes())));
        expect_eq(format!("the value of {key}"), store.store().get(key)?, expected)?;
    }
    keys.sort();
    keys.dedup();
    let found = store.store().scan(&key("names"), &Key::root(), usize::MAX)?;
    expect_eq("names in a scan", found.into_iter().map(|(key, _)| key).collect(), keys)
}

pub(super) fn the_longest_keys_are_kept(bench: &Bench<'_>) -> Outcome {
    let store = bench.open("a")?;
    // A name takes a tag before it and two bytes behind it.
    let wide = key(&"w".repeat(MAX_KEY_LEN - 3));
    let deep = key(&"d/".repeat(MAX_KEY_LEN / 4));
    expect_eq("lengths", [wide.as_bytes().len(), deep.as_bytes().len()], [MAX_KEY_LEN; 2])?;
    store.apply(|batch| _ = batch.put(wide.clone(), "wide".into()).put(deep.clone(), "deep".into()))?;
    expect_eq("one long name", store.store().get(&wide)?, value("wide"))?;
    expect_eq("many short names", store.store().get(&deep)?, value("deep"))?;
    let found = store.store().scan(&Key::root(), &Key::root(), 9)?;
    expect_eq("both in a scan", found.into_iter().map(|(key, _)| key).collect(), vec![deep, wide])
}

pub(super) fn entries_of_each_sort_replace_each_other(bench: &Bench<'_>) -> Outcome {
    let store = bench.open("a")?;
    store.put("target", "t")?;
    store.put("x", "v")?;
    store.link("x", "target")?;
    expect_eq("a link over a value", store.get("x")?, link("target"))?;
    store.link("x", "elsewhere/7")?;
    expect_eq("a link over a link", store.get("x")?, link("elsewhere/7"))?;
    store.group("x")?;
    expect_eq("a group over a link", store.get("x")?, Some(Entry::Group))?;
    store.link("x", "target")?;
    expect_eq("a link over a group", store.get("x")?, link("target"))?;
    store.put("x", "w")?;
    expect_eq("a value over a link", store.get("x")?, value("w"))?;
    expect_eq("what the link led to", store.get("target")?, value("t"))?;
    store.group("x")?;
    store.put("x", "u")?;
    expect_eq("a value over a group", store.get("x")?, value("u"))?;
    expect_eq("each path once", store.scan("", &Key::root(), 9)?, ["target", "x"].map(str::to_owned).to_vec())
}

pub(super) fn a_delete_removes_one_entry_only(bench: &Bench<'_>) -> Outcome {
    let store = bench.open("a")?;
    store.apply(|batch| {
        batch.group(key("g")).put(key("g/1"), "1".into()).put(key("g/2"), "2".into()).link(key("l"), key("g/1"));
    })?;
    store.delete("l")?;
    expect_eq("a deleted link", store.get("l")?, None)?;
    expect_eq("where it led", store.get("g/1")?, value("1"))?;
    store.delete("g")?;
    expect_eq("a deleted group", store.get("g")?, None)?;
    expect_eq("what lies below it", store.get("g/2")?, value("2"))?;
    store.delete("g/2")?;
    store.delete("never/there")?;
    expect_eq("what is left", store.scan("", &Key::root(), 9)?, vec!["g/1".to_owned()])
}

pub(super) fn entries_above_and_below_each_other_are_independent(bench: &Bench<'_>) -> Outcome {
    let store = bench.open("a")?;
    store.put("a/b/c", "below")?;
    store.put("a/b", "above")?;
    store.link("a", "elsewhere")?;
    expect_eq("below a value", store.get("a/b/c")?, value("below"))?;
    expect_eq("above a value", store.get("a/b")?, value("above"))?;
    expect_eq("above both", store.get("a")?, link("elsewhere"))?;
    let all = ["a", "a/b", "a/b/c"].map(str::to_owned).to_vec();
    expect_eq("all in a scan", store.scan("", &Key::root(), 9)?, all)?;
    store.delete("a/b")?;
    expect_eq("below a deleted value", store.get("a/b/c")?, value("below"))
}
