//! Clients that misbehave: too large, too slow, too many, garbage, gone. None of them costs another client anything.
//!
//! The mixed load runs for a moment; `SLOTBENCH_FAULTS_SECONDS=600` makes it longer.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::StatusCode;
use proptest::prelude::*;
use serde_json::json;
use slotbench_core::operations::Policies;
use slotbench_core::testing::{Gate, Method};
use slotbench_core::{Config, Durability, Mode, Signer as _};
use slotbench_node::client::{Call, Endpoint};
use slotbench_node::{Limits, Node, NodeOptions, Protocol};
use support::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

async fn limited(protocol: Protocol, limits: Limits) -> Site<Node> {
    let config = Config { durability: Durability::Memory, ..config() };
    let options = NodeOptions { limits: limits.clone(), ..NodeOptions::default() };
    Site::serve(node(memory(), config, Policies::default(), options), protocol, limits).await
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_up_to_the_limit_are_taken_and_larger_ones_are_413() {
    for protocol in Protocol::ALL {
        let process = process();
        let limit = process.as_bytes().len();
        let exact = limited(protocol, Limits { body_bytes: limit, ..Limits::default() }).await;
        posted(&exact, &process).await;
        exact.stop().await;
        let short = limited(protocol, Limits { body_bytes: limit - 1, ..Limits::default() }).await;
        let answer = short.post("/~scheduler@1.0/schedule", process.as_bytes().clone()).await;
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "over {protocol}: {}", text(&answer));
        assert_eq!(short.get("/health").await.status, StatusCode::OK);
        short.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_do_not_fit_into_memory_are_503_with_retry_after() {
    for protocol in Protocol::ALL {
        let site = limited(protocol, Limits { buffered_bytes: 2048, ..Limits::default() }).await;
        let answer = site.post("/~scheduler@1.0/schedule", vec![0; 4096]).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", text(&answer));
        assert!(answer.headers.contains_key("retry-after"));
        // What was taken is given back.
        posted(&site, &process()).await;
        site.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c038_a_full_window_is_429_with_retry_after() {
    for protocol in Protocol::ALL {
        let gate = Gate::closed(Method::Apply);
        let store = Arc::new(slotbench_core::testing::Hooked::around(memory(), gate.clone()));
        let config = Config { durability: Durability::Memory, window: 1, ..config() };
        let node = node(store, config, Policies::default(), NodeOptions::default());
        let site = Site::serve(node, protocol, Limits::default()).await;
        let process = process();
        let waiting = client(&site.endpoint, 1);
        let body = process.as_bytes().clone();
        let first = tokio::spawn(async move { waiting.send(Call::post("/~scheduler@1.0/schedule", body)).await });
        let held = gate.clone();
        tokio::task::spawn_blocking(move || held.wait_for(1)).await.expect("somebody is held");
        let answer = site.post("/~scheduler@1.0/schedule", process.as_bytes().clone()).await;
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "{}", text(&answer));
        assert!(answer.headers.contains_key("retry-after"));
        gate.open();
        assert_eq!(first.await.expect("ends").expect("an answer").status, StatusCode::OK);
        site.stop().await;
    }
}

/// Writes that and returns what comes back until the connection ends.
async fn raw(endpoint: &Endpoint, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(endpoint.addr).await.expect("connects");
    let mut answer = Vec::new();
    // The server may close before it has read everything.
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let _ = stream.read_to_end(&mut answer).await;
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_stops_coming_is_408() {
    let limits = Limits { body_time: Duration::from_millis(20), ..Limits::default() };
    let site = limited(Protocol::H1, limits).await;
    let mut stream = TcpStream::connect(site.endpoint.addr).await.expect("connects");
    let head = b"POST /~scheduler@1.0/schedule HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nsome";
    stream.write_all(head).await.expect("writes");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("the connection is closed");
    assert!(answer.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&answer));
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_ask_nothing_are_closed() {
    let times = Duration::from_millis(10);
    let site = limited(Protocol::H1, Limits { idle_time: times, head_time: times, ..Limits::default() }).await;
    for beginning in [&b""[..], b"P", b"PRI * HTTP/2.0\r\n", b"GET / HTTP/1.1\r\nhost"] {
        let mut stream = TcpStream::connect(site.endpoint.addr).await.expect("connects");
        stream.write_all(beginning).await.expect("writes");
        let mut answer = Vec::new();
        // Whether it says something before or not: it ends.
        let _ = stream.read_to_end(&mut answer).await;
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_the_requests_there_are_be_answered() {
    for protocol in Protocol::ALL {
        let gate = Gate::closed(Method::Apply);
        let store = Arc::new(slotbench_core::testing::Hooked::around(memory(), gate.clone()));
        let config = Config { durability: Durability::Memory, ..config() };
        let site =
            Site::serve(node(store, config, Policies::default(), NodeOptions::default()), protocol, Limits::default())
                .await;
        let Site { server, client, .. } = site;
        let body = process().as_bytes().clone();
        let asking = tokio::spawn(async move { client.send(Call::post("/~scheduler@1.0/schedule", body)).await });
        let held = gate.clone();
        tokio::task::spawn_blocking(move || held.wait_for(1)).await.expect("somebody is held");
        let server = Arc::new(server);
        let stopping = tokio::spawn({
            let server = Arc::clone(&server);
            async move { server.stop().await }
        });
        gate.open();
        assert_eq!(asking.await.expect("ends").expect("an answer").status, StatusCode::OK, "over {protocol}");
        assert!(stopping.await.expect("ends"), "over {protocol}");
        assert_eq!(server.running(), 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever bytes come over a connection, the next client is served.
    #[test]
    fn no_bytes_on_a_connection_harm_the_node(
        bytes in prop::collection::vec(any::<u8>(), 0..600),
        beginning in prop::sample::select(vec![
            "", "GET ", "POST / HTTP/1.1\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "POST /~scheduler@1.0/schedule HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n",
        ]),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let site = limited(Protocol::H1, Limits::default()).await;
            raw(&site.endpoint, &[beginning.as_bytes(), &bytes].concat()).await;
            assert_eq!(site.get("/health").await.status, StatusCode::OK);
            drop(site.client);
            site.server.stop().await;
        });
    }
}

/// How long the mixed load runs.
fn length() -> Duration {
    let seconds = std::env::var("SLOTBENCH_FAULTS_SECONDS").ok().and_then(|text| text.parse().ok());
    seconds.map_or(Duration::from_millis(500), Duration::from_secs)
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

/// Honest clients and faulty ones at once, over every protocol: every honest message is answered and stored, and
/// nothing is left over.
#[tokio::test(flavor = "multi_thread")]
async fn a_mixed_load_with_faults_loses_nothing_and_leaves_nothing() {
    let before = descriptors();
    for protocol in Protocol::ALL {
        let limits = Limits { body_bytes: 4096, body_time: Duration::from_millis(50), ..Limits::default() };
        let site = Arc::new(limited(protocol, limits).await);
        let id = filled(&site, 0).await;
        let end = Instant::now() + length();
        let acknowledged = Arc::new(AtomicUsize::new(0));
        let honest = (0..4).map(|worker| {
            let (site, acknowledged) = (Arc::clone(&site), Arc::clone(&acknowledged));
            tokio::spawn(async move {
                let client = client(&site.endpoint, 1);
                let mut number = worker;
                while Instant::now() < end {
                    let body = message(id, number).as_bytes().clone();
                    let answer = client.send(Call::post("/~scheduler@1.0/schedule", body)).await.expect("an answer");
                    assert_eq!(answer.status, StatusCode::OK, "{}", text(&answer));
                    acknowledged.fetch_add(1, Ordering::SeqCst);
                    number += 4;
                }
            })
        });
        let honest: Vec<_> = honest.collect();
        let faulty = tokio::spawn(faults(Arc::clone(&site), end));
        for worker in honest {
            worker.await.expect("an honest client");
        }
        faulty.await.expect("a faulty client");
        let acknowledged = acknowledged.load(Ordering::SeqCst);
        assert!(acknowledged > 0);
        assert_eq!(site.json(format!("/{id}/slot")).await["current"], json!(acknowledged), "over {protocol}");
        let site = Arc::into_inner(site).expect("nobody else has it");
        site.stop().await;
    }
    assert!(descriptors() <= before + 4, "{} descriptors, {before} before", descriptors());
}

/// One fault after the other.
async fn faults(site: Arc<Site<Node>>, end: Instant) {
    let path = "/~scheduler@1.0/schedule";
    // Scheduled or not: it is not the honest clients' process.
    let other = process_for(&format!("{},x", scheduler_wallet().address()));
    while Instant::now() < end {
        let client = client(&site.endpoint, 1);
        let large = client.send(Call::post(path, Bytes::from(vec![1; 5000]))).await;
        assert!(large.is_err() || large.is_ok_and(|answer| answer.status == StatusCode::PAYLOAD_TOO_LARGE));
        let garbage = client.send(Call::post(path, Bytes::from_static(b"garbage"))).await.expect("an answer");
        assert_eq!(garbage.status, StatusCode::BAD_REQUEST);
        // Gone before the answer.
        let asking = client.send(Call::post(path, other.as_bytes().clone()));
        let _ = tokio::time::timeout(Duration::from_micros(50), asking).await;
        drop(client);
        if site.endpoint.protocol != Protocol::H3 {
            let body_breaks_off = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nsome";
            let answer = raw(&site.endpoint, body_breaks_off).await;
            assert!(!answer.starts_with(b"HTTP/1.1 2"));
            raw(&site.endpoint, &[0xFF; 100]).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn aggressive_answers_are_all_stored_when_the_node_stops() {
    for protocol in Protocol::ALL {
        let site = site_with(protocol, Config { mode: Mode::Aggressive, ..config() }, Policies::default()).await;
        let id = filled(&site, 50).await;
        let operations = Arc::clone(site.service.operations());
        site.stop().await;
        operations.scheduler().drain();
        assert_eq!(operations.scheduler().stored_head(&id).expect("reads").slot, Some(50));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_stays_connected_does_not_hold_up_the_end() {
    for protocol in Protocol::ALL {
        let site = limited(protocol, Limits::default()).await;
        assert_eq!(site.get("/health").await.status, StatusCode::OK);
        // With the connection still open in the client's pool.
        assert!(site.server.stop().await, "over {protocol}: nothing is left running");
    }
}
