//! What one node allows: every queue, buffer and wait has a bound.

use std::time::Duration;

/// Bounds on what clients can make a node hold or wait for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Largest request body in bytes; a larger one is answered 413.
    pub body_bytes: usize,
    /// Bytes of request bodies held at one time, over all connections; beyond them 503.
    pub buffered_bytes: usize,
    /// Largest request head in bytes; a larger one is refused by the protocol's library (431).
    pub head_bytes: u32,
    /// Longest wait for a whole TLS handshake or request head; the connection is closed.
    pub head_time: Duration,
    /// Longest wait for a whole request body; 408.
    pub body_time: Duration,
    /// Longest wait for an answer once the body is there; 504.
    pub answer_time: Duration,
    /// A connection without a request is closed after between one and two of these.
    pub idle_time: Duration,
    /// Open connections of one listener; further ones wait in the system's backlog.
    pub connections: usize,
    /// Concurrent requests on one HTTP/2 or HTTP/3 connection.
    pub streams: u32,
    /// Requests being answered at one time, over all connections; beyond them 503.
    pub requests: usize,
    /// How long a shutdown waits for requests that are being answered.
    pub drain_time: Duration,
}

impl Default for Limits {
    /// 10 MiB bodies as in the legacy protocol, 256 MiB of them at a time, 4096 connections and requests.
    fn default() -> Self {
        Self {
            body_bytes: 10 << 20,
            buffered_bytes: 256 << 20,
            head_bytes: 16 << 10,
            head_time: Duration::from_secs(10),
            body_time: Duration::from_secs(20),
            answer_time: Duration::from_secs(30),
            idle_time: Duration::from_secs(60),
            connections: 4096,
            streams: 256,
            requests: 4096,
            drain_time: Duration::from_secs(10),
        }
    }
}
