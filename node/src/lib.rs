//! The scheduler as a network service over HTTP/1.1, HTTP/2 and HTTP/3, and a client for all three.
//!
//! | module | what it owns |
//! |---|---|
//! | [`node`] | the service: admission, the device's keys, the legacy API |
//! | [`route`], [`envelope`], [`wire`] | paths, bodies and answers: the wire formats |
//! | [`failure`] | what goes wrong, and which status says so |
//! | [`listen`], [`tls`], [`protocol`] | listeners, certificates, the versions of HTTP |
//! | [`limits`] | the bounds of everything a client can make a node hold or wait for |
//! | [`metrics`] | what is counted |
//! | [`client`], [`bundler`] | a client with a bounded pool; the way to a bundler made of it |
//! | [`remote`] | other schedulers, in both dialects, and the gateway that knows where they are |
//!
//! HTTP itself is hyper's, h3's and quinn's; nothing here reads or writes a protocol's bytes.

mod activity;
mod body;
pub mod bundler;
pub mod client;
pub mod envelope;
pub mod failure;
pub mod limits;
pub mod listen;
pub mod metrics;
pub mod node;
mod parameters;
pub mod protocol;
pub mod remote;
mod reply;
pub mod route;
pub mod service;
pub mod tls;
pub mod wire;

pub use bundler::HttpBundler;
pub use failure::Failure;
pub use limits::Limits;
pub use listen::{Server, Tcp};
pub use node::{Node, NodeOptions};
pub use protocol::Protocol;
pub use remote::{HttpGateway, Remote, RemoteOptions};
pub use service::{Reply, Service};
