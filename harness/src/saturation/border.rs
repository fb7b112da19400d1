//! Which rate to try next: the border between rates that hold a limit and rates that do not.
//!
//! Doubling or halving finds one rate on each side, bisection on a logarithmic scale brings them together. Whether a rate
//! holds is a matter of chance near the border, so the two rates that are the answer are tried more than once, and the
//! majority counts; a rate that changes sides sends the search on from there. The number of tries is bounded.

use std::collections::BTreeMap;

use crate::model::Probe;

/// Most tries of a search.
pub const MAX_PROBES: usize = 24;
/// Lowest and highest rate tried, messages per second.
const RATES: (u32, u32) = (1, 1_000_000);
/// Tries of each of the two rates that are the answer.
const VOTES: usize = 3;
/// How close the two rates come: a ratio.
const CLOSE: f64 = 1.05;

/// Tries of one rate.
#[derive(Debug, Clone, Copy, Default)]
struct Votes {
    held: usize,
    all: usize,
}

impl Votes {
    /// A tie is no majority.
    const fn hold(self) -> bool {
        2 * self.held > self.all
    }
}

/// What is known after some tries: the highest rate that held, below the lowest that did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Border {
    /// Messages per second that held; `None` when no rate did.
    pub holds: Option<u32>,
    /// Messages per second that did not; `None` when every rate held.
    pub fails: Option<u32>,
}

impl Border {
    /// What these tries say.
    #[must_use]
    pub fn of(probes: &[Probe]) -> Self {
        let votes = count(probes);
        let fails = votes.iter().find(|(_, votes)| !votes.hold()).map(|(rate, _)| *rate);
        let mut below = votes.iter().filter(|(rate, votes)| votes.hold() && fails.is_none_or(|fails| **rate < fails));
        Self { holds: below.next_back().map(|(rate, _)| *rate), fails }
    }
}

fn count(probes: &[Probe]) -> BTreeMap<u32, Votes> {
    let mut votes: BTreeMap<u32, Votes> = BTreeMap::new();
    for probe in probes {
        let votes = votes.entry(to_rate(probe.rate)).or_default();
        votes.held += usize::from(probe.held);
        votes.all += 1;
    }
    votes
}

/// The rate to try next; `None` when the search is over. `guess` is tried first.
#[must_use]
pub fn next(probes: &[Probe], guess: f64) -> Option<u32> {
    if probes.len() >= MAX_PROBES {
        return None;
    }
    let (lowest, highest) = RATES;
    let votes = count(probes);
    let is_open = |rate: &u32| votes.get(rate).is_none_or(|votes| votes.all < VOTES);
    match Border::of(probes) {
        Border { holds: None, fails: None } => Some(to_rate(guess)),
        Border { holds: Some(holds), fails: None } if holds < highest => Some(holds.saturating_mul(2).min(highest)),
        Border { holds: None, fails: Some(fails) } if fails > lowest => Some((fails / 2).max(lowest)),
        Border { holds: Some(holds), fails: Some(fails) } if is_wide(holds, fails) => Some(between(holds, fails)),
        Border { holds, fails } => holds.into_iter().chain(fails).find(is_open),
    }
}

fn is_wide(holds: u32, fails: u32) -> bool {
    fails - holds > 1 && f64::from(fails) / f64::from(holds) > CLOSE
}

/// The middle of the two on a logarithmic scale, and neither of them.
fn between(holds: u32, fails: u32) -> u32 {
    to_rate((f64::from(holds) * f64::from(fails)).sqrt()).clamp(holds + 1, fails - 1)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to rates")]
fn to_rate(rate: f64) -> u32 {
    rate.round().clamp(f64::from(RATES.0), f64::from(RATES.1)) as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;

    /// Searches with a target that holds a rate or not.
    fn search(guess: f64, mut holds: impl FnMut(u32) -> bool) -> Vec<Probe> {
        let mut probes = Vec::new();
        while let Some(rate) = next(&probes, guess) {
            let held = holds(rate);
            probes.push(Probe { rate: f64::from(rate), achieved: f64::from(rate), response_ns: 1, held });
        }
        probes
    }

    #[test]
    fn a_target_that_holds_everything_or_nothing() {
        let all = search(1000.0, |_| true);
        assert_eq!(Border::of(&all), Border { holds: Some(1_000_000), fails: None });
        let none = search(1000.0, |_| false);
        assert_eq!(Border::of(&none), Border { holds: None, fails: Some(1) });
        assert!(all.len() < MAX_PROBES && none.len() < MAX_PROBES, "{} {}", all.len(), none.len());
    }

    #[test]
    fn one_bad_try_below_the_border_does_not_decide() {
        let mut tries = 0;
        let probes = search(1000.0, |rate| {
            tries += 1;
            rate < 5000 && tries != 1
        });
        let Border { holds, fails } = Border::of(&probes);
        assert!(holds.is_some_and(|rate| (4700..5000).contains(&rate)), "{holds:?} {probes:?}");
        assert!(fails.is_some_and(|rate| (5000..5300).contains(&rate)), "{fails:?}");
    }

    proptest! {
        #[test]
        fn a_sharp_border_is_found_within_five_per_cent(border in 2_u32..1_000_000, guess in 1.0_f64..1e6) {
            // Six doublings away at most: a guess comes from a closed loop of the same cell.
            let guess = guess.clamp(f64::from(border) / 64.0, f64::from(border) * 64.0);
            let probes = search(guess, |rate| rate < border);
            let found = Border::of(&probes);
            let (holds, fails) = (found.holds.expect("1 holds"), found.fails.expect("there is a border"));
            prop_assert!(holds < border && border <= fails);
            prop_assert!(fails - holds == 1 || f64::from(fails) / f64::from(holds) <= CLOSE, "{} {}", holds, fails);
            prop_assert!(probes.len() <= MAX_PROBES);
        }

        /// Within 10 % of the border a rate holds with a chance that falls from one to zero.
        #[test]
        fn a_border_that_is_a_matter_of_chance_is_found_within_its_width(border in 100.0_f64..100_000.0, seed: u64) {
            let mut random = StdRng::seed_from_u64(seed);
            let probes = search(border / 3.0, |rate| {
                let excess = f64::from(rate) / border - 1.0;
                random.random::<f64>() * 0.2 - 0.1 > excess
            });
            prop_assert!(probes.len() <= MAX_PROBES);
            let found = Border::of(&probes);
            if let (Some(holds), Some(fails)) = (found.holds, found.fails) {
                prop_assert!(f64::from(holds) < border * 1.1 && f64::from(fails) > border * 0.9, "{} {}", holds, fails);
            } else {
                prop_assert!(false, "one side is missing: {:?}", probes);
            }
        }
    }
}
