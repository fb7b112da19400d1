//! The stored queue of uploads.

use std::ops::ControlFlow;

use bytes::Bytes;

use crate::assignments::keys::{process_uploads_key, uploads_key};
use crate::assignments::{AssignmentStore, AssignmentsError, upload_key, uploaded_key};
use crate::id::Id;
use crate::item::Item;
use crate::key::{Key, Segment};
use crate::store::{Batch, Durability};

/// How many entries are read at a time.
const PAGE: usize = 1024;

impl AssignmentStore {
    /// Hands queued uploads to `take`, by process and slot, until it wants no more: those behind `after`, or all.
    /// Entries of another form are skipped.
    ///
    /// # Errors
    /// What the store reports.
    pub fn uploads(
        &self,
        after: Option<(Id, u64)>,
        take: impl FnMut(Id, u64) -> ControlFlow<()>,
    ) -> Result<(), AssignmentsError> {
        let from = after.map_or_else(uploads_key, |(process, slot)| upload_key(&process, slot).fence());
        self.uploads_below(&uploads_key(), from, take)
    }

    /// Whether an upload is in the queue.
    ///
    /// # Errors
    /// What the store reports.
    pub fn is_queued(&self, process: &Id, slot: u64) -> Result<bool, AssignmentsError> {
        Ok(self.store.get(&upload_key(process, slot))?.is_some())
    }

    /// Hands the slots of a process that are queued for upload to `take`, in order.
    ///
    /// # Errors
    /// What the store reports.
    pub fn uploads_of(&self, process: &Id, mut take: impl FnMut(u64)) -> Result<(), AssignmentsError> {
        let group = process_uploads_key(process);
        self.uploads_below(&group, group.clone(), |_, slot| {
            take(slot);
            ControlFlow::Continue(())
        })
    }

    fn uploads_below(
        &self,
        group: &Key,
        mut from: Key,
        mut take: impl FnMut(Id, u64) -> ControlFlow<()>,
    ) -> Result<(), AssignmentsError> {
        loop {
            let page = self.store.scan(group, &from, PAGE)?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            from = last.fence();
            for (process, slot) in page.iter().filter_map(|(key, _)| upload_of(key)) {
                if take(process, slot).is_break() {
                    return Ok(());
                }
            }
        }
    }

    /// Takes an upload out of the queue and notes that it was accepted. At the weakest tier: what a crash brings back is
    /// uploaded once more.
    ///
    /// # Errors
    /// What the store reports.
    pub fn uploaded(&self, process: &Id, slot: u64) -> Result<(), AssignmentsError> {
        let mut batch = Batch::new();
        batch.delete(upload_key(process, slot));
        batch.put(uploaded_key(process, slot), Bytes::new());
        Ok(self.store.apply(&batch, Durability::Memory)?)
    }

    /// Queues a location record. The entry holds all of it: the record may be replaced before it is uploaded.
    ///
    /// # Errors
    /// What the store reports.
    pub fn queue_record(&self, record: &Item, durability: Durability) -> Result<(), AssignmentsError> {
        let mut batch = Batch::new();
        batch.put(process_uploads_key(&record.id()), record.as_bytes().clone());
        Ok(self.store.apply(&batch, durability)?)
    }

    /// A queued location record.
    ///
    /// # Errors
    /// `Corrupt` for an entry that is not the item with this id.
    pub fn queued_record(&self, id: &Id) -> Result<Option<Item>, AssignmentsError> {
        self.item_at(&process_uploads_key(id), id)
    }

    /// Hands the ids of the queued location records to `take`.
    ///
    /// # Errors
    /// What the store reports.
    pub fn record_uploads(&self, mut take: impl FnMut(Id)) -> Result<(), AssignmentsError> {
        let group = uploads_key();
        let mut from = group.clone();
        // One seek a process or record: what lies below a process is passed over.
        while let Some((key, _)) = self.store.scan(&group, &from, 1)?.into_iter().next() {
            let Some(child) = key.child_below(&group) else { break };
            if let (true, Some(Segment::Id(id))) = (child == key, child.name()) {
                take(id);
            }
            from = child.fence();
        }
        Ok(())
    }

    /// Takes a location record out of the queue. At the weakest tier, as [`uploaded`](Self::uploaded).
    ///
    /// # Errors
    /// What the store reports.
    pub fn record_uploaded(&self, id: &Id) -> Result<(), AssignmentsError> {
        let mut batch = Batch::new();
        batch.delete(process_uploads_key(id));
        Ok(self.store.apply(&batch, Durability::Memory)?)
    }
}

fn upload_of(key: &Key) -> Option<(Id, u64)> {
    let mut segments = key.segments().skip(1);
    match (segments.next()?, segments.next()?, segments.next()) {
        (Segment::Id(process), Segment::Number(slot), None) => Some((process, slot)),
        _ => None,
    }
}
