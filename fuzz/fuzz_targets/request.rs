//! Whole requests to a node.
#![no_main]

use std::path::Path;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::Full;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use slotbench_backends::{Kind, Options};
use slotbench_core::item::ItemBuilder;
use slotbench_core::operations::{Operations, Policies, ProcessPolicy};
use slotbench_core::{Config, Durability, Id, Scheduler, Wallet};
use slotbench_node::{Node, NodeOptions, Service};
use tokio::runtime::Runtime;

/// Parts of what a node understands, for the fuzzer to put together.
#[derive(Arbitrary, Debug)]
struct Asked<'a> {
    posts: bool,
    place: Place<'a>,
    parameters: Vec<(Name, &'a str)>,
    headers: Vec<(Name, &'a str)>,
    body: Body<'a>,
}

#[derive(Arbitrary, Debug)]
enum Place<'a> {
    Raw(&'a str),
    Device(&'a str),
    Process(&'a str),
    Legacy,
}

#[derive(Arbitrary, Debug, Clone, Copy)]
enum Name {
    From,
    To,
    FromNonce,
    ToNonce,
    Limit,
    Target,
    ProcessId,
    AtSlot,
    Accept,
    ContentType,
    Tag,
    Assign,
}

impl Name {
    const fn text(self) -> &'static str {
        match self {
            Self::From => "from",
            Self::To => "to",
            Self::FromNonce => "from-nonce",
            Self::ToNonce => "to-nonce",
            Self::Limit => "limit",
            Self::Target => "target",
            Self::ProcessId => "process-id",
            Self::AtSlot => "at-slot",
            Self::Accept => "accept",
            Self::ContentType => "content-type",
            Self::Tag => "slotbench-tag",
            Self::Assign => "assign",
        }
    }
}

#[derive(Arbitrary, Debug)]
enum Body<'a> {
    Raw(&'a [u8]),
    Message,
}

const PROCESS: Id = Id::from_bytes([9; 32]);

struct Fixture {
    runtime: Runtime,
    node: Node,
    message: Bytes,
}

static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let kind = Kind::find("memory").expect("built in");
    let store = kind.open(Path::new(""), &Options::default()).expect("opens");
    let wallet = Arc::new(Wallet::ed25519_from_seed([7; 32]).expect("a key"));
    let message = ItemBuilder::new().tag("Type", "Message").tag("Data-Protocol", "ao").target(PROCESS).data("x");
    let message = message.sign(&*wallet).expect("signs").as_bytes().clone();
    let config = Config { durability: Durability::Memory, index_messages: true, ..Config::new(wallet) };
    let scheduler = Arc::new(Scheduler::new(store, config).expect("a scheduler"));
    let policies = Policies { processes: ProcessPolicy::Any, ..Policies::default() };
    let options = NodeOptions { tagged: true, ..NodeOptions::default() };
    Fixture { runtime, node: Node::new(Arc::new(Operations::new(scheduler, policies)), options), message }
});

fn request(asked: &Asked<'_>) -> Option<Request<Full<Bytes>>> {
    let mut path = match asked.place {
        Place::Raw(path) => format!("/{path}"),
        Place::Device(key) => format!("/~scheduler@1.0/{key}"),
        Place::Process(key) => format!("/{PROCESS}/{key}"),
        Place::Legacy => format!("/{PROCESS}"),
    };
    for (index, (name, value)) in asked.parameters.iter().enumerate() {
        path.push(if index == 0 { '?' } else { '&' });
        path.push_str(name.text());
        path.push('=');
        path.push_str(value);
    }
    let method = if asked.posts { Method::POST } else { Method::GET };
    let body = match asked.body {
        Body::Raw(bytes) => Bytes::copy_from_slice(bytes),
        Body::Message => FIXTURE.message.clone(),
    };
    let mut request = Request::builder().method(method).uri(path.parse::<Uri>().ok()?).body(Full::new(body)).ok()?;
    for (name, value) in &asked.headers {
        let value = HeaderValue::from_str(value).ok()?;
        request.headers_mut().insert(HeaderName::from_static(name.text()), value);
    }
    Some(request)
}

fuzz_target!(|asked: Asked<'_>| {
    let Some(request) = request(&asked) else { return };
    let reply = FIXTURE.runtime.block_on(FIXTURE.node.respond(request));
    assert_ne!(reply.status(), StatusCode::INTERNAL_SERVER_ERROR, "{asked:?}");
});
