//! How much of the cache each process takes, and which one was used longest ago.

use std::collections::{BTreeMap, HashMap};

use crate::assignments::foreign_key;
use crate::id::Id;
use crate::key::{Key, Segment};
use crate::store::{Node, Store, StoreError};

/// How many entries are read at a time when usage is rebuilt.
const PAGE: usize = 1024;

/// Bytes by process, and the order of use. As large as the number of processes cached, which the budget bounds.
#[derive(Debug, Default)]
pub(super) struct Usage {
    processes: HashMap<Id, Share>,
    by_use: BTreeMap<u64, Id>,
    uses: u64,
    bytes: u64,
}

#[derive(Debug)]
struct Share {
    bytes: u64,
    last_use: u64,
}

/// What an entry counts for: its key and its value.
pub(super) fn cost(key: &Key, value_len: u64) -> u64 {
    key.as_bytes().len() as u64 + value_len
}

impl Usage {
    /// Counts what is stored, reading sizes only. The order of use of earlier runs is not known: it is that of the ids.
    pub(super) fn read(store: &dyn Store) -> Result<Self, StoreError> {
        let group = foreign_key();
        let (mut usage, mut from) = (Self::default(), group.clone());
        loop {
            let page = store.scan(&group, &from, PAGE)?;
            let Some((last, _)) = page.last() else { return Ok(usage) };
            // A definition's own entry stands above its slots: the next bound must not skip them.
            from = just_behind(last);
            for (key, node) in &page {
                if let (Some(Segment::Id(process)), Node::Value(length)) = (key.segments().nth(1), node) {
                    usage.add(&process, cost(key, *length));
                }
            }
        }
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn processes(&self) -> usize {
        self.processes.len()
    }

    /// Adds bytes to a process, and makes it the one used last.
    pub(super) fn add(&mut self, process: &Id, bytes: u64) {
        self.processes.entry(*process).or_insert(Share { bytes: 0, last_use: u64::MAX }).bytes += bytes;
        self.bytes += bytes;
        self.touch(process);
    }

    /// Makes a process the one used last, if anything of it is cached.
    pub(super) fn touch(&mut self, process: &Id) {
        let Some(share) = self.processes.get_mut(process) else { return };
        self.by_use.remove(&share.last_use);
        share.last_use = self.uses;
        self.by_use.insert(self.uses, *process);
        self.uses += 1;
    }

    /// The process used longest ago; `last` only if there is no other.
    pub(super) fn oldest(&self, last: &Id) -> Option<Id> {
        let others = self.by_use.values().find(|process| *process != last);
        others.or_else(|| self.by_use.values().next()).copied()
    }

    pub(super) fn forget(&mut self, process: &Id) {
        if let Some(share) = self.processes.remove(process) {
            self.by_use.remove(&share.last_use);
            self.bytes -= share.bytes;
        }
    }
}

/// The lowest key behind `key`, its descendants included.
fn just_behind(key: &Key) -> Key {
    let mut behind = key.clone();
    behind.push_number(0);
    behind
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn process(n: u8) -> Id {
        Id::from_bytes([n; 32])
    }

    proptest! {
        /// Bytes are those of all processes together, and the victim is the one used longest ago.
        #[test]
        fn bytes_and_order_are_kept(steps in prop::collection::vec((0_u8..5, 0_u8..3, 0_u64..100), 0..60)) {
            let (mut usage, mut model) = (Usage::default(), Vec::<(u8, u64)>::new());
            for (n, action, bytes) in steps {
                let known = model.iter().position(|(known, _)| *known == n);
                match (action, known) {
                    (0, _) => {
                        usage.add(&process(n), bytes);
                        let before = known.map_or(0, |at| model.remove(at).1);
                        model.push((n, before + bytes));
                    }
                    (1, Some(at)) => {
                        usage.touch(&process(n));
                        let share = model.remove(at);
                        model.push(share);
                    }
                    (2, Some(at)) => {
                        usage.forget(&process(n));
                        model.remove(at);
                    }
                    _ => usage.touch(&process(n)),
                }
                prop_assert_eq!(usage.bytes(), model.iter().map(|(_, bytes)| bytes).sum::<u64>());
                prop_assert_eq!(usage.processes(), model.len());
                prop_assert_eq!(usage.by_use.len(), model.len());
                let oldest = model.iter().find(|(other, _)| *other != n).or(model.first());
                prop_assert_eq!(usage.oldest(&process(n)), oldest.map(|(n, _)| process(*n)));
            }
        }
    }
}
