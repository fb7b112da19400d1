//! Where a round stores: an empty store, or one that is filled already.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use slotbench_backends::{Kind, Options};
use slotbench_core::Durability;
use slotbench_core::store::Store;

use super::failed;
use crate::cell::Cell;
use crate::driver::Driver;
use crate::driver::debt;
use crate::driver::history::{self, History, HistoryError, HistorySpec, LoadError};
use crate::driver::usage::{MemoryBase, Prepared};
use crate::runner::{CellFailure, Job, Stop};

/// How long an engine may go on compacting what it was filled with before it is measured all the same.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// Where a round stores, and with what.
pub(super) struct Site {
    pub(super) kind: Kind,
    options: Options,
    pub(super) dir: PathBuf,
    pub(super) tier: Durability,
    /// The memory of the round's beginning.
    pub(super) base: MemoryBase,
}

impl Site {
    pub(super) fn of(cell: &Cell, dir: &Path, prepared: Prepared) -> Result<Self, CellFailure> {
        let name = &cell.axes.backend;
        let kind = Kind::find(name)
            .ok_or_else(|| CellFailure::Refused(format!("engine '{name}' is not built into this binary")))?;
        let tier = cell.axes.durability.effective.ok_or_else(|| {
            CellFailure::Refused(format!("{name} cannot give durability '{}'", cell.axes.durability.asked))
        })?;
        let options = Options::new(cell.engine_options.clone());
        Ok(Self { kind, options, dir: dir.to_path_buf(), tier, base: MemoryBase::now(prepared) })
    }

    /// The store, open and quiet, with the cell's history.
    pub(super) fn filled(
        &self,
        driver: &mut Driver,
        job: &Job<'_>,
    ) -> Result<(Arc<dyn Store>, Option<History>), CellFailure> {
        let Some(key) = history_key(job) else { return Ok((self.open()?, None)) };
        let waiting = driver.histories.take(&key, &self.dir).map_err(|error| CellFailure::Failed(error.to_string()))?;
        let (store, history) = match waiting {
            Some(history) => (self.open()?, history),
            None => self.fill(&key.spec, job.stop)?,
        };
        debt::wait_until_quiet(PATIENCE, job.stop);
        Ok((store, Some(history)))
    }

    fn fill(&self, spec: &HistorySpec, stop: &Stop) -> Result<(Arc<dyn Store>, History), CellFailure> {
        let store = self.open()?;
        let history = History::fill(&store, spec, stop).map_err(interrupted)?;
        if !self.kind.is_persistent() {
            return Ok((store, history));
        }
        debt::wait_until_quiet(PATIENCE, stop);
        // Closed and opened again: every round begins like this, whether it is the first on a store or not.
        drop(store);
        history::write_back(&self.dir).map_err(interrupted)?;
        Ok((self.open()?, history))
    }

    pub(super) fn open(&self) -> Result<Arc<dyn Store>, CellFailure> {
        self.kind.open(&self.dir, &self.options).map_err(|error| failed("the store cannot be opened", &error))
    }
}

pub(super) fn history_key(job: &Job<'_>) -> Option<history::Key> {
    let (cell, workload) = (job.cell, &job.cell.axes.workload);
    let spec = HistorySpec {
        seed: job.seed,
        processes: workload.processes as usize,
        payload: workload.payload,
        compressible: workload.compressible,
        slots: workload.history,
    };
    let (backend, options) = (cell.axes.backend.clone(), cell.engine_options.clone());
    (spec.slots > 0).then_some(history::Key { backend, options, spec })
}

pub(super) fn interrupted(error: HistoryError) -> CellFailure {
    match error {
        HistoryError::Load(LoadError::Interrupted) => CellFailure::Interrupted,
        other => CellFailure::Failed(other.to_string()),
    }
}
