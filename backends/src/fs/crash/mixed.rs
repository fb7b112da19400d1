//! Batches of different tiers in one store.

use slotbench_core::store::{Batch, Durability, Store as _};

use super::{CUTS, batch, directory, key, number_at, open, open_on, open_with, whole_batches};
use crate::fs::Fs;
use crate::fs::simulated::{Cut, Fault};

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
fn a_sync_covers_what_an_earlier_process_never_synced() {
    let (place, image) = (directory(), directory());
    let (store, disk) = open_with(place.path(), "8", Fault::Never);
    let store = store.expect("it opens");
    (0..3).for_each(|number| store.apply(&batch(number), Durability::Process).expect("it stores"));
    drop(store);
    let store = open_on(&disk, place.path(), "8").expect("it opens");
    store.sync().expect("it syncs");
    let synced = disk.syncs();
    store.sync().expect("it syncs");
    assert_eq!(disk.syncs(), synced, "nothing is left to sync");
    disk.cut(Cut::Strict, image.path());
    assert_eq!(whole_batches(&open(image.path())), 3);
}

#[test]
fn a_sync_covers_more_values_than_are_kept_open() {
    let (place, image) = (directory(), directory());
    let (store, disk) = open_with(place.path(), "8", Fault::Never);
    let store = store.expect("it opens");
    let count = 2 * crate::fs::unsynced::MAX_HELD as u64;
    (0..count).for_each(|number| store.apply(&mixed(number), Durability::Process).expect("it stores"));
    store.sync().expect("it syncs");
    disk.cut(Cut::Strict, image.path());
    let store = open(image.path());
    assert!((0..count).all(|number| number_at(&store, &format!("own/{number}")) == Some(number)));
}

#[test]
fn a_sync_covers_a_weak_batch_of_more_values_than_are_kept_open() {
    let (place, image) = (directory(), directory());
    let (store, disk) = open_with(place.path(), "8", Fault::Never);
    let store = store.expect("it opens");
    let count = crate::fs::unsynced::MAX_HELD as u64 + 9;
    // Keeps the journal in use, so that the weak batch ends in a checkpoint, which cannot cover all of it.
    store.apply(&shared(1), Durability::Power).expect("it stores");
    let mut batch = Batch::new();
    (0..count).for_each(|number| _ = batch.put(key(&format!("own/{number}")), number.to_string().into()));
    store.apply(&batch, Durability::Process).expect("it stores");
    store.sync().expect("it syncs");
    disk.cut(Cut::Strict, image.path());
    let store = open(image.path());
    assert!((0..count).all(|number| number_at(&store, &format!("own/{number}")) == Some(number)));
}

/// A value for `shared`, long enough to take more than one sector of the journal, and a link.
fn shared(number: u64) -> Batch {
    let mut batch = Batch::new();
    batch.put(key("shared"), format!("{number:700}").into()).link(key("to"), key("shared"));
    batch
}

#[test]
fn overwriting_the_journal_never_brings_back_its_first_records_alone() {
    for seed in 0..64 {
        let (place, image) = (directory(), directory());
        let (store, disk) = open_with(place.path(), "4", Fault::Never);
        let store = store.expect("it opens");
        store.apply(&shared(1), Durability::Power).expect("it stores");
        store.apply(&shared(2), Durability::Power).expect("it stores, and makes a checkpoint");
        let mut longer = Batch::new();
        longer.put(key("other"), vec![0; 1200].into()).group(key("g"));
        store.apply(&longer, Durability::Process).expect("it stores");
        disk.cut(Cut::Random(seed), image.path());
        assert_eq!(number_at(&open(image.path()), "shared"), Some(2), "seed {seed}");
    }
}

#[test]
fn a_record_the_kernel_wrote_back_never_overrules_what_was_synced_later() {
    for at in 1..100 {
        let (place, image) = (directory(), directory());
        let (store, disk) = open_with(place.path(), "9", Fault::WriteBack(at));
        let store = store.expect("it opens");
        store.apply(&shared(1), Durability::Process).expect("it stores");
        let mut alone = Batch::new();
        alone.put(key("shared"), "2".into());
        store.apply(&alone, Durability::Process).expect("it stores, without the journal");
        store.sync().expect("it syncs");
        disk.cut(Cut::Strict, image.path());
        assert_eq!(number_at(&open(image.path()), "shared"), Some(2), "written back before operation {at}");
        if disk.calls() < at {
            return;
        }
    }
    panic!("no run ended before the write-back");
}

#[test]
fn a_weak_write_without_the_journal_is_not_undone_by_the_journal() {
    let (place, image) = (directory(), directory());
    let (store, disk) = open_with(place.path(), "9", Fault::Never);
    let store = store.expect("it opens");
    store.apply(&shared(1), Durability::Power).expect("it stores");
    let mut alone = Batch::new();
    alone.put(key("shared"), "2".into());
    store.apply(&alone, Durability::Process).expect("it stores");
    disk.cut(Cut::Process, image.path());
    assert_eq!(number_at(&open(image.path()), "shared"), Some(2));
}

#[test]
fn records_of_a_process_that_died_are_never_read_behind_those_of_the_next() {
    let images = [directory(), directory(), directory()];
    let batches = [&[1, 2, 3][..], &[4], &[]];
    for (at, numbers) in batches.iter().enumerate() {
        let (store, disk) = open_with(images[at].path(), "99", Fault::Never);
        let store = store.expect("it opens");
        assert_eq!(number_at(&store, "shared"), [None, Some(3), Some(4)][at]);
        numbers.iter().for_each(|number| store.apply(&shared(*number), Durability::Power).expect("it stores"));
        if let Some(next) = images.get(at + 1) {
            disk.cut(Cut::Process, next.path());
        }
    }
}
