//! Whether what threads saw of one key could have happened in some order.
//!
//! For a register whose writes are all different, linearisability can be decided exactly and fast (Gibbons and
//! Korach, "Testing Shared Memories", SIAM J. Comput. 26(4), 1997, section 4): group each write with the reads that
//! returned its value. Let `first` be the earliest end and `last` the latest start within a group. If `first < last`
//! the value must hold all that time (a *forward* zone), otherwise all of the group's calls overlap the *backward*
//! zone `last..first` and it needs one moment within it. The history is linearisable exactly when no read ends before its write
//! starts, no two forward zones overlap, and no backward zone lies within a forward one.

use std::collections::BTreeMap;

/// One call: a write or a read of one key, with the logical times of its start and its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    read: bool,
    value: u64,
    start: u64,
    end: u64,
}

impl Event {
    /// A write of `value`, which no other write may repeat and which is not 0. Times are unique and from 1 on.
    #[must_use]
    pub const fn write(value: u64, start: u64, end: u64) -> Self {
        Self { read: false, value, start, end }
    }

    /// A read that returned `value`, or 0 where nothing was stored yet.
    #[must_use]
    pub const fn read(value: u64, start: u64, end: u64) -> Self {
        Self { read: true, value, start, end }
    }

    /// Whether it is a read.
    #[must_use]
    pub const fn is_read(&self) -> bool {
        self.read
    }

    /// What was written, or returned.
    #[must_use]
    pub const fn value(&self) -> u64 {
        self.value
    }
}

/// The calls of one value: its write and the reads that returned it.
struct Group {
    value: u64,
    /// When its write started; `None` while no write was met.
    written: Option<u64>,
    /// The earliest end of a call.
    first: u64,
    /// The latest start of a call.
    last: u64,
    /// The earliest end of a read.
    read: u64,
}

impl Group {
    fn is_forward(&self) -> bool {
        self.first < self.last
    }
}

/// Decides whether `history` is that of one atomic register that holds 0 at first.
///
/// # Errors
/// What cannot have happened.
pub fn linearisable(history: &[Event]) -> Result<(), String> {
    let groups = group(history)?;
    for group in &groups {
        let value = group.value;
        let Some(written) = group.written else { return Err(format!("{value} was read and never written")) };
        if group.read < written {
            return Err(format!("{value} was read before its write began"));
        }
    }
    separate(&groups)
}

fn group(history: &[Event]) -> Result<Vec<Group>, String> {
    let new = |value| Group { value, written: None, first: u64::MAX, last: 0, read: u64::MAX };
    // Nothing stored counts as a write of 0 that was over before everything else.
    let mut groups = BTreeMap::from([(0, Group { written: Some(0), first: 0, ..new(0) })]);
    for event in history {
        let group = groups.entry(event.value).or_insert_with(|| new(event.value));
        group.first = group.first.min(event.end);
        group.last = group.last.max(event.start);
        if event.read {
            group.read = group.read.min(event.end);
        } else if group.written.replace(event.start).is_some() {
            return Err(format!("{} was written twice: the history cannot be judged", event.value));
        }
    }
    Ok(groups.into_values().collect())
}

fn separate(groups: &[Group]) -> Result<(), String> {
    let mut forward: Vec<&Group> = groups.iter().filter(|group| group.is_forward()).collect();
    forward.sort_by_key(|group| group.first);
    for pair in forward.windows(2) {
        if let [one, two] = pair
            && two.first < one.last
        {
            return Err(format!("{} was seen again after {} had been seen", one.value, two.value));
        }
    }
    for group in groups.iter().filter(|group| !group.is_forward()) {
        // Forward zones do not overlap, so only the last one that starts before this zone can hold it.
        let before = forward.partition_point(|zone| zone.first < group.last);
        if let Some(zone) = before.checked_sub(1).and_then(|index| forward.get(index))
            && group.first < zone.last
        {
            return Err(format!("{} was written in between and {} was still seen", group.value, zone.value));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_calls_may_fall_in_any_order() {
        let history = [
            Event::read(0, 1, 2),
            Event::write(1, 3, 8),
            Event::read(1, 4, 5),
            Event::write(2, 6, 12),
            Event::read(1, 7, 9),
            Event::read(2, 10, 11),
            Event::read(2, 13, 14),
        ];
        assert_eq!(linearisable(&history), Ok(()));
    }

    #[test]
    fn a_stale_read_is_found() {
        let stale = [Event::write(1, 1, 2), Event::write(2, 3, 4), Event::read(1, 5, 6)];
        assert!(linearisable(&stale).is_err());
        let missed = [Event::write(1, 1, 2), Event::read(0, 3, 4)];
        assert!(linearisable(&missed).is_err());
    }

    #[test]
    fn a_value_that_comes_back_is_found() {
        let flicker = [
            Event::write(1, 1, 10),
            Event::write(2, 2, 11),
            Event::read(1, 3, 4),
            Event::read(2, 5, 6),
            Event::read(1, 7, 8),
        ];
        assert!(linearisable(&flicker).is_err());
    }

    #[test]
    fn reads_from_nowhere_or_the_future_are_found() {
        assert!(linearisable(&[Event::read(9, 1, 2)]).is_err());
        assert!(linearisable(&[Event::read(1, 1, 2), Event::write(1, 3, 4)]).is_err());
    }

    #[test]
    fn agrees_with_a_search_over_all_orders() {
        use rand::rngs::Xoshiro256PlusPlus;
        use rand::seq::SliceRandom;
        use rand::{RngExt, SeedableRng};
        let mut random = Xoshiro256PlusPlus::seed_from_u64(7);
        let mut verdicts = [0_u32; 2];
        for _ in 0..4000 {
            let mut times: Vec<u64> = (1..=10).collect();
            times.shuffle(&mut random);
            let history: Vec<Event> = times
                .chunks_exact(2)
                .enumerate()
                .map(|(index, pair)| {
                    let (start, end) = (pair[0].min(pair[1]), pair[0].max(pair[1]));
                    match index {
                        0 | 1 => Event::write(1 + index as u64, start, end),
                        _ => Event::read(random.random_range(0..3), start, end),
                    }
                })
                .collect();
            let found = linearisable(&history).is_ok();
            assert_eq!(found, some_order_explains(&history, 0), "{history:?}");
            verdicts[usize::from(found)] += 1;
        }
        assert!(verdicts.iter().all(|count| *count > 100), "both verdicts occur: {verdicts:?}");
    }

    /// Tries every order of the calls that respects time.
    fn some_order_explains(rest: &[Event], holds: u64) -> bool {
        let Some(deadline) = rest.iter().map(|event| event.end).min() else { return true };
        rest.iter().enumerate().any(|(index, event)| {
            let possible = event.start < deadline && (!event.read || event.value == holds);
            let others: Vec<Event> = rest.iter().enumerate().filter(|(at, _)| *at != index).map(|(_, e)| *e).collect();
            possible && some_order_explains(&others, event.value)
        })
    }
}
