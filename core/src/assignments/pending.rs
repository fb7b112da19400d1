//! The stored queue of uploads.

use crate::assignments::keys::{process_uploads_key, uploads_key};
use crate::assignments::{AssignmentStore, AssignmentsError, upload_key};
use crate::id::Id;
use crate::key::{Key, Segment};
use crate::store::{Batch, Durability};

/// How many entries are read at a time.
const PAGE: usize = 1024;

impl AssignmentStore {
    /// Hands every queued upload to `take`, by process and slot; entries of another form are skipped.
    ///
    /// # Errors
    /// What the store reports.
    pub fn uploads(&self, take: impl FnMut(Id, u64)) -> Result<(), AssignmentsError> {
        self.uploads_below(&uploads_key(), take)
    }

    /// Hands the slots of a process that are queued for upload to `take`, in order.
    ///
    /// # Errors
    /// What the store reports.
    pub fn uploads_of(&self, process: &Id, mut take: impl FnMut(u64)) -> Result<(), AssignmentsError> {
        self.uploads_below(&process_uploads_key(process), |_, slot| take(slot))
    }

    fn uploads_below(&self, group: &Key, mut take: impl FnMut(Id, u64)) -> Result<(), AssignmentsError> {
        let mut from = group.clone();
        loop {
            let page = self.store.scan(group, &from, PAGE)?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            from = last.fence();
            for (process, slot) in page.iter().filter_map(|(key, _)| upload_of(key)) {
                take(process, slot);
            }
        }
    }

    /// Takes an upload out of the queue. At the weakest tier: what a crash brings back is uploaded once more.
    ///
    /// # Errors
    /// What the store reports.
    pub fn uploaded(&self, process: &Id, slot: u64) -> Result<(), AssignmentsError> {
        let mut batch = Batch::new();
        batch.delete(upload_key(process, slot));
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
