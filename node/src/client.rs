//! A client for all three protocols, with a bounded pool of connections to one address.
//!
//! A request takes a *turn* of a connection and gives it back with the answer. A connection has one turn over HTTP/1.1 and
//! as many as asked for over the others. Connections are opened when they are first needed, and again when they have
//! closed.

mod link;
mod pool;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};

pub use pool::{Client, PoolSize};

use crate::protocol::Protocol;
use crate::tls::Trust;

/// Whom a client talks to.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Where.
    pub addr: SocketAddr,
    /// How.
    pub protocol: Protocol,
    /// The host's name, for `host` and for the certificate.
    pub host: String,
    /// What to trust. Without it TCP goes without TLS; QUIC cannot.
    pub trusted: Option<Trust>,
}

/// A request.
#[derive(Debug, Clone)]
pub struct Call {
    /// Its method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// Headers beside the protocol's own.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    /// Largest body of an answer that is taken, bytes.
    pub most: usize,
}

impl Call {
    /// A GET.
    #[must_use]
    pub fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), headers: HeaderMap::new(), body: Bytes::new(), most: MAX_ANSWER }
    }

    /// A POST.
    #[must_use]
    pub fn post(path: impl Into<String>, body: Bytes) -> Self {
        Self { method: Method::POST, path: path.into(), headers: HeaderMap::new(), body, most: MAX_ANSWER }
    }
}

/// An answer with its whole body.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// Largest answer a client takes where the call does not say, in bytes.
pub const MAX_ANSWER: usize = 256 << 20;
/// Longest wait for a connection.
const CONNECT_TIME: Duration = Duration::from_secs(10);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No connection.
    #[error("cannot connect to {addr} over {protocol}: {cause}")]
    Connect {
        /// Where to.
        addr: SocketAddr,
        /// How.
        protocol: Protocol,
        /// Why not.
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The request cannot be written as such.
    #[error("the request: {0}")]
    Request(#[from] http::Error),
    /// The connection failed while the request was under way: it may have been acted on.
    #[error("the request over {protocol}: {cause}")]
    Exchange {
        /// How.
        protocol: Protocol,
        /// What happened.
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The answer is longer than the call takes.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    /// No answer in time.
    #[error("no answer over {protocol} within {seconds} s")]
    Late {
        /// How.
        protocol: Protocol,
        /// How long it was waited for.
        seconds: u64,
    },
}

impl Endpoint {
    fn refused(&self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ClientError {
        ClientError::Connect { addr: self.addr, protocol: self.protocol, cause: cause.into() }
    }

    fn broken(&self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ClientError {
        ClientError::Exchange { protocol: self.protocol, cause: cause.into() }
    }

    fn timed_out(&self) -> ClientError {
        self.refused(io::Error::from(io::ErrorKind::TimedOut))
    }
}
