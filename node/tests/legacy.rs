//! The legacy API, over each protocol.

mod support;

use http::StatusCode;
use serde_json::{Value, json};
use slotbench_core::item::Item;
use slotbench_core::{Id, Signer as _};
use support::*;

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = value.as_object().expect("an object").keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

async fn post(site: &Site<slotbench_node::Node>, item: &Item) -> Value {
    let answer = site.post("/", item.as_bytes().clone()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", text(&answer));
    json(&answer)
}

/// A process with as many messages, posted by the legacy route.
async fn filled(site: &Site<slotbench_node::Node>, messages: usize) -> (Item, Vec<Item>) {
    let process = process();
    post(site, &process).await;
    let messages: Vec<_> = (0..messages).map(|number| message(process.id(), number)).collect();
    for message in &messages {
        post(site, message).await;
    }
    (process, messages)
}

#[tokio::test(flavor = "multi_thread")]
async fn c115_who_and_when() {
    over_all(async |site| {
        let root = site.json("/").await;
        assert_eq!(root["address"], json!(scheduler_wallet().address().to_string()));
        let time = |value: &Value| value["timestamp"].as_str().and_then(|text| text.parse::<u64>().ok());
        assert!(time(&root).is_some_and(|time| time > 1_600_000_000_000));
        let timestamp = site.json("/timestamp").await;
        assert!(time(&timestamp) >= time(&root));
        assert_eq!(timestamp["block_height"], json!("000000000000"));
        let health = site.get("/health").await;
        assert_eq!((health.status, health.body.len()), (StatusCode::OK, 0));
        site.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c115_a_post_answers_with_the_messages_id_and_the_time_of_its_assignment() {
    over_all(async |site| {
        let (process, messages) = filled(&site, 0).await;
        assert!(messages.is_empty());
        let message = message(process.id(), 0);
        let answer = post(&site, &message).await;
        assert_eq!(keys(&answer), ["id", "timestamp"]);
        assert_eq!(answer["id"], json!(message.id().to_string()));
        assert!(answer["timestamp"].is_u64());
        site.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c115_items_pages_and_processes_have_their_shapes() {
    over_all(async |site| {
        let (process, messages) = filled(&site, 3).await;
        let id = process.id();
        let node = site.json(format!("/{}?process-id={id}", messages[1].id())).await;
        assert_eq!(keys(&node), ["assignment", "message"]);
        let (message, assignment) = (&node["message"], &node["assignment"]);
        assert_eq!(keys(message), ["anchor", "data", "id", "owner", "signature", "tags", "target"]);
        assert_eq!(keys(assignment), ["anchor", "id", "owner", "signature", "tags", "target"]);
        assert_eq!(keys(&message["owner"]), ["address", "key"]);
        assert_eq!((&message["data"], &message["target"]), (&json!("message 1"), &json!(id.to_string())));
        assert_eq!(message["owner"]["address"], json!(client_wallet().address().to_string()));
        let by_assignment = site.json(format!("/{}?process-id={id}", assignment["id"].as_str().expect("text"))).await;
        assert_eq!(by_assignment, node);
        assert_eq!(site.json(format!("/{id}/latest")).await["message"]["id"], json!(messages[2].id().to_string()));

        let definition = site.json(format!("/processes/{id}")).await;
        let shape = ["anchor", "block", "data", "owner", "process_id", "signature", "tags", "target", "timestamp"];
        assert_eq!(keys(&definition), shape);
        assert_eq!((&definition["process_id"], &definition["block"]), (&json!(id.to_string()), &json!("000000000000")));
        assert!(definition["timestamp"].as_u64().is_some_and(|time| time > 0));
        site.stop().await;
    })
    .await;
}

/// Cursors of a page, and whether there is more.
async fn page(site: &Site<slotbench_node::Node>, id: Id, query: &str) -> (Vec<String>, bool) {
    let page = site.json(format!("/{id}?process-id={id}{query}")).await;
    assert_eq!(keys(&page), ["edges", "page_info"]);
    assert_eq!(keys(&page["page_info"]), ["has_next_page"]);
    let cursor = |edge: &Value| {
        assert_eq!(keys(edge), ["cursor", "node"]);
        edge["cursor"].as_str().expect("text").to_owned()
    };
    let cursors = page["edges"].as_array().expect("edges").iter().map(cursor).collect();
    (cursors, page["page_info"]["has_next_page"].as_bool().expect("a boolean"))
}

#[tokio::test(flavor = "multi_thread")]
async fn c115_pages_by_nonce_and_by_time() {
    over_all(async |site| {
        let (process, _) = filled(&site, 4).await;
        let id = process.id();
        let text = |slots: std::ops::Range<u64>| slots.map(|slot| slot.to_string()).collect::<Vec<_>>();
        assert_eq!(page(&site, id, "&from-nonce=-1").await, (text(0..5), false));
        assert_eq!(page(&site, id, "&from-nonce=0&to-nonce=2").await, (text(1..3), false));
        assert_eq!(page(&site, id, "&from-nonce=0&limit=2").await, (text(1..3), true));
        // Exactly as many as asked for, and nothing behind them.
        assert_eq!(page(&site, id, "&from-nonce=2&limit=2").await, (text(3..5), false));
        let (times, more) = page(&site, id, "").await;
        assert!(times.len() == 5 && !more && times.is_sorted());
        let (later, _) = page(&site, id, &format!("&from={}", times[4])).await;
        assert_eq!(later, Vec::<String>::new(), "'from' is exclusive");
        assert_eq!(page(&site, id, &format!("&to={}", times[4])).await.0, times, "'to' is inclusive");
        site.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c115_whatever_the_client_did_is_400_with_an_error() {
    over_all(async |site| {
        let (process, messages) = filled(&site, 1).await;
        let (id, message) = (process.id(), messages[0].id());
        let unknown = Id::from_bytes([3; 32]);
        for path in [
            format!("/{message}"),
            format!("/{unknown}?process-id={id}"),
            format!("/{unknown}?process-id={unknown}"),
            format!("/{message}?process-id=x"),
            format!("/{id}?process-id={id}&limit=0"),
            format!("/{id}?process-id={id}&limit=x"),
            format!("/{id}?process-id={id}&from=x"),
            format!("/{id}?process-id={id}&from-nonce=x"),
            format!("/{unknown}/latest"),
            format!("/processes/{unknown}"),
        ] {
            let answer = site.get(path.clone()).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}: {}", text(&answer));
            assert_eq!(keys(&json(&answer)), ["error"]);
        }
        let kind = |kind: &str| builder(kind).target(id);
        let signed = |builder: slotbench_core::item::ItemBuilder| builder.sign(&client_wallet()).expect("signs");
        for (item, why) in [
            (signed(kind("Other")), "type"),
            (signed(slotbench_core::item::ItemBuilder::new().tag("Type", "Message").target(id)), "data-protocol"),
            (signed(builder("Process").tag("Scheduler", scheduler_wallet().address().to_string())), "module"),
            (signed(kind("Message").tag("file+link", "x")), "link"),
        ] {
            let answer = site.post("/", item.as_bytes().clone()).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{why}");
        }
        assert_eq!(site.post("/", "garbage").await.status, StatusCode::BAD_REQUEST);
        assert_eq!(site.post(format!("/?process-id={id}&assign={message}"), "").await.status, StatusCode::BAD_REQUEST);
        assert_eq!(site.json(format!("/{id}/slot")).await["current"], json!(1));
        site.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c115_latest_needs_a_message_beside_the_process() {
    over_all(async |site| {
        let (process, _) = filled(&site, 0).await;
        let answer = site.get(format!("/{}/latest", process.id())).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        site.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c115_metrics_are_open_metrics() {
    over_all(async |site| {
        let (process, _) = filled(&site, 2).await;
        site.get(format!("/{}/slot", process.id())).await;
        let answer = site.get("/metrics").await;
        assert!(answer.headers["content-type"].to_str().expect("text").starts_with("application/openmetrics-text"));
        let metrics = text(&answer);
        let protocol = site.endpoint.protocol;
        let posts = format!(r#"slotbench_requests_total{{route="root",protocol="{protocol}",status="200"}} 3"#);
        assert!(metrics.contains(&posts), "{metrics}");
        for line in ["slotbench_messages_stored 3", "slotbench_writers 1", "slotbench_requests_in_flight 1"] {
            assert!(metrics.lines().any(|found| found == line), "{line} in {metrics}");
        }
        assert!(metrics.contains(r#"slotbench_request_duration_seconds_count{route="slot"} 1"#), "{metrics}");
        assert!(metrics.ends_with("# EOF\n"));
        site.stop().await;
    })
    .await;
}
