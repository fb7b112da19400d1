//! The queue of pages that wait to be cached, at its limit.

mod support;

use std::sync::Arc;

use serde_json::json;
use slotbench_core::operations::{Network, Slots};
use slotbench_core::testing::{Gate, Hooked, Method};
use slotbench_core::{Id, Item, Store};
use slotbench_node::remote::{Remote, RemoteOptions};
use slotbench_node::{Node, Protocol};
use support::*;

/// Slots of each process.
const SLOTS: usize = 3;

/// A process of its own for each number, scheduled at `peer`.
async fn filled_at(peer: &Site<Node>, number: usize) -> Id {
    let process: Item = builder("Process")
        .tag("Module", number.to_string())
        .tag("Scheduler", slotbench_core::Signer::address(&*scheduler_wallet()).to_string())
        .sign(&client_wallet())
        .expect("signs");
    posted(peer, &process).await;
    for number in 1..SLOTS {
        posted(peer, &message(process.id(), number)).await;
    }
    process.id()
}

async fn read(front: &Site<Node>, process: Id, peer: &Site<Node>) {
    let page = front.json(format!("/~scheduler@1.0/schedule?target={process}%3Fhint%3D{}", url(peer))).await;
    let slots = page["assignments"].as_object().map(serde_json::Map::len);
    assert_eq!((slots, &page["continues"]), (Some(SLOTS), &json!(false)), "answered in full, cached or not");
}

fn cached(front: &Site<Node>, process: Id) -> usize {
    front.service.operations().cached(&process, Slots::ALL, 100).expect("reads").len()
}

async fn not_cached(front: &Site<Node>) -> usize {
    let metrics = text(&front.get("/metrics").await);
    let line = metrics.lines().find_map(|line| line.strip_prefix("slotbench_foreign_pages_not_cached_total "));
    line.expect("the counter").parse().expect("a count")
}

#[tokio::test(flavor = "multi_thread")]
async fn s4_a_full_queue_of_pages_to_cache_drops_and_counts_and_loses_nothing_it_took() {
    let peer = site(Protocol::H1).await;
    let mut processes = Vec::new();
    for number in 0..6 {
        processes.push(filled_at(&peer, number).await);
    }
    for (places, pages) in [(0, 1), (1, 1), (1, 2), (4, 3), (4, 4), (4, 5), (4, 6)] {
        let gate = Gate::closed(Method::Apply);
        let store: Arc<dyn Store> = Arc::new(Hooked::around(memory(), gate.clone()));
        let remote = Remote::new(RemoteOptions { caching: places, ..remote_options() });
        let front = front_on(store, Network::default(), Arc::clone(&remote)).await;
        for process in &processes[..pages] {
            // The store is stuck, and nobody who reads waits for it.
            read(&front, *process, &peer).await;
        }
        if places > 0 {
            tokio::task::spawn_blocking({
                let gate = gate.clone();
                move || gate.wait_for(1)
            })
            .await
            .expect("one page is at the store");
        }
        assert!(processes.iter().all(|process| cached(&front, *process) == 0), "nothing is stored yet");
        gate.open();
        remote.settled().await;
        let taken = pages.min(places);
        let expected = |index| if index < taken { SLOTS } else { 0 };
        for (index, process) in processes.iter().enumerate() {
            assert_eq!(cached(&front, *process), expected(index), "{places} places, {pages} pages, page {index}");
        }
        assert_eq!(not_cached(&front).await, pages - taken, "{places} places, {pages} pages");

        // There is room again: what was dropped is cached when it is next read.
        for process in &processes[..pages] {
            read(&front, *process, &peer).await;
            remote.settled().await;
        }
        let kept = processes[..pages].iter().filter(|process| cached(&front, **process) == SLOTS).count();
        assert_eq!(kept, if places == 0 { 0 } else { pages });
        front.stop().await;
    }
    peer.stop().await;
}
