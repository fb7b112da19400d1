//! What a listener serves: requests in, responses out, whatever the protocol.

use std::fmt;
use std::future::Future;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;

/// A response with its whole body.
pub type Reply = Response<Full<Bytes>>;

/// Answers requests that came over any protocol.
pub trait Service: Send + Sync + 'static {
    /// Answers one request. Its failures are responses too.
    fn respond<B>(&self, request: Request<B>) -> impl Future<Output = Reply> + Send
    where
        B: Body<Data = Bytes> + Send + Unpin,
        B::Error: fmt::Display;
}
