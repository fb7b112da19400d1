//! The workflow that `results/ci/github-actions.yml` offers for copying, run step by step: its own shell lines, in a
//! repository of two commits, with a stand-in for cargo that hands out the binary under test.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use yaml_rust2::{Yaml, YamlLoader};

/// `cargo build` puts the binary where cargo would, `cargo run` is the counting gate with the exit code it is told.
const CARGO: &str = r#"#!/bin/sh
echo "cargo $*" >>"$CARGO_LOG"
case "$1" in
build) mkdir -p "${CARGO_TARGET_DIR:-target}/release" && cp "$BINARY" "${CARGO_TARGET_DIR:-target}/release/slotbench" ;;
run) exit "${NOISE_FREE:-0}" ;;
*) exit 99 ;;
esac
"#;

struct Runner {
    root: TempDir,
    workflow: Yaml,
    base: String,
}

impl Runner {
    fn new() -> Self {
        let root = tempfile::tempdir().expect("a temporary directory");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../results/ci/github-actions.yml");
        let text = fs::read_to_string(path).expect("is in the repository");
        let workflow = YamlLoader::load_from_str(&text).expect("is YAML").remove(0);
        let runner = Self { root, workflow, base: String::new() };
        for dir in ["bin", "temp", "work/scripts"] {
            fs::create_dir_all(runner.path(dir)).expect("creates");
        }
        runner.script("bin/cargo", CARGO);
        runner.script("bin/valgrind", "#!/bin/sh\n");
        runner.script("work/scripts/setup.sh", "#!/bin/sh\n");
        for words in [&["init", "--quiet"][..], &["add", "."], &["commit", "--quiet", "--message", "base"]] {
            runner.git(words);
        }
        let base = runner.git(&["rev-parse", "HEAD"]);
        runner.git(&["commit", "--quiet", "--allow-empty", "--message", "change"]);
        Self { base, ..runner }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn script(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("writes");
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o755)).expect("is ours");
    }

    fn git(&self, words: &[&str]) -> String {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=test", "-c", "user.email=test@localhost"]).args(words);
        let output = command.current_dir(self.path("work")).output().expect("git runs");
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("is text").trim().to_owned()
    }

    /// Names and shell lines of the steps that have them.
    fn steps(&self) -> Vec<(String, String)> {
        let steps = self.workflow["jobs"]["gate"]["steps"].as_vec().expect("a list");
        let text = |step: &Yaml, key: &str| step[key].as_str().map(str::to_owned);
        steps.iter().filter_map(|step| Some((text(step, "name")?, text(step, "run")?))).collect()
    }

    /// Runs a step as GitHub does: bash, stopping at the first failure.
    fn step(&self, lines: &str, more: &[(&str, &str)]) -> (Option<i32>, String) {
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap_or_default());
        let mut command = Command::new("bash");
        command.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", lines]).current_dir(self.path("work"));
        command.env("PATH", path).env("BINARY", env!("CARGO_BIN_EXE_slotbench")).env_remove("CARGO_TARGET_DIR");
        command.env("CARGO_LOG", self.path("cargo.log")).env("RUNNER_TEMP", self.path("temp")).env("BASE", &self.base);
        command.env("GITHUB_STEP_SUMMARY", self.path("summary.md"));
        command.env("AB_OPTIONS", "--preset gate --backend memory --ops 100 --warmup 0 --rounds 2");
        let output = command.envs(more.iter().copied()).output().expect("bash runs");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

#[test]
fn every_step_does_what_it_says() {
    let runner = Runner::new();
    let names: Vec<String> = runner.steps().into_iter().map(|(name, _)| name).collect();
    let expected =
        ["Tools", "Build the change", "Build what it is based on", "Instructions and allocations", "Old against new"];
    assert_eq!(names, expected);
    for (name, lines) in runner.steps() {
        let (code, said) = runner.step(&lines, &[]);
        assert_eq!(code, Some(0), "{name}: {said}");
    }
    let log = fs::read_to_string(runner.path("cargo.log")).expect("cargo was called");
    assert_eq!(log.matches("cargo build --release --package slotbench").count(), 2, "{log}");
    assert!(log.contains("--bin noise-free -- check"), "{log}");
    let summary = fs::read_to_string(runner.path("summary.md")).expect("a summary was written");
    assert!(summary.contains("| cell | metric |") || summary.contains("## Why inconclusive"), "{summary}");
    assert!(runner.path("temp/ab/comparison.json").exists());
}

#[test]
fn a_regression_blocks_and_what_cannot_be_told_does_not() {
    let runner = Runner::new();
    let steps = runner.steps();
    let lines = |name: &str| &steps.iter().find(|(known, _)| known == name).expect("a step").1;
    for (given, expected) in [("0", 0), ("1", 1), ("2", 2), ("4", 0)] {
        let (code, said) = runner.step(lines("Instructions and allocations"), &[("NOISE_FREE", given)]);
        assert_eq!(code, Some(expected), "{said}");
    }
    for side in ["new", "old"] {
        fs::create_dir(runner.path("temp").join(side)).expect("creates");
        runner.script(&format!("temp/{side}/slotbench"), "#!/bin/sh\nexit \"$CODE\"\n");
    }
    for (given, expected) in [("0", 0), ("1", 1), ("3", 3), ("4", 0)] {
        let (code, said) = runner.step(lines("Old against new"), &[("CODE", given)]);
        assert_eq!(code, Some(expected), "{said}");
    }
}
