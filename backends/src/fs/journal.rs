//! The write-ahead journal: what makes a batch one, whatever happens to the directories it goes to.
//!
//! A record is the length of its body (4 bytes, little endian), the CRC-32C of all that follows (4), a number that
//! counts up (8), and the body: the operations of one batch, values included. Records follow each other from the
//! start of the file. The journal ends before the first record that is incomplete, fails its checksum, or does not
//! continue the count; so it can be rewound without erasing (which keeps its blocks: to overwrite them costs no metadata),
//! and what is left of an earlier pass is never read behind a record of this one.

use std::fs::File;
use std::io::Read as _;

use bytes::Bytes;
use rustix::fs::OFlags;
use slotbench_core::Key;
use slotbench_core::store::{Batch, Op, StoreError};

use super::checksum::crc32c;
use super::disk::{Disk, add};

/// Its name in the store's directory.
pub(super) const JOURNAL: &str = "journal";

const HEADER_LEN: usize = 16;
const PUT: u8 = 1;
const LINK: u8 = 2;
const GROUP: u8 = 3;
const DELETE: u8 = 4;

/// The journal of an open store.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    /// Where the next record goes; 0 if there is none.
    end: u64,
    /// The count of the next record.
    next: u64,
    /// Whether the records up to `end` include one that was synced.
    holds_synced: bool,
    /// Whether a power cut may bring back records that were rewound over.
    may_come_back: bool,
    record: Vec<u8>,
}

impl Journal {
    /// Opens the journal, and reads the batches that an earlier process left in it.
    pub(super) fn open(disk: &Disk) -> Result<(Self, Vec<Batch>), StoreError> {
        let mut file = disk.open(JOURNAL, OFlags::RDWR)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(StoreError::io("read", JOURNAL.as_ref()))?;
        let may_come_back = !bytes.is_empty();
        let left = decode(Bytes::from(bytes))?;
        Ok((Self { file, end: 0, next: 1, holds_synced: false, may_come_back, record: Vec::new() }, left))
    }

    /// Empties the file for good, once what was found in it is durable in the tree. The count starts over, so nothing
    /// of the past may ever be read behind a record of today.
    pub(super) fn erase(&mut self, disk: &Disk) -> Result<(), StoreError> {
        if self.may_come_back {
            disk.truncate(&self.file, JOURNAL)?;
            disk.sync_file(&self.file, JOURNAL)?;
            self.may_come_back = false;
        }
        Ok(())
    }

    /// Appends a batch, and syncs it if it is to survive a power cut. On return the batch is committed.
    pub(super) fn append(&mut self, disk: &Disk, batch: &Batch, synced: bool) -> Result<(), StoreError> {
        encode(batch, self.next, &mut self.record)?;
        disk.write_at(&self.file, JOURNAL, &self.record, self.end)?;
        self.end += self.record.len() as u64;
        self.next += 1;
        self.may_come_back = true;
        add(&disk.tally.journal_bytes, self.record.len() as u64);
        if synced { self.sync(disk) } else { Ok(()) }
    }

    fn sync(&mut self, disk: &Disk) -> Result<(), StoreError> {
        disk.sync_file(&self.file, JOURNAL)?;
        self.holds_synced = true;
        Ok(())
    }

    /// Takes back a batch that could not be committed, as far as a process that opens the store next is concerned.
    pub(super) fn revoke(&self, disk: &Disk, end: u64) {
        // The store is poisoned already; should this fail too, the batch is found whole at the next open.
        let _ = disk.write_at(&self.file, JOURNAL, &[0; HEADER_LEN], end);
    }

    /// Starts again at the beginning, once every record is in the tree, durably so if one of them was synced.
    ///
    /// Records written over the old ones reach the disk page by page, in any order. Were the old ones not invalid by
    /// then, a power cut could bring back the first of them without the later ones, and replay old values over newer
    /// durable ones. The same holds for records never synced once the tree they went to has been: that is for the
    /// caller to know, and to say `for_good`.
    pub(super) fn rewind(&mut self, disk: &Disk, for_good: bool) -> Result<(), StoreError> {
        if self.end > 0 {
            // One header is enough, and lies in one sector: it is there or not.
            disk.write_at(&self.file, JOURNAL, &[0; HEADER_LEN], 0)?;
        }
        if self.holds_synced || (for_good && self.may_come_back) {
            disk.sync_file(&self.file, JOURNAL)?;
            self.may_come_back = false;
        }
        self.end = 0;
        self.holds_synced = false;
        Ok(())
    }

    /// Bytes of the records in it.
    pub(super) fn len(&self) -> u64 {
        self.end
    }

    /// Whether it alone keeps a batch that must survive a power cut.
    pub(super) fn holds_synced(&self) -> bool {
        self.holds_synced
    }
}

/// Refuses a batch that no record can hold.
pub(super) fn check_size(batch: &Batch) -> Result<(), StoreError> {
    let framing = HEADER_LEN + 9 * batch.len();
    u32::try_from(batch.size() + framing).map(drop).map_err(|_| too_large(batch))
}

fn encode(batch: &Batch, count: u64, record: &mut Vec<u8>) -> Result<(), StoreError> {
    record.clear();
    record.resize(8, 0);
    record.extend_from_slice(&count.to_le_bytes());
    batch.ops().iter().try_for_each(|op| encode_op(op, record)).map_err(|_| too_large(batch))?;
    let body_len = u32::try_from(record.len() - HEADER_LEN).map_err(|_| too_large(batch))?;
    let sum = crc32c(&record[8..]);
    record[..4].copy_from_slice(&body_len.to_le_bytes());
    record[4..8].copy_from_slice(&sum.to_le_bytes());
    Ok(())
}

fn too_large(batch: &Batch) -> StoreError {
    StoreError::engine("fs", "journal")(format!("a batch of {} bytes does not fit (4 GiB do)", batch.size()))
}

fn encode_op(op: &Op, record: &mut Vec<u8>) -> Result<(), std::num::TryFromIntError> {
    let (tag, payload) = match op {
        Op::Put { value, .. } => (PUT, Some(value.as_ref())),
        Op::Link { target, .. } => (LINK, Some(target.as_bytes())),
        Op::Group { .. } => (GROUP, None),
        Op::Delete { .. } => (DELETE, None),
    };
    record.push(tag);
    for part in std::iter::once(op.key().as_bytes()).chain(payload) {
        record.extend_from_slice(&u32::try_from(part.len())?.to_le_bytes());
        record.extend_from_slice(part);
    }
    Ok(())
}

/// The batches of a journal's content.
fn decode(mut bytes: Bytes) -> Result<Vec<Batch>, StoreError> {
    let mut batches = Vec::new();
    let mut expected = None;
    while let Some((count, body)) = take_record(&mut bytes) {
        if expected.is_some_and(|expected| expected != count) {
            break;
        }
        expected = count.checked_add(1);
        batches.push(decode_batch(body).ok_or_else(|| damaged(count))?);
    }
    Ok(batches)
}

fn damaged(count: u64) -> StoreError {
    let reason = format!("record {count} has a good checksum and cannot be read");
    StoreError::Corrupt { path: JOURNAL.to_owned(), reason }
}

/// Takes the next complete record off the front: its count and its body.
fn take_record(bytes: &mut Bytes) -> Option<(u64, Bytes)> {
    let header = bytes.first_chunk::<HEADER_LEN>()?;
    let [l0, l1, l2, l3, s0, s1, s2, s3, count @ ..] = *header;
    let body_len = usize::try_from(u32::from_le_bytes([l0, l1, l2, l3])).ok()?;
    let covered = bytes.get(8..HEADER_LEN.checked_add(body_len)?)?;
    if body_len == 0 || crc32c(covered) != u32::from_le_bytes([s0, s1, s2, s3]) {
        return None;
    }
    let mut record = bytes.split_to(HEADER_LEN + body_len);
    Some((u64::from_le_bytes(count), record.split_off(HEADER_LEN)))
}

fn decode_batch(mut body: Bytes) -> Option<Batch> {
    let mut batch = Batch::new();
    while !body.is_empty() {
        let tag = body.split_to(1)[0];
        let key = take_key(&mut body)?;
        match tag {
            PUT => batch.put(key, take_part(&mut body)?),
            LINK => batch.link(key, take_key(&mut body)?),
            GROUP => batch.group(key),
            DELETE => batch.delete(key),
            _ => return None,
        };
    }
    Some(batch)
}

fn take_part(body: &mut Bytes) -> Option<Bytes> {
    let len = usize::try_from(u32::from_le_bytes(*body.first_chunk()?)).ok()?;
    let end = len.checked_add(4).filter(|end| *end <= body.len())?;
    Some(body.split_to(end).split_off(4))
}

fn take_key(body: &mut Bytes) -> Option<Key> {
    Key::from_encoded(&take_part(body)?).ok()
}
