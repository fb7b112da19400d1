//! One trial: a fresh store, the workload, the fault, the examination.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use slotbench_core::Durability;
use slotbench_core::hash::sha256;

use crate::axis::Mode;
use crate::cell::Cell;
use crate::crash::child::ChildSpec;
use crate::crash::examine::{Examination, ExamineSpec};
use crate::crash::kill;
use crate::crash::power;
use crate::crash::process::{Examined, ProcessError, examine};
use crate::crash::wire::{Ack, Report};
use crate::model::Fault;

/// Most messages of one process that have a slot and are not stored: what aggressive mode may lose.
pub const WINDOW: usize = 1024;

/// Where trials take place.
#[derive(Debug, Clone)]
pub struct Space {
    /// Where engines store, and where file systems are mounted: on a real disk for kills.
    pub data: PathBuf,
    /// Where what a power cut left is examined.
    pub images: PathBuf,
    /// The file of [`Messages`](super::messages::Messages).
    pub messages: PathBuf,
}

/// What makes a trial one that must lose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// The engine behind [`Lying`](super::lying::Lying).
    Lies,
    /// The engine at tier `memory`, under a power cut: files that are written and never synced, or data that has not
    /// even left the process.
    Unsynced,
}

impl Sabotage {
    /// For messages and results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lies => "lying sync",
            Self::Unsynced => "tier memory",
        }
    }
}

/// Everything about a trial.
pub(super) struct Setup<'a> {
    pub(super) space: &'a Space,
    pub(super) cell: &'a Cell,
    pub(super) fault: Fault,
    pub(super) sabotage: Option<Sabotage>,
    pub(super) index: u32,
    pub(super) seed: u64,
}

/// What a fault left.
pub(super) struct Remains {
    /// The store, as an ordinary directory.
    pub(super) dir: PathBuf,
    /// What the engine's process had said before the fault.
    pub(super) reports: Vec<Report>,
    /// When the fault came, by the monotonic clock.
    pub(super) cut_ns: u64,
    /// Changes the file system had not been asked to sync; `None` where it is not known.
    pub(super) unsynced: Option<u64>,
}

/// The outcome of a trial.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trial {
    /// Its number within the cell.
    pub index: u32,
    /// Messages acknowledged before the fault.
    pub acknowledged: u64,
    /// Of those, messages that were not there afterwards.
    pub lost: u64,
    /// From the first lost acknowledgement to the fault, nanoseconds.
    pub lost_ns: u64,
    /// What was wrong with what was there; or why it could not be opened.
    pub wrong: Option<String>,
    /// Time to open the store, nanoseconds; `None` where it did not open.
    pub reopen_ns: Option<u64>,
    /// Changes that were not synced at the power cut.
    pub unsynced: Option<u64>,
}

impl Setup<'_> {
    /// The seed of a trial: the same for the same lab seed, cell, fault and number.
    pub(super) fn seed_of(seed: u64, cell: &Cell, fault: Fault, index: u32) -> u64 {
        let digest =
            sha256(&[&seed.to_le_bytes(), cell.id.as_str().as_bytes(), fault.name().as_bytes(), &index.to_le_bytes()]);
        digest.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }

    /// Runs it.
    pub(super) fn run(&self) -> Result<Trial, ProcessError> {
        let mut rng = StdRng::seed_from_u64(self.seed);
        let remains = match self.fault {
            Fault::Kill => kill::kill(self, &mut rng)?,
            Fault::Power => power::cut(self, &mut rng)?,
            Fault::Io => power::io_error(self, &mut rng)?,
        };
        let acks: Vec<Report> =
            remains.reports.iter().copied().filter(|report| matches!(report, Report::Acknowledged(_))).collect();
        let spec = ExamineSpec {
            backend: self.cell.axes.backend.clone(),
            options: self.cell.engine_options.clone(),
            dir: remains.dir.clone(),
            messages: self.space.messages.clone(),
        };
        let encoded: Vec<u8> = acks.iter().flat_map(Report::encode).collect();
        let examined = examine(&spec, &encoded)?;
        remove(&remains.dir)?;
        Ok(self.judge(&remains, &acks, examined))
    }

    fn judge(&self, remains: &Remains, acks: &[Report], examined: Examined) -> Trial {
        let acknowledged = acks.len() as u64;
        let found = match examined {
            Examined::Found(found) => found,
            Examined::Died(how) => {
                let first = acks.iter().find_map(|ack| match ack {
                    Report::Acknowledged(Ack { at_ns, .. }) => Some(*at_ns),
                    _ => None,
                });
                Examination { refused: Some(how), lost: acknowledged, first_lost_ns: first, ..Examination::default() }
            }
        };
        let reopen_ns = found.refused.is_none().then_some(found.reopen_ns);
        let refused = found.refused.map(|reason| format!("the store does not open: {reason}"));
        Trial {
            index: self.index,
            acknowledged,
            lost: found.lost,
            lost_ns: found.first_lost_ns.map_or(0, |first| remains.cut_ns.saturating_sub(first)),
            wrong: refused.or_else(|| (!found.wrong.is_empty()).then(|| found.wrong.join("; "))),
            reopen_ns,
            unsynced: remains.unsynced,
        }
    }

    /// The tier the engine is asked for.
    fn tier(&self) -> Durability {
        match self.sabotage {
            Some(Sabotage::Unsynced) => Durability::Memory,
            Some(Sabotage::Lies) | None => self.cell.axes.durability.effective.unwrap_or(Durability::Power),
        }
    }

    pub(super) fn child(&self, dir: &Path) -> ChildSpec {
        ChildSpec {
            backend: self.cell.axes.backend.clone(),
            options: self.cell.engine_options.clone(),
            dir: dir.to_owned(),
            messages: self.space.messages.clone(),
            mode: if self.sabotage.is_some() { Mode::Local } else { self.cell.axes.mode },
            tier: self.tier(),
            workers: self.cell.axes.workers,
            window: WINDOW,
            lying: self.sabotage == Some(Sabotage::Lies),
        }
    }

    /// An empty directory on the disk under test.
    pub(super) fn fresh_dir(&self) -> Result<PathBuf, ProcessError> {
        fresh(self.space.data.join("store"))
    }

    /// An empty directory for what a power cut left.
    pub(super) fn fresh_image(&self) -> Result<PathBuf, ProcessError> {
        fresh(self.space.images.join("image"))
    }
}

pub(super) fn fresh(dir: PathBuf) -> Result<PathBuf, ProcessError> {
    remove(&dir)?;
    fs::create_dir_all(&dir).map_err(|error| ProcessError(format!("create {}: {error}", dir.display())))?;
    Ok(dir)
}

fn remove(dir: &Path) -> Result<(), ProcessError> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(ProcessError(format!("remove {}: {error}", dir.display())))
        }
        _ => Ok(()),
    }
}
