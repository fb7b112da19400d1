//! Comparisons of runs whose numbers are known.

use super::*;
use crate::model::sample;
use crate::model::{RoundResult, Status, Summary, Tag};
use crate::schedule::SplitMix64;

/// A round of that speed: every figure follows from it.
fn round(number: u32, rate: f64) -> RoundResult {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive number below 2^53")]
    let nanoseconds = |factor: f64| (factor * 1e9 / rate).round() as u64;
    let summary = Summary {
        count: 20_000,
        p50: nanoseconds(1.0),
        p99: nanoseconds(3.0),
        p999: nanoseconds(9.0),
        ..Summary::default()
    };
    let mut round = RoundResult { round: number, messages: 1000, messages_per_s: rate, ..RoundResult::default() };
    round.latency_ns.insert(Tag::Acknowledged, summary);
    round.resources.cpu_ns = Some(nanoseconds(500.0));
    round.resources.bytes_written = Some(2_000_000);
    round
}

/// The sample run with only its first two cells, each with a round of every rate.
fn run(rates: &[f64]) -> Run {
    let mut run = sample::run();
    run.cells.truncate(2);
    for cell in &mut run.cells {
        cell.rounds = (0..).zip(rates).map(|(number, rate)| round(number, *rate)).collect();
    }
    run
}

/// Ten rates within 1 % of `center`.
fn around(center: f64) -> Vec<f64> {
    [-9, -7, -5, -3, -1, 1, 3, 5, 7, 9].map(|step| center * (1.0 + f64::from(step) / 1000.0)).to_vec()
}

fn figure(comparison: &Comparison, metric: Metric) -> &Figure {
    comparison.cells[0].figures.iter().find(|figure| figure.metric == metric).expect("is there")
}

fn verdicts(base: &Run, new: &Run) -> Vec<(Metric, Verdict)> {
    let comparison = compare(base, new, &Settings::default());
    comparison.cells[0].figures.iter().map(|figure| (figure.metric, figure.verdict)).collect()
}

#[test]
fn a_run_against_itself_is_unchanged() {
    let run = run(&around(1000.0));
    let comparison = compare(&run, &run, &Settings::default());
    assert_eq!((comparison.family, comparison.outcome()), (12, Outcome::Fine));
    assert_eq!(comparison.count(Verdict::Unchanged), 12);
    let throughput = figure(&comparison, Metric::Throughput);
    assert_eq!((throughput.change, throughput.effect), (Some(0.0), Some(0.0)));
}

#[test]
fn slower_is_worse_whichever_way_the_metric_points() {
    let (fast, slow) = (run(&around(1000.0)), run(&around(800.0)));
    use Verdict::{Improved, Regressed, Unchanged};
    let all = |verdict| {
        let worse = [Metric::Throughput, Metric::P50, Metric::P99, Metric::P999, Metric::Cpu];
        worse.map(|metric| (metric, verdict)).into_iter().chain([(Metric::Written, Unchanged)]).collect::<Vec<_>>()
    };
    assert_eq!(verdicts(&fast, &slow), all(Regressed));
    assert_eq!(verdicts(&slow, &fast), all(Improved));
    let comparison = compare(&fast, &slow, &Settings::default());
    assert_eq!(comparison.outcome(), Outcome::Regressed);
    let throughput = figure(&comparison, Metric::Throughput);
    assert!((throughput.change.expect("tested") + 0.2).abs() < 0.002, "{throughput:?}");
    let [low, high] = throughput.interval.map(|end| end.expect("ten rounds bound it"));
    assert!(low < -0.2 && -0.2 < high && high < -0.18, "{throughput:?}");
    assert!((figure(&comparison, Metric::P50).change.expect("tested") - 0.25).abs() < 0.003);
}

#[test]
fn a_change_below_the_threshold_is_none() {
    let (base, new) = (run(&around(1000.0)), run(&around(970.0)));
    assert!(verdicts(&base, &new).iter().all(|(_, verdict)| *verdict == Verdict::Unchanged));
    let thresholds = Thresholds { default: 0.05, by_metric: [(Metric::P50, 0.02)].into() };
    let comparison = compare(&base, &new, &Settings { thresholds, ..Settings::default() });
    assert_eq!(figure(&comparison, Metric::P50).verdict, Verdict::Regressed);
    assert_eq!(figure(&comparison, Metric::Throughput).verdict, Verdict::Unchanged);
}

#[test]
fn a_change_within_the_noise_of_rounds_made_at_other_times_is_none() {
    let noisy = |center: f64| run(&[0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3].map(|factor| factor * center));
    let (base, new) = (noisy(1000.0), noisy(850.0));
    let comparison = compare(&base, &new, &Settings::default());
    assert_eq!(comparison.count(Verdict::Regressed), 0);
    let margin = figure(&comparison, Metric::Throughput).margin.expect("judged");
    assert!(margin > 0.3, "two deviations of a round: {margin}");
    // Interleaved, the noise fell on both.
    let pairs = Settings { design: Design::Pairs { last: false }, metrics: vec![Metric::P50], ..Settings::default() };
    let strict = Settings { alpha: 0.02, ..pairs.clone() };
    assert_eq!(compare(&base, &new, &strict).count(Verdict::Inconclusive), 2, "7 pairs, and 8 are the least");
    assert_eq!(compare(&base, &new, &pairs).count(Verdict::Regressed), 2);
}

#[test]
fn what_unchanged_code_did_before_counts_as_noise() {
    let (base, new) = (run(&around(1000.0)), run(&around(800.0)));
    let cell = base.cells[0].id.clone();
    let usual = Usual([((cell, Metric::Throughput), 0.2)].into());
    let comparison = compare(&base, &new, &Settings { usual: Some(usual), ..Settings::default() });
    assert_eq!(figure(&comparison, Metric::Throughput).verdict, Verdict::Unchanged);
    assert_eq!(figure(&comparison, Metric::P50).verdict, Verdict::Regressed);
}

#[test]
fn three_rounds_cannot_decide_and_the_least_number_is_told() {
    let comparison = compare(&run(&[1000.0; 3]), &run(&[500.0; 3]), &Settings::default());
    assert_eq!((comparison.outcome(), comparison.family, comparison.least_rounds), (Outcome::Open, 12, 6));
    let reason = figure(&comparison, Metric::P50).reason.as_deref();
    assert_eq!(reason, Some("3 rounds cannot decide, 6 are the least"));
    let enough = compare(&run(&around(1000.0)[..6]), &run(&around(500.0)[..6]), &Settings::default());
    assert_eq!(enough.outcome(), Outcome::Regressed);
}

#[test]
fn a_tail_needs_samples_above_it() {
    let mut base = run(&around(1000.0));
    base.cells[0].rounds[3].latency_ns.entry(Tag::Acknowledged).or_default().count = 5000;
    let comparison = compare(&base, &run(&around(1000.0)), &Settings::default());
    let tail = figure(&comparison, Metric::P999);
    assert_eq!((tail.verdict, tail.leaves_open), (Verdict::NotComparable, false));
    assert_eq!(
        tail.reason.as_deref(),
        Some("only 5.0 samples of a round lie above it (at least 10: longer rounds) in BASE")
    );
    assert_eq!((figure(&comparison, Metric::P99).verdict, comparison.outcome()), (Verdict::Unchanged, Outcome::Fine));
}

#[test]
fn other_machines_are_refused_and_allowed_on_request() {
    let base = run(&around(1000.0));
    let mut new = base.clone();
    new.machine.fingerprint = "ffffffffffff".to_owned();
    let comparison = compare(&base, &new, &Settings::default());
    assert_eq!((comparison.family, comparison.cells.len(), comparison.outcome()), (0, 0, Outcome::Open));
    assert!(comparison.obstacles[0].starts_with("different machines: BASE on 0123456789ab (Fast CPU"));
    let allowed = compare(&base, &new, &Settings { any_machine: true, ..Settings::default() });
    assert_eq!((allowed.obstacles.len(), allowed.notes.len(), allowed.outcome()), (0, 1, Outcome::Fine));
}

#[test]
fn cells_that_did_other_work_are_not_compared() {
    let base = run(&around(1000.0));
    let changed = |change: fn(&mut CellResult)| {
        let mut new = base.clone();
        change(&mut new.cells[0]);
        let comparison = compare(&base, &new, &Settings::default());
        assert_eq!((comparison.family, comparison.outcome()), (6, Outcome::Open), "the other cell is compared");
        comparison.cells[0].obstacle.clone().expect("an obstacle")
    };
    let tier = changed(|cell| cell.axes.durability.effective = Some(slotbench_core::Durability::Memory));
    assert_eq!(tier, "its effective tier is power in BASE and memory in NEW");
    let length = changed(|cell| cell.measure.length = crate::cell::Length::Ops(5));
    assert!(length.starts_with("its rounds last ") && length.contains(" in BASE and 5 operations after "), "{length}");
    let option = changed(|cell| {
        let engine = cell.engine.get_or_insert_default();
        engine.options.insert("cache_bytes".to_owned(), "1".to_owned());
    });
    assert_eq!(option, "its engine runs with cache_bytes = unset in BASE and 1 in NEW");
    let failed = changed(|cell| cell.status = Status::Failed);
    assert_eq!(failed, "it failed in NEW");
    assert_eq!(changed(|cell| cell.rounds.clear()), "it has no finished round in NEW");
}

#[test]
fn a_machine_that_was_busy_with_something_else_in_one_run_only_is_no_witness() {
    let busy = |share: f64| {
        let mut run = run(&around(1000.0));
        for round in run.cells.iter_mut().flat_map(|cell| &mut cell.rounds) {
            round.elapsed_ns = 1_000_000_000;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below 2^32")]
            let foreign = (share * 2e9) as u64;
            round.resources.foreign_cpu_ns = Some(foreign);
        }
        run
    };
    let comparison = compare(&busy(0.02), &busy(0.45), &Settings::default());
    assert_eq!((comparison.outcome(), comparison.family), (Outcome::Open, 0));
    let told = "others used 2 % of the machine's CPU in BASE and 45 % in NEW, while it ran";
    assert_eq!(comparison.cells[0].obstacle.as_deref(), Some(told));
    assert_eq!(compare(&busy(0.4), &busy(0.45), &Settings::default()).outcome(), Outcome::Fine);
    let pairs = Settings { design: Design::Pairs { last: true }, ..Settings::default() };
    assert_eq!(compare(&busy(0.02), &busy(0.45), &pairs).outcome(), Outcome::Fine, "interleaved, it fell on both");
}

#[test]
fn a_machine_that_was_slower_by_itself_in_one_run_only_is_no_witness() {
    let at_pace = |sha256_ns: f64| {
        let mut run = run(&around(1000.0));
        let rounds = run.cells.iter_mut().flat_map(|cell| &mut cell.rounds);
        rounds.enumerate().for_each(|(at, round)| round.sha256_ns = Some(if at == 0 { 9e9 } else { sha256_ns }));
        run
    };
    let comparison = compare(&at_pace(400.0), &at_pace(500.0), &Settings::default());
    assert_eq!((comparison.outcome(), comparison.family), (Outcome::Open, 0));
    let told = "the machine's own pace differs: beside it SHA-256 of 1 KiB took 400 ns in BASE and 500 ns in NEW";
    assert_eq!(comparison.cells[0].obstacle.as_deref(), Some(told));
    assert_eq!(compare(&at_pace(400.0), &at_pace(430.0), &Settings::default()).outcome(), Outcome::Fine);
    assert_eq!(
        compare(&at_pace(400.0), &run(&around(1000.0)), &Settings::default()).outcome(),
        Outcome::Fine,
        "an older run"
    );
    let compared = |new: f64| compare(&at_pace(400.0), &at_pace(new), &Settings::default());
    let margin = |new: f64| figure(&compared(new), Metric::Throughput).margin.expect("was tested").ln_1p();
    let (same, slower) = (margin(400.0), margin(430.0));
    assert!(
        slower > same.max(0.07) && slower <= same + 0.073,
        "{same} {slower}: a smaller difference widens the margin"
    );
    let pairs = Settings { design: Design::Pairs { last: true }, ..Settings::default() };
    assert_eq!(
        compare(&at_pace(400.0), &at_pace(500.0), &pairs).outcome(),
        Outcome::Fine,
        "interleaved, it fell on both"
    );
}

#[test]
fn a_missing_cell_leaves_it_open_and_a_new_one_does_not() {
    let (both, mut one) = (run(&around(1000.0)), run(&around(1000.0)));
    one.cells.truncate(1);
    let missing = compare(&both, &one, &Settings::default());
    assert_eq!(
        (missing.outcome(), missing.cells[1].obstacle.as_deref()),
        (Outcome::Open, Some("it is missing in NEW"))
    );
    let added = compare(&one, &both, &Settings::default());
    assert_eq!(added.outcome(), Outcome::Fine);
    assert_eq!(added.cells[1].obstacle.as_deref(), Some("it is new: BASE does not have it"));
    let mut refused = both;
    refused.cells[1].status = Status::Refused;
    assert_eq!(compare(&refused, &refused, &Settings::default()).outcome(), Outcome::Fine, "neither could measure it");
}

#[test]
fn values_that_cannot_be_are_named() {
    let base = run(&around(1000.0));
    let mut new = base.clone();
    new.cells[0].rounds[2].messages_per_s = f64::NAN;
    let comparison = compare(&base, &new, &Settings::default());
    let throughput = figure(&comparison, Metric::Throughput);
    assert_eq!((throughput.verdict, throughput.leaves_open), (Verdict::NotComparable, true));
    assert_eq!(throughput.reason.as_deref(), Some("round 2 has NaN, not a positive number, in NEW"));
    assert_eq!(comparison.outcome(), Outcome::Open);
}

#[test]
fn rounds_that_were_looked_into_are_left_out() {
    let base = run(&around(1000.0));
    let mut new = base.clone();
    let mut inspected = round(10, 1.0);
    inspected.stages_ns.insert("apply".to_owned(), Summary::default());
    new.cells[0].rounds.push(inspected);
    assert_eq!(compare(&base, &new, &Settings::default()).outcome(), Outcome::Fine);
}

/// Of 400 comparisons of equal noise, 12 figures each, at most a few may raise an alarm: 5 % of them at the worst, and
/// far fewer because a change must exceed the noise as well.
#[test]
fn chance_alone_is_no_regression() {
    let mut random = SplitMix64(11);
    let mut rates = || -> Vec<f64> { (0..10).map(|_| 1000.0 + random.below(400) as f64).collect() };
    let alarms = (0..400).filter(|_| {
        let (base, new) = (run(&rates()), run(&rates()));
        compare(&base, &new, &Settings::default()).outcome() == Outcome::Regressed
    });
    assert_eq!(alarms.count(), 0);
}
