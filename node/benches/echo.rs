//! The node against a bare echo server on the same stack: what scheduling adds to a request.
//!
//! Both are served by the same listeners and asked by the same clients for the same bodies: 25 workers in a closed loop, a
//! connection each. The node schedules over the memory engine with signing and verifying off. Rounds of the two alternate,
//! so drift hits both alike; of each protocol the medians over all rounds are compared. The bar is 1.4.
//!
//! `cargo bench -p slotbench-node --bench echo`; half a minute. Exit code 1 when the node is above the bar.
#![expect(clippy::print_stdout, reason = "the benchmark's result")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::fmt;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt as _, Full};
use slotbench_core::operations::{Policies, ProcessPolicy};
use slotbench_core::scheduler::SignaturePolicy;
use slotbench_core::wallet::NoSigner;
use slotbench_core::{Config, Durability, Id};
use slotbench_node::client::{Call, Client};
use slotbench_node::{Limits, NodeOptions, Protocol, Reply, Service};
use support::{Site, builder, client, config, memory, node};

const WORKERS: usize = 25;
const ROUNDS: usize = 6;
const ROUND: Duration = Duration::from_millis(700);
const BAR: f64 = 1.4;
const PATH: &str = "/~scheduler@1.0/schedule";

/// Sends every body back.
struct Echo;

impl Service for Echo {
    async fn respond<B>(&self, request: Request<B>) -> Reply
    where
        B: Body<Data = Bytes> + Send + Unpin,
        B::Error: fmt::Display,
    {
        let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes);
        Response::new(Full::new(body.unwrap_or_default()))
    }
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads");
    println!("protocol   echo p50    node p50   ratio (bar {BAR})");
    let ratios = Protocol::ALL.map(|protocol| runtime.block_on(compare(protocol)));
    if ratios.iter().all(|ratio| *ratio <= BAR) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn compare(protocol: Protocol) -> f64 {
    let unsigned = SignaturePolicy { required: false, verify: false };
    let config = Config {
        durability: Durability::Memory,
        signatures: unsigned,
        signer: Arc::new(NoSigner),
        index_messages: false,
        ..config()
    };
    let policies = Policies { processes: ProcessPolicy::Any, ..Policies::default() };
    let node = node(memory(), config, policies, NodeOptions::default());
    let (echo, node) =
        (Site::serve(Echo, protocol, Limits::default()).await, Site::serve(node, protocol, Limits::default()).await);
    let clients = [&echo.endpoint, &node.endpoint].map(|endpoint| Arc::new(client(endpoint, WORKERS)));
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..=ROUNDS {
        for (client, times) in clients.iter().zip(&mut times) {
            let measured = pass(client, round).await;
            // The first round opens the connections and warms up.
            if round > 0 {
                times.extend(measured);
            }
        }
    }
    let [echo_p50, node_p50] = times.map(median);
    let ratio = node_p50.as_secs_f64() / echo_p50.as_secs_f64();
    println!("{protocol:8} {echo_p50:>10.1?} {node_p50:>11.1?} {ratio:>7.2}");
    ratio
}

/// One closed loop of all workers; the latency of every request.
async fn pass(client: &Arc<Client>, round: usize) -> Vec<Duration> {
    let end = Instant::now() + ROUND;
    let workers: Vec<_> =
        (0..WORKERS).map(|worker| tokio::spawn(work(Arc::clone(client), worker, round, end))).collect();
    let mut times = Vec::new();
    for worker in workers {
        times.extend(worker.await.expect("a worker"));
    }
    times
}

async fn work(client: Arc<Client>, worker: usize, round: usize, end: Instant) -> Vec<Duration> {
    // A body of its own for each worker and round, some 1 KiB.
    let data = format!("{worker} {round} {}", "x".repeat(1000));
    let message = builder("Message").target(Id::from_bytes([9; 32])).data(data).sign(&NoSigner).expect("builds");
    let mut times = Vec::new();
    let mut start = Instant::now();
    while start < end {
        let answer = client.send(Call::post(PATH, message.as_bytes().clone())).await.expect("an answer");
        assert!(answer.status.is_success());
        let now = Instant::now();
        times.push(now - start);
        start = now;
    }
    times
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
