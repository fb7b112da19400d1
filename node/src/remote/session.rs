//! The operations of another scheduler, whichever dialect it speaks.

use slotbench_core::assignment::{Assignment, Variant};
use slotbench_core::assignments::Scheduled;
use slotbench_core::block::Block;
use slotbench_core::foreign::Authority;
use slotbench_core::location::BaseUrl;
use slotbench_core::operations::{Redirect, Slots};
use slotbench_core::{Id, Item};
use tokio::sync::SemaphorePermit;

use super::ask::Asking;
use super::{RemoteError, legacy, native};
use crate::wire::read::native::RemoteSlot;

/// One operation of another scheduler, with what it takes: a place, and time that runs out.
pub struct Session<'a> {
    asking: Asking<'a>,
    process: Id,
    dialect: Variant,
    _place: SemaphorePermit<'a>,
}

/// What another scheduler has of a schedule. Nothing of it is verified.
#[derive(Debug, Clone)]
pub struct RemotePage {
    /// Consecutive slots.
    pub assignments: Vec<Scheduled>,
    /// Whether it says that there is more, or could not be read to its end.
    pub continues: bool,
    /// Why it ends early.
    pub cut: Option<String>,
    /// Milliseconds since the Unix epoch; of the last slot in the legacy dialect.
    pub timestamp: u64,
    /// The network's last known block.
    pub block: Block,
}

/// A part of a schedule, by the timestamps of its assignments: milliseconds since the Unix epoch, an absent bound is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Times {
    /// The slots above this time, exclusive.
    pub after_ms: Option<u64>,
    /// The slots up to this time, inclusive.
    pub to_ms: Option<u64>,
}

impl Times {
    /// Whether an assignment of that time belongs to it.
    #[must_use]
    pub fn contains(&self, timestamp_ms: u64) -> bool {
        self.after_ms.is_none_or(|after| timestamp_ms > after) && self.to_ms.is_none_or(|to| timestamp_ms <= to)
    }
}

impl<'a> Session<'a> {
    pub(super) fn new(asking: Asking<'a>, to: &Redirect, place: SemaphorePermit<'a>) -> Result<Self, RemoteError> {
        let dialect = match to.variant.as_str() {
            "ao.N.1" => Variant::Native,
            "ao.TN.1" => Variant::Legacy,
            other => {
                let variant = other.chars().take(40).flat_map(char::escape_debug).collect();
                return Err(RemoteError::Dialect { url: to.url.clone(), variant });
            }
        };
        Ok(Self { asking, process: to.process, dialect, _place: place })
    }

    /// Who is asked; after a redirect, whom it named.
    #[must_use]
    pub const fn url(&self) -> &BaseUrl {
        self.asking.url()
    }

    /// Has a message scheduled. The answer is the assignment of this very message, signed by somebody whom the process
    /// names. A message is sent once: whether one whose connection broke was scheduled is not known.
    ///
    /// # Errors
    /// [`RemoteError`]; [`Unproven`](RemoteError::Unproven) may mean that the message was scheduled all the same.
    pub async fn post(&mut self, message: &Item, authority: &Authority) -> Result<Assignment, RemoteError> {
        let (process, deadline) = (self.process, self.asking.deadline());
        let assignment = deadline.bound(async {
            match self.dialect {
                Variant::Native => native::post(&mut self.asking, process, message).await,
                Variant::Legacy => legacy::post(&mut self.asking, process, message).await,
            }
        });
        let scheduled = Scheduled { assignment: assignment.await?, message: message.clone() };
        authority.check(&scheduled).map_err(|reason| RemoteError::unproven(self.url(), &reason))?;
        Ok(scheduled.assignment)
    }

    /// Where the schedule ends.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub async fn slot(&mut self) -> Result<RemoteSlot, RemoteError> {
        let (process, deadline) = (self.process, self.asking.deadline());
        let slot = deadline.bound(async {
            match self.dialect {
                Variant::Native => native::slot(&mut self.asking, process).await,
                Variant::Legacy => legacy::slot(&mut self.asking, process).await,
            }
        });
        let slot = slot.await?;
        if slot.process == process {
            Ok(slot)
        } else {
            Err(RemoteError::unproven(self.url(), &format!("it is about process {}", slot.process)))
        }
    }

    /// Slots from the first of `slots` on, as many as one answer holds. `find` is asked for messages that are assigned by
    /// reference.
    ///
    /// # Errors
    /// [`RemoteError`]; [`Unproven`](RemoteError::Unproven) for an answer that begins with another slot.
    pub async fn read(
        &mut self,
        slots: Slots,
        find: impl Fn(&Id) -> Option<Item> + Send + 'static,
    ) -> Result<RemotePage, RemoteError> {
        let (process, deadline) = (self.process, self.asking.deadline());
        let page = deadline.bound(async {
            match self.dialect {
                Variant::Native => native::read(&mut self.asking, process, slots).await,
                Variant::Legacy => legacy::read(&mut self.asking, process, slots, find).await,
            }
        });
        let page = page.await?;
        match page.assignments.first().map(|first| first.assignment.slot()) {
            Some(found) if found != slots.first() => {
                Err(RemoteError::unproven(self.url(), &format!("it begins with slot {found}, not {}", slots.first())))
            }
            _ => Ok(page),
        }
    }

    /// Slots of a time, at most `limit`. `find` is asked for messages that are assigned by reference. Whether the scheduler
    /// leaves out slots at either end cannot be seen.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub async fn read_times(
        &mut self,
        times: Times,
        limit: usize,
        find: impl Fn(&Id) -> Option<Item> + Send + 'static,
    ) -> Result<RemotePage, RemoteError> {
        let (process, deadline) = (self.process, self.asking.deadline());
        // Both dialects have this route.
        let mut page = deadline.bound(legacy::read_times(&mut self.asking, process, times, limit, find)).await?;
        let outside = |scheduled: &Scheduled| !times.contains(scheduled.assignment.timestamp());
        if let Some(index) = page.assignments.iter().position(outside) {
            page.cut = Some(format!("slot {} is of another time", page.assignments[index].assignment.slot()));
            page.continues = true;
            page.assignments.truncate(index);
        }
        Ok(page)
    }

    /// A message of the process and its assignment, by the id of either. `find` is asked for a message that is assigned by
    /// reference.
    ///
    /// # Errors
    /// [`RemoteError`]; [`Unproven`](RemoteError::Unproven) for an answer about another item.
    pub async fn find(
        &mut self,
        id: &Id,
        find: impl Fn(&Id) -> Option<Item> + Send + 'static,
    ) -> Result<Scheduled, RemoteError> {
        let (process, deadline) = (self.process, self.asking.deadline());
        // Both dialects have this route.
        let found = deadline.bound(legacy::find(&mut self.asking, process, id, find)).await?;
        if found.assignment.id() == *id || found.message.id() == *id {
            Ok(found)
        } else {
            Err(RemoteError::unproven(self.url(), &format!("it is about message {}", found.message.id())))
        }
    }

    /// The definition of the process. Its id is right; its signature is still to be verified.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub async fn definition(&mut self) -> Result<Item, RemoteError> {
        let (process, deadline) = (self.process, self.asking.deadline());
        // Both dialects have this route.
        deadline.bound(legacy::definition(&mut self.asking, process)).await
    }
}
