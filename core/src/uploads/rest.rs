//! The stored queue beyond what memory holds, and how far it has been read: no clock, no thread, no store.

use crate::id::Id;

/// A slot in the stored queue. Location records are all held in memory.
pub(super) type Waiting = (Id, u64);

/// Uploads that may wait in the store only. They are read in the order of their places, in laps from the first to the
/// last, each of which goes on where there was no more room.
#[derive(Default)]
pub(super) struct Rest {
    exists: bool,
    /// Whether an upload was left to the store since the lap began, maybe behind the reader's back.
    missed: bool,
    /// The last place that was read; `None` before a lap.
    read_to: Option<Waiting>,
    /// While somebody reads: what was accepted meanwhile. Of that, what was read is out of date.
    accepted: Option<Vec<Waiting>>,
    /// Not to be read before, after the store could not be read.
    due_ms: u64,
    begun: bool,
}

impl Rest {
    /// Whether the store may have uploads that memory has not.
    pub(super) const fn exists(&self) -> bool {
        self.exists
    }

    /// Whether it was ever read: then an upload may be known before it is told of.
    pub(super) const fn was_read(&self) -> bool {
        self.begun
    }

    /// An upload is left to the store.
    pub(super) const fn leave(&mut self) {
        (self.exists, self.missed) = (true, true);
    }

    /// An upload has left the store.
    pub(super) fn accepted(&mut self, slot: Waiting) {
        if let Some(accepted) = &mut self.accepted {
            accepted.push(slot);
        }
    }

    /// Milliseconds until it is to be read; `None` where it is not. No due time is further ahead than the longest delay:
    /// one that is was set before the clock stepped back.
    pub(super) fn delay_ms(&self, now_ms: u64, max_delay_ms: u64) -> Option<u64> {
        let delay = self.due_ms.saturating_sub(now_ms);
        let delay = if delay > max_delay_ms { 0 } else { delay };
        (self.exists && self.accepted.is_none()).then_some(delay)
    }

    /// Begins to read: behind that place, or at the start.
    pub(super) fn begin(&mut self) -> Option<Waiting> {
        (self.accepted, self.begun) = (Some(Vec::new()), true);
        self.missed &= self.read_to.is_some();
        self.read_to
    }

    /// Ends a reading. `read_to` is where it stopped for want of room, `None` at the queue's end. Says which of `found`
    /// still wait.
    pub(super) fn end(&mut self, mut found: Vec<Waiting>, read_to: Option<Waiting>) -> Vec<Waiting> {
        let accepted = self.accepted.take().unwrap_or_default();
        self.exists = self.missed || read_to.is_some();
        self.read_to = read_to;
        found.retain(|place| !accepted.contains(place));
        found
    }

    /// Ends a reading that failed; the next one is due at `due_ms`.
    pub(super) fn put_off(&mut self, due_ms: u64) {
        (self.accepted, self.due_ms) = (None, due_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Id;

    fn place(slot: u64) -> Waiting {
        (Id::from_bytes([7; 32]), slot)
    }

    #[test]
    fn a_lap_ends_it_unless_something_was_left_meanwhile() {
        let mut rest = Rest::default();
        assert_eq!((rest.exists(), rest.delay_ms(0, 9)), (false, None));
        rest.leave();
        assert_eq!((rest.delay_ms(0, 9), rest.begin()), (Some(0), None));
        assert_eq!(rest.delay_ms(0, 9), None, "one reads at a time");
        assert_eq!(rest.end(vec![place(0)], Some(place(0))), [place(0)]);
        assert_eq!(rest.begin(), Some(place(0)), "on from there");
        rest.leave();
        assert!(rest.end(vec![], None).is_empty());
        assert_eq!((rest.exists(), rest.begin()), (true, None), "once more from the start");
        rest.end(vec![], None);
        assert!(!rest.exists());
    }

    #[test]
    fn what_is_accepted_while_it_is_read_is_not_found() {
        let mut rest = Rest::default();
        rest.leave();
        rest.begin();
        rest.accepted(place(1));
        assert_eq!(rest.end((0..3).map(place).collect(), None), [place(0), place(2)]);
    }

    #[test]
    fn a_reading_that_failed_is_put_off_and_no_longer_than_the_longest_delay() {
        let mut rest = Rest::default();
        rest.leave();
        rest.begin();
        rest.put_off(1_005);
        assert_eq!((rest.delay_ms(1_000, 9), rest.delay_ms(1_005, 9)), (Some(5), Some(0)));
        assert_eq!(rest.delay_ms(0, 9), Some(0), "the clock has stepped back");
    }
}
