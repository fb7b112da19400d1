//! The forms in which answers travel.
//!
//! # The JSON of a native schedule
//!
//! ```json
//! {
//!   "type": "schedule",
//!   "process": "<id>",
//!   "continues": true,
//!   "next-from": 1000,
//!   "timestamp": 1700000000000,
//!   "block-height": 0,
//!   "block-hash": "<43 or 64 characters>",
//!   "assignments": { "0": <assignment>, "1": <assignment> }
//! }
//! ```
//!
//! `continues` is true exactly when the requested range has more slots, and `next-from` is then where to ask for them;
//! otherwise it is null. `assignments` is keyed by slot, in slot order, without gaps. An assignment is
//!
//! ```json
//! {
//!   "type": "Assignment", "data-protocol": "ao", "variant": "ao.N.1", "epoch": "0",
//!   "process": "<id>", "slot": 0, "message": "<id>", "path": "compute",
//!   "timestamp": 1700000000000, "hash-chain": "<43 characters>",
//!   "block-height": 0, "block-hash": "…", "block-timestamp": 0,
//!   "id": "<the assignment's id>",
//!   "item": "<the assignment, ANS-104, base64url>",
//!   "body": "<the message, ANS-104, base64url>"
//! }
//! ```
//!
//! What counts is `item` and `body`: signed bytes that any ANS-104 library opens and verifies. All else is a reading of
//! `item` for those who do not. Times are milliseconds since the Unix epoch, `block-timestamp` as the network gives it.
//! The answer to a POST is one assignment without `body`: its sender has it.
//!
//! # Status
//!
//! `/~scheduler@1.0/status` answers `{"address": "<who signs>", "processes": ["<id>", …], "continues": false,
//! "next-after": null}`: processes with a running writer, in the order of their text, at most 1000, or `limit` of them. Where
//! `continues` is true, the parameter `after` with what `next-after` says asks for the next page; the last one may be empty.
//!
//! # The legacy forms
//!
//! See [`legacy`]; the page of `accept: application/aos-2` is made of the same items, or, where the operator chose the
//! reference node's shape, as [`capital`] says. All of these are read back by [`read`].

pub mod capital;
pub mod gateway;
pub mod json;
pub mod legacy;
pub mod location;
pub mod native;
pub mod read;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
