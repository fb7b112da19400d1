//! A bounded number of pools of connections, one for each origin.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use slotbench_core::location::BaseUrl;
use tokio::sync::OnceCell;

use super::origin::Origin;
use super::{RemoteError, RemoteOptions};
use crate::client::{Client, ClientError, Endpoint};
use crate::protocol::Protocol;
use crate::tls::Trust;

/// Addresses of one name that are tried.
const ADDRESSES: usize = 4;

pub(super) struct Pools {
    most: usize,
    connections: usize,
    patience: Duration,
    trust: Option<Trust>,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    by_origin: HashMap<Origin, Pool>,
    /// Grows with every use, so that the smallest `used` is the longest ago.
    uses: u64,
    /// Connections opened by pools that are gone.
    opened_before: u64,
}

struct Pool {
    /// Opened by whoever comes first; the others wait.
    client: Arc<OnceCell<Client>>,
    used: u64,
}

impl Pool {
    fn opened(&self) -> u64 {
        self.client.get().map_or(0, Client::opened)
    }
}

impl Pools {
    pub(super) fn new(options: &RemoteOptions) -> Self {
        Self {
            most: options.origins.max(1),
            connections: options.connections,
            patience: options.call_time,
            trust: options.trust.clone(),
            held: Mutex::default(),
        }
    }

    pub(super) fn opened(&self) -> u64 {
        let held = self.lock();
        held.opened_before + held.by_origin.values().map(Pool::opened).sum::<u64>()
    }

    /// The pool of an origin, with somebody at its other end when it was opened.
    pub(super) async fn client(&self, url: &BaseUrl, origin: &Origin) -> Result<Arc<OnceCell<Client>>, RemoteError> {
        let cell = self.lock().cell(origin, self.most);
        cell.get_or_try_init(|| self.open(url, origin)).await?;
        Ok(cell)
    }

    /// Drops the pool of an origin that could not be reached: its name may have another address by now.
    pub(super) fn forget(&self, origin: &Origin) {
        self.lock().remove(origin);
    }

    async fn open(&self, url: &BaseUrl, origin: &Origin) -> Result<Client, RemoteError> {
        let trusted = match (&self.trust, origin.is_https) {
            (_, false) => None,
            (Some(trust), true) => Some(trust.clone()),
            (None, true) => {
                let reason = "it is https, and no certificates are trusted here";
                return Err(RemoteError::Address { url: url.clone(), reason });
            }
        };
        let unreachable =
            |cause: Box<dyn std::error::Error + Send + Sync>| RemoteError::Unreachable { url: url.clone(), cause };
        let resolved = tokio::net::lookup_host((origin.name(), origin.port)).await;
        let mut failure: Box<dyn std::error::Error + Send + Sync> = "its name has no address".into();
        for addr in resolved.map_err(|error| unreachable(error.into()))?.take(ADDRESSES) {
            match self.reach(addr, origin, trusted.clone()).await {
                Ok(client) => return Ok(client),
                Err(error) => failure = error.into(),
            }
        }
        Err(unreachable(failure))
    }

    async fn reach(&self, addr: SocketAddr, origin: &Origin, trusted: Option<Trust>) -> Result<Client, ReachError> {
        let endpoint = Endpoint { addr, protocol: Protocol::H1, host: origin.host.clone(), trusted };
        let client = Client::negotiating(endpoint, self.connections, self.patience)?;
        client.reach().await?;
        Ok(client)
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, thiserror::Error)]
enum ReachError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Tls(#[from] crate::tls::TlsError),
}

impl Held {
    fn cell(&mut self, origin: &Origin, most: usize) -> Arc<OnceCell<Client>> {
        self.uses += 1;
        if let Some(pool) = self.by_origin.get_mut(origin) {
            pool.used = self.uses;
            return Arc::clone(&pool.client);
        }
        while self.by_origin.len() >= most {
            // Few enough to look at all of them.
            let oldest = self.by_origin.iter().min_by_key(|(_, pool)| pool.used).map(|(origin, _)| origin.clone());
            let Some(oldest) = oldest else { break };
            self.remove(&oldest);
        }
        let client = Arc::new(OnceCell::new());
        self.by_origin.insert(origin.clone(), Pool { client: Arc::clone(&client), used: self.uses });
        client
    }

    fn remove(&mut self, origin: &Origin) {
        if let Some(pool) = self.by_origin.remove(origin) {
            self.opened_before += pool.opened();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(port: u16) -> Origin {
        Origin { is_https: false, host: "su".to_owned(), port }
    }

    #[test]
    fn as_many_origins_are_held_as_allowed_and_the_one_used_longest_ago_goes() {
        let mut held = Held::default();
        let first = held.cell(&origin(1), 3);
        for port in [2, 3] {
            held.cell(&origin(port), 3);
            assert_eq!(held.by_origin.len(), usize::from(port));
        }
        assert!(Arc::ptr_eq(&first, &held.cell(&origin(1), 3)), "held, and used again");
        held.cell(&origin(4), 3);
        let mut ports: Vec<u16> = held.by_origin.keys().map(|origin| origin.port).collect();
        ports.sort_unstable();
        assert_eq!(ports, [1, 3, 4]);
    }
}
