//! The node against a bare echo server on the same stack: what scheduling adds to a request.
//!
//! Both are served by the same listeners and asked by the same clients for the same bodies: 25 workers in a closed loop, a
//! connection each. The echo takes in the whole body and answers as many bytes as the node answers, without looking at
//! either. The node schedules over the memory engine with signing and verifying off: clients sign their messages, as clients
//! do, the node looks at no signature, and its assignments are unsigned. Rounds of the two alternate, so drift hits both
//! alike; the ratio is the median over rounds of the two rounds' p50s, beside its range. The bar is 1.4.
//!
//! `cargo bench -p slotbench-node --bench echo [-- h1|h2|h3 ...]`; half a minute. Exit code 1 when the node is above the bar.
//! `ECHO_ROUNDS` (12) and `ECHO_MILLISECONDS` (400) set number and length of rounds: the node keeps every assignment, some
//! 1 KiB a request. A worker sends one message over and over within a round, so that the clients make and sign none meanwhile;
//! the memory engine keeps it once, and every request has a slot and an assignment of its own.
#![expect(clippy::print_stdout, reason = "the benchmark's result")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::fmt;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt as _, Full};
use slotbench_core::item::Item;
use slotbench_core::operations::{Policies, ProcessPolicy};
use slotbench_core::scheduler::SignaturePolicy;
use slotbench_core::wallet::NoSigner;
use slotbench_core::{Config, Durability, Id};
use slotbench_node::client::{Call, Client};
use slotbench_node::{Limits, Node, NodeOptions, Protocol, Reply, Service};
use support::{Site, builder, client, client_wallet, config, memory, node};

const WORKERS: usize = 25;
const BAR: f64 = 1.4;
const PATH: &str = "/~scheduler@1.0/schedule";

/// Takes a body in and sends another back.
struct Echo(Bytes);

impl Service for Echo {
    async fn respond<B>(&self, request: Request<B>) -> Reply
    where
        B: Body<Data = Bytes> + Send + Unpin,
        B::Error: fmt::Display,
    {
        let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes);
        std::hint::black_box(body.unwrap_or_default());
        Response::new(Full::new(self.0.clone()))
    }
}

fn main() -> ExitCode {
    let (rounds, length) = (setting("ECHO_ROUNDS", 12), Duration::from_millis(setting("ECHO_MILLISECONDS", 400)));
    let asked: Vec<Protocol> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let protocols = if asked.is_empty() { Protocol::ALL.to_vec() } else { asked };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads");
    println!("protocol   echo p50    node p50   ratio (range over {rounds} rounds; bar {BAR})");
    let compared = protocols.into_iter().map(|protocol| runtime.block_on(compare(protocol, rounds, length)));
    let ratios: Vec<f64> = compared.collect();
    if ratios.iter().all(|ratio| *ratio <= BAR) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn setting<T: FromStr>(name: &str, default: T) -> T {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn unsigned_node() -> Node {
    let store = memory();
    let config = Config {
        durability: Durability::Memory,
        signatures: SignaturePolicy { required: false, verify: false },
        signer: Arc::new(NoSigner),
        index_messages: false,
        inline: !store.may_wait(),
        ..config()
    };
    let policies = Policies { processes: ProcessPolicy::Any, ..Policies::default() };
    node(store, config, policies, NodeOptions::default())
}

async fn compare(protocol: Protocol, rounds: usize, length: Duration) -> f64 {
    let node = Site::serve(unsigned_node(), protocol, Limits::default()).await;
    let answer = node.post(PATH, message(0, 0).as_bytes().clone()).await;
    let echo = Site::serve(Echo(vec![b'x'; answer.body.len()].into()), protocol, Limits::default()).await;
    let clients = [&echo.endpoint, &node.endpoint].map(|endpoint| Arc::new(client(endpoint, WORKERS)));
    let mut medians = [Vec::new(), Vec::new()];
    // The first round opens the connections and warms up.
    for round in 0..=rounds {
        for (client, medians) in clients.iter().zip(&mut medians) {
            let measured = pass(client, round, length).await;
            medians.extend((round > 0).then(|| median(measured)));
        }
    }
    let mut ratios: Vec<f64> = medians[0].iter().zip(&medians[1]).map(|(echo, node)| node / echo).collect();
    ratios.sort_by(f64::total_cmp);
    let [echo_p50, node_p50] = medians.map(median);
    let range = ratios.first().zip(ratios.last()).map(|(least, most)| format!("{least:.2}–{most:.2}"));
    let ratio = median(ratios);
    println!("{protocol:8} {echo_p50:>7.0} µs {node_p50:>8.0} µs {ratio:>7.2} ({})", range.unwrap_or_default());
    ratio
}

/// One closed loop of all workers; the latency of every request in microseconds.
async fn pass(client: &Arc<Client>, round: usize, length: Duration) -> Vec<f64> {
    let messages: Vec<Item> = (0..WORKERS).map(|worker| message(worker, round)).collect();
    let end = Instant::now() + length;
    let workers = messages.into_iter().map(|message| tokio::spawn(work(Arc::clone(client), message, end)));
    let workers: Vec<_> = workers.collect();
    let mut times = Vec::new();
    for worker in workers {
        times.extend(worker.await.expect("a worker"));
    }
    times
}

/// A message of its own for each worker and round, with some 1 KiB of data.
fn message(worker: usize, round: usize) -> Item {
    let data = format!("{worker} {round} {}", "x".repeat(1000));
    builder("Message").target(Id::from_bytes([9; 32])).data(data).sign(&client_wallet()).expect("signs")
}

async fn work(client: Arc<Client>, message: Item, end: Instant) -> Vec<f64> {
    let mut times = Vec::new();
    let mut start = Instant::now();
    while start < end {
        let answer = client.send(Call::post(PATH, message.as_bytes().clone())).await.expect("an answer");
        assert!(answer.status.is_success());
        let now = Instant::now();
        times.push((now - start).as_secs_f64() * 1e6);
        start = now;
    }
    times
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
