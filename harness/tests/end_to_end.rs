//! Whole runs through the built binary, with the real driver.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

fn slotbench(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slotbench"));
    command.args(args).current_dir(dir);
    command
}

/// Exit code, standard output, standard error.
fn finish(mut command: Command) -> (Option<i32>, String, String) {
    let output = command.output().expect("runs");
    let text = |bytes| String::from_utf8(bytes).expect("is text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn scratch() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

/// The names in a directory that begin like our temporary ones.
fn temporary(dir: &Path) -> Vec<String> {
    let names =
        fs::read_dir(dir).expect("is there").flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with(".slotbench-")).collect()
}

#[test]
fn c120_a_real_run_stores_verifies_and_fits_the_published_schema() {
    let root = scratch();
    let run = [
        "run",
        "--json",
        "--backend",
        "memory",
        "--mode",
        "all",
        "--workers",
        "1,3",
        "--ops",
        "300",
        "--warmup",
        "0",
        "--rounds",
        "2",
        "--out",
        "out",
    ];
    let (code, out, err) = finish(slotbench(root.path(), &run));
    assert_eq!(code, Some(0), "{err}");
    let document: Value = serde_json::from_str(&out).expect("one JSON document and nothing else");
    let schema = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../results/run.schema.json"));
    let schema: Value = serde_json::from_str(&schema.expect("is in the repository")).expect("is JSON");
    let validator = jsonschema::validator_for(&schema).expect("is a schema");
    let errors: Vec<_> =
        validator.iter_errors(&document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert_eq!(errors, [""; 0]);
    let cells = document["cells"].as_array().expect("a list");
    assert_eq!(cells.len(), 4);
    for cell in cells {
        assert_eq!((&cell["status"], &cell["verified"]), (&Value::from("ok"), &Value::from(true)), "{}", cell["id"]);
        let messages = cell["rounds"].as_array().expect("a list").iter().map(|round| round["messages"].as_u64());
        assert_eq!(messages.collect::<Vec<_>>(), [Some(300), Some(300)]);
        assert_eq!(cell["latency_ns"]["durable"]["count"], 600);
        let log = fs::read_to_string(root.path().join(format!("out/{}.hlog", cell["id"].as_str().expect("text"))));
        assert_eq!(log.expect("is there").lines().filter(|line| line.starts_with("Tag=")).count(), 4);
    }
    assert_eq!(temporary(root.path()), [""; 0]);
    let (code, text, _) = finish(slotbench(root.path(), &["report", "out", "--format", "md"]));
    assert_eq!((code, text), (Some(0), fs::read_to_string(root.path().join("out/report.md")).expect("is there")));
}

#[test]
fn the_first_signal_saves_what_is_finished_and_cleans_up() {
    let root = scratch();
    let run = ["run", "--backend", "memory", "--mode", "local", "--workers", "1", "--duration", "1h", "--out", "out"];
    let mut command = slotbench(root.path(), &run);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("runs");
    let mut err = BufReader::new(child.stderr.take().expect("piped"));
    let mut first = String::new();
    err.read_line(&mut first).expect("an announcement");
    assert!(first.starts_with("quick: 1 cells"), "{first}");
    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, rustix::process::Signal::INT).expect("is running");
    let mut rest = String::new();
    err.read_to_string(&mut rest).expect("talk");
    assert_eq!(child.wait().expect("ends").code(), Some(130), "{rest}");
    assert!(rest.contains("interrupted; go on with: slotbench run --resume out"), "{rest}");
    let saved: Value =
        serde_json::from_str(&fs::read_to_string(root.path().join("out/run.json")).expect("saved")).expect("whole");
    assert_eq!(saved["complete"], false);
    assert_eq!(temporary(root.path()), [""; 0]);
}

#[cfg(feature = "fs")]
#[test]
fn a_kept_store_verifies_until_it_is_damaged_and_is_not_touched() {
    let root = scratch();
    let run = [
        "run",
        "--backend",
        "fs",
        "--mode",
        "local",
        "--workers",
        "2",
        "--ops",
        "40",
        "--warmup",
        "0",
        "--rounds",
        "1",
        "--data-dir",
        "data",
        "--keep-data",
    ];
    let (code, _, err) = finish(slotbench(root.path(), &run));
    assert_eq!(code, Some(0), "{err}");
    let is_store = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with("fs-local-");
    let store =
        fs::read_dir(root.path().join("data")).expect("is there").flatten().find(is_store).expect("is kept").path();
    let verify = ["verify", store.to_str().expect("is text"), "--backend", "fs"];
    let (code, out, err) = finish(slotbench(root.path(), &verify));
    assert_eq!((code, out.as_str()), (Some(0), "40 sound slots of 1 processes, 0 findings\n"), "{err}");

    let (files, before) = largest_files(&store);
    for file in &files {
        let mut bytes = fs::read(file).expect("is there");
        let middle = bytes.len() / 2;
        bytes[middle..].iter_mut().for_each(|byte| *byte ^= 0x55);
        fs::write(file, bytes).expect("is writable");
    }
    let (code, out, err) = finish(slotbench(root.path(), &verify));
    assert!(code == Some(3) || code == Some(2) && err.contains("damaged"), "{code:?} {out} {err}");
    assert_eq!(largest_files(&store).1, before, "verifying repairs nothing");
    let (code, out, _) = finish(slotbench(root.path(), &["verify", "data/nowhere", "--backend", "fs"]));
    assert_eq!((code, out.as_str()), (Some(2), ""));
}

/// Every regular file of at least 1 KiB below `dir`, and the number of all files.
#[cfg(feature = "fs")]
fn largest_files(dir: &Path) -> (Vec<std::path::PathBuf>, usize) {
    let (mut large, mut count) = (Vec::new(), 0);
    for entry in fs::read_dir(dir).expect("is there").flatten() {
        let kind = entry.file_type().expect("has a type");
        count += 1;
        if kind.is_dir() {
            let (more, below) = largest_files(&entry.path());
            large.extend(more);
            count += below;
        } else if kind.is_file() && entry.metadata().is_ok_and(|data| data.len() >= 1024) {
            large.push(entry.path());
        }
    }
    (large, count)
}
