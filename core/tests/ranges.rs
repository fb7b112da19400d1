//! Ranges and continuation against a model, on schedules with and without holes.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use proptest::prelude::*;
use slotbench_core::assignments::{schedule_key, slot_key};
use slotbench_core::operations::{Policies, ProcessPolicy, SchedulePage, Slots};
use slotbench_core::store::Op;
use slotbench_core::{Batch, Durability, Entry, Key, Operations, Request, Scheduler};
use support::{PROCESS, config, memory, message, schedule};

/// Slots of the longest schedule.
const SLOTS: u32 = 40;

/// What a scheduler stores for [`SLOTS`] messages, made once: signing takes the time.
fn stored() -> &'static Vec<(Key, Entry)> {
    static STORED: OnceLock<Vec<(Key, Entry)>> = OnceLock::new();
    STORED.get_or_init(|| {
        let scheduler = Scheduler::new(memory(), config()).unwrap();
        (0..SLOTS).for_each(|n| _ = schedule(&scheduler, message(n)).unwrap());
        let store = scheduler.assignments().store();
        let keys = store.scan(&Key::root(), &Key::root(), usize::MAX).unwrap();
        keys.into_iter().map(|(key, _)| (key.clone(), store.get(&key).unwrap().unwrap())).collect()
    })
}

/// Operations over a schedule of `count` slots with holes, and a stray name beside the slots.
fn operations(count: u32, holes: &BTreeSet<u64>, max_page_bytes: usize) -> (Operations, BTreeSet<u64>) {
    let store = memory();
    let mut batch = Batch::new();
    for (key, entry) in stored() {
        let key = key.clone();
        batch.push(match entry.clone() {
            Entry::Value(value) => Op::Put { key, value },
            Entry::Link(target) => Op::Link { key, target },
            Entry::Group => Op::Group { key },
        });
    }
    let exists: BTreeSet<u64> = (0..u64::from(count)).filter(|slot| !holes.contains(slot)).collect();
    for slot in (0..u64::from(SLOTS)).filter(|slot| !exists.contains(slot)) {
        batch.delete(slot_key(&PROCESS, slot));
    }
    batch.put(Key::parse(format!("{}/07", schedule_key(&PROCESS))).unwrap(), "a stray".into());
    store.apply(&batch, Durability::Memory).unwrap();
    let policies = Policies { processes: ProcessPolicy::Any, max_page_bytes, ..Policies::default() };
    (Operations::new(Arc::new(Scheduler::new(store, config()).unwrap()), policies), exists)
}

fn slots_of(page: &SchedulePage) -> Vec<u64> {
    page.assignments.iter().map(|read| read.assignment.slot()).collect()
}

prop_compose! {
    fn bounds()(from in 0..50_u64, to in prop_oneof![0..50_u64, Just(u64::MAX)]) -> (u64, u64) {
        (from, to)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn c102_pages_are_contiguous_and_continue_iff_a_further_requested_slot_exists(
        count in 0..=SLOTS,
        holes in prop::collection::btree_set(0..40_u64, 0..4),
        (from, to) in bounds(),
        limit in 1..20_usize,
    ) {
        let (operations, exists) = operations(count, &holes, usize::MAX);
        let page = operations.read_at_most(&Request::about(PROCESS), Slots::within(&(from..=to)), limit).unwrap();
        let got = slots_of(&page);
        // Consecutive from the first requested slot on, up to the limit, the range's end or the first hole.
        let expected: Vec<u64> =
            (from..=to).take_while(|slot| exists.contains(slot)).take(limit).collect();
        prop_assert_eq!(&got, &expected);
        let behind = got.last().map_or(from, |last| last + 1);
        let further = if from > to { None } else { exists.range(behind..).copied().find(|slot| *slot <= to) };
        prop_assert_eq!(page.next_from, further);
        prop_assert_eq!(page.continues(), further.is_some());
    }

    #[test]
    fn c102_following_continuations_visits_every_slot_once_and_ends(
        count in 0..=SLOTS,
        holes in prop::collection::btree_set(0..40_u64, 0..4),
        (from, to) in bounds(),
        limit in 1..20_usize,
        max_page_bytes in prop_oneof![Just(0), Just(2_000), Just(10_000), Just(usize::MAX)],
    ) {
        let (operations, exists) = operations(count, &holes, max_page_bytes);
        let expected: Vec<u64> = exists.into_iter().filter(|slot| from <= *slot && *slot <= to).collect();
        let (mut visited, mut next, mut pages) = (Vec::new(), Some(from), 0);
        while let Some(first) = next {
            let slots = Slots::within(&(first..=to));
            let page = operations.read_at_most(&Request::about(PROCESS), slots, limit).unwrap();
            visited.extend(slots_of(&page));
            next = page.next_from;
            pages += 1;
            prop_assert!(pages <= expected.len() + 2, "every page but the first and the last brings a slot");
        }
        prop_assert_eq!(visited, expected);
    }

    #[test]
    fn c105_next_agrees_with_the_schedule_whatever_is_read_ahead(
        count in 0..=SLOTS,
        at in prop::option::of(0..50_u64),
        lookahead in 0..12_usize,
        max_lookahead_bytes in prop_oneof![Just(0), Just(4_000), Just(usize::MAX)],
    ) {
        let (reader, _) = operations(count, &BTreeSet::new(), usize::MAX);
        let policies = Policies { lookahead, max_lookahead_bytes, ..*reader.policies() };
        let operations = Operations::new(Arc::clone(reader.scheduler()), policies);
        let mut state = operations.follow(&Request::about(PROCESS), at).unwrap();
        let mut visited = Vec::new();
        while let Ok(next) = operations.next(&mut state) {
            visited.push(next.assignment.slot());
            prop_assert!(state.held() < lookahead.max(1));
        }
        let first = at.map_or(0, |slot| slot + 1);
        prop_assert_eq!(visited, (first..u64::from(count)).collect::<Vec<_>>());
    }
}
