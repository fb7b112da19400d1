//! Pruning of own schedules: what goes, what stays, and what still works.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use slotbench_core::assignments::{AssignmentsError, data_key, message_key, slot_key, uploaded_key};
use slotbench_core::item::{Item, ItemBuilder};
use slotbench_core::milestone::Mark;
use slotbench_core::operations::{Policies, ProcessPolicy, Request, Slots};
use slotbench_core::scheduler::Pruned;
use slotbench_core::uploads::{Upload, UploadConfig, UploadError, Uploader};
use slotbench_core::{Config, Id, OperationError, Operations, Scheduler, Signer, Store};
use support::{Hooked, PROCESS, assert_sound, broken_disk, client, config, memory, message, schedule, wait, wallet};

/// A bundler that accepts every slot but some.
struct Bundler(Mutex<Vec<u64>>);

impl Uploader for Bundler {
    fn upload(&self, upload: &Upload) -> Result<(), UploadError> {
        let refused = self.0.lock().unwrap().contains(&upload.slot);
        if refused { Err(UploadError::Rejected("not this one".to_owned())) } else { Ok(()) }
    }

    fn publish(&self, _: &Item) -> Result<(), UploadError> {
        Ok(())
    }
}

fn uploading(refused: &[u64]) -> Config {
    let bundler = Arc::new(Bundler(Mutex::new(refused.to_vec())));
    let uploads = UploadConfig { threads: 0, ..UploadConfig::new(bundler) };
    Config { uploads: Some(uploads), index_messages: true, ..config() }
}

/// A scheduler with these messages on [`PROCESS`], all uploaded.
fn with_messages(store: Arc<dyn Store>, messages: impl IntoIterator<Item = u32>) -> Scheduler {
    let scheduler = Scheduler::new(store, uploading(&[])).unwrap();
    for n in messages {
        schedule(&scheduler, message(n)).unwrap();
    }
    scheduler.uploads().unwrap().run_due();
    scheduler
}

fn holds(scheduler: &Scheduler, id: Id) -> bool {
    scheduler.assignments().store().get(&data_key(&id)).unwrap().is_some()
}

fn archived(result: Result<impl Sized, AssignmentsError>) -> Option<(u64, u64)> {
    match result {
        Err(AssignmentsError::Archived { process, slot, first }) if process == PROCESS => Some((slot, first)),
        _ => None,
    }
}

#[test]
fn s3_q1_a_pruned_slot_is_archived_and_the_schedule_goes_on() {
    let store = memory();
    let scheduler = with_messages(Arc::clone(&store), 0..10);
    let head = scheduler.stored_head(&PROCESS).unwrap();
    assert_eq!(scheduler.prune(&PROCESS, 3).unwrap(), Pruned { slots: 7, items: 14, first: 7 });
    let assignments = scheduler.assignments();
    for slot in 0..7 {
        assert_eq!(archived(assignments.read(&PROCESS, slot)), Some((slot, 7)));
        assert_eq!(archived(assignments.range(&PROCESS, slot, 9, 10)), Some((slot, 7)));
    }
    assert_eq!(assignments.range(&PROCESS, 7, 9, 10).unwrap().len(), 3);
    assert!(assignments.read(&PROCESS, 10).unwrap().is_none(), "what was never assigned is not archived");
    assert_eq!(scheduler.stored_head(&PROCESS).unwrap(), head);
    assert_eq!(scheduler.prune(&PROCESS, 3).unwrap(), Pruned { slots: 0, items: 0, first: 7 });
    // The running writer, the next one, and one after a restart go on with the same chain.
    schedule(&scheduler, message(10)).unwrap();
    drop(scheduler);
    let scheduler = Scheduler::new(store, uploading(&[])).unwrap();
    assert_eq!(schedule(&scheduler, message(11)).unwrap().slot, 11);
    assert_sound(&scheduler, &PROCESS, 5);
    let check = scheduler.assignments().check(&PROCESS, Default::default()).unwrap();
    assert_eq!((check.slots, check.archived, check.seams), (5, 7, Vec::new()));
    let unpruned = with_messages(memory(), 0..12);
    let chain = |scheduler: &Scheduler| scheduler.stored_head(&PROCESS).unwrap().chain;
    assert_eq!(chain(&scheduler), chain(&unpruned), "the chain does not know of it");
}

#[test]
fn s3_q1_the_head_stays_and_only_what_was_uploaded_goes() {
    let scheduler = Scheduler::new(memory(), uploading(&[4])).unwrap();
    (0..8).for_each(|n| _ = schedule(&scheduler, message(n)).unwrap());
    assert_eq!(scheduler.prune(&PROCESS, 0).unwrap(), Pruned::default(), "nothing was uploaded yet");
    scheduler.uploads().unwrap().run_due();
    assert!(scheduler.assignments().is_uploaded(&PROCESS, 3).unwrap());
    assert!(!scheduler.assignments().is_uploaded(&PROCESS, 4).unwrap());
    assert_eq!(scheduler.prune(&PROCESS, 0).unwrap(), Pruned { slots: 4, items: 8, first: 4 });
    assert_sound(&scheduler, &PROCESS, 4);
    scheduler.assignments().uploaded(&PROCESS, 4).unwrap();
    assert_eq!(scheduler.prune(&PROCESS, 0).unwrap(), Pruned { slots: 3, items: 6, first: 7 });
    assert_eq!(scheduler.assignments().latest(&PROCESS).unwrap().slot, Some(7));
    assert_sound(&scheduler, &PROCESS, 1);
    // A node without a bundler has uploaded nothing, so it prunes nothing.
    let alone = Scheduler::new(memory(), config()).unwrap();
    (0..3).for_each(|n| _ = schedule(&alone, message(n)).unwrap());
    assert_eq!(alone.prune(&PROCESS, 1).unwrap(), Pruned::default());
    assert_eq!(alone.prune(&Id::from_bytes([9; 32]), 1).unwrap(), Pruned::default());
}

#[test]
fn nothing_is_left_of_a_pruned_slot() {
    let scheduler = with_messages(memory(), 0..4);
    let receipts: Vec<_> = (0..4).map(|slot| scheduler.assignments().read(&PROCESS, slot).unwrap().unwrap()).collect();
    scheduler.prune(&PROCESS, 1).unwrap();
    let store = scheduler.assignments().store();
    for (slot, read) in (0..).zip(&receipts) {
        let (assignment, message) = (read.assignment.id(), read.message.id());
        let keys = [
            slot_key(&PROCESS, slot),
            uploaded_key(&PROCESS, slot),
            message_key(&message, &PROCESS),
            data_key(&assignment),
            data_key(&message),
        ];
        for key in keys {
            assert_eq!(store.get(&key).unwrap().is_some(), slot == 3, "{key}");
        }
    }
}

#[test]
fn contents_that_other_slots_use_stay() {
    // Message 0 has slots 0, 2 and 5; message 1 has slots 1 and 3.
    let scheduler = with_messages(memory(), [0, 1, 0, 1, 2, 0]);
    let other = Id::from_bytes([9; 32]);
    // An assignment of one process may be a message of another, and a message may be on two.
    let first = scheduler.assignments().read(&PROCESS, 0).unwrap().unwrap();
    let shared = ItemBuilder::new().tag("type", "Message").data("for anybody").sign(&client()).unwrap();
    for message in [first.assignment.item().clone(), shared.clone()] {
        wait(scheduler.schedule_on(other, message, Mark::default())).unwrap();
    }
    wait(scheduler.schedule_on(PROCESS, shared.clone(), Mark::default())).unwrap();
    scheduler.uploads().unwrap().run_due();
    // Slots 0 to 4 go: five assignments but the shared one, message 1 with its last slot, message 2; 0 stays for slot 5.
    assert_eq!(scheduler.prune(&PROCESS, 2).unwrap(), Pruned { slots: 5, items: 6, first: 5 });
    let kept = [message(0).id(), shared.id(), first.assignment.id()];
    assert!(kept.iter().all(|id| holds(&scheduler, *id)));
    assert!(!holds(&scheduler, message(1).id()) && !holds(&scheduler, message(2).id()));
    assert_sound(&scheduler, &PROCESS, 2);
    assert_sound(&scheduler, &other, 2);
    // Slot 5 goes, and with it the last use of message 0; what the other process uses stays.
    assert_eq!(scheduler.prune(&PROCESS, 1).unwrap(), Pruned { slots: 1, items: 2, first: 6 });
    assert!(!holds(&scheduler, message(0).id()) && holds(&scheduler, shared.id()));
    assert_sound(&scheduler, &other, 2);
}

#[test]
fn what_is_scheduled_again_while_pruning_keeps_its_content() {
    // Pruning looks for uses of message 0, finds none, and before it removes anything the message comes once more: after
    // the fourth scan, which finds that the only process, whose slots the third has listed, has no more of them.
    let again = Arc::new(Mutex::new(None::<Arc<Scheduler>>));
    let (late, scans) = (Arc::clone(&again), AtomicUsize::new(0));
    let store = Hooked::watching_scans(memory(), move || {
        let mut late = late.lock().unwrap();
        if late.is_some() && scans.fetch_add(1, Ordering::SeqCst) == 3 {
            let scheduler = late.take().unwrap();
            std::thread::spawn(move || schedule(&scheduler, message(0)).unwrap()).join().unwrap();
        }
    });
    let scheduler = Arc::new(with_messages(store, 0..4));
    *again.lock().unwrap() = Some(Arc::clone(&scheduler));
    let pruned = scheduler.prune(&PROCESS, 1).unwrap();
    assert!(again.lock().unwrap().is_none(), "the message came meanwhile");
    // Slot 3 is no longer the head, so it goes as well, in a second round.
    assert_eq!((pruned.slots, pruned.items), (4, 7));
    assert!(holds(&scheduler, message(0).id()));
    assert_sound(&scheduler, &PROCESS, 1);
}

#[test]
fn messages_that_are_scheduled_while_pruning_are_all_readable() {
    let scheduler = Arc::new(with_messages(memory(), (0..600).map(|n| n % 7)));
    let writer = {
        let scheduler = Arc::clone(&scheduler);
        std::thread::spawn(move || (0..300).for_each(|n| _ = schedule(&scheduler, message(n % 7)).unwrap()))
    };
    let pruned = scheduler.prune(&PROCESS, 1).unwrap();
    writer.join().unwrap();
    assert!(pruned.slots >= 599, "{pruned:?}");
    assert_sound(&scheduler, &PROCESS, 900 - pruned.first);
    (0..7).for_each(|n| assert!(holds(&scheduler, message(n).id())));
}

#[test]
fn a_failed_batch_prunes_nothing_or_all_of_its_slots() {
    for failing in 0..3 {
        let fails = Arc::new(Mutex::new(None::<u64>));
        let countdown = Arc::clone(&fails);
        let store = Hooked::new(memory(), move |_| {
            let mut left = countdown.lock().unwrap();
            let now = *left;
            *left = now.and_then(|left| left.checked_sub(1));
            if now == Some(0) { Err(broken_disk()) } else { Ok(()) }
        });
        let scheduler = with_messages(store, 0..700);
        *fails.lock().unwrap() = Some(failing);
        assert!(matches!(scheduler.prune(&PROCESS, 1), Err(AssignmentsError::Store(_))));
        assert_sound(&scheduler, &PROCESS, 700 - 256 * failing);
        assert_eq!(scheduler.prune(&PROCESS, 1).unwrap().first, 699);
        assert_sound(&scheduler, &PROCESS, 1);
    }
}

#[test]
fn operations_tell_archived_slots_and_keep_definitions() {
    let process = ItemBuilder::new().tag("Type", "Process").tag("Scheduler", wallet().address().to_string());
    let process = process.sign(&client()).unwrap();
    let scheduler = Arc::new(Scheduler::new(memory(), uploading(&[])).unwrap());
    let operations = Operations::new(Arc::clone(&scheduler), Policies::default());
    wait(operations.schedule(&Request::post(process.clone()))).unwrap();
    for n in 0..5 {
        wait(operations.schedule(&Request::post(support::message_for(process.id(), n)))).unwrap();
    }
    scheduler.uploads().unwrap().run_due();
    let times =
        |operations: &Operations, after| operations.slots_in_time(&Request::about(process.id()), after, None).unwrap();
    assert_eq!(scheduler.prune(&process.id(), 2).unwrap(), Pruned { slots: 4, items: 7, first: 4 });
    // The definition has gone from its slot and is still what tells who schedules the process.
    scheduler.evict_idle();
    let about = Request::about(process.id());
    assert_eq!(operations.process(&about).unwrap(), process);
    let is_archived = |error: OperationError, slot| {
        matches!(
            error, OperationError::Archived { slot: found, first: 4, .. } if found == slot
        )
    };
    assert!(is_archived(operations.read(&about, Slots::ALL).unwrap_err(), 0));
    let mut follower = operations.follow(&about, Some(1)).unwrap();
    assert!(is_archived(operations.next(&mut follower).unwrap_err(), 2));
    let page = operations.read(&about, Slots::from(4)).unwrap();
    assert_eq!(page.assignments.iter().map(|read| read.assignment.slot()).collect::<Vec<_>>(), [4, 5]);
    assert!(operations.read(&about, Slots::from(6)).unwrap().assignments.is_empty());
    assert_eq!((times(&operations, None).first(), times(&operations, Some(0)).first()), (4, 4));
    let restarted = Arc::new(Scheduler::new(Arc::clone(scheduler.assignments().store()), uploading(&[])).unwrap());
    let operations = Operations::new(restarted, Policies::default());
    assert_eq!(operations.slot(&about).unwrap().current, Some(5));
    assert_eq!(operations.policies().processes, ProcessPolicy::Ours);
}
