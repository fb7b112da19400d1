//! One cached slot as bytes: a version (1), the assignment's length (4 bytes big endian), the assignment, the message.

use bytes::{BufMut, Bytes, BytesMut};

use crate::assignment::Assignment;
use crate::assignments::Scheduled;
use crate::id::Id;
use crate::item::Item;

const VERSION: u8 = 1;
const HEADER_LEN: usize = 5;

pub(super) fn encode(scheduled: &Scheduled) -> Bytes {
    let (assignment, message) = (scheduled.assignment.item().as_bytes(), scheduled.message.as_bytes());
    let mut bytes = BytesMut::with_capacity(HEADER_LEN + assignment.len() + message.len());
    bytes.put_u8(VERSION);
    // An item in memory is far below 4 GiB: its tags are bounded, and an assignment has no data worth the name. One
    // that is not reads back as not cached.
    bytes.put_u32(u32::try_from(assignment.len()).unwrap_or(u32::MAX));
    bytes.extend_from_slice(assignment);
    bytes.extend_from_slice(message);
    bytes.freeze()
}

/// `None` for bytes that are not the entry of this slot. Copies nothing.
pub(super) fn decode(bytes: &Bytes, process: &Id, slot: u64) -> Option<Scheduled> {
    let (header, items) = bytes.split_first_chunk::<HEADER_LEN>()?;
    let [VERSION, length @ ..] = header else { return None };
    let length = usize::try_from(u32::from_be_bytes(*length)).ok().filter(|length| *length <= items.len())?;
    let assignment = Item::parse(bytes.slice(HEADER_LEN..HEADER_LEN + length)).ok()?;
    let assignment = Assignment::parse(assignment).ok()?;
    let message = Item::parse(bytes.slice(HEADER_LEN + length..)).ok()?;
    let is_it = assignment.process() == *process && assignment.slot() == slot && assignment.message() == message.id();
    is_it.then_some(Scheduled { assignment, message })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_bytes_make_decoding_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), slot in any::<u64>()) {
            let process = Id::from_bytes([7; 32]);
            prop_assert!(decode(&bytes.clone().into(), &process, slot).is_none());
            let versioned = [&[VERSION, 0, 0, 0][..], &bytes].concat();
            prop_assert!(decode(&versioned.into(), &process, slot).is_none());
        }
    }
}
