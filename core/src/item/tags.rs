//! Tags: an Avro array of `{name, value}` records, checked once and decoded on demand.
//!
//! The array is a sequence of blocks, each a count and that many records, ended by a count of zero. A negative count
//! is followed by the block's size in bytes. An empty list may also take no bytes at all, and so it does in nearly
//! every item found in the wild. Source: Apache Avro 1.11, "Binary Encoding"; ANS-104.
//!
//! ANS-104 also forbids empty names and values. Clients make them and arbundles verifies them, so they are taken.

use super::cursor::{Cursor, LongError};

/// A block of at most this many bytes is taken whatever its tags: the one limit arbundles, and with it most clients,
/// knows.
pub const MAX_PLAIN_BLOCK: usize = 4096;
/// Most tags of an item whose block is longer than [`MAX_PLAIN_BLOCK`] (ANS-104 section 2.1).
pub const MAX_TAGS: usize = 128;
/// Longest name in bytes in a block longer than [`MAX_PLAIN_BLOCK`] (ANS-104 section 2.1).
pub const MAX_NAME_LEN: usize = 1024;
/// Longest value in bytes in a block longer than [`MAX_PLAIN_BLOCK`] (ANS-104 section 2.1).
pub const MAX_VALUE_LEN: usize = 3072;

/// What is wrong with an item's tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TagError {
    /// The block ends within a count, a length, a name or a value.
    #[error("the tag block ends within a tag")]
    Truncated,
    /// A number of more than 64 bits.
    #[error("a number in the tag block exceeds 64 bits")]
    Overflow,
    /// A name or value with a length below zero.
    #[error("a length in the tag block is negative")]
    NegativeLength,
    /// A block with a size in bytes that its records do not have.
    #[error("a block of tags says {declared} bytes and has {found}")]
    BlockSize {
        /// The size written before the block.
        declared: i64,
        /// The bytes its records take.
        found: usize,
    },
    /// Bytes behind the end of the array.
    #[error("{0} bytes follow the last tag")]
    Trailing(usize),
    /// The header's number of tags is not that of the block.
    #[error("the header says {declared} tags, the block has {found}")]
    Count {
        /// The number in the item's header.
        declared: u64,
        /// The number of records in the block.
        found: usize,
    },
    /// More than [`MAX_TAGS`] tags.
    #[error("{0} tags, more than {MAX_TAGS}")]
    TooMany(usize),
    /// A name longer than [`MAX_NAME_LEN`].
    #[error("a tag name of {0} bytes, more than {MAX_NAME_LEN}")]
    Name(usize),
    /// A value longer than [`MAX_VALUE_LEN`].
    #[error("a tag value of {0} bytes, more than {MAX_VALUE_LEN}")]
    Value(usize),
}

impl From<LongError> for TagError {
    fn from(error: LongError) -> Self {
        match error {
            LongError::Truncated => Self::Truncated,
            LongError::Overflow => Self::Overflow,
        }
    }
}

/// One tag: name, value.
pub type Tag<'a> = (&'a [u8], &'a [u8]);

/// The tags of an item in their order: names and values as bytes, borrowed from the item.
#[derive(Clone)]
pub struct Tags<'a> {
    records: Records<'a>,
    left: usize,
}

impl<'a> Tags<'a> {
    /// The tags of a block that [`check`] found to have `count`.
    pub(super) const fn of(block: &'a [u8], count: usize) -> Self {
        Self { records: Records::new(block), left: count }
    }
}

impl<'a> Iterator for Tags<'a> {
    type Item = Tag<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        self.records.next_record().ok().flatten()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Tags<'_> {}

/// Checks a whole block against the number of tags in the header and against the limits.
pub(super) fn check(block: &[u8], declared: u64) -> Result<usize, TagError> {
    let mut records = Records::new(block);
    let mut found = 0_usize;
    while let Some((name, value)) = records.next_record()? {
        found += 1;
        check_limits(block.len(), found, name, value)?;
    }
    match records.cursor.len() {
        0 => {}
        trailing => return Err(TagError::Trailing(trailing)),
    }
    if u64::try_from(found) == Ok(declared) { Ok(found) } else { Err(TagError::Count { declared, found }) }
}

/// The limits for the tag number `count` of a block.
fn check_limits(block_len: usize, count: usize, name: &[u8], value: &[u8]) -> Result<(), TagError> {
    if block_len <= MAX_PLAIN_BLOCK {
        return Ok(());
    }
    match (count, name.len(), value.len()) {
        (count, ..) if count > MAX_TAGS => Err(TagError::TooMany(count)),
        (_, name, _) if name > MAX_NAME_LEN => Err(TagError::Name(name)),
        (.., value) if value > MAX_VALUE_LEN => Err(TagError::Value(value)),
        _ => Ok(()),
    }
}

/// Decodes an Avro array of records, block by block.
#[derive(Clone)]
struct Records<'a> {
    cursor: Cursor<'a>,
    /// Records left in the current block.
    left: u64,
    /// For a block with a size: that size, and the bytes that were left before its first record.
    sized: Option<(i64, usize)>,
    done: bool,
}

impl<'a> Records<'a> {
    const fn new(block: &'a [u8]) -> Self {
        Self { cursor: Cursor::new(block), left: 0, sized: None, done: block.is_empty() }
    }

    /// The next record, or nothing behind the last one.
    fn next_record(&mut self) -> Result<Option<Tag<'a>>, TagError> {
        if self.left == 0 && !self.next_block()? {
            return Ok(None);
        }
        self.left -= 1;
        Ok(Some((self.bytes()?, self.bytes()?)))
    }

    /// Steps to the next block; false behind the last one.
    fn next_block(&mut self) -> Result<bool, TagError> {
        self.close_block()?;
        if self.done {
            return Ok(false);
        }
        let count = self.cursor.long()?;
        self.left = count.unsigned_abs();
        self.done = count == 0;
        if count < 0 {
            let declared = self.cursor.long()?;
            self.sized = Some((declared, self.cursor.len()));
        }
        Ok(!self.done)
    }

    fn close_block(&mut self) -> Result<(), TagError> {
        let Some((declared, before)) = self.sized.take() else { return Ok(()) };
        let found = before - self.cursor.len();
        if i64::try_from(found) == Ok(declared) { Ok(()) } else { Err(TagError::BlockSize { declared, found }) }
    }

    fn bytes(&mut self) -> Result<&'a [u8], TagError> {
        let length = self.cursor.long()?;
        let length = u64::try_from(length).map_err(|_| TagError::NegativeLength)?;
        let length = usize::try_from(length).map_err(|_| TagError::Truncated)?;
        self.cursor.take(length).ok_or(TagError::Truncated)
    }
}

/// Bytes that [`encode`] will write for these tags, after checking them against the limits.
pub(super) fn encoded_len(tags: &[Tag<'_>]) -> Result<usize, TagError> {
    if tags.is_empty() {
        return Ok(0);
    }
    let records: usize = tags.iter().map(|(name, value)| bytes_len(name) + bytes_len(value)).sum();
    let length = long_len(tags.len()) + records + 1;
    for (index, (name, value)) in tags.iter().enumerate() {
        check_limits(length, index + 1, name, value)?;
    }
    Ok(length)
}

/// Appends the tags as one block and the end of the array; nothing for no tags.
pub(super) fn encode(tags: &[Tag<'_>], out: &mut Vec<u8>) {
    if tags.is_empty() {
        return;
    }
    push_long(tags.len(), out);
    for (name, value) in tags {
        push_bytes(name, out);
        push_bytes(value, out);
    }
    out.push(0);
}

fn push_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    push_long(bytes.len(), out);
    out.extend_from_slice(bytes);
}

/// The zig-zag form of a length: twice its value.
fn push_long(length: usize, out: &mut Vec<u8>) {
    let mut rest = length << 1;
    loop {
        let [low, ..] = rest.to_le_bytes();
        rest >>= 7;
        if rest == 0 {
            return out.push(low);
        }
        out.push(low | 0x80);
    }
}

fn bytes_len(bytes: &[u8]) -> usize {
    long_len(bytes.len()) + bytes.len()
}

fn long_len(length: usize) -> usize {
    let bits = usize::BITS - (length << 1).leading_zeros();
    (bits.div_ceil(7) as usize).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Owned = (Vec<u8>, Vec<u8>);

    fn read(block: &[u8], declared: u64) -> Result<Vec<Owned>, TagError> {
        let count = check(block, declared)?;
        Ok(Tags::of(block, count).map(|(name, value)| (name.to_vec(), value.to_vec())).collect())
    }

    fn tag(name: &str, value: &str) -> Owned {
        (name.as_bytes().to_vec(), value.as_bytes().to_vec())
    }

    #[test]
    fn what_is_encoded_reads_back() {
        let long = [b'x'; 200];
        let tags: &[Tag<'_>] = &[(b"Type", b"Message"), (b"", b""), (&long, b"\xFF\x00")];
        let mut block = Vec::new();
        encode(tags, &mut block);
        assert_eq!(encoded_len(tags), Ok(block.len()));
        let owned: Vec<_> = tags.iter().map(|(n, v)| (n.to_vec(), v.to_vec())).collect();
        assert_eq!(read(&block, 3), Ok(owned));
    }

    #[test]
    fn an_empty_list_has_no_bytes_or_a_lone_end() {
        assert_eq!(read(&[], 0), Ok(vec![]));
        assert_eq!(read(&[0], 0), Ok(vec![]));
        assert_eq!(read(&[], 1), Err(TagError::Count { declared: 1, found: 0 }));
    }

    #[test]
    fn several_blocks_with_and_without_sizes() {
        // 1 record; then -1 with its size of 4 bytes; then the end.
        let block = [2, 2, b'a', 2, b'b', 1, 8, 2, b'c', 2, b'd', 0];
        assert_eq!(read(&block, 2), Ok(vec![tag("a", "b"), tag("c", "d")]));
        let wrong_size = [1, 6, 2, b'c', 2, b'd', 0];
        assert_eq!(read(&wrong_size, 1), Err(TagError::BlockSize { declared: 3, found: 4 }));
    }

    #[test]
    fn damaged_blocks_have_typed_errors() {
        assert_eq!(read(&[2, 2, b'a', 2], 1), Err(TagError::Truncated));
        assert_eq!(read(&[2, 2, b'a', 2, b'b'], 1), Err(TagError::Truncated), "no end of the array");
        assert_eq!(read(&[2, 1, b'a'], 1), Err(TagError::NegativeLength));
        assert_eq!(read(&[2, 2, b'a', 2, b'b', 0, 7], 1), Err(TagError::Trailing(1)));
        assert_eq!(read(&[2, 2, b'a', 2, b'b', 0], 2), Err(TagError::Count { declared: 2, found: 1 }));
        assert_eq!(read(&[0xFF; 12], 1), Err(TagError::Overflow));
        // A count of i64::MIN, whose absolute value is no i64.
        let mut lowest = [0xFF_u8; 11];
        (lowest[9], lowest[10]) = (0x01, 0x00);
        assert_eq!(read(&lowest, 1), Err(TagError::Truncated));
    }

    #[test]
    fn small_blocks_are_bounded_as_arbundles_does_large_ones_as_ans_104_does() {
        let value = vec![b'v'; MAX_VALUE_LEN + 1];
        let small: &[Tag<'_>] = &[(b"a", &value)];
        assert!(encoded_len(small).is_ok_and(|length| length <= MAX_PLAIN_BLOCK));
        let filler = vec![b'f'; 1100];
        let large: &[Tag<'_>] = &[(b"a", &value), (b"b", &filler)];
        assert_eq!(encoded_len(large), Err(TagError::Value(MAX_VALUE_LEN + 1)));
        let name = vec![b'n'; MAX_NAME_LEN + 1];
        assert_eq!(encoded_len(&[(&name, &value[..3000]), (b"", &filler)]), Err(TagError::Name(MAX_NAME_LEN + 1)));
        let many = vec![(&b"name"[..], &filler[..40]); MAX_TAGS + 1];
        assert_eq!(encoded_len(&many), Err(TagError::TooMany(MAX_TAGS + 1)));
        let mut block = Vec::new();
        encode(&many, &mut block);
        assert_eq!(read(&block, 129), Err(TagError::TooMany(MAX_TAGS + 1)));
    }
}
