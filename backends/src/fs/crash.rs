//! Crashes, power cuts and failures after every single file operation.

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
    let options = Options::new([("checkpoint_ops".to_owned(), checkpoint_ops.to_owned())].into());
    (Fs::open_with(path, &options, Box::new(Arc::clone(&disk))), disk)
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

fn writes_shared(number: u64) -> bool {
    !number.is_multiple_of(3)
}

/// One batch of the mixed run: keys of its own, and one that all share.
fn mixed(number: u64) -> Batch {
    let mut batch = Batch::new();
    batch.put(key(&format!("own/{number}")), number.to_string().into());
    if writes_shared(number) {
        batch.put(key("shared"), number.to_string().into()).link(key(&format!("to/{number}")), key("shared"));
    }
    batch
}

fn number_at(store: &Fs, path: &str) -> Option<u64> {
    match store.get(&key(path)).expect("readable") {
        Some(Entry::Value(bytes)) => std::str::from_utf8(&bytes).ok().and_then(|text| text.parse().ok()),
        _ => None,
    }
}

#[test]
fn batches_of_the_power_tier_and_all_before_a_sync_survive_a_cut_among_weaker_ones() {
    for at in 1..400 {
        let place = directory();
        let (store, disk) = open_with(place.path(), "7", Fault::From(at));
        let Ok(store) = store else { continue };
        let kept = mixed_run(&store);
        for cut in CUTS {
            let image = directory();
            disk.cut(cut, image.path());
            let store = open(image.path());
            for number in &kept {
                assert_eq!(number_at(&store, &format!("own/{number}")), Some(*number), "own/{number}, death at {at}");
            }
            let newest = kept.iter().copied().filter(|number| writes_shared(*number)).max();
            let shared = number_at(&store, "shared");
            // A weaker batch that overwrote it last may have torn it, which is not a number; but nothing old comes back.
            let torn = shared.is_none() && matches!(cut, Cut::Random(_));
            assert!(torn || shared >= newest, "{shared:?} after {newest:?}, death at {at}, {cut:?}");
        }
        if disk.calls() < at {
            return;
        }
    }
    panic!("no run ended without a crash");
}

/// Batches of changing tiers, now and then a sync; those that were promised to survive.
fn mixed_run(store: &Fs) -> Vec<u64> {
    let mut kept = Vec::new();
    let mut done = Vec::new();
    for number in 0..14 {
        let tier = if number % 4 == 1 { Durability::Power } else { Durability::Process };
        if store.apply(&mixed(number), tier).is_err() {
            break;
        }
        done.push(number);
        if tier == Durability::Power {
            kept.push(number);
        }
        if number % 6 == 4 && store.sync().is_ok() {
            kept.clone_from(&done);
        }
    }
    kept
}

#[test]
fn a_sync_after_reopening_covers_what_an_earlier_process_never_synced() {
    let place = directory();
    let store = open(place.path());
    (0..3).for_each(|number| store.apply(&batch(number), Durability::Process).expect("it stores"));
    drop(store);
    // The first process's files are all loaded as durable, so count: the second one has to sync every one of them.
    let store = open(place.path());
    let syncs = |store: &Fs| store.counters().syncs.expect("counted");
    let before = syncs(&store);
    store.sync().expect("it syncs");
    let files_and_directories = 5 + 12;
    assert!(syncs(&store) - before >= files_and_directories, "{}", syncs(&store) - before);
    let before = syncs(&store);
    store.sync().expect("it syncs");
    assert_eq!(syncs(&store), before, "nothing is left to sync");
}

#[test]
fn the_syncs_reported_are_those_that_were_asked_for() {
    let place = directory();
    let (store, disk) = open_with(place.path(), "17", Fault::Never);
    let store = store.expect("it opens");
    assert_eq!(store.counters().syncs, Some(disk.syncs()));
    for (number, tier) in (0..9).zip(Durability::ALL.into_iter().cycle()) {
        store.apply(&batch(number), tier).expect("it stores");
        assert_eq!(store.counters().syncs, Some(disk.syncs()));
    }
    store.sync().expect("it syncs");
    assert_eq!(store.counters().syncs, Some(disk.syncs()));
    assert!(store.counters().engine["checkpoints"] > 0);
}

#[test]
fn a_batch_costs_one_sync_and_a_checkpoint_one_per_value_and_directory() {
    let place = directory();
    let (store, disk) = open_with(place.path(), "40", Fault::Never);
    let store = store.expect("it opens");
    let scheduled = |number: u64| {
        let mut batch = Batch::new();
        let content = format!("data/{number}");
        batch.put(key(&content), "message".into()).link(key(&format!("slots/{number}")), key(&content));
        batch
    };
    let cost = |numbers: std::ops::Range<u64>| {
        let before = disk.syncs();
        numbers.for_each(|number| store.apply(&scheduled(number), Durability::Power).expect("it stores"));
        disk.syncs() - before
    };
    assert_eq!(cost(0..19), 19);
    // The record, 20 values, `+1` of both with their 4 ancestors, and the journal's start.
    assert_eq!(cost(19..20), 1 + 20 + 2 + 4 + 1);
    assert_eq!(cost(20..39), 19);
    assert_eq!(cost(39..40), 1 + 20 + 2 + 1, "directories are made once");
}

#[test]
fn the_power_tier_is_refused_in_memory() {
    let place = directory();
    let disk = Disk::load(place.path(), Fault::Never);
    disk.pretend(super::setup::TMPFS);
    let store = Fs::open_with(place.path(), &Options::default(), Box::new(disk)).expect("it opens");
    let refused = store.apply(&batch(0), Durability::Power);
    assert!(
        matches!(&refused, Err(StoreError::Tier { asked: Durability::Power, reason, .. }) if reason.contains("tmpfs")),
        "{refused:?}"
    );
    assert_eq!(store.describe().tiers[2].effective, None);
    assert_eq!(contents(&store).expect("readable"), []);
    store.apply(&batch(0), Durability::Process).expect("weaker tiers are not");
    store.sync().expect("as far as it goes");
    assert_eq!(whole_batches(&store), 1);
}
