//! What the statistics answer, for others to check.
//!
//! `evidence statistics SEED CASES` prints, as JSON, random samples with what the library makes of them, and the random
//! orders that it was handed: `scripts/evidence/statistics.py` computes the same with SciPy.
//!
//! `evidence change-points SEED SERIES` holds the change-point detection against series with known changes, beside a
//! simple threshold.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program for the repository's own evidence")]

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use slotbench::stats::{ChangePointSettings, change_points, holm, rank_sum, robust_deviation, signed_rank};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize| arguments.get(index).and_then(|text| text.parse::<u64>().ok());
    match (arguments.first().map(String::as_str), number(1), number(2)) {
        (Some("statistics"), Some(seed), Some(cases)) => statistics(seed, cases),
        (Some("change-points"), Some(seed), Some(series)) => precision_and_recall(seed, series),
        _ => println!("usage: evidence statistics SEED CASES | change-points SEED SERIES"),
    }
}

/// Values like logarithms of rounds: often with an outlier, sometimes rounded so that there are ties.
fn sample(random: &mut StdRng, size: usize, shift: f64, ties: bool) -> Vec<f64> {
    let mut values: Vec<f64> = (0..size).map(|_| shift + normal(random)).collect();
    if random.random_range(0..3) == 0 {
        values[0] += 8.0;
    }
    if ties {
        values.iter_mut().for_each(|value| *value = (*value * 2.0).round() / 2.0);
    }
    values
}

/// Box and Muller.
fn normal(random: &mut StdRng) -> f64 {
    let (radius, angle) =
        (random.random_range(f64::MIN_POSITIVE..1.0), random.random_range(0.0..std::f64::consts::TAU));
    (-2.0 * f64::ln(radius)).sqrt() * f64::cos(angle)
}

fn statistics(seed: u64, cases: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let two_samples: Vec<Value> = (0..cases).map(|case| two_sample_case(&mut random, case)).collect();
    let pairs: Vec<Value> = (0..cases).map(|case| paired_case(&mut random, case)).collect();
    let families: Vec<Value> = (0..cases).map(|_| family(&mut random)).collect();
    let series: Vec<Value> = (0..cases.div_ceil(10)).map(|_| change_point_case(&mut random)).collect();
    println!("{}", json!({"rank_sum": two_samples, "signed_rank": pairs, "holm": families, "change_points": series}));
}

fn answer(shift: &slotbench::stats::Shift) -> Value {
    let end = |end: f64| if end.is_finite() { json!(end) } else { Value::Null };
    json!({
        "estimate": shift.estimate,
        "interval": [end(shift.interval.0), end(shift.interval.1)],
        "p": shift.p,
        "effect": shift.effect,
    })
}

fn two_sample_case(random: &mut StdRng, case: u64) -> Value {
    let most = if case.is_multiple_of(5) { 60 } else { 11 };
    let (base, new) = (random.random_range(1..most), random.random_range(1..most));
    let shift = random.random_range(-2.0..2.0);
    let base = sample(random, base, 0.0, case.is_multiple_of(3));
    let new = sample(random, new, shift, case.is_multiple_of(3));
    let alpha = [0.1, 0.05, 0.01, 0.001][usize::try_from(case % 4).unwrap()];
    let shift = rank_sum(&base, &new, alpha).unwrap();
    json!({"base": base, "new": new, "alpha": alpha, "answer": answer(&shift), "deviation": robust_deviation(&base)})
}

fn paired_case(random: &mut StdRng, case: u64) -> Value {
    let size = random.random_range(1..if case.is_multiple_of(5) { 50 } else { 13 });
    let shift = random.random_range(-1.0..1.0);
    let differences = sample(random, size, shift, case.is_multiple_of(3));
    let alpha = [0.1, 0.05, 0.01, 0.001][usize::try_from(case % 4).unwrap()];
    let shift = signed_rank(&differences, alpha).unwrap();
    json!({"differences": differences, "alpha": alpha, "answer": answer(&shift)})
}

fn family(random: &mut StdRng) -> Value {
    let p: Vec<f64> = (0..random.random_range(1..20)).map(|_| random.random_range(0.0_f64..1.0).powi(3)).collect();
    json!({"p": p, "adjusted": holm(&p)})
}

/// A series with one or two changes, and the orders that the permutation test was handed.
fn change_point_case(random: &mut StdRng) -> Value {
    let (values, _) = series(random);
    let settings = ChangePointSettings { min_segment: 3, alpha: 0.05, permutations: 99 };
    let mut orders: Vec<Vec<usize>> = Vec::new();
    let mut order_random = StdRng::seed_from_u64(random.random());
    let found = change_points(&values, &settings, &mut |count| {
        orders.push(order(&mut order_random, count));
        orders.last().cloned().unwrap_or_default()
    });
    let found: Vec<Value> =
        found.iter().map(|point| json!({"index": point.index, "statistic": point.statistic, "p": point.p})).collect();
    json!({"values": values, "min_segment": 3, "alpha": 0.05, "permutations": 99, "orders": orders, "answer": found})
}

fn order(random: &mut StdRng, count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        order.swap(last, random.random_range(0..=last));
    }
    order
}

/// Logarithms of medians over commits: noise of 2 to 5 %, one run in twenty far out, levels that last 10 to 30 runs and
/// differ by 8 to 25 %, or a single level in every third series. The second value: where levels begin.
fn series(random: &mut StdRng) -> (Vec<f64>, Vec<usize>) {
    let noise = random.random_range(0.02..0.05);
    let levels = if random.random_range(0..3) == 0 { 1 } else { random.random_range(2..4) };
    let (mut values, mut begins, mut level) = (Vec::new(), Vec::new(), 7.0);
    for number in 0..levels {
        if number > 0 {
            begins.push(values.len());
            let step = random.random_range(0.08..0.25);
            level += if random.random() { step } else { -step };
        }
        let runs = if levels == 1 { 40 } else { random.random_range(10..30) };
        for _ in 0..runs {
            let wild = if random.random_range(0..20) == 0 { 5.0 } else { 1.0 };
            values.push(level + noise * wild * normal(random));
        }
    }
    (values, begins)
}

/// Found, missed and false changes.
#[derive(Default)]
struct Score {
    found: u64,
    missed: u64,
    wrong: u64,
    off: u64,
}

impl Score {
    /// A change counts as found within two runs of its place.
    fn add(&mut self, found: &[usize], truth: &[usize]) {
        for begin in truth {
            match found.iter().map(|index| index.abs_diff(*begin)).min().filter(|off| *off <= 2) {
                Some(off) => (self.found, self.off) = (self.found + 1, self.off + off as u64),
                None => self.missed += 1,
            }
        }
        let is_wrong = |index: &&usize| truth.iter().all(|begin| begin.abs_diff(**index) > 2);
        self.wrong += found.iter().filter(is_wrong).count() as u64;
    }

    #[expect(clippy::cast_precision_loss, reason = "counts")]
    fn line(&self, name: &str) -> String {
        let part = |of: u64, all: u64| if all == 0 { f64::NAN } else { 100.0 * of as f64 / all as f64 };
        let (precision, recall) =
            (part(self.found, self.found + self.wrong), part(self.found, self.found + self.missed));
        let off = self.off as f64 / self.found.max(1) as f64;
        format!("{name:<44} {precision:>8.1} % {recall:>8.1} % {:>8} {off:>12.2}", self.wrong)
    }
}

fn precision_and_recall(seed: u64, count: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let (mut divisive, mut five, mut ten) = (Score::default(), Score::default(), Score::default());
    let mut changes = 0;
    for _ in 0..count {
        let (values, truth) = series(&mut random);
        changes += truth.len();
        let settings = ChangePointSettings { alpha: 0.05 / 30.0, permutations: 2999, ..ChangePointSettings::default() };
        let found = change_points(&values, &settings, &mut |count| order(&mut random, count));
        divisive.add(&found.iter().map(|point| point.index).collect::<Vec<_>>(), &truth);
        five.add(&threshold(&values, 0.05), &truth);
        ten.add(&threshold(&values, 0.10), &truth);
    }
    println!("{count} series with {changes} changes; seed {seed}; found = within 2 runs of the place\n");
    println!("{:<44} {:>10} {:>10} {:>8} {:>12}", "", "precision", "recall", "false", "runs off");
    println!("{}", divisive.line("E-divisive, as 30 series are checked together"));
    println!("{}", five.line("more than 5 % off the run before"));
    println!("{}", ten.line("more than 10 % off the run before"));
}

/// What a simple gate does: alarm when a run differs from the one before by more than that.
fn threshold(values: &[f64], threshold: f64) -> Vec<usize> {
    let differs = |pair: &[f64]| (pair[1] - pair[0]).abs() > f64::ln_1p(threshold);
    values.windows(2).enumerate().filter(|(_, pair)| differs(pair)).map(|(index, _)| index + 1).collect()
}
