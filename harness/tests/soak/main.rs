//! A node under mixed load with faults, killed over and over: no acknowledged message is lost, nothing is left over, and
//! nothing panics.
//!
//! A real `slotbench serve` over a real engine at tier `process`. Honest clients schedule messages over HTTP/1.1, HTTP/2 and
//! HTTP/3 while others send what is too large, too slow, broken off or garbage. Every now and then the node's process gets a
//! SIGKILL in the middle of it and is started again, with TLS and without by turns. The last one is left alive: when the load has
//! stopped, its memory and its descriptors must go back to what they were after a first moment of honest load.
//!
//! Short by default; `SLOTBENCH_FAULTS_SECONDS=600 cargo test --release -p slotbench --test soak -- --nocapture` is the long run,
//! and prints its figures. `SLOTBENCH_FAULTS_BACKEND` names another engine than redb.
#![cfg(target_os = "linux")]
#![expect(clippy::print_stdout, reason = "the figures of the long run")]

mod faults;
mod honest;
mod node;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use slotbench_node::Protocol;
use slotbench_node::client::Client;

use honest::{Acknowledged, Caller};
use node::{Certificate, Node, Usage};

const SEED: u64 = 5;
/// Honest clients of each protocol.
const CALLERS: usize = 2;
/// Memory that a node may keep beyond what its engine can have cached. The allocator keeps what it was given once in each of
/// its arenas, of which there are up to eight a core, and a body may have 10 MiB.
const KEPT: u64 = 64 << 20;
/// Files that an engine may have opened meanwhile: some keep their data in more than one.
const FILES: usize = 16;
/// How long after the load the node may take to close what its clients left open: its limits for a head and for a body that
/// does not come are 10 s and 20 s.
const SETTLING: Duration = Duration::from_secs(45);

fn length() -> Duration {
    let seconds = std::env::var("SLOTBENCH_FAULTS_SECONDS").ok().and_then(|text| text.parse().ok());
    seconds.map_or(Duration::from_millis(2500), Duration::from_secs)
}

fn backend() -> String {
    std::env::var("SLOTBENCH_FAULTS_BACKEND").unwrap_or_else(|_| "redb".to_owned())
}

#[test]
fn a_node_killed_under_mixed_load_loses_nothing_and_one_that_lives_leaves_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let (backend, certificate) = (backend(), Certificate::make(dir.path()));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads");
    let mut random = StdRng::seed_from_u64(SEED);
    let (mut acknowledged, mut faults, mut kills) = (Acknowledged::default(), 0, 0);

    // Two thirds of the time for nodes that are killed, the rest for the one that is not.
    let end = Instant::now() + length() * 2 / 3;
    let longest = (length() / 10).clamp(Duration::from_millis(400), Duration::from_secs(8));
    while Instant::now() < end {
        let node = Node::start(dir.path(), &backend, certificate.by_turns(kills));
        let lives = longest.mul_f64(random.random_range(0.25..1.0));
        faults += runtime.block_on(load(&node, lives, kills, &mut acknowledged, Some(Node::kill)));
        assert_eq!(node.panics(), Vec::<String>::new());
        kills += 1;
    }

    let node = Node::start(dir.path(), &backend, certificate.by_turns(kills));
    runtime.block_on(load(&node, length() / 12, kills, &mut acknowledged, None));
    let before = settled(&node, None);
    faults += runtime.block_on(load(&node, length() / 4, kills + 1, &mut acknowledged, None));
    let after = settled(&node, Some(&before));
    let slots = runtime.block_on(honest::read_back(&node, &acknowledged));
    println!(
        "{backend}: {kills} kills, {} acknowledged, {slots} stored, {faults} faults; before: {before}; after: {after}",
        acknowledged.len()
    );
    assert!(kills > 0 && faults > 0 && acknowledged.len() > 0);
    // What an engine has cached is on the disk, so it is no more than what the directory has grown by.
    let allowed = before.resident + KEPT + after.stored.saturating_sub(before.stored);
    assert!(after.resident <= allowed, "{before}, then {after}: more than {allowed} bytes");
    let others = |usage: &Usage| usage.descriptors - usage.sockets;
    assert!(others(&after) <= others(&before) + FILES, "{before}, then {after}");

    let panics = node.terminate();
    assert_eq!(panics, Vec::<String>::new());
    verify(&dir.path().join("data").join(&backend), &backend, slots);
}

/// Honest and faulty clients for that long; then what `ending` does to the node, in the middle of it. Returns how many faults.
async fn load(
    node: &Node,
    length: Duration,
    number: usize,
    acknowledged: &mut Acknowledged,
    ending: Option<fn(&Node)>,
) -> usize {
    let (stop, killed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let callers = node.endpoints.iter().flat_map(|endpoint| (0..CALLERS).map(move |index| (endpoint, index)));
    let callers: Vec<_> = callers
        .map(|(endpoint, index)| {
            let name = format!("{number} {} {index}", endpoint.protocol);
            tokio::spawn(Caller::new(endpoint, name, &stop, &killed).run())
        })
        .collect();
    let faulty: Vec<_> = node.endpoints.iter().map(|endpoint| faults::spawn(endpoint, &stop)).collect();
    tokio::time::sleep(length).await;
    if let Some(ending) = ending {
        killed.store(true, Ordering::SeqCst);
        ending(node);
    }
    stop.store(true, Ordering::SeqCst);
    for caller in callers {
        acknowledged.extend(caller.await.expect("an honest client"));
    }
    let mut faults = 0;
    for client in faulty {
        faults += client.await.expect("a faulty client");
    }
    faults
}

/// What the node uses once nobody talks to it; with no more sockets than `before`, if that has been.
fn settled(node: &Node, before: Option<&Usage>) -> Usage {
    let patience = Instant::now() + SETTLING;
    loop {
        let usage = node.usage();
        let enough = before.map_or(usage.sockets == node.listeners(), |before| usage.sockets <= before.sockets);
        if enough {
            return usage;
        }
        assert!(Instant::now() < patience, "sockets are left open: {usage}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Every slot, its links, its message's signature and the chain, by the program's own check.
fn verify(store: &Path, backend: &str, slots: u64) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slotbench"));
    let output = command.arg("verify").arg(store).args(["--backend", backend]).output().expect("runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.starts_with(&format!("{slots} sound slots")), "{slots} were read: {said}");
}

fn client(endpoint: &slotbench_node::client::Endpoint) -> Client {
    let size = slotbench_node::client::PoolSize { connections: 1, turns: 1 };
    Client::new(endpoint.clone(), size, Duration::from_secs(60)).expect("a client")
}

/// Whether raw bytes on a connection mean anything to it.
fn is_cleartext(endpoint: &slotbench_node::client::Endpoint) -> bool {
    endpoint.protocol == Protocol::H1 && endpoint.trusted.is_none()
}
