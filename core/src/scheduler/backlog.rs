//! How long the oldest message that is not stored has been waiting.

use std::collections::VecDeque;

/// When slots were given: one entry for each millisecond in which there were some, so that a message costs nothing more
/// than a comparison.
pub(super) struct Backlog {
    /// The first slot of a millisecond, and the millisecond; both rise.
    given: VecDeque<(u64, u64)>,
    last_ms: u64,
}

impl Backlog {
    pub(super) const fn new(now_ms: u64) -> Self {
        Self { given: VecDeque::new(), last_ms: now_ms }
    }

    /// A message got `slot`; all before `stored` are stored.
    pub(super) fn add(&mut self, slot: u64, now_ms: u64, stored: u64) {
        // An entry is needed until everything before the next one's first slot is stored.
        while self.given.get(1).is_some_and(|(first, _)| *first <= stored) {
            self.given.pop_front();
        }
        if self.given.back().is_some_and(|(first, ms)| *ms == now_ms && *first <= slot) {
            return;
        }
        self.last_ms = now_ms;
        // Slots can be given again, after a signature failed.
        while self.given.back().is_some_and(|(first, _)| *first >= slot) {
            self.given.pop_back();
        }
        self.given.push_back((slot, now_ms));
    }

    /// When the first slot that is not stored was given, to the millisecond.
    pub(super) fn oldest(&self, stored: u64) -> Option<u64> {
        self.given.iter().rev().find(|(first, _)| *first <= stored).map(|(_, ms)| *ms)
    }

    /// When the last message came, or the writer started.
    pub(super) const fn last_ms(&self) -> u64 {
        self.last_ms
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Against a list of every slot's time.
        #[test]
        fn the_oldest_unstored_slot_is_the_one_that_is_told(steps in prop::collection::vec((0_u64..3, 0_u64..4), 1..60)) {
            let (mut backlog, mut times, mut stored, mut now) = (Backlog::new(0), Vec::new(), 0_u64, 0_u64);
            for (later, storing) in steps {
                now += later;
                backlog.add(times.len() as u64, now, stored);
                times.push(now);
                prop_assert!(backlog.given.len() as u64 <= times.len() as u64 - stored + 1);
                stored = (stored + storing).min(times.len() as u64);
                if let Some(oldest) = times.get(usize::try_from(stored).unwrap_or(usize::MAX)) {
                    prop_assert_eq!(backlog.oldest(stored), Some(*oldest));
                }
            }
        }
    }

    #[test]
    fn a_slot_given_again_counts_from_then() {
        let mut backlog = Backlog::new(0);
        backlog.add(0, 10, 0);
        backlog.add(1, 20, 0);
        backlog.add(1, 30, 1);
        assert_eq!(backlog.oldest(1), Some(30));
    }
}
