//! Negative controls: trials that must lose. A lab that does not find a loss where there is one proves nothing where it
//! finds none.

use serde::Serialize;
use slotbench_backends::Kind;
use slotbench_core::Durability;

use crate::axis::Mode;
use crate::cell::Cell;
use crate::crash::trial::{Sabotage, Trial};
use crate::model::Fault;

/// What became of one kind of control for one engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Control {
    /// The fault.
    pub fault: Fault,
    /// The engine.
    pub backend: String,
    /// What was done to it: `lying sync` or `tier memory`.
    pub sabotage: &'static str,
    /// Trials made.
    pub trials: u32,
    /// Trials whose loss was found.
    pub caught: u32,
    /// Trials in which there was nothing to lose: all that had been acknowledged happened to be synced.
    pub idle: u32,
    /// The first trial whose loss was not found.
    pub missed: Option<u32>,
}

impl Control {
    /// The kinds of control for one engine under a fault. What a kill leaves does not depend on syncs, so there tier
    /// `memory` is no control.
    #[must_use]
    pub fn kinds(fault: Fault) -> &'static [Sabotage] {
        match fault {
            Fault::Kill => &[Sabotage::Lies],
            Fault::Power | Fault::Io => &[Sabotage::Lies, Sabotage::Unsynced],
        }
    }

    /// The result of trials.
    #[must_use]
    pub fn of(fault: Fault, backend: &str, sabotage: Sabotage, trials: &[Trial]) -> Self {
        let caught = |trial: &&Trial| trial.lost > 0;
        let idle = |trial: &&Trial| {
            let synced = sabotage == Sabotage::Unsynced && trial.unsynced == Some(0);
            trial.lost == 0 && (trial.acknowledged == 0 || synced)
        };
        let missed = trials.iter().find(|trial| !caught(trial) && !idle(trial)).map(|trial| trial.index);
        let count = |test: &dyn Fn(&&Trial) -> bool| u32::try_from(trials.iter().filter(|t| test(t)).count());
        Self {
            fault,
            backend: backend.to_owned(),
            sabotage: sabotage.name(),
            trials: u32::try_from(trials.len()).unwrap_or(u32::MAX),
            caught: count(&caught).unwrap_or(u32::MAX),
            idle: count(&idle).unwrap_or(u32::MAX),
            missed,
        }
    }

    /// Whether the lab found every loss there was, and there was one.
    #[must_use]
    pub const fn is_caught(&self) -> bool {
        self.missed.is_none() && self.caught > 0
    }
}

/// Controls of so many trials: enough to notice a lab that finds a loss only sometimes.
#[must_use]
pub fn count(trials: u32) -> u32 {
    (trials / 10).clamp(2, 30)
}

/// The cell as its control runs it: confirmed, and at the strongest tier of the engine, so that it claims the most.
#[must_use]
pub fn cell_of(cell: &Cell) -> Cell {
    let mut cell = cell.clone();
    cell.axes.mode = Mode::Local;
    let strongest =
        Kind::find(&cell.axes.backend).and_then(|kind| kind.tiers().map(|tier| tier.effective).into_iter().max());
    cell.axes.durability.effective = strongest.flatten().or(Some(Durability::Power));
    cell
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(index: u32, lost: u64, unsynced: u64) -> Trial {
        Trial { index, acknowledged: 10, lost, unsynced: Some(unsynced), ..Trial::default() }
    }

    #[test]
    fn a_loss_that_is_not_found_is_missed() {
        let control = |trials: &[Trial]| Control::of(Fault::Power, "fs", Sabotage::Unsynced, trials);
        assert!(control(&[trial(0, 1, 5), trial(1, 9, 5)]).is_caught());
        let missed = control(&[trial(0, 1, 5), trial(1, 0, 5)]);
        assert_eq!((missed.is_caught(), missed.missed, missed.caught), (false, Some(1), 1));
    }

    #[test]
    fn nothing_to_lose_is_neither_caught_nor_missed() {
        let idle = |sabotage| Control::of(Fault::Power, "fs", sabotage, &[trial(0, 0, 0)]);
        assert_eq!((idle(Sabotage::Unsynced).idle, idle(Sabotage::Unsynced).missed), (1, None));
        assert!(!idle(Sabotage::Unsynced).is_caught(), "it proves nothing");
        assert_eq!(idle(Sabotage::Lies).missed, Some(0), "a liar always holds something back");
        assert!(!Control::of(Fault::Kill, "fs", Sabotage::Lies, &[]).is_caught());
    }
}
