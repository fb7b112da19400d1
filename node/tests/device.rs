//! The device's keys, over each protocol.

mod support;

use http::{HeaderValue, Method, StatusCode};
use serde_json::{Value, json};
use slotbench_core::block::{Block, BlockHash};
use slotbench_core::item::Item;
use slotbench_core::operations::Policies;
use slotbench_core::scheduler::SignaturePolicy;
use slotbench_core::{Config, Mode, Signer as _};
use slotbench_node::Protocol;
use slotbench_node::client::Call;
use support::*;

#[tokio::test(flavor = "multi_thread")]
async fn c099_a_post_returns_its_slot_and_slot_reports_it_as_current() {
    over_all(async |site| {
        let process = process();
        let id = process.id();
        let first = posted(&site, &process).await;
        assert_eq!((&first["slot"], &first["type"]), (&json!(0), &json!("Assignment")));
        for number in 0..3 {
            let message = message(id, number);
            let assignment = posted(&site, &message).await;
            assert_eq!(assignment["slot"], json!(number + 1));
            assert_eq!(assignment["message"], json!(message.id().to_string()));
            let item = item(&assignment["item"]);
            item.verify().expect("the scheduler's signature");
            assert_eq!(item.owner_address(), scheduler_wallet().address());
            let slot = site.json(format!("/~scheduler@1.0/slot?target={id}")).await;
            assert_eq!(slot["current"], json!(number + 1));
        }
        assert_eq!(site.json(format!("/{id}/slot")).await["current"], json!(3));
        assert_eq!(site.json(format!("/{id}~process@1.0/slot")).await["current"], json!(3));
        site.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c099_a_message_is_posted_on_its_process_and_in_an_object_too() {
    use base64::Engine as _;
    let text = |item: &Item| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(item.as_bytes());
    over_all(async |site| {
        let process = process();
        let message = message(process.id(), 0);
        // The process is not known yet: the object brings it along.
        let object = json!({ "process": text(&process), "body": text(&message) });
        let mut call = Call::post("/~scheduler@1.0/schedule", object.to_string().into());
        call.headers.insert("content-type", HeaderValue::from_static("application/json"));
        assert_eq!(json(&site.call(call).await)["slot"], json!(0));
        let path = format!("/{}/schedule", process.id());
        assert_eq!(json(&site.post(path, message.as_bytes().clone()).await)["slot"], json!(1));
        site.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c100_height_and_hash_are_where_they_belong() {
    for protocol in Protocol::ALL {
        let block = Block { height: 1_234_567, hash: BlockHash::network([0xA5; 48]), timestamp: 1_700_000_000 };
        let site = site_with(protocol, Config { block: block.clone(), ..config() }, Policies::default()).await;
        let id = filled(&site, 0).await;
        let slot = site.get(format!("/{id}/slot")).await;
        assert_eq!(slot.headers.get("cache-control"), Some(&HeaderValue::from_static("no-store")));
        let slot = json(&slot);
        assert_eq!((&slot["block-height"], &slot["block-hash"]), (&json!(1_234_567), &json!(block.hash.to_string())));
        assert_eq!(slot["wallet-address"], json!(scheduler_wallet().address().to_string()));
        assert_eq!(slot["process"], json!(id.to_string()));
        site.stop().await;
    }
}

/// The slots of a page.
fn slots(page: &Value) -> Vec<u64> {
    let mut slots: Vec<u64> = page["assignments"]
        .as_object()
        .expect("assignments by slot")
        .iter()
        .map(|(slot, assignment)| {
            assert_eq!(assignment["slot"].to_string(), *slot);
            slot.parse().expect("a number")
        })
        .collect();
    slots.sort_unstable();
    slots
}

/// More slots than a page has, without signatures to spare time.
async fn long(protocol: Protocol, messages: usize) -> (Site<slotbench_node::Node>, slotbench_core::Id) {
    let signatures = SignaturePolicy { required: false, verify: false };
    let config = Config { signatures, signer: std::sync::Arc::new(slotbench_core::wallet::NoSigner), ..config() };
    let policies = Policies { processes: slotbench_core::operations::ProcessPolicy::Any, ..Policies::default() };
    let site = site_with(protocol, config, policies).await;
    let id = slotbench_core::Id::from_bytes([9; 32]);
    for number in 0..messages {
        let data = format!("{number}");
        let message = builder("Message").target(id).data(data).sign(&slotbench_core::wallet::NoSigner).expect("builds");
        posted(&site, &message).await;
    }
    (site, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn c101_c102_pages_hold_at_most_1000_and_following_them_visits_every_slot_once() {
    for protocol in Protocol::ALL {
        let (site, id) = long(protocol, 2005).await;
        let page = site.json(format!("/{id}/schedule?from=3&to=5")).await;
        assert_eq!((slots(&page), &page["continues"]), (vec![3, 4, 5], &json!(false)));
        assert_eq!(slots(&site.json(format!("/{id}/schedule?from=0&to=1000")).await).len(), 1000);
        let cut = site.json(format!("/~scheduler@1.0/schedule?target={id}&from=0&to=999")).await;
        assert_eq!((slots(&cut).len(), &cut["continues"]), (1000, &json!(false)));

        let (mut seen, mut from) = (Vec::new(), 0);
        loop {
            let page = site.json(format!("/{id}/schedule?from={from}")).await;
            seen.extend(slots(&page));
            if page["continues"] == json!(false) {
                assert_eq!(page["next-from"], Value::Null);
                break;
            }
            from = page["next-from"].as_u64().expect("where to go on");
        }
        assert_eq!(seen, (0..2005).collect::<Vec<_>>());
        site.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c103_eleven_posts_are_eleven_assignments_in_both_forms() {
    over_all(async |site| {
        let id = filled(&site, 10).await;
        let page = site.json(format!("/{id}/schedule?from=0&to=10")).await;
        assert_eq!(slots(&page), (0..=10).collect::<Vec<_>>());
        for (slot, assignment) in page["assignments"].as_object().expect("by slot") {
            item(&assignment["item"]).verify().expect("an assignment");
            let body = item(&assignment["body"]);
            body.verify().expect("a message");
            assert_eq!(assignment["message"], json!(body.id().to_string()), "slot {slot}");
        }

        let mut call = Call::get(format!("/{id}/schedule?from=0&to=10"));
        call.headers.insert("accept", HeaderValue::from_static("application/aos-2"));
        let by_header = json(&site.call(call).await);
        let aos2 = site.json(format!("/{id}/schedule?from=0&to=10&accept=application%2Faos-2")).await;
        assert_eq!(by_header["edges"], aos2["edges"]);
        let edges = aos2["edges"].as_array().expect("edges");
        assert_eq!(edges.len(), 11);
        for (slot, edge) in edges.iter().enumerate() {
            assert_eq!(edge["cursor"], json!(slot.to_string()));
            let tags = edge["node"]["assignment"]["tags"].as_array().expect("tags");
            let tag = |name: &str| tags.iter().find(|tag| tag["name"] == name).map(|tag| tag["value"].clone());
            assert_eq!(tag("nonce"), Some(json!(slot.to_string())));
            assert_eq!(tag("message"), Some(edge["node"]["message"]["id"].clone()));
        }
        assert_eq!(aos2["page_info"]["has_next_page"], json!(false));
        assert_eq!(aos2["page_info"]["process"], json!(id.to_string()));
        assert!(aos2["page_info"]["timestamp"].is_string() && aos2["page_info"]["block-height"].is_string());
        site.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c104_ranges_without_slots_are_empty_and_a_negative_from_is_0() {
    over_all(async |site| {
        let id = filled(&site, 2).await;
        for range in ["from=2&to=1", "from=3", "from=99999999999999999999", "to=-1"] {
            let page = site.json(format!("/{id}/schedule?{range}")).await;
            assert_eq!((slots(&page), &page["continues"]), (vec![], &json!(false)), "{range}");
        }
        assert_eq!(slots(&site.json(format!("/{id}/schedule?from=-5&to=1")).await), [0, 1]);
        for range in ["from=x", "to=1.5", "from="] {
            let answer = site.get(format!("/{id}/schedule?{range}")).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{range}");
        }
        site.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c105_c106_next_serves_slot_after_slot_and_says_at_once_when_there_is_none() {
    for protocol in Protocol::ALL {
        for lookahead in [1, 8] {
            let site = site_with(protocol, config(), Policies { lookahead, ..Policies::default() }).await;
            let id = filled(&site, 3).await;
            let mut at_slot = json!(-1);
            for slot in 0..4 {
                let next = site.json(format!("/{id}/next?at-slot={at_slot}")).await;
                assert_eq!(next["body"]["slot"], json!(slot));
                item(&next["body"]["body"]).verify().expect("a message");
                at_slot = next["state"]["at-slot"].clone();
            }
            for _ in 0..2 {
                let none = site.get(format!("/{id}/next?at-slot={at_slot}")).await;
                assert_eq!(none.status, StatusCode::NOT_FOUND, "{}", text(&none));
                assert!(none.headers.contains_key("retry-after"));
            }
            assert_eq!(site.get(format!("/{id}/next?at-slot=x")).await.status, StatusCode::BAD_REQUEST);
            site.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c018_a_definition_of_another_process_is_refused() {
    use base64::Engine as _;
    let text = |item: &Item| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(item.as_bytes());
    over_all(async |site| {
        // Ours, and not the one that the message is for.
        let other = process();
        let theirs = process_for(&client_wallet().address().to_string());
        let object = json!({ "process": text(&other), "body": text(&message(theirs.id(), 0)) });
        let mut call = Call::post("/~scheduler@1.0/schedule", object.to_string().into());
        call.headers.insert("content-type", HeaderValue::from_static("application/json"));
        let answer = site.call(call).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", support::text(&answer));
        assert_eq!(site.json("/~scheduler@1.0/status").await["processes"], json!([]));
        site.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c021_the_process_is_searched_for_in_order() {
    over_all(async |site| {
        let first = filled(&site, 0).await;
        let other = process_for(&format!("{},x", scheduler_wallet().address()));
        posted(&site, &other).await;
        let message = message(other.id(), 0);
        posted(&site, &message).await;
        // The parameter wins over the base, and the message's own target over both.
        let slot = site.json(format!("/{first}/slot?target={}", other.id())).await;
        assert_eq!(slot["process"], json!(other.id().to_string()));
        assert_eq!(site.json(format!("/{first}/slot")).await["current"], json!(0));
        let path = format!("/{first}/schedule?target={first}");
        let assignment = json(&site.post(path, message.as_bytes().clone()).await);
        assert_eq!((&assignment["process"], &assignment["slot"]), (&json!(other.id().to_string()), &json!(2)));
        // Headers carry parameters too.
        let mut call = Call::get("/~scheduler@1.0/slot");
        call.headers.insert("target", HeaderValue::from_str(&other.id().to_string()).expect("a value"));
        assert_eq!(json(&site.call(call).await)["current"], json!(2));
        assert_eq!(site.get("/~scheduler@1.0/slot").await.status, StatusCode::BAD_REQUEST, "nothing names one");
        site.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c022_unknown_processes_are_404_and_those_without_scheduler_400_on_every_key() {
    over_all(async |site| {
        let unknown = slotbench_core::Id::from_bytes([3; 32]);
        let nobodys = builder("Process").tag("Module", "none").sign(&client_wallet()).expect("signs");
        for key in ["slot", "schedule", "next"] {
            assert_eq!(site.get(format!("/{unknown}/{key}")).await.status, StatusCode::NOT_FOUND, "{key}");
        }
        let answer = site.post("/~scheduler@1.0/schedule", message(unknown, 0).as_bytes().clone()).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        let answer = site.post("/~scheduler@1.0/schedule", nobodys.as_bytes().clone()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", text(&answer));
        site.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c042_reading_starts_no_writer() {
    over_all(async |site| {
        let store = std::sync::Arc::clone(site.service.operations().scheduler().assignments().store());
        let id = filled(&site, 2).await;
        // A node over the same store, which has not scheduled anything yet.
        let reader = node(store, config(), Policies::default(), slotbench_node::NodeOptions::default());
        let reading = Site::serve(reader, site.endpoint.protocol, slotbench_node::Limits::default()).await;
        for path in ["slot", "schedule", "next", "latest"] {
            assert_eq!(reading.get(format!("/{id}/{path}")).await.status, StatusCode::OK, "{path}");
        }
        assert_eq!(reading.get(format!("/{id}?process-id={id}")).await.status, StatusCode::OK);
        assert_eq!(reading.get(format!("/processes/{id}")).await.status, StatusCode::OK);
        assert_eq!(reading.json("/~scheduler@1.0/status").await["processes"], json!([]));
        reading.stop().await;
        site.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c118_status_lists_address_and_processes_and_is_not_cacheable() {
    over_all(async |site| {
        let id = filled(&site, 1).await;
        let status = site.get("/~scheduler@1.0/status").await;
        assert_eq!(status.headers.get("cache-control"), Some(&HeaderValue::from_static("no-store")));
        let address = scheduler_wallet().address().to_string();
        let all = json!({ "address": address, "processes": [id.to_string()], "continues": false, "next-after": null });
        assert_eq!(json(&status), all);
        let page = site.json("/~scheduler@1.0/status?limit=1").await;
        assert_eq!((&page["continues"], &page["next-after"]), (&json!(true), &json!(id.to_string())));
        let rest = site.json(format!("/~scheduler@1.0/status?limit=1&after={id}")).await;
        assert_eq!((&rest["processes"], &rest["continues"]), (&json!([]), &json!(false)));
        for bad in ["limit=0", "limit=1001", "limit=x", "after=x"] {
            assert_eq!(
                site.get(format!("/~scheduler@1.0/status?{bad}")).await.status,
                StatusCode::BAD_REQUEST,
                "{bad}"
            );
        }
        let info = site.json("/~scheduler@1.0/info").await;
        assert!(info["exports"].as_array().expect("keys").contains(&json!("schedule")), "{info}");
        assert_eq!((&info["mode"], &info["default"]), (&json!("local"), &Value::Null));
        let state = site.post(format!("/{id}/checkpoint"), "a state").await;
        assert_eq!((state.status, &state.body[..]), (StatusCode::OK, &b"a state"[..]));
        site.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c117_unknown_keys_and_methods_schedule_nothing() {
    over_all(async |site| {
        let id = filled(&site, 0).await;
        for path in ["/~scheduler@1.0/scheduel", "/~scheduler@1.0", "/unknown", &format!("/{id}/compute")] {
            let answer = site.post(path, message(id, 0).as_bytes().clone()).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        }
        let answer = site.post(format!("/{id}/slot"), message(id, 0).as_bytes().clone()).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
        assert!(answer.headers.contains_key("allow"));
        assert_eq!(site.json(format!("/{id}/slot")).await["current"], json!(0));

        let options = Call { method: Method::OPTIONS, ..Call::get("/~scheduler@1.0/schedule") };
        let answer = site.call(options).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT);
        assert_eq!(answer.headers.get("access-control-allow-origin"), Some(&HeaderValue::from_static("*")));
        let head = site.call(Call { method: Method::HEAD, ..Call::get("/") }).await;
        assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
        site.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c016_c017_bad_and_missing_signatures_are_400_and_take_no_slot() {
    over_all(async |site| {
        let id = filled(&site, 0).await;
        let mut forged = message(id, 0).as_bytes().to_vec();
        forged[10] ^= 1;
        let unsigned = builder("Message").target(id).sign(&slotbench_core::wallet::NoSigner).expect("builds");
        for body in [forged.into(), unsigned.as_bytes().clone(), "garbage".into(), bytes::Bytes::new()] {
            let answer = site.post("/~scheduler@1.0/schedule", body).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", text(&answer));
            assert!(json(&answer)["error"].is_string());
        }
        assert_eq!(site.json(format!("/{id}/slot")).await["current"], json!(0));
        site.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c026_a_disabled_node_says_503() {
    for protocol in Protocol::ALL {
        let site = site_with(protocol, Config { mode: Mode::Disabled, ..config() }, Policies::default()).await;
        let answer = site.post("/~scheduler@1.0/schedule", process().as_bytes().clone()).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", text(&answer));
        site.stop().await;
    }
}
