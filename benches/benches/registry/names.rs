//! Names as schedulers have them, and the order in which they are asked for.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use slotbench_core::Id;
use slotbench_core::hash::sha256;
use slotbench_core::registry::{Name, NameRef};

/// `scheduler:` and an id.
const LEN: usize = 53;

/// The n-th name.
pub(crate) fn name(n: u64) -> Name {
    NameRef::parse(&text(n)).expect("a name").to_name()
}

fn text(n: u64) -> String {
    format!("scheduler:{}", Id::from_bytes(sha256(&[&n.to_le_bytes()])))
}

/// Random names out of the first `names`, as texts of their own one after the other: what is asked for comes from
/// outside and is warm, what it is compared with is wherever the table has it.
pub(crate) struct Questions {
    text: String,
    /// The sum of their numbers: what all right answers add up to.
    pub(crate) sum: u64,
}

impl Questions {
    pub(crate) fn new(names: u64, count: usize, seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let mut questions = Self { text: String::with_capacity(count * LEN), sum: 0 };
        for _ in 0..count {
            let n = random.random_range(0..names);
            questions.text.push_str(&text(n));
            questions.sum = questions.sum.wrapping_add(n);
        }
        questions
    }

    /// The names, checked.
    pub(crate) fn names(&self) -> Vec<NameRef<'_>> {
        let texts = (0..self.text.len() / LEN).filter_map(|n| self.text.get(n * LEN..(n + 1) * LEN));
        texts.filter_map(|text| NameRef::parse(text).ok()).collect()
    }
}
