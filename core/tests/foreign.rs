//! The cache of other nodes' schedules: what enters it, what leaves it, and that own schedules are neither's business.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use proptest::prelude::*;
use slotbench_core::assignment::{Assignment, DEFAULT_PATH, Draft};
use slotbench_core::assignments::{Scheduled, foreign_slot_key, slot_key};
use slotbench_core::block::Block;
use slotbench_core::chain::{Chain, ChainValue, legacy};
use slotbench_core::foreign::{Authority, AuthorityError, ForeignError, ForeignSchedules, Kept, Unverified};
use slotbench_core::item::{Item, ItemBuilder, Template, VerifyError};
use slotbench_core::operations::{Elsewhere, Network, Policies, Request, Slots};
use slotbench_core::wallet::{NoSigner, Wallet};
use slotbench_core::{
    AssignmentStore, Batch, Durability, Entry, Id, OperationError, Operations, Scheduler, Signer, Store,
};
use support::{Hooked, assert_sound, broken_disk, client, config, memory, message_for, wait, wallet};

const PLENTY: u64 = 1 << 30;

/// The scheduler of another node.
fn other() -> Arc<Wallet> {
    Arc::new(Wallet::ed25519_from_seed([5; 32]).unwrap())
}

/// A process that the other node schedules, one for each name.
fn process(name: &str) -> Item {
    process_of(name, &[&other().address().to_string()])
}

fn process_of(name: &str, schedulers: &[&str]) -> Item {
    let item = ItemBuilder::new().tag("Type", "Process").tag("Scheduler", schedulers.join(","));
    item.data(name).sign(&client()).unwrap()
}

fn assign(signer: &Arc<Wallet>, process: &Id, slot: u64, message: &Item, chain: ChainValue) -> Scheduled {
    let id = message.id();
    let draft =
        Draft { process, message: &id, path: DEFAULT_PATH, slot, chain, timestamp: 1_000 + slot, block: &Block::NONE };
    let assignment = draft.sign(&Template::new(Arc::clone(signer) as _, None, None)).unwrap();
    Scheduled { assignment, message: message.clone() }
}

/// The first `count` slots of a process, which has slot 0 itself.
fn schedule_of(process: &Item, count: u32) -> Vec<Scheduled> {
    schedule_by(
        &other(),
        process,
        (0..count).map(|n| if n == 0 { process.clone() } else { message_for(process.id(), n) }),
    )
}

fn schedule_by(signer: &Arc<Wallet>, process: &Item, messages: impl Iterator<Item = Item>) -> Vec<Scheduled> {
    let mut chain = Chain::EMPTY;
    let assign = |(slot, message): (u64, Item)| {
        let value = chain.next(&message.id());
        chain = Chain::after(value);
        assign(signer, &process.id(), slot, &message, value)
    };
    (0..).zip(messages).map(assign).collect()
}

fn cache(store: Arc<dyn Store>, max_bytes: u64) -> ForeignSchedules {
    ForeignSchedules::new(AssignmentStore::new(store), max_bytes)
}

fn keep(cache: &ForeignSchedules, process: &Item, slots: &[Scheduled]) -> Result<Kept, ForeignError> {
    cache.keep(&Authority::of(process).unwrap(), slots)
}

fn read(cache: &ForeignSchedules, process: &Item, slots: Range<u64>) -> Vec<u64> {
    let read = cache.read(&process.id(), slots, 1000, usize::MAX).unwrap();
    read.iter().map(|scheduled| scheduled.assignment.slot()).collect()
}

fn bytes_of(slots: &[Scheduled]) -> u64 {
    // Key and header of each entry come on top of its items.
    slots.iter().map(|scheduled| scheduled.size() as u64 + 60).sum()
}

fn unverified(result: Result<Kept, ForeignError>) -> (u64, Unverified) {
    match result {
        Err(ForeignError::Unverified { slot, reason }) => (slot, reason),
        other => panic!("{other:?}"),
    }
}

fn nothing_below(store: &Arc<dyn Store>, group: &str) -> bool {
    let group = slotbench_core::Key::parse(group).unwrap();
    store.scan(&group, &group, 1).unwrap().is_empty()
}

#[test]
fn verified_slots_are_read_back_contiguously_and_survive() {
    let store = memory();
    let (process, slots) = (process("a"), schedule_of(&process("a"), 8));
    let cached = cache(Arc::clone(&store), PLENTY);
    assert_eq!(keep(&cached, &process, &slots[..3]).unwrap(), Kept { stored: 3, known: 0 });
    assert_eq!(keep(&cached, &process, &slots[5..]).unwrap(), Kept { stored: 3, known: 0 });
    assert_eq!(keep(&cached, &process, &slots[2..4]).unwrap(), Kept { stored: 1, known: 1 });
    let reopened = cache(Arc::clone(&store), PLENTY);
    for cache in [&cached, &reopened] {
        assert_eq!(read(cache, &process, 0..u64::MAX), [0, 1, 2, 3]);
        assert_eq!(read(cache, &process, 2..3), [2]);
        assert_eq!(read(cache, &process, 5..u64::MAX), [5, 6, 7]);
        assert_eq!(read(cache, &process, 4..u64::MAX), [0_u64; 0]);
        assert_eq!(read(cache, &process, 3..3), [0_u64; 0]);
        assert_eq!(cache.definition(&process.id()).unwrap(), Some(process.clone()));
    }
    let found = reopened.read(&process.id(), 0..2, 1000, usize::MAX).unwrap();
    assert_eq!(found[1].message, slots[1].message);
    assert_eq!(found[1].assignment.item(), slots[1].assignment.item());
    assert!(nothing_below(&store, "assignments") && nothing_below(&store, "data"), "the node's own part is untouched");
    // Limits in slots and bytes; the first slot comes whatever its size.
    assert_eq!(reopened.read(&process.id(), 0..9, 2, usize::MAX).unwrap().len(), 2);
    assert_eq!(reopened.read(&process.id(), 0..9, 9, 0).unwrap().len(), 1);
}

#[test]
fn s4_hits_and_misses_are_counted_as_scripted() {
    let (process, slots) = (process("a"), schedule_of(&process("a"), 6));
    let cache = cache(memory(), PLENTY);
    keep(&cache, &process, &slots).unwrap();
    read(&cache, &process, 0..4);
    read(&cache, &process, 4..9);
    read(&cache, &process, 7..9);
    read(&cache, &process, 3..3);
    let bad = schedule_by(&Arc::new(client()), &process, [message_for(process.id(), 9)].into_iter());
    assert!(keep(&cache, &process, &bad).is_err());
    let counters = cache.counters();
    assert_eq!((counters.hits, counters.misses), (4 + 2, 2));
    assert_eq!((counters.stored, counters.refused, counters.evicted, counters.processes), (6, 1, 0, 1));
    assert!(counters.bytes > bytes_of(&slots) - 60 && counters.bytes < bytes_of(&slots) * 2);
}

#[test]
fn s4_nothing_unverified_is_ever_cached() {
    let store = memory();
    let cache = cache(Arc::clone(&store), PLENTY);
    let (process, other_process) = (process("a"), process("b"));
    let id = process.id();
    let sound = schedule_of(&process, 4);
    let refused = |slots: &[Scheduled]| {
        let refused = unverified(keep(&cache, &process, slots));
        assert!(nothing_below(&store, "foreign"), "all slots or none");
        refused
    };
    let with = |slot: usize, change: &dyn Fn(&mut Scheduled)| {
        let mut slots = sound.clone();
        change(&mut slots[slot]);
        slots
    };
    let value = |slot: usize| sound[slot].assignment.chain();
    // Somebody else signed it: a stranger, or the node itself.
    for signer in [Arc::new(client()), wallet()] {
        let forged = with(2, &|slot| *slot = assign(&signer, &id, 2, &sound[2].message, value(2)));
        assert_eq!(refused(&forged), (2, Unverified::Signer(signer.address())));
    }
    let unsigned_assignment = with(2, &|slot| {
        let tags: Vec<_> = slot.assignment.item().tags().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
        let item = tags.into_iter().fold(ItemBuilder::new(), |item, (name, value)| item.tag(name, value));
        slot.assignment = Assignment::parse(item.sign(&NoSigner).unwrap()).unwrap();
    });
    assert!(matches!(refused(&unsigned_assignment), (2, Unverified::Signer(_))));
    // Assignment and message were altered on the way; neither has another id for that.
    let altered_assignment = with(3, &|slot| {
        let altered = altered(slot.assignment.item(), b"1003", b"1004");
        slot.assignment = Assignment::parse(altered).unwrap();
    });
    assert_eq!(refused(&altered_assignment), (3, Unverified::Assignment(VerifyError::Invalid)));
    let altered_message = with(3, &|slot| slot.message = altered(&slot.message, b"message 3", b"message 4"));
    assert_eq!(refused(&altered_message), (3, Unverified::MessageSignature(VerifyError::Invalid)));
    // Message, process and slot do not belong together.
    let swapped = with(1, &|slot| slot.message = sound[2].message.clone());
    let given = sound[2].message.id();
    assert_eq!(refused(&swapped), (1, Unverified::Message { assigned: sound[1].message.id(), given }));
    let elsewhere = with(1, &|slot| *slot = schedule_of(&other_process, 2).remove(1));
    assert_eq!(refused(&elsewhere), (1, Unverified::Process(other_process.id())));
    let stray = message_for(other_process.id(), 7);
    let strayed =
        with(1, &|slot| *slot = assign(&other(), &id, 1, &stray, sound[0].assignment.chain().then(&stray.id())));
    assert_eq!(refused(&strayed), (1, Unverified::Target(other_process.id())));
    let anonymous = ItemBuilder::new().target(id).tag("type", "Message").sign(&NoSigner).unwrap();
    let unsigned = with(1, &|slot| *slot = assign(&other(), &id, 1, &anonymous, value(1)));
    assert_eq!(refused(&unsigned), (1, Unverified::MessageSignature(VerifyError::Unsigned)));
    // The chain does not follow: at the start, in the middle.
    let broken_start = with(0, &|slot| *slot = assign(&other(), &id, 0, &process, value(1)));
    assert_eq!(refused(&broken_start), (0, Unverified::Chain));
    let broken = with(2, &|slot| *slot = assign(&other(), &id, 2, &sound[2].message, value(3)));
    assert_eq!(refused(&broken), (2, Unverified::Chain));
    assert_eq!(keep(&cache, &process, &sound).unwrap().stored, 4);
}

/// The same item with some of its bytes changed, and with its id.
fn altered(item: &Item, from: &[u8], to: &[u8]) -> Item {
    let mut bytes = item.as_bytes().to_vec();
    let at = bytes.windows(from.len()).rposition(|text| text == from).unwrap();
    bytes[at..at + to.len()].copy_from_slice(to);
    let altered = Item::parse(bytes.into()).unwrap();
    assert_eq!(altered.id(), item.id());
    altered
}

#[test]
fn chains_are_checked_against_cached_neighbours_too() {
    let (process, slots) = (process("a"), schedule_of(&process("a"), 6));
    let id = process.id();
    let cache = cache(memory(), PLENTY);
    keep(&cache, &process, &slots[..2]).unwrap();
    keep(&cache, &process, &slots[4..5]).unwrap();
    let wrong = ChainValue::first(&id);
    let behind_cached = assign(&other(), &id, 2, &slots[2].message, wrong);
    assert_eq!(unverified(keep(&cache, &process, &[behind_cached])), (2, Unverified::Chain));
    let ahead_of_cached = assign(&other(), &id, 3, &slots[3].message, wrong);
    assert_eq!(unverified(keep(&cache, &process, &[ahead_of_cached])), (4, Unverified::Chain));
    // In any order, and whatever is given twice.
    let mixed = [slots[3].clone(), slots[2].clone(), slots[3].clone(), slots[1].clone()];
    assert_eq!(keep(&cache, &process, &mixed).unwrap(), Kept { stored: 2, known: 2 });
    assert_eq!(read(&cache, &process, 0..9), [0, 1, 2, 3, 4]);
}

#[test]
fn a_seam_of_the_reference_node_is_no_break() {
    let process = process("a");
    let (first, second) = (message_for(process.id(), 1), message_for(process.id(), 2));
    let value = ChainValue::first(&first.id());
    let text = [value.text().as_bytes().as_slice(), second.id().text().as_bytes()].concat();
    let seam = ChainValue::from(slotbench_core::hash::sha256(&[&text]));
    let slots = [assign(&other(), &process.id(), 0, &first, value), assign(&other(), &process.id(), 1, &second, seam)];
    assert_eq!(keep(&cache(memory(), PLENTY), &process, &slots).unwrap().stored, 2);
}

#[test]
fn two_assignments_of_one_slot_are_a_conflict() {
    let (process, slots) = (process("a"), schedule_of(&process("a"), 3));
    let rival = message_for(process.id(), 99);
    let value = slots[1].assignment.chain().then(&rival.id());
    let rival = assign(&other(), &process.id(), 2, &rival, value);
    let conflict = |result: Result<Kept, ForeignError>| match result {
        Err(ForeignError::Conflict { slot: 2, cached, given, .. }) => (cached, given),
        other => panic!("{other:?}"),
    };
    let ids = (slots[2].assignment.id(), rival.assignment.id());
    let cache = cache(memory(), PLENTY);
    assert_eq!(conflict(keep(&cache, &process, &[slots[2].clone(), rival.clone()])), ids);
    keep(&cache, &process, &slots).unwrap();
    assert_eq!(conflict(keep(&cache, &process, &[rival])), ids);
    let kept = cache.read(&process.id(), 2..3, 1, usize::MAX).unwrap();
    assert_eq!(kept[0].assignment.id(), ids.0, "the first one stays");
}

#[test]
fn an_authority_is_a_verified_definition_with_schedulers() {
    let of = |item: &Item| Authority::of(item).map(|authority| authority.schedulers().to_vec());
    assert_eq!(of(&process("a")), Ok(vec![other().address()]));
    let two = process_of("two", &[&format!("{}?hint=https://su", other().address()), &client().address().to_string()]);
    assert_eq!(of(&two), Ok(vec![other().address(), client().address()]));
    let forged = altered(&process("a"), b"a", b"b");
    let reason = VerifyError::Invalid;
    assert_eq!(of(&forged), Err(AuthorityError::Signature { process: forged.id(), reason }));
    let nobody = process_of("nobody", &["nobody"]);
    assert_eq!(of(&nobody), Err(AuthorityError::NoScheduler(nobody.id())));
    let message = message_for(nobody.id(), 1);
    assert_eq!(of(&message), Err(AuthorityError::NotAProcess(message.id())));
}

#[test]
fn c084_eviction_removes_foreign_assignments_only() {
    let store = memory();
    let scheduler = Arc::new(Scheduler::new(Arc::clone(&store), config()).unwrap());
    let own = process_of("own", &[&wallet().address().to_string()]);
    let operations = Operations::new(Arc::clone(&scheduler), Policies::default());
    wait(operations.schedule(&Request::post(own.clone()))).unwrap();
    let processes = ["a", "b", "c"].map(process);
    let schedules = processes.each_ref().map(|process| schedule_of(process, 20));
    // A message on an own schedule and on a foreign one, stored once for each.
    let shared = schedules[0][3].message.clone();
    wait(scheduler.schedule_on(own.id(), shared.clone(), Default::default())).unwrap();
    let room = bytes_of(&schedules[0]) * 5 / 2;
    let cache = cache(Arc::clone(&store), room);
    keep(&cache, &processes[0], &schedules[0]).unwrap();
    keep(&cache, &processes[1], &schedules[1]).unwrap();
    // The first was used last: the second makes room for the third.
    read(&cache, &processes[0], 0..1);
    keep(&cache, &processes[2], &schedules[2]).unwrap();
    assert_eq!([0, 1, 2].map(|n: usize| read(&cache, &processes[n], 0..99).len()), [20, 0, 20]);
    assert_eq!(cache.definition(&processes[1].id()).unwrap(), None);
    let counters = cache.counters();
    assert_eq!((counters.evicted, counters.processes), (20, 2));
    assert!(counters.bytes <= room);
    // Its bookkeeping is rebuilt from the store, and finds the same.
    let reopened = ForeignSchedules::new(scheduler.assignments().clone(), room);
    assert_eq!(keep(&reopened, &processes[0], &schedules[0][..1]).unwrap(), Kept { stored: 0, known: 1 });
    assert_eq!((reopened.counters().bytes, reopened.counters().processes), (counters.bytes, 2));
    for (process, slots) in processes.iter().zip(&schedules).cycle().take(7) {
        keep(&reopened, process, slots).unwrap();
        assert!(reopened.counters().bytes <= room);
    }
    assert_sound(&scheduler, &own.id(), 2);
    assert_eq!(scheduler.assignments().item(&shared.id()).unwrap(), Some(shared));
}

#[test]
fn a_process_that_fills_the_cache_alone_starts_over() {
    let (process, slots) = (process("a"), schedule_of(&process("a"), 30));
    let cache = cache(memory(), bytes_of(&slots) / 2);
    for page in slots.chunks(10) {
        keep(&cache, &process, page).unwrap();
        assert!(cache.counters().bytes <= bytes_of(&slots) / 2);
    }
    assert_eq!(read(&cache, &process, 20..99).len(), 10);
    assert_eq!(read(&cache, &process, 0..99).len(), 0);
    assert_eq!(cache.definition(&process.id()).unwrap(), Some(process.clone()));
    assert!(matches!(keep(&cache, &process, &slots), Err(ForeignError::TooLarge { .. })));
    let none = self::cache(memory(), 0);
    assert!(matches!(keep(&none, &process, &slots[..1]), Err(ForeignError::TooLarge { limit: 0, .. })));
}

#[test]
fn damaged_entries_count_as_not_cached_and_are_cached_anew() {
    let store = memory();
    let (process, slots) = (process("a"), schedule_of(&process("a"), 4));
    let cache = cache(Arc::clone(&store), PLENTY);
    keep(&cache, &process, &slots).unwrap();
    let put = |slot, bytes: Vec<u8>| {
        let mut batch = Batch::new();
        batch.put(foreign_slot_key(&process.id(), slot), bytes.into());
        store.apply(&batch, Durability::Memory).unwrap();
    };
    let Some(Entry::Value(third)) = store.get(&foreign_slot_key(&process.id(), 3)).unwrap() else { panic!() };
    for damage in [Vec::new(), vec![1, 0xFF, 0xFF, 0xFF, 0xFF], third[..40].to_vec(), third.to_vec()] {
        put(2, damage);
        assert_eq!(read(&cache, &process, 0..9), [0, 1]);
        assert_eq!(keep(&cache, &process, &slots).unwrap(), Kept { stored: 1, known: 3 });
        assert_eq!(read(&cache, &process, 0..9), [0, 1, 2, 3]);
    }
}

#[test]
fn after_a_failed_batch_usage_is_counted_anew() {
    let store = Hooked::new(memory(), |n| if n == 1 { Err(broken_disk()) } else { Ok(()) });
    let (process, slots) = (process("a"), schedule_of(&process("a"), 4));
    let cached = cache(Arc::clone(&store) as _, PLENTY);
    keep(&cached, &process, &slots[..2]).unwrap();
    let before = cached.counters().bytes;
    assert!(matches!(keep(&cached, &process, &slots), Err(ForeignError::Storage(_))));
    keep(&cached, &process, &slots[..1]).unwrap();
    assert_eq!(cached.counters().bytes, before);
    let scans = store.reads.load(Ordering::SeqCst);
    keep(&cached, &process, &slots).unwrap();
    assert!(store.reads.load(Ordering::SeqCst) - scans < 20, "counted once, not for each call");
}

/// A node that another one's scheduler is foreign to.
fn node() -> Operations {
    let network = Network { max_foreign_bytes: PLENTY, ..Network::default() };
    Operations::among(Arc::new(Scheduler::new(memory(), config()).unwrap()), Policies::default(), network)
}

#[test]
fn s4_own_schedules_are_never_overwritten_by_remote_data() {
    let node = node();
    let own = process_of("own", &[&wallet().address().to_string()]);
    let ours = |result: Result<Kept, ForeignError>| matches!(result, Err(ForeignError::Ours(id)) if id == own.id());
    let remote = schedule_by(&wallet(), &own, [own.clone(), message_for(own.id(), 9)].into_iter());
    // Signed by this node's own key, and not by this node: before it has a schedule, and after.
    assert!(ours(node.keep(&own.id(), Some(&own), &remote)));
    wait(node.schedule(&Request::post(own.clone()))).unwrap();
    wait(node.schedule(&Request::post(message_for(own.id(), 1)))).unwrap();
    assert!(ours(node.keep(&own.id(), None, &remote)));
    assert!(ours(node.foreign().keep(&Authority::of(&own).unwrap(), &remote)));
    assert!(node.cached(&own.id(), Slots::ALL, 10).unwrap().is_empty());
    let page = node.read(&Request::about(own.id()), Slots::ALL).unwrap();
    assert_eq!(page.assignments[1].message, message_for(own.id(), 1));
    assert!(node.scheduler().assignments().store().get(&slot_key(&own.id(), 2)).unwrap().is_none());
}

#[test]
fn a_process_known_from_the_cache_is_elsewhere_without_a_hint() {
    let node = node();
    let (process, slots) = (process("a"), schedule_of(&process("a"), 4));
    let about = Request::about(process.id());
    assert!(matches!(node.slot(&about), Err(OperationError::UnknownProcess(_))));
    let unknown = node.keep(&process.id(), None, &slots[1..]);
    assert!(matches!(unknown, Err(ForeignError::Authority(AuthorityError::Unknown(id))) if id == process.id()));
    // Slot 0 brings the definition along; another process's does not help.
    let other_process = self::process("b");
    assert!(node.keep(&process.id(), Some(&other_process), &slots[1..]).is_err());
    assert_eq!(node.keep(&process.id(), None, &slots[..2]).unwrap().stored, 2);
    assert_eq!(node.keep(&process.id(), None, &slots[2..]).unwrap().stored, 2);
    for answer in [node.slot(&about).map(drop), node.read(&about, Slots::ALL).map(drop)] {
        let Err(OperationError::Elsewhere(found)) = answer else { panic!() };
        let Elsewhere { process: id, hint: None, schedulers, .. } = *found else { panic!() };
        assert_eq!((id, schedulers[0].value), (process.id(), other().address()));
    }
    assert_eq!(node.cached(&process.id(), Slots::from(1), 2).unwrap().len(), 2);
    assert_eq!(node.scheduler().assignments().processes().unwrap(), []);
}

/// A legacy assignment as the legacy scheduler makes them.
fn legacy_item(process: &Id, nonce: u8, message: Option<&Id>, chain: ChainValue) -> Item {
    let item = ItemBuilder::new()
        .anchor([nonce; 32])
        .tag("Process", process.to_string())
        .tag("Epoch", "0")
        .tag("Nonce", nonce.to_string())
        .tag("Hash-Chain", chain.to_string())
        .tag("Block-Height", "000001234567")
        .tag("Timestamp", (1_700_000_000_000 + u64::from(nonce)).to_string())
        .tag("Data-Protocol", "ao")
        .tag("Type", "Assignment")
        .tag("Variant", "ao.TN.1");
    message.into_iter().fold(item, |item, id| item.tag("Message", id.to_string())).sign(&*other()).unwrap()
}

/// The first slots of a legacy schedule; the process is nonce 0 of itself.
fn legacy_schedule(process: &Item, count: u8) -> Vec<Scheduled> {
    let mut before: Option<Assignment> = None;
    let assign = |nonce: u8| {
        let first = || legacy::first(&process.id());
        let chain = before.as_ref().map_or_else(first, |before| legacy::next(&before.id(), before.chain()));
        let message = if nonce == 0 { process.clone() } else { message_for(process.id(), nonce.into()) };
        let named = (nonce > 0).then(|| message.id());
        let assignment = Assignment::parse(legacy_item(&process.id(), nonce, named.as_ref(), chain)).unwrap();
        before = Some(assignment.clone());
        Scheduled { assignment, message }
    };
    (0..count).map(assign).collect()
}

#[test]
fn c072_a_stored_legacy_assignment_is_normalised_on_read() {
    let process = process("legacy");
    let store = AssignmentStore::new(memory());
    for Scheduled { assignment, message } in legacy_schedule(&process, 3) {
        store.write(&message, &assignment, Durability::Memory).unwrap();
    }
    let read = store.read(&process.id(), 2).unwrap().unwrap();
    let assignment = &read.assignment;
    assert!(assignment.item().tag("slot").is_none());
    assert_eq!((assignment.slot(), assignment.epoch(), assignment.timestamp()), (2, 0, 1_700_000_000_002));
    assert_eq!(assignment.block(), &Block { height: 1_234_567, ..Block::NONE });
    assert_eq!(assignment.block().hash.as_bytes(), [0; 32]);
    assert!(assignment.is_normalised());
    // The process's own assignment names no message: it is the process.
    assert_eq!(store.read(&process.id(), 0).unwrap().unwrap().message, process);
    // The check follows the legacy chain, and sees where it breaks.
    let check = store.check(&process.id(), Default::default()).unwrap();
    assert_eq!((check.slots, check.wrong), (3, 0), "{:?}", check.findings);
    let broken = legacy_item(&process.id(), 3, Some(&process.id()), ChainValue::first(&process.id()));
    store.write(&process, &Assignment::parse(broken).unwrap(), Durability::Memory).unwrap();
    assert_eq!(store.check(&process.id(), Default::default()).unwrap().wrong, 1);
    // A native one is as it was signed.
    let native = schedule_of(&process, 1).remove(0);
    assert!(!native.assignment.is_normalised());
    assert_eq!(native.assignment.epoch(), 0);
    assert_eq!(native.assignment.item().tag("epoch"), Some(&b"0"[..]));
}

#[test]
fn c073_normalisation_leaves_the_body_alone_and_the_original_verifies() {
    let process = process("legacy");
    let body = ItemBuilder::new()
        .target(process.id())
        .tag("Type", "Message")
        .tag("Nonce", "not a number")
        .tag("Timestamp", "yesterday")
        .tag("Epoch", "")
        .sign(&client())
        .unwrap();
    let original = legacy_item(&process.id(), 0, Some(&body.id()), legacy::first(&process.id()));
    let store = AssignmentStore::new(memory());
    let assignment = Assignment::parse(original.clone()).unwrap();
    store.write(&body, &assignment, Durability::Memory).unwrap();
    let read = store.read(&process.id(), 0).unwrap().unwrap();
    assert_eq!(read.message.as_bytes(), body.as_bytes());
    assert_eq!(read.assignment.item().as_bytes(), original.as_bytes());
    assert_eq!(read.assignment.item().verify(), Ok(()));
    assert_eq!(read.assignment.item().tag("nonce"), Some(&b"0"[..]));
}

#[test]
fn legacy_schedules_are_cached_by_their_own_chain_rule() {
    let (process, slots) = (process("legacy"), legacy_schedule(&process("legacy"), 5));
    let cache = cache(memory(), PLENTY);
    keep(&cache, &process, &slots[..2]).unwrap();
    let chain = legacy::next(&slots[0].assignment.id(), slots[1].assignment.chain());
    let wrong = legacy_item(&process.id(), 2, Some(&slots[2].message.id()), chain);
    let wrong = Scheduled { assignment: Assignment::parse(wrong).unwrap(), message: slots[2].message.clone() };
    assert_eq!(unverified(keep(&cache, &process, &[wrong])), (2, Unverified::Chain));
    keep(&cache, &process, &slots[2..]).unwrap();
    assert_eq!(read(&cache, &process, 0..9), [0, 1, 2, 3, 4]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is kept and evicted in whatever order: what is read is what was signed, and the budget holds.
    #[test]
    fn a_cache_holds_some_of_what_it_was_given(
        steps in prop::collection::vec((0_usize..3, 0_usize..8, 1_usize..8, any::<bool>()), 1..25),
        budget in 3_000_u64..30_000,
    ) {
        let store = memory();
        let processes = ["a", "b", "c"].map(process);
        let schedules = processes.each_ref().map(|process| schedule_of(process, 8));
        let mut cache = cache(Arc::clone(&store), budget);
        for (which, from, count, reopen) in steps {
            if reopen {
                cache = self::cache(Arc::clone(&store), budget);
            }
            let slots = &schedules[which][from..(from + count).min(8)];
            match keep(&cache, &processes[which], slots) {
                Ok(kept) => {
                    prop_assert_eq!(kept.stored + kept.known, slots.len());
                    let read = cache.read(&processes[which].id(), from as u64..u64::MAX, 99, usize::MAX).unwrap();
                    prop_assert!(read.len() >= slots.len(), "what was just kept is there");
                }
                Err(ForeignError::TooLarge { size, limit }) => prop_assert!(size > limit),
                Err(error) => prop_assert!(false, "{}", error),
            }
            prop_assert!(cache.counters().bytes <= budget);
            for (process, slots) in processes.iter().zip(&schedules) {
                for read in cache.read(&process.id(), 0..9, 9, usize::MAX).unwrap() {
                    let signed = &slots[usize::try_from(read.assignment.slot()).unwrap()];
                    prop_assert_eq!(read.assignment.item(), signed.assignment.item());
                    prop_assert_eq!(&read.message, &signed.message);
                }
            }
        }
    }
}
