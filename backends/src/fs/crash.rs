//! Crashes, power cuts and failures after every single file operation.

mod cost;
mod mixed;

use std::path::Path;
use std::sync::Arc;

use slotbench_core::Key;
use slotbench_core::store::{Batch, Durability, Entry, Store, StoreError};
use slotbench_core::testing::Model;
use tempfile::TempDir;

use super::Fs;
use super::simulated::{Cut, Disk, Fault};
use crate::Options;

const PROCESS: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
/// The cuts looked at after each operation.
const CUTS: [Cut; 4] = [Cut::Strict, Cut::Random(1), Cut::Random(2), Cut::Random(3)];

fn key(path: &str) -> Key {
    Key::parse(path).expect("a valid path")
}

/// In memory where that is possible: the disk is a simulated one anyway, and thousands of stores are made.
fn directory() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("a temporary directory")
}

fn open_with(path: &Path, checkpoint_ops: &str, fault: Fault) -> (Result<Fs, StoreError>, Arc<Disk>) {
    let disk = Disk::load(path, fault);
    (open_on(&disk, path, checkpoint_ops), disk)
}

fn open_on(disk: &Arc<Disk>, path: &Path, checkpoint_ops: &str) -> Result<Fs, StoreError> {
    let options = Options::new([("checkpoint_ops".to_owned(), checkpoint_ops.to_owned())].into());
    Fs::open_with(path, &options, Box::new(Arc::clone(disk)))
}

fn open(path: &Path) -> Fs {
    open_with(path, "8", Fault::Never).0.expect("it opens after any crash")
}

/// A batch with everything in it: new and overwritten values, links, a link replaced, groups, deletes, and a value
/// longer than a sector.
fn batch(number: u64) -> Batch {
    let mut batch = Batch::new();
    let content = format!("data/{number}");
    batch.put(key(&content), format!("message {number} {}", "x".repeat(700)).into());
    batch.put(key("state/head"), number.to_string().into());
    batch.link(key(&format!("assignments/{PROCESS}/{}", 998 + number)), key(&content));
    batch.link(key("latest"), key(&content));
    batch.group(key(&format!("groups/g{number}")));
    batch.put(key(&format!("deep/{number}/a/b")), "".into());
    batch.delete(key(&format!("deep/{}/a/b", number.saturating_sub(1))));
    batch
}

/// Every entry.
fn contents(store: &dyn Store) -> Result<Vec<(Key, Option<Entry>)>, StoreError> {
    let found = store.scan(&Key::root(), &Key::root(), usize::MAX)?;
    found.into_iter().map(|(key, _)| store.get(&key).map(|entry| (key, entry))).collect()
}

fn number_at(store: &Fs, path: &str) -> Option<u64> {
    match store.get(&key(path)).expect("readable") {
        Some(Entry::Value(bytes)) => std::str::from_utf8(&bytes).ok().and_then(|text| text.trim().parse().ok()),
        _ => None,
    }
}

/// What is stored after the first `count` batches.
fn expected(count: u64) -> Vec<(Key, Option<Entry>)> {
    let model = Model::new();
    (0..count).for_each(|number| model.apply(&batch(number), Durability::Power).expect("a model takes everything"));
    contents(&model).expect("a model answers")
}

/// The number of batches that are stored, all of them whole.
fn whole_batches(store: &dyn Store) -> u64 {
    let found = contents(store).expect("readable after any crash");
    let matching = (0..10).find(|count| expected(*count) == found);
    matching.unwrap_or_else(|| panic!("a batch is there in part: {found:#?}"))
}

/// Applies batches until one fails, at most five; how many were acknowledged.
fn run(path: &Path, tier: Durability, fault: Fault) -> (u64, Arc<Disk>) {
    let (store, disk) = open_with(path, "17", fault);
    let acknowledged = store.map_or(0, |store| acknowledged(&store, tier));
    (acknowledged, disk)
}

fn acknowledged(store: &Fs, tier: Durability) -> u64 {
    (0..5).take_while(|number| store.apply(&batch(*number), tier).is_ok()).count() as u64
}

/// For every n: the store dies in operation n. Then `check` sees its directory, what was acknowledged, the disk.
fn dying_everywhere(tier: Durability, check: impl Fn(&Path, u64, &Disk)) {
    let mut survived = false;
    for at in (1..).take_while(|at| *at < 1000) {
        let place = directory();
        let (acknowledged, disk) = run(place.path(), tier, Fault::From(at));
        check(place.path(), acknowledged, &disk);
        survived = disk.calls() < at;
        if survived {
            assert_eq!(acknowledged, 5);
            break;
        }
    }
    assert!(survived, "some run ends without a crash");
}

fn assert_whole(path: &Path, acknowledged: u64) {
    let store = open(path);
    let stored = whole_batches(&store);
    assert!((acknowledged..=acknowledged + 1).contains(&stored), "{acknowledged} acknowledged, {stored} stored");
    store.apply(&batch(stored), Durability::Power).expect("it takes the next batch");
    assert_eq!(whole_batches(&store), stored + 1);
}

#[test]
fn a_process_crash_after_any_operation_keeps_whole_batches_and_all_acknowledged() {
    for tier in Durability::ALL {
        dying_everywhere(tier, |path, acknowledged, _| assert_whole(path, acknowledged));
    }
}

#[test]
fn a_power_cut_after_any_operation_keeps_whole_batches_and_all_acknowledged() {
    dying_everywhere(Durability::Power, |_, acknowledged, disk| {
        for cut in CUTS {
            let image = directory();
            disk.cut(cut, image.path());
            assert_whole(image.path(), acknowledged);
        }
    });
}

#[test]
fn a_power_cut_shows_what_the_process_tier_does_not_promise() {
    let place = directory();
    let (acknowledged, disk) = run(place.path(), Durability::Process, Fault::Never);
    let image = directory();
    disk.cut(Cut::Strict, image.path());
    assert_eq!((acknowledged, whole_batches(&open(image.path()))), (5, 0), "the simulation loses what is not synced");
}

#[test]
fn a_crash_or_cut_during_recovery_can_be_recovered_from() {
    for at in 1..200 {
        let place = directory();
        // Dies with three batches in the journal and none checkpointed.
        let (store, before) = open_with(place.path(), "99", Fault::Never);
        let store = store.expect("it opens");
        (0..3).for_each(|number| store.apply(&batch(number), Durability::Power).expect("it stores"));
        let (image, again) = (directory(), directory());
        before.cut(Cut::Random(at), image.path());
        let (recovered, disk) = open_with(image.path(), "99", Fault::From(at));
        let done = recovered.is_ok();
        drop(recovered);
        disk.cut(Cut::Random(at + 1), again.path());
        assert_whole(again.path(), 3);
        assert_whole(image.path(), 3);
        if done && disk.calls() < at {
            return;
        }
    }
    panic!("recovery never ends");
}

#[test]
fn after_a_failed_operation_the_store_refuses_batches_and_shows_no_half() {
    let mut poisoned_reads = 0;
    for at in 1..1000 {
        let place = directory();
        let (store, disk) = open_with(place.path(), "17", Fault::Once(at));
        let Ok(store) = store else {
            assert_whole(place.path(), 0);
            continue;
        };
        let acknowledged = acknowledged(&store, Durability::Power);
        if acknowledged == 5 {
            // The one failure is left for closing, which may fail.
            assert!(disk.calls() < at || at > 100);
            assert_whole_at(place, store, 5);
            assert!(poisoned_reads > 0, "a failure in the middle of publication was met");
            return;
        }
        let refused = store.apply(&batch(9), Durability::Process);
        assert!(matches!(refused, Err(StoreError::Poisoned { .. })), "{refused:?}");
        assert!(matches!(store.sync(), Err(StoreError::Poisoned { .. })));
        match contents(&store) {
            Ok(_) => assert!((acknowledged..=acknowledged + 1).contains(&whole_batches(&store))),
            Err(error) => {
                assert!(matches!(error, StoreError::Poisoned { .. }), "{error}");
                poisoned_reads += 1;
            }
        }
        assert_whole_at(place, store, acknowledged);
    }
    panic!("no run ended without a failure");
}

fn assert_whole_at(place: TempDir, store: Fs, acknowledged: u64) {
    drop(store);
    assert_whole(place.path(), acknowledged);
}

#[test]
fn a_failed_sync_is_reported_with_operation_and_path_and_never_forgotten() {
    let place = directory();
    let store = open(place.path());
    store.apply(&batch(0), Durability::Power).expect("it stores");
    drop(store);
    // Leaves an empty journal, as the next opening does: from there on they do the same.
    drop(open(place.path()));
    let (opened, disk) = open_with(place.path(), "99", Fault::Never);
    let calls = disk.calls();
    drop(opened);
    // The first batch stages three values, writes the record, and syncs it.
    let (store, _) = open_with(place.path(), "99", Fault::Once(calls + 5));
    let store = store.expect("it opens");
    let failed = store.apply(&batch(1), Durability::Power).expect_err("its sync fails");
    assert!(matches!(&failed, StoreError::Io { op: "fdatasync", path, .. } if path.ends_with("/journal")), "{failed}");
    for _ in 0..3 {
        let refused = store.apply(&batch(1), Durability::Power).expect_err("poisoned");
        assert!(matches!(&refused, StoreError::Poisoned { reason } if reason.contains("fdatasync")), "{refused}");
    }
    assert_eq!(whole_batches(&store), 1, "reads go on");
    drop(store);
    assert_eq!(whole_batches(&open(place.path())), 1);
}
