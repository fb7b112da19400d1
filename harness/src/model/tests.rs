//! `run.json` on disk.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::*;

fn schema() -> jsonschema::Validator {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../results/run.schema.json");
    let schema: Value =
        serde_json::from_str(&fs::read_to_string(path).expect("is in the repository")).expect("is JSON");
    jsonschema::draft202012::meta::validate(&schema).expect("is a schema");
    jsonschema::validator_for(&schema).expect("compiles")
}

fn document() -> Value {
    serde_json::to_value(sample::rich_run()).expect("serialises")
}

#[test]
fn what_is_written_is_read() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("run.json");
    for seed in [1, u64::MAX] {
        let run = Run { seed, ..sample::rich_run() };
        save(&run, &path).expect("writes");
        assert_eq!(load(&path).expect("reads"), run);
    }
    assert_eq!(fs::read_dir(dir.path()).expect("is there").count(), 1, "no temporary file is left");
}

#[test]
fn a_document_fits_the_published_schema() {
    let schema = schema();
    let errors: Vec<_> = schema.iter_errors(&document()).map(|error| error.to_string()).collect();
    assert_eq!(errors, [""; 0]);
}

#[test]
fn the_schema_names_every_field_that_is_written() {
    let mut document = document();
    for path in [
        "",
        "/machine",
        "/machine/storage",
        "/floors",
        "/cells/0",
        "/cells/0/workload",
        "/cells/0/rounds/0",
        "/cells/0/rounds/0/resources",
        "/cells/0/latency_ns/durable",
        "/cells/0/throughput",
        "/cells/0/measure",
        "/cells/0/loss/0",
        "/cells/0/rounds/0/series/0",
        "/cells/0/rounds/0/stalls/0",
        "/cells/0/rounds/0/debt",
        "/cells/0/stage_round/stages_ns",
        "/cells/0/confidence",
        "/cells/0/confidence/messages_per_s",
        "/cells/0/confidence/latency_ns/acknowledged",
        "/saturation/0",
        "/saturation/0/probes/0",
        "/scaling/0",
        "/scaling/0/points/0",
    ] {
        let object = document.pointer_mut(path).and_then(Value::as_object_mut).expect(path);
        let fields: Vec<String> = object.keys().cloned().collect();
        for field in fields {
            let object = document.pointer_mut(path).and_then(Value::as_object_mut).expect(path);
            let value = object.insert(field.clone(), json!([["nothing is an array of arrays"]]));
            assert!(!schema().is_valid(&document), "{path}/{field} takes anything");
            let object = document.pointer_mut(path).and_then(Value::as_object_mut).expect(path);
            object.insert(field, value.expect("was there"));
        }
    }
    assert!(schema().is_valid(&document));
}

#[test]
fn the_document_has_the_names_other_tools_rely_on() {
    let document = document();
    let keys = |path: &str| {
        let object = document.pointer(path).and_then(Value::as_object).expect(path);
        object.keys().cloned().collect::<Vec<_>>()
    };
    let has = |path: &str, names: &[&str]| {
        let keys = keys(path);
        names.iter().for_each(|name| assert!(keys.iter().any(|key| key == name), "{path} has no {name}"));
    };
    has("", &["schema", "slotbench", "plan", "seed", "machine", "floors", "cells"]);
    has("/slotbench", &["version", "commit"]);
    has(
        "/cells/0",
        &[
            "id",
            "name",
            "benchmark",
            "backend",
            "mode",
            "durability",
            "workers",
            "transport",
            "workload",
            "status",
            "verified",
            "failures",
            "latency_ns",
            "throughput",
            "rounds",
            "resources",
            "engine",
        ],
    );
    has("/cells/0/durability", &["asked", "effective"]);
    has("/cells/0/throughput", &["messages_per_s"]);
    has("/cells/0/engine", &["version", "options"]);
    has("/cells/0/latency_ns/acknowledged", &["count", "min", "mean", "p50", "p90", "p99", "p999", "max"]);
    let workload = ["sign", "verify", "commit", "processes", "payload", "duplicates", "reads", "history"];
    has("/cells/0/workload", &workload);
    assert_eq!(document.pointer("/schema"), Some(&json!(1)));
    assert_eq!(document.pointer("/cells/0/mode"), Some(&json!("local")));
    assert_eq!(document.pointer("/cells/5/status"), Some(&json!("refused")));
}

#[test]
fn unknown_fields_are_ignored_and_a_newer_schema_is_refused_by_number() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("run.json");
    let mut document = document();
    document["cells"][0]["from_the_future"] = json!({"x": 1});
    fs::write(&path, document.to_string()).expect("writes");
    assert_eq!(load(&path).expect("reads"), sample::rich_run());

    document["schema"] = json!(2);
    document["cells"] = json!("quite different in version 2");
    fs::write(&path, document.to_string()).expect("writes");
    let error = load(&path).expect_err("newer");
    assert!(matches!(error, FileError::Newer { found: 2, .. }));
    assert!(error.to_string().contains("has schema 2, this slotbench reads up to 1"), "{error}");
}

#[test]
fn a_damaged_file_is_named_with_line_and_column() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("run.json");
    save(&sample::run(), &path).expect("writes");
    let whole = fs::read_to_string(&path).expect("is text");
    let wrong_type = whole.replacen("\"workers\": 1", "\"workers\": \"one\"", 1);
    for damaged in [&whole[..whole.len() / 2], "", "{}", "[]", "{\"schema\": 1}", "null", &wrong_type] {
        fs::write(&path, damaged).expect("writes");
        let error = load(&path).expect_err("damaged").to_string();
        assert!(
            error.contains("run.json is damaged") && error.contains(" line ") && error.contains(" column "),
            "{error}"
        );
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn a_failed_write_leaves_the_old_file() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let missing = dir.path().join("missing/run.json");
    let error = save(&sample::run(), &missing).expect_err("no such directory");
    assert!(error.to_string().starts_with("cannot write in "), "{error}");
}
