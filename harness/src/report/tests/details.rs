//! Where time went, and how rounds went.

use super::at;
use crate::model::sample::rich_run;
use crate::model::{Sample, Stall};
use crate::report::{Report, Style, markdown, terminal};

#[test]
fn details_show_where_time_went_and_how_rounds_went() {
    let mut run = rich_run();
    let report = Report::of(&run);
    let titles: Vec<&str> = report.details.iter().map(|table| table.title.as_str()).collect();
    assert!(titles[0].starts_with("Where the time") && titles[1] == "Over the rounds" && titles.len() == 2);
    let stages = [
        ("tier", "power"),
        ("verify", "21.0 ms"),
        ("queue", "22.0 ms"),
        ("sign", "23.0 ms"),
        ("wait", "24.0 ms"),
        ("apply", "25.0 ms"),
        ("answer", "26.0 ms"),
        ("lag", "–"),
        ("cost", "3.4 %"),
    ];
    let course = [
        ("steady", "0/1"),
        ("stalls", "1"),
        ("longest", "30.0 ms"),
        ("batch", "2,010,000"),
        ("largest", "2,060,000"),
        ("debt", "≥ 8.00 ms"),
        ("p50 95%", "1.01 ms–1.03 ms"),
        ("p99 95%", "1.02 ms–1.06 ms"),
    ];
    for (table, expected) in report.details.iter().zip([&stages[..], &course[..]]) {
        expected.iter().for_each(|(title, text)| assert_eq!(at(table, ("fs", "local"), title), *text, "{title}"));
        assert_eq!(table.rows.len(), 1);
    }
    assert_eq!(at(&report.tables[0], ("fs", "local"), "95%"), "1,180–1,290", "the interval, not the half-width");
    for text in [terminal(&report, Style { width: Some(100), color: false }), markdown(&report)] {
        assert!(text.contains("Over the rounds") && text.contains("25.0 ms"), "{text}");
    }

    let stall = |start_ns| Stall { start_ns, duration_ns: 20_000_000 - start_ns };
    run.cells[0].rounds[0].stalls.extend([1, 2, 3].map(stall));
    run.cells[0].rounds[0].series.push(Sample::default());
    run.cells[0].sampling_cost = Some(0.08);
    let notes = Report::of(&run).notes;
    let of = |title: &str| notes.iter().find(|(name, _)| name.starts_with(title)).map(|(_, list)| list.join("\n"));
    assert!(of("Not steady").is_some_and(|text| text.ends_with("hist0: 1 of 1 rounds")));
    let stalls = of("Stalls").expect("there are some");
    assert!(stalls.contains("hist0: 30.0 ms at 40.0 ms of round 0, 20.0 ms at 1 ns of round 0"), "{stalls}");
    assert!(stalls.ends_with(", and 1 shorter"), "{stalls}");
    assert!(of("Following").is_some_and(|text| text.ends_with(": 8 %")));
    if let Some(throughput) = run.cells[0].throughput.as_mut() {
        throughput.min = 0.9 * throughput.messages_per_s;
    }
    let notes = Report::of(&run).notes;
    assert!(notes.iter().all(|(title, _)| !title.starts_with("Following")), "other rounds lost more than 8 %");
    assert_eq!(Report::of(&crate::model::sample::run()).details, [], "nothing was measured");
}
