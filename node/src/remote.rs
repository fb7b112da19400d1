//! Other schedulers, asked on behalf of this node's clients.
//!
//! | module | what it owns |
//! |---|---|
//! | [`error`] | what can go wrong, and which status says so |
//! | `origin`, `pools` | whom a URL names; a bounded number of bounded pools of connections |
//! | `ask` | one question: deadline, second attempt, redirects |
//! | `session`, `native`, `legacy` | the operations, in both dialects |
//! | `merge` | a page of what is cached here and what the other scheduler adds |
//! | [`trail`] | which nodes a request has come through |
//! | [`gateway`] | the network's index of location records |
//!
//! Everything has a bound: the wait for one answer and for the whole operation, redirects, the answer's size, operations
//! at a time, origins, and connections to each. What comes back is verified by whoever uses it; see
//! [`Authority`](slotbench_core::foreign::Authority).

mod ask;
pub mod error;
pub mod gateway;
mod legacy;
pub(crate) mod merge;
mod native;
mod origin;
mod pools;
mod session;
pub mod trail;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, header};
use slotbench_core::location::BaseUrl;
use slotbench_core::operations::Redirect;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use error::{RedirectError, RemoteError};
pub use gateway::HttpGateway;
pub use session::{RemotePage, Session, Times};
pub use trail::Trail;

use crate::client::Call;
use crate::tls::Trust;
use ask::Asking;
use pools::Pools;

/// Bounds on what other schedulers can make this node wait for or hold.
#[derive(Debug, Clone)]
pub struct RemoteOptions {
    /// Longest wait for one answer, from the moment a connection is asked for.
    pub call_time: Duration,
    /// Longest wait for an operation: all of its calls, second attempts and redirects.
    pub operation_time: Duration,
    /// Most redirects that an operation follows.
    pub hops: usize,
    /// Largest answer in bytes. A page of another node with default settings has up to 90 MiB.
    pub answer_bytes: usize,
    /// Operations at a time; further ones are refused.
    pub operations: usize,
    /// Origins with a pool; the one used longest ago makes room.
    pub origins: usize,
    /// Connections to one origin.
    pub connections: usize,
    /// Pages that wait to be cached; further ones are answered and not cached.
    pub caching: usize,
    /// Who vouches for servers at `https` URLs; without it none can be asked.
    pub trust: Option<Trust>,
}

impl Default for RemoteOptions {
    /// 10 s a call, 20 s an operation, 5 redirects, answers up to 96 MiB, 32 operations at a time, 64 origins with up to 8
    /// connections each, 8 pages waiting to be cached, no `https`.
    fn default() -> Self {
        Self {
            call_time: Duration::from_secs(10),
            operation_time: Duration::from_secs(20),
            hops: 5,
            answer_bytes: 96 << 20,
            operations: 32,
            origins: 64,
            connections: 8,
            caching: 8,
            trust: None,
        }
    }
}

/// Asks other schedulers.
pub struct Remote {
    options: RemoteOptions,
    pools: Pools,
    places: Semaphore,
    caching: Arc<Semaphore>,
    name: trail::Name,
}

impl Remote {
    /// Asks nobody yet.
    #[must_use]
    pub fn new(options: RemoteOptions) -> Arc<Self> {
        let places = Semaphore::new(options.operations.clamp(1, Semaphore::MAX_PERMITS));
        let caching = Arc::new(Semaphore::new(options.caching.min(Semaphore::MAX_PERMITS)));
        Arc::new(Self { pools: Pools::new(&options), places, caching, name: trail::Name::random(), options })
    }

    /// Its bounds.
    #[must_use]
    pub const fn options(&self) -> &RemoteOptions {
        &self.options
    }

    /// Connections opened so far.
    #[must_use]
    pub fn opened(&self) -> u64 {
        self.pools.opened()
    }

    /// Which nodes a request has come through, this one included.
    ///
    /// # Errors
    /// [`trail::TrailError`] where it has come through too many, or through this one before.
    pub fn continue_trail(&self, so_far: Option<&HeaderValue>) -> Result<Trail, trail::TrailError> {
        Trail::after(so_far, &self.name, self.options.hops)
    }

    /// Turns to the scheduler of a process. The time of the operation runs from now.
    ///
    /// # Errors
    /// [`RemoteError::Busy`]; [`RemoteError::Dialect`].
    pub fn session<'a>(&'a self, to: &Redirect, trail: &Trail) -> Result<Session<'a>, RemoteError> {
        let place = self.places.try_acquire().map_err(|_| RemoteError::Busy)?;
        Session::new(Asking::new(self, to.url.clone(), trail), to, place)
    }

    /// A place for a page that waits to be cached.
    pub(crate) fn caching(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.caching).try_acquire_owned().ok()
    }

    /// Returns when no page waits to be cached.
    pub async fn settled(&self) {
        let all = u32::try_from(self.options.caching).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        let _ = self.caching.acquire_many(all).await;
    }

    /// Posts a location record to another scheduler.
    ///
    /// # Errors
    /// [`RemoteError`]; any answer but 200 is one.
    pub async fn notify(&self, peer: &BaseUrl, record: Bytes) -> Result<(), RemoteError> {
        let trail = self.continue_trail(None).unwrap_or_default();
        let mut call = Call::post("/~scheduler@1.0/location", record);
        call.headers.insert(header::CONTENT_TYPE, OCTETS);
        self.ask(peer, &trail, call).await.map(drop)
    }

    /// One question beside the operations.
    async fn ask(&self, url: &BaseUrl, trail: &Trail, call: Call) -> Result<Bytes, RemoteError> {
        let _place = self.places.try_acquire().map_err(|_| RemoteError::Busy)?;
        let mut asking = Asking::new(self, url.clone(), trail);
        asking.deadline().bound(asking.ask(call)).await
    }
}

/// Work that takes long, on a thread that serves nobody.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, RemoteError> {
    tokio::task::spawn_blocking(work).await.map_err(RemoteError::Task)
}

const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");
