//! The stored queue of uploads.

use crate::assignments::keys::uploads_key;
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
    pub fn uploads(&self, mut take: impl FnMut(Id, u64)) -> Result<(), AssignmentsError> {
        let group = uploads_key();
        let mut from = group.clone();
        loop {
            let page = self.store.scan(&group, &from, PAGE)?;
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
