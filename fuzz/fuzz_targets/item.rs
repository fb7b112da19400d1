//! ANS-104 items, and assignments made of them.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use slotbench_core::assignment::Assignment;
use slotbench_core::item::Item;

fuzz_target!(|bytes: &[u8]| {
    let Ok(item) = Item::parse(Bytes::copy_from_slice(bytes)) else { return };
    assert_eq!(item.as_bytes(), bytes);
    let tags: Vec<_> = item.tags().collect();
    assert_eq!(tags.len(), item.tags().len());
    for (name, value) in &tags {
        let first = std::str::from_utf8(name).ok().map(|name| item.tag(name));
        assert!(first.is_none_or(|first| first.is_some()), "{value:?}");
    }
    let parts = item.signature().len() + item.owner().len() + item.data().len();
    assert!(parts <= bytes.len());
    let _ = (item.target(), item.anchor(), item.owner_address());
    if item.is_signed() {
        let _ = item.verify();
    }
    if let Ok(assignment) = Assignment::parse(item.clone()) {
        assert_eq!((assignment.id(), assignment.item()), (item.id(), &item));
        let _ = (assignment.path(), assignment.chain(), assignment.block());
    }
});
