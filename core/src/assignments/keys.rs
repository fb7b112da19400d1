//! The paths of the assignment store, and the batches that fill them.

use bytes::Bytes;

use crate::id::{Address, Id};
use crate::item::Item;
use crate::key::Key;
use crate::store::Batch;

const DATA: &[u8] = b"data";
const ASSIGNMENTS: &[u8] = b"assignments";
const MESSAGES: &[u8] = b"messages";
const PROCESSES: &[u8] = b"processes";
const GENERATIONS: &[u8] = b"generations";
const UPLOADS: &[u8] = b"uploads";
const UPLOADED: &[u8] = b"uploaded";
const ARCHIVED: &[u8] = b"archived";
const FOREIGN: &[u8] = b"foreign";
const LOCATIONS: &[u8] = b"scheduler-locations";
const LOCATION_RECORDS: &[u8] = b"location-records";
const LOCATION_TIMES: &[u8] = b"location-times";
const LOCATION_REQUESTS: &[u8] = b"location-requests";

/// Where the content of an item is stored.
#[must_use]
pub fn data_key(id: &Id) -> Key {
    let mut key = Key::root();
    key.push_name(DATA);
    key.push_id(id);
    key
}

/// The group of all schedules.
pub(super) fn schedules_key() -> Key {
    let mut key = Key::root();
    key.push_name(ASSIGNMENTS);
    key
}

/// The group of a process's slots.
#[must_use]
pub fn schedule_key(process: &Id) -> Key {
    let mut key = schedules_key();
    key.push_id(process);
    key
}

/// The link of one slot.
#[must_use]
pub fn slot_key(process: &Id, slot: u64) -> Key {
    let mut key = schedule_key(process);
    key.push_number(slot);
    key
}

/// The link from a message to its last assignment to a process.
#[must_use]
pub fn message_key(message: &Id, process: &Id) -> Key {
    let mut key = Key::root();
    key.push_name(MESSAGES);
    key.push_id(message);
    key.push_id(process);
    key
}

/// Where a process definition is kept that was not itself scheduled.
#[must_use]
pub fn definition_key(process: &Id) -> Key {
    let mut key = Key::root();
    key.push_name(PROCESSES);
    key.push_id(process);
    key
}

/// The generation of a process's writer.
#[must_use]
pub fn generation_key(process: &Id) -> Key {
    let mut key = Key::root();
    key.push_name(GENERATIONS);
    key.push_id(process);
    key
}

/// The group of all uploads.
pub(super) fn uploads_key() -> Key {
    let mut key = Key::root();
    key.push_name(UPLOADS);
    key
}

/// The group of a process's uploads; of a location record its upload itself.
pub(super) fn process_uploads_key(process: &Id) -> Key {
    let mut key = uploads_key();
    key.push_id(process);
    key
}

/// The queued upload of one slot.
#[must_use]
pub fn upload_key(process: &Id, slot: u64) -> Key {
    let mut key = process_uploads_key(process);
    key.push_number(slot);
    key
}

/// The note that one slot has been uploaded and accepted.
#[must_use]
pub fn uploaded_key(process: &Id, slot: u64) -> Key {
    let mut key = Key::root();
    key.push_name(UPLOADED);
    key.push_id(process);
    key.push_number(slot);
    key
}

/// How much of a process's own schedule has been pruned.
#[must_use]
pub fn archived_key(process: &Id) -> Key {
    let mut key = Key::root();
    key.push_name(ARCHIVED);
    key.push_id(process);
    key
}

/// The group of everything that other nodes have scheduled.
pub(crate) fn foreign_key() -> Key {
    let mut key = Key::root();
    key.push_name(FOREIGN);
    key
}

/// The cached definition of a process that others schedule, and the group of its cached slots.
#[must_use]
pub fn foreign_process_key(process: &Id) -> Key {
    let mut key = foreign_key();
    key.push_id(process);
    key
}

/// One cached slot of a process that others schedule.
#[must_use]
pub fn foreign_slot_key(process: &Id, slot: u64) -> Key {
    let mut key = foreign_process_key(process);
    key.push_number(slot);
    key
}

/// The link from a scheduler's address to its location record.
#[must_use]
pub fn location_key(address: &Address) -> Key {
    of_address(LOCATIONS, address)
}

/// Where a location record is stored.
#[must_use]
pub fn location_record_key(id: &Id) -> Key {
    let mut key = Key::root();
    key.push_name(LOCATION_RECORDS);
    key.push_id(id);
    key
}

/// The group of the times at which location records were taken.
pub(crate) fn location_times_key() -> Key {
    let mut key = Key::root();
    key.push_name(LOCATION_TIMES);
    key
}

/// When a scheduler's location record was taken.
#[must_use]
pub fn location_time_key(address: &Address) -> Key {
    of_address(LOCATION_TIMES, address)
}

/// The note that a request for a new location, which names no nonce, has been carried out.
#[must_use]
pub fn location_request_key(request: &Id) -> Key {
    let mut key = Key::root();
    key.push_name(LOCATION_REQUESTS);
    key.push_id(request);
    key
}

fn of_address(group: &[u8], address: &Address) -> Key {
    let mut key = Key::root();
    key.push_name(group);
    match address {
        Address::Key(id) => key.push_id(id),
        Address::Ethereum(_) => key.push_name(address.to_string().as_bytes()),
    }
    key
}

/// Adds one scheduled message to a batch: both contents, then the link that makes them visible.
pub fn stage(batch: &mut Batch, process: &Id, slot: u64, message: &Item, assignment: &Item) {
    let target = data_key(&assignment.id());
    batch.put(data_key(&message.id()), message.as_bytes().clone());
    batch.put(target.clone(), assignment.as_bytes().clone());
    batch.link(slot_key(process, slot), target);
}

/// Adds the link that finds an assignment by its message.
pub fn stage_message_index(batch: &mut Batch, process: &Id, message: &Id, assignment: &Id) {
    batch.link(message_key(message, process), data_key(assignment));
}

/// Adds the generation of the writer that stores the batch.
pub fn stage_generation(batch: &mut Batch, process: &Id, generation: u64) {
    batch.put(generation_key(process), Bytes::copy_from_slice(&generation.to_be_bytes()));
}

/// Adds one upload to the queue.
pub fn stage_upload(batch: &mut Batch, process: &Id, slot: u64, assignment: &Id) {
    batch.put(upload_key(process, slot), Bytes::copy_from_slice(assignment.as_bytes()));
}
