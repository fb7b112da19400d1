//! Another node's schedule: two nodes in this process, over HTTP/1.1.
//!
//! One makes the schedule, signed, in memory. The other does not: it has the cell's engine under its cache, and is asked
//! for pages of a hundred slots from anywhere. It either may cache nothing, so that it asks the first node every time and
//! verifies every signature of what it is told, or has cached all of it before the clock starts. Beside both, the first
//! node is asked itself. Every answer is checked, after its time was taken, and afterwards whether the cache was used as
//! the cell's name says.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde::Deserialize;
use slotbench_backends::{Kind, Options};
use slotbench_core::foreign::ForeignCounters;
use slotbench_core::item::ItemBuilder;
use slotbench_core::location::BaseUrl;
use slotbench_core::operations::{Network, Operations, Policies};
use slotbench_core::store::Store;
use slotbench_core::wallet::Wallet;
use slotbench_core::{Config, Durability, Id, Scheduler};
use slotbench_node::client::{Call, Client, Endpoint, PoolSize};
use slotbench_node::remote::{Remote, RemoteOptions};
use slotbench_node::{Limits, Node, NodeOptions, Protocol, Server, Tcp};
use tokio::sync::Barrier;

use super::site::Site;
use super::{Totals, failed, round, share};
use crate::answers::WrongAnswers;
use crate::cell::{Length, Operation};
use crate::driver::Driver;
use crate::driver::meters::Meters;
use crate::model::Tag;
use crate::recorder::{merge, new_histogram};
use crate::runner::{CellFailure, Histograms, Job, Round, Stop};
use crate::verify::Verification;

/// Slots of a page.
const PAGE: u64 = 100;
/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Seeds of the keys of the scheduler, of the node beside it, and of the client.
const SEEDS: [u8; 3] = [0x51, 0x52, 0x53];

pub(super) fn run(driver: &mut Driver, job: &Job<'_>, site: &Site) -> Result<Round, CellFailure> {
    let store = site.open()?;
    let described = store.describe();
    let runtime = driver.runtime().map_err(|error| failed("no threads for the workers", &error))?;
    let relay = Arc::new(runtime.block_on(Relay::start(job, site, &store))?);
    let pass = |length| {
        let outcome = runtime.block_on(Relay::pass(&relay, job.cell.axes.workers, length, job));
        if job.stop.is_requested() { Err(CellFailure::Interrupted) } else { Ok(outcome) }
    };
    let warmup = pass(Length::Duration(job.cell.measure.warmup))?;
    let meters = Meters::read(&*store, &site.dir, site.base.bytes(driver.prepared));
    let outcome = pass(job.cell.measure.length)?;
    let (resources, _) = meters.since(&*store, Vec::new);
    let verification = relay.verify(warmup.operations + outcome.operations);
    let totals = Totals {
        operations: outcome.operations,
        reads: outcome.operations,
        elapsed: outcome.elapsed,
        warmup: warmup.elapsed,
        slots_before: Some(relay.messages.len() as u64),
    };
    let relay = Arc::into_inner(relay).ok_or_else(|| CellFailure::Failed("the nodes are still in use".to_owned()))?;
    runtime.block_on(relay.stop());
    let histograms = Histograms::from([(Tag::Read, outcome.latency)]);
    Ok(round(job, totals, resources, Some(verification), histograms, described))
}

/// A node that serves.
struct Serving {
    operations: Arc<Operations>,
    server: Server<Node>,
    addr: SocketAddr,
}

impl Serving {
    async fn start(operations: Operations, remote: Option<Arc<Remote>>) -> Result<Self, CellFailure> {
        let operations = Arc::new(operations);
        let node = Node::new(Arc::clone(&operations), NodeOptions { remote, ..NodeOptions::default() });
        let server = Server::new(Arc::new(node), Limits::default());
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let addr = server.tcp(any_port, Tcp::H1, None).await.map_err(|error| failed("a node cannot listen", &error))?;
        Ok(Self { operations, server, addr })
    }
}

/// The two nodes, what is asked of them, and what they must answer.
struct Relay {
    operation: Operation,
    /// The node that makes the schedule, and the one that does not.
    nodes: [Serving; 2],
    client: Client,
    /// The path of a page, up to the number of its first slot.
    path: String,
    /// By slot, in text.
    messages: Vec<String>,
    /// What the cache had counted before the first pass.
    before: ForeignCounters,
    wrong: WrongAnswers,
}

/// What a pass, or a worker of it, did.
struct Outcome {
    latency: Histogram<u64>,
    operations: u64,
    elapsed: Duration,
}

impl Relay {
    async fn start(job: &Job<'_>, site: &Site, store: &Arc<dyn Store>) -> Result<Self, CellFailure> {
        let (axes, operation) = (&job.cell.axes, job.cell.axes.workload.operation);
        let maker = Serving::start(maker()?, None).await?;
        let (process, messages) = fill(&maker, job).await?;
        let workers = axes.workers.max(1) as usize;
        let remote = RemoteOptions { operations: workers, connections: workers, ..RemoteOptions::default() };
        let max_foreign_bytes = if operation == Operation::RemoteCached { u64::MAX } else { 0 };
        let network = Network { max_foreign_bytes, cache_in_background: false, ..Network::default() };
        let relay = Operations::among(scheduler(SEEDS[1], store, site.tier)?, Policies::default(), network);
        let relay = Serving::start(relay, Some(Remote::new(remote))).await?;
        let asked = if operation == Operation::RemoteDirect { maker.addr } else { relay.addr };
        // Of the process the node that is asked knows nothing but where it is made.
        let hint =
            if operation == Operation::RemoteDirect { String::new() } else { format!("%3Fhint%3D{}", url(&maker)?) };
        let endpoint = Endpoint { addr: asked, protocol: Protocol::H1, host: "localhost".to_owned(), trusted: None };
        let client = Client::new(endpoint, PoolSize { connections: workers, turns: 1 }, PATIENCE);
        let mut relay = Self {
            operation,
            nodes: [maker, relay],
            client: client.map_err(|error| failed("no client", &error))?,
            path: format!("/~scheduler@1.0/schedule?target={process}{hint}&from="),
            messages,
            before: ForeignCounters::default(),
            wrong: WrongAnswers::default(),
        };
        if operation == Operation::RemoteCached {
            relay.fill_cache().await;
        }
        relay.before = relay.counters();
        Ok(relay)
    }

    /// Asks for every page once.
    async fn fill_cache(&self) {
        for first in (0..self.messages.len() as u64).step_by(usize::try_from(PAGE).unwrap_or(1)) {
            self.page(first).await;
        }
    }

    async fn pass(relay: &Arc<Self>, workers: u32, length: Length, job: &Job<'_>) -> Outcome {
        let gate = Arc::new(Barrier::new(workers as usize + 1));
        let tasks: Vec<_> = (0..workers)
            .map(|worker| {
                let (relay, gate, stop) = (Arc::clone(relay), Arc::clone(&gate), job.stop.clone());
                let (count, limit) = share(length, workers, worker);
                let seed = job.seed ^ (u64::from(worker) << 32) ^ u64::from(job.round);
                tokio::spawn(async move {
                    gate.wait().await;
                    relay.work(StdRng::seed_from_u64(seed), count, limit, &stop).await
                })
            })
            .collect();
        gate.wait().await;
        let start = Instant::now();
        let mut all = Outcome { latency: new_histogram(), operations: 0, elapsed: Duration::ZERO };
        for task in tasks {
            match task.await {
                Ok(one) => {
                    merge(&mut all.latency, &one.latency);
                    all.operations += one.operations;
                }
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            }
        }
        all.elapsed = start.elapsed();
        all
    }

    /// One worker: `count` pages, none of them asked for later than `limit` after the first.
    async fn work(&self, mut random: StdRng, count: u64, limit: Duration, stop: &Stop) -> Outcome {
        let mut done = Outcome { latency: new_histogram(), operations: 0, elapsed: Duration::ZERO };
        let last_first = (self.messages.len() as u64).saturating_sub(PAGE);
        let clock = Instant::now();
        while done.operations < count && clock.elapsed() < limit && !stop.is_requested() {
            let time = self.page(random.random_range(0..=last_first)).await;
            done.latency.saturating_record(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
            done.operations += 1;
        }
        done
    }

    /// Asks for the page that begins with slot `first`, and checks it.
    async fn page(&self, first: u64) -> Duration {
        let last = first + PAGE - 1;
        let call = Call::get(format!("{}{first}&to={last}", self.path));
        let clock = Instant::now();
        let answer = self.client.send(call).await;
        let time = clock.elapsed();
        let checked = match answer {
            Err(error) => Err(error.to_string()),
            Ok(answer) if !answer.status.is_success() => Err(format!("{}", answer.status)),
            Ok(answer) => self.is_right(&answer.body, first),
        };
        self.wrong.note(checked.map_err(|reason| format!("slots {first} to {last}: {reason}")));
        time
    }

    /// Whether a page has the slots that were asked for, as far as there are any, and the messages that were sent there.
    fn is_right(&self, body: &[u8], first: u64) -> Result<(), String> {
        let page: PageForm<'_> = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        let first = usize::try_from(first).unwrap_or(usize::MAX);
        let expected = self.messages.iter().enumerate().skip(first).take(usize::try_from(PAGE).unwrap_or(1));
        if page.assignments.len() != expected.len() {
            return Err(format!("a page has {} slots", page.assignments.len()));
        }
        for (slot, message) in expected {
            let found = page.assignments.get(slot.to_string().as_str());
            if found.is_none_or(|found| found.message != *message) {
                return Err(format!("slot {slot} does not have the message that was sent there"));
            }
        }
        Ok(())
    }

    fn counters(&self) -> ForeignCounters {
        self.nodes[1].operations.foreign().counters()
    }

    /// Every answer was right, and came from where the cell says.
    fn verify(&self, pages: u64) -> Verification {
        let mut verification =
            Verification { processes: 1, slots: self.messages.len() as u64, ..Verification::default() };
        verification.add(self.wrong.findings());
        let (now, before) = (self.counters(), self.before);
        let hits = now.hits - before.hits;
        let expected = if self.operation == Operation::RemoteCached { pages * PAGE } else { 0 };
        if hits != expected {
            verification.fail(format!("{hits} slots came from the cache, where {expected} should have"));
        }
        if now.stored != before.stored {
            verification.fail(format!("{} slots were cached while measuring", now.stored - before.stored));
        }
        verification
    }

    async fn stop(self) {
        drop(self.client);
        for node in self.nodes {
            // What does not end in time ends with its sockets.
            let _ = node.server.stop().await;
        }
    }
}

/// What is looked at of a page.
#[derive(Deserialize)]
struct PageForm<'a> {
    #[serde(borrow)]
    assignments: BTreeMap<Cow<'a, str>, SlotForm<'a>>,
}

#[derive(Deserialize)]
struct SlotForm<'a> {
    #[serde(borrow)]
    message: Cow<'a, str>,
}

fn wallet(seed: u8) -> Result<Wallet, CellFailure> {
    Wallet::ed25519_from_seed([seed; 32]).map_err(|error| failed("no key", &error))
}

fn scheduler(seed: u8, store: &Arc<dyn Store>, durability: Durability) -> Result<Arc<Scheduler>, CellFailure> {
    let config = Config { durability, inline: false, ..Config::new(Arc::new(wallet(seed)?)) };
    super::new_scheduler(store, config)
}

/// The operations of the node that makes the schedule.
fn maker() -> Result<Operations, CellFailure> {
    let kind = Kind::find("memory").ok_or_else(|| CellFailure::Failed("no store in memory".to_owned()))?;
    let store = kind.open(std::path::Path::new(""), &Options::default());
    let store = store.map_err(|error| failed("the store in memory cannot be opened", &error))?;
    Ok(Operations::new(scheduler(SEEDS[0], &store, Durability::Memory)?, Policies::default()))
}

fn url(node: &Serving) -> Result<BaseUrl, CellFailure> {
    format!("http://{}", node.addr).parse().map_err(|error| failed("a node's address", &error))
}

/// Makes the schedule: the process itself, then signed messages. Answers with the process and the message of each slot.
async fn fill(maker: &Serving, job: &Job<'_>) -> Result<(Id, Vec<String>), CellFailure> {
    let (workload, client) = (&job.cell.axes.workload, wallet(SEEDS[2])?);
    let scheduler = maker.operations.scheduler();
    let named = scheduler.config().signer.address().to_string();
    let unsigned = |error| failed("a message cannot be signed", &error);
    let process = ItemBuilder::new().tag("Type", "Process").tag("Scheduler", named).sign(&client).map_err(unsigned)?;
    let mut random = StdRng::seed_from_u64(job.seed);
    let mut data = vec![0; workload.payload.largest().and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(0)];
    let mut messages = Vec::new();
    for slot in 0..workload.history {
        if job.stop.is_requested() {
            return Err(CellFailure::Interrupted);
        }
        random.fill(&mut data[..]);
        let message = ItemBuilder::new().target(process.id()).tag("Type", "Message").data(data.as_slice());
        let message = if slot == 0 { process.clone() } else { message.sign(&client).map_err(unsigned)? };
        messages.push(message.id().to_string());
        scheduler.schedule(message).await.map_err(|error| failed("a message cannot be scheduled", &error))?;
    }
    Ok((process.id(), messages))
}
