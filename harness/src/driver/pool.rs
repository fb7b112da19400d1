//! The messages of a run: made and signed before any clock starts, then shared by all rounds.
//!
//! Which process a message is for follows from its number: see [`Targets`]. Worker `w` of `W` sends messages
//! `w, w + W, w + 2W, …`, so the same inputs serve every worker count and nothing is shared between workers while
//! they run.

mod content;
mod targets;

use std::path::PathBuf;
use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{Rng, RngExt as _, SeedableRng as _};
use slotbench_core::item::{BuildError, Item, Template};
use slotbench_core::wallet::WalletError;
use slotbench_core::{Id, Wallet};

pub use content::Content;
pub use targets::Targets;

use crate::cell::{Cell, Payload, Skew};
use crate::items::{Items, ItemsError};

/// What the messages look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolSpec {
    /// Determines every byte of every message.
    pub seed: u64,
    /// How many processes they are for, at least 1.
    pub processes: usize,
    /// How they are spread over the processes.
    pub skew: Skew,
    /// How much data they carry.
    pub payload: Payload,
    /// Percentage of the data that a compressor can remove.
    pub compressible: u8,
    /// Of a million messages, how many repeat an earlier one byte for byte.
    pub duplicates_per_million: u32,
    /// Where the items are, for a payload of real ones.
    pub items: Option<PathBuf>,
}

impl PoolSpec {
    /// Distinct messages of `payload` bytes of random data, round-robin over the processes.
    #[must_use]
    pub const fn plain(seed: u64, processes: usize, payload: u64) -> Self {
        Self {
            seed,
            processes,
            skew: Skew::Uniform,
            payload: Payload::Fixed(payload),
            compressible: 0,
            duplicates_per_million: 0,
            items: None,
        }
    }

    /// The messages of a cell.
    #[must_use]
    pub fn of(cell: &Cell, seed: u64) -> Self {
        let workload = &cell.axes.workload;
        Self {
            seed,
            processes: workload.processes as usize,
            skew: workload.skew,
            payload: workload.payload,
            compressible: workload.compressible,
            duplicates_per_million: u32::from(workload.duplicates) * 10_000,
            items: cell.items.clone(),
        }
    }
}

/// Why messages could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// No key could be made from the seed.
    #[error(transparent)]
    Wallet(#[from] WalletError),
    /// The payload does not fit an item, or signing failed.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The real items cannot be read again.
    #[error(transparent)]
    Items(#[from] ItemsError),
    /// The real items are not those that the plan was made for.
    #[error("{}: its items have changed since the plan was read", .0.display())]
    Changed(PathBuf),
}

/// Messages made from a [`PoolSpec`].
pub struct Pool {
    spec: PoolSpec,
    processes: Vec<Id>,
    targets: Targets,
    content: Content,
    /// Real items, loaded when the first messages are asked for.
    real: Vec<Item>,
    messages: Arc<[Item]>,
}

impl Pool {
    /// An empty pool.
    #[must_use]
    pub fn new(spec: PoolSpec) -> Self {
        let processes = processes(spec.seed, spec.processes);
        let targets = Targets::new(spec.seed, spec.processes, spec.skew);
        let content = Content::new(spec.payload, spec.compressible);
        Self { spec, processes, targets, content, real: Vec::new(), messages: Arc::default() }
    }

    /// What the messages look like.
    #[must_use]
    pub const fn spec(&self) -> &PoolSpec {
        &self.spec
    }

    /// The processes that made messages are for; real items name their own.
    #[must_use]
    pub fn processes(&self) -> &[Id] {
        &self.processes
    }

    /// The messages made so far.
    #[must_use]
    pub const fn messages(&self) -> &Arc<[Item]> {
        &self.messages
    }

    /// Makes messages until there are `count`, on all cores. Those that exist stay as they are.
    ///
    /// # Errors
    /// [`PoolError`]; with a payload that fits an item, none is expected, except where real items are gone.
    pub fn grow(&mut self, count: usize) -> Result<(), PoolError> {
        let have = self.messages.len();
        if count <= have {
            return Ok(());
        }
        let fresh = match self.spec.payload {
            Payload::Items(_) => self.real(have..count)?,
            _ => self.make_on_all_cores(have..count)?,
        };
        let mut messages: Vec<Item> = self.messages.iter().cloned().chain(fresh).collect();
        self.repeat_some(&mut messages, have);
        self.messages = messages.into();
        Ok(())
    }

    /// Real items, over and over.
    fn real(&mut self, range: std::ops::Range<usize>) -> Result<Vec<Item>, PoolError> {
        if let (true, Some(path)) = (self.real.is_empty(), &self.spec.items) {
            let Items { items, digest } = Items::load(path)?;
            if Payload::Items(digest) != self.spec.payload {
                return Err(PoolError::Changed(path.clone()));
            }
            self.real = items;
        }
        Ok(self.real.iter().cycle().skip(range.start % self.real.len().max(1)).take(range.len()).cloned().collect())
    }

    fn make_on_all_cores(&self, range: std::ops::Range<usize>) -> Result<Vec<Item>, PoolError> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let share = range.len().div_ceil(threads).max(1);
        std::thread::scope(|scope| {
            let starts = range.clone().step_by(share);
            let workers: Vec<_> =
                starts.map(|from| scope.spawn(move || self.make(from..range.end.min(from + share)))).collect();
            let made = workers.into_iter().map(join).collect::<Result<Vec<_>, _>>()?;
            Ok(made.into_iter().flatten().collect())
        })
    }

    fn make(&self, range: std::ops::Range<usize>) -> Result<Vec<Item>, PoolError> {
        let wallet = Arc::new(Wallet::ed25519_from_seed(wallet_seed(self.spec.seed))?);
        let mut data = Vec::new();
        range
            .map(|index| {
                let mut rng = StdRng::seed_from_u64(self.spec.seed.wrapping_add(index as u64));
                self.content.draw(&mut rng, &mut data);
                let process = self.processes[self.targets.of(index)];
                let template = Template::new(wallet.clone(), Some(process), Some(random(&mut rng)));
                let message = template.build(&TAGS, &data)?;
                // The first clone of a buffer allocates its reference count: here, not while the clock runs.
                drop(message.clone());
                Ok(message)
            })
            .collect()
    }

    /// Replaces the configured share of the new messages by an earlier one: of the same process where processes take
    /// turns, of any otherwise, which leaves their shares as they are.
    fn repeat_some(&self, messages: &mut [Item], from: usize) {
        let stride = if self.spec.skew == Skew::Uniform { self.processes.len() } else { 1 };
        for index in from.max(stride)..messages.len() {
            let mut rng = StdRng::seed_from_u64(!self.spec.seed ^ index as u64);
            if rng.random_range(0..1_000_000) < self.spec.duplicates_per_million {
                let earlier = rng.random_range(0..index / stride) * stride + index % stride;
                messages[index] = messages[earlier].clone();
            }
        }
    }
}

/// The tags of every message.
pub(super) const TAGS: [(&[u8], &[u8]); 3] =
    [(b"Data-Protocol", b"ao"), (b"Type", b"Message"), (b"Variant", b"ao.N.1")];

/// The processes of a seed; more of them begin with the same ones.
pub(super) fn processes(seed: u64, count: usize) -> Vec<Id> {
    let mut rng = StdRng::seed_from_u64(seed ^ 0x7072_6f63_6573_7365);
    (0..count.max(1)).map(|_| Id::from_bytes(random(&mut rng))).collect()
}

fn join<T>(worker: std::thread::ScopedJoinHandle<'_, T>) -> T {
    worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn random(rng: &mut impl Rng) -> [u8; 32] {
    let mut bytes = [0; 32];
    rng.fill_bytes(&mut bytes);
    bytes
}

fn wallet_seed(seed: u64) -> [u8; 32] {
    random(&mut StdRng::seed_from_u64(seed ^ 0x77_616c_6c65_7473))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn pool(duplicates_per_million: u32) -> Pool {
        Pool::new(PoolSpec { duplicates_per_million, ..PoolSpec::plain(7, 3, 100) })
    }

    #[test]
    fn the_same_seed_makes_the_same_messages_however_they_are_asked_for() {
        let (mut at_once, mut in_steps) = (pool(200_000), pool(200_000));
        at_once.grow(100).expect("grows");
        for count in [1, 2, 40, 100] {
            in_steps.grow(count).expect("grows");
        }
        let ids = |pool: &Pool| pool.messages().iter().map(Item::id).collect::<Vec<_>>();
        assert_eq!(ids(&at_once), ids(&in_steps));
    }

    #[test]
    fn messages_are_distinct_valid_and_for_their_process() {
        let mut pool = pool(0);
        pool.grow(60).expect("grows");
        let distinct: HashSet<Id> = pool.messages().iter().map(Item::id).collect();
        assert_eq!(distinct.len(), 60);
        for (index, message) in pool.messages().iter().enumerate() {
            message.verify().expect("a valid signature");
            assert_eq!(message.target(), Some(pool.processes()[index % 3]));
            assert_eq!(message.data().len(), 100);
        }
    }

    #[test]
    fn duplicates_repeat_a_message_of_their_own_process_in_the_asked_share() {
        let mut pool = pool(300_000);
        pool.grow(1500).expect("grows");
        let distinct: HashSet<Id> = pool.messages().iter().map(Item::id).collect();
        let repeated = 1500 - distinct.len();
        assert!((380..520).contains(&repeated), "{repeated} of 1500 at a share of 30 %");
        for (index, message) in pool.messages().iter().enumerate() {
            assert_eq!(message.target(), Some(pool.processes()[index % 3]));
        }
    }
}
