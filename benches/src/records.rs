//! The records that a scheduler stores, made before any clock starts.

use std::sync::Arc;

use slotbench::driver::pool::{Pool, PoolSpec};
use slotbench_core::assignment::{DEFAULT_PATH, Draft};
use slotbench_core::assignments::stage;
use slotbench_core::block::Block;
use slotbench_core::chain::Chain;
use slotbench_core::item::{Item, Template};
use slotbench_core::{Batch, Id, Signer};

use crate::PAYLOAD;

/// Messages, and for each the assignment that a scheduler would store with it.
pub struct Records {
    processes: Vec<Id>,
    messages: Arc<[Item]>,
    assignments: Vec<Item>,
}

impl Records {
    /// `count` messages of 1 KiB for `processes` processes in turn, with assignments by `signer`.
    ///
    /// # Panics
    /// When an item cannot be made or signed.
    #[must_use]
    pub fn new(processes: usize, count: usize, signer: Arc<dyn Signer>) -> Self {
        let mut pool = Pool::new(PoolSpec::plain(5, processes, PAYLOAD as u64));
        pool.grow(count).expect("messages");
        Self::of(pool.processes().to_vec(), Arc::clone(pool.messages()), signer)
    }

    /// The same for messages that are there: message `i` is for process `i` modulo their number.
    ///
    /// # Panics
    /// When an assignment cannot be signed.
    #[must_use]
    pub fn of(processes: Vec<Id>, messages: Arc<[Item]>, signer: Arc<dyn Signer>) -> Self {
        let template = Template::new(signer, None, None);
        let mut chains = vec![Chain::EMPTY; processes.len()];
        let assign = |(index, message): (usize, &Item)| {
            let turn = index % processes.len();
            let chain = chains[turn].next(&message.id());
            chains[turn] = Chain::after(chain);
            let draft = Draft {
                process: &processes[turn],
                message: &message.id(),
                path: DEFAULT_PATH,
                slot: (index / processes.len()) as u64,
                chain,
                timestamp: 1_700_000_000_000,
                block: &Block::NONE,
            };
            draft.sign(&template).expect("an assignment").item().clone()
        };
        let assignments = messages.iter().enumerate().map(assign).collect();
        Self { processes, messages, assignments }
    }

    /// The messages.
    #[must_use]
    pub const fn messages(&self) -> &Arc<[Item]> {
        &self.messages
    }

    /// Their assignments.
    #[must_use]
    pub fn assignments(&self) -> &[Item] {
        &self.assignments
    }

    /// What is stored, `size` messages a batch; the last batch may hold fewer.
    ///
    /// # Panics
    /// For a `size` of 0.
    #[must_use]
    pub fn batches(&self, size: usize) -> Vec<Batch> {
        (0..self.messages.len()).step_by(size).map(|from| self.batch(from, size)).collect()
    }

    fn batch(&self, from: usize, size: usize) -> Batch {
        let mut batch = Batch::new();
        for index in from..self.messages.len().min(from + size) {
            let (process, slot) = (&self.processes[index % self.processes.len()], index / self.processes.len());
            stage(&mut batch, process, slot as u64, &self.messages[index], &self.assignments[index]);
        }
        batch
    }
}
