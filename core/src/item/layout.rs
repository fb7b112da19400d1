//! Where an item's fields are.
//!
//! | bytes | field |
//! |---|---|
//! | 2 | signature type, little endian |
//! | by type | signature, owner |
//! | 1 or 33 | presence byte, target |
//! | 1 or 33 | presence byte, anchor |
//! | 8 + 8 | number of tags, bytes of tags, little endian |
//! | as said | tags |
//! | the rest | data |

use std::ops::Range;

use super::cursor::Cursor;
use super::tags;
use super::{ItemError, SignatureType};

/// Bytes of the signature type.
pub(super) const TYPE_LEN: usize = 2;
/// Bytes of the two numbers before the tags.
pub(super) const TAG_COUNTS_LEN: usize = 16;
/// Bytes of a target or an anchor.
pub(super) const OPTION_LEN: usize = 32;

/// The lengths that vary between items; every range follows from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) kind: SignatureType,
    pub(super) target: bool,
    pub(super) anchor: bool,
    pub(super) tag_count: usize,
    pub(super) tags_len: usize,
}

impl Layout {
    /// Reads and checks everything up to the data.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, ItemError> {
        let mut cursor = Cursor::new(bytes);
        let number = u16::from_le_bytes(array(&mut cursor, "signature type")?);
        let kind = SignatureType::from_number(number).ok_or(ItemError::SignatureType(number))?;
        take(&mut cursor, "signature", kind.signature_len())?;
        take(&mut cursor, "owner", kind.owner_len())?;
        let target = option(&mut cursor, "a target", "target")?;
        let anchor = option(&mut cursor, "an anchor", "anchor")?;
        let declared = u64::from_le_bytes(array(&mut cursor, "number of tags")?);
        let tags_len = u64::from_le_bytes(array(&mut cursor, "length of tags")?);
        let block = usize::try_from(tags_len).ok().and_then(|length| cursor.take(length));
        let block = block.ok_or_else(|| truncated(&cursor, "tags", tags_len))?;
        let tag_count = tags::check(block, declared)?;
        Ok(Self { kind, target, anchor, tag_count, tags_len: block.len() })
    }

    pub(super) const fn signature(&self) -> Range<usize> {
        TYPE_LEN..TYPE_LEN + self.kind.signature_len()
    }

    pub(super) const fn owner(&self) -> Range<usize> {
        let start = self.signature().end;
        start..start + self.kind.owner_len()
    }

    /// The target without its presence byte.
    pub(super) const fn target(&self) -> Range<usize> {
        optional(self.owner().end, self.target)
    }

    /// The anchor without its presence byte.
    pub(super) const fn anchor(&self) -> Range<usize> {
        optional(self.target().end, self.anchor)
    }

    /// The tags without the two numbers before them.
    pub(super) const fn tags(&self) -> Range<usize> {
        let start = self.anchor().end + TAG_COUNTS_LEN;
        start..start + self.tags_len
    }

    pub(super) const fn data_start(&self) -> usize {
        self.tags().end
    }
}

const fn optional(presence: usize, present: bool) -> Range<usize> {
    let start = presence + 1;
    if present { start..start + OPTION_LEN } else { start..start }
}

fn option(cursor: &mut Cursor<'_>, what: &'static str, field: &'static str) -> Result<bool, ItemError> {
    match array(cursor, field)? {
        [0] => Ok(false),
        [1] => take(cursor, field, OPTION_LEN).map(|_| true),
        [byte] => Err(ItemError::Presence { field: what, byte }),
    }
}

fn take<'a>(cursor: &mut Cursor<'a>, field: &'static str, length: usize) -> Result<&'a [u8], ItemError> {
    cursor.take(length).ok_or_else(|| truncated(cursor, field, length as u64))
}

fn array<const N: usize>(cursor: &mut Cursor<'_>, field: &'static str) -> Result<[u8; N], ItemError> {
    cursor.array().ok_or_else(|| truncated(cursor, field, N as u64))
}

const fn truncated(cursor: &Cursor<'_>, field: &'static str, needed: u64) -> ItemError {
    ItemError::Truncated { field, needed, available: cursor.len() }
}
