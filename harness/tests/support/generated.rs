//! Runs of any size with everything in them that a report can show, from a seed.

#![expect(clippy::cast_possible_truncation, reason = "generated numbers are small")]

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use slotbench::axis::{Arrival, Mode};
use slotbench::model::*;
use slotbench::percentiles::{self, Curves};
use slotbench::plan::{Overrides, Plan, Source};
use slotbench::stats;
use slotbench_core::Durability;

const ROUNDS: u32 = 3;
const MS: u64 = 1_000_000;

/// A run of four engines, two modes, two tiers and these workers, with its percentile curves.
pub(super) fn run(workers: &[u32], payloads: &[&str]) -> (Run, Curves) {
    let text = format!(
        "backend = ['fs', 'rocksdb', 'sled', 'redb']\nmode = ['local', 'aggressive']\ndurability = ['process', 'power']\n\
         workers = {workers:?}\n[workload]\npayload = {payloads:?}\n"
    );
    let source = Source { file: "generated".to_owned(), stem: "generated".to_owned(), text };
    let plan = Plan::compile(&source, &Overrides::default()).expect("valid");
    let mut random = SmallRng::seed_from_u64(7);
    let mut curves = Curves::new();
    let mut cells = Vec::new();
    for cell in &plan.cells {
        let mut result = CellResult::new(cell);
        result.reason = None;
        fill(&mut result, &mut random, &mut curves);
        cells.push(result);
    }
    spoil(&mut cells);
    let (saturation, scaling) = (vec![saturation(&cells)], scaling(&cells, workers));
    let run = Run {
        schema: SCHEMA,
        slotbench: Build { version: "0.1.0".to_owned(), commit: None, profile: "release".to_owned() },
        plan: "generated".to_owned(),
        seed: 7,
        started: "2026-01-02T03:04:05.678Z".to_owned(),
        complete: true,
        machine: machine(),
        floors: Floors { fdatasync_ns: Some(243_000.0), harness_ns: Some(900.0), ..Floors::default() },
        cells,
        saturation,
        scaling,
    };
    (run, curves)
}

/// Messages per second of one worker, most messages per second, CPU per message.
fn engine(backend: &str) -> (f64, f64, u64) {
    match backend {
        "rocksdb" => (4400.0, 42_000.0, 24_000),
        "sled" => (2000.0, 15_000.0, 61_000),
        "redb" => (2200.0, 12_000.0, 72_000),
        _ => (300.0, 420.0, 410_000),
    }
}

fn fill(cell: &mut CellResult, random: &mut SmallRng, curves: &mut Curves) {
    let axes = &mut cell.axes;
    let is_redb = axes.backend == "redb";
    axes.durability.effective = Some(if is_redb { Durability::Power } else { axes.durability.asked });
    let (single, most, cpu) = engine(&axes.backend);
    let (workers, early) = (f64::from(axes.workers), axes.mode == Mode::Aggressive);
    let faster = if axes.durability.effective == Some(Durability::Power) { 1.0 } else { 1.8 };
    let rate = faster * if early { most } else { most * single * workers / (most + single * (workers - 1.0)) };
    let median = if early { 4e3 } else { workers / rate * 1e9 };
    cell.status = Status::Ok;
    cell.verified = Some(true);
    let mut merged: BTreeMap<Tag, Histogram<u64>> = BTreeMap::new();
    for number in 0..ROUNDS {
        let rate = rate * random.random_range(0.95..1.05);
        let acknowledged = latencies(median, rate * 2.5, random);
        let durable = latencies(if early { 2e7 } else { median }, rate * 2.5, random);
        let histograms = BTreeMap::from([(Tag::Acknowledged, acknowledged), (Tag::Durable, durable)]);
        cell.rounds.push(round(number, rate, cpu, &histograms, random));
        for (tag, histogram) in histograms {
            let sum = merged.entry(tag).or_insert_with(|| Histogram::new(3).expect("3 digits are allowed"));
            sum.add(histogram).expect("fits in memory");
        }
    }
    cell.stage_round = cell.rounds.first().cloned();
    cell.rounds.iter_mut().for_each(|round| round.stages_ns.clear());
    let rates: Vec<f64> = cell.rounds.iter().map(|round| round.messages_per_s).collect();
    cell.throughput = stats::throughput(&rates);
    cell.latency_ns = merged.iter().map(|(tag, histogram)| (*tag, stats::summary(histogram))).collect();
    cell.resources = Some(cell.rounds[0].resources);
    cell.harness_share = Some(900.0 / median);
    let curve = merged.iter().map(|(tag, histogram)| (*tag, percentiles::curve(histogram))).collect();
    curves.insert(cell.id.clone(), curve);
}

/// A long-tailed distribution around a median, given by its quantiles.
fn latencies(median: f64, count: f64, random: &mut SmallRng) -> Histogram<u64> {
    let mut histogram = Histogram::new(3).expect("3 digits are allowed");
    let tail = random.random_range(1.5..3.0);
    let mut left = count as u64;
    let mut at = median * 0.6;
    while left > 0 {
        let part = left.div_ceil(3).min(left);
        histogram.record_n(at as u64, part).expect("it grows");
        left -= part;
        at *= 1.0 + 0.15 * tail;
    }
    histogram
}

fn round(
    number: u32,
    rate: f64,
    cpu: u64,
    histograms: &BTreeMap<Tag, Histogram<u64>>,
    random: &mut SmallRng,
) -> RoundResult {
    let messages = (rate * 2.5) as u64;
    let latency_ns: Latencies = histograms.iter().map(|(tag, histogram)| (*tag, stats::summary(histogram))).collect();
    let ack = latency_ns[&Tag::Acknowledged];
    let stalled = random.random_range(0..25);
    let series = (0..25).map(|step| sample(step, step == stalled, messages / 25, &ack, random)).collect();
    let stages = ["verify", "queue", "sign", "commit_wait", "apply", "acknowledge"];
    let parts = [0.01, 0.12, 0.03, 0.38, 0.42, 0.04];
    let stages_ns: BTreeMap<String, Summary> = stages
        .iter()
        .zip(parts)
        .map(|(stage, part)| {
            let mean = ack.mean * part * random.random_range(0.8..1.2);
            ((*stage).to_owned(), Summary { count: messages / 64 + 1, mean, ..Summary::default() })
        })
        .collect();
    RoundResult {
        round: number,
        start_ms: u64::from(number) * 60_000 + u64::from(random.random_range(0..50_000_u32)),
        messages,
        elapsed_ns: 2500 * MS,
        messages_per_s: rate,
        latency_ns,
        resources: Resources {
            cpu_ns: Some((messages as f64 * cpu as f64 * random.random_range(0.97..1.03)) as u64),
            peak_rss_bytes: Some(1 << 30),
            peak_above_base_bytes: Some(random.random_range(40..160) << 20),
            bytes_written: Some(messages * 1100 * random.random_range(3..12)),
            disk_bytes: Some(messages * 1100 * random.random_range(1..4)),
            user_bytes: Some(messages * 1100),
            syncs: Some(messages / random.random_range(1..30)),
            reopen_ns: Some(random.random_range(2..90) * MS),
            ..Resources::default()
        },
        stages_ns,
        batch_messages: Some(Summary {
            count: messages / 8 + 1,
            mean: 8.0,
            p50: 7,
            p90: 12,
            p99: 20,
            p999: 24,
            max: 25,
            min: 1,
        }),
        series,
        stalls: vec![Stall { start_ns: stalled * 100 * MS, duration_ns: 95 * MS }],
        debt: Some(Debt {
            duration_ns: random.random_range(1..400) * MS,
            cpu_ns: Some(MS),
            bytes_written: None,
            unfinished: false,
        }),
        max_unstored: random.random_range(0..1000),
        verified: Some(true),
        ..RoundResult::default()
    }
}

fn sample(step: u64, is_stalled: bool, messages: u64, ack: &Summary, random: &mut SmallRng) -> Sample {
    let factor = random.random_range(0.8..1.25) * if is_stalled { 12.0 } else { 1.0 };
    let scaled = |value: u64| Some((value as f64 * factor) as u64);
    Sample {
        at_ns: (step + 1) * 100 * MS,
        messages: if is_stalled { messages / 20 } else { messages },
        p50_ns: scaled(ack.p50),
        p99_ns: scaled(ack.p99),
        max_ns: scaled(ack.max),
        cpu_ns: Some(random.random_range(60..180) * MS),
        bytes_written: Some(messages * 4400),
        rss_bytes: Some((40 + step * 3) << 20),
        unstored: Some(random.random_range(0..900)),
    }
}

/// One of each thing that can go wrong, and what a crash lab says of some cells.
fn spoil(cells: &mut [CellResult]) {
    let template = |fault, verdict, promised, max_lost| Loss {
        fault,
        verdict,
        reason: None,
        promised,
        trials: 30,
        acknowledged: 9000,
        lost: max_lost * 3,
        max_lost,
        max_lost_ns: max_lost * MS,
        broken: 0,
        reopen_ns: Some(8 * MS),
        seed: 3,
        window: (!promised).then_some(1024),
        lost_by_trial: None,
        promise_broken: 0,
    };
    for cell in cells.iter_mut() {
        let early = cell.axes.mode == Mode::Aggressive;
        let power = cell.axes.durability.effective == Some(Durability::Power);
        let (verdict, lost) = if early { (Verdict::Lost, 212) } else { (Verdict::Survived, 0) };
        cell.loss.push(template(Fault::Kill, verdict, !early, lost));
        if power && cell.axes.backend != "sled" {
            cell.loss.push(template(Fault::Power, verdict, !early, lost));
        }
    }
    let [first, second, third, ..] = cells else { return };
    first.status = Status::Refused;
    first.reason = Some("fs cannot do this </script><b id=injected>".to_owned());
    (first.throughput, first.verified, first.rounds, first.loss) = (None, None, Vec::new(), Vec::new());
    second.status = Status::Failed;
    second.verified = Some(false);
    second.failures = vec!["round 1: slot 17 is missing <img src=x onerror=alert(1)>".to_owned()];
    second.reason = second.failures.first().cloned();
    third.status = Status::Overloaded;
    third.reason = Some("did not keep up with the rate in 2 of 3 rounds".to_owned());
    third.name = Some("</script><script>document.title='broken'</script>".to_owned());
}

fn saturation(cells: &[CellResult]) -> Saturation {
    let cell = cells.iter().find(|cell| cell.axes.backend == "rocksdb").expect("is in the plan");
    let probe = |rate: f64, ms: f64| Probe { rate, achieved: rate, response_ns: (ms * 1e6) as u64, held: ms <= 5.0 };
    Saturation {
        cell: cell.id.clone(),
        arrival: Arrival::Fixed,
        in_flight: 1024,
        quantile: 0.99,
        limit_ns: 5 * MS,
        rate: Some(20_000.0),
        above: Some(24_000.0),
        probes: vec![
            probe(8000.0, 1.1),
            probe(16_000.0, 2.2),
            probe(32_000.0, 410.0),
            probe(24_000.0, 17.0),
            probe(20_000.0, 3.9),
        ],
    }
}

/// A fit for each engine with local confirmation at tier power.
fn scaling(cells: &[CellResult], workers: &[u32]) -> Vec<Scaling> {
    let fit = |backend: &str| {
        let is_of = |cell: &&CellResult| {
            let axes = &cell.axes;
            axes.backend == backend && axes.mode == Mode::Local && axes.durability.asked == Durability::Power
        };
        let mut own: Vec<&CellResult> = cells.iter().filter(is_of).collect();
        own.sort_by_key(|cell| cell.axes.workers);
        own.truncate(workers.len());
        let point = |cell: &&CellResult| {
            Some(Point { workers: cell.axes.workers, messages_per_s: cell.throughput?.messages_per_s })
        };
        let (lambda, most, _) = engine(backend);
        Scaling {
            cells: own.iter().map(|cell| cell.id.clone()).collect(),
            points: own.iter().filter_map(point).collect(),
            lambda,
            sigma: lambda / most,
            kappa: 1e-6,
            peak_workers: Some(((1.0 - lambda / most) / 1e-6).sqrt()),
            error: 0.03,
        }
    };
    ["rocksdb", "sled", "redb"].map(fit).into()
}

fn machine() -> Machine {
    Machine {
        fingerprint: "0123456789ab".to_owned(),
        cpu: "Generated CPU".to_owned(),
        cores: 2,
        memory_bytes: 24 << 30,
        governor: None,
        huge_pages: None,
        kernel: "Linux 6.8".to_owned(),
        storage: Storage {
            filesystem: "ext4".to_owned(),
            mount_options: "rw,relatime".to_owned(),
            device: "vda".to_owned(),
            model: None,
            write_cache: Some("write back".to_owned()),
        },
    }
}
