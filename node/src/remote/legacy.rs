//! The operations in `ao.TN.1`.
//!
//! Lists want `process-id`, other routes of older schedulers `proc-id`: both are sent. Without `show-anchor` a scheduler
//! leaves out what a signature cannot be verified without.

use http::{StatusCode, header};
use slotbench_core::assignment::Assignment;
use slotbench_core::assignments::Scheduled;
use slotbench_core::block::{Block, BlockHash};
use slotbench_core::operations::{PAGE_SLOTS, Slots};
use slotbench_core::{Id, Item};

use super::ask::Asking;
use super::{OCTETS, RemoteError, RemotePage, Times};
use crate::client::Call;
use crate::wire::read::legacy::{self, Entry, LegacyPage};
use crate::wire::read::native::RemoteSlot;
use crate::wire::read::{ReadError, ReadLimits};

fn payload(asking: &Asking<'_>) -> impl Fn(ReadError) -> RemoteError {
    let url = asking.url().clone();
    move |cause| RemoteError::Payload { url: url.clone(), cause }
}

fn about(process: Id) -> String {
    format!("process-id={process}&proc-id={process}&show-anchor=true")
}

/// The answer to the POST is the message's id alone, so the assignment is asked for. Of a message with several
/// assignments it may be another one than this POST made; it is one of this message and this process in any case.
pub(super) async fn post(asking: &mut Asking<'_>, process: Id, message: &Item) -> Result<Assignment, RemoteError> {
    let mut call = Call::post(format!("/?proc-id={process}"), message.as_bytes().clone());
    call.headers.insert(header::CONTENT_TYPE, OCTETS);
    let body = asking.ask(call).await?;
    let id = legacy::posted(&body).map_err(payload(asking))?;
    // Under a process's id there is its schedule, with the process first.
    let entry = if id == process {
        let first = page(asking, process, Slots::within(&(0..=0))).await?.entries.pop();
        first.ok_or_else(|| RemoteError::unproven(asking.url(), &"the process has no assignment"))?
    } else {
        let body = asking.get(format!("/{id}?{}", about(process))).await?;
        legacy::item(&body).map_err(payload(asking))?
    };
    let assignment = entry.assignment.item().map_err(|error| RemoteError::unproven(asking.url(), &error))?;
    Assignment::parse(assignment).map_err(|error| RemoteError::unproven(asking.url(), &error))
}

pub(super) async fn slot(asking: &mut Asking<'_>, process: Id) -> Result<RemoteSlot, RemoteError> {
    let latest = asking.get(format!("/{process}/latest?{}", about(process))).await;
    let entry = match latest {
        Ok(body) => Some(legacy::item(&body).map_err(payload(asking))?),
        // So says a scheduler of a process that has no message yet. It may have the process itself.
        Err(RemoteError::Status { status: StatusCode::BAD_REQUEST, .. }) => {
            page(asking, process, Slots::within(&(0..=0))).await?.entries.pop()
        }
        Err(error) => return Err(error),
    };
    let number = |entry: &Entry, tag: &str| entry.assignment.tag(tag).and_then(|text| text.parse().ok()).unwrap_or(0);
    let block = |height| Block { height, hash: BlockHash::NONE, timestamp: 0 };
    Ok(RemoteSlot {
        process: entry.as_ref().map_or(Some(process), named).unwrap_or(process),
        current: entry.as_ref().map(|entry| entry.slot),
        timestamp: entry.as_ref().map_or(0, |entry| number(entry, "timestamp")),
        block: block(entry.as_ref().map_or(0, |entry| number(entry, "block-height"))),
    })
}

/// The process that an assignment names.
fn named(entry: &Entry) -> Option<Id> {
    entry.assignment.tag("process")?.parse().ok()
}

/// `from-nonce` is exclusive and −1 includes the process; `to-nonce` is inclusive.
async fn page(asking: &mut Asking<'_>, process: Id, slots: Slots) -> Result<LegacyPage, RemoteError> {
    let mut bounds = format!("&from-nonce={}", i128::from(slots.first()) - 1);
    if slots.end() != u64::MAX {
        bounds.push_str(&format!("&to-nonce={}", slots.end().saturating_sub(1)));
    }
    page_within(asking, process, &bounds, PAGE_SLOTS).await
}

async fn page_within(
    asking: &mut Asking<'_>,
    process: Id,
    bounds: &str,
    limit: usize,
) -> Result<LegacyPage, RemoteError> {
    let body = asking.get(format!("/{process}?{}{bounds}&limit={limit}", about(process))).await?;
    super::aside(move || legacy::page(&body, ReadLimits::default())).await?.map_err(payload(asking))
}

pub(super) async fn read(
    asking: &mut Asking<'_>,
    process: Id,
    slots: Slots,
    find: impl Fn(&Id) -> Option<Item> + Send + 'static,
) -> Result<RemotePage, RemoteError> {
    let page = page(asking, process, slots).await?;
    super::aside(move || put_together(page, slots, find)).await
}

/// `from` is exclusive, `to` inclusive.
pub(super) async fn read_times(
    asking: &mut Asking<'_>,
    process: Id,
    times: Times,
    limit: usize,
    find: impl Fn(&Id) -> Option<Item> + Send + 'static,
) -> Result<RemotePage, RemoteError> {
    let bound = |name: &str, time: Option<u64>| time.map(|time| format!("&{name}={time}")).unwrap_or_default();
    let bounds = bound("from", times.after_ms) + &bound("to", times.to_ms);
    let page = page_within(asking, process, &bounds, limit).await?;
    super::aside(move || put_together(page, Slots::ALL, find)).await
}

pub(super) async fn find(
    asking: &mut Asking<'_>,
    process: Id,
    id: &Id,
    find: impl Fn(&Id) -> Option<Item> + Send + 'static,
) -> Result<Scheduled, RemoteError> {
    let body = asking.get(format!("/{id}?{}", about(process))).await?;
    let entry = legacy::item(&body).map_err(payload(asking))?;
    let scheduled = super::aside(move || entry.scheduled(find)).await?;
    scheduled.map_err(|error| RemoteError::unproven(asking.url(), &error))
}

fn put_together(page: LegacyPage, slots: Slots, find: impl Fn(&Id) -> Option<Item>) -> RemotePage {
    let LegacyPage { entries, continues, cut, time, .. } = page;
    let mut read = RemotePage {
        assignments: Vec::new(),
        continues,
        cut: cut.map(|cut| cut.to_string()),
        timestamp: time.timestamp,
        block: Block { height: time.block_height, hash: time.block_hash, timestamp: 0 },
    };
    for entry in entries.iter().filter(|entry| slots.contains(entry.slot)) {
        match entry.scheduled(&find) {
            Ok(scheduled) => read.assignments.push(scheduled),
            Err(reason) => {
                read.cut = Some(format!("slot {}: {reason}", entry.slot));
                read.continues = true;
                break;
            }
        }
    }
    read
}

pub(super) async fn definition(asking: &mut Asking<'_>, process: Id) -> Result<Item, RemoteError> {
    let body = asking.get(format!("/processes/{process}")).await?;
    let document = legacy::process(&body).map_err(payload(asking))?;
    let item = document.item().map_err(|error| RemoteError::unproven(asking.url(), &error))?;
    if item.id() == process {
        Ok(item)
    } else {
        Err(RemoteError::unproven(asking.url(), &format!("it defines process {}", item.id())))
    }
}
