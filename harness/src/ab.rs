//! Two builds, round against round: the strongest form of a comparison.
//!
//! Every round runs in a process of its own, so each build measures itself with its own code. Rounds come in pairs, one
//! of either build, at nearly the same time and in random order: what the machine does meanwhile falls on both. The
//! differences within pairs are tested ([`Design::Pairs`]).
//!
//! Pairs are added until everything is decided, looking at the data a few times on the way. Each look may raise a false
//! alarm, so they share the probability of one between them ([`Looks`]).

mod build;
mod looks;
mod pairs;

pub use build::{Build, BuildError};
pub use looks::{Look, Looks};
pub use pairs::Pairs;

use std::time::{Duration, Instant};

use crate::compare::{Comparison, Design, Outcome, Settings, Verdict, compare};
use crate::model::Run;
use crate::runner::Stop;
use crate::schedule::SplitMix64;

/// When to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Most pairs.
    pub pairs: u32,
    /// No pair begins later than that; `None`: however long it takes.
    pub time: Option<Duration>,
}

/// What a series of pairs came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// At the last look.
    pub comparison: Comparison,
    /// The old build's rounds.
    pub old: Run,
    /// The new build's.
    pub new: Run,
    /// Pairs measured.
    pub pairs: u32,
    /// Whether it ended before its budget because somebody asked.
    pub interrupted: bool,
}

/// Measures pairs until all is decided or the budget is used up.
///
/// `measure` runs one round of a build: the old one for `false`. `watch` is told of every look.
///
/// # Errors
/// What `measure` reports. `Ok(None)`: interrupted before the first pair was complete.
pub fn pairs_until_decided<E>(
    budget: Budget,
    seed: u64,
    settings: &Settings,
    stop: &Stop,
    measure: &mut dyn FnMut(bool, u32) -> Result<Option<Run>, E>,
    watch: &mut dyn FnMut(u32, &Comparison),
) -> Result<Option<Finding>, E> {
    let begun = Instant::now();
    let mut looks = Looks::new(budget.pairs, settings.alpha);
    let mut order = Order::new(seed);
    let mut pairs = Pairs::default();
    loop {
        let interrupted = match pair(&mut order, pairs.len(), measure)? {
            Some((old, new)) if !stop.is_requested() => {
                pairs.push(old, new);
                false
            }
            _ => true,
        };
        let out_of_time = budget.time.is_some_and(|time| begun.elapsed() >= time);
        let Some(look) = looks.at(pairs.len(), interrupted || out_of_time) else { continue };
        let Some((old, new)) = pairs.runs() else { return Ok(None) };
        let comparison = compare(&old, &new, &at_look(settings, look));
        watch(pairs.len(), &comparison);
        if look.is_last || is_decided(&comparison) {
            return Ok(Some(Finding { comparison, old, new, pairs: pairs.len(), interrupted }));
        }
    }
}

fn at_look(settings: &Settings, look: Look) -> Settings {
    Settings { alpha: look.alpha, design: Design::Pairs { last: look.is_last }, ..settings.clone() }
}

/// A regression settles the question; otherwise every figure must have its verdict. What cannot be compared will not
/// become comparable.
fn is_decided(comparison: &Comparison) -> bool {
    comparison.outcome() == Outcome::Regressed || comparison.family == 0 || comparison.count(Verdict::Inconclusive) == 0
}

type Both = Option<(Run, Run)>;

/// One round of each build; `None` when one of them was interrupted.
fn pair<E>(
    order: &mut Order,
    number: u32,
    measure: &mut dyn FnMut(bool, u32) -> Result<Option<Run>, E>,
) -> Result<Both, E> {
    let new_first = order.next();
    let Some(first) = measure(new_first, number)? else { return Ok(None) };
    let Some(second) = measure(!new_first, number)? else { return Ok(None) };
    Ok(Some(if new_first { (second, first) } else { (first, second) }))
}

/// Which build goes first: drawn for every other pair, and the other one in the pair after it, so that each is first
/// equally often.
struct Order {
    random: SplitMix64,
    next: Option<bool>,
}

impl Order {
    fn new(seed: u64) -> Self {
        Self { random: SplitMix64(seed), next: None }
    }

    /// Whether the new build goes first.
    fn next(&mut self) -> bool {
        if let Some(owed) = self.next.take() {
            return owed;
        }
        let drawn = self.random.below(2) == 1;
        self.next = Some(!drawn);
        drawn
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Metric;
    use crate::model::{RoundResult, sample};

    /// A run of one cell with one round of that speed.
    fn run(rate: f64) -> Run {
        let mut run = sample::run();
        run.cells.truncate(1);
        run.cells[0].rounds = vec![RoundResult { messages: 1, messages_per_s: rate, ..RoundResult::default() }];
        run
    }

    /// Pairs of noisy rounds, the new build's `factor` times as fast; how often each build was first.
    fn find(factor: f64, pairs: u32) -> (Finding, [u32; 2]) {
        let settings = Settings { metrics: vec![Metric::Throughput], ..Settings::default() };
        let mut random = SplitMix64(3);
        let (mut first, mut calls) = ([0, 0], 0);
        let mut drift = 1.0;
        let mut measure = |is_new: bool, _: u32| {
            if calls % 2 == 0 {
                first[usize::from(is_new)] += 1;
                drift = 1.0 + random.below(1000) as f64 / 500.0;
            }
            calls += 1;
            let noise = 1.0 + random.below(100) as f64 / 2000.0;
            Ok::<_, ()>(Some(run(1000.0 * drift * noise * if is_new { factor } else { 1.0 })))
        };
        let budget = Budget { pairs, time: None };
        let found = pairs_until_decided(budget, 5, &settings, &Stop::default(), &mut measure, &mut |_, _| {});
        (found.expect("measures").expect("was not stopped"), first)
    }

    #[test]
    fn a_tenth_slower_is_found_on_a_machine_that_drifts_threefold() {
        let (finding, first) = find(0.9, 40);
        assert_eq!(finding.comparison.outcome(), Outcome::Regressed);
        assert_eq!(finding.pairs, 13, "the first look");
        assert!(first[0].abs_diff(first[1]) <= 1, "each build is first equally often");
        assert_eq!((finding.old.cells[0].rounds.len(), finding.new.cells[0].rounds.len()), (13, 13));
    }

    #[test]
    fn equal_builds_are_told_to_be_equal() {
        let (finding, _) = find(1.0, 40);
        assert_eq!((finding.comparison.outcome(), finding.pairs), (Outcome::Fine, 13));
    }

    #[test]
    fn a_small_change_takes_the_whole_budget() {
        let (finding, _) = find(0.955, 18);
        assert_eq!((finding.comparison.outcome(), finding.pairs), (Outcome::Open, 18));
    }

    #[test]
    fn stopping_ends_with_what_there_is() {
        let settings = Settings::default();
        let stop = Stop::default();
        let asked = stop.clone();
        let mut measure = |_: bool, number: u32| {
            if number == 3 {
                asked.request();
            }
            Ok::<_, ()>(Some(run(1000.0)))
        };
        let budget = Budget { pairs: 40, time: None };
        let finding = pairs_until_decided(budget, 1, &settings, &stop, &mut measure, &mut |_, _| {});
        let finding = finding.expect("measures").expect("three pairs");
        assert_eq!((finding.interrupted, finding.pairs), (true, 3));
        let none = pairs_until_decided(budget, 1, &settings, &stop, &mut |_, _| Ok::<_, ()>(None), &mut |_, _| {});
        assert_eq!(none, Ok(None));
    }

    #[test]
    fn time_ends_it_after_a_pair() {
        let budget = Budget { pairs: 40, time: Some(Duration::ZERO) };
        let mut measure = |_: bool, _: u32| Ok::<_, ()>(Some(run(1000.0)));
        let found =
            pairs_until_decided(budget, 1, &Settings::default(), &Stop::default(), &mut measure, &mut |_, _| {});
        let finding = found.expect("measures").expect("one pair");
        assert_eq!((finding.pairs, finding.interrupted), (1, false));
    }
}
