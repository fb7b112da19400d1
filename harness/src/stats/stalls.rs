//! Times in which callers waited and next to nobody was answered: a compaction, a write stall, a checkpoint.
//!
//! The rule: the round is cut into pieces of 2.5 times the median time until a message is stored, and at least 5 ms.
//! A *stall* is a stretch of two or more pieces with at most a tenth of the median piece's acknowledgements each. It
//! lasts from the last acknowledgement before that stretch to the first one after it. So a stop of under 10 ms, or
//! under five usual latencies, is no stall: that much waiting is what the engine does all the time.

use crate::model::Stall;
use crate::stats::median_count;

const SHORTEST_PIECE_NS: u64 = 5_000_000;
/// Fewer pieces than this have no usual number of acknowledgements.
const FEWEST_PIECES: usize = 20;
/// A stretch of fewer may be an accident of where the cuts fall.
const FEWEST_IN_A_ROW: usize = 2;
/// The median piece's acknowledgements over the most of a stalled one.
const MUCH_LESS: u64 = 10;

/// What was seen of a round in which callers were waiting all the time.
#[derive(Debug, Clone, Copy)]
pub struct Watched<'a> {
    /// When messages were acknowledged, in nanoseconds after the start; sorted.
    pub times: &'a [u64],
    /// From the start to the last acknowledgement.
    pub span_ns: u64,
    /// The median time until a message was stored.
    pub usual_ns: u64,
}

/// The stalls of a round, in order; none where the round is too short to tell.
#[must_use]
pub fn stalls(watched: &Watched<'_>) -> Vec<Stall> {
    let piece = watched.usual_ns.saturating_mul(5).div_ceil(2).max(SHORTEST_PIECE_NS);
    let pieces = usize::try_from(watched.span_ns / piece).unwrap_or(usize::MAX);
    if pieces < FEWEST_PIECES || pieces > watched.times.len().saturating_mul(1000) {
        return Vec::new();
    }
    let mut counts = vec![0; pieces];
    for time in watched.times {
        let index = usize::try_from(time / piece).unwrap_or(usize::MAX);
        // What is left behind the last whole piece belongs to none.
        if let Some(count) = counts.get_mut(index) {
            *count += 1;
        }
    }
    let usual = median_count(&counts).unwrap_or(0);
    if usual == 0 {
        return Vec::new();
    }
    let stretches = counts.chunk_by(|one, next| (*one <= usual / MUCH_LESS) == (*next <= usual / MUCH_LESS));
    let mut first = 0;
    let mut found = Vec::new();
    for stretch in stretches {
        let (begin, end) = (first as u64 * piece, (first + stretch.len()) as u64 * piece);
        if stretch.len() >= FEWEST_IN_A_ROW && stretch.iter().all(|count| *count <= usual / MUCH_LESS) {
            found.push(between(watched, begin, end));
        }
        first += stretch.len();
    }
    found
}

/// From the last acknowledgement before `begin` to the first from `end` on.
fn between(watched: &Watched<'_>, begin: u64, end: u64) -> Stall {
    let before = watched.times.partition_point(|time| *time < begin);
    let after = watched.times.partition_point(|time| *time < end);
    let start_ns = before.checked_sub(1).and_then(|last| watched.times.get(last)).copied().unwrap_or(0);
    let end_ns = watched.times.get(after).copied().unwrap_or(watched.span_ns);
    Stall { start_ns, duration_ns: end_ns.saturating_sub(start_ns) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// An acknowledgement each 100 µs for a second, without those that `keep` rejects.
    fn found(keep: impl Fn(u64) -> bool, usual_ns: u64) -> Vec<(u64, u64)> {
        let times: Vec<u64> = (0..10_000).map(|i| i * 100_000).filter(|time| keep(*time)).collect();
        let watched = Watched { times: &times, span_ns: 1000 * MS, usual_ns };
        stalls(&watched).iter().map(|stall| (stall.start_ns, stall.duration_ns)).collect()
    }

    #[test]
    fn stops_are_found_with_their_time_and_length() {
        let stops =
            found(|time| !(200 * MS..230 * MS).contains(&time) && !(700 * MS..712 * MS).contains(&time), 50_000);
        assert_eq!(stops, [(200 * MS - 100_000, 30 * MS + 100_000), (700 * MS - 100_000, 12 * MS + 100_000)]);
        assert_eq!(found(|_| true, 50_000), []);
    }

    #[test]
    fn a_trickle_does_not_end_a_stall() {
        let trickle = |time: u64| !(400 * MS..440 * MS).contains(&time) || time.is_multiple_of(5 * MS);
        let stops = found(trickle, 50_000);
        assert_eq!(stops.len(), 1, "{stops:?}");
        assert!(stops[0].1 >= 38 * MS, "{stops:?}");
        let slower = |time: u64| !(400 * MS..440 * MS).contains(&time) || time.is_multiple_of(400_000);
        assert_eq!(found(slower, 50_000), [], "a quarter of the rate is slow, not a stall");
    }

    #[test]
    fn what_the_engine_does_all_the_time_is_no_stall() {
        // Answers only come at the end of every 8 ms, which is how long a message takes.
        let bursts = |time: u64| time % (8 * MS) >= 7 * MS;
        assert_eq!(found(bursts, 8 * MS), []);
        let short = |time: u64| !(300 * MS..308 * MS).contains(&time);
        assert_eq!(found(short, 50_000), [], "8 ms");
    }

    #[test]
    fn a_stop_at_either_end_counts_and_a_short_round_has_none() {
        assert_eq!(found(|time| time >= 50 * MS, 50_000), [(0, 50 * MS)]);
        let end = found(|time| time < 950 * MS, 50_000);
        assert_eq!(end, [(950 * MS - 100_000, 50 * MS + 100_000)]);
        assert_eq!(found(|_| true, 30 * MS), [], "fewer than twenty pieces");
        assert_eq!(stalls(&Watched { times: &[], span_ns: u64::MAX, usual_ns: 0 }), []);
    }
}
