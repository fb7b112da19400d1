//! The shipped plans through the built binary, shortened.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Runs a preset and returns its cells, all of which must be verified or say why they are refused.
fn run(preset: &str, flags: &[&str]) -> Vec<Value> {
    let root = tempfile::tempdir().expect("a directory");
    let mut command = Command::new(env!("CARGO_BIN_EXE_slotbench"));
    command.args(["run", "--json", "--preset", preset, "--rounds", "1", "--warmup", "10ms"]).args(flags);
    let output = command.args(["--out", "out"]).current_dir(root.path()).output().expect("runs");
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{preset}: {err}");
    let document: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    fits_the_schema(&document);
    let left: Vec<_> = fs::read_dir(root.path()).expect("is there").flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(left, ["out"], "{preset}");
    let cells = document["cells"].as_array().expect("a list").clone();
    for cell in &cells {
        assert_eq!((&cell["status"], &cell["verified"]), (&"ok".into(), &true.into()), "{}: {err}", cell["id"]);
    }
    cells
}

fn fits_the_schema(document: &Value) {
    let schema = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../results/run.schema.json"));
    let schema: Value = serde_json::from_str(&schema.expect("is in the repository")).expect("is JSON");
    let validator = jsonschema::validator_for(&schema).expect("is a schema");
    let errors: Vec<_> =
        validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert_eq!(errors, [""; 0]);
}

/// What distinguishes the cells of a suite, each once.
fn names(cells: &[Value], benchmark: &str) -> Vec<String> {
    assert!(cells.iter().all(|cell| cell["benchmark"] == benchmark), "every cell is of {benchmark}");
    let mut names: Vec<_> = cells.iter().map(|cell| cell["name"].as_str().expect("has one").to_owned()).collect();
    names.sort();
    names.dedup();
    names
}

const LIGHT: &str = "fs,sled,redb";

#[test]
fn history_measures_the_end_of_a_schedule_and_appends_to_it() {
    let flags = ["--backend", LIGHT, "--ops", "20", "--set", "workload.history=50,200"];
    let cells = run("history", &flags);
    assert_eq!(cells.len(), 3 * 2 * 2);
    assert_eq!(
        names(&cells, "B4"),
        ["fs_append", "fs_latest", "redb_append", "redb_latest", "sled_append", "sled_latest"]
    );
    for cell in &cells {
        let is_latest = cell["name"].as_str().is_some_and(|name| name.ends_with("latest"));
        let tag = if is_latest { "read" } else { "acknowledged" };
        assert_eq!(cell["latency_ns"][tag]["count"], 20, "{}", cell["id"]);
        let (before, history) = (&cell["rounds"][0]["slots_before"], &cell["workload"]["history"]);
        assert!(before.as_u64() >= history.as_u64(), "{before} {history}");
    }
}

#[test]
fn restart_measures_the_way_back_to_work() {
    let cells = run("restart", &["--backend", LIGHT, "--ops", "3", "--set", "workload.history=60"]);
    assert_eq!(names(&cells, "B5"), ["fs_restart", "redb_restart", "sled_restart"]);
    assert!(cells.iter().all(|cell| cell["latency_ns"]["restart"]["count"] == 3));
}

#[test]
fn range_reads_a_thousand_slots() {
    let cells = run("range", &["--backend", LIGHT, "--ops", "15", "--set", "workload.history=1500"]);
    let names = names(&cells, "B6");
    assert_eq!(names, ["fs_range", "fs_slot", "redb_range", "redb_slot", "sled_range", "sled_slot"]);
    assert!(cells.iter().all(|cell| cell["latency_ns"]["read"]["count"] == 15));
}

#[test]
fn store_reads_and_writes_past_the_scheduler() {
    let cells = run("store", &["--backend", "redb", "--ops", "25"]);
    let expected = ["redb_key_read", "redb_key_write", "redb_message_read", "redb_message_write"];
    assert_eq!(names(&cells, "B7"), expected);
    let sizes: Vec<_> = cells.iter().map(|cell| &cell["workload"]["payload"]).collect();
    assert!(sizes.contains(&&1024.into()) && sizes.contains(&&32.into()), "{sizes:?}");
}

#[test]
fn durability_measures_the_same_work_at_every_tier() {
    let cells = run("durability", &["--backend", LIGHT, "--ops", "60"]);
    let names = names(&cells, "B8");
    assert_eq!(names.len(), 3 * 4);
    let of = |name: &str| cells.iter().find(|cell| cell["name"] == name).expect(name);
    assert_eq!(of("redb_sync")["durability"]["asked"], "power");
    assert_eq!(
        (&of("redb_sync")["workload"]["commit"], &of("redb_group_sync")["workload"]["commit"]),
        (&"each".into(), &"group".into())
    );
    assert_eq!(of("sled_os_flush")["durability"]["asked"], "process");
    assert_eq!(of("fs_none")["durability"]["asked"], "memory");
}

#[test]
fn registry_looks_up_makes_and_lists_names() {
    let cells = run("registry", &["--ops", "1000", "--set", "workload.history=1,250"]);
    assert_eq!(names(&cells, "B3"), ["ensure", "list", "lookup"]);
    assert_eq!(cells.len(), 3 * 3 * 2);
    for cell in &cells {
        assert_eq!(cell["rounds"][0]["messages"], 1000, "{}", cell["id"]);
        // A hundred look-ups of a worker are one sample, and so are those left over; a page is one of its own.
        let workers = cell["workers"].as_u64().expect("a number");
        let expected = if cell["name"] == "list" { 1000 } else { workers * 1000_u64.div_ceil(workers).div_ceil(100) };
        assert_eq!(cell["latency_ns"]["registry"]["count"], expected, "{}", cell["id"]);
    }
}

#[test]
fn remote_reads_another_nodes_schedule_directly_cold_and_cached() {
    let cells = run("remote", &["--ops", "40", "--set", "workload.history=250", "--workers", "1,3"]);
    let cached = cells.iter().filter(|cell| cell["workload"]["operation"] == "remote_cached").count();
    assert_eq!(cells.len(), cached + 4);
    assert!(cached >= 2, "at least one engine, with each number of workers");
    for cell in &cells {
        assert_eq!(cell["latency_ns"]["read"]["count"], 40, "{}", cell["id"]);
        assert_eq!((&cell["rounds"][0]["messages"], &cell["rounds"][0]["reads"]), (&40.into(), &40.into()));
        assert_eq!((&cell["transport"], &cell["rounds"][0]["slots_before"]), (&"h1".into(), &250.into()));
    }
}
