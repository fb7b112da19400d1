//! What must hold of every text that is read as a document of another node. The fuzz target `document` includes this file.

use slotbench_core::Signer as _;
use slotbench_core::operations::SchedulePage;
use slotbench_core::wallet::NoSigner;
use slotbench_node::wire::native::ScheduleForm;
use slotbench_node::wire::read::ReadLimits;
use slotbench_node::wire::read::document::Document;
use slotbench_node::wire::read::legacy::{self, Body, LegacyPage};
use slotbench_node::wire::read::native::{self, NativePage};
use slotbench_node::wire::{gateway, json};

const LIMITS: ReadLimits = ReadLimits { entries: 4 };

/// Reads a text as every kind of document there is. True if it was one.
pub(crate) fn read(text: &[u8]) -> bool {
    let mut any = legacy::page(text, LIMITS).map(|page| check_legacy(&page)).is_ok();
    any |= native::schedule(text, LIMITS).map(check_native).is_ok();
    any |= legacy::item(text).map(|entry| check_document(&entry.assignment)).is_ok();
    any |= legacy::process(text).map(|document| check_document(&document)).is_ok();
    any |= legacy::posted(text).is_ok();
    any |= native::assignment(text).is_ok();
    any |= native::slot(text).is_ok();
    any |= native::record(text).is_ok();
    any |= gateway::newest(text, &NoSigner.address()).is_ok();
    any
}

/// What can be put together again has the id it was given with.
fn check_document(document: &Document) {
    if let Ok(item) = document.item() {
        assert_eq!(item.id(), document.id);
    }
}

fn check_legacy(page: &LegacyPage) {
    assert!(page.entries.len() <= LIMITS.entries && (page.cut.is_none() || page.continues));
    assert!(page.entries.windows(2).all(|pair| pair[0].slot.checked_add(1) == Some(pair[1].slot)));
    for entry in &page.entries {
        check_document(&entry.assignment);
        if let Body::Message(message) = &entry.body {
            check_document(message);
        }
        if let Ok(scheduled) = entry.scheduled(|_| None) {
            assert_eq!(scheduled.assignment.slot(), entry.slot);
        }
    }
}

/// What was read is written, and read again, as it was.
fn check_native(page: NativePage) {
    assert!(page.assignments.len() <= LIMITS.entries && (page.cut.is_none() || page.continues));
    let slots: Vec<_> = page.assignments.iter().map(|scheduled| scheduled.assignment.slot()).collect();
    assert!(slots.windows(2).all(|pair| pair[0].checked_add(1) == Some(pair[1])));
    assert!(page.assignments.iter().all(|scheduled| scheduled.assignment.process() == page.process));
    let NativePage { process, assignments, continues, timestamp, block, .. } = page;
    let next_from = continues.then(|| slots.last().map_or(0, |slot| slot.saturating_add(1)));
    let page = SchedulePage { process, assignments, next_from, timestamp, block };
    let mut written = Vec::new();
    json::write(&mut written, &ScheduleForm::from(&page)).expect("writes");
    let again = native::schedule(&written, LIMITS).expect("is a schedule");
    assert_eq!((again.process, again.continues, again.cut), (page.process, continues, None));
    assert_eq!((again.timestamp, again.block), (page.timestamp, page.block));
    let items = |page: &[slotbench_core::assignments::Scheduled]| {
        page.iter().map(|one| (one.assignment.item().clone(), one.message.clone())).collect::<Vec<_>>()
    };
    assert_eq!(items(&again.assignments), items(&page.assignments));
}
