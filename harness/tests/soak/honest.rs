//! Clients that do as they should, and what they were told.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::StatusCode;
use serde_json::Value;
use slotbench_core::item::{Item, ItemBuilder};
use slotbench_core::{Id, Wallet};
use slotbench_node::client::{Answer, Call, Client, ClientError, Endpoint};

use crate::client;
use crate::node::Node;

const PROCESSES: [Id; 2] = [Id::from_bytes([1; 32]), Id::from_bytes([2; 32])];
/// How often a caller that waits looks whether the node was killed.
const MOMENT: Duration = Duration::from_millis(100);
pub(crate) const PATH: &str = "/~scheduler@1.0/schedule";

/// Messages by process and slot, as their senders were told.
#[derive(Default)]
pub(crate) struct Acknowledged(HashMap<(Id, u64), Id>);

impl Acknowledged {
    pub(crate) fn extend(&mut self, told: Vec<((Id, u64), Id)>) {
        for (place, message) in told {
            assert_eq!(self.0.insert(place, message), None, "two messages were told of slot {place:?}");
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Schedules one message after the other.
pub(crate) struct Caller {
    client: Client,
    wallet: Wallet,
    name: String,
    stop: Arc<AtomicBool>,
    killed: Arc<AtomicBool>,
}

impl Caller {
    pub(crate) fn new(endpoint: &Endpoint, name: String, stop: &Arc<AtomicBool>, killed: &Arc<AtomicBool>) -> Self {
        let wallet = Wallet::ed25519_from_seed([8; 32]).expect("a key");
        Self { client: client(endpoint), wallet, name, stop: Arc::clone(stop), killed: Arc::clone(killed) }
    }

    /// Until it is to stop, or the node was killed: only then may a request fail.
    pub(crate) async fn run(self) -> Vec<((Id, u64), Id)> {
        let mut told = Vec::new();
        let mut number = 0;
        while !self.stop.load(Ordering::SeqCst) {
            let process = PROCESSES[number % 2];
            let message = self.message(process, number);
            match self.send(Call::post(PATH, message.as_bytes().clone())).await {
                Some(Ok(answer)) => told.push(((process, slot(&answer)), message.id())),
                Some(Err(error)) => {
                    assert!(self.killed.load(Ordering::SeqCst), "{}: {error}", self.name);
                    break;
                }
                None => break,
            }
            number += 1;
        }
        told
    }

    /// The answer, or nothing once the node was killed: over QUIC nobody says that it is gone.
    async fn send(&self, call: Call) -> Option<Result<Answer, ClientError>> {
        let mut sending = std::pin::pin!(self.client.send(call));
        loop {
            match tokio::time::timeout(MOMENT, &mut sending).await {
                Ok(answer) => return Some(answer),
                Err(_) if self.killed.load(Ordering::SeqCst) => return None,
                Err(_) => {}
            }
        }
    }

    fn message(&self, process: Id, number: usize) -> Item {
        let data = format!("{} {number}", self.name);
        let message = ItemBuilder::new().tag("Data-Protocol", "ao").tag("Type", "Message").target(process).data(data);
        message.sign(&self.wallet).expect("signs")
    }
}

fn json(answer: &Answer) -> Value {
    let text = String::from_utf8_lossy(&answer.body);
    assert_eq!(answer.status, StatusCode::OK, "{text}");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn slot(answer: &Answer) -> u64 {
    json(answer)["slot"].as_u64().expect("a slot")
}

/// Reads every schedule from its start, and finds every acknowledged message where its sender was told. Returns how many slots
/// there are.
pub(crate) async fn read_back(node: &Node, acknowledged: &Acknowledged) -> u64 {
    let client = client(&node.endpoints[0]);
    let (mut slots, mut found) = (0, 0);
    for process in PROCESSES {
        let mut next = 0;
        loop {
            let page =
                json(&client.send(Call::get(format!("/{process}/schedule?from={next}"))).await.expect("an answer"));
            let assignments = page["assignments"].as_object().expect("an object");
            for (slot, assignment) in assignments {
                let slot: u64 = slot.parse().expect("a number");
                let message: Id = assignment["message"].as_str().and_then(|id| id.parse().ok()).expect("an id");
                if let Some(told) = acknowledged.0.get(&(process, slot)) {
                    assert_eq!(*told, message, "slot {slot} of {process}");
                    found += 1;
                }
            }
            slots += assignments.len() as u64;
            let Some(more) = page["next-from"].as_u64() else { break };
            assert_eq!(more, next + assignments.len() as u64, "a hole");
            next = more;
        }
    }
    assert_eq!(found, acknowledged.len(), "acknowledged messages that are not stored");
    slots
}
