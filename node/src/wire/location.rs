//! The JSON of location records.
//!
//! ```json
//! { "body": {
//!   "type": "scheduler-location", "address": "<43 characters, or 0x and 40 digits>", "url": "https://...", "nonce": 0,
//!   "time-to-live": 604800000, "variant": "ao.N.1",
//!   "id": "<the record's id>", "item": "<the record, ANS-104, base64url>"
//! } }
//! ```
//!
//! What counts is `item`: it is signed by `address`. `time-to-live` is in milliseconds.

use serde::Serialize;
use slotbench_core::Id;
use slotbench_core::location::LocationRecord;

use super::base64url;

/// The answer to `location`.
#[derive(Debug, Serialize)]
pub struct LocationForm {
    body: RecordForm,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct RecordForm {
    #[serde(rename = "type")]
    kind: &'static str,
    address: String,
    url: String,
    nonce: u64,
    time_to_live: u64,
    variant: String,
    id: Id,
    item: String,
}

impl From<&LocationRecord> for LocationForm {
    fn from(record: &LocationRecord) -> Self {
        let body = RecordForm {
            kind: "scheduler-location",
            address: record.address().to_string(),
            url: record.url().to_string(),
            nonce: record.nonce(),
            time_to_live: record.time_to_live_ms(),
            variant: record.variant().to_owned(),
            id: record.item().id(),
            item: base64url(record.item().as_bytes()),
        };
        Self { body }
    }
}
