//! A bounded pool of connections.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex as SyncMutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex, Semaphore};

use super::link::{Link, Opener};
use super::{Answer, CONNECT_TIME, Call, ClientError, Endpoint};
use crate::protocol::Protocol;
use crate::tls::TlsError;

/// How many connections, and how they are shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolSize {
    /// Most connections, at least 1.
    pub connections: usize,
    /// Requests under way on one connection, at least 1; over HTTP/1.1 always 1.
    pub turns: usize,
}

/// Sends requests to one address over a bounded number of connections.
pub struct Client {
    opener: Opener,
    links: Vec<Mutex<Option<Link>>>,
    /// Connections with a turn to give, once for each; the one used last comes first: it is the likeliest to be open.
    free: SyncMutex<Vec<usize>>,
    turns: Semaphore,
    patience: Duration,
    opened: AtomicU64,
}

impl Client {
    /// A client that waits for at most `patience` for each answer. Opens nothing yet. Wants a tokio runtime around it.
    ///
    /// # Errors
    /// [`TlsError`] when the trusted certificate cannot be used, or no socket be had.
    pub fn new(endpoint: Endpoint, size: PoolSize, patience: Duration) -> Result<Self, TlsError> {
        Ok(Self::with(Opener::new(endpoint, false)?, size, patience))
    }

    /// As [`new`](Self::new), for a server of which it is not known what it speaks: over TLS the handshake decides
    /// between HTTP/2 and HTTP/1.1, without it is HTTP/1.1. Of each connection one request at a time makes use.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn negotiating(endpoint: Endpoint, connections: usize, patience: Duration) -> Result<Self, TlsError> {
        let endpoint = Endpoint { protocol: Protocol::H1, ..endpoint };
        Ok(Self::with(Opener::new(endpoint, true)?, PoolSize { connections, turns: 1 }, patience))
    }

    fn with(opener: Opener, size: PoolSize, patience: Duration) -> Self {
        let connections = size.connections.max(1);
        let turns = if opener.endpoint.protocol == Protocol::H1 { 1 } else { size.turns.max(1) };
        Self {
            opener,
            links: (0..connections).map(|_| Mutex::default()).collect(),
            free: SyncMutex::new((0..turns).flat_map(|_| (0..connections).rev()).collect()),
            turns: Semaphore::new(connections * turns),
            patience,
            opened: AtomicU64::new(0),
        }
    }

    /// Whom it talks to.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.opener.endpoint
    }

    /// Connections opened so far.
    #[must_use]
    pub fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    /// Opens every connection of the pool that is not open.
    ///
    /// # Errors
    /// The first that fails.
    pub async fn connect(&self) -> Result<(), ClientError> {
        for index in 0..self.links.len() {
            self.link(index).await?;
        }
        Ok(())
    }

    /// Opens one connection, if none is open, to see that somebody is there.
    ///
    /// # Errors
    /// [`ClientError::Connect`].
    pub async fn reach(&self) -> Result<(), ClientError> {
        self.link(0).await.map(drop)
    }

    /// Sends a request, waiting for a turn first. It is sent once: what happens to a request whose connection broke is
    /// not known.
    ///
    /// # Errors
    /// [`ClientError`]; an answer is no error, whatever its status.
    pub async fn send(&self, call: Call) -> Result<Answer, ClientError> {
        // The semaphore is never closed.
        let _permit = self.turns.acquire().await.map_err(|error| self.endpoint().refused(error))?;
        let mut turn = Turn { client: self, index: self.free().pop().unwrap_or(0), is_under_way: false };
        let late = || ClientError::Late { protocol: self.endpoint().protocol, seconds: self.patience.as_secs() };
        tokio::time::timeout(self.patience, turn.exchange(call)).await.map_err(|_| late())?
    }

    /// The open connection at `index`, opened if need be.
    async fn link(&self, index: usize) -> Result<Link, ClientError> {
        let Some(place) = self.links.get(index) else { return Err(self.endpoint().timed_out()) };
        let mut place = place.lock().await;
        if let Some(link) = place.as_ref().filter(|link| link.is_open()) {
            return Ok(link.clone());
        }
        let opening = tokio::time::timeout(CONNECT_TIME, self.opener.open());
        let link = opening.await.map_err(|_| self.endpoint().timed_out())??;
        self.opened.fetch_add(1, Ordering::Relaxed);
        *place = Some(link.clone());
        Ok(link)
    }

    async fn forget(&self, index: usize) {
        if let Some(place) = self.links.get(index) {
            *place.lock().await = None;
        }
    }

    fn free(&self) -> MutexGuard<'_, Vec<usize>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A turn of a connection; given back when it is dropped.
struct Turn<'a> {
    client: &'a Client,
    index: usize,
    is_under_way: bool,
}

impl Turn<'_> {
    async fn exchange(&mut self, call: Call) -> Result<Answer, ClientError> {
        let link = self.client.link(self.index).await?;
        self.is_under_way = true;
        let answer = link.exchange(&self.client.opener.endpoint, call).await;
        self.is_under_way = false;
        if answer.is_err() {
            self.client.forget(self.index).await;
        }
        answer
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // An HTTP/1.1 connection that somebody stopped listening to carries no other request.
        let place = self.client.links.get(self.index).filter(|_| self.is_under_way);
        if let Some(Ok(mut place)) = place.map(Mutex::try_lock)
            && matches!(&*place, Some(Link::H1(_)))
        {
            *place = None;
        }
        self.client.free().push(self.index);
    }
}
