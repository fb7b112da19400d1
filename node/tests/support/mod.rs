//! A node over a memory store, and a client that talks to it over one protocol.

#![allow(dead_code, unused_imports, reason = "each test binary uses its own part")]

mod peer;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;
use slotbench_backends::{Kind, Options};
use slotbench_core::item::{Item, ItemBuilder};
use slotbench_core::location::BaseUrl;
use slotbench_core::operations::{Network, Operations, Policies};
use slotbench_core::store::Store;
use slotbench_core::wallet::Wallet;
use slotbench_core::{Config, Id, Scheduler, Signer as _};
use slotbench_node::client::{Answer, Call, Client, Endpoint, PoolSize};
use slotbench_node::remote::{Remote, RemoteOptions};
use slotbench_node::tls::{Identity, Trust};
use slotbench_node::{Limits, Node, NodeOptions, Protocol, Server, Service, Tcp};

pub(crate) use peer::*;

pub(crate) const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);
/// No test waits that long: a bound on how long one that hangs may hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A server of `service` over one protocol, and a client of it.
pub(crate) struct Site<S> {
    pub(crate) server: Server<S>,
    pub(crate) service: Arc<S>,
    pub(crate) endpoint: Endpoint,
    /// What its clients must trust, in DER.
    pub(crate) certificate: Option<Vec<u8>>,
    pub(crate) client: Client,
}

impl<S: Service> Site<S> {
    pub(crate) async fn serve(service: S, protocol: Protocol, limits: Limits) -> Self {
        let service = Arc::new(service);
        let server = Server::new(Arc::clone(&service), limits);
        let (addr, certificate) = match protocol {
            Protocol::H1 | Protocol::H2 => (server.tcp(ANY_PORT, Tcp::Both, None).await.expect("listens"), None),
            Protocol::H3 => {
                let identity = Identity::self_signed(&["localhost"]).expect("a certificate");
                let tls = identity.server(&[Protocol::H3]).expect("settings");
                (server.quic(ANY_PORT, tls).expect("listens"), Some(identity.certificate().to_vec()))
            }
        };
        let endpoint = endpoint(addr, protocol, certificate.as_deref());
        let client = client(&endpoint, 1);
        Self { server, service, endpoint, certificate, client }
    }

    pub(crate) async fn call(&self, call: Call) -> Answer {
        self.client.send(call).await.expect("an answer")
    }

    pub(crate) async fn get(&self, path: impl Into<String>) -> Answer {
        self.call(Call::get(path)).await
    }

    pub(crate) async fn json(&self, path: impl Into<String>) -> Value {
        let path = path.into();
        let answer = self.get(path.clone()).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", text(&answer));
        json(&answer)
    }

    pub(crate) async fn post(&self, path: impl Into<String>, body: impl Into<Bytes>) -> Answer {
        self.call(Call::post(path, body.into())).await
    }

    pub(crate) async fn stop(self) {
        drop(self.client);
        assert!(self.server.stop().await, "nothing is left running");
    }
}

/// Where a server listens; `certificate` is what to trust, in DER.
pub(crate) fn endpoint(addr: SocketAddr, protocol: Protocol, certificate: Option<&[u8]>) -> Endpoint {
    let trusted = certificate.map(|der| Trust::certificate(der).expect("a certificate"));
    Endpoint { addr, protocol, host: "localhost".to_owned(), trusted }
}

pub(crate) fn client(endpoint: &Endpoint, connections: usize) -> Client {
    Client::new(endpoint.clone(), PoolSize { connections, turns: 1 }, PATIENCE).expect("a client")
}

pub(crate) fn json(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{error}: {}", text(answer)))
}

pub(crate) fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

pub(crate) fn memory() -> Arc<dyn Store> {
    let kind = Kind::find("memory").expect("built in");
    kind.open(std::path::Path::new(""), &Options::default()).expect("opens")
}

/// Who signs assignments.
pub(crate) fn scheduler_wallet() -> Arc<Wallet> {
    Arc::new(Wallet::ed25519_from_seed([7; 32]).expect("a key"))
}

/// Who signs messages.
pub(crate) fn client_wallet() -> Wallet {
    Wallet::ed25519_from_seed([8; 32]).expect("a key")
}

/// The configuration of a node, its engine's `apply` off the threads that serve.
pub(crate) fn config() -> Config {
    Config { inline: false, index_messages: true, ..Config::new(scheduler_wallet()) }
}

pub(crate) fn node(store: Arc<dyn Store>, config: Config, policies: Policies, options: NodeOptions) -> Node {
    let scheduler = Arc::new(Scheduler::new(store, config).expect("a scheduler"));
    Node::new(Arc::new(Operations::new(scheduler, policies)), options)
}

/// A node with default settings.
pub(crate) async fn site(protocol: Protocol) -> Site<Node> {
    site_with(protocol, config(), Policies::default()).await
}

pub(crate) async fn site_with(protocol: Protocol, config: Config, policies: Policies) -> Site<Node> {
    let config = Config { durability: slotbench_core::Durability::Memory, ..config };
    let node = node(memory(), config, policies, NodeOptions::default());
    Site::serve(node, protocol, Limits::default()).await
}

/// Bounds for tests: what fails, fails soon.
pub(crate) fn remote_options() -> RemoteOptions {
    RemoteOptions { call_time: PATIENCE, operation_time: PATIENCE, ..RemoteOptions::default() }
}

/// A node of another operator, which asks other schedulers: it schedules none of the processes made here.
pub(crate) async fn front(network: Network, remote: RemoteOptions) -> Site<Node> {
    front_on(memory(), network, Remote::new(remote)).await
}

pub(crate) async fn front_on(store: Arc<dyn Store>, network: Network, remote: Arc<Remote>) -> Site<Node> {
    let signer = Arc::new(Wallet::ed25519_from_seed([9; 32]).expect("a key"));
    let config = Config { signer, durability: slotbench_core::Durability::Memory, ..config() };
    let scheduler = Arc::new(Scheduler::new(store, config).expect("a scheduler"));
    let operations = Operations::among(scheduler, Policies::default(), network);
    let options = NodeOptions { remote: Some(remote), ..NodeOptions::default() };
    Site::serve(Node::new(Arc::new(operations), options), Protocol::H1, Limits::default()).await
}

/// The URL of a node without TLS.
pub(crate) fn url<S>(site: &Site<S>) -> BaseUrl {
    format!("http://{}", site.endpoint.addr).parse().expect("a url")
}

/// A process that names a scheduler's address, and where it is.
pub(crate) fn process_at(url: &BaseUrl, variant: &str) -> Item {
    let scheduler = format!("{}?hint={url}", scheduler_wallet().address());
    let builder = ItemBuilder::new().tag("Data-Protocol", "ao").tag("Variant", variant).tag("Type", "Process");
    builder.tag("Module", "none").tag("Scheduler", scheduler).sign(&client_wallet()).expect("signs")
}

/// Runs a test over every protocol.
pub(crate) async fn over_all(test: impl AsyncFn(Site<Node>)) {
    for protocol in Protocol::ALL {
        eprintln!("over {protocol}");
        test(site(protocol).await).await;
    }
}

/// A process that this node schedules.
pub(crate) fn process() -> Item {
    process_for(&scheduler_wallet().address().to_string())
}

pub(crate) fn process_for(scheduler: &str) -> Item {
    builder("Process").tag("Module", "none").tag("Scheduler", scheduler).sign(&client_wallet()).expect("signs")
}

pub(crate) fn builder(kind: &str) -> ItemBuilder {
    ItemBuilder::new().tag("Data-Protocol", "ao").tag("Variant", "ao.N.1").tag("Type", kind)
}

/// A message for a process; `number` makes it distinct.
pub(crate) fn message(process: Id, number: usize) -> Item {
    let message =
        builder("Message").tag("Number", number.to_string()).target(process).data(format!("message {number}"));
    message.sign(&client_wallet()).expect("signs")
}

/// Posts a process and `messages` messages: it has one slot more than that.
pub(crate) async fn filled(site: &Site<Node>, messages: usize) -> Id {
    let process = process();
    let id = process.id();
    posted(site, &process).await;
    for number in 0..messages {
        posted(site, &message(id, number)).await;
    }
    id
}

/// Posts an item that is scheduled, and returns the assignment's JSON.
pub(crate) async fn posted(site: &Site<Node>, item: &Item) -> Value {
    let answer = site.post("/~scheduler@1.0/schedule", item.as_bytes().clone()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", text(&answer));
    json(&answer)
}

/// An item in an answer.
pub(crate) fn item(value: &Value) -> Item {
    use base64::Engine as _;
    let text = value.as_str().unwrap_or_else(|| panic!("no text: {value}"));
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).expect("base64url");
    Item::parse(bytes.into()).expect("an item")
}
