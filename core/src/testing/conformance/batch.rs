//! Batches: order within, and all or nothing.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

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
const READERS: usize = 3;
const BATCHES: u64 = 30;
/// How many pairs a reader looks at while one batch is written, at most: a write that panics must not hang the test.
const PAIRS: usize = 100_000;

/// Batch after batch sets four keys to 1, 2, 3... while others read two keys one after the other. Whoever has seen
/// batch n in the first must see batch n, or a later one, in the second: otherwise a batch was visible in part.
pub(super) fn a_batch_is_seen_whole_or_not_at_all(bench: &Bench<'_>) -> Outcome {
    let store = bench.open("a")?;
    (1..=BATCHES).try_for_each(|number| write_among_readers(&store, number))?;
    KEYS.iter().try_for_each(|path| expect_eq(format!("{path} at the end"), number_at(&store, path)?, BATCHES))
}

fn write_among_readers(store: &Handle, number: u64) -> Outcome {
    let (ready, written) = (AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|threads| {
        let (ready, written) = (&ready, &written);
        let read = |offset| {
            move || {
                ready.fetch_add(1, Ordering::Release);
                read_in_pairs(store, offset, written)
            }
        };
        let readers: Vec<_> = (0..READERS).map(|offset| threads.spawn(read(offset))).collect();
        while ready.load(Ordering::Acquire) < READERS {
            std::thread::yield_now();
        }
        let bytes = Bytes::copy_from_slice(&number.to_be_bytes());
        let outcome = store.apply(|batch| KEYS.iter().for_each(|path| _ = batch.put(key(path), bytes.clone())));
        written.store(true, Ordering::Release);
        for reader in readers {
            reader.join().map_err(|_| Failure::Broken("a reader panicked".to_owned()))??;
        }
        outcome
    })
}

/// Reads pairs until the batch is written, and each pair once more.
fn read_in_pairs(store: &Handle, offset: usize, written: &AtomicBool) -> Outcome {
    let pair = |turn: usize| {
        let (first, second) = (KEYS[turn % KEYS.len()], KEYS[(turn + 1 + offset) % KEYS.len()]);
        let (seen, then) = (number_at(store, first)?, number_at(store, second)?);
        // Some locks are not fair: without a pause the writer may wait very long.
        std::thread::yield_now();
        expect(format!("batch {seen} was seen in {first}, then only batch {then} in {second}"), then >= seen)
    };
    (0..PAIRS).take_while(|_| !written.load(Ordering::Acquire)).try_for_each(pair)?;
    (0..KEYS.len()).try_for_each(pair)
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
