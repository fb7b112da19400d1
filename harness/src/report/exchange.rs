//! A run in the formats of other trackers.

use serde_json::{Map, Value, json};

use crate::compare::Metric;
use crate::model::{CellResult, Run, Status};
use crate::stats::{mean, median};

/// A figure over rounds.
struct Level {
    median: f64,
    least: f64,
    most: f64,
}

/// The figures of a sound cell that rest on enough samples.
fn figures(cell: &CellResult) -> impl Iterator<Item = (Metric, Level)> {
    Metric::ALL.iter().filter_map(|metric| {
        let values = metric.values(cell).ok()?;
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Some((*metric, Level { median: median(&values)?, least, most }))
    })
}

fn sound(run: &Run) -> impl Iterator<Item = &CellResult> {
    run.cells.iter().filter(|cell| cell.status == Status::Ok)
}

/// Bencher Metric Format (<https://bencher.dev/docs/reference/bencher-metric-format/>): by cell and measure the median
/// over rounds, with the least and the most as its bounds.
#[must_use]
pub fn bmf(run: &Run) -> Value {
    let measures = |cell: &CellResult| {
        let measure = |(metric, level): (Metric, Level)| {
            let value = json!({"value": level.median, "lower_value": level.least, "upper_value": level.most});
            (slug(metric).to_owned(), value)
        };
        Value::Object(figures(cell).map(measure).collect())
    };
    Value::Object(sound(run).map(|cell| (cell.id.to_string(), measures(cell))).collect::<Map<_, _>>())
}

/// A measure's name in a URL.
fn slug(metric: Metric) -> &'static str {
    match metric {
        Metric::Throughput => "throughput",
        Metric::P50 => "latency-p50",
        Metric::P99 => "latency-p99",
        Metric::P999 => "latency-p99-9",
        Metric::Cpu => "cpu-per-message",
        Metric::Written => "bytes-written-per-message",
    }
}

/// The input of `github-action-benchmark` with `tool: customSmallerIsBetter`
/// (<https://github.com/benchmark-action/github-action-benchmark>). It takes one direction a file, so throughput is told
/// as time per message.
#[must_use]
pub fn github_benchmark(run: &Run) -> Value {
    let all = sound(run).flat_map(|cell| figures(cell).map(move |(metric, level)| entry(run, cell, metric, &level)));
    Value::Array(all.collect())
}

fn entry(run: &Run, cell: &CellResult, metric: Metric, level: &Level) -> Value {
    let (name, unit, value, least, most) = match metric {
        Metric::Throughput => ("time per message", "ns", 1e9 / level.median, 1e9 / level.most, 1e9 / level.least),
        _ => (slug(metric), metric.unit(), level.median, level.least, level.most),
    };
    json!({
        "name": format!("{}: {name}", cell.label()),
        "unit": unit,
        "value": value,
        "range": format!("± {:.1}", (most - least) / 2.0),
        "extra": format!("{}\n{} rounds, machine {}", cell.id, cell.rounds.len(), run.machine.fingerprint),
    })
}

/// A baseline of criterion: paths below `target/criterion`, and what stands there. A round is a sample, a message an
/// iteration; `cargo bench -- --load-baseline`, cargo-criterion and critcmp read them.
#[must_use]
pub fn criterion(run: &Run) -> Vec<(String, Value)> {
    sound(run).filter(|cell| !cell.rounds.is_empty()).flat_map(|cell| criterion_of(run, cell)).collect()
}

fn criterion_of(run: &Run, cell: &CellResult) -> [(String, Value); 4] {
    let (group, function) = (&run.plan, cell.label());
    let directory = format!("{group}/{function}");
    let commit = run.slotbench.commit.as_deref().unwrap_or("base");
    let baseline: String = commit.chars().take(12).collect();
    let benchmark = json!({
        "group_id": group,
        "function_id": function,
        "value_str": null,
        "throughput": {"Elements": 1},
        "full_id": directory,
        "directory_name": directory,
        "title": directory,
    });
    let times: Vec<f64> = cell.rounds.iter().map(|round| round.elapsed_ns as f64).collect();
    let iterations: Vec<f64> = cell.rounds.iter().map(|round| round.messages as f64).collect();
    let each: Vec<f64> = times.iter().zip(&iterations).map(|(time, count)| time / count).collect();
    let sample = json!({"sampling_mode": "Flat", "iters": iterations, "times": times});
    let file = |name: &str| format!("{directory}/{baseline}/{name}.json");
    [
        (file("benchmark"), benchmark),
        (file("estimates"), estimates(&each)),
        (file("sample"), sample),
        (file("tukey"), json!(fences(&each))),
    ]
}

/// Point estimates with the mean's interval (Student's t); the others' are the values themselves, because rounds are
/// too few to say more.
fn estimates(each: &[f64]) -> Value {
    let middle = median(each).unwrap_or(0.0);
    let average = mean(each).unwrap_or(0.0);
    let half = crate::stats::ci95(each).unwrap_or(0.0);
    let squares: f64 = each.iter().map(|value| (value - average).powi(2)).sum();
    let deviation = (squares / (each.len().max(2) - 1) as f64).sqrt();
    let distances: Vec<f64> = each.iter().map(|value| (value - middle).abs()).collect();
    let estimate = |value: f64, half: f64, error: f64| {
        json!({
            "confidence_interval": {"confidence_level": 0.95, "lower_bound": value - half, "upper_bound": value + half},
            "point_estimate": value,
            "standard_error": error,
        })
    };
    json!({
        "mean": estimate(average, half, deviation / (each.len().max(1) as f64).sqrt()),
        "median": estimate(middle, 0.0, 0.0),
        "median_abs_dev": estimate(median(&distances).unwrap_or(0.0), 0.0, 0.0),
        "slope": null,
        "std_dev": estimate(deviation, 0.0, 0.0),
    })
}

/// Tukey's fences, one and a half and three times the range of the middle half beyond it.
fn fences(values: &[f64]) -> [f64; 4] {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |part: usize| sorted.get((sorted.len().saturating_sub(1)) * part / 4).copied().unwrap_or(0.0);
    let (low, high) = (at(1), at(3));
    let range = high - low;
    [low - 3.0 * range, low - 1.5 * range, high + 1.5 * range, high + 3.0 * range]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{RoundResult, sample};

    fn run() -> Run {
        let mut run = sample::run();
        run.cells.truncate(1);
        let round = &mut run.cells[0].rounds[0];
        (round.messages, round.elapsed_ns, round.messages_per_s) = (1000, 2_000_000_000, 500.0);
        let slow = RoundResult { round: 1, elapsed_ns: 4_000_000_000, messages_per_s: 250.0, ..round.clone() };
        run.cells[0].rounds.push(slow);
        run
    }

    #[test]
    fn bencher_gets_a_value_with_bounds_for_each_measure() {
        let run = run();
        let document = bmf(&run);
        let cell = &document[run.cells[0].id.as_str()];
        assert_eq!(cell["throughput"], json!({"value": 375.0, "lower_value": 250.0, "upper_value": 500.0}));
        assert!(cell.get("latency-p99").is_none(), "7 samples have no tail: {cell}");
    }

    #[test]
    fn github_benchmark_gets_what_is_better_when_smaller() {
        let document = github_benchmark(&run());
        let entry = &document[0];
        assert_eq!((&entry["unit"], &entry["range"]), (&json!("ns"), &json!("± 1000000.0")));
        assert!((entry["value"].as_f64().expect("a number") - 1e9 / 375.0).abs() < 1e-6);
    }

    #[test]
    fn criterion_gets_a_sample_a_round() {
        let files = criterion(&run());
        let of = |name: &str| &files.iter().find(|(path, _)| path.ends_with(name)).expect(name).1;
        assert!(files[0].0.starts_with("sample/fs-local-power-w1-") && files[0].0.ends_with("/abc123/benchmark.json"));
        assert_eq!(of("sample.json")["iters"], json!([1000.0, 1000.0]));
        assert_eq!(of("estimates.json")["mean"]["point_estimate"], json!(3_000_000.0));
        assert_eq!(of("tukey.json").as_array().map(Vec::len), Some(4));
    }
}
