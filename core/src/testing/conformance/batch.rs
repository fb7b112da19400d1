//! Batches: order within, and all or nothing.

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;

use super::bench::{key, link, value};
use super::{Bench, Failure, Handle, Outcome, expect, expect_eq};
use crate::key::Key;
use crate::store::Entry;

pub(super) fn a_later_operation_of_a_batch_overrules_an_earlier_one(bench: &Bench<'_>) -> Outcome {
    let store = bench.open("a")?;
    store.put("kept", "old")?;
    store.apply(|batch| {
        batch.put(key("x"), "1".into()).put(key("x"), "2".into());
        batch.put(key("gone"), "1".into()).delete(key("gone"));
        batch.delete(key("kept")).put(key("kept"), "new".into());
        batch.put(key("l"), "1".into()).group(key("l")).link(key("l"), key("x"));
    })?;
    expect_eq("put, put", store.get("x")?, value("2"))?;
    expect_eq("put, delete", store.get("gone")?, None)?;
    expect_eq("delete, put", store.get("kept")?, value("new"))?;
    expect_eq("put, group, link", store.get("l")?, link("x"))?;
    let all = ["kept", "l", "x"].map(str::to_owned).to_vec();
    expect_eq("a scan", store.scan("", &Key::root(), 9)?, all)
}

const KEYS: [&str; 4] = ["whole/a", "whole/7", "other/b", "z"];
const BATCHES: u64 = 60;

/// One thread sets four keys to 1, 2, 3...; the others read two keys one after the other. Whoever has seen batch n in
/// the first must see batch n, or a later one, in the second: otherwise a batch was visible in part.
pub(super) fn a_batch_is_seen_whole_or_not_at_all(bench: &Bench<'_>) -> Outcome {
    let store = bench.open("a")?;
    let written = AtomicBool::new(false);
    std::thread::scope(|threads| {
        let readers: Vec<_> = (0..3)
            .map(|reader| {
                let (store, written) = (&store, &written);
                threads.spawn(move || read_in_pairs(store, reader, written))
            })
            .collect();
        let outcome = (1..=BATCHES).try_for_each(|number| write_all(&store, number));
        written.store(true, Ordering::Release);
        for reader in readers {
            reader.join().map_err(|_| Failure::Broken("a reader panicked".to_owned()))??;
        }
        outcome
    })?;
    KEYS.iter().try_for_each(|path| expect_eq(format!("{path} at the end"), number_at(&store, path)?, BATCHES))
}

fn write_all(store: &Handle, number: u64) -> Outcome {
    let bytes = Bytes::copy_from_slice(&number.to_be_bytes());
    store.apply(|batch| KEYS.iter().for_each(|path| _ = batch.put(key(path), bytes.clone())))
}

fn read_in_pairs(store: &Handle, offset: usize, written: &AtomicBool) -> Outcome {
    let mut turn = offset;
    while !written.load(Ordering::Acquire) {
        let (first, second) = (KEYS[turn % KEYS.len()], KEYS[(turn + 1 + offset) % KEYS.len()]);
        let (seen, then) = (number_at(store, first)?, number_at(store, second)?);
        expect(format!("batch {seen} was seen in {first}, then only batch {then} in {second}"), then >= seen)?;
        turn += 1;
    }
    Ok(())
}

fn number_at(store: &Handle, path: &str) -> Result<u64, Failure> {
    match store.get(path)? {
        None => Ok(0),
        Some(Entry::Value(bytes)) => bytes
            .as_ref()
            .try_into()
            .map(u64::from_be_bytes)
            .map_err(|_| Failure::Broken(format!("{} bytes at {path}, 8 were written", bytes.len()))),
        Some(other) => Err(Failure::Broken(format!("{other:?} at {path}, a value was written"))),
    }
}
