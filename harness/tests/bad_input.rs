//! Bad input through the built binary: one line on standard error, the right exit code, nothing lost.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

struct Bench {
    root: TempDir,
}

impl Bench {
    fn new() -> Self {
        Self { root: tempfile::tempdir().expect("a temporary directory") }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.root.path().join(name);
        fs::write(&path, text).expect("writes");
        path
    }

    fn slotbench(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_slotbench"));
        command.args(args).current_dir(self.root.path()).env("NO_COLOR", "1").output().expect("runs")
    }

    /// Runs what must be refused: exit code 2, nothing on standard output, one line that begins with `error: `.
    fn refused(&self, args: &[&str]) -> String {
        let output = self.slotbench(args);
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("is text");
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert_eq!((output.status.code(), out.as_str()), (Some(2), ""), "{args:?}: {err}");
        assert_eq!(err.matches('\n').count(), 1, "{args:?}: {err}");
        err.trim_end().strip_prefix("error: ").unwrap_or_else(|| panic!("{args:?}: {err}")).to_owned()
    }

    /// The names of everything below the root.
    fn files(&self) -> Vec<String> {
        fn walk(dir: &Path, files: &mut Vec<String>) {
            for entry in fs::read_dir(dir).expect("is there").flatten() {
                files.push(entry.path().display().to_string());
                if entry.path().is_dir() {
                    walk(&entry.path(), files);
                }
            }
        }
        let mut files = Vec::new();
        walk(self.root.path(), &mut files);
        files.sort();
        files
    }
}

#[test]
fn flags_with_values_that_are_not_allowed() {
    let bench = Bench::new();
    let known = slotbench_backends::NAMES.join(", ");
    let message = bench.refused(&["run", "--backend", "mysql"]);
    assert_eq!(message, format!("--backend: unknown backend 'mysql' (allowed: {known}, all)"));
    let cases = [
        (&["--mode", "fast"][..], "--mode: unknown mode 'fast' (allowed: local, aggressive, remote, all)"),
        (&["--durability", "disk"], "--durability: unknown durability 'disk' (allowed: memory, process, power)"),
        (&["--transport", "udp"], "--transport: unknown transport 'udp' (allowed: inproc, h1, h2, h3)"),
        (&["--workers", "0"], "--workers: '0' is not a whole number from 1 to 10000"),
        (&["--workers", "1,,2"], "--workers: '' is not a whole number from 1 to 10000"),
        (&["--rounds", "many"], "--rounds: 'many' is not a whole number from 1 to 1000"),
        (&["--seed", "x"], "--seed: 'x' is not a whole number from 0 to 18446744073709551615"),
        (&["--duration", "0s"], "--duration: a round of no length measures nothing (such as 500ms, 10s or 2m)"),
        (
            &["--preset", "fastest"],
            "preset 'fastest': unknown preset (allowed: seed, quick, full, registry, remote, history, restart, range, \
             store, durability, gate)",
        ),
        (
            &["--set", "workload.size=1"],
            "--set workload.size=1: takes workload.KEY=VALUE with KEY one of sign, verify, commit, processes, skew, \
             payload, compressible, duplicates, reads, read, history, operation",
        ),
    ];
    for (flags, message) in cases {
        let args: Vec<&str> = ["run"].iter().chain(flags).copied().collect();
        assert_eq!(bench.refused(&args), message);
    }
    assert_eq!(bench.files(), [""; 0], "nothing was created");
}

#[test]
fn plans_that_are_not_allowed_with_line_and_column() {
    let bench = Bench::new();
    let path = bench.write("my.toml", "rounds = 3\nbackend = [\"null\", \"mysql\"]\n");
    for args in [["plan", "check", "my.toml"], ["run", "--json", "my.toml"]] {
        let message = bench.refused(&args);
        assert!(message.starts_with("my.toml:2:20: backend: unknown backend 'mysql' (allowed: fs, "), "{message}");
    }
    fs::write(&path, "wokers = 1\n").expect("writes");
    let message = bench.refused(&["plan", "check", "my.toml"]);
    assert!(message.starts_with("my.toml:1:1: unknown key 'wokers' (allowed: "), "{message}");
    assert!(bench.refused(&["run", "missing.toml"]).starts_with("cannot read plan missing.toml: No such file"));
    assert!(bench.refused(&["plan", "show", "slow"]).starts_with("preset 'slow': unknown preset (allowed: "));
    assert_eq!(bench.files(), [path.display().to_string()]);
}

#[test]
fn limits_that_no_recommendation_can_have() {
    let bench = Bench::new();
    let ask = |rate, p99, durability, loss| {
        let flags = ["--rate", rate, "--p99", p99, "--durability", durability, "--max-loss", loss];
        bench.refused(&[&["recommend", "nothing"], &flags[..]].concat())
    };
    for rate in ["0", "-5", "many", "inf", "NaN"] {
        let message = format!("--rate: '{rate}' is not a number of messages per second above 0");
        assert_eq!(ask(rate, "5ms", "power", "0"), message);
    }
    for p99 in ["5", "0s", "soon"] {
        let message = format!("--p99: '{p99}' is not a length of time (such as 500us, 5ms or 1s)");
        assert_eq!(ask("1", p99, "power", "0"), message);
    }
    assert_eq!(
        ask("1", "5ms", "disk", "0"),
        "--durability: unknown durability 'disk' (allowed: memory, process, power)"
    );
    assert_eq!(ask("1", "5ms", "power", "1.5"), "--max-loss: '1.5' is not a whole number from 0");
    assert!(ask("1", "5ms", "power", "0").starts_with("cannot read nothing: No such file"));
}

#[test]
fn a_data_directory_with_something_else_in_it() {
    let bench = Bench::new();
    fs::create_dir(bench.root.path().join("photos")).expect("creates");
    let precious = bench.write("photos/1.jpg", "cat");
    let message = bench.refused(&["run", "--backend", "memory", "--data-dir", "photos"]);
    assert!(message.starts_with("--data-dir photos: holds files that are not slotbench's (allowed: "), "{message}");
    assert_eq!(fs::read_to_string(&precious).expect("still there"), "cat");
    assert_eq!(bench.files().len(), 2, "{:?}", bench.files());
}

#[test]
fn an_output_directory_that_cannot_be_written_or_is_taken() {
    let bench = Bench::new();
    bench.write("file", "mine");
    let run = ["run", "--backend", "memory", "--out"];
    let message = bench.refused(&[&run[..], &["file/below"]].concat());
    assert!(message.starts_with("cannot create file/below: "), "{message}");
    let message = bench.refused(&[&run[..], &["/proc/slotbench"]].concat());
    assert!(message.starts_with("cannot create /proc/slotbench: "), "{message}");
    fs::create_dir(bench.root.path().join("taken")).expect("creates");
    bench.write("taken/notes", "mine");
    let message = bench.refused(&[&run[..], &["taken"]].concat());
    assert!(message.starts_with("--out taken: is not empty (allowed: "), "{message}");
    assert_eq!(bench.files().len(), 3, "nothing was left behind: {:?}", bench.files());
}

#[test]
fn results_that_are_damaged_newer_or_none() {
    let bench = Bench::new();
    bench.write("run.json", "{\"schema\": 1,\n \"plan\": }");
    let message = bench.refused(&["report", "run.json"]);
    assert_eq!(message, "run.json is damaged or not a result of slotbench: expected value at line 2 column 10");
    bench.write("run.json", "{\"schema\": 7, \"future\": true}");
    let message = bench.refused(&["report", "."]);
    assert_eq!(message, "./run.json has schema 7, this slotbench reads up to 1: use a newer slotbench");
    let before = bench.files();
    assert!(bench.refused(&["report", "nothing"]).starts_with("cannot read nothing: No such file"));
    let message = bench.refused(&["run", "--resume", "."]);
    assert_eq!(message, "--resume .: no run to go on with there (plan.json or run.json is missing)");
    assert_eq!(bench.files(), before);
}

#[test]
fn a_run_in_which_no_cell_can_run_says_why_and_is_saved() {
    let bench = Bench::new();
    let output = bench.slotbench(&[
        "run",
        "--backend",
        "null",
        "--durability",
        "power",
        "--mode",
        "local",
        "--workers",
        "1",
        "--out",
        "out",
    ]);
    assert_eq!(output.status.code(), Some(2));
    let out = String::from_utf8(output.stdout).expect("is text");
    assert!(
        out.starts_with("No cell has a verified result") && out.contains("null cannot give durability 'power': "),
        "{out}"
    );
    let err = String::from_utf8(output.stderr).expect("is text");
    assert!(err.ends_with("error: no cell could run: the report has the reasons\n"), "{err}");
    assert!(bench.root.path().join("out/run.json").exists() && bench.root.path().join("out/report.md").exists());
    let hidden = bench.files().into_iter().filter(|name| name.contains(".slotbench-")).count();
    assert_eq!(hidden, 0, "the temporary data directory is gone");
}
