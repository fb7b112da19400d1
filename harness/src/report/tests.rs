//! Reports of a run whose numbers are known.

mod counted;
mod details;
mod table;

use slotbench_core::Durability::Power;

use super::*;
use crate::axis::Arrival;
use crate::cell::{CellId, OpenLoad, Payload};
use crate::model::sample::{measured, rich_run, run, summary};
use crate::model::{CellResult, Point, RoundResult, Status, Summary, Tag};

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
        ("95%", "1,178–1,290"),
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
fn a_quantile_takes_ten_samples_beyond_it() {
    let mut run = run();
    let mut shown = |count| {
        run.cells[0].latency_ns.values_mut().for_each(|summary| summary.count = count);
        let table = Report::of(&run).tables.remove(0);
        ["ack p50", "ack p99", "ack p99.9", "ack max"].map(|title| at(&table, ("fs", "local"), title))
    };
    assert_eq!(shown(19), ["–", "–", "–", "1.06 ms"]);
    assert_eq!(shown(999), ["1.02 ms", "–", "–", "1.06 ms"]);
    assert_eq!(shown(9_999), ["1.02 ms", "1.04 ms", "–", "1.06 ms"]);
    assert_eq!(shown(10_000), ["1.02 ms", "1.04 ms", "1.05 ms", "1.06 ms"]);
}

#[test]
fn losses_have_a_column_where_a_crash_was_tried() {
    let report = Report::of(&rich_run());
    assert_eq!(at(&report.tables[0], ("fs", "local"), "SIGKILL"), "LOST 1");
    assert_eq!(at(&report.tables[0], ("redb", "local"), "SIGKILL"), "–");
    let titles = |table: &Table| table.headings.iter().map(|heading| heading.title.clone()).collect::<Vec<_>>();
    assert!(!titles(&report.tables[0]).contains(&"power cut".to_owned()), "nobody tried");
    assert!(!titles(&report.tables[1]).contains(&"SIGKILL".to_owned()), "nobody tried in that tier");
    let text = csv(&rich_run()).expect("fits in memory");
    assert!(
        text.lines()
            .next()
            .is_some_and(|line| line.contains(",kill_verdict,kill_trials,kill_acknowledged,kill_lost,kill_max_lost,"))
    );
    assert!(text.lines().nth(1).is_some_and(|line| line.contains(",lost,30,900,2,1,5000000,0,")), "{text}");
}

#[test]
fn a_recommendation_says_what_was_asked_who_wins_and_why_the_others_do_not() {
    use crate::recommend::{Limits, recommend};
    let limits = Limits { rate: 1000.0, p99_ns: 5_000_000, durability: Power, max_loss: None };
    let mut run = run();
    run.cells.iter_mut().flat_map(|cell| cell.latency_ns.values_mut()).for_each(|summary| summary.count = 7);
    let text = |run: &Run| recommendations(&limits, &recommend(run, &limits));
    assert_eq!(
        text(&run),
        "wanted: 1,000 msg/s, p99 up to 5.00 ms, durability power\n\nnone meets this (4 deployments considered)\n  \
         nearest: fs, local, durability power, commit group, 1 worker: 7 samples, a p99 takes 1000\n"
    );
    for (place, cell) in run.cells.iter_mut().enumerate() {
        cell.latency_ns.values_mut().for_each(|summary| summary.count = 5000);
        let mut round = cell.rounds.first().cloned().unwrap_or_default();
        round.latency_ns.clone_from(&cell.latency_ns);
        round.resources.cpu_ns = Some(1_000_000 * (place as u64 + 1));
        cell.rounds = vec![round.clone(), round];
    }
    let clear = text(&run);
    for part in [
        "\nrecommended: fs, local, durability power, commit group, 1 worker (2 of 4 deployments meet this)\n",
        "\n  1,234 (1,178–1,290) msg/s, p99 1.04 ms (1.04 ms–1.04 ms)\n",
        "\n  CPU 20.0 µs (20.0 µs–20.0 µs) a message, written 4.25 ×\n  loss in a crash: not measured\n  note: the p99 is a closed loop's",
        "\n  runner-up: redb, local, durability power, commit group, 1 worker: CPU 40.0 µs (40.0 µs–40.0 µs) a message, +100 %\n",
    ] {
        assert!(clear.contains(part), "{part}\n{clear}");
    }
    run.cells.iter_mut().flat_map(|cell| &mut cell.rounds).for_each(|round| round.resources.cpu_ns = Some(7));
    assert!(
        text(&run)
            .contains("\ntoo close to call: fs, local, durability power, commit group, 1 worker; or redb, local, ")
    );
    run.cells.clear();
    assert!(text(&run).contains("nothing can be recommended"));
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
    small.axes.workload.payload = Payload::Fixed(16);
    run.cells.push(small);
    let report = Report::of(&run);
    assert_eq!(at(&report.tables[0], ("sled", "local"), "payload"), "16B");
    assert_eq!(at(&report.tables[0], ("fs", "local"), "payload"), "1KiB");
    assert!(report.headline.contains("at power, local, payload 1KiB: redb"), "{}", report.headline);
    assert!(!report.headline.contains("sled"), "nobody else had its load");
}

/// A cell of an open loop at that rate.
fn open(backend: &str, rate: u32, lead: u64) -> CellResult {
    let mut cell = measured((backend, "local"), (Power, Power), (f64::from(rate), 1.0), lead);
    cell.axes = cell.axes.with_load(Some(OpenLoad { rate, arrival: Arrival::Fixed, in_flight: 64 }));
    cell.id = CellId::of(&cell.axes);
    cell.latency_ns.extend([(Tag::Response, summary(lead + 30)), (Tag::Service, summary(lead))]);
    let pacing_error_ns = Some(Summary { p99: 7_000, ..summary(9) });
    cell.rounds = [lead + 30, lead + 31]
        .map(|lead| RoundResult {
            latency_ns: [(Tag::Response, summary(lead))].into(),
            pacing_error_ns,
            ..cell.rounds[0].clone()
        })
        .into();
    cell
}

#[test]
fn open_loops_show_response_beside_service_and_closed_ones_say_what_they_hide() {
    let mut run = run();
    run.cells.truncate(2);
    run.cells.extend([open("sled", 1000, 20), open("fs", 1000, 10), open("fs", 500, 40)]);
    let report = Report::of(&run);
    let table = &report.tables[0];
    let column = |title: &str| table.headings.iter().position(|heading| heading.title == title).expect(title);
    let shown = |row: usize, title: &str| table.rows[row][column(title)].as_str();
    let order: Vec<_> = (0..5).map(|row| (shown(row, "engine"), shown(row, "pace"))).collect();
    let closed = "closed: stalls are under-reported";
    let expected = [("redb", closed), ("fs", closed), ("fs", "500/s"), ("fs", "1000/s"), ("sled", "1000/s")];
    assert_eq!(order, expected, "slow rates first, then short responses");
    let of = |row| ["workers", "ack p99", "service p99", "response p99", "pacing p99"].map(|title| shown(row, title));
    assert_eq!(of(1), ["1", "1.04 ms", "–", "–", "–"]);
    assert_eq!(of(3), ["–", "–", "10.0 ms", "40.0 ms", "7.00 µs"]);
    assert!(
        report.headline.contains("Shortest response: at power, local, pace 1000/s: fs with p99 40.0 ms."),
        "{}",
        report.headline
    );
    assert!(!report.headline.contains("with 1,000 msg/s"), "all that keep up have the same: {}", report.headline);
    let text = csv(&run).expect("fits in memory");
    assert_eq!((text.matches(closed).count(), text.matches(",open,1000,fixed,64,").count()), (2, 2));
}

#[test]
fn an_overloaded_cell_has_a_verdict_and_no_percentiles() {
    let mut run = run();
    let mut cell = open("sled", 1000, 20);
    cell.status = Status::Overloaded;
    cell.reason = Some("did not keep up with the rate in 1 of 1 rounds".to_owned());
    run.cells = vec![cell, open("fs", 1000, 10)];
    let report = Report::of(&run);
    let row = &report.tables[0].rows[1];
    assert_eq!((row[0].as_str(), row[row.len() - 1].as_str()), ("sled", "overloaded"));
    assert!(!row.iter().any(|text| text.ends_with(" ms")), "{row:?}");
    assert!(report.headline.ends_with(": fs with p99 40.0 ms."), "{}", report.headline);
    run.cells.iter_mut().for_each(|cell| cell.rounds[0].pacing_error_ns = Some(summary(1)));
    let notes = Report::of(&run).notes;
    let late = notes.iter().find(|(title, _)| title.starts_with("Starts were made late")).map(|(_, list)| list.len());
    assert_eq!(late, Some(2), "1.04 ms is late");
}

#[test]
fn saturation_and_scaling_have_tables_and_a_peak_beyond_the_measured_is_marked() {
    let mut run = rich_run();
    let tables = |run: &Run| Report::of(run).tables.split_off(2);
    let [saturation, scaling] = tables(&run).try_into().expect("one of each");
    let cell = run.cells[0].id.to_string();
    assert_eq!(saturation.rows, [[&cell, "p99 ≤ 5.00 ms", "500", "none", "poisson", "64", "1"]]);
    assert!(scaling.title.contains("valid for 1 to 1 workers"), "{}", scaling.title);
    assert_eq!(scaling.rows[0], ["1", "1,234", "1,300", "+5.3 %"]);
    assert_eq!(scaling.rows[1][0], "30 (peak, EXTRAPOLATED)");
    run.scaling[0].points.push(Point { workers: 40, messages_per_s: 1.0 });
    assert_eq!(tables(&run)[1].rows[2][0], "30 (peak)");
    run.scaling[0].peak_workers = None;
    assert_eq!(tables(&run)[1].rows.len(), 2);
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
