//! The page of a history in a real browser.

#[path = "support/browser.rs"]
mod browser;

use std::fs;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use browser::{browser, dump, mark, place};
use sha2::{Digest as _, Sha256};
use slotbench::compare::{Metric, Thresholds};
use slotbench::history::{CellEntry, Entry, Level, SCHEMA, changes};
use slotbench::report::history_html;

/// A history of so many runs of six cells, with noise of 2 %: one becomes slower, one faster, one is new half-way.
fn history(runs: usize) -> Vec<Entry> {
    let noisy = |level: f64, at: usize, place: usize| level * (0.98 + (at * 7919 + place * 4973) as f64 % 401.0 / 1e4);
    let cells = ["rocksdb-local", "rocksdb-aggressive", "redb-local", "redb-aggressive", "sled-local", "fs-local"];
    let level = |place: usize, at: usize| match (place, at * 3 > runs * 2) {
        (0, true) => 0.82,
        (3, true) => 1.4,
        _ => 1.0,
    };
    let cell = |place: usize, at: usize| {
        let rate = 40_000.0 / (place + 1) as f64 * level(place, at);
        let figures = [(Metric::Throughput, rate), (Metric::P99, 4e10 / rate), (Metric::Written, 4096.0)];
        let figure =
            |(metric, value): (Metric, f64)| (metric, Level { median: noisy(value, at, place), deviation: None });
        CellEntry {
            id: serde_json::from_str(&format!("\"{}-power-w25\"", cells[place])).expect("an id is text"),
            label: format!("{}-power-w25<b id=injected>", cells[place]),
            engine: None,
            rounds: 12,
            figures: figures.map(figure).into(),
        }
    };
    let entry = |at: usize| Entry {
        schema: SCHEMA,
        started: format!("2026-{:02}-{:02}T06:00:00Z", at / 28 + 1, at % 28 + 1),
        commit: Some(format!("{:0<40x}", (at as u128 + 1) * 0x9e37_79b9_7f4a_7c15_f39c_c060)),
        version: "0.1.0".to_owned(),
        fingerprint: "0123456789ab".to_owned(),
        plan: "gate</script>".to_owned(),
        kernel: "Linux 6.12".to_owned(),
        cells: (0..cells.len()).filter(|place| *place != 4 || at * 2 > runs).map(|place| cell(place, at)).collect(),
    };
    (0..runs).map(entry).collect()
}

fn write(name: &str, entries: &[Entry]) -> PathBuf {
    let found = changes(entries, &Thresholds::default(), 0.05);
    let path = place(name);
    fs::write(&path, history_html(entries, &found).expect("fits in memory")).expect("writes");
    path
}

#[test]
fn a_history_is_drawn_without_an_error_or_a_network() {
    let Some(browser) = browser("a_history_is_drawn_without_an_error_or_a_network") else { return };
    for runs in [40, 1] {
        let page = write(&format!("history-{runs}.html"), &history(runs));
        for width in ["--window-size=1400,1000", "--window-size=380,800"] {
            let dom = dump(&browser, &page, &[width]);
            assert_eq!((mark(&dom, "data-errors"), mark(&dom, "data-ready").is_some()), (None, true), "{width}");
            assert_eq!(mark(&dom, "data-overflow"), None, "{width}: the page scrolls sideways");
            assert_eq!(mark(&dom, "data-runs"), Some(runs.to_string()));
            let charts = if runs == 1 { "5" } else { "6" };
            assert_eq!(mark(&dom, "data-charts").as_deref(), Some(charts), "{width}: a chart for each cell");
            assert!(!dom.contains("<b id=\"injected\">"), "a name became markup");
            // Of throughput and p99 the slower cell's and the faster cell's; the charts show the first figure.
            let changed = if runs == 1 { 0 } else { 2 };
            assert_eq!(dom.matches("class=\"card\"").count(), 2 * changed, "{width}");
            assert_eq!(dom.matches("class=\"mark worse\"").count(), changed / 2, "{width}");
            assert_eq!(dom.matches("class=\"mark better\"").count(), changed / 2, "{width}");
        }
    }
}

#[test]
fn a_history_of_nothing_is_drawn_too() {
    let Some(browser) = browser("a_history_of_nothing_is_drawn_too") else { return };
    let dom = dump(&browser, &write("history-0.html", &[]), &[]);
    assert_eq!((mark(&dom, "data-errors"), mark(&dom, "data-ready").is_some()), (None, true));
}

#[test]
fn a_history_can_be_pressed_read_and_filtered() {
    let Some(browser) = browser("a_history_can_be_pressed_read_and_filtered") else { return };
    let page = write("history-pressed.html", &history(40));
    let text = fs::read_to_string(&page).expect("is there");
    let script = include_str!("support/press_history.js");
    let hash = format!("script-src 'sha256-{}' ", STANDARD.encode(Sha256::digest(script)));
    let text =
        text.replacen("script-src ", &hash, 1).replacen("</body>", &format!("<script>{script}</script></body>"), 1);
    fs::write(&page, text).expect("writes");
    let dom = dump(&browser, &page, &["--window-size=1400,1000"]);
    assert_eq!((mark(&dom, "data-errors"), mark(&dom, "data-pressed").as_deref()), (None, Some("everything")));
}
