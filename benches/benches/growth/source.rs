//! The messages of one process, made as they are needed: ten million of them would not fit into memory.

use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use slotbench_core::assignment::{DEFAULT_PATH, Draft};
use slotbench_core::assignments::stage;
use slotbench_core::block::Block;
use slotbench_core::chain::Chain;
use slotbench_core::item::{BuildError, Item, Template};
use slotbench_core::wallet::NoSigner;
use slotbench_core::{Batch, Id};

/// When the filled slots say they were given: any time before now.
const TIMESTAMP_MS: u64 = 1_700_000_000_000;

/// Makes the messages of one process, and the records that a scheduler would store for them.
pub(crate) struct Source {
    process: Id,
    messages: Template,
    assignments: Template,
    random: StdRng,
    payload: Vec<u8>,
    chain: Chain,
    slots: u64,
}

impl Source {
    /// A source whose every byte follows from `seed`.
    pub(crate) fn new(seed: u64, payload: usize) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let mut process = [0; 32];
        random.fill_bytes(&mut process);
        let process = Id::from_bytes(process);
        Self {
            process,
            messages: Template::new(Arc::new(NoSigner), Some(process), None),
            assignments: Template::new(Arc::new(NoSigner), None, None),
            random,
            payload: vec![0; payload],
            chain: Chain::EMPTY,
            slots: 0,
        }
    }

    pub(crate) const fn process(&self) -> Id {
        self.process
    }

    /// The next message: random data, so that no two are the same and nothing can be compressed.
    pub(crate) fn message(&mut self) -> Result<Item, BuildError> {
        self.random.fill_bytes(&mut self.payload);
        self.messages.build(&[(b"Data-Protocol", b"ao"), (b"Type", b"Message")], &self.payload)
    }

    /// What a scheduler stores for the next `count` messages.
    pub(crate) fn batch(&mut self, count: u64) -> Result<Batch, BuildError> {
        let mut batch = Batch::new();
        for _ in 0..count {
            let message = self.message()?;
            let chain = self.chain.next(&message.id());
            let draft = Draft {
                process: &self.process,
                message: &message.id(),
                path: DEFAULT_PATH,
                slot: self.slots,
                chain,
                timestamp: TIMESTAMP_MS,
                block: &Block::NONE,
            };
            stage(&mut batch, &self.process, self.slots, &message, draft.sign(&self.assignments)?.item());
            self.chain = Chain::after(chain);
            self.slots += 1;
        }
        Ok(batch)
    }
}
