//! Processes that another, live node schedules.

mod support;

use std::sync::Arc;

use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};
use slotbench_core::location::{BaseUrl, LocationDraft};
use slotbench_core::operations::{Network, Policies};
use slotbench_core::{Id, Item, Signer as _};
use slotbench_node::client::{Answer, Call};
use slotbench_node::remote::{Remote, RemoteOptions, trail};
use slotbench_node::{Limits, Node, NodeOptions, Protocol};
use support::*;

const DIALECTS: [&str; 2] = ["ao.N.1", "ao.TN.1"];

/// A process of the node at `peer`, posted there with as many messages.
async fn filled_at(peer: &Site<Node>, variant: &str, messages: usize) -> Item {
    let process = process_at(&url(peer), variant);
    posted(peer, &process).await;
    for number in 0..messages {
        posted(peer, &message(process.id(), number)).await;
    }
    process
}

fn hinted(process: &Item, peer: &BaseUrl) -> String {
    format!("target={}%3Fhint%3D{peer}", process.id())
}

fn slots(page: &Value) -> Vec<u64> {
    let mut slots: Vec<u64> =
        page["assignments"].as_object().expect("by slot").keys().map(|slot| slot.parse().expect("a slot")).collect();
    slots.sort_unstable();
    slots
}

/// The metric of that name and labels.
async fn metric(site: &Site<Node>, name: &str) -> u64 {
    let metrics = text(&site.get("/metrics").await);
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0, |value| value.parse().expect("a count"))
}

#[tokio::test(flavor = "multi_thread")]
async fn c107_clients_are_sent_there_where_redirects_are_not_followed() {
    let peer = site(Protocol::H1).await;
    let process = filled_at(&peer, "ao.TN.1", 1).await;
    let at = url(&peer);
    let front = front(Network { follow_redirects: false, ..Network::default() }, remote_options()).await;
    let hint = hinted(&process, &at);
    let redirect = |answer: &Answer, variant: &str| {
        assert_eq!(answer.status, StatusCode::TEMPORARY_REDIRECT, "{}", text(answer));
        let header = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        assert_eq!((header("location"), header("variant")), (Some(at.to_string()), Some(variant.to_owned())));
        let body = json(answer);
        assert_eq!((&body["location"], &body["variant"]), (&json!(at.to_string()), &json!(variant)));
        assert!(body["error"].as_str().is_some_and(|sentence| sentence.contains(&at.to_string())), "{body}");
    };
    for key in ["slot", "schedule", "next"] {
        // Of the process nothing is known but the hint: the dialect is the native one.
        redirect(&front.get(format!("/~scheduler@1.0/{key}?{hint}")).await, "ao.N.1");
    }
    redirect(&front.post("/~scheduler@1.0/schedule", process.as_bytes().clone()).await, "ao.TN.1");
    redirect(&front.post("/", process.as_bytes().clone()).await, "ao.TN.1");
    let message = message(process.id(), 0).as_bytes().clone();
    redirect(&front.post(format!("/~scheduler@1.0/schedule?{hint}"), message).await, "ao.N.1");
    front.stop().await;

    // The same with a node that has no way to ask.
    let scheduler = Arc::new(
        slotbench_core::Scheduler::new(memory(), {
            let signer = Arc::new(slotbench_core::Wallet::ed25519_from_seed([9; 32]).expect("a key"));
            slotbench_core::Config { signer, ..config() }
        })
        .expect("a scheduler"),
    );
    let operations = Arc::new(slotbench_core::Operations::new(scheduler, Policies::default()));
    let alone = Site::serve(Node::new(operations, NodeOptions::default()), Protocol::H1, Limits::default()).await;
    redirect(&alone.get(format!("/~scheduler@1.0/slot?{hint}")).await, "ao.N.1");
    alone.stop().await;
    peer.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c108_post_slot_and_read_work_in_both_dialects() {
    for variant in DIALECTS {
        let peer = site(Protocol::H1).await;
        let front = front(Network::default(), remote_options()).await;
        let process = process_at(&url(&peer), variant);
        let id = process.id();
        // The definition comes with the POST, and with it where its scheduler is.
        let first = posted(&front, &process).await;
        assert_eq!((&first["slot"], &first["message"]), (&json!(0), &json!(id.to_string())), "{variant}");
        for number in 0..4 {
            let message = message(id, number);
            let assignment = posted(&front, &message).await;
            assert_eq!(assignment["slot"], json!(number + 1));
            assert_eq!(assignment["message"], json!(message.id().to_string()));
            let item = item(&assignment["item"]);
            item.verify().expect("a signature");
            assert_eq!(item.owner_address(), scheduler_wallet().address(), "the other node's");
        }
        let answer = front.get(format!("/{id}/slot")).await;
        assert_eq!(answer.headers.get("cache-control"), Some(&HeaderValue::from_static("no-store")));
        let slot = json(&answer);
        assert_eq!((&slot["current"], &slot["process"]), (&json!(4), &json!(id.to_string())));
        assert_eq!(slot.get("wallet-address"), None, "that is for local processes");

        let theirs = peer.json(format!("/{id}/schedule")).await;
        for (range, expected) in [
            ("", vec![0, 1, 2, 3, 4]),
            ("?from=2&to=2", vec![2]),
            ("?from=4&to=4", vec![4]),
            ("?from=0&to=4", vec![0, 1, 2, 3, 4]),
            ("?from=3", vec![3, 4]),
            ("?from=5", vec![]),
            ("?from=4&to=3", vec![]),
        ] {
            let page = front.json(format!("/{id}/schedule{range}")).await;
            assert_eq!((slots(&page), &page["continues"]), (expected, &json!(false)), "{variant} {range}");
            for (slot, assignment) in page["assignments"].as_object().expect("by slot") {
                assert_eq!(*assignment, theirs["assignments"][slot], "{variant}: the very same items");
            }
        }
        let aos2 = front.json(format!("/{id}/schedule?accept=application/aos-2")).await;
        assert_eq!(aos2["edges"].as_array().map(Vec::len), Some(5));
        let legacy = front.json(format!("/{id}?process-id={id}&from-nonce=1&limit=2")).await;
        let cursors: Vec<_> = legacy["edges"].as_array().expect("edges").iter().map(|edge| &edge["cursor"]).collect();
        assert_eq!((cursors, &legacy["page_info"]["has_next_page"]), (vec![&json!("2"), &json!("3")], &json!(true)));

        let next = front.json(format!("/{id}/next?at-slot=3")).await;
        assert_eq!(next["body"]["slot"], json!(4));
        let none = front.get(format!("/{id}/next?at-slot=4")).await;
        assert_eq!(none.status, StatusCode::NOT_FOUND, "{}", text(&none));
        assert_eq!(front.json("/~scheduler@1.0/status").await["processes"], json!([]), "no writer here");
        front.stop().await;
        peer.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c108_a_location_record_leads_there() {
    let peer = site(Protocol::H1).await;
    let front = front(Network::default(), remote_options()).await;
    let process = process();
    let answer = front.post("/~scheduler@1.0/schedule", process.as_bytes().clone()).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND, "nobody knows where: {}", text(&answer));
    let draft = LocationDraft { url: &url(&peer), nonce: 0, time_to_live_ms: 60_000 };
    let record = draft.sign(&*scheduler_wallet()).expect("signs");
    let answer = front.post("/~scheduler@1.0/location", record.as_bytes().clone()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", text(&answer));
    assert_eq!(posted(&front, &process).await["slot"], json!(0));
    assert_eq!(peer.json(format!("/{}/slot", process.id())).await["current"], json!(0));
    let metrics = text(&front.get("/metrics").await);
    assert!(metrics.contains(r#"slotbench_location_cache{count="hits"} 1"#), "{metrics}");
    front.stop().await;
    peer.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c109_a_hint_is_followed_and_removed_and_a_locally_owned_process_ignores_it() {
    let peer = site(Protocol::H1).await;
    let process = filled_at(&peer, "ao.N.1", 2).await;
    let id = process.id();
    let front = front(Network::default(), remote_options()).await;
    assert_eq!(front.get(format!("/{id}/slot")).await.status, StatusCode::NOT_FOUND, "unknown without a hint");
    let by_target = front.json(format!("/~scheduler@1.0/slot?{}", hinted(&process, &url(&peer)))).await;
    let by_parameter = front.json(format!("/{id}/slot?hint={}", url(&peer))).await;
    for slot in [by_target, by_parameter] {
        assert_eq!((&slot["process"], &slot["current"]), (&json!(id.to_string()), &json!(2)));
    }
    let path = format!("/~scheduler@1.0/schedule?{}", hinted(&process, &url(&peer)));
    assert_eq!(json(&front.post(path, message(id, 9).as_bytes().clone()).await)["slot"], json!(3));
    for bad in ["gopher://su", "http://me:secret@su", "su", "http://su/%23"] {
        let answer = front.get(format!("/{id}/slot?hint={bad}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{bad}: {}", text(&answer));
    }
    front.stop().await;

    // The peer owns the process: a hint to nowhere changes nothing.
    let slot = peer.json(format!("/~scheduler@1.0/slot?target={id}%3Fhint%3Dhttp://127.0.0.1:1")).await;
    assert_eq!(slot["current"], json!(3));

    let deaf = front_without_hints().await;
    let answer = deaf.get(format!("/~scheduler@1.0/slot?{}", hinted(&process, &url(&peer)))).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND, "{}", text(&answer));
    deaf.stop().await;
    peer.stop().await;
}

async fn front_without_hints() -> Site<Node> {
    front(Network { follow_hints: false, ..Network::default() }, remote_options()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn c111_what_was_read_is_cached_and_answers_without_the_other_node() {
    for cache_in_background in [true, false] {
        let peer = site(Protocol::H1).await;
        let process = filled_at(&peer, "ao.N.1", 5).await;
        let id = process.id();
        let remote = Remote::new(remote_options());
        let front =
            front_on(memory(), Network { cache_in_background, ..Network::default() }, Arc::clone(&remote)).await;
        let hint = hinted(&process, &url(&peer));
        let page = front.json(format!("/~scheduler@1.0/schedule?{hint}&from=0&to=3")).await;
        assert_eq!(slots(&page), [0, 1, 2, 3]);
        if cache_in_background {
            remote.settled().await;
        }
        assert_eq!(metric(&front, r#"slotbench_foreign_cache{count="stored"}"#).await, 4);
        let asked = metric(&front, r#"slotbench_remote_operations_total{operation="read",outcome="ok"}"#).await;
        assert_eq!(asked, 1);
        assert_eq!(
            front.json(format!("/{id}/schedule?from=1&to=3")).await["assignments"]["2"],
            page["assignments"]["2"]
        );
        assert_eq!(metric(&front, r#"slotbench_foreign_cache{count="hits"}"#).await, 3);

        // Only the rest is asked for.
        let whole = front.json(format!("/{id}/schedule")).await;
        assert_eq!((slots(&whole), &whole["continues"]), ((0..=5).collect(), &json!(false)));
        remote.settled().await;
        assert_eq!(metric(&front, r#"slotbench_foreign_cache{count="stored"}"#).await, 6);

        peer.stop().await;
        let cached = front.json(format!("/{id}/schedule?from=2&to=5")).await;
        assert_eq!((slots(&cached), &cached["continues"]), (vec![2, 3, 4, 5], &json!(false)));
        // Nobody knows what comes behind the cached part: it is answered, and there may be more.
        let part = front.json(format!("/{id}/schedule?from=4")).await;
        assert_eq!((slots(&part), &part["continues"], &part["next-from"]), (vec![4, 5], &json!(true), &json!(6)));
        let nothing = front.get(format!("/{id}/schedule?from=6")).await;
        assert_eq!(nothing.status, StatusCode::BAD_GATEWAY, "{}", text(&nothing));
        assert!(metric(&front, r#"slotbench_foreign_cache{count="misses"}"#).await > 0);
        front.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c111_without_a_budget_nothing_is_cached_and_everything_answered() {
    let peer = site(Protocol::H1).await;
    let process = filled_at(&peer, "ao.N.1", 2).await;
    let remote = Remote::new(remote_options());
    let front = front_on(memory(), Network { max_foreign_bytes: 0, ..Network::default() }, Arc::clone(&remote)).await;
    for _ in 0..2 {
        let page = front.json(format!("/~scheduler@1.0/schedule?{}", hinted(&process, &url(&peer)))).await;
        assert_eq!(slots(&page), [0, 1, 2]);
    }
    remote.settled().await;
    assert_eq!(metric(&front, r#"slotbench_foreign_cache{count="stored"}"#).await, 0);
    front.stop().await;
    peer.stop().await;
}

/// A page of the other node is cut at 1000 slots; following pages through this one visits every slot once.
#[tokio::test(flavor = "multi_thread")]
async fn c108_following_pages_of_another_node_visits_every_slot_once() {
    let peer = site_with(Protocol::H1, config(), Policies { max_page_bytes: 3000, ..Policies::default() }).await;
    for variant in DIALECTS {
        let process = filled_at(&peer, variant, 12).await;
        let id = process.id();
        let remote = Remote::new(remote_options());
        let front = front_on(memory(), Network::default(), Arc::clone(&remote)).await;
        let first = front.json(format!("/~scheduler@1.0/schedule?{}&to=1", hinted(&process, &url(&peer)))).await;
        assert_eq!(first["continues"], json!(false));
        // What follows gives no hint: the process is known by what was cached.
        remote.settled().await;
        for round in 0..2 {
            let (mut seen, mut from, mut pages) = (Vec::new(), 0, 0);
            loop {
                let page = front.json(format!("/{id}/schedule?from={from}")).await;
                seen.extend(slots(&page));
                pages += 1;
                match page["next-from"].as_u64() {
                    Some(next) => from = next,
                    None => break,
                }
                assert!(pages < 50, "{seen:?}");
            }
            assert_eq!(seen, (0..=12).collect::<Vec<_>>(), "{variant}, round {round}, {pages} pages");
            remote.settled().await;
        }
        front.stop().await;
    }
    peer.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c110_two_nodes_that_take_each_other_for_the_scheduler_end_it() {
    let (one, two) =
        (front(Network::default(), remote_options()).await, front(Network::default(), remote_options()).await);
    // A process that names neither; each is told that the other one has it.
    let process = process();
    for (at, other) in [(&one, &two), (&two, &one)] {
        let draft = LocationDraft { url: &url(other), nonce: 0, time_to_live_ms: 60_000 };
        let record = draft.sign(&*scheduler_wallet()).expect("signs");
        assert_eq!(at.post("/~scheduler@1.0/location", record.as_bytes().clone()).await.status, StatusCode::OK);
    }
    let answer = one.post("/~scheduler@1.0/schedule", process.as_bytes().clone()).await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{}", text(&answer));
    assert!(text(&answer).contains("through this node before"), "{}", text(&answer));

    // A request that has come through too many.
    let names = |count: usize| (0..count).map(|name| name.to_string()).collect::<Vec<_>>().join(", ");
    for (count, expected) in
        [(4, StatusCode::BAD_GATEWAY), (5, StatusCode::LOOP_DETECTED), (6, StatusCode::LOOP_DETECTED)]
    {
        let mut call = Call::post("/~scheduler@1.0/schedule", process.as_bytes().clone());
        call.headers.insert(trail::VIA, HeaderValue::from_str(&names(count)).expect("a value"));
        let answer = one.call(call).await;
        assert_eq!(answer.status, expected, "{count}: {}", text(&answer));
    }
    one.stop().await;
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_clients_share_as_many_connections_as_allowed() {
    let peer = site(Protocol::H1).await;
    let process = filled_at(&peer, "ao.N.1", 1).await;
    let options = RemoteOptions { connections: 3, operations: 100, ..remote_options() };
    let remote = Remote::new(options);
    let front = front_on(memory(), Network::default(), Arc::clone(&remote)).await;
    let path = format!("/~scheduler@1.0/slot?{}", hinted(&process, &url(&peer)));
    let workers: Vec<_> = (0..100)
        .map(|_| {
            let (client, path) = (client(&front.endpoint, 1), path.clone());
            tokio::spawn(async move {
                for _ in 0..5 {
                    assert_eq!(client.send(Call::get(path.clone())).await.expect("an answer").status, StatusCode::OK);
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.expect("no worker fails");
    }
    assert!((1..=3).contains(&remote.opened()), "{} connections", remote.opened());
    assert_eq!(metric(&front, "slotbench_remote_connections_opened").await, remote.opened());
    front.stop().await;
    peer.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn own_schedules_are_never_changed_by_what_others_answer() {
    // The peer has the same key and another schedule of the same process.
    let (peer, own) = (site(Protocol::H1).await, site(Protocol::H1).await);
    let process = filled_at(&peer, "ao.N.1", 3).await;
    posted(&own, &process).await;
    let before = own.json(format!("/{}/schedule", process.id())).await;
    let after = own.json(format!("/~scheduler@1.0/schedule?{}", hinted(&process, &url(&peer)))).await;
    assert_eq!((slots(&after), &after["assignments"]), (vec![0], &before["assignments"]));
    own.stop().await;
    peer.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_other_scheduler_refuses_is_passed_on() {
    let peer = site(Protocol::H1).await;
    let front = front(Network::default(), remote_options()).await;
    let unknown = Id::from_bytes([3; 32]);
    let answer = front.get(format!("/~scheduler@1.0/slot?target={unknown}%3Fhint%3D{}", url(&peer))).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND, "{}", text(&answer));
    assert_eq!(json(&answer)["error"], json!(format!("process {unknown} is not known")));
    front.stop().await;
    peer.stop().await;
}
