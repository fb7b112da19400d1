//! The operations in `ao.N.1`.

use http::header;
use slotbench_core::assignment::Assignment;
use slotbench_core::operations::Slots;
use slotbench_core::{Id, Item};

use super::ask::Asking;
use super::{OCTETS, RemoteError, RemotePage};
use crate::client::Call;
use crate::wire::read::native::{self, RemoteSlot};
use crate::wire::read::{ReadError, ReadLimits};

fn payload(asking: &Asking<'_>) -> impl Fn(ReadError) -> RemoteError {
    let url = asking.url().clone();
    move |cause| RemoteError::Payload { url: url.clone(), cause }
}

pub(super) async fn post(asking: &mut Asking<'_>, process: Id, message: &Item) -> Result<Assignment, RemoteError> {
    let mut call = Call::post(format!("/{process}/schedule"), message.as_bytes().clone());
    call.headers.insert(header::CONTENT_TYPE, OCTETS);
    let body = asking.ask(call).await?;
    native::assignment(&body).map_err(payload(asking))
}

pub(super) async fn slot(asking: &mut Asking<'_>, process: Id) -> Result<RemoteSlot, RemoteError> {
    let body = asking.get(format!("/{process}/slot")).await?;
    native::slot(&body).map_err(payload(asking))
}

pub(super) async fn read(asking: &mut Asking<'_>, process: Id, slots: Slots) -> Result<RemotePage, RemoteError> {
    let mut path = format!("/{process}/schedule?from={}", slots.first());
    // Both bounds are inclusive.
    if slots.end() != u64::MAX {
        path.push_str(&format!("&to={}", slots.end().saturating_sub(1)));
    }
    let body = asking.get(path).await?;
    // A page may have many megabytes: whoever serves must not wait while it is read.
    let page = super::aside(move || native::schedule(&body, ReadLimits::default())).await?.map_err(payload(asking))?;
    if page.process != process {
        return Err(RemoteError::unproven(asking.url(), &format!("it is about process {}", page.process)));
    }
    let mut assignments = page.assignments;
    assignments.retain(|scheduled| scheduled.assignment.slot() < slots.end());
    Ok(RemotePage {
        assignments,
        continues: page.continues,
        cut: page.cut.map(|cut| cut.to_string()),
        timestamp: page.timestamp,
        block: page.block,
    })
}
