//! A page made of what is cached here and what the other scheduler adds.

use slotbench_core::assignment::Link;
use slotbench_core::assignments::Scheduled;
use slotbench_core::chain::Step;
use slotbench_core::foreign::{Authority, ForeignError, Unverified};
use slotbench_core::operations::Slots;

/// The cached part of a page, from its first slot on.
pub(crate) struct Merge {
    slots: Slots,
    /// Most slots of the page.
    limit: usize,
    /// Most bytes of its items; the first slot is taken whatever its size.
    max_bytes: usize,
    cached: Vec<Scheduled>,
}

/// A page without its time.
#[derive(Debug)]
pub(crate) struct Merged {
    pub(crate) assignments: Vec<Scheduled>,
    pub(crate) next_from: Option<u64>,
}

impl Merge {
    pub(crate) fn new(slots: Slots, limit: usize, max_bytes: usize, cached: Vec<Scheduled>) -> Self {
        Self { slots, limit, max_bytes, cached }
    }

    /// The first slot that is not cached.
    fn next(&self) -> u64 {
        self.slots.first().saturating_add(self.cached.len() as u64)
    }

    /// What to ask the other scheduler for; nothing once `from` is above `to`. One slot more than fits tells whether there
    /// is more.
    pub(crate) fn wanted(&self) -> Option<Slots> {
        let room = self.limit.saturating_sub(self.cached.len()) as u64;
        let end = self.next().saturating_add(room).saturating_add(1).min(self.slots.end());
        Some(Slots::between(self.next(), end)).filter(|wanted| !wanted.is_empty())
    }

    /// What the first slot that is not cached must follow from, where that is known.
    pub(crate) fn link(&self) -> Option<Link> {
        self.cached.last().map(|scheduled| scheduled.assignment.link())
    }

    /// The page where nothing else was wanted.
    pub(crate) fn alone(self) -> Merged {
        Merged { assignments: self.cached, next_from: None }
    }

    /// The page where the other scheduler was of no help: there may be more. Nothing where there is no part to give.
    pub(crate) fn partial(self) -> Option<Merged> {
        let next_from = Some(self.next());
        (!self.cached.is_empty()).then_some(Merged { assignments: self.cached, next_from })
    }

    /// The page with what the other scheduler adds, verified; `continues` if it has more than that.
    pub(crate) fn with(self, added: Vec<Scheduled>, continues: bool) -> Merged {
        let (first, slots, limit, max_bytes) = (self.slots.first(), self.slots, self.limit, self.max_bytes);
        let mut merged = Merged { assignments: Vec::new(), next_from: None };
        let mut bytes = 0_usize;
        for scheduled in self.cached.into_iter().chain(added) {
            bytes = bytes.saturating_add(scheduled.size());
            let is_full = merged.assignments.len() >= limit || (bytes > max_bytes && !merged.assignments.is_empty());
            if is_full {
                merged.next_from = Some(scheduled.assignment.slot());
                return merged;
            }
            merged.assignments.push(scheduled);
        }
        let next = first.saturating_add(merged.assignments.len() as u64);
        merged.next_from = (continues && next < slots.end()).then_some(next);
        merged
    }
}

/// The slots up to the first that does not prove what it says, and why it does not.
pub(crate) fn proven(
    authority: &Authority,
    before: Option<Link>,
    slots: Vec<Scheduled>,
) -> (Vec<Scheduled>, Option<ForeignError>) {
    let mut before = before;
    let mut proven = Vec::with_capacity(slots.len());
    for scheduled in slots {
        if let Err(error) = authority.check(&scheduled).and_then(|()| follows(&scheduled, before)) {
            return (proven, Some(error));
        }
        before = Some(scheduled.assignment.link());
        proven.push(scheduled);
    }
    (proven, None)
}

/// Without the slot before only slot 0 can be checked.
fn follows(scheduled: &Scheduled, before: Option<Link>) -> Result<(), ForeignError> {
    let slot = scheduled.assignment.slot();
    if before.is_none() && slot > 0 || scheduled.assignment.check_chain(before) != Step::Broken {
        return Ok(());
    }
    Err(ForeignError::Unverified { slot, reason: Unverified::Chain })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use slotbench_core::assignment::Assignment;
    use slotbench_core::item::ItemBuilder;
    use slotbench_core::wallet::NoSigner;
    use slotbench_core::{Id, Item};

    use super::*;

    fn message() -> Item {
        ItemBuilder::new().tag("Type", "Message").data(vec![0; 100]).sign(&NoSigner).expect("builds")
    }

    fn slots(range: std::ops::Range<u64>) -> Vec<Scheduled> {
        let message = message();
        let id = Id::from_bytes([1; 32]).to_string();
        range
            .map(|slot| {
                let tags = [
                    ("type", "Assignment"),
                    ("variant", "ao.N.1"),
                    ("epoch", "0"),
                    ("timestamp", "0"),
                    ("block-height", "0"),
                    ("process", &id),
                    ("hash-chain", &id),
                ];
                let builder = tags.iter().fold(ItemBuilder::new(), |item, (name, value)| item.tag(*name, *value));
                let builder = builder.tag("slot", slot.to_string()).tag("message", message.id().to_string());
                let assignment = Assignment::parse(builder.sign(&NoSigner).expect("builds")).expect("an assignment");
                Scheduled { assignment, message: message.clone() }
            })
            .collect()
    }

    #[test]
    fn c108_the_last_slot_and_a_single_one_are_asked_for() {
        let wanted = |first, end, cached| {
            let merge = Merge::new(Slots::between(first, end), 1000, usize::MAX, slots(first..cached));
            merge.wanted().map(|wanted| (wanted.first(), wanted.end()))
        };
        assert_eq!(wanted(5, 6, 5), Some((5, 6)), "a single slot");
        assert_eq!(wanted(0, 6, 5), Some((5, 6)), "the last one");
        assert_eq!(wanted(0, 6, 6), None, "from is above to");
        assert_eq!(wanted(0, u64::MAX, 0), Some((0, 1001)), "one more than a page");
    }

    #[test]
    fn a_page_is_full_at_its_limit_and_says_whether_there_is_more() {
        for (cached, added, expected, next_from) in
            [(0..0, 0..2, 2, None), (0..1, 1..3, 3, None), (0..1, 1..4, 3, Some(3)), (0..3, 3..4, 3, Some(3))]
        {
            let merge = Merge::new(Slots::ALL, 3, usize::MAX, slots(cached));
            let merged = merge.with(slots(added), false);
            assert_eq!((merged.assignments.len(), merged.next_from), (expected, next_from));
        }
        let one = slots(0..1)[0].size();
        for (bytes, expected) in [(2 * one - 1, 1), (2 * one, 2), (2 * one + 1, 2), (1, 1)] {
            let merged = Merge::new(Slots::ALL, 9, bytes, Vec::new()).with(slots(0..3), false);
            assert_eq!((merged.assignments.len(), merged.next_from), (expected, Some(expected as u64)), "{bytes}");
        }
        assert!(Merge::new(Slots::ALL, 9, 9, Vec::new()).partial().is_none());
        assert_eq!(Merge::new(Slots::ALL, 9, 9, slots(0..2)).partial().and_then(|part| part.next_from), Some(2));
    }

    proptest! {
        /// Whatever is cached of a schedule, and wherever the other scheduler ends its pages: following `next_from` visits
        /// every requested slot once, and ends.
        #[test]
        fn following_pages_visits_every_slot_once(
            count in 0_u64..20, cached_to in 0_u64..20, first in 0_u64..22, end in 0_u64..22, limit in 1_usize..6, theirs in 1_usize..6,
        ) {
            let all = slots(0..count);
            let (mut from, mut seen) = (first, Vec::new());
            for _ in 0..60 {
                let range = Slots::between(from, end);
                let cached: Vec<_> = all.iter().filter(|one| {
                    let slot = one.assignment.slot();
                    range.contains(slot) && slot < cached_to
                }).take(limit).cloned().collect();
                let merge = Merge::new(range, limit, usize::MAX, cached);
                let merged = match merge.wanted() {
                    None => merge.alone(),
                    Some(wanted) => {
                        let mut rest: Vec<_> =
                            all.iter().filter(|one| wanted.contains(one.assignment.slot())).cloned().collect();
                        let continues = rest.len() > theirs;
                        rest.truncate(theirs);
                        merge.with(rest, continues)
                    }
                };
                prop_assert!(merged.assignments.len() <= limit);
                seen.extend(merged.assignments.iter().map(|one| one.assignment.slot()));
                match merged.next_from {
                    Some(next) => from = next,
                    None => break,
                }
            }
            prop_assert_eq!(seen, (first..end.min(count)).collect::<Vec<_>>());
        }
    }
}
