//! Listeners: they take connections, speak the protocol and hand requests to a [`Service`].
//!
//! A [`Server`] has any number of them over one service. Stopping it lets every connection finish what it is at.

mod quic;
mod tcp;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::limits::Limits;
use crate::protocol::Protocol;
use crate::service::Service;
use crate::tls::TlsError;

/// Which protocols a TCP listener speaks. Without TLS HTTP/2 is recognised by its preface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tcp {
    /// Whichever the client begins with.
    Both,
    /// HTTP/1.1 only.
    H1,
    /// HTTP/2 only.
    H2,
}

impl Tcp {
    /// The protocols to offer in a TLS handshake, the better one first.
    #[must_use]
    pub const fn protocols(self) -> &'static [Protocol] {
        match self {
            Self::Both => &[Protocol::H2, Protocol::H1],
            Self::H1 => &[Protocol::H1],
            Self::H2 => &[Protocol::H2],
        }
    }
}

/// What listeners and connections have in common.
struct Site<S> {
    service: Arc<S>,
    limits: Limits,
    /// Finish what you are at.
    stop: CancellationToken,
    /// End.
    kill: CancellationToken,
    tasks: TaskTracker,
}

impl<S> Site<S> {
    /// Runs beside everything else, and ends when the server is out of patience, whatever it is at.
    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let kill = self.kill.clone();
        self.tasks.spawn(async move { kill.run_until_cancelled(work).await });
    }
}

/// Listeners over one service. Dropping it leaves them running: [`stop`](Server::stop) ends them.
pub struct Server<S> {
    site: Arc<Site<S>>,
}

impl<S: Service> Server<S> {
    /// Serves nothing yet.
    #[must_use]
    pub fn new(service: Arc<S>, limits: Limits) -> Self {
        let (stop, kill) = (CancellationToken::new(), CancellationToken::new());
        Self { site: Arc::new(Site { service, limits, stop, kill, tasks: TaskTracker::new() }) }
    }

    /// Listens on TCP, with TLS where there are settings. Returns the address: port 0 asks the system for one.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn tcp(&self, addr: SocketAddr, speaks: Tcp, tls: Option<ServerConfig>) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        self.site.spawn(tcp::listen(Arc::clone(&self.site), listener, speaks, tls.map(Arc::new)));
        Ok(addr)
    }

    /// Listens on QUIC. Returns the address.
    ///
    /// # Errors
    /// [`TlsError`]: settings without TLS 1.3, or an address that cannot be bound.
    pub fn quic(&self, addr: SocketAddr, tls: ServerConfig) -> Result<SocketAddr, TlsError> {
        let endpoint = quic::bind(addr, tls, &self.site.limits)?;
        let addr = endpoint.local_addr()?;
        self.site.spawn(quic::listen(Arc::clone(&self.site), endpoint));
        Ok(addr)
    }

    /// Takes no more connections, lets those there are finish their requests, and returns when they have, or after
    /// [`Limits::drain_time`]. True if all had finished.
    pub async fn stop(&self) -> bool {
        self.site.stop.cancel();
        self.site.tasks.close();
        let drained = tokio::time::timeout(self.site.limits.drain_time, self.site.tasks.wait()).await.is_ok();
        self.site.kill.cancel();
        drained
    }

    /// Listeners, connections, and HTTP/3 requests that are running.
    #[must_use]
    pub fn running(&self) -> usize {
        self.site.tasks.len()
    }
}

/// A failed `accept` says nothing about the next one, except when descriptors have run out: then they come back when
/// connections end.
async fn after_accept_error() {
    tokio::time::sleep(Duration::from_millis(50)).await;
}
