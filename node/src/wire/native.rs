//! The native JSON. Items are given as bytes: [`json::write`](super::json::write) writes them as base64url, `serde_json` by itself as
//! lists of numbers.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use slotbench_core::assignment::{Assignment, Variant};
use slotbench_core::assignments::Scheduled;
use slotbench_core::block::BlockHash;
use slotbench_core::chain::ChainValue;
use slotbench_core::item::Item;
use slotbench_core::operations::{Info, SchedulePage, SlotReport};
use slotbench_core::scheduler::Status;
use slotbench_core::{Address, Id};

use super::read::native::RemoteSlot;

/// One assignment.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct AssignmentForm<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    data_protocol: &'static str,
    variant: &'static str,
    #[serde(serialize_with = "text")]
    epoch: u64,
    process: Id,
    slot: u64,
    message: Id,
    path: Cow<'a, str>,
    timestamp: u64,
    #[serde(serialize_with = "chain")]
    hash_chain: ChainValue,
    block_height: u64,
    block_hash: &'a BlockHash,
    block_timestamp: u64,
    id: Id,
    #[serde(serialize_with = "bytes")]
    item: &'a Item,
    #[serde(serialize_with = "optional_bytes", skip_serializing_if = "Option::is_none")]
    body: Option<&'a Item>,
}

fn text<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

fn chain<S: Serializer>(value: &ChainValue, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(value.text().as_str())
}

/// Bytes, which [`json`](super::json) writes as base64url.
fn bytes<S: Serializer>(item: &&Item, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(item.as_bytes())
}

fn optional_bytes<S: Serializer>(item: &Option<&Item>, serializer: S) -> Result<S::Ok, S::Error> {
    match item {
        Some(item) => bytes(item, serializer),
        None => serializer.serialize_none(),
    }
}

impl<'a> AssignmentForm<'a> {
    /// The assignment alone.
    #[must_use]
    pub fn of(assignment: &'a Assignment) -> Self {
        let block = assignment.block();
        Self {
            kind: "Assignment",
            data_protocol: "ao",
            variant: match assignment.variant() {
                Variant::Native => "ao.N.1",
                Variant::Legacy => "ao.TN.1",
            },
            epoch: assignment.epoch(),
            process: assignment.process(),
            slot: assignment.slot(),
            message: assignment.message(),
            path: String::from_utf8_lossy(assignment.path()),
            timestamp: assignment.timestamp(),
            hash_chain: assignment.chain(),
            block_height: block.height,
            block_hash: &block.hash,
            block_timestamp: block.timestamp,
            id: assignment.id(),
            item: assignment.item(),
            body: None,
        }
    }

    /// The assignment and its message.
    #[must_use]
    pub fn with_body(scheduled: &'a Scheduled) -> Self {
        Self { body: Some(&scheduled.message), ..Self::of(&scheduled.assignment) }
    }
}

/// A page of a schedule.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ScheduleForm<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    process: Id,
    continues: bool,
    next_from: Option<u64>,
    timestamp: u64,
    block_height: u64,
    block_hash: String,
    assignments: BTreeMap<u64, AssignmentForm<'a>>,
}

impl<'a> From<&'a SchedulePage> for ScheduleForm<'a> {
    fn from(page: &'a SchedulePage) -> Self {
        let form = |scheduled: &'a Scheduled| (scheduled.assignment.slot(), AssignmentForm::with_body(scheduled));
        Self {
            kind: "schedule",
            process: page.process,
            continues: page.continues(),
            next_from: page.next_from,
            timestamp: page.timestamp,
            block_height: page.block.height,
            block_hash: page.block.hash.to_string(),
            assignments: page.assignments.iter().map(form).collect(),
        }
    }
}

/// Where a schedule ends.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SlotForm {
    process: Id,
    /// −1 before the first slot.
    current: i128,
    timestamp: u64,
    block_height: u64,
    block_hash: String,
    /// Who signs here; absent where another node schedules the process.
    #[serde(skip_serializing_if = "Option::is_none")]
    wallet_address: Option<String>,
}

impl From<&SlotReport> for SlotForm {
    fn from(report: &SlotReport) -> Self {
        Self {
            process: report.process,
            current: report.current.map_or(-1, i128::from),
            timestamp: report.timestamp,
            block_height: report.block.height,
            block_hash: report.block.hash.to_string(),
            wallet_address: Some(report.address.to_string()),
        }
    }
}

impl From<&RemoteSlot> for SlotForm {
    fn from(slot: &RemoteSlot) -> Self {
        Self {
            process: slot.process,
            current: slot.current.map_or(-1, i128::from),
            timestamp: slot.timestamp,
            block_height: slot.block.height,
            block_hash: slot.block.hash.to_string(),
            wallet_address: None,
        }
    }
}

/// Who signs, and for whom; a page of them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct StatusForm {
    address: String,
    processes: Vec<Id>,
    continues: bool,
    next_after: Option<Id>,
}

impl From<Status> for StatusForm {
    fn from(status: Status) -> Self {
        let Status { address, processes, next_after, .. } = status;
        Self { address: address.to_string(), processes, continues: next_after.is_some(), next_after }
    }
}

/// What there is.
#[derive(Debug, Serialize)]
pub struct InfoForm {
    exports: &'static [&'static str],
    excludes: &'static [&'static str],
    default: Option<&'static str>,
    mode: &'static str,
    address: String,
}

impl From<Info> for InfoForm {
    fn from(info: Info) -> Self {
        let Info { exports, excludes, default, mode, address } = info;
        Self { exports, excludes, default, mode: mode.name(), address: address.to_string() }
    }
}

/// The next slot, and where to go on.
#[derive(Debug, Serialize)]
pub struct NextForm<'a> {
    body: AssignmentForm<'a>,
    state: NextState,
}

/// What the next request repeats.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct NextState {
    at_slot: u64,
}

impl<'a> From<&'a Scheduled> for NextForm<'a> {
    fn from(scheduled: &'a Scheduled) -> Self {
        let state = NextState { at_slot: scheduled.assignment.slot() };
        Self { body: AssignmentForm::with_body(scheduled), state }
    }
}

/// The operator of this node.
#[derive(Debug, Serialize)]
pub struct RootForm {
    timestamp: String,
    address: String,
}

impl RootForm {
    /// At a time in milliseconds since the Unix epoch.
    #[must_use]
    pub fn new(timestamp: u64, address: &Address) -> Self {
        Self { timestamp: timestamp.to_string(), address: address.to_string() }
    }
}
