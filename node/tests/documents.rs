//! What this node writes is read back, in every shape.

mod support;

use std::sync::Arc;

use http::HeaderValue;
use serde_json::json;
use slotbench_core::operations::{Operations, Policies};
use slotbench_core::{Config, Durability, Scheduler, Signer as _};
use slotbench_node::client::Call;
use slotbench_node::node::Aos2;
use slotbench_node::wire::read::legacy::{self, Body};
use slotbench_node::wire::read::{ReadLimits, native};
use slotbench_node::{Limits, Node, NodeOptions, Protocol};
use support::*;

async fn aos2(site: &Site<Node>, path: String) -> Vec<u8> {
    let mut call = Call::get(path);
    call.headers.insert("accept", HeaderValue::from_static("application/aos-2"));
    site.call(call).await.body.to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn c113_aos2_pages_are_read_back_item_by_item() {
    let site = site(Protocol::H1).await;
    let id = filled(&site, 2).await;
    let binary = builder("Message").target(id).data(vec![0xFF, 0]).anchor([7; 32]).tag("Nonce", "a user's own");
    posted(&site, &binary.sign(&client_wallet()).expect("signs")).await;
    let written =
        native::schedule(&site.get(format!("/{id}/schedule")).await.body, ReadLimits::default()).expect("a page");
    let page = legacy::page(&aos2(&site, format!("/{id}/schedule")).await, ReadLimits::default()).expect("a page");
    assert_eq!((page.process, page.continues, &page.cut), (Some(id), false, &None));
    assert_eq!(page.entries.len(), 4);
    for (entry, expected) in page.entries.iter().zip(&written.assignments) {
        let read = entry.scheduled(|_| None).expect("a slot");
        read.message.verify().expect("a message");
        read.assignment.item().verify().expect("an assignment");
        assert_eq!(read.assignment.item(), expected.assignment.item());
        assert_eq!(read.message, expected.message);
    }
    assert_eq!(page.time.timestamp, written.assignments[3].assignment.timestamp());
    let cut = aos2(&site, format!("/{id}/schedule?from=1&to=2")).await;
    let cut = legacy::page(&cut, ReadLimits::default()).expect("a page");
    assert_eq!(cut.entries.iter().map(|entry| entry.slot).collect::<Vec<_>>(), [1, 2]);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c113_the_reference_nodes_shape_is_written_on_demand_and_read_as_far_as_it_goes() {
    let config = Config { durability: Durability::Memory, ..config() };
    let scheduler = Arc::new(Scheduler::new(memory(), config).expect("a scheduler"));
    let operations = Arc::new(Operations::new(scheduler, Policies::default()));
    let options = NodeOptions { aos2: Aos2::Capital, ..NodeOptions::default() };
    let site = Site::serve(Node::new(operations, options), Protocol::H1, Limits::default()).await;
    let id = filled(&site, 1).await;
    let body = aos2(&site, format!("/{id}/schedule")).await;
    let value: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
    let edge = &value["edges"][1];
    assert_eq!(edge["cursor"], json!("1"), "text, as everywhere");
    let message = &edge["node"]["message"];
    let mut keys: Vec<_> = message.as_object().expect("an object").keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["Anchor", "Data", "From", "Id", "Owner", "Signature", "Tags", "Target"]);
    let address = client_wallet().address().to_string();
    assert_eq!((&message["Owner"], &message["From"]), (&json!(address), &json!(address)));
    assert_eq!((&message["Data"], &message["Target"]), (&json!("message 0"), &json!(id.to_string())));

    let page = legacy::page(&body, ReadLimits::default()).expect("a page");
    assert_eq!(page.entries.iter().map(|entry| entry.slot).collect::<Vec<_>>(), [0, 1]);
    let Body::Message(read) = &page.entries[1].body else { panic!("there is a message") };
    assert_eq!((read.owner.as_deref(), &read.data[..]), (Some(&*address), &b"message 0"[..]));
    // Without the owner's key nobody can verify it, so it is no item.
    assert!(page.entries[1].scheduled(|_| None).is_err());
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn native_answers_are_read_back() {
    let site = site(Protocol::H1).await;
    let id = filled(&site, 1).await;
    let posted = site.post("/~scheduler@1.0/schedule", message(id, 5).as_bytes().clone()).await;
    let assignment = native::assignment(&posted.body).expect("an assignment");
    assert_eq!((assignment.slot(), assignment.message()), (2, message(id, 5).id()));
    let slot = native::slot(&site.get(format!("/{id}/slot")).await.body).expect("a slot");
    assert_eq!((slot.process, slot.current), (id, Some(2)));
    let limited = native::schedule(&site.get(format!("/{id}/schedule")).await.body, ReadLimits { entries: 2 });
    let limited = limited.expect("a page");
    assert_eq!((limited.assignments.len(), limited.continues), (2, true));
    let definition = legacy::process(&site.get(format!("/processes/{id}")).await.body).expect("a process");
    let definition = definition.item().expect("an item");
    definition.verify().expect("a signature");
    assert_eq!(definition.id(), id);
    let item = site.get(format!("/{}?process-id={id}", message(id, 5).id())).await;
    assert_eq!(legacy::item(&item.body).expect("an item").slot, 2);
    site.stop().await;
}
