//! What was pruned of a process's own schedule, and what may be.
//!
//! Slots are pruned from the start, in order, and only those that a bundler has accepted. The last of them is remembered
//! with its chain value and its time, so that what is kept can still be checked.

use std::collections::{HashMap, HashSet};

use bytes::{BufMut, Bytes, BytesMut};

use crate::assignments::{
    AssignmentStore, AssignmentsError, Head, archived_key, corrupt, data_key, message_key, slot_key, uploaded_key,
};
use crate::chain::{Chain, ChainValue};
use crate::id::Id;
use crate::process::is_process;
use crate::store::{Batch, Entry};

/// How many slots are read at a time.
const PAGE: usize = 1024;

/// A slot that is to be pruned.
#[derive(Debug, Clone, Copy)]
pub struct Prunable {
    slot: u64,
    chain: ChainValue,
    timestamp: u64,
    assignment: Id,
    message: Id,
}

/// The contents that might go with some slots, each with the last of those slots that uses it.
#[derive(Debug, Default)]
pub struct Contents(HashMap<Id, u64>);

impl Contents {
    fn used(&mut self, content: Id, slot: u64) {
        let last = self.0.entry(content).or_insert(slot);
        *last = slot.max(*last);
    }

    /// Whether it is among them.
    #[must_use]
    pub fn contains(&self, content: &Id) -> bool {
        self.0.contains_key(content)
    }
}

impl AssignmentStore {
    /// The last slot that was pruned; [`Head::default`] before the first.
    ///
    /// # Errors
    /// What the store reports; `Corrupt` for anything but 48 bytes.
    pub fn archived(&self, process: &Id) -> Result<Head, AssignmentsError> {
        let key = archived_key(process);
        match self.store().get(&key)? {
            None => Ok(Head::default()),
            Some(Entry::Value(bytes)) => decode(&bytes).ok_or_else(|| corrupt(&key, "an archive's end has 48 bytes")),
            Some(_) => Err(corrupt(&key, "an archive's end is a value")),
        }
    }

    /// Ok unless the slot was pruned: for slots that are not there.
    pub(crate) fn check_archived(&self, process: &Id, slot: u64) -> Result<(), AssignmentsError> {
        let first = self.archived(process)?.next_slot();
        if slot < first { Err(AssignmentsError::Archived { process: *process, slot, first }) } else { Ok(()) }
    }

    /// Whether a bundler is known to have accepted a slot.
    ///
    /// # Errors
    /// What the store reports.
    pub fn is_uploaded(&self, process: &Id, slot: u64) -> Result<bool, AssignmentsError> {
        Ok(self.store().get(&uploaded_key(process, slot))?.is_some())
    }

    /// The first slots of a process, at most `limit`, that may be pruned while the last `keep_last` stay: up to the first
    /// that was not uploaded. Likewise their contents, but for definitions of processes. For
    /// [`Scheduler::prune`](crate::Scheduler::prune), which keeps committers away meanwhile.
    ///
    /// # Errors
    /// What the store reports; `Corrupt` for a slot that cannot be read.
    pub fn prunable(
        &self,
        process: &Id,
        keep_last: u64,
        limit: usize,
    ) -> Result<(Vec<Prunable>, Contents), AssignmentsError> {
        let (mut found, mut contents) = (Vec::new(), Contents::default());
        let end =
            self.last_slot(process)?.map_or(0, |(last, _)| last.saturating_add(1).saturating_sub(keep_last.max(1)));
        let first = self.archived(process)?.next_slot();
        for slot in (first..end).take(limit) {
            if !self.is_uploaded(process, slot)? {
                break;
            }
            let key = slot_key(process, slot);
            let scheduled = self.read(process, slot)?.ok_or_else(|| corrupt(&key, "the slot is missing"))?;
            let assignment = &scheduled.assignment;
            contents.used(assignment.id(), slot);
            if !is_process(&scheduled.message) {
                contents.used(assignment.message(), slot);
            }
            found.push(Prunable {
                slot,
                chain: assignment.chain(),
                timestamp: assignment.timestamp(),
                assignment: assignment.id(),
                message: assignment.message(),
            });
        }
        Ok((found, contents))
    }

    /// Those of the contents that slots other than `pruned` use, on any process: one pass over everything stored.
    ///
    /// # Errors
    /// What the store reports; `Corrupt` for a slot that cannot be read.
    pub fn used_elsewhere(
        &self,
        process: &Id,
        pruned: &[Prunable],
        contents: &Contents,
    ) -> Result<HashSet<Id>, AssignmentsError> {
        let mut used = HashSet::new();
        for other in self.processes()? {
            let behind = pruned.last().filter(|_| other == *process).map_or(0, |last| last.slot.saturating_add(1));
            self.each_message(&other, behind, |message| {
                if contents.contains(&message) {
                    used.insert(message);
                }
            })?;
        }
        Ok(used)
    }

    /// Hands the messages of a process's slots from `from` on to `see`. Reads assignments only.
    fn each_message(&self, process: &Id, mut from: u64, mut see: impl FnMut(Id)) -> Result<(), AssignmentsError> {
        loop {
            let page = self.list(process, from, PAGE)?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            from = last.saturating_add(1);
            for (slot, id) in &page {
                see(self.linked(process, *slot, id)?.message());
            }
        }
    }

    /// The batch that prunes some slots, in order: their links and notes, and what nothing but they use. With the number
    /// of contents that go.
    ///
    /// # Errors
    /// What the store reports.
    pub fn stage_prune(
        &self,
        process: &Id,
        slots: &[Prunable],
        contents: &Contents,
        is_used: impl Fn(&Id) -> bool,
    ) -> Result<(Batch, u64), AssignmentsError> {
        let (mut batch, mut removed) = (Batch::new(), 0);
        for slot in slots {
            batch.delete(slot_key(process, slot.slot));
            batch.delete(uploaded_key(process, slot.slot));
            if self.assignment_of_message(process, &slot.message)? == Some(slot.assignment) {
                batch.delete(message_key(&slot.message, process));
            }
            for content in [slot.assignment, slot.message] {
                // Only the last slot that uses a content takes it along.
                if contents.0.get(&content) == Some(&slot.slot) && !is_used(&content) {
                    batch.delete(data_key(&content));
                    removed += 1;
                }
            }
        }
        if let Some(last) = slots.last() {
            batch.put(archived_key(process), encode(last));
        }
        Ok((batch, removed))
    }
}

fn encode(last: &Prunable) -> Bytes {
    let mut bytes = BytesMut::with_capacity(48);
    bytes.put_u64(last.slot);
    bytes.extend_from_slice(last.chain.as_bytes());
    bytes.put_u64(last.timestamp);
    bytes.freeze()
}

fn decode(bytes: &[u8]) -> Option<Head> {
    let (slot, rest) = bytes.split_first_chunk()?;
    let (chain, rest) = rest.split_first_chunk::<32>()?;
    Some(Head {
        slot: Some(u64::from_be_bytes(*slot)),
        chain: Chain::after(ChainValue::from(*chain)),
        timestamp: u64::from_be_bytes(rest.try_into().ok()?),
    })
}
