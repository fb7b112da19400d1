//! Workloads beyond a stream of equal messages: every answer and every slot of them is checked.

use std::path::{Path, PathBuf};

use slotbench::cell::Cell;
use slotbench::driver::Driver;
use slotbench::driver::pool::{Pool, PoolSpec};
use slotbench::model::Tag;
use slotbench::plan::{Overrides, Plan, Source};
use slotbench::runner::{CellFailure, Job, Round, Runner as _, Stop};
use slotbench::verify::Verification;
use slotbench_backends::{Kind, Options};
use slotbench_core::item::ItemBuilder;
use slotbench_core::{Id, Wallet};

fn cells(plan: &str) -> Vec<Cell> {
    let source = Source { file: "test.toml".into(), stem: "test".into(), text: plan.into() };
    Plan::compile(&source, &Overrides::default()).unwrap_or_else(|error| panic!("{error}")).cells
}

const SEED: u64 = 11;

fn run(driver: &mut Driver, cell: &Cell, round: u32, dir: &Path) -> Result<Round, CellFailure> {
    driver.run_round(&Job { cell, round, seed: SEED, dir, stop: &Stop::default() })
}

/// Runs every cell of a plan in a directory of its own, and expects it to verify.
fn run_all(plan: &str) -> Vec<(Cell, Round)> {
    let mut driver = Driver::default();
    let root = tempfile::tempdir().expect("a directory");
    let measured = cells(plan).into_iter().map(|cell| {
        assert_eq!(cell.refusal, None, "{}", cell.id);
        let round =
            run(&mut driver, &cell, 0, &fresh(root.path())).unwrap_or_else(|error| panic!("{}: {error}", cell.id));
        assert_eq!(round.result.verified, Some(true), "{}: {:?}", cell.id, round.result.failures);
        (cell, round)
    });
    measured.collect()
}

fn fresh(root: &Path) -> PathBuf {
    tempfile::Builder::new().tempdir_in(root).expect("a directory").keep()
}

#[test]
fn reads_of_every_kind_are_answered_right_between_messages() {
    let plan = r#"
        backend = ["memory", "fs", "sled", "redb"]
        workers = 5
        rounds = 1
        ops = 200
        warmup = 0
        [workload]
        processes = 3
        skew = ["uniform", "zipf:1.2"]
        payload = 50
        reads = 60
        read = ["slot", "range", "next", "latest"]
    "#;
    for (cell, round) in run_all(plan) {
        let (result, reads) = (&round.result, round.result.reads);
        assert_eq!(result.messages, 200, "{}", cell.id);
        assert!((80..160).contains(&reads), "{reads}");
        assert_eq!(round.histograms[&Tag::Read].len(), reads);
        assert_eq!(round.histograms[&Tag::Acknowledged].len(), 200 - reads);
        assert_eq!(result.slots_before, Some(0));
    }
}

#[test]
fn a_history_alone_can_be_read_and_is_left_as_it_was() {
    let plan = r#"
        backend = ["memory", "fs", "redb"]
        workers = 3
        rounds = 1
        ops = 60
        warmup = "5ms"
        [workload]
        processes = 2
        payload = 50
        reads = 100
        history = 1100
        read = ["slot", "range", "next", "latest"]
    "#;
    for (cell, round) in run_all(plan) {
        let result = &round.result;
        assert_eq!((result.messages, result.reads, result.slots_before), (60, 60, Some(1100)), "{}", cell.id);
        assert_eq!(round.histograms.keys().copied().collect::<Vec<_>>(), [Tag::Read]);
    }
}

#[test]
fn in_aggressive_mode_only_what_is_stored_is_read() {
    let plan = |warmup: &str| {
        format!(
            "backend = 'redb'\nmode = 'aggressive'\nworkers = 3\nops = 300\nwarmup = '{warmup}'\n[workload]\nreads = 50\n"
        )
    };
    let (_, round) = run_all(&plan("30ms")).pop().expect("one cell");
    assert_eq!(round.histograms[&Tag::Acknowledged].len(), round.histograms[&Tag::Durable].len());
    assert!(round.result.reads > 100);
    let dir = tempfile::tempdir().expect("a directory");
    let refused = run(&mut Driver::default(), &cells(&plan("0s"))[0], 0, dir.path());
    assert!(matches!(refused, Err(CellFailure::Refused(reason)) if reason.contains("a history or a warm-up")));
}

#[test]
fn a_store_with_history_goes_from_round_to_round() {
    for backend in ["fs", "sled", "redb"] {
        let plan = format!("backend = '{backend}'\nops = 40\nwarmup = 0\n[workload]\nprocesses = 2\nhistory = 300\n");
        let cell = &cells(&plan)[0];
        let root = tempfile::tempdir().expect("a directory");
        let mut driver = Driver::default();
        let mut before = |round| {
            let dir = fresh(root.path());
            let result =
                run(&mut driver, cell, round, &dir).unwrap_or_else(|error| panic!("{backend}: {error}")).result;
            assert_eq!((result.verified, result.messages), (Some(true), 40), "{:?}", result.failures);
            assert!(!dir.exists(), "it waits elsewhere for the next round");
            result.slots_before.expect("known")
        };
        // After two rounds it has outgrown 300 slots by more than a quarter, and is filled anew.
        assert_eq!([before(0), before(1), before(2)], [300, 340, 300], "{backend}");
        drop(driver);
        assert_eq!(std::fs::read_dir(root.path()).expect("is there").count(), 0, "nothing is left");
    }
}

#[test]
fn a_store_with_history_stays_where_it_is_asked_to() {
    let cell = &cells("backend = 'redb'\nops = 40\nwarmup = 0\n[workload]\nhistory = 300\n")[0];
    let root = tempfile::tempdir().expect("a directory");
    let dir = fresh(root.path());
    let mut driver = Driver::default();
    driver.keep_stores();
    run(&mut driver, cell, 0, &dir).expect("runs");
    let store = Kind::find("redb").expect("built in").open(&dir, &Options::default()).expect("opens");
    let mut check = Verification::of(&store, Default::default());
    check.expect_slots(340);
    assert!(check.is_sound(), "{:?}", check.failures);
}

#[test]
fn restarts_find_the_end_of_every_schedule() {
    let plan = r#"
        backend = ["fs", "sled", "redb"]
        mode = "all"
        ops = 6
        warmup = "1ms"
        [workload]
        processes = 2
        history = [0, 100]
        operation = "restart"
    "#;
    for (cell, round) in run_all(plan) {
        assert_eq!(round.histograms.keys().copied().collect::<Vec<_>>(), [Tag::Restart], "{}", cell.id);
        assert_eq!((round.histograms[&Tag::Restart].len(), round.result.messages), (6, 6));
        assert!(round.result.slots_before > Some(cell.axes.workload.history), "warming up restarts too");
    }
}

#[test]
fn the_store_by_itself_is_written_read_and_checked() {
    let plan = r#"
        backend = ["memory", "fs", "sled", "redb"]
        workers = 2
        ops = 150
        warmup = "5ms"
        [workload]
        payload = 100
        [[cells]]
        workload.operation = ["message_write", "key_write"]
        [[cells]]
        workload = { operation = ["message_read", "key_read"], history = 120 }
    "#;
    for (cell, round) in run_all(plan) {
        let is_read = cell.axes.workload.operation.is_raw_read();
        let tags: &[Tag] = if is_read { &[Tag::Read] } else { &[Tag::Acknowledged, Tag::Durable] };
        assert_eq!(round.histograms.keys().copied().collect::<Vec<_>>(), tags, "{}", cell.id);
        assert_eq!((round.result.messages, round.result.reads), (150, if is_read { 150 } else { 0 }));
        let bytes = round.result.resources.user_bytes;
        match cell.axes.workload.operation.name() {
            "key_write" => assert_eq!(bytes, Some(150 * 100), "values alone"),
            "message_write" => assert!(bytes > Some(150 * 200), "whole items"),
            _ => assert_eq!(bytes, None),
        }
    }
}

#[test]
fn bytes_of_messages_are_counted_exactly() {
    let plan = r#"
        backend = "memory"
        workers = 3
        ops = 200
        warmup = 0
        [workload]
        processes = 4
        skew = "hot:50%"
        compressible = 50
        duplicates = 10
        payload = ["1KiB", "uniform:1B..3KiB", "lognormal:median=500B,sigma=1.5"]
    "#;
    for (cell, round) in run_all(plan) {
        let mut pool = Pool::new(PoolSpec::of(&cell, SEED));
        pool.grow(200).expect("grows");
        let bytes = pool.messages().iter().map(|message| message.as_bytes().len() as u64).sum();
        assert_eq!(round.result.resources.user_bytes, Some(bytes), "{}", cell.id);
    }
}

#[test]
fn real_items_are_sent_as_they_are() {
    let dir = tempfile::tempdir().expect("a directory");
    let wallet = Wallet::ed25519_from_seed([4; 32]).expect("a key");
    let process = ItemBuilder::new().tag("Type", "Process").data("code").sign(&wallet).expect("signs");
    std::fs::write(dir.path().join("0"), process.as_bytes()).expect("writes");
    for (name, target) in [("1", process.id()), ("2", Id::from_bytes([7; 32]))] {
        let item = ItemBuilder::new().target(target).tag("Type", "Message").data(name.repeat(99)).sign(&wallet);
        std::fs::write(dir.path().join(name), item.expect("signs").as_bytes()).expect("writes");
    }
    let path = dir.path().display();
    let plan = format!(
        "backend = 'redb'\nops = 90\nwarmup = 0\n[workload]\nverify = true\nreads = 30\npayload = 'file:{path}'\n"
    );
    let (cell, round) = run_all(&plan).pop().expect("one cell");
    assert!(!cell.id.as_str().contains(&path.to_string()) && cell.id.as_str().contains("-file_"), "{}", cell.id);
    assert_eq!(round.result.messages, 90);

    std::fs::write(dir.path().join("1"), process.as_bytes()).expect("writes");
    let changed = run(&mut Driver::default(), &cell, 0, &fresh(dir.path()));
    assert!(matches!(changed, Err(CellFailure::Failed(reason)) if reason.contains("have changed")));
}
