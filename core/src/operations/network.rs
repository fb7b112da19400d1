//! The scheduler among other schedulers: what its operator chooses.

use std::sync::Arc;

use crate::foreign::DEFAULT_MAX_BYTES;
use crate::id::Address;
use crate::location::{BaseUrl, Gateway};

/// How a scheduler deals with others. What only whoever speaks HTTP can do is marked as the node's.
#[derive(Clone)]
pub struct Network {
    /// Whether a hint beside a process id or a scheduler address is followed.
    pub follow_hints: bool,
    /// The node's: whether it asks the other scheduler itself, or sends its client there.
    pub follow_redirects: bool,
    /// The node's: whether what it read from another scheduler is cached after its client is answered.
    pub cache_in_background: bool,
    /// Where this node is reached: what its location record says unless the operator asks for something else.
    pub url: BaseUrl,
    /// Time to live of its location record, milliseconds.
    pub location_ttl_ms: u64,
    /// The node's: who is told of a new location record of this node.
    pub notify_peers: Vec<BaseUrl>,
    /// Whose signature replaces this node's location record, besides its own.
    pub operators: Vec<Address>,
    /// The network's index of location records; without it only those are known that were posted here.
    pub gateway: Option<Arc<dyn Gateway>>,
    /// Most location records of others that are kept, at least 1.
    pub max_locations: usize,
    /// Most bytes of other nodes' schedules that are cached; 0 caches none.
    pub max_foreign_bytes: u64,
}

impl Default for Network {
    /// Hints and redirects followed, caching in the background, `http://localhost:8734`, records for 7 days, nobody
    /// notified, no operator but the node itself, no gateway, 65,536 locations, 256 MiB of schedules.
    fn default() -> Self {
        Self {
            follow_hints: true,
            follow_redirects: true,
            cache_in_background: true,
            url: BaseUrl::localhost(),
            location_ttl_ms: 604_800_000,
            notify_peers: Vec::new(),
            operators: Vec::new(),
            gateway: None,
            max_locations: 1 << 16,
            max_foreign_bytes: DEFAULT_MAX_BYTES,
        }
    }
}
