//! Another HdrHistogram implementation reads our logs: the Python package `hdrhistogram`.
//!
//! Where the package is not installed the test says so and checks nothing; `HLOG_PYTHON` names another interpreter.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use slotbench::hlog::{self, Interval};
use slotbench::model::Tag;
use slotbench::recorder::new_histogram;
use slotbench::stats;

/// The exit code by which the script says that the package is missing.
const MISSING: Option<i32> = Some(77);

fn intervals() -> Vec<Interval> {
    let mut random = StdRng::seed_from_u64(42);
    let mut interval = |start_ms, tag, count, bits: u32| {
        let mut histogram = new_histogram();
        for _ in 0..count {
            // Evenly spread over the orders of magnitude, so that every size of bucket is met.
            let highest = 1_u64 << random.random_range(0..bits);
            histogram.saturating_record(random.random_range(0..=highest));
        }
        Interval { start_ms, duration: Duration::from_secs(3), tag, histogram }
    };
    vec![
        interval(0, Tag::Acknowledged, 50_000, 30),
        interval(0, Tag::Durable, 20_000, 41),
        interval(5_123, Tag::Response, 1, 20),
        interval(86_400_001, Tag::Service, 3, 7),
    ]
}

fn described(interval: &Interval) -> Value {
    let histogram = &interval.histogram;
    let summary = stats::summary(histogram);
    let buckets = histogram
        .iter_recorded()
        .map(|bucket| json!([histogram.highest_equivalent(bucket.value_iterated_to()), bucket.count_at_value()]));
    json!({
        "tag": interval.tag, "count": summary.count, "min": summary.min, "max": summary.max,
        "p50": summary.p50, "p90": summary.p90, "p99": summary.p99, "p999": summary.p999,
        "buckets": buckets.collect::<Vec<_>>(),
    })
}

/// Exit code and standard output of the script; `None` where there is no interpreter.
fn check(log: &Path, expected: &Path) -> Option<(Option<i32>, String)> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/check-hlog.py");
    let python = std::env::var("HLOG_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let output = Command::new(python).arg(script).args([log, expected]).output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    Some((output.status.code(), String::from_utf8_lossy(&text).into_owned()))
}

#[test]
fn the_python_package_reads_the_same_buckets_totals_and_quantiles() {
    let dir = tempfile::tempdir().expect("a directory");
    let (log, expected) = (dir.path().join("cell.hlog"), dir.path().join("expected.json"));
    let intervals = intervals();
    hlog::write(&log, SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000), &intervals).expect("writes");
    let mut document: Vec<Value> = intervals.iter().map(described).collect();
    std::fs::write(&expected, json!(document).to_string()).expect("writes");
    match check(&log, &expected) {
        None => return eprintln!("skipped: no python3"),
        Some((MISSING, text)) => return eprintln!("{text}"),
        Some((code, text)) => assert_eq!((code, text.contains("4 intervals")), (Some(0), true), "{text}"),
    }

    document[1]["p99"] = json!(1);
    document[0]["buckets"][7][1] = json!(123_456);
    std::fs::write(&expected, json!(document).to_string()).expect("writes");
    let (code, text) = check(&log, &expected).expect("was there");
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("p99 is") && text.contains("bucket counts differ"), "{text}");
}
