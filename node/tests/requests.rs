//! Whole requests, put together at random from what a node understands and from what it does not.
//!
//! `fuzz/` has the same for a coverage-guided fuzzer.

mod support;

use std::sync::LazyLock;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::Full;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use slotbench_core::operations::{Policies, ProcessPolicy};
use slotbench_core::{Config, Durability, Id};
use slotbench_node::{Node, NodeOptions, Service as _};
use support::{config, memory, message, node};
use tokio::runtime::Runtime;

const PROCESS: Id = Id::from_bytes([9; 32]);
const NAMES: [&str; 13] = [
    "from",
    "to",
    "from-nonce",
    "to-nonce",
    "limit",
    "target",
    "process-id",
    "at-slot",
    "accept",
    "content-type",
    "slotbench-tag",
    "assign",
    "other",
];

static NODE: LazyLock<(Runtime, Node)> = LazyLock::new(|| {
    let config = Config { durability: Durability::Memory, ..config() };
    let policies = Policies { processes: ProcessPolicy::Any, ..Policies::default() };
    let options = NodeOptions { tagged: true, ..NodeOptions::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    (runtime, node(memory(), config, policies, options))
});

fn paths() -> impl Strategy<Value = String> {
    let keys = select(vec!["info", "status", "schedule", "slot", "next", "checkpoint", "latest", "", "other"]);
    let places = select(vec![String::new(), "~scheduler@1.0/".into(), format!("{PROCESS}/"), "processes/".into()]);
    prop_oneof![
        (places, keys).prop_map(|(place, key)| format!("/{place}{key}")),
        select(vec!["/", "/timestamp", "/health", "/metrics"]).prop_map(str::to_owned),
        Just(format!("/{PROCESS}")),
        "/[!-~]{0,60}",
    ]
}

/// What may stand in a query: numbers at their limits, ids, words that mean something, and anything else.
fn values() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i128>().prop_map(|number| number.to_string()),
        (-2_i64..3).prop_map(|number| number.to_string()),
        Just(PROCESS.to_string()),
        Just(format!("{PROCESS}?hint=http://su")),
        select(vec!["application/aos-2", "application/json", "18446744073709551615", "1e3", ""])
            .prop_map(str::to_owned),
        "[!-~]{0,20}",
    ]
}

fn bodies() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        vec(any::<u8>(), 0..300).prop_map(Bytes::from),
        (0_usize..3).prop_map(|number| message(PROCESS, number).as_bytes().clone()),
        values().prop_map(|text| format!(r#"{{"body":"{text}","target":"{text}"}}"#).into()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_request_has_an_answer_and_none_is_the_nodes_own_failure(
        method in select(vec![Method::GET, Method::POST, Method::HEAD, Method::OPTIONS, Method::PUT]),
        path in paths(),
        query in vec((select(NAMES.to_vec()), values()), 0..4),
        headers in vec((select(NAMES.to_vec()), values()), 0..3),
        body in bodies(),
    ) {
        let query: Vec<_> = query.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        let uri = format!("{path}?{}", query.join("&")).parse::<Uri>();
        prop_assume!(uri.is_ok());
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = uri.unwrap_or_default();
        for (name, value) in &headers {
            let value = HeaderValue::from_str(value).expect("is printable");
            request.headers_mut().append(HeaderName::from_static(name), value);
        }
        let (runtime, node) = &*NODE;
        let reply = runtime.block_on(node.respond(request));
        prop_assert_ne!(reply.status(), StatusCode::INTERNAL_SERVER_ERROR);
        prop_assert!(reply.headers().contains_key("access-control-allow-origin"));
    }
}
