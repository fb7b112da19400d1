//! The messages of a run: made and signed before any clock starts, then shared by all rounds.
//!
//! Message `i` is for process `i mod processes`, and worker `w` of `W` sends messages `w, w + W, w + 2W, …`, so the
//! same inputs serve every worker count and nothing is shared between workers while they run.

use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{Rng, RngExt as _, SeedableRng as _};
use slotbench_core::item::{BuildError, Item, Template};
use slotbench_core::wallet::WalletError;
use slotbench_core::{Id, Wallet};

/// What the messages look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolSpec {
    /// Determines every byte of every message.
    pub seed: u64,
    /// How many processes they are for, at least 1.
    pub processes: usize,
    /// Bytes of data in each message: random, so no engine can compress them.
    pub payload: usize,
    /// Of a million messages, how many repeat an earlier one byte for byte.
    pub duplicates_per_million: u32,
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
}

/// Messages made from a [`PoolSpec`].
pub struct Pool {
    spec: PoolSpec,
    processes: Vec<Id>,
    messages: Arc<[Item]>,
}

impl Pool {
    /// An empty pool.
    #[must_use]
    pub fn new(spec: PoolSpec) -> Self {
        let mut rng = StdRng::seed_from_u64(spec.seed ^ 0x70_726f_6365_7373);
        let processes = (0..spec.processes.max(1)).map(|_| Id::from_bytes(random(&mut rng))).collect();
        Self { spec, processes, messages: Arc::default() }
    }

    /// What the messages look like.
    #[must_use]
    pub const fn spec(&self) -> &PoolSpec {
        &self.spec
    }

    /// The processes the messages are for.
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
    /// [`PoolError`]; with a payload that fits an item, none is expected.
    pub fn grow(&mut self, count: usize) -> Result<(), PoolError> {
        let have = self.messages.len();
        let missing = count.saturating_sub(have);
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let share = missing.div_ceil(threads).max(1);
        let this = &*self;
        let made = std::thread::scope(|scope| {
            let starts = (have..count).step_by(share);
            let workers: Vec<_> =
                starts.map(|from| scope.spawn(move || this.make(from..count.min(from + share)))).collect();
            workers.into_iter().map(join).collect::<Result<Vec<_>, _>>()
        })?;
        let mut messages: Vec<Item> = self.messages.iter().cloned().chain(made.into_iter().flatten()).collect();
        self.repeat_some(&mut messages, have);
        self.messages = messages.into();
        Ok(())
    }

    fn make(&self, range: std::ops::Range<usize>) -> Result<Vec<Item>, PoolError> {
        let wallet = Arc::new(Wallet::ed25519_from_seed(wallet_seed(self.spec.seed))?);
        let mut payload = vec![0; self.spec.payload];
        range
            .map(|index| {
                let mut rng = StdRng::seed_from_u64(self.spec.seed.wrapping_add(index as u64));
                rng.fill_bytes(&mut payload);
                let process = self.processes[index % self.processes.len()];
                let template = Template::new(wallet.clone(), Some(process), Some(random(&mut rng)));
                let tags: [(&[u8], &[u8]); 3] =
                    [(b"Data-Protocol", b"ao"), (b"Type", b"Message"), (b"Variant", b"ao.N.1")];
                let message = template.build(&tags, &payload)?;
                // The first clone of a buffer allocates its reference count: here, not while the clock runs.
                drop(message.clone());
                Ok(message)
            })
            .collect()
    }

    /// Replaces the configured share of the new messages by an earlier one for the same process.
    fn repeat_some(&self, messages: &mut [Item], from: usize) {
        let stride = self.processes.len();
        for index in from.max(stride)..messages.len() {
            let mut rng = StdRng::seed_from_u64(!self.spec.seed ^ index as u64);
            if rng.random_range(0..1_000_000) < self.spec.duplicates_per_million {
                let earlier = rng.random_range(0..index / stride) * stride + index % stride;
                messages[index] = messages[earlier].clone();
            }
        }
    }
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
    random(&mut StdRng::seed_from_u64(seed ^ 0x0077_616c_6c65_74))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn pool(duplicates_per_million: u32) -> Pool {
        Pool::new(PoolSpec { seed: 7, processes: 3, payload: 100, duplicates_per_million })
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
