//! What the operations of a cell are called, where a report counts them.

use serde::Serialize;

use crate::cell::{Operation, Workload};

/// A word for what is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// One of them.
    pub one: &'static str,
    /// Several.
    pub many: &'static str,
    /// Their rate, short enough for a table.
    pub rate: &'static str,
}

impl Counted {
    /// Messages that were scheduled.
    pub const MESSAGES: Self = Self { one: "message", many: "messages", rate: "msg/s" };
    /// Of different kinds.
    pub const OPERATIONS: Self = Self { one: "operation", many: "operations", rate: "ops/s" };

    /// What an operation of a workload is called.
    #[must_use]
    pub const fn of(work: &Workload) -> Self {
        let (one, many, rate) = match work.operation {
            Operation::Schedule if work.reads == 0 => return Self::MESSAGES,
            Operation::Schedule if work.reads < 100 => return Self::OPERATIONS,
            Operation::Schedule | Operation::MessageRead | Operation::KeyRead => ("read", "reads", "reads/s"),
            Operation::Restart => ("restart", "restarts", "restarts/s"),
            Operation::MessageWrite | Operation::KeyWrite => ("write", "writes", "writes/s"),
            Operation::RegistryLookup => ("look-up", "look-ups", "look-ups/s"),
            Operation::RegistryEnsure => ("name", "names", "names/s"),
            Operation::RegistryList | Operation::RemoteDirect | Operation::RemoteCold | Operation::RemoteCached => {
                ("page", "pages", "pages/s")
            }
        };
        Self { one, many, rate }
    }

    /// What several workloads have in common.
    #[must_use]
    pub fn of_all<'w>(mut works: impl Iterator<Item = &'w Workload>) -> Self {
        let Some(first) = works.next().map(Self::of) else { return Self::MESSAGES };
        if works.all(|work| Self::of(work) == first) { first } else { Self::OPERATIONS }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(operation: Operation, reads: u8) -> Workload {
        Workload { operation, reads, ..Workload::default() }
    }

    #[test]
    fn a_message_is_what_was_scheduled_and_nothing_else() {
        let rate = |operation, reads| Counted::of(&work(operation, reads)).rate;
        assert_eq!([0, 50, 100].map(|reads| rate(Operation::Schedule, reads)), ["msg/s", "ops/s", "reads/s"]);
        assert_eq!(rate(Operation::RegistryLookup, 0), "look-ups/s");
        let others = Operation::ALL.iter().filter(|operation| **operation != Operation::Schedule);
        assert!(others.into_iter().all(|operation| rate(*operation, 0) != "msg/s"));
    }

    #[test]
    fn what_differs_is_operations() {
        let works = [Operation::RegistryLookup, Operation::RegistryList].map(|operation| work(operation, 0));
        assert_eq!(Counted::of_all(works.iter()), Counted::OPERATIONS);
        assert_eq!(Counted::of_all(works[..1].iter()).one, "look-up");
        assert_eq!(Counted::of_all(std::iter::empty()), Counted::MESSAGES);
    }
}
