//! What an engine with byte-string keys stores as a value: one tag byte, then the payload.
//!
//! | tag | payload |
//! |---|---|
//! | `00` value | the bytes |
//! | `01` link | the encoded key it leads to |
//! | `02` group | nothing |
//!
//! The tag comes first, so that the payload of a buffer an engine hands out is that buffer without its first byte.

use std::ops::Bound;

use bytes::Bytes;
use slotbench_core::Key;
use slotbench_core::store::{Entry, Node, Op, StoreError};

const VALUE: u8 = 0;
const LINK: u8 = 1;
const GROUP: u8 = 2;

/// Stands for the root where an engine has no empty keys: no encoded segment starts with it, and it sorts before all.
pub const ROOT: &[u8] = &[0];

/// The two ends of a range of encoded keys.
pub type Bounds<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

/// A value on its way to disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    tag: u8,
    payload: &'a [u8],
}

impl<'a> Record<'a> {
    /// What `op` stores; `None` for a removal.
    pub fn of(op: &'a Op) -> Option<Self> {
        match op {
            Op::Put { value, .. } => Some(Self { tag: VALUE, payload: value }),
            Op::Link { target, .. } => Some(Self { tag: LINK, payload: target.as_bytes() }),
            Op::Group { .. } => Some(Self { tag: GROUP, payload: &[] }),
            Op::Delete { .. } => None,
        }
    }

    /// Bytes it takes.
    pub fn size(&self) -> usize {
        1 + self.payload.len()
    }

    /// Its tag and its payload.
    pub fn parts(&self) -> (u8, &'a [u8]) {
        (self.tag, self.payload)
    }

    /// Writes it to `out`, which is [`size`](Self::size) bytes long.
    pub fn write_to(&self, out: &mut [u8]) {
        if let Some((tag, payload)) = out.split_first_mut() {
            *tag = self.tag;
            payload.copy_from_slice(self.payload);
        }
    }

    /// Replaces the content of `out` by it, for engines that want the value in one piece.
    pub fn fill(&self, out: &mut Vec<u8>) {
        out.clear();
        out.reserve(self.size());
        out.push(self.tag);
        out.extend_from_slice(self.payload);
    }
}

/// The entry stored as `stored`; `value` makes the bytes of a value from its payload.
///
/// # Errors
/// [`StoreError::Corrupt`] for bytes that are no record.
pub fn entry(key: &Key, stored: &[u8], value: impl FnOnce(&[u8]) -> Bytes) -> Result<Entry, StoreError> {
    match stored.split_first() {
        Some((&VALUE, payload)) => Ok(Entry::Value(value(payload))),
        Some((&LINK, target)) => Ok(Entry::Link(link(key, target)?)),
        Some((&GROUP, [])) => Ok(Entry::Group),
        _ => Err(corrupt(key, stored)),
    }
}

/// The entry `encoded` -> `stored` as a scan tells it.
///
/// # Errors
/// [`StoreError::Corrupt`] for bytes that are no key or no record.
pub fn node(encoded: &[u8], stored: &[u8]) -> Result<(Key, Node), StoreError> {
    let key = key(encoded)?;
    let node = match stored.split_first() {
        Some((&VALUE, payload)) => Node::Value(payload.len() as u64),
        Some((&LINK, target)) => Node::Link(link(&key, target)?),
        Some((&GROUP, [])) => Node::Group,
        _ => return Err(corrupt(&key, stored)),
    };
    Ok((key, node))
}

/// The range of [`Store::scan`](slotbench_core::Store::scan): strictly below `prefix`, from `from` on. `fence` is
/// the prefix's; `None` where the range is empty.
pub fn bounds<'a>(prefix: &'a Key, from: &'a Key, fence: &'a Key) -> Option<Bounds<'a>> {
    // Engines panic on, or refuse, a range that ends before it starts.
    let start = if from > prefix { Bound::Included(from.as_bytes()) } else { Bound::Excluded(prefix.as_bytes()) };
    (from < fence).then(|| (start, Bound::Excluded(fence.as_bytes())))
}

/// An encoded key as an engine without empty keys stores it.
pub fn never_empty(key: &[u8]) -> &[u8] {
    if key.is_empty() { ROOT } else { key }
}

/// [`bounds`] for an engine without empty keys.
pub fn above_root((start, end): Bounds<'_>) -> Bounds<'_> {
    match start {
        Bound::Excluded([]) => (Bound::Excluded(ROOT), end),
        start => (start, end),
    }
}

fn key(encoded: &[u8]) -> Result<Key, StoreError> {
    Key::from_encoded(encoded)
        .map_err(|cause| StoreError::Corrupt { path: encoded.escape_ascii().to_string(), reason: cause.to_string() })
}

fn link(key: &Key, target: &[u8]) -> Result<Key, StoreError> {
    Key::from_encoded(target)
        .map_err(|cause| StoreError::Corrupt { path: key.to_string(), reason: format!("link target: {cause}") })
}

fn corrupt(key: &Key, stored: &[u8]) -> StoreError {
    let reason = match stored.first() {
        None => "an empty record".to_owned(),
        Some(tag) => format!("not a record (tag {tag:#04x}, {} bytes)", stored.len()),
    };
    StoreError::Corrupt { path: key.to_string(), reason }
}

#[cfg(test)]
mod tests {
    use slotbench_core::Batch;

    use super::*;

    fn at(path: &str) -> Key {
        Key::parse(path).expect("a valid path")
    }

    #[test]
    fn every_kind_of_record_round_trips_both_ways_of_writing() {
        let mut batch = Batch::new();
        batch.put(at("v"), Bytes::from_static(b"bytes")).put(at("empty"), Bytes::new());
        batch.link(at("l"), at("data/7")).link(at("to-root"), Key::root()).group(at("g")).delete(at("d"));
        let expected = [
            Some(Entry::Value(Bytes::from_static(b"bytes"))),
            Some(Entry::Value(Bytes::new())),
            Some(Entry::Link(at("data/7"))),
            Some(Entry::Link(Key::root())),
            Some(Entry::Group),
            None,
        ];
        for (op, expected) in batch.ops().iter().zip(expected) {
            let read = Record::of(op).map(|record| {
                let (mut whole, mut placed) = (vec![9; 3], vec![9; record.size()]);
                record.fill(&mut whole);
                record.write_to(&mut placed);
                assert_eq!(whole, placed);
                entry(op.key(), &whole, Bytes::copy_from_slice).expect("just written")
            });
            assert_eq!(read, expected);
        }
    }

    #[test]
    fn what_no_record_looks_like_is_corrupt_and_names_the_place() {
        for stored in [&b""[..], b"\x03", b"\x02group with payload", b"\x01\xffnot a key"] {
            let read = entry(&at("a/b"), stored, Bytes::copy_from_slice);
            assert!(matches!(&read, Err(StoreError::Corrupt { path, .. }) if path == "a/b"), "{stored:?}: {read:?}");
            assert!(node(at("a/b").as_bytes(), stored).is_err());
        }
        assert!(matches!(node(b"\x09", b"\x00"), Err(StoreError::Corrupt { path, .. }) if path == "\\t"));
    }

    #[test]
    fn bounds_leave_out_the_prefix_and_empty_ranges() {
        let (prefix, fence) = (at("a"), at("a").fence());
        let low = Key::root();
        assert_eq!(bounds(&prefix, &low, &fence).map(|range| range.0), Some(Bound::Excluded(prefix.as_bytes())));
        assert_eq!(bounds(&prefix, &prefix, &fence).map(|range| range.0), Some(Bound::Excluded(prefix.as_bytes())));
        let from = at("a/5");
        assert_eq!(bounds(&prefix, &from, &fence).map(|range| range.0), Some(Bound::Included(from.as_bytes())));
        assert_eq!(bounds(&prefix, &fence, &fence), None);
        assert_eq!(bounds(&prefix, &at("b"), &fence), None);
    }
}
