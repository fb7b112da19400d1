//! What durability costs, in syncs.

use slotbench_core::store::{Batch, Durability, Store as _, StoreError};

use super::{batch, contents, directory, key, open_with, whole_batches};
use crate::Options;
use crate::fs::Fs;
use crate::fs::setup::TMPFS;
use crate::fs::simulated::{Disk, Fault};

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
    disk.pretend(TMPFS);
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
