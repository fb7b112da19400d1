//! The one writer of a store: staging, commit, publication, checkpoint.

use std::sync::{PoisonError, RwLock};

use slotbench_core::store::{Batch, Op, StoreError};

use super::disk::{Disk, add};
use super::journal::Journal;
use super::layout::Layout;
use super::setup::{CHECKPOINT_BYTES, Settings, TREE, UNSYNCED};
use super::unsynced::{Unsynced, sync_tree};

/// What one batch after the other needs.
pub(super) struct Writer {
    settings: Settings,
    journal: Journal,
    unsynced: Unsynced,
    /// Whether the file that tells of entries never synced is there.
    marked: bool,
    /// Operations since the last checkpoint.
    ops: usize,
    /// The first failure.
    poison: Option<String>,
}

impl Writer {
    /// Opens the journal and completes what an earlier process left in it.
    pub(super) fn open(disk: &Disk, settings: Settings) -> Result<Self, StoreError> {
        let (journal, left) = Journal::open(disk)?;
        let marked = disk.exists(UNSYNCED)?;
        let mut writer = Self { settings, journal, unsynced: Unsynced::new(marked), marked, ops: 0, poison: None };
        left.iter().try_for_each(|batch| writer.replay(disk, batch))?;
        writer.unsynced.sync(disk)?;
        writer.journal.erase(disk)?;
        Ok(writer)
    }

    fn replay(&mut self, disk: &Disk, batch: &Batch) -> Result<(), StoreError> {
        let staged = self.stage(disk, batch, true)?;
        self.publish(disk, batch, &staged)
    }

    /// Stores a batch; `lasting` if it has to survive a power cut.
    pub(super) fn apply(
        &mut self,
        disk: &Disk,
        torn: &RwLock<bool>,
        batch: &Batch,
        lasting: bool,
    ) -> Result<(), StoreError> {
        self.unless_poisoned(|writer| {
            if !lasting {
                writer.mark(disk)?;
            }
            let staged = writer.stage(disk, batch, lasting)?;
            writer.commit(disk, batch, lasting)?;
            let mut torn = torn.write().unwrap_or_else(PoisonError::into_inner);
            *torn = true;
            writer.publish(disk, batch, &staged)?;
            *torn = false;
            drop(torn);
            writer.settle(disk, lasting)
        })
    }

    /// Makes everything applied so far durable.
    pub(super) fn sync(&mut self, disk: &Disk) -> Result<(), StoreError> {
        self.unless_poisoned(|writer| {
            writer.unsynced.sync(disk)?;
            if writer.unsynced.overflown {
                sync_tree(disk, TREE)?;
                disk.sync_dir("")?;
                writer.unsynced.overflown = false;
            }
            writer.journal.rewind(disk, true)?;
            writer.ops = 0;
            disk.remove(UNSYNCED)?;
            writer.marked = false;
            Ok(())
        })
    }

    /// Leaves nothing to replay.
    pub(super) fn close(&mut self, disk: &Disk) -> Result<(), StoreError> {
        if self.journal.len() == 0 {
            return Ok(());
        }
        self.unless_poisoned(|writer| writer.checkpoint(disk))
    }

    fn unless_poisoned(&mut self, work: impl FnOnce(&mut Self) -> Result<(), StoreError>) -> Result<(), StoreError> {
        if let Some(reason) = &self.poison {
            return Err(StoreError::Poisoned { reason: reason.clone() });
        }
        // In place while it runs, for the case of a panic.
        self.poison = Some("a batch was interrupted".to_owned());
        let done = work(self);
        self.poison = done.as_ref().err().map(ToString::to_string);
        done
    }

    /// Leaves a note, for whoever opens the store next, that not everything was synced.
    fn mark(&mut self, disk: &Disk) -> Result<(), StoreError> {
        if !self.marked {
            disk.make_file(UNSYNCED)?;
            self.marked = true;
        }
        Ok(())
    }

    /// Writes the values of a batch to files of their own; their paths, in order.
    fn stage(&mut self, disk: &Disk, batch: &Batch, lasting: bool) -> Result<Vec<String>, StoreError> {
        let mut staged = Vec::new();
        for op in batch.ops() {
            if let Op::Put { key, value } = op {
                let (path, file) = disk.stage(value)?;
                self.unsynced.hold(disk, file, self.settings.layout.entry(key), lasting)?;
                staged.push(path);
            }
        }
        Ok(staged)
    }

    fn commit(&mut self, disk: &Disk, batch: &Batch, lasting: bool) -> Result<(), StoreError> {
        // One rename is atomic by itself; unless an earlier record were replayed over it.
        if !lasting && batch.len() <= 1 && self.journal.len() == 0 {
            return Ok(());
        }
        let end = self.journal.len();
        self.journal.append(disk, batch, lasting).inspect_err(|_| self.journal.revoke(disk, end))
    }

    /// Changes the entries a batch names, in its order.
    fn publish(&mut self, disk: &Disk, batch: &Batch, staged: &[String]) -> Result<(), StoreError> {
        let layout = self.settings.layout;
        let mut staged = staged.iter();
        self.ops += batch.len();
        for op in batch.ops() {
            let entry = layout.entry(op.key());
            match op {
                Op::Put { .. } => staged.next().map_or(Ok(()), |path| disk.publish(path, &entry))?,
                Op::Link { target, .. } => disk.link(&layout.link_text(&entry, target), &entry)?,
                Op::Group { key } => {
                    disk.make_dir(&layout.group(key))?;
                    disk.link(&Layout::group_text(&entry), &entry)?;
                }
                Op::Delete { .. } if !disk.remove(&entry)? => continue,
                Op::Delete { .. } => {}
            }
            self.unsynced.touch(&entry);
        }
        Ok(())
    }

    /// Keeps the journal and the list of what is not synced short.
    fn settle(&mut self, disk: &Disk, lasting: bool) -> Result<(), StoreError> {
        if !lasting && !self.journal.holds_synced() {
            self.journal.rewind(disk, false)?;
            if self.unsynced.is_full() {
                self.unsynced.forget();
            }
            return Ok(());
        }
        let due = self.ops >= self.settings.checkpoint_ops
            || self.unsynced.is_full()
            || self.journal.len() >= CHECKPOINT_BYTES;
        if due { self.checkpoint(disk) } else { Ok(()) }
    }

    /// Makes what the journal holds durable in the tree, and starts the journal over.
    fn checkpoint(&mut self, disk: &Disk) -> Result<(), StoreError> {
        self.unsynced.sync(disk)?;
        self.journal.rewind(disk, false)?;
        self.ops = 0;
        add(&disk.tally.checkpoints, 1);
        Ok(())
    }
}
