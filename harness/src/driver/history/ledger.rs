//! Which message is in which slot of a history: eight bytes a slot.

use std::collections::HashMap;

use slotbench_core::Id;

/// The messages of a history. They take turns over the processes: message `i` is slot `i / processes` of process
/// `i mod processes`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    processes: Vec<Id>,
    numbers: HashMap<Id, usize>,
    /// The first half of a quarter of each message's id: a wrong message has the right one once in 2^64 times.
    fingerprints: Vec<u64>,
}

impl Ledger {
    /// A ledger without slots.
    #[must_use]
    pub fn new(processes: Vec<Id>) -> Self {
        let numbers = processes.iter().copied().enumerate().map(|(number, process)| (process, number)).collect();
        Self { processes, numbers, fingerprints: Vec::new() }
    }

    /// Adds the next message.
    pub fn push(&mut self, message: &Id) {
        self.fingerprints.push(fingerprint(message));
    }

    /// Slots of all processes together.
    #[must_use]
    pub fn slots(&self) -> u64 {
        self.fingerprints.len() as u64
    }

    /// A slot of the process with that number, the further behind the greater `at` is, which counts the slots of all
    /// processes. A number without a slot stands for one that has some.
    #[must_use]
    pub fn pick(&self, number: usize, at: u64) -> Option<(Id, u64)> {
        let processes = self.processes.len().min(self.fingerprints.len());
        let number = number.checked_rem(processes)?;
        let last = (self.fingerprints.len() - 1 - number) / self.processes.len();
        Some((*self.processes.get(number)?, (at / self.processes.len() as u64).min(last as u64)))
    }

    /// Whether that message is in that slot, as far as the history goes: what lies beyond it is not known here.
    #[must_use]
    pub fn agrees(&self, process: &Id, slot: u64, message: &Id) -> bool {
        self.fingerprint(process, slot).is_none_or(|known| known == fingerprint(message))
    }

    fn fingerprint(&self, process: &Id, slot: u64) -> Option<u64> {
        let number = self.numbers.get(process)?;
        let index = usize::try_from(slot).ok()?.checked_mul(self.processes.len())?.checked_add(*number)?;
        self.fingerprints.get(index).copied()
    }
}

fn fingerprint(id: &Id) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *id.as_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> Id {
        Id::from_bytes([number; 32])
    }

    /// Seven messages over three processes.
    fn ledger() -> Ledger {
        let mut ledger = Ledger::new(vec![id(101), id(102), id(103)]);
        (0..7).for_each(|number| ledger.push(&id(number)));
        ledger
    }

    #[test]
    fn it_knows_its_own_slots_and_none_beyond() {
        let ledger = ledger();
        assert_eq!(ledger.slots(), 7);
        assert!(ledger.agrees(&id(102), 1, &id(4)));
        assert!(!ledger.agrees(&id(102), 1, &id(5)));
        assert!(!ledger.agrees(&id(101), 2, &id(0)));
        assert!(ledger.agrees(&id(102), 2, &id(99)) && ledger.agrees(&id(9), 0, &id(99)));
    }

    #[test]
    fn every_slot_can_be_picked_and_no_other() {
        let ledger = ledger();
        let mut seen = std::collections::BTreeSet::new();
        for number in 0..5 {
            for at in 0..7 {
                let (process, slot) = ledger.pick(number, at).expect("there are some");
                assert!(ledger.fingerprint(&process, slot).is_some(), "{number} {at}");
                seen.insert((process, slot));
            }
        }
        assert_eq!(seen.len(), 7);
        assert_eq!(Ledger::new(vec![id(1)]).pick(0, 0), None);
        let mut short = Ledger::new(vec![id(1), id(2)]);
        short.push(&id(7));
        assert_eq!(short.pick(1, 0), Some((id(1), 0)), "a process without slots");
    }
}
