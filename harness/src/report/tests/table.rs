//! The table for other tools.

use slotbench_core::Durability::{Power, Process};

use super::at;
use crate::model::Tag;
use crate::model::sample::{rich_run, run};
use crate::report::{Report, csv};

#[test]
fn csv_names_stages_and_the_course_of_rounds() {
    let run = rich_run();
    let text = csv(&run).expect("fits in memory");
    let mut reader = ::csv::Reader::from_reader(text.as_bytes());
    let headers = reader.headers().expect("a header").clone();
    let row = reader.records().next().expect("a row").expect("regular");
    let get = |name: &str| row.get(headers.iter().position(|h| h == name).expect(name)).expect("a field").to_owned();
    for (name, value) in [
        ("messages_per_s_low95", "1180"),
        ("messages_per_s_high95", "1290"),
        ("acknowledged_p50_low95_ns", "1010000"),
        ("acknowledged_p99_high95_ns", "1060000"),
        ("durable_p50_low95_ns", ""),
        ("steady_rounds", "0"),
        ("unsteady_rounds", "1"),
        ("stalls", "1"),
        ("stalled_ns", "30000000"),
        ("batch_messages_mean", "2010000"),
        ("debt_ns", "8000000"),
        ("sampling_cost", "0.034"),
        ("stage_apply_mean_ns", "25010000"),
        ("stage_durable_lag_mean_ns", ""),
    ] {
        assert_eq!(get(name), value, "{name}");
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
