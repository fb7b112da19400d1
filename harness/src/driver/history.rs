//! Slots that are stored before a round begins.
//!
//! Filling a store takes far longer than a round, so a store is filled once a run for each engine, its settings and the
//! history's own figures, checked in full, and then handed from round to round: moved into the round's directory and
//! back, with what the round added. So a round begins with *at least* the slots its cell names; once rounds have added a
//! quarter, the store is filled anew. How many slots there were is in the round's result.

mod ledger;
mod load;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use slotbench_core::assignments::AssignmentsError;
use slotbench_core::store::Store;
use slotbench_core::{AssignmentStore, StoreError};
use tempfile::TempDir;

pub use ledger::Ledger;
pub use load::{HistorySpec, LoadError, fill};

use crate::datadir::HISTORY_PREFIX;
use crate::runner::Stop;
use crate::verify::{Heads, Verification};

/// Slots of a history that are read back after every round.
const READ_BACK: u64 = 200;

/// A history that could not be had.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// It could not be stored.
    #[error("the history cannot be stored: {0}")]
    Load(#[from] LoadError),
    /// It is not stored as it was made.
    #[error("the history is not sound: {0}")]
    Unsound(String),
    /// Its end cannot be read.
    #[error("the history cannot be read: {0}")]
    Read(#[from] AssignmentsError),
    /// The store cannot be opened.
    #[error("the store cannot be opened: {0}")]
    Open(#[source] StoreError),
    /// A directory cannot be made, moved, synced or removed.
    #[error("cannot {op} {}: {source}", path.display())]
    Io {
        /// What was attempted.
        op: &'static str,
        /// The directory.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
}

fn io(op: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> HistoryError {
    let path = path.to_owned();
    move |source| HistoryError::Io { op, path, source }
}

/// What a store holds before a round.
#[derive(Debug, Clone)]
pub struct History {
    /// What it was filled with.
    pub ledger: Arc<Ledger>,
    /// Where its schedules end, rounds before included.
    pub heads: Heads,
}

impl History {
    /// Fills an empty store and checks all of it.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn fill(store: &Arc<dyn Store>, spec: &HistorySpec, stop: &Stop) -> Result<Self, HistoryError> {
        let ledger = Arc::new(fill(&**store, spec, stop)?);
        let mut check = Verification::inspecting(store, Default::default(), &Heads::new(), |slot| {
            let (assignment, message) = (&slot.assignment, slot.message.id());
            let agrees = ledger.agrees(&assignment.process(), assignment.slot(), &message);
            if agrees { Ok(()) } else { Err(format!("message {message} was never stored there")) }
        });
        check.expect_slots(spec.slots);
        if !check.is_sound() {
            return Err(HistoryError::Unsound(check.failures.join("; ")));
        }
        let mut history = Self { ledger, heads: Heads::new() };
        history.advance(store)?;
        Ok(history)
    }

    /// Takes note of where the schedules end now.
    ///
    /// # Errors
    /// [`HistoryError::Read`].
    pub fn advance(&mut self, store: &Arc<dyn Store>) -> Result<(), HistoryError> {
        let assignments = AssignmentStore::new(Arc::clone(store));
        let ends = assignments.processes()?.into_iter().map(|process| Ok((process, assignments.latest(&process)?)));
        self.heads = ends.collect::<Result<_, AssignmentsError>>()?;
        Ok(())
    }

    /// Slots that are stored, rounds before included.
    #[must_use]
    pub fn slots(&self) -> u64 {
        self.heads.values().map(|head| head.next_slot()).sum()
    }

    /// Reads some slots of the history back, at random.
    ///
    /// # Errors
    /// The first that is not as it was.
    pub fn read_back(&self, store: &Arc<dyn Store>, seed: u64) -> Result<(), String> {
        let assignments = AssignmentStore::new(Arc::clone(store));
        let mut random = StdRng::seed_from_u64(seed);
        for _ in 0..READ_BACK.min(self.ledger.slots()) {
            let at = random.random_range(0..self.ledger.slots());
            let Some((process, slot)) = self.ledger.pick(random.random_range(0..usize::MAX), at) else { break };
            let place = |what: &dyn std::fmt::Display| format!("process {process}, slot {slot} of the history: {what}");
            match assignments.read(&process, slot).map_err(|error| place(&error))? {
                None => return Err(place(&"missing")),
                Some(found) if self.ledger.agrees(&process, slot, &found.message.id()) => {}
                Some(_) => return Err(place(&"its message is another one")),
            }
        }
        Ok(())
    }

    /// Whether rounds have added more than a quarter.
    fn is_outgrown(&self) -> bool {
        let filled = self.ledger.slots();
        self.slots() > filled + filled / 4
    }
}

/// What tells filled stores apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The engine.
    pub backend: String,
    /// Its settings.
    pub options: BTreeMap<String, String>,
    /// What it is filled with.
    pub spec: HistorySpec,
}

/// Filled stores that wait for their next round.
#[derive(Debug, Default)]
pub struct Histories {
    dir: Option<TempDir>,
    waiting: Vec<(Key, Waiting)>,
    made: usize,
}

#[derive(Debug)]
struct Waiting {
    path: PathBuf,
    history: History,
}

impl Histories {
    /// Moves the store that waits under `key` to `dir`, an empty directory; `None` where there is none that is still of
    /// the right size, and `dir` is as it was.
    ///
    /// # Errors
    /// [`HistoryError::Io`].
    pub fn take(&mut self, key: &Key, dir: &Path) -> Result<Option<History>, HistoryError> {
        let Some(index) = self.waiting.iter().position(|(known, _)| known == key) else { return Ok(None) };
        let (_, Waiting { path, history }) = self.waiting.swap_remove(index);
        if history.is_outgrown() {
            fs::remove_dir_all(&path).map_err(io("remove", &path))?;
            return Ok(None);
        }
        fs::rename(&path, dir).map_err(io("move a store to", dir))?;
        Ok(Some(history))
    }

    /// Takes the closed store in `dir` away, for the next round that wants it.
    ///
    /// # Errors
    /// [`HistoryError::Io`].
    pub fn give_back(&mut self, key: Key, dir: &Path, history: History) -> Result<(), HistoryError> {
        let path = self.place(dir)?;
        fs::rename(dir, &path).map_err(io("move a store from", dir))?;
        self.waiting.push((key, Waiting { path, history }));
        Ok(())
    }

    /// A path of its own, on the file system of the rounds.
    fn place(&mut self, dir: &Path) -> Result<PathBuf, HistoryError> {
        if self.dir.is_none() {
            let beside = dir.parent().unwrap_or(dir);
            let made = tempfile::Builder::new().prefix(HISTORY_PREFIX).tempdir_in(beside);
            self.dir = Some(made.map_err(io("create a directory in", beside))?);
        }
        self.made += 1;
        let root = self.dir.as_ref().map_or(dir, |made| made.path());
        Ok(root.join(self.made.to_string()))
    }
}

/// Writes everything that is cached of the file system of `dir` to its device: nothing of the filling is left to be
/// written while a round is measured.
///
/// # Errors
/// [`HistoryError::Io`].
pub fn write_back(dir: &Path) -> Result<(), HistoryError> {
    let opened = File::open(dir).map_err(io("open", dir))?;
    rustix::fs::syncfs(opened).map_err(|error| io("sync the file system of", dir)(error.into()))
}

#[cfg(test)]
mod tests {
    use slotbench_core::testing::Model;
    use slotbench_core::{Batch, Durability};

    use super::*;
    use crate::cell::Payload;

    fn spec() -> HistorySpec {
        HistorySpec { seed: 4, processes: 2, payload: Payload::Fixed(10), compressible: 0, slots: 40 }
    }

    fn filled() -> (Arc<dyn Store>, History) {
        let store: Arc<dyn Store> = Arc::new(Model::new());
        let history = History::fill(&store, &spec(), &Stop::default()).expect("fills");
        (store, history)
    }

    #[test]
    fn a_damaged_history_is_found_when_it_is_read_back() {
        let (store, history) = filled();
        assert_eq!((history.slots(), history.is_outgrown()), (40, false));
        history.read_back(&store, 1).expect("sound");
        let (process, _) = history.ledger.pick(1, 0).expect("there are some");
        let mut batch = Batch::new();
        for slot in 0..20 {
            batch.delete(slotbench_core::assignments::slot_key(&process, slot));
        }
        store.apply(&batch, Durability::Memory).expect("applies");
        assert!(history.read_back(&store, 1).expect_err("half of it is gone").contains("missing"));
    }

    #[test]
    fn a_store_comes_back_with_its_files_until_it_has_outgrown_its_history() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let round = root.path().join("round");
        fs::create_dir(&round).expect("creates");
        fs::write(round.join("data"), "x").expect("writes");
        let key = Key { backend: "fs".to_owned(), options: BTreeMap::new(), spec: spec() };
        let mut histories = Histories::default();
        let (_, mut history) = filled();
        histories.give_back(key.clone(), &round, history.clone()).expect("moves");
        assert!(!round.exists());
        fs::create_dir(&round).expect("creates");
        let other = Key { backend: "redb".to_owned(), ..key.clone() };
        assert!(histories.take(&other, &round).expect("looks").is_none());
        assert!(histories.take(&key, &round).expect("moves").is_some());
        assert_eq!(fs::read_to_string(round.join("data")).expect("is there"), "x");

        history.heads.values_mut().for_each(|head| head.slot = Some(25));
        histories.give_back(key.clone(), &round, history).expect("moves");
        fs::create_dir(&round).expect("creates");
        assert!(histories.take(&key, &round).expect("looks").is_none(), "52 slots instead of 40");
        assert_eq!(fs::read_dir(&round).expect("is there").count(), 0);
    }
}
