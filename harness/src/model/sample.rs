//! A run made by hand, in which every number occurs once, so that a swapped column cannot go unseen.

use std::collections::BTreeMap;

use slotbench_core::Durability;

use crate::axis::Arrival;
use crate::cell::{Cell, CellId};
use crate::model::*;
use crate::plan::{Overrides, Plan, Source};

/// A summary whose figures all start with `lead`: 1 gives p50 = 1.02 ms, p99 = 1.04 ms and so on.
pub(crate) fn summary(lead: u64) -> Summary {
    let at = |step: u64| lead * 1_000_000 + step * 10_000;
    Summary {
        count: 70_000,
        min: at(0),
        mean: at(1) as f64,
        p50: at(2),
        p90: at(3),
        p99: at(4),
        p999: at(5),
        max: at(6),
    }
}

fn cell(backend: &str, mode: &str, asked: Durability, effective: Durability) -> CellResult {
    let text = format!("backend = 'memory'\nmode = '{mode}'\ndurability = '{asked}'\n");
    let source = Source { file: "p".to_owned(), stem: "p".to_owned(), text };
    let mut cells: Vec<Cell> = Plan::compile(&source, &Overrides::default()).expect("valid").cells;
    let mut cell = cells.remove(0);
    cell.refusal = None;
    cell.axes.backend = backend.to_owned();
    cell.axes.durability.effective = Some(effective);
    cell.id = CellId::of(&cell.axes);
    CellResult::new(&cell)
}

/// A verified cell with that throughput.
pub(crate) fn measured(
    (backend, mode): (&str, &str),
    (asked, effective): (Durability, Durability),
    (rate, ci95): (f64, f64),
    lead: u64,
) -> CellResult {
    let round = RoundResult { messages: 50, verified: Some(true), ..RoundResult::default() };
    let resources =
        Resources { user_bytes: Some(1000), bytes_written: Some(4250), syncs: Some(25), ..Resources::default() };
    CellResult {
        throughput: Some(Throughput { messages_per_s: rate, ci95: Some(ci95), min: rate - 1.0, max: rate + 1.0 }),
        latency_ns: BTreeMap::from([(Tag::Acknowledged, summary(lead)), (Tag::Durable, summary(lead + 1))]),
        verified: Some(true),
        rounds: vec![round],
        resources: Some(resources),
        engine: Some(Engine::default()),
        ..cell(backend, mode, asked, effective)
    }
}

/// [`run`] with one of everything that is not in every result.
pub(crate) fn rich_run() -> Run {
    let mut run = run();
    let id = run.cells[0].id.clone();
    run.cells[0].loss.push(Loss {
        fault: Fault::Kill,
        verdict: Verdict::Lost,
        reason: Some("2 of 900 acknowledged messages were lost".to_owned()),
        promised: true,
        trials: 30,
        acknowledged: 900,
        lost: 2,
        max_lost: 1,
        max_lost_ns: 5_000_000,
        broken: 0,
        reopen_ns: Some(3_000_000),
        seed: 9,
        window: Some(2048),
        lost_by_trial: Some(summary(6)),
        promise_broken: 2,
    });
    let round = &mut run.cells[0].rounds[0];
    round.series.push(Sample { at_ns: 100_000_000, messages: 12, p50_ns: Some(70_000), ..Sample::default() });
    (round.reads, round.slots_before) = (13, Some(1700));
    round.stalls.push(Stall { start_ns: 40_000_000, duration_ns: 30_000_000 });
    round.debt = Some(Debt { duration_ns: 8_000_000, cpu_ns: Some(6_000_000), bytes_written: None, unfinished: true });
    round.warmup.steady = Some(false);
    round.resources.device_bytes_written = Some(5250);
    round.resources.peak_rss_is_sampled = true;
    round.pacing_error_ns = Some(summary(1));
    round.generator_cpu_ns = Some(9_000_000);
    round.blocked = Some(4);
    round.batch_messages = Some(summary(2));
    let mut stage_round = RoundResult { round: 5, verified: Some(true), ..RoundResult::default() };
    for (lead, stage) in (21..).zip(["verify", "queue", "sign", "commit_wait", "apply", "acknowledge"]) {
        stage_round.stages_ns.insert(stage.to_owned(), summary(lead));
    }
    run.cells[0].stage_round = Some(stage_round);
    run.cells[0].sampling_cost = Some(0.034);
    let interval = |low: f64, high: f64| Interval95 { low, high };
    let quantiles =
        QuantileIntervals { p50: interval(1_010_000.0, 1_030_000.0), p99: interval(1_020_000.0, 1_060_000.0) };
    run.cells[0].confidence = Some(Confidence {
        messages_per_s: interval(1180.0, 1290.0),
        latency_ns: BTreeMap::from([(Tag::Acknowledged, quantiles)]),
    });
    let probe = Probe { rate: 500.0, achieved: 499.0, response_ns: 4_000_000, held: true };
    run.saturation.push(Saturation {
        cell: id.clone(),
        arrival: Arrival::Poisson,
        in_flight: 64,
        quantile: 0.99,
        limit_ns: 5_000_000,
        rate: Some(500.0),
        above: None,
        probes: vec![probe],
    });
    run.scaling.push(Scaling {
        cells: vec![id],
        points: vec![Point { workers: 1, messages_per_s: 1234.0 }],
        lambda: 1300.0,
        sigma: 0.1,
        kappa: 0.001,
        peak_workers: Some(30.0),
        error: 0.02,
    });
    run
}

/// Four engines at two tiers, one of them refused, one failed.
pub(crate) fn run() -> Run {
    use Durability::{Power, Process};
    let failed = CellResult {
        status: Status::Failed,
        verified: Some(false),
        reason: Some("round 0: slot 3 is missing".to_owned()),
        failures: vec!["round 0: slot 3 is missing".to_owned()],
        ..measured(("sled", "aggressive"), (Power, Power), (999_999.0, 1.0), 90)
    };
    let refused = CellResult {
        status: Status::Refused,
        reason: Some("rocksdb is not built in".to_owned()),
        ..cell("rocksdb", "local", Power, Power)
    };
    Run {
        schema: SCHEMA,
        slotbench: Build {
            version: "0.1.0".to_owned(),
            commit: Some("abc123".to_owned()),
            profile: "release".to_owned(),
        },
        plan: "sample".to_owned(),
        seed: 77,
        started: "2026-01-02T03:04:05.678Z".to_owned(),
        complete: true,
        machine: Machine {
            fingerprint: "0123456789ab".to_owned(),
            cpu: "Fast CPU".to_owned(),
            cores: 2,
            memory_bytes: 24 << 30,
            governor: Some("performance".to_owned()),
            huge_pages: Some("madvise".to_owned()),
            kernel: "Linux 6.8".to_owned(),
            storage: Storage {
                filesystem: "ext4".to_owned(),
                mount_options: "rw,noatime".to_owned(),
                device: "vda".to_owned(),
                model: None,
                write_cache: Some("write back".to_owned()),
            },
        },
        floors: Floors { fdatasync_ns: Some(500_000.0), harness_ns: Some(900.0), ..Floors::default() },
        cells: vec![
            measured(("fs", "local"), (Power, Power), (1234.0, 56.0), 1),
            measured(("redb", "local"), (Process, Power), (2345.0, 67.0), 3),
            measured(("redb", "aggressive"), (Power, Power), (789.0, 8.0), 5),
            measured(("fs", "local"), (Process, Process), (45_678.0, 90.0), 7),
            failed,
            refused,
        ],
        saturation: Vec::new(),
        scaling: Vec::new(),
    }
}
