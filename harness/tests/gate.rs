//! `compare`, `gate`, `ab`, `history` and the exchange formats through the built binary.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_slotbench");

struct Bench {
    root: TempDir,
}

impl Bench {
    fn new() -> Self {
        Self { root: tempfile::tempdir().expect("a temporary directory") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn slotbench(&self, args: &[&str]) -> (Option<i32>, String, String) {
        let output: Output =
            Command::new(BINARY).args(args).current_dir(self.root.path()).env("NO_COLOR", "1").output().expect("runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("is text");
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    /// A run of one cell whose eight rounds are made up: `factor` times as slow as those of factor 1.
    fn run(&self, name: &str, factor: f64) -> Value {
        let real = self.path("real/run.json");
        if !real.exists() {
            let run =
                ["run", "--backend", "memory", "--mode", "local", "--workers", "1", "--ops", "50", "--warmup", "0"];
            let (code, _, err) = self.slotbench(&[&run[..], &["--rounds", "1", "--out", "real"]].concat());
            assert_eq!(code, Some(0), "{err}");
        }
        let mut run: Value = read(&real);
        let cell = &mut run["cells"][0];
        let round = cell["rounds"][0].clone();
        let rounds = (0..8).map(|number| {
            let mut round = round.clone();
            let each = 20_000.0 * factor * (1.0 + f64::from(number) / 1000.0);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some thousands")]
            let whole = each.round() as u64;
            round["round"] = json!(number);
            round["messages"] = json!(1000);
            round["messages_per_s"] = json!(1e9 / whole as f64);
            round["elapsed_ns"] = json!(whole * 1000);
            round["resources"]["cpu_ns"] = json!(whole * 1000);
            // What else the machine did while the real round ran is none of these.
            round["resources"]["foreign_cpu_ns"] = json!(0);
            for figure in ["p50", "p99"] {
                round["latency_ns"]["acknowledged"][figure] = json!(whole);
            }
            round["latency_ns"]["acknowledged"]["count"] = json!(1000);
            round
        });
        cell["rounds"] = rounds.collect();
        run["slotbench"]["commit"] = json!(name);
        run["started"] = json!(format!("2026-01-01T00:00:00Z {name}"));
        self.write(name, &run);
        run
    }

    fn write(&self, name: &str, run: &Value) {
        fs::write(self.path(name), run.to_string()).expect("writes");
    }

    fn gate(&self, base: &str, new: &str) -> (Option<i32>, String) {
        let (code, out, err) = self.slotbench(&["gate", base, new]);
        (code, out + &err)
    }
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).expect("is there")).expect("is JSON")
}

#[test]
fn exit_codes_of_the_gate() {
    let bench = Bench::new();
    let base = bench.run("base", 1.0);
    bench.run("same", 1.001);
    bench.run("slow", 1.2);
    let (code, text) = bench.gate("base", "same");
    assert!(code == Some(0) && text.starts_with("Not worse: 0 regressed, 0 inconclusive, "), "{code:?} {text}");
    let (code, text) = bench.gate("base", "slow");
    assert!(code == Some(1) && text.starts_with("Worse: 4 regressed"), "{code:?} {text}");
    assert!(text.contains("49,826/s") && text.contains("-16.7 %"), "{text}");
    assert_eq!(bench.gate("slow", "base").0, Some(0), "an improvement is fine");
    assert_eq!(bench.slotbench(&["compare", "base", "slow"]).0, Some(0), "compare only tells");
    let (code, _, _) = bench.slotbench(&["gate", "base", "slow", "--threshold", "30%"]);
    assert_eq!(code, Some(0));
    let mut wrong = bench.run("wrong", 1.0);
    wrong["cells"][0]["verified"] = json!(false);
    bench.write("wrong", &wrong);
    assert_eq!(bench.gate("base", "wrong").0, Some(3));
    let mut elsewhere = base;
    elsewhere["machine"]["fingerprint"] = json!("ffffffffffff");
    bench.write("elsewhere", &elsewhere);
    let (code, text) = bench.gate("elsewhere", "same");
    assert!(code == Some(4) && text.starts_with("Not comparable: different machines: "), "{code:?} {text}");
    assert_eq!(bench.slotbench(&["compare", "elsewhere", "same"]).0, Some(4));
    assert_eq!(bench.slotbench(&["gate", "elsewhere", "same", "--any-machine"]).0, Some(0));
}

#[test]
fn bad_runs_are_told_in_a_line_with_the_right_code() {
    let bench = Bench::new();
    let base = bench.run("base", 1.0);
    let cut: String = base.to_string().chars().take(200).collect();
    fs::write(bench.path("corrupt"), cut).expect("writes");
    let (code, text) = bench.gate("corrupt", "base");
    assert!(code == Some(2) && text.starts_with("error: corrupt is damaged or not a result of slotbench: "), "{text}");
    assert_eq!(bench.gate("absent", "base").0, Some(2));

    let with = |name: &str, change: &dyn Fn(&mut Value)| {
        let mut run = base.clone();
        change(&mut run);
        bench.write(name, &run);
        bench.gate("base", name)
    };
    // JSON has no NaN: writers of it leave null, which is no number.
    let (code, text) = with("nan", &|run| run["cells"][0]["rounds"][2]["messages_per_s"] = Value::Null);
    assert!(code == Some(2) && text.contains("nan is damaged") && text.contains("invalid type: null"), "{text}");
    let (code, text) = with("zero", &|run| run["cells"][0]["rounds"][2]["messages_per_s"] = json!(0.0));
    assert!(code == Some(4) && text.contains("round 2 has 0, not a positive number, in NEW"), "{text}");
    let (code, text) = with("empty", &|run| run["cells"][0]["rounds"] = json!([]));
    assert!(code == Some(4) && text.contains("it has no finished round in NEW"), "{text}");
    let (code, text) = with("missing", &|run| run["cells"] = json!([]));
    assert!(code == Some(4) && text.contains("it is missing in NEW"), "{text}");
    let (code, text) = with("few", &|run| {
        run["cells"][0]["rounds"].as_array_mut().expect("a list").truncate(1);
    });
    assert!(code == Some(4) && text.contains("1 rounds cannot decide, 5 are the least"), "{text}");

    let mut added = base.clone();
    let mut cell = added["cells"][0].clone();
    cell["id"] = json!("memory-local-memory-w2");
    added["cells"].as_array_mut().expect("a list").push(cell);
    bench.write("added", &added);
    let (code, text) = bench.gate("base", "added");
    assert!(code == Some(0) && text.contains("memory-local-memory-w2: it is new"), "{code:?} {text}");
}

#[test]
fn flags_with_values_that_are_not_allowed() {
    let bench = Bench::new();
    let cases = [
        (&["gate", "a", "b", "--threshold", "5"][..], "--threshold 5: takes a percentage from 0% to 1000%"),
        (
            &["gate", "a", "b", "--threshold", "p98=5%"],
            "--threshold p98=5%: unknown metric 'p98' (allowed: throughput, ",
        ),
        (&["compare", "a", "b", "--alpha", "1"], "--alpha 1: takes a probability between 0 and 1"),
        (&["compare", "a", "b", "--metric", "p50,speed"], "--metric p50,speed: unknown metric 'speed' (allowed: "),
        (&["ab", "a", "b", "--rounds", "0"], "--rounds 0: takes a whole number from 1 to 200"),
        (&["ab", "a", "b", "--budget", "soon"], "--budget soon: takes a time, such as 20m"),
        (&["ab", "a", "b", "--keep-data"], "--keep-data: not for ab"),
        (&["ab", "a", "b", "--backend", "mysql"], "--backend: unknown backend 'mysql'"),
    ];
    for (args, message) in cases {
        let (code, out, err) = bench.slotbench(args);
        assert!(code == Some(2) && out.is_empty() && err.starts_with(&format!("error: {message}")), "{args:?}: {err}");
        assert_eq!(err.lines().count(), 1, "{err}");
    }
    assert_eq!(fs::read_dir(bench.root.path()).expect("is there").count(), 0, "nothing was created");
}

#[test]
fn baselines_are_found_by_machine_and_plan() {
    let bench = Bench::new();
    let run = bench.run("new", 1.0);
    fs::create_dir_all(bench.path("baselines")).expect("creates");
    let (code, text) = bench.gate("baselines", "new");
    let fingerprint = run["machine"]["fingerprint"].as_str().expect("text");
    let path = format!("baselines/{fingerprint}/quick.json");
    assert_eq!(code, Some(4));
    assert_eq!(text, format!("error: no baseline for this machine and plan: {path} is not there\n"));
    let (code, out, err) = bench.slotbench(&["baseline", "new", "--into", "baselines"]);
    assert!(code == Some(0) && out.is_empty() && err.starts_with(&format!("{path}: ")), "{err}");
    assert_eq!(bench.gate("baselines", "new").0, Some(0));
    assert_eq!(read(&bench.path(&path))["cells"][0]["id"], run["cells"][0]["id"]);
    let (_, _, err) = bench.slotbench(&["baseline", "new", "--into", "baselines"]);
    assert!(err.starts_with("replaces the one of "), "{err}");
}

#[test]
fn what_is_not_whole_and_sound_is_no_baseline() {
    let bench = Bench::new();
    let sound = bench.run("new", 1.0);
    let broken: [(&str, Value, &str); 4] = [
        ("/complete", json!(false), "it was interrupted"),
        ("/slotbench/profile", json!("debug"), "its build is debug, not release"),
        ("/cells/0/status", json!("failed"), "memory-"),
        ("/cells/0/status", json!("refused"), "nothing was measured"),
    ];
    for (place, value, reason) in broken {
        let mut run = sound.clone();
        *run.pointer_mut(place).expect("is there") = value;
        bench.write("broken.json", &run);
        let (code, _, err) = bench.slotbench(&["baseline", "broken.json"]);
        assert_eq!(code, Some(2), "{place}");
        assert!(err.starts_with(&format!("error: broken.json cannot be a baseline: {reason}")), "{err}");
        assert!(!bench.path("results").exists());
    }
}

#[test]
fn pull_requests_get_a_summary_and_annotations() {
    let bench = Bench::new();
    bench.run("base", 1.0);
    bench.run("slow", 1.2);
    fs::write(bench.path("summary.md"), "before\n").expect("writes");
    let gate = ["gate", "base", "slow", "--summary", "summary.md", "--annotations", "--format", "json"];
    let (code, out, err) = bench.slotbench(&gate);
    assert_eq!(code, Some(1));
    let document: Value = serde_json::from_str(&out).expect("one JSON document and nothing else");
    assert_eq!(document["cells"][0]["figures"][0]["verdict"], "regressed");
    let errors: Vec<&str> = err.lines().filter(|line| line.starts_with("::error title=slotbench%3A ")).collect();
    assert_eq!(errors.len(), 4, "{err}");
    assert!(errors[0].ends_with("-16.7 %25"), "{}", errors[0]);
    let summary = fs::read_to_string(bench.path("summary.md")).expect("is there");
    assert!(summary.starts_with("before\nWorse: 4 regressed") && summary.contains("| throughput |"), "{summary}");
}

#[test]
fn two_builds_take_turns_and_leave_their_rounds() {
    let bench = Bench::new();
    let options = ["--preset", "gate", "--backend", "memory", "--ops", "200", "--warmup", "0"];
    let more = ["--rounds", "4", "--metric", "throughput", "--threshold", "1000%", "--out", "ab"];
    let (code, out, err) = bench.slotbench(&[&["ab", BINARY, BINARY][..], &options, &more].concat());
    // Four pairs cannot reject at the last look; whether they rule out a tenfold change depends on their interval.
    assert!(code == Some(0) || code == Some(4), "{code:?} {out} {err}");
    assert!(err.contains("at most 4 pairs of rounds; results in ab"), "{err}");
    for side in ["ab/old/run.json", "ab/new/run.json"] {
        let rounds = read(&bench.path(side))["cells"][0]["rounds"].as_array().expect("a list").len();
        assert_eq!(rounds, 4, "{side}");
    }
    assert_eq!(read(&bench.path("ab/comparison.json"))["family"], 1);
    assert!(!bench.path("ab/round").exists(), "rounds of single processes are gone");
}

#[test]
fn a_build_that_cannot_measure_is_named() {
    let bench = Bench::new();
    let (code, _, err) = bench.slotbench(&["ab", "/absent/slotbench", BINARY, "--backend", "memory", "--out", "ab"]);
    assert!(code == Some(2) && err.contains("error: cannot run /absent/slotbench: No such file"), "{err}");
    let (code, _, err) = bench.slotbench(&["ab", "/bin/false", "/bin/false", "--backend", "memory", "--out", "ab2"]);
    assert!(code == Some(2) && err.contains("error: /bin/false measured nothing (exit status: 1): it said"), "{err}");
}

#[test]
fn a_history_grows_and_finds_its_regression() {
    let bench = Bench::new();
    let file = ["--file", "history.jsonl"];
    for number in 0..24 {
        let factor = if number < 12 { 1.0 } else { 1.3 };
        bench.run(&format!("run{number:02}"), factor * (1.0 + f64::from(number % 5) / 500.0));
        let (code, _, err) = bench.slotbench(&[&["history", "add", &format!("run{number:02}")][..], &file].concat());
        assert_eq!(code, Some(0), "{err}");
        if number == 3 {
            let (code, _, err) = bench.slotbench(&[&["history", "check"][..], &file].concat());
            assert!(code == Some(4) && err.contains("4 runs cannot show a change, "), "{err}");
        }
    }
    let (code, out, _) = bench.slotbench(&[&["history", "check"][..], &file].concat());
    assert!(code == Some(1) && out.contains("after run11, by run12"), "{out}");
    let old_news = bench.slotbench(&[&["history", "check", "--recent", "5"][..], &file].concat());
    assert_eq!(old_news.0, Some(0), "a regression of the past does not block for ever");
    let (code, html, _) = bench.slotbench(&[&["history", "show", "--format", "html"][..], &file].concat());
    assert!(code == Some(0) && html.starts_with("<!doctype html>") && html.contains("\"worse\":true"), "{html}");
    let (code, _, err) = bench.slotbench(&[&["history", "add", "run03"][..], &file].concat());
    assert!(code == Some(2) && err.contains("is in it already"), "{err}");
    let (code, _, _) = bench.slotbench(&["gate", "run00", "run01", "--history", "history.jsonl"]);
    assert_eq!(code, Some(0));
    let (code, _, err) = bench.slotbench(&["history", "check", "--file", "absent.jsonl"]);
    assert!(code == Some(2) && err.starts_with("error: cannot read absent.jsonl: "), "{err}");
}

#[test]
fn other_trackers_get_their_formats() {
    let bench = Bench::new();
    bench.run("run", 1.0);
    let (code, out, _) = bench.slotbench(&["report", "run", "--format", "bmf"]);
    let bmf: Value = serde_json::from_str(&out).expect("is JSON");
    let cell = bmf.as_object().and_then(|cells| cells.values().next()).expect("a cell");
    assert!(code == Some(0) && cell["throughput"]["value"].as_f64().is_some_and(|rate| rate > 49_000.0), "{out}");
    let (code, out, _) = bench.slotbench(&["report", "run", "--format", "github-benchmark"]);
    assert!(code == Some(0) && out.contains(": time per message\""), "{out}");
    let (code, _, err) = bench.slotbench(&["report", "run", "--format", "criterion"]);
    assert!(code == Some(2) && err.contains("--format criterion: writes several files"), "{err}");
    let (code, _, err) = bench.slotbench(&["report", "run", "--format", "criterion", "--out", "criterion"]);
    assert_eq!(code, Some(0), "{err}");
    let plan = fs::read_dir(bench.path("criterion/quick")).expect("is there").flatten().next().expect("a cell");
    let estimates = read(&plan.path().join("run/estimates.json"));
    assert!(estimates["mean"]["point_estimate"].as_f64().is_some_and(|ns| (ns - 20_070.0).abs() < 1.0), "{estimates}");
}
