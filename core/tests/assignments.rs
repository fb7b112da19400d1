//! Schedules on top of a store: layout, reading, conflicts, damage, cost.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use slotbench_core::assignment::{Assignment, Draft};
use slotbench_core::assignments::{AssignmentsError, Finding, data_key, slot_key};
use slotbench_core::block::Block;
use slotbench_core::chain::Chain;
use slotbench_core::item::{Item, Template};
use slotbench_core::store::StoreError;
use slotbench_core::{AssignmentStore, Batch, Durability, Entry, Key, Scheduler};
use support::{Hooked, PROCESS, broken_disk, config, memory, message, schedule, wallet};

fn assign(message: &Item, slot: u64, chain: Chain) -> Assignment {
    let draft = Draft {
        process: &PROCESS,
        message: &message.id(),
        path: b"compute",
        slot,
        chain: chain.next(&message.id()),
        timestamp: 1_000 + slot,
        block: &Block::NONE,
    };
    draft.sign(&Template::new(wallet(), None, None)).unwrap()
}

/// A store with `count` slots, and the chain after them.
fn schedule_of(count: u64) -> (AssignmentStore, Chain) {
    let assignments = AssignmentStore::new(memory());
    let chain = (0..count).fold(Chain::EMPTY, |chain, slot| {
        let message = message(u32::try_from(slot).unwrap());
        let assignment = assign(&message, slot, chain);
        assignments.write(&message, &assignment, Durability::Memory).unwrap();
        Chain::after(assignment.chain())
    });
    (assignments, chain)
}

fn put(store: &AssignmentStore, fill: impl FnOnce(&mut Batch)) {
    let mut batch = Batch::new();
    fill(&mut batch);
    store.store().apply(&batch, Durability::Memory).unwrap();
}

fn is_corrupt<T>(result: Result<T, AssignmentsError>) -> bool {
    matches!(result, Err(AssignmentsError::Store(StoreError::Corrupt { .. })))
}

#[test]
fn c068_an_assignment_is_readable_by_slot_and_by_id() {
    let (assignments, _) = schedule_of(3);
    let read = assignments.read(&PROCESS, 1).unwrap().unwrap();
    assert_eq!(read.message.as_bytes(), message(1).as_bytes());
    assert_eq!(read.assignment.slot(), 1);
    let by_id = assignments.item(&read.assignment.id()).unwrap().unwrap();
    assert_eq!(by_id.as_bytes(), read.assignment.item().as_bytes());
    assert!(assignments.item(&message(1).id()).unwrap().is_some());
}

#[test]
fn c069_the_slot_is_a_link_to_the_content() {
    let (assignments, _) = schedule_of(1);
    let id = assignments.assignment(&PROCESS, 0).unwrap().unwrap().id();
    let path = Key::parse(format!("assignments/{PROCESS}/0")).unwrap();
    let target = Key::parse(format!("data/{id}")).unwrap();
    assert_eq!(assignments.store().get(&path).unwrap(), Some(Entry::Link(target.clone())));
    assert!(matches!(assignments.store().get(&target).unwrap(), Some(Entry::Value(_))));
}

#[test]
fn c070_a_missing_slot_reads_as_none() {
    let (assignments, _) = schedule_of(2);
    assert!(assignments.read(&PROCESS, 2).unwrap().is_none());
    assert!(assignments.read(&message(0).id(), 0).unwrap().is_none());
}

#[test]
fn c071_list_and_latest() {
    let (empty, _) = schedule_of(0);
    assert_eq!(empty.latest(&PROCESS).unwrap(), Default::default());
    assert!(empty.list(&PROCESS, 0, 100).unwrap().is_empty());
    let (assignments, chain) = schedule_of(12);
    let slots: Vec<u64> = assignments.list(&PROCESS, 0, 100).unwrap().into_iter().map(|(slot, _)| slot).collect();
    assert_eq!(slots, (0..12).collect::<Vec<_>>());
    let head = assignments.latest(&PROCESS).unwrap();
    assert_eq!((head.slot, head.chain, head.timestamp), (Some(11), chain, 1_011));
    assert_eq!(assignments.processes().unwrap(), [PROCESS]);
    let page = assignments.range(&PROCESS, 3, 7, 3).unwrap();
    assert_eq!(page.iter().map(|read| read.assignment.slot()).collect::<Vec<_>>(), [3, 4, 5]);
    assert!(assignments.range(&PROCESS, 7, 3, 10).unwrap().is_empty());
}

#[test]
fn c074_another_assignment_at_an_occupied_slot_is_a_conflict() {
    let (assignments, chain) = schedule_of(2);
    let same = assignments.assignment(&PROCESS, 1).unwrap().unwrap();
    assignments.write(&message(1), &same, Durability::Memory).unwrap();
    let other = assign(&message(9), 1, chain);
    let refused = assignments.write(&message(9), &other, Durability::Memory);
    assert!(matches!(refused, Err(AssignmentsError::Conflict { slot: 1, stored, .. }) if stored == same.id()));
    assert_eq!(assignments.assignment(&PROCESS, 1).unwrap().unwrap().id(), same.id());
    assert!(assignments.item(&other.id()).unwrap().is_none(), "nothing of the refused write is stored");
    let late = assign(&message(9), 5, chain);
    let gap = assignments.write(&message(9), &late, Durability::Memory);
    assert!(matches!(gap, Err(AssignmentsError::Gap { slot: 5, .. })));
}

#[test]
fn c075_a_failed_write_is_reported_and_leaves_nothing() {
    let failing = Hooked::new(memory(), |_| Err(broken_disk()));
    let assignments = AssignmentStore::new(failing);
    let assignment = assign(&message(0), 0, Chain::EMPTY);
    let failed = assignments.write(&message(0), &assignment, Durability::Memory);
    assert!(matches!(failed, Err(AssignmentsError::Store(StoreError::Io { .. }))));
    assert!(assignments.read(&PROCESS, 0).unwrap().is_none());
    assert!(assignments.item(&assignment.id()).unwrap().is_none());
}

#[test]
fn c076_stray_names_break_neither_list_nor_latest() {
    let (assignments, chain) = schedule_of(40);
    let group = format!("assignments/{PROCESS}");
    for stray in ["lost+found", "007", "-1", "99999999999999999999999", "zzz/7"] {
        let key = Key::parse(format!("{group}/{stray}")).unwrap();
        put(&assignments, |batch| {
            batch.put(key, Bytes::from_static(b"stray"));
        });
    }
    assert_eq!(assignments.list(&PROCESS, 0, 1000).unwrap().len(), 40);
    let head = assignments.latest(&PROCESS).unwrap();
    assert_eq!((head.slot, head.chain), (Some(39), chain));
    assert!(assignments.check(&PROCESS, Default::default()).unwrap().is_sound());
}

#[test]
fn c077_an_unreadable_head_is_corrupt_not_none() {
    let (assignments, _) = schedule_of(3);
    let head = assignments.assignment(&PROCESS, 2).unwrap().unwrap().id();
    let damages: [&dyn Fn(&mut Batch); 4] = [
        &|batch| {
            batch.delete(data_key(&head));
        },
        &|batch| {
            batch.put(data_key(&head), Bytes::from_static(b"garbage"));
        },
        &|batch| {
            batch.put(data_key(&head), message(1).as_bytes().clone());
        },
        &|batch| {
            batch.put(slot_key(&PROCESS, 2), Bytes::from_static(b"no link"));
        },
    ];
    for damage in damages {
        put(&assignments, |batch| damage(batch));
        assert!(is_corrupt(assignments.latest(&PROCESS)));
        assert!(is_corrupt(assignments.read(&PROCESS, 2)));
        assert!(Scheduler::new(Arc::clone(assignments.store()), config()).unwrap().server(&PROCESS).is_err());
    }
    assert!(assignments.read(&PROCESS, 1).unwrap().is_some());
}

#[test]
fn a_check_finds_every_kind_of_damage() {
    let (assignments, _) = schedule_of(8);
    let id = |slot| assignments.assignment(&PROCESS, slot).unwrap().unwrap().id();
    let (second, fourth) = (id(2), id(4));
    put(&assignments, |batch| {
        batch.delete(slot_key(&PROCESS, 1));
        batch.put(data_key(&second), Bytes::from_static(b"garbage"));
        batch.delete(data_key(&message(6).id()));
        batch.link(slot_key(&PROCESS, 3), data_key(&fourth));
    });
    let check = assignments.check(&PROCESS, Default::default()).unwrap();
    let found: Vec<String> = check.findings.iter().map(ToString::to_string).collect();
    assert_eq!(check.wrong, 4, "{found:#?}");
    for (expected, found) in ["slot 1 is missing", "slot 2", "slot 3", "slot 6"].iter().zip(&found) {
        assert!(found.starts_with(expected), "{found}");
    }
    assert_eq!(check.slots, 4);
    let other = assign(&message(5), 5, Chain::EMPTY);
    put(&assignments, |batch| {
        batch.put(data_key(&other.id()), other.item().as_bytes().clone());
        batch.link(slot_key(&PROCESS, 5), data_key(&other.id()));
    });
    let check = assignments.check(&PROCESS, Default::default()).unwrap();
    assert!(check.findings.contains(&Finding::Chain { slot: 5 }));
}

/// Engine calls of one `latest`, and of one more message, on a schedule of `count` slots.
fn cost_at(count: u32) -> (u64, u64, u64) {
    let store = Hooked::new(memory(), |_| Ok(()));
    let scheduler = Scheduler::new(store.clone(), config()).unwrap();
    for n in 0..count {
        schedule(&scheduler, message(n)).unwrap();
    }
    let reads = store.reads.swap(0, Ordering::SeqCst);
    assert!(reads <= 4, "scheduling reads the end of the schedule once, not per message: {reads} reads");
    scheduler.stored_head(&PROCESS).unwrap();
    let latest = store.reads.swap(0, Ordering::SeqCst);
    let applies = store.applies.swap(0, Ordering::SeqCst);
    assert!(applies <= u64::from(count));
    schedule(&scheduler, message(count)).unwrap();
    (latest, store.reads.load(Ordering::SeqCst), store.applies.load(Ordering::SeqCst))
}

#[test]
fn c078_latest_and_append_take_the_same_engine_calls_at_any_size() {
    let small = cost_at(10);
    assert_eq!(small, cost_at(3_000));
    assert_eq!((small.1, small.2), (0, 1), "one append is one apply and no read");
}

#[test]
fn a_running_writer_knows_the_end_and_yet_sees_what_another_has_stored_behind_it() {
    let store = Hooked::new(memory(), |_| Ok(()));
    let (ours, theirs) =
        (Scheduler::new(store.clone(), config()).unwrap(), Scheduler::new(store.clone(), config()).unwrap());
    let searches = |of: &Scheduler| {
        let before = store.ends.load(Ordering::SeqCst);
        let head = of.stored_head(&PROCESS).unwrap();
        assert_eq!(of.last_slot(&PROCESS).unwrap().map(|(slot, _)| slot), head.slot);
        (head, store.ends.load(Ordering::SeqCst) - before)
    };
    assert_eq!(searches(&ours), (Default::default(), 2), "nobody knows anything yet");
    for n in 0..5 {
        schedule(&ours, message(n)).unwrap();
    }
    let (head, searched) = searches(&ours);
    assert_eq!((head.slot, searched), (Some(4), 0));
    assert_eq!(searches(&theirs), (head, 2), "the same without a writer");
    schedule(&theirs, message(5)).unwrap();
    let (head, searched) = searches(&ours);
    assert_eq!((head.slot, searched), (Some(5), 2), "what our writer knows is out of date");
}
