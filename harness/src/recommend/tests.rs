//! Recommendations from runs made by hand.

use std::collections::BTreeMap;

use slotbench_core::Durability::{self, Memory, Power, Process};

use super::*;
use crate::axis::Arrival;
use crate::cell::Payload;
use crate::model::sample::{self, measured};
use crate::model::{CellResult, Fault, Loss, Probe, Resources, RoundResult, Saturation, Status, Summary, Tag, Verdict};

const MS: u64 = 1_000_000;

/// Two rounds a little apart: cost per message, p99 and throughput with narrow intervals.
fn cell(backend: &str, rate: f64, p99: u64, cpu_ns: u64) -> CellResult {
    let summary = |p99| Summary { count: 50_000, p99, ..Summary::default() };
    let round = |number: u32| {
        let wobble = u64::from(number) * 2;
        RoundResult {
            round: number,
            messages: 1000,
            latency_ns: BTreeMap::from([(Tag::Acknowledged, summary(p99 + wobble))]),
            resources: Resources { cpu_ns: Some((cpu_ns + wobble) * 1000), ..Resources::default() },
            ..RoundResult::default()
        }
    };
    CellResult {
        rounds: vec![round(0), round(1)],
        latency_ns: BTreeMap::from([(Tag::Acknowledged, summary(p99))]),
        ..measured((backend, "local"), (Power, Power), (rate, 10.0), 1)
    }
}

fn with_axes(mut cell: CellResult, change: impl FnOnce(&mut crate::cell::Axes)) -> CellResult {
    change(&mut cell.axes);
    cell.id = crate::cell::CellId::of(&cell.axes);
    cell
}

fn run(cells: Vec<CellResult>) -> Run {
    Run { cells, ..sample::run() }
}

fn limits(rate: f64, p99_ms: u64, durability: Durability) -> Limits {
    Limits { rate, p99_ns: p99_ms * MS, durability, max_loss: None }
}

fn only(cells: Vec<CellResult>, limits: &Limits) -> Recommendation {
    let mut answers = recommend(&run(cells), limits);
    assert_eq!(answers.len(), 1, "{answers:#?}");
    answers.remove(0)
}

fn name(choice: &Option<Choice>) -> Option<(&str, u32)> {
    choice.as_ref().map(|choice| (choice.backend.as_str(), choice.workers))
}

/// The only thing in the way of the only cell.
fn obstacle(cell: CellResult, limits: &Limits) -> Shortfall {
    let answer = only(vec![cell], limits);
    assert_eq!((answer.outcome, answer.best), (Outcome::NoneMeets, None));
    let miss = answer.nearest.expect("the only cell");
    assert_eq!(miss.shortfalls.len(), 1, "{:?}", miss.shortfalls);
    miss.shortfalls[0]
}

#[test]
fn the_cheapest_that_meets_the_limits_and_what_the_next_one_costs() {
    let cells = vec![
        cell("redb", 9000.0, 4 * MS, 60_000),
        cell("rocksdb", 8000.0, 3 * MS, 30_000),
        cell("fs", 400.0, 90 * MS, 10_000),
        cell("sled", 7000.0, 4 * MS, 45_000),
    ];
    let answer = only(cells, &limits(5000.0, 5, Power));
    assert_eq!(answer.outcome, Outcome::Clear);
    assert_eq!((name(&answer.best), name(&answer.runner_up)), (Some(("rocksdb", 1)), Some(("sled", 1))));
    assert!((answer.margin.expect("two costs") - 0.5).abs() < 1e-3);
    assert_eq!((answer.considered, answer.meeting, answer.tied.len()), (4, 3, 0));
    assert_eq!((answer.nearest, answer.uncertain), (None, None));
}

#[test]
fn costs_within_each_others_noise_are_too_close_to_call() {
    let mut noisy = cell("sled", 9000.0, MS, 31_000);
    noisy.rounds[1].resources.cpu_ns = Some(40_000_000);
    let answer =
        only(vec![cell("redb", 9000.0, MS, 30_000), noisy, cell("fs", 9000.0, MS, 900_000)], &limits(1.0, 5, Power));
    assert_eq!((answer.outcome, name(&answer.best)), (Outcome::TooCloseToCall, Some(("redb", 1))));
    assert_eq!(answer.tied.iter().map(|choice| choice.backend.as_str()).collect::<Vec<_>>(), ["sled"]);
    let mut unknown = cell("sled", 9000.0, MS, 1);
    unknown.rounds.iter_mut().for_each(|round| round.resources.cpu_ns = None);
    let answer = only(vec![cell("redb", 9000.0, MS, 30_000), unknown], &limits(1.0, 5, Power));
    assert_eq!(
        (answer.outcome, name(&answer.best)),
        (Outcome::TooCloseToCall, Some(("redb", 1))),
        "a cost nobody knows"
    );
}

#[test]
fn where_none_meets_the_limits_the_nearest_miss_is_named() {
    let cells = vec![cell("fs", 400.0, 90 * MS, 1), cell("redb", 4000.0, 4 * MS, 1), cell("sled", 100.0, MS, 1)];
    let answer = only(cells.clone(), &limits(5000.0, 5, Power));
    assert_eq!((answer.outcome, answer.meeting, answer.considered), (Outcome::NoneMeets, 0, 3));
    let miss = answer.nearest.expect("three of them");
    assert_eq!(miss.choice.backend, "redb");
    assert_eq!(miss.shortfalls, [Shortfall::Rate { lower: 3990.0, value: 4000.0 }]);
    let nearest = only(cells, &limits(90.0, 2, Power));
    assert_eq!(name(&nearest.best), Some(("sled", 1)));
}

#[test]
fn the_worse_end_of_an_interval_counts() {
    let wants = limits(5000.0, 5, Power);
    let rate = cell("redb", 5005.0, MS, 1);
    assert_eq!(obstacle(rate, &wants), Shortfall::Rate { lower: 4995.0, value: 5005.0 });
    let mut tail = cell("redb", 9000.0, 4 * MS, 1);
    tail.rounds[1].latency_ns.get_mut(&Tag::Acknowledged).expect("is there").p99 = 6 * MS;
    assert!(matches!(obstacle(tail.clone(), &wants), Shortfall::P99 { upper, value } if upper > 5e6 && value == 4e6));
    let answer = only(vec![tail, cell("fs", 9000.0, MS, 10)], &wants);
    assert_eq!((name(&answer.best), answer.outcome), (Some(("fs", 1)), Outcome::Clear));
    let uncertain = answer.uncertain.expect("a cheaper one whose medians meet the limits");
    assert_eq!(uncertain.choice.backend, "redb");
}

#[test]
fn one_round_or_too_few_samples_meet_nothing() {
    let wants = limits(10.0, 5, Power);
    let mut once = cell("redb", 9000.0, MS, 1);
    once.rounds.truncate(1);
    once.throughput.as_mut().expect("is there").ci95 = None;
    assert_eq!(obstacle(once, &wants), Shortfall::OneRound);
    let mut few = cell("redb", 9000.0, MS, 1);
    few.latency_ns.get_mut(&Tag::Acknowledged).expect("is there").count = 999;
    assert_eq!(obstacle(few, &wants), Shortfall::Samples { count: 999, needed: 1000 });
    let mut silent = cell("redb", 9000.0, MS, 1);
    silent.latency_ns.clear();
    assert_eq!(obstacle(silent, &wants), Shortfall::NoLatency);
}

#[test]
fn the_effective_tier_counts_and_a_stronger_one_does_too() {
    let weak = with_axes(cell("redb", 9000.0, MS, 1), |axes| axes.durability.effective = Some(Process));
    assert_eq!(obstacle(weak.clone(), &limits(1.0, 5, Power)), Shortfall::Durability { effective: Process });
    for durability in [Process, Memory] {
        assert_eq!(name(&only(vec![weak.clone()], &limits(1.0, 5, durability)).best), Some(("redb", 1)));
    }
}

#[test]
fn a_mode_that_acknowledges_early_takes_an_allowed_loss() {
    let early = |loss| {
        let cell = with_axes(cell("redb", 9000.0, MS, 1), |axes| axes.mode = crate::axis::Mode::Aggressive);
        CellResult { loss, ..cell }
    };
    assert_eq!(obstacle(early(Vec::new()), &limits(1.0, 5, Power)), Shortfall::AcknowledgesEarly);
    assert!(only(vec![early(Vec::new())], &limits(1.0, 5, Memory)).best.is_some(), "memory promises nothing");
    let allowing = |most| Limits { max_loss: Some(most), ..limits(1.0, 5, Power) };
    let lost = loss(Fault::Power, Verdict::Lost, false, 20);
    assert!(only(vec![early(vec![lost.clone()])], &allowing(20)).best.is_some());
    assert_eq!(obstacle(early(vec![lost]), &allowing(19)), Shortfall::Lost { fault: Fault::Power, lost: 20 });
}

fn loss(fault: Fault, verdict: Verdict, promised: bool, max_lost: u64) -> Loss {
    let template = sample::rich_run().cells.remove(0).loss.remove(0);
    let promise_broken = u32::from(promised && verdict == Verdict::Lost);
    Loss { fault, verdict, promised, promise_broken, max_lost, broken: 0, ..template }
}

#[test]
fn a_loss_that_was_not_measured_does_not_meet_a_limit_on_it() {
    let wants = Limits { max_loss: Some(5), ..limits(1.0, 5, Power) };
    let with = |loss| CellResult { loss, ..cell("redb", 9000.0, MS, 1) };
    let unknown = Shortfall::LossNotMeasured { fault: Fault::Power };
    assert_eq!(obstacle(with(Vec::new()), &wants), unknown);
    for verdict in [Verdict::NotMeasured, Verdict::HarnessBroken] {
        assert_eq!(obstacle(with(vec![loss(Fault::Power, verdict, true, 0)]), &wants), unknown);
    }
    let kill_only = vec![loss(Fault::Kill, Verdict::Survived, true, 0)];
    assert_eq!(obstacle(with(kill_only.clone()), &wants), unknown, "a kill says nothing about a power cut");
    assert!(only(vec![with(kill_only)], &Limits { durability: Process, ..wants }).best.is_some());
    assert!(only(vec![with(vec![loss(Fault::Power, Verdict::Survived, true, 0)])], &wants).best.is_some());
}

#[test]
fn a_promise_seen_broken_is_never_recommended() {
    let with = |loss| CellResult { loss: vec![loss], ..cell("redb", 9000.0, MS, 1) };
    let broken = Shortfall::PromiseBroken { fault: Fault::Power };
    assert_eq!(obstacle(with(loss(Fault::Power, Verdict::Lost, true, 1)), &limits(1.0, 5, Power)), broken);
    let torn = Loss { broken: 1, promise_broken: 1, ..loss(Fault::Power, Verdict::Lost, true, 0) };
    let allowing = Limits { max_loss: Some(1000), ..limits(1.0, 5, Power) };
    assert_eq!(obstacle(with(torn), &allowing), broken);
}

#[test]
fn what_was_never_promised_is_not_a_broken_promise() {
    // A power cut may tear a store of tier `process`; nobody asked it to survive one.
    let torn = Loss { broken: 139, ..loss(Fault::Power, Verdict::Lost, false, 3230) };
    let survived = loss(Fault::Kill, Verdict::Survived, true, 0);
    let cell = CellResult { loss: vec![torn, survived], ..cell("redb", 9000.0, MS, 1) };
    assert!(only(vec![cell], &Limits { max_loss: Some(0), ..limits(1.0, 5, Process) }).best.is_some());
}

#[test]
fn cells_that_cannot_be_believed_are_not_considered() {
    let good = || cell("redb", 9000.0, MS, 1);
    let unsound = vec![
        CellResult { status: Status::Refused, ..good() },
        CellResult { status: Status::Failed, ..good() },
        CellResult { verified: Some(false), ..good() },
        CellResult { verified: None, ..good() },
        CellResult { failures: vec!["round 1: 3 messages could not be stored".to_owned()], ..good() },
        with_axes(good(), |axes| axes.backend = "memory".to_owned()),
        with_axes(good(), |axes| axes.backend = "null".to_owned()),
    ];
    for cell in unsound {
        assert_eq!(recommend(&run(vec![cell.clone()]), &limits(1.0, 5, Memory)), [], "{cell:#?}");
    }
    assert_eq!(recommend(&run(Vec::new()), &limits(1.0, 5, Memory)), []);
}

#[test]
fn the_fewest_workers_stand_for_a_deployment() {
    let workers = |count, rate, cpu| with_axes(cell("redb", rate, MS, cpu), |axes| axes.workers = count);
    let cells = vec![workers(100, 9000.0, 10_000), workers(25, 8000.0, 12_000), workers(1, 1000.0, 50_000)];
    for (rate, fewest) in [(900.0, 1), (1100.0, 25), (8500.0, 100)] {
        let answer = only(cells.clone(), &limits(rate, 5, Power));
        assert_eq!((name(&answer.best), answer.runner_up), (Some(("redb", fewest)), None));
        assert_eq!(answer.outcome, Outcome::Clear);
    }
}

#[test]
fn loads_are_answered_one_by_one() {
    let large = with_axes(cell("redb", 9000.0, MS, 1), |axes| axes.workload.payload = Payload::Fixed(65536));
    let each = with_axes(cell("sled", 9000.0, MS, 7000), |axes| axes.workload.commit = crate::axis::Commit::Each);
    let answers = recommend(&run(vec![cell("fs", 9000.0, MS, 9000), large, each]), &limits(1.0, 5, Power));
    let bests: Vec<_> =
        answers.iter().map(|answer| (answer.load.to_string(), name(&answer.best), answer.considered)).collect();
    let expected = [
        ("inproc, 1KiB, unsigned, 1 process".to_owned(), Some(("sled", 1)), 2),
        ("inproc, 64KiB, unsigned, 1 process".to_owned(), Some(("redb", 1)), 1),
    ];
    assert_eq!(bests, expected);
}

/// A cell like `closed` at a fixed rate.
fn open(closed: &CellResult, rate: u32, p99: u64, status: Status) -> CellResult {
    let mut open = with_axes(closed.clone(), |axes| axes.rate = Some(rate));
    open.status = status;
    for latencies in open.rounds.iter_mut().map(|round| &mut round.latency_ns).chain([&mut open.latency_ns]) {
        let ack = latencies[&Tag::Acknowledged];
        latencies.insert(Tag::Response, Summary { p99, ..ack });
    }
    open
}

#[test]
fn response_times_of_an_open_loop_outweigh_a_closed_one() {
    let closed = cell("redb", 9000.0, MS, 1);
    let source = |cells, rate| only(cells, &limits(rate, 5, Power)).best.map(|best| best.source);
    let cells =
        || vec![closed.clone(), open(&closed, 1000, 2 * MS, Status::Ok), open(&closed, 2000, 3 * MS, Status::Ok)];
    assert_eq!(source(cells(), 1000.0), Some(Source::Open { rate: 1000.0 }));
    assert_eq!(source(cells(), 1001.0), Some(Source::Open { rate: 2000.0 }));
    assert_eq!(source(cells(), 2001.0), Some(Source::Closed));
    let slow = vec![closed.clone(), open(&closed, 1000, 9 * MS, Status::Ok)];
    let answer = only(slow, &limits(1000.0, 5, Power));
    let miss = answer.nearest.expect("its response times are too long");
    assert!(matches!(miss.shortfalls[..], [Shortfall::P99 { value, .. }] if value == 9e6), "{miss:?}");
    let answer = only(vec![open(&closed, 500, MS, Status::Ok)], &limits(9500.0, 5, Power));
    assert_eq!(answer.nearest.expect("nothing else").shortfalls, [Shortfall::Rate { lower: 500.0, value: 9000.0 }]);
}

#[test]
fn a_rate_that_was_not_carried_rules_out_every_higher_one() {
    let closed = cell("redb", 9000.0, MS, 1);
    let cells = || vec![closed.clone(), open(&closed, 3000, 900 * MS, Status::Overloaded)];
    assert!(only(cells(), &limits(2999.0, 5, Power)).best.is_some());
    let miss = only(cells(), &limits(3000.0, 5, Power)).nearest.expect("it was overloaded");
    assert_eq!(miss.shortfalls, [Shortfall::Overloaded { rate: 3000.0 }]);
}

#[test]
fn a_saturation_search_that_held_at_the_rate_is_believed() {
    let closed = cell("redb", 9000.0, 9 * MS, 1);
    let probe = |rate, response_ns, held| Probe { rate, achieved: rate, response_ns, held };
    let search = Saturation {
        cell: closed.id.clone(),
        arrival: Arrival::Fixed,
        in_flight: 1024,
        quantile: 0.99,
        limit_ns: 4 * MS,
        rate: Some(4000.0),
        above: Some(5000.0),
        probes: vec![probe(4000.0, 3 * MS, true), probe(5000.0, 7 * MS, false), probe(2000.0, 2 * MS, true)],
    };
    let run = Run { saturation: vec![search], ..run(vec![closed]) };
    let at = |rate, p99| recommend(&run, &limits(rate, p99, Power)).remove(0);
    assert_eq!(at(1500.0, 2).best.map(|best| best.source), Some(Source::Search { rate: 2000.0 }));
    assert_eq!(at(3000.0, 5).best.map(|best| best.source), Some(Source::Search { rate: 4000.0 }));
    assert!(at(3000.0, 2).best.is_none());
    let beyond = at(4500.0, 5).nearest.expect("the closed loop's p99 is too long");
    assert_eq!(beyond.choice.source, Source::Closed);
}
