//! The loop with a runner that measures nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::cell::Length;
use crate::machine;
use crate::model::{self, RoundResult, Sample, Summary, Tag};
use crate::plan::{Overrides, Source};
use crate::rundir::RunDirError;
use crate::runner::mock::{Mock, round};

struct Bench {
    root: TempDir,
    plan: Plan,
}

impl Bench {
    fn new() -> Self {
        Self::of("backend = 'memory'\nworkers = [1, 2, 3]\nrounds = 3\n")
    }

    fn of(text: &str) -> Self {
        let source = Source { file: "p".to_owned(), stem: "p".to_owned(), text: text.to_owned() };
        let plan = Plan::compile(&source, &Overrides::default()).expect("valid");
        Self { root: tempfile::tempdir().expect("a temporary directory"), plan }
    }

    fn out(&self) -> std::path::PathBuf {
        self.root.path().join("out")
    }

    fn data(&self) -> DataDir {
        DataDir::open(Some(&self.root.path().join("data")), self.root.path(), false).expect("ours")
    }

    /// A new run, or with `dir` the earlier one.
    fn run(&self, mock: &mut Mock, stop: &Stop) -> End {
        let data = self.data();
        let machine = machine::probe(data.path());
        let (dir, run) = if self.out().exists() {
            let (dir, plan, run) = RunDir::open(&self.out()).expect("a run");
            assert_eq!(plan, self.plan);
            let run = resume(&dir, &plan, run, &machine).expect("the same build and machine");
            (dir, run)
        } else {
            let dir = RunDir::create(Some(&self.out()), &self.plan, now()).expect("creates");
            (dir, new_run(&self.plan, machine, now()))
        };
        let mut session = Session::new(&self.plan, &dir, &data, run, now).expect("writable");
        session.execute(mock, &mut Silent, stop).expect("nothing breaks")
    }

    fn saved(&self) -> Run {
        model::load(&self.out().join("run.json")).expect("is there, whole")
    }
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)
}

#[test]
fn every_round_is_measured_once_in_the_scheduled_order() {
    let bench = Bench::new();
    let mut mock = Mock::new(|_, _| Ok(()));
    assert_eq!(bench.run(&mut mock, &Stop::default()), End::Complete);
    let turns = schedule(&bench.plan.cells, bench.plan.seed);
    let expected: Vec<_> = turns.iter().map(|t| (bench.plan.cells[t.cell].axes.workers, t.round)).collect();
    assert_eq!((mock.calls, mock.floors), (expected, 1));

    let run = bench.saved();
    assert!(run.complete);
    let second = &run.cells[1];
    let numbers: Vec<_> = second.rounds.iter().map(|round| (round.round, round.messages)).collect();
    assert_eq!(numbers, [(0, 200), (1, 201), (2, 202)]);
    assert_eq!(second.throughput.map(|t| (t.min, t.messages_per_s, t.max)), Some((200.0, 201.0, 202.0)));
    let latency = second.latency_ns[&Tag::Acknowledged];
    assert_eq!((latency.count, latency.min, latency.max), (603, 200, 202));
    assert_eq!((second.verified, second.status), (Some(true), Status::Ok));
    assert_eq!(second.resources.and_then(|r| r.user_bytes), Some(201));
    assert_eq!(second.harness_share, Some(10.0 / 201.0));
    let log = hlog::read(&bench.out().join(format!("{}.hlog", second.id))).expect("a log");
    assert_eq!(log.iter().map(|interval| interval.histogram.len()).sum::<u64>(), 603);
    let left: Vec<_> = fs::read_dir(bench.root.path().join("data")).expect("is there").collect();
    assert_eq!(left.len(), 1, "only the marker stays: {left:?}");
}

#[test]
fn a_finished_round_is_on_disk_before_the_next_begins_and_resuming_repeats_none() {
    let bench = Bench::new();
    let mut first = Mock::new(|call, job| {
        let out = job.dir.parent().and_then(Path::parent).expect("data is beside out").join("out");
        let saved = model::load(&out.join("run.json")).expect("whole at any time");
        assert_eq!(saved.cells.iter().map(|cell| cell.rounds.len()).sum::<usize>(), call);
        if call == 4 { Err(CellFailure::Interrupted) } else { Ok(()) }
    });
    assert_eq!(bench.run(&mut first, &Stop::default()), End::Interrupted);
    assert!(!bench.saved().complete);

    let mut second = Mock::new(|_, _| Ok(()));
    assert_eq!(bench.run(&mut second, &Stop::default()), End::Complete);
    assert_eq!(second.floors, 0, "the machine was measured already");
    let mut all = first.calls[..4].to_vec();
    all.extend(&second.calls);
    let mut whole = Mock::new(|_, _| Ok(()));
    Bench::new().run(&mut whole, &Stop::default());
    assert_eq!(all, whole.calls);
    assert!(
        bench.saved().cells.iter().all(|cell| cell.latency_ns[&Tag::Acknowledged].count == 3 * cell.rounds[1].messages)
    );

    let mut third = Mock::new(|_, _| Ok(()));
    assert_eq!(bench.run(&mut third, &Stop::default()), End::Complete);
    assert_eq!(third.calls, []);
}

#[test]
fn an_interval_of_a_round_that_never_reached_the_result_is_dropped() {
    let bench = Bench::new();
    let mut mock = Mock::new(|call, _| if call == 1 { Err(CellFailure::Interrupted) } else { Ok(()) });
    bench.run(&mut mock, &Stop::default());
    let cell = bench.saved().cells[0].clone();
    let path = bench.out().join(format!("{}.hlog", cell.id));
    let mut intervals = hlog::read(&path).expect("a log");
    intervals.push(Interval { start_ms: 99_999, ..intervals[0].clone() });
    hlog::write(&path, now(), &intervals).expect("writes");

    bench.run(&mut Mock::new(|_, _| Ok(())), &Stop::default());
    let starts: Vec<_> = hlog::read(&path).expect("a log").iter().map(|interval| interval.start_ms).collect();
    assert_eq!((starts.len(), starts.contains(&99_999)), (3, false));
}

#[test]
fn a_request_to_stop_is_heard_between_rounds() {
    let bench = Bench::new();
    let mut mock = Mock::new(|call, job| {
        if call == 2 {
            job.stop.request();
        }
        Ok(())
    });
    assert_eq!(bench.run(&mut mock, &Stop::default()), End::Interrupted);
    assert_eq!(mock.calls.len(), 3);
    assert_eq!(bench.saved().cells.iter().map(|cell| cell.rounds.len()).sum::<usize>(), 3);
}

#[test]
fn a_cell_that_fails_or_is_refused_takes_no_more_turns_and_the_others_go_on() {
    let bench = Bench::new();
    let mut mock = Mock::new(|_, job| match (job.cell.axes.workers, job.round) {
        (1, 1) => Err(CellFailure::Failed("disk on fire".to_owned())),
        (2, 0) => Err(CellFailure::Refused("no bundler".to_owned())),
        _ => Ok(()),
    });
    assert_eq!(bench.run(&mut mock, &Stop::default()), End::Complete);
    assert_eq!(mock.calls.len(), 2 + 1 + 3 + 1, "one stage round, of the cell that is left");
    let run = bench.saved();
    let of =
        |index: usize| (run.cells[index].status, run.cells[index].reason.as_deref(), run.cells[index].rounds.len());
    assert_eq!(of(0), (Status::Failed, Some("round 1: disk on fire"), 1));
    assert_eq!(of(1), (Status::Refused, Some("no bundler"), 0));
    assert_eq!(of(2), (Status::Ok, None, 3));

    let mut again = Mock::new(|_, _| Ok(()));
    bench.run(&mut again, &Stop::default());
    assert_eq!(again.calls.len(), 2 + 3 + 2, "resuming gives both another chance");
    assert!(bench.saved().cells.iter().all(|cell| cell.status == Status::Ok && cell.failures.is_empty()));
}

#[test]
fn c120_a_round_that_stored_nothing_or_does_not_verify_fails_its_cell() {
    let plan = Bench::new().plan;
    let outcome = |messages: u64, verified: Option<bool>| {
        let mut cell = CellResult::new(&plan.cells[0]);
        let failures = if verified == Some(false) { vec!["slot 3 is missing".to_owned()] } else { Vec::new() };
        cell.rounds = vec![round(5).result, RoundResult { round: 1, verified, failures, ..round(messages).result }];
        aggregate(&mut cell, &[], &Floors::default()).expect("nothing to add");
        (cell.status, cell.verified, cell.reason)
    };
    assert_eq!(outcome(5, Some(true)), (Status::Ok, Some(true), None));
    assert_eq!(outcome(5, None), (Status::Ok, None, None));
    let broken = Some("round 1: slot 3 is missing".to_owned());
    assert_eq!(outcome(5, Some(false)), (Status::Failed, Some(false), broken));
    assert_eq!(outcome(0, Some(true)).0, Status::Failed);
}

#[test]
fn the_stage_round_comes_last_and_is_part_of_no_other_figure() {
    let bench = Bench::new();
    let mut mock = Mock::new(|_, job| {
        assert_eq!(job.is_stage_round(), job.round == 3);
        let longest = if job.is_stage_round() { Duration::from_secs(1) } else { Duration::from_secs(10) };
        assert_eq!(job.cell.measure.length, Length::Duration(longest));
        Ok(())
    });
    bench.run(&mut mock, &Stop::default());
    assert!(
        mock.calls[..9].iter().all(|(_, round)| *round < 3) && mock.calls[9..].iter().all(|(_, round)| *round == 3)
    );
    for (cell, messages) in bench.saved().cells.iter().zip([103, 203, 303]) {
        let stages = cell.stage_round.as_ref().expect("a stage round");
        assert_eq!((stages.round, stages.messages, stages.latency_ns[&Tag::Acknowledged].max), (3, messages, messages));
        assert_eq!((cell.rounds.len(), cell.throughput.map(|t| t.max)), (3, Some(messages as f64 - 1.0)));
        assert_eq!(cell.latency_ns[&Tag::Acknowledged].max, messages - 1);
    }
}

#[test]
fn a_stage_round_that_does_not_verify_fails_its_cell() {
    let mut cell = CellResult::new(&Bench::new().plan.cells[0]);
    cell.rounds = vec![round(5).result];
    let lost = RoundResult {
        round: 3,
        verified: Some(false),
        failures: vec!["slot 9 is missing".to_owned()],
        ..round(5).result
    };
    cell.stage_round = Some(lost);
    conclude(&mut cell);
    assert_eq!((cell.status, cell.verified), (Status::Failed, Some(false)));
    assert_eq!(cell.reason.as_deref(), Some("round 3: slot 9 is missing"));
}

#[test]
fn the_cost_of_sampling_compares_equal_stretches() {
    let series = |messages: &[u64]| {
        let sample =
            |(at, messages): (u64, &u64)| Sample { at_ns: at * 1000, messages: *messages, ..Sample::default() };
        (1..).zip(messages).map(sample).collect::<Vec<_>>()
    };
    let timed = |messages: &[u64]| RoundResult { series: series(messages), ..round(5).result };
    let mut cell = CellResult::new(&Bench::new().plan.cells[0]);
    // Slower in its second half, and draining without an answer: neither is what the stage round is compared with.
    cell.rounds = vec![timed(&[100, 100, 10, 10]), timed(&[90, 90, 1, 1]), timed(&[300, 100, 5, 5])];
    cell.stage_round = Some(timed(&[95, 95, 0]));
    conclude(&mut cell);
    assert!((cell.sampling_cost.expect("known") - 0.05).abs() < 1e-12, "{:?}", cell.sampling_cost);
    cell.stage_round = Some(round(5).result);
    conclude(&mut cell);
    assert_eq!(cell.sampling_cost, None, "no series");
}

#[test]
fn intervals_are_those_of_the_rounds_own_figures() {
    let mut cell = CellResult::new(&Bench::new().plan.cells[0]);
    let with = |rate: f64, p50: u64| RoundResult {
        messages_per_s: rate,
        latency_ns: BTreeMap::from([(Tag::Durable, Summary { p50, p99: 10 * p50, ..Summary::default() })]),
        ..round(5).result
    };
    cell.rounds = vec![with(90.0, 200)];
    aggregate(&mut cell, &[], &Floors::default()).expect("nothing to add");
    assert_eq!(cell.confidence, None, "one round");
    cell.rounds.extend([with(110.0, 220), with(100.0, 240)]);
    aggregate(&mut cell, &[], &Floors::default()).expect("nothing to add");
    let confidence = cell.confidence.expect("three rounds");
    assert_eq!(Some(confidence.messages_per_s), crate::stats::interval95(&[90.0, 110.0, 100.0]));
    let latency = confidence.latency_ns[&Tag::Durable];
    assert_eq!(Some(latency.p50), crate::stats::interval95(&[200.0, 220.0, 240.0]));
    assert_eq!(Some(latency.p99), crate::stats::interval95(&[2000.0, 2200.0, 2400.0]));
    assert_eq!(confidence.latency_ns.len(), 1);
}

#[test]
fn lost_messages_and_overload_are_said() {
    let mut cell = CellResult::new(&Bench::new().plan.cells[0]);
    let said = "3 messages could not be stored after they were acknowledged, the last because: no space".to_owned();
    let failures = vec![said.clone()];
    let lossy = RoundResult { failed_after_acknowledge: 3, overloaded: true, failures, ..round(5).result };
    cell.rounds = vec![lossy];
    aggregate(&mut cell, &[], &Floors::default()).expect("nothing to add");
    assert_eq!(cell.status, Status::Overloaded);
    assert_eq!(cell.reason.as_deref(), Some("did not keep up with the rate in 1 of 1 rounds"));
    assert_eq!(cell.failures, [format!("round 0: {said}")]);
}

#[test]
fn a_run_of_another_build_or_machine_is_not_gone_on_with() {
    let bench = Bench::new();
    bench.run(&mut Mock::new(|_, _| Err(CellFailure::Interrupted)), &Stop::default());
    let (dir, plan, run) = RunDir::open(&bench.out()).expect("a run");
    let other = Machine { fingerprint: "000000000000".to_owned(), ..run.machine.clone() };
    let mut newer = run.clone();
    newer.slotbench.version = "99.0.0".to_owned();
    for result in [resume(&dir, &plan, run.clone(), &other), resume(&dir, &plan, newer, &run.machine)] {
        assert!(matches!(result, Err(RunDirError::Different { .. })));
    }
}

#[test]
fn closed_cells_over_worker_counts_are_fitted() {
    let bench = Bench::of(
        "backend = ['memory', 'null']\nworkers = [1, 2, 4]\nrounds = 1\n[[cells]]\n[[cells]]\nbackend = 'null'\nworkers = 8\nworkload = { payload = 5 }\n",
    );
    bench.run(&mut Mock::new(|_, _| Ok(())), &Stop::default());
    let fits = bench.saved().scaling;
    assert_eq!(fits.len(), 2, "one engine each; a single count is no family");
    // The mock's throughput is a hundred times the workers.
    for fit in fits {
        assert_eq!(fit.points.iter().map(|point| point.workers).collect::<Vec<_>>(), [1, 2, 4]);
        assert!((fit.lambda - 100.0).abs() < 1e-6 && fit.sigma.abs() < 1e-9 && fit.peak_workers.is_none(), "{fit:?}");
        assert_eq!(fit.cells.len(), 3);
    }
}

/// A plan whose two cells make one search, which begins at half of their best throughput: 100.
fn searching() -> Bench {
    Bench::of("backend = 'memory'\nworkers = [1, 2]\nrounds = 1\nsaturate = 'p99=3us'\n")
}

#[test]
fn a_search_finds_the_border_once_and_resuming_does_not_repeat_it() {
    let bench = searching();
    // The mock answers at `rate` per second in `10 * rate` ns: 300 is the highest rate within 3 µs.
    let mut mock = Mock::new(|_, _| Ok(()));
    assert_eq!(bench.run(&mut mock, &Stop::default()), End::Complete);
    let run = bench.saved();
    let [found] = run.saturation.as_slice() else { panic!("{:?}", run.saturation) };
    assert_eq!((found.quantile, found.limit_ns, found.in_flight), (0.99, 3000, 1024));
    assert_eq!(found.cell, run.cells[0].id);
    assert_eq!(found.probes[0].rate, 100.0);
    let (rate, above) = (found.rate.expect("a rate holds"), found.above.expect("a rate does not"));
    assert!(rate <= 300.0 && 300.0 <= above && above / rate < 1.06, "{rate} {above}");
    for probe in &found.probes {
        assert!((probe.response_ns as f64 / (10.0 * probe.rate) - 1.0).abs() < 0.001, "{probe:?}");
    }
    // Two cells, a measured and a stage round each.
    assert_eq!(mock.calls.len(), 4 + found.probes.len());
    let left: Vec<_> = fs::read_dir(bench.root.path().join("data")).expect("is there").collect();
    assert_eq!(left.len(), 1, "only the marker stays: {left:?}");
    let mut again = Mock::new(|_, _| Ok(()));
    assert_eq!((bench.run(&mut again, &Stop::default()), again.calls.len()), (End::Complete, 0));
}

#[test]
fn an_interrupted_search_is_made_again_and_a_broken_one_takes_its_cell_out() {
    let bench = searching();
    let mut mock = Mock::new(|call, _| if call == 4 { Err(CellFailure::Interrupted) } else { Ok(()) });
    assert_eq!(bench.run(&mut mock, &Stop::default()), End::Interrupted);
    assert_eq!((bench.saved().saturation.len(), bench.saved().complete), (0, false));
    let failing: fn(usize, &Job<'_>) -> Result<(), CellFailure> =
        |call, _| if call == 1 { Err(CellFailure::Failed("disk on fire".to_owned())) } else { Ok(()) };
    bench.run(&mut Mock::new(failing), &Stop::default());
    let run = bench.saved();
    assert_eq!(run.cells[0].status, Status::Failed);
    assert!(
        run.cells[0].reason.as_deref().is_some_and(|reason| {
            reason.starts_with("saturation search at ") && reason.ends_with("/s: disk on fire")
        })
    );
    assert!(run.saturation.is_empty() && run.complete);
}
