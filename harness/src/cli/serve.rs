//! `slotbench serve`.

mod network;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use slotbench_backends::{Kind, Options};
use slotbench_core::operations::{Operations, Policies, ProcessPolicy};
use slotbench_core::stack::{Member, Stack};
use slotbench_core::store::Store;
use slotbench_core::uploads::UploadConfig;
use slotbench_core::wallet::{Wallet, WalletError};
use slotbench_core::{Config, Durability, Mode, Scheduler};
use slotbench_node::client::Endpoint;
use slotbench_node::node::Reporter;
use slotbench_node::tls::Identity;
use slotbench_node::{HttpBundler, Limits, Node, NodeOptions, Protocol, Server, Tcp};
use tokio::runtime::Handle;

use crate::cli::args::ServeArgs;
use crate::cli::console::Console;
use crate::cli::exit::{Exit, Failure};
use crate::datadir::DataDir;
use crate::driver::node::child as node;
use crate::driver::node::spec::NodeSpec;
use crate::runner::Stop;
use network::NetworkRequest;

/// A data directory's own key.
const WALLET: &str = "wallet.json";
/// Connections to a bundler: as many as the queue has threads.
const UPLOADS: usize = 4;
/// Longest wait for a bundler's answer.
const BUNDLER_PATIENCE: Duration = Duration::from_secs(30);

/// A node could not be started.
fn refuse(reason: impl std::fmt::Display) -> Failure {
    Failure::Serve(reason.to_string())
}

/// The node's process of a measured cell.
pub(super) fn child(spec: &str) -> Result<Exit, Failure> {
    let spec: NodeSpec = serde_json::from_str(spec)?;
    node::run(&spec).map_err(Failure::Process)?;
    Ok(Exit::Fine)
}

pub(super) fn serve(args: &ServeArgs, stop: &Stop, console: &mut Console<'_>) -> Result<Exit, Failure> {
    // Everything that can be wrong with the request is found before anything is created.
    let mut request = Request::read(args)?;
    let data = DataDir::open(args.data_dir.as_deref(), Path::new("."), true)?;
    if data.is_temporary() {
        stop.remove_on_abort(data.path());
    }
    let home = data.canonical()?;
    let wallet = request.wallet.take().map_or_else(|| own_wallet(&home.join(WALLET)), Ok).map_err(refuse)?;
    let store = request.open(&home)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(refuse)?;
    let scheduler = request.scheduler(args, store, wallet, runtime.handle())?;
    let policies = Policies {
        processes: if args.any_process { ProcessPolicy::Any } else { ProcessPolicy::Ours },
        ..Policies::default()
    };
    let aos2 = request.network.aos2;
    let (remote, network) = request.network.start(runtime.handle());
    let operations = Arc::new(Operations::among(Arc::clone(&scheduler), policies, network));
    let on_failure: Reporter = Arc::new(|cause: &str| eprintln!("error: {cause}"));
    let options = NodeOptions { on_failure: Some(on_failure), remote: Some(remote), aos2, ..NodeOptions::default() };
    let server = Server::new(Arc::new(Node::new(operations, options)), Limits::default());
    for line in runtime.block_on(listen(&server, &request, args))? {
        console.print(&line)?;
    }
    console.print(&format!("address {}\n", scheduler.status().address))?;
    let durability = scheduler.config().durability;
    let kinds: Vec<_> = request.kinds.iter().map(Kind::name).collect();
    let (kinds, home) = (kinds.join(", then "), home.display());
    console.say(&format!("{kinds}, mode {}, durability {durability}, data in {home}", request.mode))?;
    stop.wait();
    console.say("stopping: requests that are there are answered")?;
    let drained = runtime.block_on(server.stop());
    scheduler.drain();
    if !drained {
        console.say("some requests were not answered in time")?;
    }
    Ok(Exit::Fine)
}

/// The key of a data directory, made on first use: a process names its scheduler by its address, which must not change
/// when the node is started again.
fn own_wallet(path: &Path) -> Result<Wallet, WalletError> {
    if path.exists() {
        return Wallet::read_jwk(path);
    }
    let wallet = Wallet::generate_ed25519()?;
    wallet.write_jwk(path)?;
    Ok(wallet)
}

/// What was asked for, read.
struct Request {
    /// At least one; the first is written.
    kinds: Vec<Kind>,
    mode: Mode,
    tier: Durability,
    protocols: Vec<Protocol>,
    /// The one named; else the data directory's own.
    wallet: Option<Wallet>,
    identity: Option<Identity>,
    network: NetworkRequest,
}

impl Request {
    fn read(args: &ServeArgs) -> Result<Self, Failure> {
        let flag = |flag: &'static str| move |message: String| Failure::Flag { flag: flag.to_owned(), message };
        let kinds = kinds(&args.backend).map_err(flag("--backend"))?;
        let mode: Mode = args.mode.parse().map_err(flag("--mode"))?;
        if mode == Mode::Remote && args.bundler.is_none() {
            return Err(flag("--mode")("remote needs a --bundler".to_owned()));
        }
        let protocols: Result<Vec<Protocol>, _> = args.protocol.split(',').map(|name| name.trim().parse()).collect();
        let wallet = args.wallet.as_ref().map(Wallet::read_jwk).transpose();
        let identity = args.tls_cert.as_deref().zip(args.tls_key.as_deref());
        Ok(Self {
            tier: tier(&kinds, args.durability.as_deref()).map_err(flag("--durability"))?,
            kinds,
            mode,
            protocols: protocols.map_err(flag("--protocol"))?,
            wallet: wallet.map_err(|error| flag("--wallet")(error.to_string()))?,
            identity: identity.map(|(cert, key)| Identity::load(cert, key)).transpose().map_err(refuse)?,
            network: NetworkRequest::read(&args.network, args.listen, args.tls_cert.is_some())?,
        })
    }

    /// The store, or the chain of them: each in its own folder.
    fn open(&self, home: &Path) -> Result<Arc<dyn Store>, Failure> {
        let open = |kind: &Kind| {
            let dir = home.join(kind.name());
            std::fs::create_dir_all(&dir).map_err(refuse)?;
            kind.open(&dir, &Options::default()).map_err(refuse)
        };
        if let [kind] = &self.kinds[..] {
            return open(kind);
        }
        let mut members = Vec::new();
        for kind in &self.kinds {
            let member = Member::new(kind.name(), open(kind)?);
            members.push(if members.is_empty() { member } else { member.read_only() });
        }
        Ok(Arc::new(Stack::new(members)))
    }

    fn scheduler(
        &self,
        args: &ServeArgs,
        store: Arc<dyn Store>,
        wallet: Wallet,
        runtime: &Handle,
    ) -> Result<Arc<Scheduler>, Failure> {
        let bundler = args.bundler.map(|addr| {
            let endpoint = Endpoint { addr, protocol: Protocol::H1, host: addr.ip().to_string(), trusted: None };
            HttpBundler::new(endpoint, UPLOADS, BUNDLER_PATIENCE, runtime.clone())
        });
        let bundler = bundler.transpose().map_err(refuse)?;
        let config = Config {
            mode: self.mode,
            durability: self.tier,
            // The threads that serve must not wait for a disk.
            inline: !store.may_wait(),
            index_messages: true,
            uploads: bundler.map(|bundler| UploadConfig::new(bundler)),
            ..Config::new(Arc::new(wallet))
        };
        Scheduler::new(store, config).map(Arc::new).map_err(refuse)
    }

    fn tcp(&self) -> Option<Tcp> {
        match (self.protocols.contains(&Protocol::H1), self.protocols.contains(&Protocol::H2)) {
            (true, true) => Some(Tcp::Both),
            (true, false) => Some(Tcp::H1),
            (false, true) => Some(Tcp::H2),
            (false, false) => None,
        }
    }
}

/// One engine, or a chain of different ones.
fn kinds(list: &str) -> Result<Vec<Kind>, String> {
    let known = || slotbench_backends::KINDS.iter().map(Kind::name).collect::<Vec<_>>().join(", ");
    let mut kinds: Vec<Kind> = Vec::new();
    for name in list.split(',').map(str::trim) {
        let kind = Kind::find(name).ok_or_else(|| format!("'{name}' is not built in (allowed: {})", known()))?;
        if kinds.iter().any(|other| other.name() == kind.name()) {
            return Err(format!("'{name}' is named twice"));
        }
        kinds.push(kind);
    }
    Ok(kinds)
}

/// The tier asked for, as far as the engine that is written reaches it; the strongest it reaches where none is.
fn tier(kinds: &[Kind], asked: Option<&str>) -> Result<Durability, String> {
    let kind = kinds.first().ok_or("no engine is named")?;
    let tiers = kind.tiers();
    let Some(asked) = asked else {
        let reached = tiers.iter().rev().find_map(|tier| tier.effective);
        return reached.ok_or_else(|| format!("{} reaches no tier", kind.name()));
    };
    let asked: Durability = asked.parse()?;
    let found = tiers.iter().find(|tier| tier.asked == asked);
    let how = found.map_or("", |tier| tier.how.as_str());
    found.and_then(|tier| tier.effective).ok_or_else(|| format!("{} cannot give '{asked}': {how}", kind.name()))
}

/// One line for each listener.
async fn listen(server: &Server<Node>, request: &Request, args: &ServeArgs) -> Result<Vec<String>, Failure> {
    let mut addr = args.listen;
    let mut lines = Vec::new();
    if let Some(tcp) = request.tcp() {
        let tls = request.identity.as_ref().map(|identity| identity.server(tcp.protocols())).transpose();
        addr = server.tcp(addr, tcp, tls.map_err(refuse)?).await.map_err(refuse)?;
        let scheme = if request.identity.is_some() { "https" } else { "http" };
        let spoken: Vec<_> = tcp.protocols().iter().rev().map(|protocol| protocol.name()).collect();
        lines.push(format!("{} {scheme}://{addr}\n", spoken.join(",")));
    }
    if request.protocols.contains(&Protocol::H3) {
        let made;
        let identity = match &request.identity {
            Some(identity) => identity,
            None => {
                made = Identity::self_signed(&["localhost", "127.0.0.1", "::1"]).map_err(refuse)?;
                &made
            }
        };
        let tls = identity.server(&[Protocol::H3]).map_err(refuse)?;
        // The port that the system gave to TCP.
        let addr = server.quic(addr, tls).map_err(refuse)?;
        lines.push(format!("h3 https://{addr}\n"));
    }
    Ok(lines)
}
