//! A scheduler that answers what a test wants.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt as _, Full};
use slotbench_node::{Limits, Protocol, Reply, Service};

use super::Site;

/// Answers as it is told, and counts.
pub(crate) struct Peer {
    pub(crate) answer: Box<dyn Fn(&str) -> Reply + Send + Sync>,
    pub(crate) asked: AtomicUsize,
}

impl Service for Peer {
    async fn respond<B>(&self, request: Request<B>) -> Reply
    where
        B: Body<Data = Bytes> + Send + Unpin,
        B::Error: fmt::Display,
    {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let path = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
        // A client that is cut off in the middle of its request may not see the answer.
        let _ = request.into_body().collect().await.map(|_| ());
        (self.answer)(&path)
    }
}

/// A scheduler that answers each path so.
pub(crate) async fn peer(answer: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Site<Peer> {
    let peer = Peer { answer: Box::new(answer), asked: AtomicUsize::new(0) };
    Site::serve(peer, Protocol::H1, Limits::default()).await
}

pub(crate) fn reply(status: u16, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(body.into()));
    *reply.status_mut() = StatusCode::from_u16(status).expect("a status");
    reply
}

pub(crate) fn redirect(to: &str) -> Reply {
    let mut reply = reply(307, "");
    reply.headers_mut().insert("location", HeaderValue::from_str(to).expect("a value"));
    reply
}
