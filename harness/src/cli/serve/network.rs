//! The node among other nodes: what was asked for, read.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use slotbench_core::Address;
use slotbench_core::location::BaseUrl;
use slotbench_core::operations::Network;
use slotbench_node::node::Aos2;
use slotbench_node::remote::{HttpGateway, Remote, RemoteOptions};
use slotbench_node::tls::Trust;
use tokio::runtime::Handle;

use crate::cli::args::NetworkArgs;
use crate::cli::exit::Failure;
use crate::size;

/// What was asked for.
pub(super) struct NetworkRequest {
    network: Network,
    gateway: Option<BaseUrl>,
    trust: Option<Trust>,
    pub(super) aos2: Aos2,
}

impl NetworkRequest {
    /// Reads the flags. A node at `listen` is reached there, where nothing else is said.
    pub(super) fn read(args: &NetworkArgs, listen: SocketAddr, has_tls: bool) -> Result<Self, Failure> {
        let url = match &args.url {
            Some(url) => self::url("--url", url)?,
            None => default_url(listen, has_tls).parse().unwrap_or_else(|_| BaseUrl::localhost()),
        };
        let peers: Result<Vec<_>, _> = args.notify.iter().map(|peer| self::url("--notify", peer)).collect();
        let operators: Result<Vec<Address>, _> = args.operator.iter().map(|text| operator(text)).collect();
        let network = Network {
            follow_hints: switch("--follow-hints", &args.follow_hints)?,
            follow_redirects: switch("--follow-redirects", &args.follow_redirects)?,
            cache_in_background: switch("--cache-in-background", &args.cache_in_background)?,
            max_foreign_bytes: size::parse(&args.foreign_cache).map_err(bad("--foreign-cache"))?,
            url,
            notify_peers: peers?,
            operators: operators?,
            ..Network::default()
        };
        Ok(Self {
            network,
            gateway: args.gateway.as_deref().map(|gateway| self::url("--gateway", gateway)).transpose()?,
            trust: args.trust.as_deref().map(trust).transpose()?,
            aos2: aos2(&args.aos2)?,
        })
    }

    /// What asks others, and how the node deals with them.
    pub(super) fn start(&self, runtime: &Handle) -> (Arc<Remote>, Network) {
        let remote = Remote::new(RemoteOptions { trust: self.trust.clone(), ..RemoteOptions::default() });
        let ask = |url: &BaseUrl| HttpGateway::new(Arc::clone(&remote), url.clone(), runtime.clone()) as _;
        let gateway = self.gateway.as_ref().map(ask);
        let network = Network { gateway, ..self.network.clone() };
        (remote, network)
    }
}

fn bad(flag: &'static str) -> impl Fn(String) -> Failure {
    move |message| Failure::Flag { flag: flag.to_owned(), message }
}

fn default_url(listen: SocketAddr, has_tls: bool) -> String {
    let scheme = if has_tls { "https" } else { "http" };
    // Nobody reaches a node at "any address".
    if listen.ip().is_unspecified() {
        format!("{scheme}://localhost:{}", listen.port())
    } else {
        format!("{scheme}://{listen}")
    }
}

fn url(flag: &'static str, text: &str) -> Result<BaseUrl, Failure> {
    text.parse().map_err(|error| bad(flag)(format!("'{}': {error}", text.escape_debug())))
}

fn operator(text: &str) -> Result<Address, Failure> {
    text.parse().map_err(|error| bad("--operator")(format!("'{}': {error}", text.escape_debug())))
}

fn switch(flag: &'static str, text: &str) -> Result<bool, Failure> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        other => Err(bad(flag)(format!("'{}' is neither on nor off", other.escape_debug()))),
    }
}

fn aos2(text: &str) -> Result<Aos2, Failure> {
    match text {
        "legacy" => Ok(Aos2::Legacy),
        "capital" => Ok(Aos2::Capital),
        other => Err(bad("--aos2")(format!("'{}' is neither legacy nor capital", other.escape_debug()))),
    }
}

fn trust(path: &Path) -> Result<Trust, Failure> {
    Trust::load(path).map_err(|error| bad("--trust")(error.to_string()))
}
