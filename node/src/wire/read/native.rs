//! Schedules, assignments and slots as this node writes them: see [`wire`](crate::wire).
//!
//! What counts is the signed items; the members beside them are read only where nothing else tells.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use slotbench_core::assignment::Assignment;
use slotbench_core::assignments::Scheduled;
use slotbench_core::block::{Block, BlockHash};
use slotbench_core::{Id, Item};

use super::{Cut, Entries, ReadError, ReadLimits, json, quoted};

/// A page of a schedule, as far as it can be read.
#[derive(Debug, Clone)]
pub struct NativePage {
    /// The process.
    pub process: Id,
    /// Consecutive slots.
    pub assignments: Vec<Scheduled>,
    /// Whether there is more: because the page says so, or because it was cut.
    pub continues: bool,
    /// Why the page ends early.
    pub cut: Option<Cut>,
    /// When it was written, milliseconds since the Unix epoch.
    pub timestamp: u64,
    /// The network's last known block at that time.
    pub block: Block,
}

/// Where a schedule ends, as another scheduler says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteSlot {
    /// The process.
    pub process: Id,
    /// The last slot; `None` before the first.
    pub current: Option<u64>,
    /// Milliseconds since the Unix epoch.
    pub timestamp: u64,
    /// The network's last known block.
    pub block: Block,
}

/// Reads a schedule.
///
/// # Errors
/// [`ReadError`] where there is no schedule.
pub fn schedule(body: &[u8], limits: ReadLimits) -> Result<NativePage, ReadError> {
    let page: ScheduleJson = json("schedule", body)?;
    if page.kind != "schedule" {
        return Err(ReadError::member("type", &format!("it is '{}', not 'schedule'", quoted(&page.kind))));
    }
    let process = page.process;
    let entries = page.assignments.read.into_iter().map(|(slot, entry)| {
        let scheduled = entry?.scheduled()?;
        let of = (scheduled.assignment.process(), scheduled.assignment.slot());
        if of == (process, slot) {
            Ok((slot, scheduled))
        } else {
            Err(format!("it is slot {} of process {}", of.1, of.0))
        }
    });
    let Entries { read, cut } = Entries::of(entries, limits);
    let cut = cut.or_else(|| page.assignments.left_over.then_some(Cut::Long(limits.entries)));
    Ok(NativePage {
        process,
        assignments: read,
        continues: page.continues || cut.is_some(),
        cut,
        timestamp: page.timestamp,
        block: block(page.block_height, &page.block_hash)?,
    })
}

/// Reads an assignment without its message: the answer to a POST.
///
/// # Errors
/// [`ReadError`].
pub fn assignment(body: &[u8]) -> Result<Assignment, ReadError> {
    let form: AssignmentJson = json("assignment", body)?;
    form.assignment().map_err(|reason| ReadError::member("assignment", &reason))
}

/// Reads the answer to `slot`.
///
/// # Errors
/// [`ReadError`].
pub fn slot(body: &[u8]) -> Result<RemoteSlot, ReadError> {
    let form: SlotJson = json("slot", body)?;
    let current = match form.current {
        -1 => None,
        slot => Some(u64::try_from(slot).map_err(|_| ReadError::member("current", &format!("it cannot be {slot}")))?),
    };
    let block = block(form.block_height, &form.block_hash)?;
    Ok(RemoteSlot { process: form.process, current, timestamp: form.timestamp, block })
}

/// Reads an item that stands under `body`, as in the answer to `location`.
///
/// # Errors
/// [`ReadError`].
pub fn record(body: &[u8]) -> Result<Item, ReadError> {
    #[derive(Deserialize)]
    struct RecordJson {
        body: ItemOnlyJson,
    }
    #[derive(Deserialize)]
    struct ItemOnlyJson {
        item: String,
    }
    let form: RecordJson = json("record", body)?;
    item("item", &form.body.item).map_err(|reason| ReadError::member("body", &reason))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ScheduleJson {
    #[serde(rename = "type")]
    kind: String,
    process: Id,
    #[serde(default)]
    continues: bool,
    timestamp: u64,
    block_height: u64,
    block_hash: String,
    assignments: AssignmentsJson,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct SlotJson {
    process: Id,
    current: i128,
    timestamp: u64,
    block_height: u64,
    block_hash: String,
}

fn block(height: u64, hash: &str) -> Result<Block, ReadError> {
    let hash: BlockHash = hash.parse().map_err(|error| ReadError::member("block-hash", &error))?;
    Ok(Block { height, hash, timestamp: 0 })
}

#[derive(Debug, Deserialize)]
struct AssignmentJson {
    item: String,
    #[serde(default)]
    body: Option<String>,
}

impl AssignmentJson {
    fn assignment(&self) -> Result<Assignment, String> {
        Assignment::parse(item("item", &self.item)?).map_err(|error| error.to_string())
    }

    fn scheduled(&self) -> Result<Scheduled, String> {
        let assignment = self.assignment()?;
        let message = item("body", self.body.as_deref().ok_or("it has no body")?)?;
        if assignment.message() != message.id() {
            return Err(format!("its body is {}, not the message that it assigns", message.id()));
        }
        Ok(Scheduled { assignment, message })
    }
}

fn item(member: &str, text: &str) -> Result<Item, String> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|error| format!("{member} is no base64url: {error}"))?;
    Item::parse(bytes.into()).map_err(|error| format!("{member} is no ANS-104 item: {error}"))
}

/// Most members that are looked at, whatever the limits: each is held until all are read.
const MOST_ASSIGNMENTS: usize = 10_000;

/// Assignments by slot, each of which may be malformed on its own. The order of an object's members means nothing.
#[derive(Debug)]
struct AssignmentsJson {
    read: BTreeMap<u64, Result<AssignmentJson, String>>,
    left_over: bool,
}

impl<'de> Deserialize<'de> for AssignmentsJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AssignmentsVisitor)
    }
}

struct AssignmentsVisitor;

impl<'de> Visitor<'de> for AssignmentsVisitor {
    type Value = AssignmentsJson;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("assignments by slot")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<AssignmentsJson, A::Error> {
        let mut found = AssignmentsJson { read: BTreeMap::new(), left_over: false };
        while found.read.len() < MOST_ASSIGNMENTS {
            let Some((slot, value)) = members.next_entry::<String, Value>()? else { return Ok(found) };
            let number = slot.parse::<u64>().ok().filter(|number| number.to_string() == slot);
            let slot = number.ok_or_else(|| serde::de::Error::custom(format_args!("no slot: {}", quoted(&slot))))?;
            let entry = AssignmentJson::deserialize(value).map_err(|error| quoted(&error.to_string()));
            found.read.insert(slot, entry);
        }
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            found.left_over = true;
        }
        Ok(found)
    }
}
