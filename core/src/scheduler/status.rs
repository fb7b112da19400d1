//! What a scheduler says of itself.

use crate::id::{Address, Id};
use crate::registry::{Name, NameRef, Pattern, Query};
use crate::scheduler::{Config, KIND, PREFIX, Scheduler, WriterName};

/// Most writers that one answer lists.
pub const MAX_LISTED: usize = 1000;

/// Who signs, and a page of the running writers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The address that signs, where the key ring has no other.
    pub address: Address,
    /// The addresses that the key ring has for some processes.
    pub addresses: Vec<Address>,
    /// Processes with a running writer, in the order of their ids' text.
    pub processes: Vec<Id>,
    /// Where the next page goes on; `None` on the last one.
    pub next_after: Option<Id>,
}

/// What a scheduler is busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metrics {
    /// Running writers.
    pub servers: usize,
    /// Messages that have a slot and are not stored yet.
    pub queued: u64,
    /// Milliseconds since the oldest of them got its slot.
    pub oldest_ms: Option<u64>,
}

impl Scheduler {
    /// Who signs, and which processes have a running writer: the first [`MAX_LISTED`] of them.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status_after(None, MAX_LISTED)
    }

    /// As [`status`](Self::status), with the writers behind `after`: at most `limit`, which is 1 to [`MAX_LISTED`]. A
    /// writer that runs all the while is listed on one page, those that start or stop meanwhile on one or none. The last
    /// page may be empty.
    #[must_use]
    pub fn status_after(&self, after: Option<&Id>, limit: usize) -> Status {
        let query = Query::from(Pattern::known_kind(KIND));
        let after: Option<Name> = after.map(|process| NameRef::from(&WriterName::new(process)).to_name());
        let page = self.servers.list(&query, after.as_ref(), limit.clamp(1, MAX_LISTED));
        let Config { signer, keys, .. } = &self.shared.config;
        Status {
            address: signer.address(),
            addresses: keys.addresses(),
            processes: page.entries.iter().map(|listed| listed.found.handle().process()).collect(),
            next_after: page.next.and_then(|name| name.as_str().strip_prefix(PREFIX)?.parse().ok()),
        }
    }

    /// What the running writers are busy with.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        let now = self.shared.config.clock.now_ms();
        let nothing = Metrics { servers: 0, queued: 0, oldest_ms: None };
        self.live().fold(nothing, |sum, server| Metrics {
            servers: sum.servers + 1,
            queued: sum.queued + server.in_flight() as u64,
            oldest_ms: sum.oldest_ms.max(server.oldest_ms().map(|since| now.saturating_sub(since))),
        })
    }
}
