//! The page of runs whose contents are known.

use serde_json::Value;

use super::*;
use crate::model::sample::{rich_run, run};

/// The data that the page of a run carries.
fn data(page: &str) -> Value {
    let (_, rest) = page.split_once("<script type=\"application/json\" id=\"data\">").expect("a data block");
    let (json, _) = rest.split_once("</script>").expect("its end");
    serde_json::from_str(json).expect("is JSON")
}

fn page(run: &Run) -> String {
    html(run, &Curves::new()).expect("fits in memory")
}

#[test]
fn the_page_is_whole_and_refers_to_nothing_outside() {
    let page = page(&rich_run());
    assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"));
    assert!(!page.contains("{{"), "a place was left empty");
    for reference in [" src=", "@import", "url(", "fetch(", "XMLHttpRequest", "http://", "https://"] {
        let found = page.replace("http://www.w3.org/2000/svg", "").contains(reference);
        assert!(!found, "{reference}");
    }
}

#[test]
fn the_policy_names_what_is_in_the_page() {
    let page = page(&run());
    let between = |begin: &str, end: &str| {
        let (_, rest) = page.split_once(begin).expect(begin);
        rest.split_once(end).expect(end).0.to_owned()
    };
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
    let policy = between("http-equiv=\"Content-Security-Policy\" content=\"", "\"");
    assert!(policy.contains(&format!("script-src {}", hash(&between("<script>", "</script>")))), "{policy}");
    assert!(policy.contains(&format!("style-src {}", hash(&between("<style>", "</style>")))), "{policy}");
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
}

#[test]
fn names_and_reasons_cannot_leave_their_place() {
    let evil = "</script><script>alert(1)</script><!--<script>{{data}}\u{2028}\"'&";
    let clean = page(&run());
    let mut run = run();
    run.plan = evil.to_owned();
    run.cells[0].name = Some(evil.to_owned());
    run.cells[5].reason = Some(evil.to_owned());
    run.machine.cpu = evil.to_owned();
    let page = page(&run);
    assert_eq!(page.matches("<script").count(), clean.matches("<script").count());
    assert_eq!(page.matches("<!--").count(), clean.matches("<!--").count());
    let data = data(&page);
    assert_eq!((&data["plan"], &data["cells"][0]["name"]), (&Value::from(evil), &Value::from(evil)));
    assert_eq!(data["cells"][5]["reason"], Value::from(evil));
}

#[test]
fn the_data_are_those_of_the_run() {
    let run = rich_run();
    let data = data(&page(&run));
    let cell = &data["cells"][0];
    assert_eq!((&cell["backend"], &cell["tier"], &cell["workers"]), (&"fs".into(), &"power".into(), &1.into()));
    assert_eq!(
        (&cell["throughput"]["messages_per_s"], &cell["throughput"]["interval"]),
        (&1234.0.into(), &vec![1180.0, 1290.0].into())
    );
    assert_eq!(cell["costs"]["written"], Value::from(4.25));
    assert_eq!(cell["loss"][0]["verdict"], Value::from("lost"));
    assert_eq!(cell["series"][0]["stalls"][0], Value::from(vec![40.0, 30.0]));
    assert_eq!(cell["stages"]["apply"], Value::from(25_010_000.0));
    assert_eq!((&data["saturation"][0]["cell"], &data["scaling"][0]["cells"][0]), (&0.into(), &0.into()));
    assert_eq!(data["answers"][0]["cell"], Value::from(1));
}

#[test]
fn what_is_not_known_is_not_there() {
    let mut run = run();
    run.cells[0].latency_ns.values_mut().for_each(|summary| summary.count = 500);
    let data = data(&page(&run));
    let latency = &data["cells"][0]["latency"]["acknowledged"];
    assert_eq!((&latency["count"], &latency["p50"]), (&500.into(), &1_020_000.into()));
    assert_eq!((&latency["p99"], &latency["p999"]), (&Value::Null, &Value::Null));
    let failed = &data["cells"][4];
    assert_eq!((&failed["status"], failed.get("throughput")), (&"failed".into(), None));
    assert!(failed["latency"].as_object().is_some_and(serde_json::Map::is_empty), "a failed cell has no numbers");
}

#[test]
fn grids_of_decisions_name_cells_or_the_nearest_miss() {
    let mut run = run();
    // Enough samples, rounds and CPU times for a recommendation.
    for cell in &mut run.cells {
        let mut round = cell.rounds.first().cloned().unwrap_or_default();
        round.latency_ns.clone_from(&cell.latency_ns);
        round.resources.cpu_ns = Some(1_000_000);
        cell.rounds = vec![round.clone(), round];
    }
    let data = data(&page(&run));
    let grid = &data["decisions"][0];
    assert_eq!((&grid["tier"], &grid["rates"][0]), (&"power".into(), &100.0.into()));
    assert_eq!(grid["loads"], Value::from(vec![0]));
    let decision = |limit: usize, rate: usize| &grid["grid"][limit][rate];
    assert_eq!(decision(1, 0)["outcome"], Value::from("too_close_to_call"), "equal costs");
    assert_eq!(decision(0, 0)["outcome"], Value::from("none_meets"));
    assert_eq!(decision(0, 0)["misses"][0], Value::from("p99 1.04 ms"));
}
