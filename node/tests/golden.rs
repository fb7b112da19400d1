//! What is on the wire, byte for byte: the documents in `tests/golden/`, one for each form that is written or read.
//!
//! Keys, clock, block and messages are fixed, and ed25519 signs the same bytes in the same way, so every run makes the same
//! documents. A change of one of them is a change of the protocol, to be written anew with
//! `SLOTBENCH_UPDATE_GOLDEN=1 cargo test --release -p slotbench-node --test golden -- --test-threads=1`.

mod support;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use serde_json::{Value, json};
use slotbench_core::assignment::{Assignment, Variant};
use slotbench_core::assignments::Scheduled;
use slotbench_core::block::{Block, BlockHash};
use slotbench_core::chain::{Step, legacy as legacy_chain};
use slotbench_core::clock::ManualClock;
use slotbench_core::foreign::Authority;
use slotbench_core::item::ItemBuilder;
use slotbench_core::location::{BaseUrl, LocationDraft, LocationRecord};
use slotbench_core::operations::{Network, Operations, Policies, SchedulePage};
use slotbench_core::{Config, Durability, Id, Item, Scheduler, Signer as _};
use slotbench_node::client::Answer;
use slotbench_node::node::Aos2;
use slotbench_node::remote::Remote;
use slotbench_node::wire::legacy::{Cursor, Page};
use slotbench_node::wire::native::ScheduleForm;
use slotbench_node::wire::read::legacy::{self, Body, LegacyPage};
use slotbench_node::wire::read::{ReadLimits, native};
use slotbench_node::wire::{self, gateway, read};
use slotbench_node::{Limits, Node, NodeOptions, Protocol};
use support::*;

const START: u64 = 1_700_000_000_000;

fn path(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden")).join(name)
}

fn golden(name: &str) -> Vec<u8> {
    fs::read(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Holds what is written against the document of that name, or makes it that document.
fn pinned(name: &str, written: &[u8]) {
    if std::env::var_os("SLOTBENCH_UPDATE_GOLDEN").is_some() {
        fs::write(path(name), written).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    assert_eq!(text(written), text(&golden(name)), "{name}: SLOTBENCH_UPDATE_GOLDEN=1 accepts the change");
}

fn block() -> Block {
    Block { height: 1_234_567, hash: BlockHash::network([3; 48]), timestamp: START / 1000 }
}

/// Text, and bytes that are no text, with an anchor and a tag that means something in an assignment.
fn messages(process: Id) -> [Item; 2] {
    let binary =
        builder("Message").target(process).data(vec![0xFF, 0, 1]).anchor([200; 32]).tag("Nonce", "a user's own");
    [message(process, 0), binary.sign(&client_wallet()).expect("signs")]
}

/// A node, whose schedule of one process has three slots, a second apart from each other. Two of them fit into a page.
async fn scheduling(aos2: Aos2) -> (Site<Node>, Arc<ManualClock>, Id) {
    let clock = Arc::new(ManualClock::at(START));
    let config =
        Config { clock: Arc::<ManualClock>::clone(&clock), block: block(), durability: Durability::Memory, ..config() };
    let scheduler = Arc::new(Scheduler::new(memory(), config).expect("a scheduler"));
    let policies = Policies { max_page_bytes: 1800, ..Policies::default() };
    let network = Network { follow_redirects: false, ..Network::default() };
    let operations = Arc::new(Operations::among(scheduler, policies, network));
    let options = NodeOptions { aos2, remote: Some(Remote::new(remote_options())), ..NodeOptions::default() };
    let site = Site::serve(Node::new(operations, options), Protocol::H1, Limits::default()).await;
    let process = process();
    posted(&site, &process).await;
    for (index, message) in messages(process.id()).iter().enumerate() {
        clock.set(START + 1000 * (index as u64 + 1));
        posted(&site, message).await;
    }
    (site, clock, process.id())
}

#[tokio::test(flavor = "multi_thread")]
async fn s4_every_answer_is_byte_for_byte_what_it_was() {
    let (site, clock, id) = scheduling(Aos2::Legacy).await;
    let [text, _] = messages(id);
    for (name, path) in [
        ("native-schedule.json", format!("/{id}/schedule")),
        ("native-schedule-end.json", format!("/{id}/schedule?from=2")),
        ("native-slot.json", format!("/{id}/slot")),
        ("native-next.json", format!("/{id}/next?at-slot=0")),
        ("native-status.json", "/~scheduler@1.0/status".to_owned()),
        ("native-info.json", "/~scheduler@1.0/info".to_owned()),
        ("aos2-schedule.json", format!("/{id}/schedule?accept=application/aos-2&from=1")),
        ("legacy-page-nonce.json", format!("/{id}?process-id={id}&from-nonce=-1&limit=2")),
        ("legacy-page-time.json", format!("/{id}?process-id={id}&from={START}")),
        ("legacy-item.json", format!("/{}?process-id={id}", text.id())),
        ("legacy-process.json", format!("/processes/{id}")),
        ("legacy-time.json", "/timestamp".to_owned()),
        ("legacy-root.json", "/".to_owned()),
    ] {
        let answer = site.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{name}");
        pinned(name, &answer.body);
    }
    let refused = |answer: Answer, status: u16, name: &str| {
        assert_eq!(answer.status.as_u16(), status, "{name}");
        pinned(name, &answer.body);
    };
    refused(site.get(format!("/{}/slot", Id::from_bytes([1; 32]))).await, 404, "failure-unknown.json");
    let elsewhere = process_for("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE?hint=https://su.example");
    let answer = site.post("/~scheduler@1.0/schedule", elsewhere.as_bytes().clone()).await;
    refused(answer, 307, "failure-redirect.json");
    // Everything that posting changes comes last.
    clock.set(START + 3000);
    pinned("legacy-posted.json", &site.post("/", message(id, 3).as_bytes().clone()).await.body);
    let answer = site.post("/~scheduler@1.0/schedule", message(id, 4).as_bytes().clone()).await;
    pinned("native-assignment.json", &answer.body);
    let wish = ItemBuilder::new().tag("type", "scheduler-location").tag("url", "https://su.example");
    let wish = wish.sign(&*scheduler_wallet()).expect("signs");
    pinned("location.json", &site.post("/~scheduler@1.0/location", wish.as_bytes().clone()).await.body);
    site.stop().await;

    let (site, _, id) = scheduling(Aos2::Capital).await;
    let answer = site.get(format!("/{id}/schedule?accept=application/aos-2&from=1")).await;
    pinned("aos2-capital.json", &answer.body);
    site.stop().await;
}

/// Checks slots as those that [`scheduling`] makes, all of them, signatures and chain included.
fn check_scheduled(slots: &[Scheduled]) {
    let process = process();
    let [text, binary] = messages(process.id());
    let authority = Authority::of(&process).expect("a definition");
    assert_eq!(slots.len(), 3);
    let mut before = None;
    for (slot, (scheduled, message)) in slots.iter().zip([process, text, binary]).enumerate() {
        let assignment = &scheduled.assignment;
        authority.check(scheduled).expect("is signed by the scheduler, and by the sender");
        assert_eq!(assignment.check_chain(before), Step::Sound);
        assert_eq!((assignment.slot(), assignment.timestamp()), (slot as u64, START + 1000 * slot as u64));
        assert_eq!((assignment.block(), assignment.variant()), (&block(), Variant::Native));
        assert_eq!(scheduled.message, message);
        before = Some(assignment.link());
    }
}

fn native_page(name: &str) -> native::NativePage {
    native::schedule(&golden(name), ReadLimits::default()).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn legacy_page(name: &str) -> LegacyPage {
    legacy::page(&golden(name), ReadLimits::default()).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn resolved(page: &LegacyPage) -> Vec<Scheduled> {
    assert_eq!(page.cut, None);
    page.entries.iter().map(|entry| entry.scheduled(|_| None).expect("a slot")).collect()
}

fn same(one: &Scheduled, other: &Scheduled) -> bool {
    one.assignment.item() == other.assignment.item() && one.message == other.message
}

#[test]
fn s4_every_variant_is_read_into_the_same_assignments() {
    let (head, end) = (native_page("native-schedule.json"), native_page("native-schedule-end.json"));
    assert_eq!((head.continues, end.continues), (true, false));
    assert_eq!((head.process, &head.block.hash, head.timestamp), (process().id(), &block().hash, START + 2000));
    let all: Vec<_> = head.assignments.into_iter().chain(end.assignments).collect();
    check_scheduled(&all);

    for (name, first, count, continues) in [
        ("aos2-schedule.json", 1, 2, false),
        ("legacy-page-nonce.json", 0, 2, true),
        ("legacy-page-time.json", 1, 2, false),
    ] {
        let page = legacy_page(name);
        let slots = resolved(&page);
        assert_eq!((slots.len(), page.continues), (count, continues), "{name}");
        assert!(slots.iter().zip(&all[first..]).all(|(read, expected)| same(read, expected)), "{name}");
    }
    let item = legacy::item(&golden("legacy-item.json")).expect("an item");
    assert!(same(&item.scheduled(|_| None).expect("a slot"), &all[1]));
    let definition = legacy::process(&golden("legacy-process.json")).expect("a process").item().expect("an item");
    assert_eq!(definition, process());
    // Whoever signed is told by address alone, so there is nothing to verify.
    let capital = legacy_page("aos2-capital.json");
    for (entry, expected) in capital.entries.iter().zip(&all[1..]) {
        assert_eq!((entry.slot, entry.assignment.id), (expected.assignment.slot(), expected.assignment.id()));
        let Body::Message(message) = &entry.body else { panic!("there is a message") };
        assert_eq!((message.id, &message.data[..]), (expected.message.id(), &*expected.message.data()));
        assert!(entry.scheduled(|_| None).is_err());
    }
    assert_eq!(capital.entries.len(), 2);
}

#[test]
fn s4_single_answers_are_read() {
    let slot = native::slot(&golden("native-slot.json")).expect("a slot");
    assert_eq!((slot.process, slot.current, slot.timestamp), (process().id(), Some(2), START + 2000));
    assert_eq!(legacy::posted(&golden("legacy-posted.json")).expect("an id"), message(process().id(), 3).id());
    let assignment = native::assignment(&golden("native-assignment.json")).expect("an assignment");
    assert_eq!((assignment.slot(), assignment.message()), (4, message(process().id(), 4).id()));
    assignment.item().verify().expect("a signature");
    let record = native::record(&golden("location.json")).expect("an item");
    let record = LocationRecord::read(record).expect("a signed record");
    assert_eq!((record.address(), record.nonce()), (scheduler_wallet().address(), 0));
    assert_eq!(record.url().as_str(), "https://su.example");
    for name in ["native-status.json", "failure-unknown.json", "native-info.json"] {
        assert!(matches!(native::slot(&golden(name)), Err(read::ReadError::Json { .. })), "{name}");
    }
}

/// The assignments of a legacy scheduler, with its tags in its order, to the messages of [`scheduling`].
fn legacy_assignments() -> Vec<Scheduled> {
    let process = process();
    let id = process.id();
    let [text, binary] = messages(id);
    let (mut before, mut found) = (None::<(Id, _)>, Vec::new());
    for (nonce, message) in (0_u8..).zip([process, text, binary]) {
        let chain = before
            .map_or_else(|| legacy_chain::first(&id), |(assignment, chain)| legacy_chain::next(&assignment, chain));
        let tags = [
            ("Process", id.to_string()),
            ("Epoch", "0".to_owned()),
            ("Nonce", nonce.to_string()),
            ("Hash-Chain", chain.text().as_str().to_owned()),
            ("Block-Height", "000001234567".to_owned()),
            ("Timestamp", (START + u64::from(nonce)).to_string()),
            ("Data-Protocol", "ao".to_owned()),
            ("Type", "Assignment".to_owned()),
            ("Variant", "ao.TN.1".to_owned()),
        ];
        let mut builder = tags.into_iter().fold(ItemBuilder::new(), |item, (name, value)| item.tag(name, value));
        if message.id() != id {
            builder = builder.tag("Message", message.id().to_string());
        }
        let item = builder.anchor([nonce + 1; 32]).sign(&*scheduler_wallet()).expect("signs");
        before = Some((item.id(), chain));
        found.push(Scheduled { assignment: Assignment::parse(item).expect("an assignment"), message });
    }
    found
}

fn written(form: &impl serde::Serialize) -> Vec<u8> {
    let mut text = Vec::new();
    wire::json::write(&mut text, form).expect("writes");
    text
}

fn page_of(assignments: Vec<Scheduled>) -> SchedulePage {
    SchedulePage { process: process().id(), assignments, next_from: None, timestamp: START, block: block() }
}

#[test]
fn s4_normalised_legacy_assignments_are_rewritten_as_native_byte_for_byte() {
    let theirs = legacy_assignments();
    let page = written(&Page::new(&page_of(theirs.clone()), Cursor::Nonce));
    pinned("foreign-page.json", &page);
    // The last message is assigned by reference, and cursors are numbers, as older schedulers write them.
    let mut by_reference: Value = serde_json::from_slice(&page).expect("JSON");
    by_reference["edges"][2]["node"]["message"] = Value::Null;
    for (index, edge) in by_reference["edges"].as_array_mut().expect("edges").iter_mut().enumerate() {
        edge["cursor"] = json!(index);
    }
    pinned("foreign-page-by-reference.json", by_reference.to_string().as_bytes());

    let authority = Authority::of(&process()).expect("a definition");
    for name in ["foreign-page.json", "foreign-page-by-reference.json"] {
        let entries = legacy_page(name).entries;
        let find = |id: &Id| messages(process().id()).into_iter().find(|message| message.id() == *id);
        let read: Vec<_> = entries.iter().map(|entry| entry.scheduled(find).expect("a slot")).collect();
        let mut before = None;
        for (scheduled, expected) in read.iter().zip(&theirs) {
            assert!(same(scheduled, expected), "{name}");
            authority.check(scheduled).expect("is signed by the scheduler, and by the sender");
            assert_eq!(scheduled.assignment.check_chain(before), Step::Sound);
            assert!(scheduled.assignment.is_normalised());
            before = Some(scheduled.assignment.link());
        }
        pinned("foreign-as-native.json", &written(&ScheduleForm::from(&page_of(read))));
    }
    let again = native_page("foreign-as-native.json");
    assert_eq!(again.assignments.len(), theirs.len());
    assert!(again.assignments.iter().zip(&theirs).all(|(read, expected)| same(read, expected)));
}

#[test]
fn s4_a_gateway_is_asked_in_one_way_and_its_answer_read() {
    let address = scheduler_wallet().address();
    pinned("gateway-question.json", &gateway::question(&address));
    let node = |nonce| {
        let url: BaseUrl = "https://su.example".parse().expect("a url");
        let record =
            LocationDraft { url: &url, nonce, time_to_live_ms: 60_000 }.sign(&*scheduler_wallet()).expect("signs");
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        let tag = |(name, value)| json!({ "name": text(name), "value": text(value) });
        json!({ "node": { "id": record.id(), "anchor": "", "signature": URL_SAFE_NO_PAD.encode(record.signature()),
            "recipient": "", "owner": { "address": address.to_string(), "key": URL_SAFE_NO_PAD.encode(record.owner()) },
            "tags": record.tags().map(tag).collect::<Vec<_>>() } })
    };
    let answer = json!({ "data": { "lower": { "edges": [node(7)] }, "upper": { "edges": [node(3)] } } });
    pinned("gateway-answer.json", answer.to_string().as_bytes());
    let found = gateway::newest(&golden("gateway-answer.json"), &address).expect("an answer").expect("a record");
    assert_eq!(LocationRecord::read(found).expect("a signed record").nonce(), 7);
}
