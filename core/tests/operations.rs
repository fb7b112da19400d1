//! The scheduler's operations: which process a request is about, and what each key answers.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::sync::Arc;

use slotbench_core::assignments::{data_key, slot_key};
use slotbench_core::block::{Block, BlockHash};
use slotbench_core::clock::ManualClock;
use slotbench_core::item::{Item, ItemBuilder};
use slotbench_core::operations::{
    Base, BaseMessage, DuplicatePolicy, Elsewhere, Hinted, Policies, ProcessPolicy, SchedulePage, Slots, WaitsFor,
};
use slotbench_core::scheduler::SignaturePolicy;
use slotbench_core::wallet::NoSigner;
use slotbench_core::{
    Batch, Config, Durability, Id, Mode, OperationError, Operations, Receipt, Request, ScheduleError, Scheduler,
    Signer, Store,
};
use support::{Gate, Hooked, PROCESS, broken_disk, client, config, memory, message, message_for, wait, wallet};

/// Operations over a store, with the definition policy of a node.
fn over(store: Arc<dyn Store>, config: Config, policies: Policies) -> Operations {
    Operations::new(Arc::new(Scheduler::new(store, config).unwrap()), policies)
}

fn operations() -> Operations {
    over(memory(), config(), Policies::default())
}

/// Operations that take any process: for what does not depend on definitions.
fn lenient(policies: Policies) -> Operations {
    over(memory(), config(), Policies { processes: ProcessPolicy::Any, ..policies })
}

fn process_with(scheduler: &str) -> Item {
    let item = ItemBuilder::new().tag("Type", "Process").tag("Scheduler", scheduler).data("seed");
    item.sign(&client()).unwrap()
}

/// A process that names this node.
fn ours() -> Item {
    process_with(&wallet().address().to_string())
}

fn somebody_else() -> String {
    client().address().to_string()
}

fn post(operations: &Operations, message: Item) -> Result<Receipt, OperationError> {
    wait(operations.schedule(&Request::post(message)))
}

/// Operations with a process of ours and `count` messages on it: slots `0..=count`.
fn with_messages(count: u32) -> (Operations, Id) {
    let operations = operations();
    let process = ours();
    post(&operations, process.clone()).unwrap();
    for n in 0..count {
        post(&operations, message_for(process.id(), n)).unwrap();
    }
    (operations, process.id())
}

/// Bytes of one of the first ten slots, with its message.
fn slot_bytes() -> usize {
    let receipt = post(&lenient(Policies::default()), message(0)).unwrap();
    receipt.assignment.item().as_bytes().len() + message(0).as_bytes().len()
}

fn slots_of(page: &SchedulePage) -> Vec<u64> {
    page.assignments.iter().map(|read| read.assignment.slot()).collect()
}

/// Every way to ask for a process without changing anything; the first error.
fn ask_everything(operations: &Operations, request: &Request) -> Vec<Result<(), OperationError>> {
    vec![
        operations.slot(request).map(drop),
        operations.read(request, Slots::ALL).map(drop),
        operations.read_at_most(request, Slots::ALL, 1).map(drop),
        operations.follow(request, None).map(drop),
        operations.latest(request).map(drop),
        operations.find(request, &PROCESS).map(drop),
        operations.slots_in_time(request, None, None).map(drop),
        operations.process(request).map(drop),
    ]
}

#[test]
fn c018_a_process_key_of_another_process_is_refused_even_if_it_names_us() {
    let operations = operations();
    let (foreign, forged) = (process_with(&somebody_else()), ours());
    let base = Base { message: None, process: Some(forged.clone()) };
    let request = Request { base, ..Request::post(message_for(foreign.id(), 0)) };
    let refused = wait(operations.schedule(&request));
    assert!(matches!(refused, Err(OperationError::OtherProcess { process, given })
        if process == foreign.id() && given == forged.id()));
    let reading = Request { target: Some(foreign.id().to_string()), item: None, ..request };
    assert!(matches!(operations.slot(&reading), Err(OperationError::OtherProcess { .. })));
    assert!(operations.status().processes.is_empty());
}

#[test]
fn c018_a_process_key_with_the_right_id_and_other_content_is_refused() {
    // The id is the hash of the signature: whoever changes the tags keeps the id and breaks the signature.
    let foreign = process_with(&somebody_else());
    let (theirs, mine) = (somebody_else(), wallet().address().to_string());
    let mut bytes = foreign.as_bytes().to_vec();
    let at = bytes.windows(theirs.len()).position(|window| window == theirs.as_bytes()).unwrap();
    bytes[at..at + mine.len()].copy_from_slice(mine.as_bytes());
    let forged = Item::parse(bytes.into()).unwrap();
    assert_eq!(forged.id(), foreign.id());
    let operations = operations();
    for base in [
        Base { message: None, process: Some(forged.clone()) },
        Base { message: Some(BaseMessage::Given(forged)), process: None },
    ] {
        let request = Request { base, ..Request::post(message_for(foreign.id(), 0)) };
        assert!(matches!(wait(operations.schedule(&request)), Err(OperationError::Signature(_))));
    }
    assert!(operations.status().processes.is_empty());
}

#[test]
fn c018_a_process_that_came_with_its_first_message_is_kept() {
    let (store, process) = (memory(), ours());
    let operations = over(Arc::clone(&store), config(), Policies::default());
    let base = Base { message: None, process: Some(process.clone()) };
    let first = Request { base, ..Request::post(message_for(process.id(), 0)) };
    assert_eq!(wait(operations.schedule(&first)).unwrap().slot, 0);
    assert_eq!(operations.slot(&Request::about(process.id())).unwrap().current, Some(0));
    drop(operations);
    let restarted = over(store, config(), Policies::default());
    assert_eq!(post(&restarted, message_for(process.id(), 1)).unwrap().slot, 1);
    assert_eq!(restarted.process(&Request::about(process.id())).unwrap(), process);
}

#[test]
fn c021_the_target_search_follows_its_order_in_each_position() {
    let operations = lenient(Policies::default());
    let process = |seed: u8| {
        let definition = ItemBuilder::new().tag("Type", "Process").data([seed]);
        definition.sign(&client()).unwrap()
    };
    let names = |id: Id| ItemBuilder::new().tag("Process", id.to_string()).sign(&client()).unwrap();
    let plain = ItemBuilder::new().data("neither process nor addressed").sign(&client()).unwrap();
    let (own, key, named, base) = (process(1), process(2), Id::from_bytes([3; 32]), process(4));
    let resolve = |request: &Request| operations.resolve(request).unwrap();

    // Each position decides while all those behind it would say something else.
    let fifth = Request { item: Some(plain.clone()), ..Request::default() };
    assert_eq!(resolve(&fifth), plain.id());
    let fourth = Request { base: Base { message: Some(BaseMessage::Given(base.clone())), process: None }, ..fifth };
    assert_eq!(resolve(&fourth), base.id());
    let mut third = fourth;
    third.base.message = Some(BaseMessage::Given(names(named)));
    assert_eq!(resolve(&third), named);
    third.base.process = Some(key.clone());
    assert_eq!(resolve(&third), key.id());
    third.base.process = None;
    let second = Request { item: Some(own.clone()), ..third };
    assert_eq!(resolve(&second), own.id());
    let first = Request { target: Some(PROCESS.to_string()), ..second.clone() };
    assert_eq!(resolve(&first), PROCESS);
    let addressed = Request { item: Some(message_for(PROCESS, 0)), ..second };
    assert_eq!(resolve(&addressed), PROCESS, "the request's own target");
    assert!(matches!(operations.resolve(&Request::default()), Err(OperationError::NoTarget)));
}

#[test]
fn c021_a_message_knows_its_process_before_the_request_is_asked() {
    let operations = lenient(Policies::default());
    let elsewhere = Id::from_bytes([9; 32]);
    let asks_elsewhere = |body: Item| Request {
        target: Some(elsewhere.to_string()),
        body: Some(body),
        ..Request::post(message_for(elsewhere, 0))
    };
    let process = ours();
    let scheduled = |request: Request| wait(operations.schedule(&request)).unwrap().process;
    assert_eq!(scheduled(asks_elsewhere(process.clone())), process.id(), "a process is its own");
    assert_eq!(scheduled(asks_elsewhere(message(1))), PROCESS, "then comes the target");
    let plain = ItemBuilder::new().data("no target").sign(&client()).unwrap();
    assert_eq!(scheduled(asks_elsewhere(plain)), elsewhere, "then the general search");
    assert!(matches!(wait(operations.schedule(&Request::default())), Err(OperationError::NoMessage)));
}

#[test]
fn a_target_that_is_no_id_is_a_bad_parameter() {
    let operations = operations();
    for bad in ["", "..", "AQEB", "?hint=https://su", &format!("{PROCESS}/")] {
        let answer = operations.slot(&Request::target(bad));
        assert!(matches!(answer, Err(OperationError::Parameter { name: "target", .. })), "{bad}");
    }
}

#[test]
fn c022_an_unknown_process_is_not_found_on_every_key() {
    let operations = operations();
    let unknown = |answer: Result<(), OperationError>| {
        assert!(matches!(answer, Err(OperationError::UnknownProcess(PROCESS))), "{answer:?}");
    };
    unknown(post(&operations, message(0)).map(drop));
    for request in [Request::about(PROCESS), Request::target(PROCESS.to_string())] {
        ask_everything(&operations, &request).into_iter().for_each(unknown);
    }
    assert!(operations.status().processes.is_empty());
}

#[test]
fn c022_a_stored_message_is_no_process() {
    let (operations, process) = with_messages(1);
    let id = message_for(process, 0).id();
    let answers = ask_everything(&operations, &Request::target(id.to_string()));
    assert!(answers.iter().all(|answer| matches!(answer, Err(OperationError::UnknownProcess(_)))), "{answers:?}");
}

#[test]
fn c022_a_process_without_scheduler_is_a_bad_request_on_every_key() {
    let store = memory();
    for definition in [ItemBuilder::new().tag("Type", "Process").sign(&client()).unwrap(), process_with("nobody")] {
        // It got here while any process was taken.
        let lax = Policies { processes: ProcessPolicy::Any, ..Policies::default() };
        post(&over(Arc::clone(&store), config(), lax), definition.clone()).unwrap();
        let operations = over(Arc::clone(&store), config(), Policies::default());
        let none = |answer: Result<(), OperationError>| {
            assert!(matches!(answer, Err(OperationError::NoScheduler(id)) if id == definition.id()), "{answer:?}");
        };
        none(post(&operations, definition.clone()).map(drop));
        none(post(&operations, message_for(definition.id(), 0)).map(drop));
        ask_everything(&operations, &Request::about(definition.id())).into_iter().for_each(none);
    }
}

#[test]
fn a_process_of_others_is_elsewhere_and_says_where() {
    let operations = operations();
    let other = client().address();
    let definition = process_with(&format!("{other}?hint=https://su.example"));
    let base = Base { message: Some(BaseMessage::Given(definition.clone())), process: None };
    let hinted = format!("{}?hint=https://hint.example", definition.id());
    let request = Request { target: Some(hinted), base, ..Request::default() };
    let expected = Elsewhere {
        process: definition.id(),
        hint: Some("https://hint.example".to_owned()),
        schedulers: vec![Hinted { value: other, hint: Some("https://su.example".to_owned()) }],
        variant: "ao.N.1".to_owned(),
    };
    for answer in ask_everything(&operations, &request) {
        assert!(matches!(answer, Err(OperationError::Elsewhere(place)) if *place == expected));
    }
    let unknown = operations.slot(&Request::target(format!("{PROCESS}?hint=https://su")));
    assert!(matches!(unknown, Err(OperationError::Elsewhere(place)) if place.hint.as_deref() == Some("https://su")));
}

#[test]
fn a_hint_does_not_overrule_a_process_of_ours_and_a_list_may_name_us() {
    let operations = operations();
    let definition = process_with(&format!("{}, {}", somebody_else(), wallet().address()));
    post(&operations, definition.clone()).unwrap();
    let report = operations.slot(&Request::target(format!("{}?hint=https://su", definition.id()))).unwrap();
    assert_eq!((report.process, report.current), (definition.id(), Some(0)));
}

#[test]
fn c016_c017_signatures_are_checked_before_anything_is_kept() {
    let operations = operations();
    let unsigned = ItemBuilder::new().tag("Type", "Process").tag("Scheduler", wallet().address().to_string());
    let unsigned = unsigned.sign(&NoSigner).unwrap();
    assert!(matches!(post(&operations, unsigned.clone()), Err(OperationError::Unsigned)));
    let lax = Config { signatures: SignaturePolicy { required: false, verify: true }, ..config() };
    assert_eq!(post(&over(memory(), lax, Policies::default()), unsigned).unwrap().slot, 0);

    let process = ours();
    let mut bytes = message_for(process.id(), 0).as_bytes().to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    let base = Base { message: None, process: Some(process.clone()) };
    let request = Request { base, ..Request::post(Item::parse(bytes.into()).unwrap()) };
    assert!(matches!(wait(operations.schedule(&request)), Err(OperationError::Signature(_))));
    let known = operations.slot(&Request::about(process.id()));
    assert!(matches!(known, Err(OperationError::UnknownProcess(_))), "its definition was not kept either");
}

#[test]
fn c026_disabled_is_said_whatever_the_request() {
    let disabled = over(memory(), Config { mode: Mode::Disabled, ..config() }, Policies::default());
    assert!(matches!(post(&disabled, message(0)), Err(OperationError::Disabled)));
    assert!(matches!(post(&disabled, ours()), Err(OperationError::Disabled)));
}

#[test]
fn a_message_may_have_exactly_the_largest_size() {
    let size = message(0).as_bytes().len();
    for (max_message_bytes, fits) in [(size + 1, true), (size, true), (size - 1, false)] {
        let answer = post(&lenient(Policies { max_message_bytes, ..Policies::default() }), message(0));
        match answer {
            Ok(_) => assert!(fits),
            Err(OperationError::TooLarge { size: found, limit }) => {
                assert!(!fits);
                assert_eq!((found, limit), (size, max_message_bytes));
            }
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn duplicates_are_refused_where_the_policy_says_so() {
    let refuse = Policies { duplicates: DuplicatePolicy::Refuse, ..Policies::default() };
    let operations = lenient(refuse);
    assert_eq!(post(&operations, message(0)).unwrap().slot, 0);
    for _ in 0..2 {
        assert!(matches!(post(&operations, message(0)), Err(OperationError::Duplicate(id)) if id == message(0).id()));
    }
    assert_eq!(post(&operations, message(1)).unwrap().slot, 1);
    let taking = lenient(Policies::default());
    let slots = [0, 1, 2].map(|_| post(&taking, message(0)).unwrap().slot);
    assert_eq!(slots, [0, 1, 2]);
}

#[test]
fn of_many_copies_at_once_one_gets_a_slot_and_a_failed_one_may_be_sent_again() {
    let refuse = Policies { duplicates: DuplicatePolicy::Refuse, processes: ProcessPolicy::Any, ..Policies::default() };
    for mode in [Mode::Local, Mode::Aggressive] {
        let operations = over(memory(), Config { mode, ..config() }, refuse);
        let taken = std::thread::scope(|scope| {
            let copies: Vec<_> = (0..16).map(|_| scope.spawn(|| post(&operations, message(0)).is_ok())).collect();
            copies.into_iter().map(|copy| copy.join().unwrap()).filter(|taken| *taken).count()
        });
        assert_eq!(taken, 1);
        operations.scheduler().drain();
        assert_eq!(operations.slot(&Request::about(PROCESS)).unwrap().current, Some(0));
    }
    let store = Hooked::new(memory(), |apply| if apply == 0 { Err(broken_disk()) } else { Ok(()) });
    let operations = over(store, config(), refuse);
    assert!(matches!(post(&operations, message(0)), Err(OperationError::Failed(ScheduleError::Commit(_)))));
    assert_eq!(post(&operations, message(0)).unwrap().slot, 0);
}

#[test]
fn c042_reading_starts_no_writer_and_writes_nothing() {
    let (operations, process) = with_messages(3);
    let store = Hooked::new(Arc::clone(operations.scheduler().assignments().store()), |_| Ok(()));
    let reader = over(store.clone(), Config { index_messages: true, ..config() }, Policies::default());
    let request = Request::about(process);
    for answer in ask_everything(&reader, &request) {
        assert!(!matches!(answer, Err(error) if !matches!(error, OperationError::NotFound { .. })));
    }
    let mut state = reader.follow(&request, None).unwrap();
    for slot in 0..4 {
        assert_eq!(reader.next(&mut state).unwrap().assignment.slot(), slot);
    }
    assert!(reader.next(&mut state).is_err());
    assert!(reader.status().processes.is_empty());
    assert_eq!(store.applies.load(std::sync::atomic::Ordering::SeqCst), 0);
}

#[test]
fn c099_a_posted_message_is_the_current_slot_in_every_mode() {
    for mode in [Mode::Local, Mode::Aggressive] {
        let process = ours();
        let operations = over(memory(), Config { mode, ..config() }, Policies::default());
        let request = Request::about(process.id());
        let current = || operations.slot(&request).map(|report| report.current);
        let first = post(&operations, process.clone()).unwrap();
        assert_eq!((first.slot, current().unwrap()), (0, Some(0)));
        for n in 0..50 {
            let receipt = post(&operations, message_for(process.id(), n)).unwrap();
            assert_eq!(receipt.assignment.item().tag("slot"), Some(receipt.slot.to_string().as_bytes()));
            assert_eq!(current().unwrap(), Some(receipt.slot));
        }
    }
}

#[test]
fn c099_an_aggressive_answer_is_current_before_it_is_stored() {
    let gate = Arc::new(Gate::default());
    let store = Hooked::new(memory(), {
        let gate = gate.clone();
        move |_| {
            gate.pass();
            Ok(())
        }
    });
    let any = Policies { processes: ProcessPolicy::Any, ..Policies::default() };
    let operations = over(store, Config { mode: Mode::Aggressive, ..config() }, any);
    let request = Request::about(PROCESS);
    assert_eq!(operations.slot(&request).unwrap().current, None);
    assert_eq!(post(&operations, message(0)).unwrap().slot, 0);
    assert_eq!(operations.slot(&request).unwrap().current, Some(0));
    assert!(operations.read(&request, Slots::ALL).unwrap().assignments.is_empty(), "nothing is stored yet");
    gate.open();
}

#[test]
fn c100_slot_tells_height_hash_and_both_times_apart() {
    let block = Block { height: 1_234_567, hash: BlockHash::network([0xA5; 48]), timestamp: 1_700_000_000 };
    let clock = Arc::new(ManualClock::at(1_700_000_123_456));
    let operations = over(memory(), Config { block: block.clone(), clock, ..config() }, Policies::default());
    let process = ours();
    post(&operations, process.clone()).unwrap();
    let report = operations.slot(&Request::about(process.id())).unwrap();
    assert_eq!((report.block, report.timestamp), (block.clone(), 1_700_000_123_456));
    assert_eq!((report.process, report.address), (process.id(), wallet().address()));
    let page = operations.read(&Request::about(process.id()), Slots::ALL).unwrap();
    assert_eq!((page.block, page.timestamp), (block, 1_700_000_123_456));
}

#[test]
fn c101_a_page_has_at_most_exactly_1000_slots_both_bounds_included() {
    let (operations, process) = with_messages(1_001);
    let request = Request::about(process);
    let page = |from, to| operations.read(&request, Slots::within(&(from..=to))).unwrap();
    for (from, to, count, more) in [
        (0, 998, 999, false),
        (0, 999, 1000, false),
        (0, 1000, 1000, true),
        (1, 1000, 1000, false),
        (1, 1001, 1000, true),
    ] {
        let page = page(from, to);
        assert_eq!(page.assignments.len(), count, "{from}..={to}");
        assert_eq!(page.next_from, more.then_some(from + 1000), "{from}..={to}");
    }
    assert_eq!(slots_of(&page(7, 9)), [7, 8, 9]);
    let limited = |limit| operations.read_at_most(&request, Slots::ALL, limit).unwrap().assignments.len();
    assert_eq!([0, 1, 999, 1_000, 5_000].map(limited), [1, 1, 999, 1_000, 1_000]);
}

#[test]
fn c102_a_longer_request_than_the_schedule_does_not_continue() {
    let (operations, process) = with_messages(9);
    let page = operations.read(&Request::about(process), Slots::within(&(0..=5_000))).unwrap();
    assert_eq!((page.assignments.len(), page.continues()), (10, false));
}

#[test]
fn c102_a_page_ends_at_its_bytes_and_holds_at_least_one_slot() {
    let size = slot_bytes();
    for (max_page_bytes, first_page) in [(0, 1), (1, 1), (2 * size - 1, 1), (2 * size, 2), (usize::MAX, 5)] {
        let operations = lenient(Policies { max_page_bytes, ..Policies::default() });
        for n in 0..5 {
            post(&operations, message(n)).unwrap();
        }
        let request = Request::about(PROCESS);
        let page = operations.read(&request, Slots::ALL).unwrap();
        assert_eq!(page.assignments.len(), first_page, "{max_page_bytes} bytes");
        assert_eq!(page.next_from, (first_page < 5).then_some(first_page as u64));
    }
}

#[test]
fn c103_after_11_posts_0_to_10_returns_11_assignments() {
    let (operations, process) = with_messages(10);
    let page = operations.read(&Request::about(process), Slots::parse(Some("0"), Some("10")).unwrap()).unwrap();
    assert_eq!(slots_of(&page), (0..=10).collect::<Vec<_>>());
    assert!(!page.continues());
    assert_eq!(page.assignments[0].message.id(), process);
    assert_eq!(page.assignments[10].message, message_for(process, 9));
}

#[test]
fn c104_reversed_and_distant_ranges_are_empty_and_negative_counts_as_0() {
    let (operations, process) = with_messages(2);
    let page = |from, to| operations.read(&Request::about(process), Slots::parse(from, to).unwrap()).unwrap();
    for (from, to) in [
        (Some("2"), Some("1")),
        (Some("3"), None),
        (Some("99999999999999999999999"), None),
        (None, Some("-1")),
        (Some("18446744073709551615"), Some("18446744073709551615")),
    ] {
        let page = page(from, to);
        assert!(page.assignments.is_empty() && !page.continues(), "{from:?} {to:?}");
    }
    assert_eq!(slots_of(&page(Some("-5"), Some("1"))), [0, 1]);
    assert_eq!(slots_of(&page(Some("-99999999999999999999999"), None)), [0, 1, 2]);
}

#[test]
fn c105_lookahead_serves_consecutive_slots_and_a_miss_reads_once() {
    let store = Hooked::new(memory(), |_| Ok(()));
    let any = Policies { processes: ProcessPolicy::Any, lookahead: 4, ..Policies::default() };
    let operations = over(store.clone(), config(), any);
    for n in 0..10 {
        post(&operations, message(n)).unwrap();
    }
    let mut state = operations.follow(&Request::about(PROCESS), None).unwrap();
    let mut held = Vec::new();
    for slot in 0..10 {
        assert_eq!(operations.next(&mut state).unwrap().assignment.slot(), slot);
        held.push(state.held());
    }
    assert_eq!(held, [3, 2, 1, 0, 3, 2, 1, 0, 1, 0], "four are read at a time, and never more");
    // Nothing waits and nothing runs behind: a miss is one question to the store, asked by the caller itself.
    store.reads.store(0, std::sync::atomic::Ordering::SeqCst);
    for misses in 1..4 {
        assert!(matches!(operations.next(&mut state), Err(OperationError::NotYet { slot: 10, .. })));
        assert_eq!(store.reads.load(std::sync::atomic::Ordering::SeqCst), misses);
    }
    post(&operations, message(10)).unwrap();
    assert_eq!(operations.next(&mut state).unwrap().assignment.slot(), 10);
}

#[test]
fn c105_lookahead_is_bounded_in_bytes() {
    let size = slot_bytes();
    for (max_lookahead_bytes, expected) in [(0, 0), (2 * size - 1, 0), (2 * size, 1), (usize::MAX, 7)] {
        let operations = lenient(Policies { max_lookahead_bytes, ..Policies::default() });
        for n in 0..10 {
            post(&operations, message(n)).unwrap();
        }
        let mut state = operations.follow(&Request::about(PROCESS), None).unwrap();
        operations.next(&mut state).unwrap();
        assert_eq!(state.held(), expected, "{max_lookahead_bytes} bytes");
    }
}

#[test]
fn c106_next_without_lookahead_works_repeatedly() {
    for lookahead in [0, 1] {
        let operations = lenient(Policies { lookahead, ..Policies::default() });
        for n in 0..5 {
            post(&operations, message(n)).unwrap();
        }
        let mut state = operations.follow(&Request::about(PROCESS), Some(1)).unwrap();
        for slot in 2..5 {
            assert_eq!(state.next_slot(), slot);
            assert_eq!(operations.next(&mut state).unwrap().assignment.slot(), slot);
            assert_eq!(state.held(), 0);
            state = operations.checkpoint(state);
        }
        assert!(matches!(operations.next(&mut state), Err(OperationError::NotYet { process: PROCESS, slot: 5 })));
        let beyond = operations.follow(&Request::about(PROCESS), Some(u64::MAX)).unwrap();
        assert!(matches!(operations.next(&mut beyond.clone()), Err(OperationError::NotYet { .. })));
    }
}

#[test]
fn next_tells_a_missing_slot_from_a_damaged_one() {
    let operations = lenient(Policies::default());
    for n in 0..6 {
        post(&operations, message(n)).unwrap();
    }
    let store = operations.scheduler().assignments().store();
    let mut damage = Batch::new();
    damage.delete(slot_key(&PROCESS, 2));
    damage.put(data_key(&message(4).id()), "garbage".into());
    damage.put(slot_key(&PROCESS, 5), "no link".into());
    store.apply(&damage, Durability::Memory).unwrap();
    let request = Request::about(PROCESS);
    let next = |after| operations.next(&mut operations.follow(&request, Some(after)).unwrap());
    assert!(matches!(next(1), Err(OperationError::UnexpectedSlot { expected: 2, found: 3, .. })));
    assert!(matches!(next(3), Err(OperationError::Unreadable { slot: 4, .. })));
    assert!(matches!(next(4), Err(OperationError::Storage(_))));
    assert_eq!(next(2).unwrap().assignment.slot(), 3, "what is damaged further ahead does not matter before its turn");
    let page = operations.read(&request, Slots::within(&(0..=3))).unwrap();
    assert_eq!((slots_of(&page), page.next_from), (vec![0, 1], Some(3)));
    assert!(matches!(operations.read(&request, Slots::from(3)), Err(OperationError::Storage(_))));
}

#[test]
fn c115_a_message_is_found_by_its_own_id_and_by_its_assignments() {
    let indexed = Config { index_messages: true, ..config() };
    let operations = over(memory(), indexed, Policies { processes: ProcessPolicy::Any, ..Policies::default() });
    let other = Id::from_bytes([0xCD; 32]);
    let receipts: Vec<_> = (0..3).map(|n| post(&operations, message(n)).unwrap()).collect();
    post(&operations, message_for(other, 7)).unwrap();
    let find = |process, id| operations.find(&Request::about(process), &id);
    for (slot, receipt) in (0..).zip(&receipts) {
        let by_message = find(PROCESS, message(slot).id()).unwrap();
        let by_assignment = find(PROCESS, receipt.assignment.id()).unwrap();
        assert_eq!(by_message.assignment.id(), receipt.assignment.id());
        assert_eq!(by_assignment.message, message(slot));
    }
    for stranger in [message_for(other, 7).id(), message(99).id(), PROCESS] {
        assert!(matches!(find(PROCESS, stranger), Err(OperationError::NotFound { .. })));
    }
    post(&operations, message(0)).unwrap();
    assert_eq!(find(PROCESS, message(0).id()).unwrap().assignment.slot(), 3, "the last assignment counts");
}

#[test]
fn c115_an_item_that_only_looks_like_an_assignment_is_not_one() {
    let operations = lenient(Policies::default());
    let real = post(&operations, message(0)).unwrap();
    let mut forged = ItemBuilder::new().target(PROCESS).data("forged");
    for (name, value) in real.assignment.item().tags() {
        forged = forged.tag(name, value);
    }
    let forged = forged.sign(&client()).unwrap();
    post(&operations, forged.clone()).unwrap();
    let found = operations.find(&Request::about(PROCESS), &forged.id());
    assert!(matches!(found, Err(OperationError::NotFound { .. })));
}

#[test]
fn c115_legacy_ranges_by_nonce_and_by_time() {
    let clock = Arc::new(ManualClock::at(0));
    let any = Policies { processes: ProcessPolicy::Any, ..Policies::default() };
    let operations = over(memory(), Config { clock: clock.clone(), ..config() }, any);
    for (n, now) in (0..).zip([100, 100, 200, 300, 300]) {
        clock.set(now);
        post(&operations, message(n)).unwrap();
    }
    let request = Request::about(PROCESS);
    let slots = |slots| slots_of(&operations.read(&request, slots).unwrap());
    let nonces = |from, to| slots(Slots::parse_nonces(from, to).unwrap());
    assert_eq!(nonces(Some("-1"), None), [0, 1, 2, 3, 4]);
    assert_eq!(nonces(Some("0"), Some("2")), [1, 2]);
    assert_eq!(nonces(None, Some("0")), [0]);
    let times = |after, to| slots(operations.slots_in_time(&request, after, to).unwrap());
    assert_eq!(times(None, None), [0, 1, 2, 3, 4]);
    assert_eq!(times(Some(100), None), [2, 3, 4]);
    assert_eq!(times(Some(99), Some(200)), [0, 1, 2]);
    assert_eq!(times(Some(300), None), [0_u64; 0]);
    assert_eq!(times(Some(200), Some(100)), [0_u64; 0]);
    let page = operations.read_at_most(&request, Slots::ALL, 2).unwrap();
    assert_eq!((slots_of(&page), page.next_from), (vec![0, 1], Some(2)));
}

#[test]
fn c115_latest_is_the_newest_item_and_the_definition_is_the_process_itself() {
    let (operations, process) = with_messages(3);
    let request = Request::about(process);
    assert_eq!(operations.latest(&request).unwrap().message, message_for(process, 2));
    assert_eq!(operations.process(&request).unwrap(), ours());
    let empty = lenient(Policies::default());
    assert!(matches!(empty.latest(&Request::about(PROCESS)), Err(OperationError::NotYet { slot: 0, .. })));
}

#[test]
fn c118_status_lists_the_address_that_signs_and_the_running_writers() {
    let (operations, process) = with_messages(1);
    let status = operations.status();
    assert_eq!((status.address, status.processes), (wallet().address(), vec![process]));
    let info = operations.info();
    assert_eq!((info.address, info.mode, info.default), (wallet().address(), Mode::Local, None));
    assert!(["schedule", "slot", "status"].iter().all(|key| info.exports.contains(key)));
    assert_eq!(info.excludes, ["set", "keys"]);
}

#[test]
fn a_full_window_and_a_broken_writer_have_answers_of_their_own() {
    let busy: OperationError = ScheduleError::Busy { waiting: 4 }.into();
    assert!(matches!(busy, OperationError::Busy { waiting: 4, waits_for: WaitsFor::Store }));
    let store = Hooked::new(memory(), |_| Err(broken_disk()));
    let any = Policies { processes: ProcessPolicy::Any, ..Policies::default() };
    assert!(matches!(post(&over(store, config(), any), message(0)), Err(OperationError::Failed(_))));
}
