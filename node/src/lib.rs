//! The scheduler as a network service, and a client for it.

mod activity;
pub mod client;
pub mod limits;
pub mod listen;
pub mod protocol;
pub mod service;
pub mod tls;

pub use limits::Limits;
pub use listen::{Server, Tcp};
pub use protocol::Protocol;
pub use service::{Reply, Service};
