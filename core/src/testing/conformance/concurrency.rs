//! Many threads at once.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

use super::bench::key;
use super::{Bench, Failure, Handle, Outcome, expect, expect_eq};
use crate::key::Key;
use crate::store::Entry;
use crate::testing::history::{self, Event};
use crate::tree::{LinkMode, TreeError};

const THREADS: u64 = 32;
const OPERATIONS: u64 = 40;
const KEYS: u64 = 6;

/// Threads write unique values to a few keys and read them, and every call is written down with a logical clock that
/// is read before and after it. Each key's history must then be that of an atomic register.
pub(super) fn threads_see_a_linearisable_history_of_each_key(bench: &Bench<'_>) -> Outcome {
    let store = bench.open("a")?;
    let clock = AtomicU64::new(1);
    let histories = in_parallel(THREADS, |thread| work(&store, thread, &clock))?;
    let events = histories.into_iter().collect::<Result<Vec<_>, _>>()?.concat();
    for register in 0..KEYS {
        let history: Vec<Event> = events.iter().filter(|(key, _)| *key == register).map(|(_, event)| *event).collect();
        history::linearisable(&history).map_err(|why| Failure::Broken(format!("key {register}: {why}")))?;
    }
    expect("values were read", events.iter().any(|(_, event)| event.is_read() && event.value() != 0))?;
    expect_eq("keys", store.scan("r", &Key::root(), 99)?.len() as u64, KEYS)
}

/// Threads race to make one name a link, each to a target of its own: one wins, and its link stays.
pub(super) fn one_of_many_threads_makes_a_link(bench: &Bench<'_>) -> Outcome {
    let store = bench.open("a")?;
    let tree = store.tree();
    for slot in 0..20 {
        let name = key(&format!("slots/{slot}"));
        let start = Barrier::new(8);
        let attempts = in_parallel(8, |thread| {
            let target = key(&format!("data/{thread}"));
            start.wait();
            tree.make_link(&target, &name, LinkMode::IfAbsent).map(|()| target)
        })?;
        let (won, lost): (Vec<_>, Vec<_>) = attempts.into_iter().partition(Result::is_ok);
        let refused = lost.iter().filter(|lost| matches!(lost, Err(TreeError::Exists { .. }))).count();
        expect_eq("winners and losers", (won.len(), refused), (1, 7))?;
        let winner = won.into_iter().flatten().next().map(Entry::Link);
        expect_eq("the winner's link", store.store().get(&name)?, winner)?;
    }
    Ok(())
}

/// What `act` returns in each of that many threads, which are numbered from 0.
fn in_parallel<T: Send>(count: u64, act: impl Fn(u64) -> T + Sync) -> Result<Vec<T>, Failure> {
    let act = &act;
    std::thread::scope(|threads| {
        let running: Vec<_> = (0..count).map(|number| threads.spawn(move || act(number))).collect();
        let panicked = |_| Failure::Broken("a thread panicked".to_owned());
        running.into_iter().map(|thread| thread.join().map_err(panicked)).collect()
    })
}

/// One thread's calls, each with the key it went to.
fn work(store: &Handle, thread: u64, clock: &AtomicU64) -> Result<Vec<(u64, Event)>, Failure> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(thread);
    let tick = || clock.fetch_add(1, Ordering::SeqCst);
    let mut events = Vec::new();
    for operation in 0..OPERATIONS {
        let register = random.random_range(0..KEYS);
        let path = format!("r/{register}");
        let start = tick();
        let event = if random.random_bool(0.4) {
            let unique = 1 + thread * OPERATIONS + operation;
            store.put(&path, unique.to_be_bytes().to_vec())?;
            Event::write(unique, start, tick())
        } else {
            let seen = read(store, &path)?;
            Event::read(seen, start, tick())
        };
        events.push((register, event));
    }
    Ok(events)
}

/// The number stored at `path`; 0 while there is none.
fn read(store: &Handle, path: &str) -> Result<u64, Failure> {
    match store.store().get(&key(path))? {
        None => Ok(0),
        Some(Entry::Value(bytes)) if bytes.len() == 8 => Ok(bytes.iter().fold(0, |n, byte| n << 8 | u64::from(*byte))),
        other => Err(Failure::Broken(format!("{other:?} at {path} was never written"))),
    }
}
