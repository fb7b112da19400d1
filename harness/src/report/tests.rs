//! Reports of a run whose numbers are known.

use slotbench_core::Durability::{Power, Process};

use super::*;
use crate::model::sample::{measured, run};
use crate::model::{Status, Tag};

/// The text of one column in the row of that engine and mode.
fn at(table: &Table, row: (&str, &str), title: &str) -> String {
    let column = |title: &str| table.headings.iter().position(|heading| heading.title == title).expect("a column");
    let (engine, mode) = (column("engine"), column("mode"));
    let row = table.rows.iter().find(|cells| (cells[engine].as_str(), cells[mode].as_str()) == row);
    row.expect("a row")[column(title)].clone()
}

#[test]
fn every_number_stands_under_its_own_heading() {
    let report = Report::of(&run());
    let expected = [
        ("asked", "power"),
        ("workers", "1"),
        ("msg/s", "1,234"),
        ("± 95%", "56.0"),
        ("ack p50", "1.02 ms"),
        ("ack p99", "1.04 ms"),
        ("ack p99.9", "1.05 ms"),
        ("ack max", "1.06 ms"),
        ("durable p50", "2.02 ms"),
        ("durable p99", "2.04 ms"),
        ("durable p99.9", "2.05 ms"),
        ("durable max", "2.06 ms"),
        ("× fdatasync", "4.04"),
        ("written ×", "4.25"),
        ("syncs/msg", "0.50"),
        ("verified", "yes"),
        ("status", "ok"),
    ];
    for (title, text) in expected {
        assert_eq!(at(&report.tables[0], ("fs", "local"), title), text, "{title}");
    }
    assert_eq!(report.tables[0].headings.len(), expected.len() + 2, "and no other column");
}

#[test]
fn tiers_have_tables_of_their_own_by_what_was_effective() {
    let report = Report::of(&run());
    let titles: Vec<_> = report.tables.iter().map(|table| table.title.as_str()).collect();
    assert_eq!(titles.len(), 2);
    assert!(titles[0].starts_with("Durability power") && titles[1].starts_with("Durability process"));
    let engines = |table: &Table| table.rows.iter().map(|row| (row[0].clone(), row[1].clone())).collect::<Vec<_>>();
    let pair = |engine: &str, mode: &str| (engine.to_owned(), mode.to_owned());
    // Fastest first within a mode; the failed cell's 999,999 msg/s appear nowhere.
    assert_eq!(engines(&report.tables[0]), [pair("redb", "local"), pair("fs", "local"), pair("redb", "aggressive")]);
    assert_eq!(engines(&report.tables[1]), [pair("fs", "local")]);
    assert_eq!(at(&report.tables[0], ("redb", "local"), "asked"), "process");
    assert!(report.tables[1].headings.iter().all(|heading| heading.title != "asked"), "nothing differs there");
    assert!(!terminal(&report, Style::default()).contains("999,999"));
}

#[test]
fn the_first_line_is_the_answer() {
    let report = Report::of(&run());
    assert_eq!(report.headline, "Fastest verified: at power, local: redb with 2,345 msg/s (1 worker).");
    let first = |text: String| text.lines().next().map(str::to_owned);
    assert_eq!(first(terminal(&report, Style::default())), Some(report.headline.clone()));
    assert_eq!(first(markdown(&report)), Some(report.headline));
}

#[test]
fn engines_within_each_others_noise_are_not_told_apart() {
    let mut run = run();
    run.cells.push(measured(("sled", "local"), (Power, Power), (2300.0, 5.0), 20));
    let headline = |run: &Run| Report::of(run).headline;
    assert!(
        headline(&run).contains("redb with 2,345 msg/s (1 worker), not told apart from sled."),
        "{}",
        headline(&run)
    );
    if let Some(throughput) = run.cells.last_mut().and_then(|cell| cell.throughput.as_mut()) {
        throughput.messages_per_s = 2272.0;
    }
    assert!(!headline(&run).contains("told apart"));
    run.cells.iter_mut().for_each(|cell| cell.verified = None);
    assert_eq!(headline(&run), "No cell has a verified result, so nothing is fastest.");
}

#[test]
fn different_loads_are_told_apart_and_not_ranked() {
    let mut run = run();
    let mut small = measured(("sled", "local"), (Power, Power), (9000.0, 1.0), 20);
    small.axes.workload.payload = 16;
    run.cells.push(small);
    let report = Report::of(&run);
    assert_eq!(at(&report.tables[0], ("sled", "local"), "payload"), "16B");
    assert_eq!(at(&report.tables[0], ("fs", "local"), "payload"), "1KiB");
    assert!(report.headline.contains("at power, local, payload 1KiB: redb"), "{}", report.headline);
    assert!(!report.headline.contains("sled"), "nobody else had its load");
}

#[test]
fn what_is_not_in_a_table_is_in_the_notes() {
    let mut run = run();
    run.cells[0].harness_share = Some(0.07);
    run.cells[1].status = Status::Overloaded;
    run.cells[1].reason = Some("did not keep up".to_owned());
    run.cells[2].failures = vec!["round 1: 3 messages could not be stored".to_owned()];
    let notes = Report::of(&run).notes;
    let of = |title: &str| notes.iter().find(|(name, _)| name.starts_with(title)).map(|(_, list)| list.join("\n"));
    assert!(of("Failed").is_some_and(|text| text.ends_with("hist0: round 0: slot 3 is missing")));
    assert!(of("Refused").is_some_and(|text| text.ends_with("hist0: rocksdb is not built in")));
    assert!(of("Overloaded").is_some_and(|text| text.ends_with("did not keep up")));
    assert!(of("Lost").is_some_and(|text| text.ends_with("3 messages could not be stored")));
    assert!(of("The harness").is_some_and(|text| text.ends_with("hist0: 7 %")));
}

#[test]
fn conditions_say_what_the_numbers_depend_on() {
    let mut run = run();
    let text = terminal(&Report::of(&run), Style::default());
    for part in [
        "sample, seed 77, 5 rounds of 6 cells",
        "Fast CPU, 2 cores, 24.0 GiB, Linux 6.8",
        "ext4 on vda, rw,noatime",
        "write cache write back",
        "commit abc123, release",
        "fdatasync 500 µs, harness per message 900 ns",
        "pace closed, unsigned",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(!text.contains("INCOMPLETE") && !text.contains("NOT OPTIMISED"));
    run.complete = false;
    run.slotbench.profile = "debug".to_owned();
    let text = terminal(&Report::of(&run), Style::default());
    assert!(text.contains("INCOMPLETE") && text.contains("NOT OPTIMISED"));
}

#[test]
fn a_narrow_terminal_loses_the_least_interesting_columns_and_no_line_is_too_long() {
    let report = Report::of(&run());
    let table = |width| {
        let text = terminal(&report, Style { width, color: false });
        let lines: Vec<String> =
            text.lines().skip_while(|line| !line.starts_with("Durability")).skip(1).map(str::to_owned).collect();
        lines.into_iter().take_while(|line| !line.is_empty()).collect::<Vec<_>>()
    };
    let wide = table(None);
    assert!(wide[0].contains("syncs/msg") && wide[0].contains("durable max"), "{}", wide[0]);
    for width in [80, 100, 120, 160] {
        let lines = table(Some(width));
        assert!(lines.iter().all(|line| line.chars().count() <= width), "{width}: {lines:#?}");
        assert!(lines[0].contains("msg/s") && lines[0].contains("ack p99"), "{width}: {}", lines[0]);
        assert!(!lines[0].contains("syncs/msg"), "{width}: {}", lines[0]);
    }
    assert!(table(Some(1))[0].contains("engine"), "what identifies a row stays");
}

#[test]
fn escape_sequences_only_where_wanted() {
    let mut run = run();
    run.cells[5].reason = Some("evil \u{1b}[2J | `name`\nsecond line".to_owned());
    let report = Report::of(&run);
    assert!(!terminal(&report, Style::default()).contains('\u{1b}'));
    assert!(terminal(&report, Style { width: None, color: true }).contains("\u{1b}[1mFastest"));
    assert!(markdown(&report).contains("evil  \\[2J \\| \\`name\\` second line"), "{}", markdown(&report));
}

#[test]
fn markdown_has_the_same_tables_as_the_terminal() {
    let report = Report::of(&run());
    let text = markdown(&report);
    for table in &report.tables {
        for row in &table.rows {
            assert!(text.contains(&format!("| {} |", row.join(" | "))), "{row:?}\n{text}");
        }
    }
}

#[test]
fn csv_has_every_cell_with_raw_numbers_under_their_names() {
    let run = run();
    let text = csv(&run).expect("fits in memory");
    let mut reader = ::csv::Reader::from_reader(text.as_bytes());
    let headers = reader.headers().expect("a header").clone();
    let rows: Vec<_> = reader.records().collect::<Result<_, _>>().expect("regular");
    assert_eq!(rows.len(), run.cells.len());
    let get = |row: usize, name: &str| {
        rows[row].get(headers.iter().position(|h| h == name).expect("a column")).expect("a field")
    };
    let ack = run.cells[1].latency_ns[&Tag::Acknowledged];
    let durable = run.cells[1].latency_ns[&Tag::Durable];
    let expected = [
        ("backend", "redb".to_owned()),
        ("durability_asked", Process.to_string()),
        ("durability_effective", Power.to_string()),
        ("payload_bytes", "1024".to_owned()),
        ("messages_per_s", "2345".to_owned()),
        ("messages_per_s_ci95", "67".to_owned()),
        ("messages_per_s_min", "2344".to_owned()),
        ("messages_per_s_max", "2346".to_owned()),
        ("acknowledged_count", ack.count.to_string()),
        ("acknowledged_min_ns", ack.min.to_string()),
        ("acknowledged_mean_ns", ack.mean.to_string()),
        ("acknowledged_p50_ns", ack.p50.to_string()),
        ("acknowledged_p90_ns", ack.p90.to_string()),
        ("acknowledged_p99_ns", ack.p99.to_string()),
        ("acknowledged_p999_ns", ack.p999.to_string()),
        ("acknowledged_max_ns", ack.max.to_string()),
        ("durable_p999_ns", durable.p999.to_string()),
        ("response_p50_ns", String::new()),
        ("bytes_written", "4250".to_owned()),
        ("user_bytes", "1000".to_owned()),
        ("syncs", "25".to_owned()),
        ("verified", "true".to_owned()),
    ];
    for (name, value) in expected {
        assert_eq!(get(1, name), value, "{name}");
    }
    assert_eq!((get(5, "status"), get(5, "reason")), ("refused", "rocksdb is not built in"));
}

#[test]
fn what_the_crash_lab_found_has_a_column_a_note_and_fields() {
    let run = crate::model::sample::rich_run();
    let report = Report::of(&run);
    assert_eq!(at(&report.tables[0], ("fs", "local"), "SIGKILL"), "LOST 1");
    assert_eq!(at(&report.tables[0], ("redb", "local"), "SIGKILL"), "–");
    let notes = report.notes.iter().find(|(title, _)| title.starts_with("Promises broken")).expect("a note");
    assert!(notes.1[0].contains("2 of 900"), "{:?}", notes.1);
    let table = csv(&run).expect("is made");
    let mut lines = table.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let (names, first) = (lines.next().expect("a header"), lines.next().expect("a row"));
    let field = |name: &str| first[names.iter().position(|known| *known == name).expect(name)];
    assert_eq!(["kill_lost", "kill_max_lost", "kill_verdict", "power_lost"].map(field), ["2", "1", "lost", ""]);
}
