//! How often the 95 % interval over rounds is right: simulated, from a seed.

use super::interval95;
use crate::stats::synthetic::Source;

const TRIALS: u32 = 20_000;
/// Three standard errors of a coverage near 95 %.
const SLACK: f64 = 0.005;

/// Part of the trials whose interval holds the true median.
fn coverage(rounds: usize, median: f64, mut round: impl FnMut(&mut Source) -> f64) -> f64 {
    let mut source = Source::new(17);
    let holds = |_: &u32| {
        let values: Vec<f64> = (0..rounds).map(|_| round(&mut source)).collect();
        let interval = interval95(&values).expect("positive values");
        interval.low <= median && median <= interval.high
    };
    (0..TRIALS).filter(holds).count() as f64 / f64::from(TRIALS)
}

/// Two states, the slower one `apart` below the other and met with that `share`; each round is off by `noise`.
fn two_states(share: f64, apart: f64, noise: f64) -> impl FnMut(&mut Source) -> f64 {
    move |source| {
        let state = if source.uniform() < share { 1.0 - apart } else { 1.0 };
        state * (1.0 + noise * source.normal())
    }
}

#[test]
fn normal_and_skewed_rounds_are_covered_from_three_rounds_on() {
    for rounds in [3, 5, 10] {
        for deviation in [0.02, 0.1, 0.2] {
            let found = coverage(rounds, 1.0, |source| 1.0 + deviation * source.normal());
            assert!(found >= 0.94 - SLACK, "normal, {deviation}, {rounds} rounds: {found}");
        }
        for deviation in [0.1_f64, 0.3, 0.5, 0.8] {
            let found = coverage(rounds, 1.0, |source| (deviation * source.normal()).exp());
            assert!(found >= 0.94 - SLACK, "log-normal, {deviation}, {rounds} rounds: {found}");
        }
    }
}

#[test]
fn two_states_are_covered_where_rounds_can_see_both() {
    for (rounds, apart, noise) in [(3, 0.1, 0.05), (5, 0.1, 0.05), (10, 0.1, 0.05), (5, 0.2, 0.02), (10, 0.2, 0.02)] {
        // Far apart, the median lies anywhere between the states: what is covered is their middle.
        let middle = 1.0 - apart / 2.0;
        let found = coverage(rounds, middle, two_states(0.5, apart, noise));
        assert!(found >= 0.93 - SLACK, "{apart} apart, {rounds} rounds: {found}");
    }
}

/// The limits that the documentation names are there: were they not, it would have to be rewritten.
#[test]
fn what_rounds_cannot_see_is_not_covered() {
    let far = coverage(3, 0.9, two_states(0.5, 0.2, 0.02));
    assert!((0.70..0.80).contains(&far), "{far}");
    for rounds in [3, 5, 10] {
        let rare = |source: &mut Source| two_states(0.2, 0.3, 0.02)(source);
        let mean = 1.0 - 0.2 * 0.3;
        let found = coverage(rounds, mean, rare);
        assert!(found < 0.93, "the mean, {rounds} rounds: {found}");
    }
}

#[test]
fn the_symmetric_interval_is_too_narrow_for_skewed_rounds() {
    let mut source = Source::new(23);
    let mean = (0.5_f64 * 0.8 * 0.8).exp();
    let holds = |_: &u32| {
        let values: Vec<f64> = (0..5).map(|_| (0.8 * source.normal()).exp()).collect();
        let (centre, half) = (super::mean(&values).expect("values"), super::ci95(&values).expect("values"));
        (centre - mean).abs() <= half
    };
    let found = (0..TRIALS).filter(holds).count() as f64 / f64::from(TRIALS);
    assert!(found < 0.90, "{found}");
}
