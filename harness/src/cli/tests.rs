//! Commands from arguments to exit codes, with a runner that measures nothing.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use super::*;
use crate::model::{self, RoundResult, sample};
use crate::runner::mock::{Mock, Script};
use crate::runner::{CellFailure, Job, Round};

struct Bench {
    root: TempDir,
}

/// What a command left: exit code, standard output, standard error.
type Left = (u8, String, String);

impl Bench {
    fn new() -> Self {
        Self { root: tempfile::tempdir().expect("a temporary directory") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn command(&self, runner: &mut dyn Runner, args: &[&str]) -> Left {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let args = ["slotbench"].iter().chain(args).map(OsString::from);
        let exit = main(args, runner, &Stop::default(), &mut Console::plain(&mut out, &mut err));
        let text = |bytes| String::from_utf8(bytes).expect("is text");
        (exit.code(), text(out), text(err))
    }

    /// `run` of three cells of two rounds on `memory`, with a data directory of its own.
    fn run(&self, runner: &mut dyn Runner, more: &[&str]) -> Left {
        let (data, out) = (self.path("data"), self.path("out"));
        let fixed =
            ["run", "--backend", "memory", "--mode", "local", "--workers", "1,2,3", "--rounds", "2", "--data-dir"];
        let mut args = fixed.to_vec();
        args.push(data.to_str().expect("is text"));
        if !more.contains(&"--resume") {
            args.extend(["--out", out.to_str().expect("is text")]);
        }
        args.extend(more);
        self.command(runner, &args)
    }

    fn exit_of(&self, script: Script) -> u8 {
        self.run(&mut Mock::new(script), &[]).0
    }
}

/// A mock whose rounds do not verify.
struct Broken(Mock);

impl Runner for Broken {
    fn run_round(&mut self, job: &Job<'_>) -> Result<Round, CellFailure> {
        let round = self.0.run_round(job)?;
        let failures = vec!["slot 3 is missing".to_owned()];
        Ok(Round { result: RoundResult { verified: Some(false), failures, ..round.result }, ..round })
    }

    fn floors(&mut self, dir: &Path, stop: &Stop) -> Result<model::Floors, CellFailure> {
        self.0.floors(dir, stop)
    }
}

#[test]
fn a_run_reports_and_leaves_result_logs_and_report() {
    let bench = Bench::new();
    let (code, out, err) = bench.run(&mut Mock::new(|_, _| Ok(())), &[]);
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with("Fastest verified: at memory, local: memory with 300 msg/s (3 workers)"), "{out}");
    assert!(err.starts_with("quick: 3 cells, 6 rounds, about "), "{err}");
    let mut left: Vec<_> =
        std::fs::read_dir(bench.path("out")).expect("is there").flatten().map(|f| f.file_name()).collect();
    left.sort();
    let logs = left.iter().filter(|name| name.to_string_lossy().ends_with(".hlog")).count();
    assert_eq!((left.len(), logs), (7, 3), "{left:?}");
    let report = std::fs::read_to_string(bench.path("out/report.md")).expect("is there");
    assert!(report.starts_with("Fastest verified: "));
    let page = std::fs::read_to_string(bench.path("out/report.html")).expect("is there");
    assert!(page.contains("\"curves\":{\"acknowledged\":["), "the logs beside the result are in the page");
}

#[test]
fn a_recommendation_is_clear_or_inconclusive() {
    let bench = Bench::new();
    let mut run = sample::run();
    for (place, cell) in run.cells.iter_mut().enumerate() {
        let mut round = cell.rounds.first().cloned().unwrap_or_default();
        round.latency_ns.clone_from(&cell.latency_ns);
        round.resources.cpu_ns = Some(1_000_000 * (place as u64 + 1));
        cell.rounds = vec![round.clone(), round];
    }
    let ask = |run: &model::Run, more: &[&str]| {
        model::save(run, &bench.path("run.json")).expect("writes");
        let path = bench.path("run.json");
        let fixed = ["recommend", path.to_str().expect("is text"), "--durability", "power", "--p99", "5ms", "--rate"];
        bench.command(&mut Mock::new(|_, _| Ok(())), &[&fixed, more].concat())
    };
    let (code, out, err) = ask(&run, &["1000"]);
    assert!(code == 0 && err.is_empty() && out.contains("\nrecommended: fs, local"), "{out}{err}");
    let (code, out, err) = ask(&run, &["1000", "--json"]);
    let document: Value = serde_json::from_str(&out).expect("one document");
    assert!(code == 0 && err.contains("recommended: fs, local"), "{err}");
    assert_eq!(
        (&document["answers"][0]["outcome"], &document["answers"][0]["best"]["backend"]),
        (&"clear".into(), &"fs".into())
    );
    assert_eq!(document["limits"]["rate"], Value::from(1000.0));
    let (code, out, _) = ask(&run, &["100000"]);
    assert!(code == 4 && out.contains("none meets this") && out.contains("nearest: redb"), "{out}");
    let (code, out, _) = ask(&run, &["1000", "--max-loss", "0"]);
    assert!(code == 4 && out.contains("loss in a power cut not measured"), "{out}");
    run.cells.iter_mut().flat_map(|cell| &mut cell.rounds).for_each(|round| round.resources.cpu_ns = Some(7));
    assert_eq!(ask(&run, &["1000"]).0, 4, "too close to call");
    run.cells.clear();
    assert_eq!(ask(&run, &["1000"]).0, 4, "nothing was measured");
}

#[test]
fn json_is_one_document_on_standard_output_and_nothing_else() {
    let bench = Bench::new();
    let (code, out, err) = bench.run(&mut Mock::new(|_, _| Ok(())), &["--json"]);
    let document: Value = serde_json::from_str(&out).expect("one document");
    let saved = std::fs::read_to_string(bench.path("out/run.json")).expect("is there");
    assert_eq!((code, document), (0, serde_json::from_str(&saved).expect("is JSON")));
    assert!(err.contains("Fastest verified: "));
    let (_, out, _) = bench.command(&mut Mock::new(|_, _| Ok(())), &["backends", "--json"]);
    let document: Value = serde_json::from_str(&out).expect("one document");
    assert_eq!(document["backends"].as_array().map(Vec::len), Some(slotbench_backends::NAMES.len()));
}

#[test]
fn exit_codes_follow_what_became_of_the_cells() {
    assert_eq!(Bench::new().exit_of(|_, _| Ok(())), 0);
    let one_refused: Script = |call, _| if call == 0 { Err(CellFailure::Refused("no".to_owned())) } else { Ok(()) };
    assert_eq!(Bench::new().exit_of(one_refused), 0, "a refused cell alone is no error");
    assert_eq!(Bench::new().exit_of(|_, _| Err(CellFailure::Refused("no".to_owned()))), 2);
    let one_failed: Script = |call, _| if call == 0 { Err(CellFailure::Failed("no".to_owned())) } else { Ok(()) };
    assert_eq!(Bench::new().exit_of(one_failed), 4);
    assert_eq!(Bench::new().exit_of(|_, _| Err(CellFailure::Interrupted)), 130);
    let (code, out, _) = Bench::new().run(&mut Broken(Mock::new(|_, _| Ok(()))), &[]);
    assert_eq!(code, 3);
    assert!(out.starts_with("No cell has a verified result") && out.contains("round 0: slot 3 is missing"), "{out}");
}

#[test]
fn an_interrupted_run_goes_on_with_what_is_missing() {
    let bench = Bench::new();
    let mut first = Mock::new(|call, _| if call == 4 { Err(CellFailure::Interrupted) } else { Ok(()) });
    let (code, out, err) = bench.run(&mut first, &[]);
    assert_eq!(code, 130);
    assert!(out.contains("INCOMPLETE") && err.contains("go on with: slotbench run --resume "), "{out}{err}");

    let out = bench.path("out");
    let dir = out.to_str().expect("is text");
    let (code, _, err) = bench.run(&mut Mock::new(|_, _| Ok(())), &["--seed", "99", "--resume", dir]);
    assert_eq!(code, 2);
    assert!(err.contains("it was begun with another plan, seed or flags"), "{err}");

    let mut second = Mock::new(|_, _| Ok(()));
    let (code, out, err) = bench.run(&mut second, &["--resume", dir]);
    assert_eq!((code, second.calls.len()), (0, 2 + 3), "two rounds and three stage rounds: {err}");
    assert!(!out.contains("INCOMPLETE"));

    let data = bench.path("data");
    let alone = ["run", "--resume", dir, "--data-dir", data.to_str().expect("is text")];
    let mut third = Mock::new(|_, _| Ok(()));
    assert_eq!((bench.command(&mut third, &alone).0, third.calls.len()), (0, 0), "nothing is missing");
}

#[test]
fn stores_are_kept_under_their_cells_id_when_asked_for() {
    for (flags, kept) in [(&[][..], 0), (&["--keep-data"][..], 3)] {
        let bench = Bench::new();
        assert_eq!(bench.run(&mut Mock::new(|_, _| Ok(())), flags).0, 0);
        let run = model::load(&bench.path("out/run.json")).expect("is there");
        let is_kept = |cell: &&model::CellResult| bench.path("data").join(cell.id.as_str()).join("store").exists();
        assert_eq!(run.cells.iter().filter(is_kept).count(), kept);
    }
}

#[test]
fn a_report_takes_a_directory_or_a_file_in_every_form() {
    let bench = Bench::new();
    let run = sample::run();
    let file = bench.path("run.json");
    model::save(&run, &file).expect("writes");
    let mut mock = Mock::new(|_, _| Ok(()));
    for argument in [bench.root.path(), &file] {
        let argument = argument.to_str().expect("is text");
        let starts = [
            ("text", "Fastest"),
            ("md", "Fastest"),
            ("html", "<!doctype html>"),
            ("csv", "id,name,benchmark,"),
            ("json", "{\n"),
        ];
        for (format, start) in starts {
            let (code, out, err) = bench.command(&mut mock, &["report", argument, "--format", format]);
            assert_eq!((code, err.as_str()), (0, ""));
            assert!(out.starts_with(start), "{out}");
            let path = bench.path("report");
            let to_file = ["report", argument, "--format", format, "--out", path.to_str().expect("is text")];
            assert_eq!(bench.command(&mut mock, &to_file), (0, String::new(), String::new()));
            assert_eq!(std::fs::read_to_string(path).expect("is there"), out);
        }
    }
}

#[test]
fn plans_can_be_checked_and_shown() {
    let bench = Bench::new();
    let mut mock = Mock::new(|_, _| Ok(()));
    for preset in crate::plan::PRESETS {
        let (code, text, _) = bench.command(&mut mock, &["plan", "show", preset.name]);
        let path = bench.path(&format!("{}.toml", preset.name));
        std::fs::write(&path, text).expect("writes");
        let (checked, cells, err) = bench.command(&mut mock, &["plan", "check", path.to_str().expect("is text")]);
        assert_eq!((code, checked), (0, 0), "{err}");
        assert!(
            cells.lines().last().is_some_and(|line| line.starts_with(preset.name) && line.contains("about ")),
            "{cells}"
        );
    }
}

#[test]
fn help_and_completions_are_what_was_asked_for() {
    let bench = Bench::new();
    let mut mock = Mock::new(|_, _| Ok(()));
    for args in
        [&["--help"][..], &["run", "--help"], &["--version"], &["completions", "bash"], &["plan", "show", "--help"]]
    {
        let (code, out, err) = bench.command(&mut mock, args);
        assert!(code == 0 && out.contains("slotbench") && err.is_empty(), "{args:?}: {code} {err}");
    }
    for args in [&[][..], &["bench"], &["run", "--fast"], &["report"], &["run", "a.toml", "--preset", "quick"]] {
        let (code, out, err) = bench.command(&mut mock, args);
        assert!(code == 2 && out.is_empty() && !err.is_empty(), "{args:?}: {code} {out}");
    }
}
