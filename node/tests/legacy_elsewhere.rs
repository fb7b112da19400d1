//! The legacy API for processes that another node schedules.

mod support;

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};
use slotbench_core::block::{Block, BlockHash};
use slotbench_core::clock::ManualClock;
use slotbench_core::location::LocationDraft;
use slotbench_core::operations::{Network, Policies, ProcessPolicy};
use slotbench_core::wallet::Wallet;
use slotbench_core::{Config, Durability, Id, Item};
use slotbench_node::remote::Remote;
use slotbench_node::{Node, Protocol};
use support::*;

const START: u64 = 1_700_000_000_000;

/// A node whose clock stands still until it is set.
async fn timed(config: Config, policies: Policies) -> (Site<Node>, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(START));
    let block = Block { height: 1_234_567, hash: BlockHash::network([3; 48]), timestamp: START / 1000 };
    (
        site_with(Protocol::H1, Config { clock: Arc::<ManualClock>::clone(&clock), block, ..config }, policies).await,
        clock,
    )
}

/// Posts a process and `messages` messages to `to`, a second after each other by the clock of the node that schedules them.
async fn fill(to: &Site<Node>, clock: &ManualClock, process: &Item, messages: usize) {
    posted(to, process).await;
    for number in 0..messages {
        clock.set(START + 1000 * (number as u64 + 1));
        posted(to, &message(process.id(), number)).await;
    }
}

fn stored(front: &Site<Node>) -> u64 {
    front.service.operations().foreign().counters().stored
}

/// Every question of the legacy API about a process with three messages.
fn questions(id: Id, assignment: &str) -> Vec<String> {
    let page = format!("/{id}?process-id={id}");
    vec![
        format!("/{id}/latest"),
        format!("/processes/{id}"),
        format!("/{}?process-id={id}", message(id, 1).id()),
        format!("/{assignment}?process-id={id}"),
        page.clone(),
        format!("{page}&limit=2"),
        format!("{page}&from={START}"),
        format!("{page}&to={START}"),
        format!("{page}&from={START}&to={}&limit=1", START + 2000),
        format!("{page}&from={}", START + 3000),
        format!("{page}&from-nonce=-1"),
        format!("{page}&from-nonce=0&to-nonce=2"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn c115_every_question_is_answered_as_the_scheduler_itself_answers_it() {
    for variant in ["ao.N.1", "ao.TN.1"] {
        let (peer, clock) = timed(config(), Policies::default()).await;
        let remote = Remote::new(remote_options());
        let front = front_on(memory(), Network::default(), Arc::clone(&remote)).await;
        let process = process_at(&url(&peer), variant);
        let id = process.id();
        assert_eq!(json(&front.post("/", process.as_bytes().clone()).await)["id"], json!(id.to_string()));
        let empty = front.get(format!("/{id}/latest")).await;
        assert_eq!(empty.status, StatusCode::BAD_REQUEST, "the process alone: {}", text(&empty));
        // By the process itself, not through the front: what it answers, it has asked for.
        for number in 0..3 {
            clock.set(START + 1000 * (number as u64 + 1));
            posted(&peer, &message(id, number)).await;
        }
        let assignment = peer.json(format!("/{id}/schedule")).await["assignments"]["3"]["id"].clone();
        for question in questions(id, assignment.as_str().expect("text")) {
            let expected = peer.json(question.clone()).await;
            assert_eq!(front.json(question.clone()).await, expected, "{variant}: {question}");
        }
        remote.settled().await;
        assert_eq!(stored(&front), 4, "every slot, once");
        let unknown = Id::from_bytes([3; 32]);
        for nothing in [format!("/{unknown}?process-id={id}"), format!("/{unknown}/latest")] {
            let answer = front.get(nothing).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", text(&answer));
        }

        // What is cached is answered without the scheduler; what only the scheduler knows is not.
        let (definition, page) = (format!("/processes/{id}"), format!("/{id}?process-id={id}&from-nonce=1&to-nonce=3"));
        let expected = [peer.json(definition.clone()).await, peer.json(page.clone()).await];
        peer.stop().await;
        assert_eq!([front.json(definition).await, front.json(page).await], expected);
        for question in [format!("/{id}/latest"), format!("/{id}?process-id={id}&from={START}")] {
            let answer = front.get(question.clone()).await;
            assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{question}: {}", text(&answer));
        }
        front.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c107_every_question_is_sent_there_where_redirects_are_not_followed() {
    let (peer, clock) = timed(config(), Policies::default()).await;
    let process = process_at(&url(&peer), "ao.TN.1");
    fill(&peer, &clock, &process, 3).await;
    let front = front(Network { follow_redirects: false, ..Network::default() }, remote_options()).await;
    learn(&front, &process);
    let id = process.id();
    for question in questions(id, &Id::from_bytes([4; 32]).to_string()) {
        let answer = front.get(question.clone()).await;
        assert_eq!(answer.status, StatusCode::TEMPORARY_REDIRECT, "{question}: {}", text(&answer));
        let header = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok());
        assert_eq!((header("location"), header("variant")), (Some(url(&peer).as_str()), Some("ao.TN.1")));
    }
    front.stop().await;
    peer.stop().await;
}

/// Lets a node know a definition, and nothing of where the process is scheduled.
fn learn(front: &Site<Node>, process: &Item) {
    let assignments = front.service.operations().scheduler().assignments();
    assignments.keep_definition(process, Durability::Memory).expect("is kept");
}

/// What a real node answers about its process with three messages, the second of which has that number.
struct Answers {
    id: Id,
    process: Item,
    item: Value,
    slot: Value,
    page: Value,
}

async fn answers(config: Config, second: usize) -> Answers {
    let (site, clock) = timed(config, Policies { processes: ProcessPolicy::Any, ..Policies::default() }).await;
    let process = process();
    let id = process.id();
    posted(&site, &process).await;
    for (index, number) in [0, second, 2].into_iter().enumerate() {
        clock.set(START + 1000 * (index as u64 + 1));
        posted(&site, &message(id, number)).await;
    }
    let answers = Answers {
        id,
        item: site.json(format!("/{}?process-id={id}", message(id, second).id())).await,
        slot: site.json(format!("/{id}/slot")).await,
        page: site.json(format!("/{id}?process-id={id}&from={START}")).await,
        process,
    };
    site.stop().await;
    answers
}

/// A front that knows the process, and takes `peer` for its scheduler.
async fn front_of<S>(process: &Item, peer: &Site<S>, remote: &Arc<Remote>) -> Site<Node> {
    let front = front_on(memory(), Network::default(), Arc::clone(remote)).await;
    learn(&front, process);
    let draft = LocationDraft { url: &url(peer), nonce: 0, time_to_live_ms: 60_000 };
    let record = draft.sign(&*scheduler_wallet()).expect("signs");
    let answer = front.post("/~scheduler@1.0/location", record.as_bytes().clone()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", text(&answer));
    front
}

fn changed(value: &Value, change: impl FnOnce(&mut Value)) -> Value {
    let mut value = value.clone();
    change(&mut value);
    value
}

#[tokio::test(flavor = "multi_thread")]
async fn c111_no_forged_item_is_answered_or_cached() {
    let real = answers(config(), 1).await;
    let somebody = Config { signer: Arc::new(Wallet::ed25519_from_seed([66; 32]).expect("a key")), ..config() };
    let theirs = answers(somebody, 1).await;
    let last = real.page["edges"][2]["node"].clone();
    let cases = [
        ("its own", real.item.clone(), 200),
        ("another signer", theirs.item.clone(), 502),
        ("another item", last.clone(), 502),
        ("another message", changed(&real.item, |item| item["message"] = last["message"].clone()), 502),
        ("content", changed(&real.item, |item| item["message"]["data"] = json!("changed")), 502),
        ("slot", changed(&real.item, |item| item["assignment"]["tags"][6]["value"] = json!("1")), 502),
        ("signature", changed(&real.item, |item| item["assignment"]["signature"] = json!("AAAA")), 502),
        ("by reference", changed(&real.item, |item| item["message"] = Value::Null), 502),
        ("nothing", json!({}), 502),
    ];
    for (what, answer, expected) in cases {
        let body = answer.to_string();
        let peer = peer(move |_| reply(200, body.clone())).await;
        let remote = Remote::new(remote_options());
        let front = front_of(&real.process, &peer, &remote).await;
        let answer = front.get(format!("/{}?process-id={}", message(real.id, 1).id(), real.id)).await;
        assert_eq!(answer.status.as_u16(), expected, "{what}: {}", text(&answer));
        remote.settled().await;
        assert_eq!(stored(&front), u64::from(expected == 200), "{what}");
        if expected == 200 {
            assert_eq!(json(&answer), real.item);
        }
        front.stop().await;
        peer.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c111_an_item_must_follow_from_the_slot_before_it_where_that_is_cached() {
    let (real, other) = (answers(config(), 1).await, answers(config(), 9).await);
    // The first message is the same in both, so is slot 1; the second one is not, so slot 3 has another past.
    let (first, forked) = (real.page["edges"][1]["node"].to_string(), other.page["edges"][2]["node"].to_string());
    let (second, third) = (message(real.id, 1).id(), message(real.id, 2).id());
    let peer =
        peer(move |path| reply(200, if path.contains(&second.to_string()) { first.clone() } else { forked.clone() }));
    let peer = peer.await;
    let remote = Remote::new(remote_options());
    let front = front_of(&real.process, &peer, &remote).await;
    for (id, expected, kept) in [(second, 200, 1), (third, 502, 1)] {
        let answer = front.get(format!("/{id}?process-id={}", real.id)).await;
        assert_eq!(answer.status.as_u16(), expected, "{}", text(&answer));
        remote.settled().await;
        assert_eq!(stored(&front), kept);
    }
    front.stop().await;
    peer.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c111_of_a_page_by_time_what_comes_before_the_first_bad_slot_stands() {
    let (real, other) = (answers(config(), 1).await, answers(config(), 9).await);
    let somebody = Config { signer: Arc::new(Wallet::ed25519_from_seed([66; 32]).expect("a key")), ..config() };
    let theirs = answers(somebody, 1).await;
    assert_eq!(real.page["edges"].as_array().map(Vec::len), Some(3), "slots 1 to 3");
    let with = |index: usize, edge: &Value| changed(&real.page, |page| page["edges"][index] = edge.clone());
    let cases = [
        ("whole", real.page.clone(), "", 3, false),
        ("another signer", with(1, &theirs.page["edges"][1]), "", 1, true),
        ("another past", with(2, &other.page["edges"][2]), "", 2, true),
        ("nothing proven", with(0, &theirs.page["edges"][0]), "", 0, true),
        ("a later time", real.page.clone(), "&to=1700000002000", 2, true),
        ("an earlier time", real.page.clone(), "&from=1700000001000", 0, true),
        ("more than asked for", real.page.clone(), "&limit=2", 2, true),
        ("gap", changed(&real.page, |page| drop(page["edges"].as_array_mut().map(|all| all.remove(1)))), "", 1, true),
        ("empty", json!({ "edges": [] }), "", 0, false),
        ("empty for ever", json!({ "edges": [], "page_info": { "has_next_page": true } }), "", 0, true),
    ];
    for (what, page, bounds, proven, more) in cases {
        let body = page.to_string();
        let peer = peer(move |_| reply(200, body.clone())).await;
        let remote = Remote::new(remote_options());
        let front = front_of(&real.process, &peer, &remote).await;
        let bounds = if bounds.contains("from=") { bounds.to_owned() } else { format!("&from={START}{bounds}") };
        let answer = front.get(format!("/{0}?process-id={0}{bounds}", real.id)).await;
        if proven == 0 && more {
            assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{what}: {}", text(&answer));
        } else {
            let found = json(&answer);
            assert_eq!(found["edges"].as_array().map(Vec::len), Some(proven), "{what}: {found}");
            assert_eq!(found["page_info"]["has_next_page"], json!(more), "{what}");
            for index in 0..proven {
                assert_eq!(found["edges"][index], real.page["edges"][index], "{what}");
            }
        }
        remote.settled().await;
        // What was proven beyond the limit is cached all the same.
        let kept = if what == "more than asked for" { 3 } else { proven };
        assert_eq!(stored(&front), kept as u64, "{what}");
        front.stop().await;
        peer.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c110_of_the_newest_slot_and_the_definition_nothing_forged_is_answered() {
    let real = answers(config(), 1).await;
    let slot = real.slot.to_string();
    for body in ["garbage".to_owned(), "{}".to_owned(), json!({ "process": real.id, "assignments": {} }).to_string()] {
        let slot = slot.clone();
        let peer =
            peer(move |path| reply(200, if path.ends_with("/slot") { slot.clone() } else { body.clone() })).await;
        let remote = Remote::new(remote_options());
        let front = front_of(&real.process, &peer, &remote).await;
        for question in [format!("/{}/latest", real.id), format!("/processes/{}", real.id)] {
            let answer = front.get(question.clone()).await;
            assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{question}: {}", text(&answer));
        }
        assert_eq!(stored(&front), 0);
        front.stop().await;
        peer.stop().await;
    }
}
