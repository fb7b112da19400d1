//! What the measuring loop asks of the driver.

#[cfg(test)]
pub(crate) mod mock;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use hdrhistogram::Histogram;

use crate::cell::Cell;
use crate::model::{Engine, Floors, RoundResult, Tag};

/// Latencies in nanoseconds with 3 significant digits, by what they lie between.
pub type Histograms = BTreeMap<Tag, Histogram<u64>>;

/// Measures rounds.
pub trait Runner {
    /// Measures one round of `cell`, storing in `dir`: an empty directory of its own, which the caller removes if it
    /// is still there.
    ///
    /// A round that was measured but does not verify is not an error: [`RoundResult::verified`] says so.
    /// [`RoundResult::start_ms`] and [`RoundResult::latency_ns`] are filled in by the caller.
    ///
    /// # Errors
    /// [`CellFailure`]: the round yields no numbers.
    fn run_round(&mut self, job: &Job<'_>) -> Result<Round, CellFailure>;

    /// Asks for every round's store to be left in the round's directory, instead of moving it on to the next round with
    /// the same history. Asked before the first round.
    fn keep_stores(&mut self) {}

    /// What the machine and the harness cost by themselves, with files in `dir`. Asked once a run, before the rounds.
    ///
    /// # Errors
    /// [`CellFailure::Interrupted`], or [`CellFailure::Failed`] when files in `dir` cannot be written.
    fn floors(&mut self, dir: &Path, stop: &Stop) -> Result<Floors, CellFailure>;
}

/// One round to measure.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// The cell.
    pub cell: &'a Cell,
    /// The round's number within the cell, from 0.
    pub round: u32,
    /// Seed of the run's inputs: the same for every cell and round, so that all schedule the same messages.
    pub seed: u64,
    /// Where to store.
    pub dir: &'a Path,
    /// Set when the user wants to stop.
    pub stop: &'a Stop,
}

impl Job<'_> {
    /// Whether this is the round in which messages are followed from stage to stage; see [`Cell::stage_round`].
    #[must_use]
    pub const fn is_stage_round(&self) -> bool {
        self.round >= self.cell.measure.rounds
    }
}

/// What a round yields.
#[derive(Debug, Clone)]
pub struct Round {
    /// Its numbers.
    pub result: RoundResult,
    /// Its latencies.
    pub histograms: Histograms,
    /// The engine, as it described itself while it was open.
    pub engine: Engine,
}

/// Why a round yields no numbers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CellFailure {
    /// The cell cannot run here. Not an error: its remaining rounds are left out.
    #[error("{0}")]
    Refused(String),
    /// Something broke. Its remaining rounds are left out.
    #[error("{0}")]
    Failed(String),
    /// [`Stop`] was set before the round was finished.
    #[error("interrupted")]
    Interrupted,
}

/// A request to stop, shared between the signal handler, the loop and the driver.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<State>);

#[derive(Debug, Default)]
struct State {
    requested: AtomicBool,
    /// Held for the moment in which waiters are woken, and before they go to sleep: none misses it.
    waiting: Mutex<()>,
    woken: Condvar,
    /// Removed when the process ends without unwinding.
    temporary: Mutex<Vec<PathBuf>>,
}

impl Stop {
    /// Asks everybody to stop.
    pub fn request(&self) {
        self.0.requested.store(true, Ordering::Relaxed);
        let _waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.woken.notify_all();
    }

    /// Waits until somebody asks. Blocks the thread.
    pub fn wait(&self) {
        let waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = self.0.woken.wait_while(waiting, |()| !self.is_requested());
        drop(asked.unwrap_or_else(PoisonError::into_inner));
    }

    /// Whether somebody asked.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.0.requested.load(Ordering::Relaxed)
    }

    /// Names a directory that [`abort`](Self::abort) removes.
    pub fn remove_on_abort(&self, dir: &Path) {
        self.0.temporary.lock().unwrap_or_else(PoisonError::into_inner).push(dir.to_owned());
    }

    /// Cleans up before the process ends at once.
    pub fn abort(&self) {
        for dir in self.0.temporary.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            // Stores are still being written to: what reappears behind us stays.
            let _ = std::fs::remove_dir_all(dir);
        }
    }
}
