//! The crash lab through the built binary: a few kills, a few power cuts, and the lab's own test.
//!
//! Tests whose name begins with `fuse_` need a FUSE mount. Where none is possible they say so and check nothing, unless
//! `SLOTBENCH_REQUIRE_FUSE=1`, which makes that a failure.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

/// The engines of this build that keep something and need no C++, so that all of it stays under half a minute.
fn engines() -> String {
    let light = slotbench_backends::KINDS.iter().filter(|kind| kind.is_persistent() && kind.name() != "rocksdb");
    light.map(|kind| kind.name()).collect::<Vec<_>>().join(",")
}

/// Exit code, standard output, standard error.
fn slotbench(root: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_slotbench")).args(args).current_dir(root).output().expect("runs");
    let text = |bytes| String::from_utf8(bytes).expect("is text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn crash(root: &Path, args: &[&str]) -> (Option<i32>, Value, String) {
    let (code, out, err) = slotbench(root, &[&["crash", "--json"], args].concat());
    let document = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{err}"));
    (code, document, err)
}

fn scratch() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary directory on the disk of the build")
}

/// Whether to go on with a test that mounts.
fn fuse(test: &str) -> bool {
    let possible = slotbench::crash::power::available(scratch().path());
    let required = std::env::var_os(slotbench::crash::power::REQUIRE).is_some_and(|value| value == "1");
    match possible {
        Ok(()) => true,
        Err(reason) if required => panic!("{test}: {reason}"),
        Err(reason) => {
            eprintln!("skipped: {test}: {reason}");
            false
        }
    }
}

fn list<'v>(document: &'v Value, name: &str) -> &'v [Value] {
    document[name].as_array().expect(name)
}

/// Every control was caught in every trial that had something to lose.
fn assert_controls(document: &Value) {
    assert!(!list(document, "controls").is_empty());
    for control in list(document, "controls") {
        assert_eq!(control["missed"], Value::Null, "{control}");
        assert!(control["caught"].as_u64() > Some(0), "{control}");
    }
}

#[test]
fn what_is_confirmed_survives_kills_and_a_liar_is_caught() {
    let root = scratch();
    let (code, document, err) =
        crash(root.path(), &["--fault", "kill", "--backend", &engines(), "--trials", "2", "--seed", "5"]);
    assert_eq!(code, Some(0), "{err}");
    assert_controls(&document);
    for cell in list(&document, "cells") {
        assert_eq!(
            (&cell["verdict"], &cell["lost"], &cell["seed"]),
            (&"survived".into(), &0.into(), &5.into()),
            "{cell}"
        );
        assert_eq!((&cell["promised"], &cell["trials"]), (&true.into(), &2.into()), "{cell}");
        assert!(cell["acknowledged"].as_u64() > Some(1) && cell["reopen_ns"].as_u64() > Some(0), "{cell}");
    }
    let left: Vec<_> = fs::read_dir(root.path()).expect("is there").collect();
    assert!(left.is_empty(), "nothing is left behind: {left:?}");
}

#[test]
fn fuse_what_is_confirmed_survives_power_cuts_and_liars_are_caught() {
    if !fuse("power cuts") {
        return;
    }
    let root = scratch();
    let (code, document, err) = crash(root.path(), &["--fault", "power", "--backend", &engines(), "--trials", "3"]);
    assert_eq!(code, Some(0), "{err}");
    assert_controls(&document);
    assert!(list(&document, "controls").iter().any(|control| control["sabotage"] == "tier memory"));
    for cell in list(&document, "cells") {
        assert_eq!((&cell["verdict"], &cell["lost"]), (&"survived".into(), &0.into()), "{cell}");
    }
}

#[test]
fn fuse_a_weaker_tier_and_an_early_answer_lose_and_break_no_promise() {
    if !fuse("weaker promises") {
        return;
    }
    let engines = engines();
    let engine = engines.split(',').find(|name| *name != "redb").unwrap_or("redb");
    let root = scratch();
    let weaker = ["--fault", "power", "--backend", engine, "--durability", "process", "--trials", "6"];
    let (code, document, err) = crash(root.path(), &weaker);
    let cell = &list(&document, "cells")[0];
    assert_eq!(code, Some(0), "{err}");
    if engine != "redb" {
        assert_eq!((&cell["verdict"], &cell["promised"]), (&"lost".into(), &false.into()), "{cell}");
    }
    let (code, document, err) =
        crash(root.path(), &["--fault", "power", "--backend", engine, "--mode", "aggressive", "--trials", "4"]);
    let cell = &list(&document, "cells")[0];
    assert_eq!(code, Some(0), "{err}");
    assert_eq!((&cell["promised"], &cell["promise_broken"]), (&false.into(), &0.into()), "{cell}");
    assert!(cell["max_lost"].as_u64() <= cell["window"].as_u64(), "{cell}");
}

#[test]
fn fuse_nothing_is_acknowledged_after_an_io_error_that_is_not_stored() {
    if !fuse("I/O errors") {
        return;
    }
    let root = scratch();
    let (code, document, err) =
        crash(root.path(), &["--fault", "io", "--backend", &engines(), "--trials", "3", "--seed", "11"]);
    assert_eq!(code, Some(0), "{err}");
    assert_controls(&document);
    assert!(list(&document, "cells").iter().all(|cell| cell["verdict"] == "survived"), "{document}");
}

#[test]
fn a_result_goes_into_a_run_and_its_report() {
    let root = scratch();
    let engines = engines();
    let engine = engines.split(',').next_back().expect("one is built in");
    let run =
        ["run", "--backend", engine, "--mode", "local", "--workers", "1", "--ops", "50", "--warmup", "0", "--rounds"];
    let (code, _, err) = slotbench(root.path(), &[&run[..], &["1", "--out", "out"]].concat());
    assert_eq!(code, Some(0), "{err}");
    let (code, _, err) = crash(root.path(), &["--fault", "kill", "--trials", "1", "--into", "out"]);
    assert_eq!(code, Some(0), "{err}");
    let text = fs::read_to_string(root.path().join("out/run.json")).expect("is there");
    let run: Value = serde_json::from_str(&text).expect("is JSON");
    assert_eq!(
        (&run["cells"][0]["loss"][0]["fault"], &run["cells"][0]["loss"][0]["lost"]),
        (&"kill".into(), &0.into())
    );
    let schema = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../results/run.schema.json"));
    let schema: Value = serde_json::from_str(&schema.expect("is in the repository")).expect("is JSON");
    let validator = jsonschema::validator_for(&schema).expect("is a schema");
    assert_eq!(validator.iter_errors(&run).map(|error| error.to_string()).collect::<Vec<_>>(), [""; 0]);
    let report = fs::read_to_string(root.path().join("out/report.md")).expect("is there");
    assert!(report.contains("| SIGKILL |") && report.contains("| survived |"), "{report}");
    let other = if engine == "fs" { "null" } else { "fs" };
    let (code, _, err) = slotbench(root.path(), &["crash", "--backend", other, "--into", "out"]);
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("--into: the run has no cell"), "{err}");
}

#[test]
fn bad_requests_are_refused_in_one_line() {
    let root = scratch();
    for (args, expected) in [
        (&["--fault", "meteor"][..], "--fault: unknown fault 'meteor' (allowed: kill, power, io)"),
        (&["--fault", "kill,kill"], "--fault: has a value twice"),
        (&["--backend", "floppy"], "--backend: unknown backend 'floppy'"),
        (&["--trials", "0"], "--trials"),
        (&["--workers", "none"], "--workers: 'none' is not a whole number"),
        (&["--set", "engine.redb"], "takes engine.NAME.KEY=VALUE"),
        (&["--set", "engine.floppy.a=1"], "unknown engine"),
        (&["--into", "nowhere"], "nowhere"),
    ] {
        let (code, out, err) = slotbench(root.path(), &[&["crash"], args].concat());
        assert_eq!((code, out.as_str()), (Some(2), ""), "{args:?}: {err}");
        assert!(err.contains(expected), "{args:?}: {err}");
    }
    let (code, _, err) = slotbench(root.path(), &["crash", "--backend", "memory", "--durability", "memory"]);
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("memory keeps nothing beyond its process"), "{err}");
}

/// What programs do on the mounted file system, and what is left of it.
#[cfg(target_os = "linux")]
mod mounted {
    use std::os::unix::fs::symlink;

    use slotbench::crash::powerfs::{Mounted, Survival};

    use super::*;

    /// Runs a shell script on a fresh file system: in a process of its own, for the server is in this one.
    fn after(script: &str, survival: Survival, seed: u64) -> TempDir {
        let (place, left) = (scratch(), scratch());
        let mut mounted = Mounted::new(place.path()).expect("mounts, as found before");
        let status = Command::new("sh").args(["-euc", script]).current_dir(mounted.path()).status().expect("runs");
        assert!(status.success(), "{script}");
        mounted.cut();
        mounted.disk(|disk| disk.image(survival, seed)).export(left.path()).expect("exports");
        left
    }

    fn read(root: &TempDir, name: &str) -> Option<String> {
        fs::read_to_string(root.path().join(name)).ok()
    }

    #[test]
    fn fuse_a_file_that_was_not_synced_vanishes_and_a_synced_one_stays() {
        if !fuse("the file system") {
            return;
        }
        let script = "printf gone > a; printf kept > b; printf nameless > c; sync b; sync .; sync c; \
                      printf more >> b; mkdir d; printf x > d/e; sync d/e d";
        let left = after(script, Survival::Nothing, 1);
        assert_eq!(read(&left, "a").as_deref(), Some(""), "its name was synced with the directory");
        assert_eq!(read(&left, "b").as_deref(), Some("kept"));
        assert_eq!(read(&left, "c").as_deref(), Some("nameless"));
        assert!(!left.path().join("d").exists(), "nobody synced the directory that names it");
        let left = after("printf gone > a; sync a", Survival::Nothing, 1);
        assert_eq!(read(&left, "a"), None, "a synced file without a synced name");
    }

    #[test]
    fn fuse_a_rename_without_directory_sync_may_stay_or_go() {
        if !fuse("renames") {
            return;
        }
        let script = "printf old > f; sync f .; printf new > t; sync t; mv t f";
        assert_eq!(read(&after(script, Survival::Nothing, 1), "f").as_deref(), Some("old"));
        assert_eq!(read(&after(&format!("{script}; sync ."), Survival::Nothing, 1), "f").as_deref(), Some("new"));
        let mut seen: Vec<_> = (0..12).filter_map(|seed| read(&after(script, Survival::Subset, seed), "f")).collect();
        seen.sort();
        seen.dedup();
        assert_eq!(seen, ["new", "old"], "by the seed");
    }

    #[test]
    fn fuse_programs_see_an_ordinary_file_system() {
        if !fuse("ordinary use") {
            return;
        }
        let script = "mkdir -p a/b; seq 2000 > a/b/n; tail -n 1 a/b/n | grep -qx 2000; ln -s b/n a/l; ln a/b/n a/h; \
                      rm a/b/n; test ! -e a/l; grep -qx 7 a/h; truncate -s 10 a/h; test $(wc -c < a/h) = 10; \
                      for i in $(seq 300); do : > a/b/$i; done; test $(ls a/b | wc -l) = 300; \
                      mv a/b a/c; test -e a/c/300; rm -r a/c; chmod 600 a/h; test $(stat -c %a a/h) = 600";
        let left = after(script, Survival::Everything, 1);
        assert_eq!(read(&left, "a/h").expect("is there").len(), 10);
        let link = tempfile::tempdir().expect("a temporary directory");
        symlink("b/n", link.path().join("l")).expect("links");
        assert_eq!(fs::read_link(left.path().join("a/l")).ok(), fs::read_link(link.path().join("l")).ok());
    }
}
