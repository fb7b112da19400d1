//! The key `location`, peers that are told, and the gateway.

mod support;

use std::fmt;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use slotbench_core::item::ItemBuilder;
use slotbench_core::location::{BaseUrl, LocationDraft, LocationRecord};
use slotbench_core::operations::Network;
use slotbench_core::wallet::{NoSigner, Wallet};
use slotbench_core::{Item, Signer as _};
use slotbench_node::remote::{HttpGateway, Remote};
use slotbench_node::{Limits, Node, Protocol, Reply, Service};
use support::*;
use tokio::runtime::Handle;
use tokio::sync::Notify;

const LOCATION: &str = "/~scheduler@1.0/location";

/// The key of the node that [`front`] makes.
fn own() -> Wallet {
    Wallet::ed25519_from_seed([9; 32]).expect("a key")
}

fn wish(tags: &[(&str, &str)]) -> ItemBuilder {
    tags.iter()
        .fold(ItemBuilder::new().tag("type", "scheduler-location"), |item, (name, value)| item.tag(*name, *value))
}

async fn post(site: &Site<Node>, item: &Item) -> (StatusCode, Value) {
    let answer = site.post(LOCATION, item.as_bytes().clone()).await;
    (answer.status, json(&answer))
}

#[tokio::test(flavor = "multi_thread")]
async fn c116_only_the_operator_replaces_the_nodes_own_location() {
    let operator = Wallet::ed25519_from_seed([20; 32]).expect("a key");
    let network = Network { operators: vec![operator.address()], ..Network::default() };
    let front = front(network, remote_options()).await;
    assert_eq!(front.get(LOCATION).await.status, StatusCode::NOT_FOUND, "none yet");

    let (status, first) = post(&front, &wish(&[("url", "https://su.example")]).sign(&own()).expect("signs")).await;
    assert_eq!(status, StatusCode::OK, "{first}");
    let record = &first["body"];
    assert_eq!((&record["nonce"], &record["url"]), (&json!(0), &json!("https://su.example")), "the first nonce is 0");
    assert_eq!((&record["type"], &record["time-to-live"]), (&json!("scheduler-location"), &json!(604_800_000)));
    let read = LocationRecord::read(item(&record["item"])).expect("a signed record");
    assert_eq!((read.address(), record["address"].as_str()), (own().address(), Some(&*own().address().to_string())));

    let (status, second) = post(&front, &wish(&[("time-to-live", "5000")]).sign(&operator).expect("signs")).await;
    assert_eq!((status, &second["body"]["nonce"]), (StatusCode::OK, &json!(1)), "{second}");
    assert_eq!(front.json(LOCATION).await, second);
    assert_eq!(front.json(format!("{LOCATION}?address={}", own().address())).await, second);

    // Somebody else's record is theirs.
    let stranger = Wallet::ed25519_from_seed([21; 32]).expect("a key");
    let theirs = wish(&[("url", "http://elsewhere"), ("nonce", "5")]).sign(&stranger).expect("signs");
    let (status, answer) = post(&front, &theirs).await;
    assert_eq!((status, &answer["body"]["address"]), (StatusCode::OK, &json!(stranger.address().to_string())));
    assert_eq!(item(&answer["body"]["item"]), theirs, "as it was posted");
    assert_eq!(front.json(LOCATION).await, second, "the node's own is as it was");
    assert_eq!(front.json(format!("{LOCATION}?address={}", stranger.address())).await, answer);
    front.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c116_stale_nonces_and_what_is_no_record_are_400() {
    let front = front(Network::default(), remote_options()).await;
    let signed = |tags: &[(&str, &str)], nonce: &str| wish(tags).tag("nonce", nonce).sign(&own()).expect("signs");
    assert_eq!(post(&front, &signed(&[], "7")).await.0, StatusCode::OK);
    for nonce in ["7", "6", "0"] {
        let (status, answer) = post(&front, &signed(&[], nonce)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{nonce}: {answer}");
        assert_eq!(
            (&answer["requested-nonce"], &answer["existing-nonce"]),
            (&json!(nonce.parse::<u64>().ok()), &json!(7))
        );
        assert_eq!(answer["signers"], json!([own().address().to_string()]));
    }
    assert_eq!(post(&front, &signed(&[], "8")).await.0, StatusCode::OK);
    let unsigned = wish(&[("url", "http://su"), ("nonce", "9")]).sign(&NoSigner).expect("builds");
    let message = message(slotbench_core::Id::from_bytes([1; 32]), 0);
    let mut forged = signed(&[("url", "http://su.example")], "9").as_bytes().to_vec();
    let at = forged.windows(7).rposition(|text| text == b"example").expect("is there");
    forged[at] ^= 1;
    let forged = Item::parse(forged.into()).expect("an item");
    for bad in [unsigned, message, forged, signed(&[], "x"), signed(&[("url", "ftp://su")], "9")] {
        let (status, answer) = post(&front, &bad).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
    }
    assert_eq!(front.post(LOCATION, "garbage").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(front.get(format!("{LOCATION}?address=x")).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(front.json(LOCATION).await["body"]["nonce"], json!(8));
    front.stop().await;
}

/// Keeps what is posted to it.
#[derive(Default)]
struct Listening {
    heard: Mutex<Vec<(String, Bytes)>>,
    answer: Mutex<String>,
    changed: Notify,
}

impl Service for Listening {
    async fn respond<B>(&self, request: Request<B>) -> Reply
    where
        B: Body<Data = Bytes> + Send + Unpin,
        B::Error: fmt::Display,
    {
        let path = format!("{} {}", request.method(), request.uri().path());
        let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        self.heard.lock().expect("no panic").push((path, body));
        self.changed.notify_one();
        Response::new(Full::new(self.answer.lock().expect("no panic").clone().into()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c117_peers_are_notified_at_location() {
    let listening = Site::serve(Listening::default(), Protocol::H1, Limits::default()).await;
    let peer = site(Protocol::H1).await;
    let nobody: BaseUrl = "http://127.0.0.1:1".parse().expect("a url");
    let network = Network { notify_peers: vec![nobody, url(&peer), url(&listening)], ..Network::default() };
    let front = front(network, remote_options()).await;
    let (status, answer) = post(&front, &wish(&[]).sign(&own()).expect("signs")).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    // The last one hears of it when all others have.
    listening.service.changed.notified().await;
    let heard = listening.service.heard.lock().expect("no panic").clone();
    let [(path, body)] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!(path, &format!("POST {LOCATION}"));
    assert_eq!(Item::parse(body.clone()).expect("an item"), item(&answer["body"]["item"]));
    assert_eq!(peer.json(format!("{LOCATION}?address={}", own().address())).await, answer);

    // A stranger's record is nobody's news.
    let stranger = Wallet::ed25519_from_seed([21; 32]).expect("a key");
    let theirs = wish(&[("url", "http://elsewhere"), ("nonce", "5")]).sign(&stranger).expect("signs");
    assert_eq!(post(&front, &theirs).await.0, StatusCode::OK);
    let (status, _) = post(&front, &wish(&[]).tag("nonce", "7").sign(&own()).expect("signs")).await;
    assert_eq!(status, StatusCode::OK);
    listening.service.changed.notified().await;
    assert_eq!(listening.service.heard.lock().expect("no panic").len(), 2, "two records of its own");
    front.stop().await;
    peer.stop().await;
    listening.stop().await;
}

fn node_of(record: &Item) -> Value {
    use base64::Engine as _;
    let encode = |bytes: &[u8]| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    let tag = |(name, value)| json!({ "name": text(name), "value": text(value) });
    json!({ "node": { "id": record.id(), "anchor": "", "signature": encode(record.signature()), "recipient": "",
        "owner": { "address": record.owner_address().to_string(), "key": encode(record.owner()) },
        "tags": record.tags().map(tag).collect::<Vec<_>>() } })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_leads_to_schedulers_and_is_asked_for_both_spellings() {
    let gateway = Site::serve(Listening::default(), Protocol::H1, Limits::default()).await;
    let peer = site(Protocol::H1).await;
    let answer = |lower: Value, upper: Value| {
        let body = json!({ "data": { "lower": { "edges": lower }, "upper": { "edges": upper } } });
        *gateway.service.answer.lock().expect("no panic") = body.to_string();
    };
    let remote = Remote::new(remote_options());
    let index = HttpGateway::new(Arc::clone(&remote), url(&gateway), Handle::current());
    let front = front_on(memory(), Network { gateway: Some(index), ..Network::default() }, remote).await;
    let process = process();
    let post = || front.post("/~scheduler@1.0/schedule", process.as_bytes().clone());

    assert_eq!(post().await.status, StatusCode::BAD_GATEWAY, "no answer");
    let question = gateway.service.heard.lock().expect("no panic").last().cloned().expect("was asked");
    assert_eq!(question.0, "POST /graphql");
    let question: Value = serde_json::from_slice(&question.1).expect("JSON");
    let query = question["query"].as_str().expect("text");
    assert!(query.contains(r#"name: "type""#) && query.contains(r#"name: "Type""#), "{query}");
    assert_eq!(question["variables"]["owners"], json!([scheduler_wallet().address().to_string()]));

    for nonsense in ["", "{}", r#"{"errors":[{"message":"no"}]}"#, "[1"] {
        *gateway.service.answer.lock().expect("no panic") = nonsense.to_owned();
        let answer = post().await;
        assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{nonsense}: {}", text(&answer));
    }

    let draft = LocationDraft { url: &url(&peer), nonce: 3, time_to_live_ms: 60_000 };
    let record = draft.sign(&*scheduler_wallet()).expect("signs");
    answer(json!([]), json!([node_of(&record)]));
    let found = post().await;
    assert_eq!(found.status, StatusCode::OK, "{}", text(&found));
    assert_eq!(peer.json(format!("/{}/slot", process.id())).await["current"], json!(0));
    let known = front.json(format!("{LOCATION}?address={}", scheduler_wallet().address())).await;
    assert_eq!(item(&known["body"]["item"]), record);

    // What the network does not know is asked for once, for a while.
    answer(json!([]), json!([]));
    let nowhere = process_for(&Wallet::ed25519_from_seed([31; 32]).expect("a key").address().to_string());
    let asked = gateway.service.heard.lock().expect("no panic").len();
    for _ in 0..2 {
        let answer = front.post("/~scheduler@1.0/schedule", nowhere.as_bytes().clone()).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{}", text(&answer));
        assert_eq!(gateway.service.heard.lock().expect("no panic").len(), asked + 1);
    }

    gateway.stop().await;
    // What was found stays cached, and this node's own nonce does not hang on the gateway once it is known.
    assert_eq!(front.json(format!("/{}/slot", process.id())).await["current"], json!(0));
    front.stop().await;
    peer.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_cannot_be_reached_is_504() {
    let remote = Remote::new(remote_options());
    let nobody: BaseUrl = "http://127.0.0.1:1".parse().expect("a url");
    let index = HttpGateway::new(Arc::clone(&remote), nobody, Handle::current());
    let front = front_on(memory(), Network { gateway: Some(index), ..Network::default() }, remote).await;
    let answer = front.post("/~scheduler@1.0/schedule", process().as_bytes().clone()).await;
    assert_eq!(answer.status, StatusCode::GATEWAY_TIMEOUT, "{}", text(&answer));
    front.stop().await;
}
