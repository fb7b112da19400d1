//! Other schedulers that fail, stall, lie or talk nonsense: every question is answered with a typed error within its
//! deadline, and nothing unverified is cached.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};
use slotbench_core::operations::{Network, Policies, ProcessPolicy};
use slotbench_core::wallet::Wallet;
use slotbench_core::{Config, Id, Item};
use slotbench_node::client::{Answer, Call};
use slotbench_node::remote::{Remote, RemoteOptions};
use slotbench_node::{Limits, Node, Protocol};
use support::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

const ID: Id = Id::from_bytes([5; 32]);

/// A page of 3 slots of a real node, its process, and its definition as that node tells it.
struct Real {
    process: Item,
    page: Value,
    definition: Value,
}

async fn real(config: Config, policies: Policies, first: usize) -> Real {
    let site = site_with(Protocol::H1, config, policies).await;
    let process = process();
    posted(&site, &process).await;
    for number in [first, 2] {
        posted(&site, &message(process.id(), number)).await;
    }
    let page = site.json(format!("/{}/schedule", process.id())).await;
    let definition = site.get(format!("/processes/{}", process.id())).await;
    let definition = if definition.status == StatusCode::OK { json(&definition) } else { Value::Null };
    site.stop().await;
    Real { process, page, definition }
}

async fn ours() -> Real {
    real(config(), Policies::default(), 1).await
}

fn at<S>(key: &str, id: Id, peer: &Site<S>) -> String {
    format!("/~scheduler@1.0/{key}?target={id}%3Fhint%3D{}", url(peer))
}

async fn post_to<S>(front: &Site<Node>, item: &Item, peer: &Site<S>) -> Answer {
    let process = item.target().unwrap_or_else(|| item.id());
    front.post(at("schedule", process, peer), item.as_bytes().clone()).await
}

fn stored(front: &Site<Node>) -> u64 {
    front.service.operations().foreign().counters().stored
}

#[tokio::test(flavor = "multi_thread")]
async fn c110_statuses_are_passed_on_or_502_and_reads_are_asked_twice() {
    let front = front(Network::default(), remote_options()).await;
    let process = process();
    let message = message(process.id(), 0);
    for (status, expected, asked) in [
        (201, 502, 1),
        (204, 502, 1),
        (206, 502, 1),
        (302, 502, 1),
        (400, 400, 1),
        (404, 404, 1),
        (409, 409, 1),
        (413, 413, 1),
        (422, 422, 1),
        (429, 429, 1),
        (500, 502, 2),
        (501, 502, 2),
        (503, 502, 2),
        (504, 502, 2),
        (599, 502, 2),
    ] {
        let peer = peer(move |_| reply(status, r#"{"error":"so says the other"}"#)).await;
        for (key, count) in [("slot", 1), ("schedule", 2), ("next", 3)] {
            let answer = front.get(at(key, process.id(), &peer)).await;
            assert_eq!(answer.status.as_u16(), expected, "{key} {status}: {}", text(&answer));
            assert!(text(&answer).contains("so says the other") || status == 204, "{}", text(&answer));
            assert_eq!(peer.service.asked.load(Ordering::SeqCst), asked * count, "{key} {status}");
        }
        // A process brings its definition along, a message does not: it is asked for, and then there is nobody to post to.
        let before = peer.service.asked.load(Ordering::SeqCst);
        assert_eq!(post_to(&front, &message, &peer).await.status.as_u16(), expected, "{status}");
        assert_eq!(peer.service.asked.load(Ordering::SeqCst) - before, asked, "{status}");
        peer.stop().await;
    }
    assert_eq!(stored(&front), 0);
    front.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c110_a_post_is_sent_once() {
    let front = front(Network::default(), remote_options()).await;
    let peer = peer(|_| reply(500, "")).await;
    let process = process_at(&url(&peer), "ao.N.1");
    let answer = front.post("/~scheduler@1.0/schedule", process.as_bytes().clone()).await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{}", text(&answer));
    assert_eq!(peer.service.asked.load(Ordering::SeqCst), 1);
    peer.stop().await;
    front.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c110_redirects_are_followed_five_times_and_never_in_a_circle() {
    let slot = json!({ "process": ID, "current": 7, "timestamp": 1, "block-height": 0,
        "block-hash": slotbench_core::block::BlockHash::NONE })
    .to_string();
    for hops in [0, 1, 4, 5, 6, 7] {
        let (addr, found) = (Arc::new(std::sync::OnceLock::new()), slot.clone());
        let own = Arc::clone(&addr);
        let peer = peer(move |path| {
            let hop: usize =
                path.strip_prefix("/hop").and_then(|rest| rest.split('/').next()?.parse().ok()).unwrap_or(0);
            if hop == hops {
                reply(200, found.clone())
            } else {
                redirect(&format!("{}/hop{}", own.get().expect("is set"), hop + 1))
            }
        })
        .await;
        addr.set(url(&peer)).expect("set once");
        let front = front(Network::default(), remote_options()).await;
        let answer = front.get(at("slot", ID, &peer)).await;
        let expected = if hops <= 5 { StatusCode::OK } else { StatusCode::BAD_GATEWAY };
        assert_eq!(answer.status, expected, "{hops}: {}", text(&answer));
        assert_eq!(peer.service.asked.load(Ordering::SeqCst), hops.min(5) + 1, "{hops}");
        front.stop().await;
        peer.stop().await;
    }
    let front = front(Network::default(), remote_options()).await;
    for to in ["self", "", "/relative", "ftp://su.example", "http://me:pw@su.example"] {
        let addr = Arc::new(std::sync::OnceLock::new());
        let own = Arc::clone(&addr);
        let peer = peer(move |path| {
            let itself = || format!("{}{path}", own.get().expect("is set"));
            redirect(&if to == "self" { itself() } else { to.to_owned() })
        })
        .await;
        addr.set(url(&peer)).expect("set once");
        let answer = front.get(at("slot", ID, &peer)).await;
        assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{to}: {}", text(&answer));
        assert_eq!(peer.service.asked.load(Ordering::SeqCst), 1, "{to}");
        peer.stop().await;
    }
    front.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_cannot_be_read_are_502_in_both_dialects() {
    let real = ours().await;
    let whole = real.page.to_string();
    let mut bad = vec![
        String::new(),
        "garbage".to_owned(),
        "[]".to_owned(),
        "null".to_owned(),
        "{}".to_owned(),
        r#"{"edges":null}"#.to_owned(),
        "{\"edges\":[".to_owned() + &"[".repeat(100_000),
        "\u{0}".to_owned(),
        r#"{"type":"schedule","process":"x"}"#.to_owned(),
        r#"{"process":1e400,"current":-2}"#.to_owned(),
    ];
    bad.extend([10, whole.len() / 2, whole.len() - 1].map(|length| whole[..length].to_owned()));
    let front = front(Network::default(), remote_options()).await;
    for body in bad {
        let peer = peer(move |_| reply(200, body.clone())).await;
        for variant in ["ao.N.1", "ao.TN.1"] {
            let process = process_at(&url(&peer), variant);
            let answer = front.post("/~scheduler@1.0/schedule", process.as_bytes().clone()).await;
            assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{variant}: {}", text(&answer));
        }
        for key in ["slot", "schedule", "next"] {
            let answer = front.get(at(key, real.process.id(), &peer)).await;
            assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{key}: {}", text(&answer));
        }
        peer.stop().await;
    }
    assert_eq!(stored(&front), 0);
    front.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_taken_up_to_its_limit() {
    const LIMIT: usize = 50_000;
    let front = front(Network::default(), RemoteOptions { answer_bytes: LIMIT, ..remote_options() }).await;
    let slot = json!({ "process": ID, "current": 7, "timestamp": 1, "block-height": 0,
        "block-hash": slotbench_core::block::BlockHash::NONE })
    .to_string();
    for (length, expected) in [(LIMIT - 1, 200), (LIMIT, 200), (LIMIT + 1, 502), (LIMIT * 100, 502)] {
        let body = slot.clone() + &" ".repeat(length - slot.len());
        let peer = peer(move |_| reply(200, body.clone())).await;
        let answer = front.get(at("slot", ID, &peer)).await;
        assert_eq!(answer.status.as_u16(), expected, "{length}: {}", text(&answer));
        peer.stop().await;
    }
    front.stop().await;
}

/// What a forger may change in a page.
fn forged(real: &Real, change: impl FnOnce(&mut Value)) -> Value {
    let mut page = real.page.clone();
    change(&mut page);
    page
}

#[tokio::test(flavor = "multi_thread")]
async fn c111_nothing_forged_is_answered_or_cached_and_what_comes_before_it_stands() {
    let real = ours().await;
    let id = real.process.id();
    // The same messages, assigned by somebody whom the process does not name.
    let somebody = Config { signer: Arc::new(Wallet::ed25519_from_seed([66; 32]).expect("a key")), ..config() };
    let any = Policies { processes: ProcessPolicy::Any, ..Policies::default() };
    let theirs = self::real(somebody, any, 1).await.page;
    // The scheduler itself, with another past.
    let other_past = self::real(config(), Policies::default(), 9).await.page;
    let other_process = Id::from_bytes([8; 32]).to_string();
    let tampered = |slot: &str| {
        let text = real.page["assignments"][slot]["body"].as_str().expect("text");
        // The data stands at the end; the last character may hold unused bits.
        let (head, tail) = text.split_at(text.len() - 4);
        let changed = tail.replace(|c: char| c.is_ascii_alphanumeric(), "B");
        assert_ne!(changed, tail);
        json!(format!("{head}{changed}"))
    };
    let mut cases: Vec<(&str, Value, usize)> = Vec::new();
    for slot in ["0", "1", "2"] {
        let proven = slot.parse().expect("a number");
        cases.push((
            "signer",
            forged(&real, |page| page["assignments"][slot] = theirs["assignments"][slot].clone()),
            proven,
        ));
        cases.push(("no item", forged(&real, |page| page["assignments"][slot]["item"] = json!("AAAA")), proven));
        cases.push(("no body", forged(&real, |page| page["assignments"][slot]["body"] = json!(null)), proven));
        let swapped = real.page["assignments"][if slot == "0" { "1" } else { "0" }]["body"].clone();
        cases.push(("another message", forged(&real, |page| page["assignments"][slot]["body"] = swapped), proven));
        if slot != "0" {
            cases.push(("content", forged(&real, |page| page["assignments"][slot]["body"] = tampered(slot)), proven));
        }
    }
    cases.push(("past", forged(&real, |page| page["assignments"]["2"] = other_past["assignments"]["2"].clone()), 2));
    cases.push(("process", forged(&real, |page| page["process"] = json!(other_process)), 0));
    cases.push(("gap", forged(&real, |page| drop(page["assignments"].as_object_mut().map(|all| all.remove("1")))), 1));
    cases.push((
        "late start",
        forged(&real, |page| drop(page["assignments"].as_object_mut().map(|all| all.remove("0")))),
        0,
    ));
    for cache_in_background in [false, true] {
        for (what, page, proven) in &cases {
            let (page, definition) = (page.to_string(), real.definition.to_string());
            let peer = peer(move |path| {
                reply(200, if path.starts_with("/processes/") { definition.clone() } else { page.clone() })
            })
            .await;
            let remote = Remote::new(remote_options());
            let network = Network { cache_in_background, ..Network::default() };
            let front = front_on(memory(), network, Arc::clone(&remote)).await;
            let answer = front.get(at("schedule", id, &peer)).await;
            remote.settled().await;
            if *proven == 0 {
                assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{what}: {}", text(&answer));
            } else {
                let page = json(&answer);
                assert_eq!(page["assignments"].as_object().map(serde_json::Map::len), Some(*proven), "{what}");
                assert_eq!((&page["continues"], &page["next-from"]), (&json!(true), &json!(proven)), "{what}");
                assert_eq!(page["assignments"]["0"], real.page["assignments"]["0"], "{what}");
            }
            assert_eq!(stored(&front), *proven as u64, "{what}");
            front.stop().await;
            peer.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c108_a_reply_to_a_post_must_be_about_the_message_and_by_the_scheduler() {
    let real = ours().await;
    let message = message(real.process.id(), 1);
    let somebody = Config { signer: Arc::new(Wallet::ed25519_from_seed([66; 32]).expect("a key")), ..config() };
    let any = Policies { processes: ProcessPolicy::Any, ..Policies::default() };
    let theirs = self::real(somebody, any, 1).await.page;
    let reply_of = |page: &Value, slot: &str| page["assignments"][slot].to_string();
    let front = front(Network::default(), remote_options()).await;
    for (what, assignment, expected) in [
        ("its own", reply_of(&real.page, "1"), 200),
        ("another message", reply_of(&real.page, "2"), 502),
        ("another signer", reply_of(&theirs, "1"), 502),
        ("no item", r#"{"item":"AAAA"}"#.to_owned(), 502),
        ("nothing", "{}".to_owned(), 502),
    ] {
        let definition = real.definition.to_string();
        let peer = peer(move |path| {
            reply(200, if path.starts_with("/processes/") { definition.clone() } else { assignment.clone() })
        })
        .await;
        let answer = post_to(&front, &message, &peer).await;
        assert_eq!(answer.status.as_u16(), expected, "{what}: {}", text(&answer));
        peer.stop().await;
    }
    front.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c108_a_legacy_reply_must_lead_to_the_messages_own_assignment() {
    let real = ours().await;
    let legacy = |slot: u64| {
        let item = |name: &str| item(&real.page["assignments"][slot.to_string()][name]);
        let document = |item: &Item| {
            use base64::Engine as _;
            let encode = |bytes: &[u8]| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
            json!({ "id": item.id(), "owner": { "address": "x", "key": encode(item.owner()) },
                "signature": encode(item.signature()), "target": item.target().map(|id| id.to_string()),
                "tags": item.tags().map(|(name, value)| json!({ "name": text(name), "value": text(value) })).collect::<Vec<_>>(),
                "data": text(&item.data()) })
        };
        json!({ "message": document(&item("body")), "assignment": document(&item("item")) }).to_string()
    };
    let front = front(Network::default(), remote_options()).await;
    for (slot, expected) in [(1, 200), (2, 502)] {
        let entry = legacy(slot);
        let message = message(real.process.id(), 1);
        let posted = json!({ "id": message.id(), "timestamp": 1 }).to_string();
        let definition = real.definition.to_string();
        let peer = peer(move |path| {
            let body = if path.starts_with("/processes/") {
                &definition
            } else if path.starts_with("/?") {
                &posted
            } else {
                &entry
            };
            reply(200, body.clone())
        })
        .await;
        // The record says which dialect the scheduler speaks.
        use slotbench_core::Signer as _;
        let record =
            slotbench_core::item::ItemBuilder::new().tag("type", "scheduler-location").tag("variant", "ao.TN.1");
        let record = record.tag("url", url(&peer).as_str()).tag("nonce", slot.to_string()).sign(&*scheduler_wallet());
        let answer = front.post("/~scheduler@1.0/location", record.expect("signs").as_bytes().clone()).await;
        assert_eq!(answer.status, StatusCode::OK, "{} of {}", text(&answer), scheduler_wallet().address());
        use base64::Engine as _;
        let encode = |item: &Item| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(item.as_bytes());
        let object = json!({ "process": encode(&real.process), "body": encode(&message) });
        let mut call = Call::post("/~scheduler@1.0/schedule", object.to_string().into());
        call.headers.insert("content-type", HeaderValue::from_static("application/json"));
        let answer = front.call(call).await;
        assert_eq!(answer.status.as_u16(), expected, "{slot}: {}", text(&answer));
        peer.stop().await;
    }
    front.stop().await;
}

/// A server that does with its connections what it likes.
async fn raw<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> (String, tokio::task::JoinHandle<()>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind(ANY_PORT).await.expect("listens");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    (url, task)
}

/// Deadlines that a test need not wait long for.
fn hasty() -> RemoteOptions {
    let (call_time, operation_time) = (Duration::from_millis(100), Duration::from_millis(150));
    RemoteOptions { call_time, operation_time, ..RemoteOptions::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_and_drops_of_an_answer_end_at_the_deadline() {
    async fn silent(mut stream: TcpStream) {
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all).await;
    }
    async fn dripping(mut stream: TcpStream) {
        let _ = stream.read(&mut [0; 100]).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n").await;
        while stream.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    async fn closing(stream: TcpStream) {
        drop(stream);
    }
    async fn breaking_off(mut stream: TcpStream) {
        let _ = stream.read(&mut [0; 100]).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n{\"").await;
    }
    async fn no_http(mut stream: TcpStream) {
        let _ = stream.read(&mut [0; 100]).await;
        let _ = stream.write_all(b"SSH-2.0-other\r\n\r\n").await;
    }
    let front = front(Network::default(), hasty()).await;
    let process = Id::from_bytes([4; 32]);
    let servers = [
        ("silent", raw(silent).await, StatusCode::GATEWAY_TIMEOUT),
        ("dripping", raw(dripping).await, StatusCode::GATEWAY_TIMEOUT),
        ("closing", raw(closing).await, StatusCode::BAD_GATEWAY),
        ("breaking off", raw(breaking_off).await, StatusCode::BAD_GATEWAY),
        ("no HTTP", raw(no_http).await, StatusCode::BAD_GATEWAY),
    ];
    for (what, (url, task), expected) in servers {
        for key in ["slot", "schedule", "next"] {
            let answer = front.get(format!("/~scheduler@1.0/{key}?target={process}%3Fhint%3D{url}")).await;
            assert_eq!(answer.status, expected, "{what} {key}: {}", text(&answer));
        }
        let path = format!("/~scheduler@1.0/schedule?target={process}%3Fhint%3D{url}");
        let answer = front.post(path, message(process, 0).as_bytes().clone()).await;
        assert_eq!(answer.status, expected, "{what}: {}", text(&answer));
        task.abort();
    }
    for nobody in ["http://127.0.0.1:1", "https://127.0.0.1:1", "http://no.such.host.invalid"] {
        let answer = front.get(format!("/~scheduler@1.0/slot?target={process}%3Fhint%3D{nobody}")).await;
        assert!([StatusCode::BAD_GATEWAY, StatusCode::GATEWAY_TIMEOUT].contains(&answer.status), "{}", text(&answer));
    }
    front.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_operations_as_allowed_are_under_way() {
    let reached = Arc::new(Notify::new());
    let told = Arc::clone(&reached);
    let (url, task) = raw(move |mut stream| {
        let told = Arc::clone(&told);
        async move {
            let _ = stream.read(&mut [0; 10]).await;
            told.notify_one();
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
    })
    .await;
    for most in [1, 3] {
        let front = Arc::new(front(Network::default(), RemoteOptions { operations: most, ..remote_options() }).await);
        let path = format!("/~scheduler@1.0/slot?target={ID}%3Fhint%3D{url}");
        let mut waiting = Vec::new();
        for _ in 0..most {
            let (client, path) = (client(&front.endpoint, 1), path.clone());
            waiting.push(tokio::spawn(async move { client.send(Call::get(path)).await }));
            reached.notified().await;
        }
        let answer = front.get(path).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{most}: {}", text(&answer));
        assert!(answer.headers.contains_key("retry-after"));
        waiting.iter().for_each(tokio::task::JoinHandle::abort);
    }
    task.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn https_is_asked_where_its_certificate_is_trusted_and_the_protocol_is_the_servers_choice() {
    use slotbench_node::tls::{Identity, Trust};
    use slotbench_node::{Server, Tcp};
    let slot = json!({ "process": ID, "current": 7, "timestamp": 1, "block-height": 0,
        "block-hash": slotbench_core::block::BlockHash::NONE })
    .to_string();
    for speaks in [Tcp::H1, Tcp::H2, Tcp::Both] {
        let identity = Identity::self_signed(&["localhost"]).expect("a certificate");
        let body = slot.clone();
        let peer = Peer { answer: Box::new(move |_| reply(200, body.clone())), asked: AtomicUsize::new(0) };
        let server = Server::new(Arc::new(peer), Limits::default());
        let tls = identity.server(speaks.protocols()).expect("settings");
        let port = server.tcp(ANY_PORT, speaks, Some(tls)).await.expect("listens").port();
        let path = format!("/~scheduler@1.0/slot?target={ID}%3Fhint%3Dhttps://localhost:{port}");
        let trusted = Trust::certificate(identity.certificate()).expect("a certificate");
        let other = Identity::self_signed(&["localhost"]).expect("a certificate");
        let other = Trust::certificate(other.certificate()).expect("a certificate");
        for (trust, expected) in [(Some(trusted), 200), (Some(other), 502), (None, 502)] {
            let front = front(Network::default(), RemoteOptions { trust, ..remote_options() }).await;
            let answer = front.get(path.clone()).await;
            assert_eq!(answer.status.as_u16(), expected, "{speaks:?}: {}", text(&answer));
            front.stop().await;
        }
        server.stop().await;
    }
}
