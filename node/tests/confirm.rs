//! What answers prove: bundlers that are slow, dead or unwilling, and a second server on one store.

mod support;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt as _, Full};
use serde_json::json;
use slotbench_core::operations::Policies;
use slotbench_core::uploads::UploadConfig;
use slotbench_core::{Config, Durability, Mode};
use slotbench_node::{HttpBundler, Limits, Node, NodeOptions, Protocol, Reply, Service};
use support::*;
use tokio::runtime::Handle;
use tokio::sync::Notify;

/// A bundler that answers as it is told.
#[derive(Default)]
struct Bundler {
    /// The status it answers with; 0 while it is silent.
    status: AtomicU16,
    heard: AtomicBool,
    posts: AtomicUsize,
    changed: Notify,
}

impl Bundler {
    fn answering(status: u16) -> Self {
        Self { status: AtomicU16::new(status), ..Self::default() }
    }

    fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
        self.changed.notify_waiters();
    }
}

impl Service for Bundler {
    async fn respond<B>(&self, request: Request<B>) -> Reply
    where
        B: Body<Data = Bytes> + Send + Unpin,
        B::Error: fmt::Display,
    {
        assert_eq!((request.method().as_str(), request.uri().path()), ("POST", "/tx"));
        let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        slotbench_core::Item::parse(body).expect("an item").verify().expect("a signed one");
        self.posts.fetch_add(1, Ordering::SeqCst);
        self.heard.store(true, Ordering::SeqCst);
        self.changed.notify_waiters();
        loop {
            let changed = self.changed.notified();
            let status = self.status.load(Ordering::SeqCst);
            if let Ok(status) = StatusCode::from_u16(status) {
                let mut reply = Response::new(Full::new(Bytes::from_static(b"so says the bundler")));
                *reply.status_mut() = status;
                return reply;
            }
            changed.await;
        }
    }
}

/// A node with that bundler, which is tried again at once.
async fn with_bundler(protocol: Protocol, mode: Mode, bundler: &Site<Bundler>) -> Site<Node> {
    let patience = Duration::from_secs(30);
    let way = HttpBundler::new(bundler.endpoint.clone(), 4, patience, Handle::current()).expect("a client");
    let uploads = UploadConfig { first_delay_ms: 1, max_delay_ms: 2, ..UploadConfig::new(way) };
    let config = Config { mode, uploads: Some(uploads), ..config() };
    site_with(protocol, config, Policies::default()).await
}

async fn bundler(bundler: Bundler) -> Site<Bundler> {
    Site::serve(bundler, Protocol::H1, Limits { drain_time: Duration::from_millis(1), ..Limits::default() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn c029_a_silent_bundler_delays_neither_answers_nor_later_slots() {
    for protocol in Protocol::ALL {
        let bundler = bundler(Bundler::default()).await;
        let site = with_bundler(protocol, Mode::Local, &bundler).await;
        let id = filled(&site, 5).await;
        assert_eq!(site.json(format!("/{id}/slot")).await["current"], json!(5));
        bundler.service.answer(200);
        site.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c030_remote_says_yes_only_when_the_bundler_did() {
    for protocol in Protocol::ALL {
        for (status, expected) in [(200, 200), (202, 200), (400, 502), (503, 504)] {
            let bundler = bundler(Bundler::answering(status)).await;
            let site = with_bundler(protocol, Mode::Remote, &bundler).await;
            let process = process();
            let answer = site.post("/~scheduler@1.0/schedule", process.as_bytes().clone()).await;
            assert_eq!(answer.status.as_u16(), expected, "{status}: {}", text(&answer));
            let said = json(&answer);
            assert_eq!(said["slot"], json!(0), "the slot is named either way: {said}");
            assert!(bundler.service.heard.load(Ordering::SeqCst));
            site.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c030_remote_waits_for_the_bundlers_answer() {
    let bundler = bundler(Bundler::default()).await;
    let site = with_bundler(Protocol::H2, Mode::Remote, &bundler).await;
    let body = process().as_bytes().clone();
    let client = client(&site.endpoint, 1);
    let asking =
        tokio::spawn(
            async move { client.send(slotbench_node::client::Call::post("/~scheduler@1.0/schedule", body)).await },
        );
    loop {
        let changed = bundler.service.changed.notified();
        if bundler.service.heard.load(Ordering::SeqCst) {
            break;
        }
        changed.await;
    }
    assert!(!asking.is_finished(), "the bundler has the message and has not said yes");
    bundler.service.answer(200);
    assert_eq!(asking.await.expect("ends").expect("an answer").status, StatusCode::OK);
    assert!(bundler.service.posts.load(Ordering::SeqCst) >= 2, "message and assignment");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c034_a_failed_upload_never_gives_a_slot_twice() {
    for protocol in Protocol::ALL {
        let bundler = bundler(Bundler::answering(500)).await;
        let site = with_bundler(protocol, Mode::Remote, &bundler).await;
        let process = process();
        let id = process.id();
        let mut slots = Vec::new();
        for item in std::iter::once(process).chain((0..4).map(|number| message(id, number))) {
            let answer = site.post("/~scheduler@1.0/schedule", item.as_bytes().clone()).await;
            assert_eq!(answer.status, StatusCode::GATEWAY_TIMEOUT, "{}", text(&answer));
            slots.push(json(&answer)["slot"].as_u64().expect("a slot"));
        }
        assert_eq!(slots, [0, 1, 2, 3, 4]);
        let page = site.json(format!("/{id}/schedule")).await;
        assert_eq!(page["assignments"].as_object().expect("by slot").len(), 5);
        site.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c044_of_two_servers_on_one_store_one_can_commit() {
    for protocol in Protocol::ALL {
        let store = memory();
        let serve = || {
            let config = Config { durability: Durability::Memory, ..config() };
            let node = node(Arc::clone(&store), config, Policies::default(), NodeOptions::default());
            Site::serve(node, protocol, Limits::default())
        };
        let (older, newer) = (serve().await, serve().await);
        let id = filled(&older, 2).await;
        let taken = posted(&newer, &message(id, 10)).await;
        assert_eq!(taken["slot"], json!(3));
        let refused = older.post("/~scheduler@1.0/schedule", message(id, 11).as_bytes().clone()).await;
        assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE, "{}", text(&refused));
        assert_eq!(posted(&newer, &message(id, 12)).await["slot"], json!(4));
        assert_eq!(older.json(format!("/{id}/slot")).await["current"], json!(4), "both may read");
        older.stop().await;
        newer.stop().await;
    }
}
