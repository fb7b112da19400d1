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
//! 1 KiB a request. With `ECHO_APART=1` each server has a process of its own, as a node has when the harness measures one; by
//! default servers and clients share the threads of one. A worker sends one message over and over within a round, so that the
//! clients make and sign none meanwhile; the memory engine keeps it once, and every request has a slot and an assignment of its
//! own.
#![expect(clippy::print_stdout, reason = "the benchmark's result")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::any::Any;
use std::fmt;
use std::io::{self, BufRead as _, BufReader};
use std::process::{Child, Command, ExitCode, Stdio};
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
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
use support::{Site, builder, client, client_wallet, config, endpoint, memory, node};

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
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads");
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [SERVE, protocol, bytes @ ..] = &words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        runtime.block_on(serve(protocol.parse().expect("a protocol"), bytes.first().copied()));
        return ExitCode::SUCCESS;
    }
    let (rounds, length) = (setting("ECHO_ROUNDS", 12), Duration::from_millis(setting("ECHO_MILLISECONDS", 400)));
    let apart = setting("ECHO_APART", 0) != 0;
    let asked: Vec<Protocol> = words.iter().filter_map(|word| word.parse().ok()).collect();
    let protocols = if asked.is_empty() { Protocol::ALL.to_vec() } else { asked };
    println!("protocol   echo p50    node p50   ratio (range over {rounds} rounds; bar {BAR})");
    let compared = protocols.into_iter().map(|protocol| runtime.block_on(compare(protocol, rounds, length, apart)));
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

/// A server, and its clients.
struct Served {
    client: Arc<Client>,
    _server: Box<dyn Any>,
}

impl Served {
    /// The node, or an echo that answers so many bytes.
    async fn start(protocol: Protocol, answer: Option<usize>, apart: bool) -> Self {
        match answer {
            _ if apart => Self::start_apart(protocol, answer),
            Some(bytes) => Self::start_here(protocol, echo(bytes)).await,
            None => Self::start_here(protocol, unsigned_node()).await,
        }
    }

    async fn start_here(protocol: Protocol, service: impl Service) -> Self {
        let site = Site::serve(service, protocol, Limits::default()).await;
        Self { client: Arc::new(client(&site.endpoint, WORKERS)), _server: Box::new(site) }
    }

    fn start_apart(protocol: Protocol, answer: Option<usize>) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args([SERVE, protocol.name()]).args(answer.map(|bytes| bytes.to_string()));
        let mut server = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a process");
        let mut line = String::new();
        BufReader::new(server.stdout.take().expect("piped")).read_line(&mut line).expect("where it serves");
        let mut words = line.split_whitespace();
        let addr = words.next().and_then(|word| word.parse().ok()).expect("an address");
        let certificate = words.next().map(|word| STANDARD.decode(word).expect("base64"));
        let endpoint = endpoint(addr, protocol, certificate.as_deref());
        Self { client: Arc::new(client(&endpoint, WORKERS)), _server: Box::new(Apart(server)) }
    }
}

/// The word that makes this program a server.
const SERVE: &str = "serve";

/// Serves until standard input ends. The line on standard output says where, and whom to trust.
async fn serve(protocol: Protocol, answer: Option<&str>) {
    match answer {
        Some(bytes) => serve_it(protocol, echo(bytes.parse().expect("a number"))).await,
        None => serve_it(protocol, unsigned_node()).await,
    }
}

async fn serve_it(protocol: Protocol, service: impl Service) {
    let site = Site::serve(service, protocol, Limits::default()).await;
    println!(
        "{} {}",
        site.endpoint.addr,
        site.certificate.as_deref().map(|der| STANDARD.encode(der)).unwrap_or_default()
    );
    let ended = tokio::task::spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink())).await;
    ended.expect("a thread").expect("standard input");
}

/// A server in a process of its own.
struct Apart(Child);

impl Drop for Apart {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

fn echo(bytes: usize) -> Echo {
    Echo(vec![b'x'; bytes].into())
}

async fn compare(protocol: Protocol, rounds: usize, length: Duration, apart: bool) -> f64 {
    let node = Served::start(protocol, None, apart).await;
    let answer = node.client.send(Call::post(PATH, message(0, 0).as_bytes().clone())).await.expect("an answer");
    let echo = Served::start(protocol, Some(answer.body.len()), apart).await;
    let clients = [&echo.client, &node.client];
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
