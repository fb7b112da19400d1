//! What a run of the lab found: the document of `slotbench crash --json`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::cell::{Axes, Cell, CellId};
use crate::crash::controls::Control;
use crate::model::{Build, Fault, Loss, Run, Verdict};

/// Version of the document.
pub const SCHEMA: u32 = 1;

/// What a run of the lab found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Findings {
    /// [`SCHEMA`].
    pub schema: u32,
    /// What measured.
    pub slotbench: Build,
    /// Seed of everything.
    pub seed: u64,
    /// Kernel and file system of the data directory.
    pub storage: String,
    /// Whether every trial that was asked for was made.
    pub complete: bool,
    /// What must be caught, and whether it was.
    pub controls: Vec<Control>,
    /// One entry for each cell and fault.
    pub cells: Vec<CellLoss>,
    /// Cells that cannot run in this build or on this disk.
    pub refused: Vec<Refused>,
}

/// The outcome of a cell under a fault.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CellLoss {
    /// Every axis in one word.
    pub id: CellId,
    /// The axes.
    #[serde(flatten)]
    pub axes: Axes,
    /// The engine's settings that differ from its defaults.
    pub engine_options: BTreeMap<String, String>,
    /// What became of it.
    #[serde(flatten)]
    pub loss: Loss,
    /// What was wrong with what was there, in the first twenty trials in which something was.
    pub found: Vec<String>,
    /// The command that makes the first trial in which the promise was broken again.
    pub reproduce: Option<String>,
}

/// A cell that cannot run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// The cell.
    pub id: CellId,
    /// The fault it was to be tried under.
    pub fault: Fault,
    /// Why not.
    pub reason: String,
}

impl Findings {
    /// Whether a promise was broken in any trial.
    #[must_use]
    pub fn promise_broken(&self) -> bool {
        self.cells.iter().any(|cell| cell.loss.verdict != Verdict::HarnessBroken && cell.loss.promise_broken > 0)
    }

    /// Whether any cell has no verdict to rely on.
    #[must_use]
    pub fn inconclusive(&self) -> bool {
        self.cells.iter().any(|cell| matches!(cell.loss.verdict, Verdict::NotMeasured | Verdict::HarnessBroken))
    }

    /// Adds every loss to the cells of a run with the same engine, mode and effective tier, in the place of what was
    /// known of that fault. Returns how many cells of the run have got one.
    pub fn add_to(&self, run: &mut Run) -> usize {
        let mut changed = 0;
        for cell in &mut run.cells {
            let losses: Vec<&Loss> = self
                .cells
                .iter()
                .filter(|found| same_promise(&found.axes, &cell.axes))
                .map(|found| &found.loss)
                .collect();
            changed += usize::from(!losses.is_empty());
            for loss in losses {
                cell.loss.retain(|known| known.fault != loss.fault);
                cell.loss.push(loss.clone());
            }
            cell.loss.sort_by_key(|loss| loss.fault);
        }
        changed
    }
}

/// Whether two cells promise the same: how many callers there are and what they send makes no difference.
#[must_use]
pub fn same_promise(one: &Axes, other: &Axes) -> bool {
    let key = |axes: &Axes| (axes.backend.clone(), axes.mode, axes.durability.effective);
    key(one) == key(other)
}

/// The command that makes one trial again. The seed fixes messages, moment and what survives; how threads interleave
/// it cannot fix, so a rare breach may take several runs.
#[must_use]
pub fn reproduce(cell: &Cell, fault: Fault, seed: u64, trial: u32) -> String {
    let Axes { backend, mode, durability, workers, .. } = &cell.axes;
    let asked = durability.asked;
    let options: String =
        cell.engine_options.iter().map(|(name, value)| format!(" --set engine.{backend}.{name}={value}")).collect();
    format!(
        "slotbench crash --fault {fault} --backend {backend} --mode {mode} --durability {asked} --workers {workers} \
         --seed {seed} --trial {trial}{options}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crash::verdict::judge;
    use crate::model::sample;
    use crate::plan::{Overrides, Plan};

    fn found(run: &Run, index: usize, fault: Fault) -> CellLoss {
        let mut cell = Plan::preset("quick", &Overrides::default()).expect("valid").cells.remove(0);
        cell.axes = run.cells[index].axes.clone();
        cell.axes.workers = 77;
        let loss = judge(&cell, fault, 4, &[]);
        CellLoss {
            id: cell.id,
            axes: cell.axes,
            engine_options: BTreeMap::new(),
            loss,
            found: Vec::new(),
            reproduce: None,
        }
    }

    fn findings(cells: Vec<CellLoss>) -> Findings {
        Findings {
            schema: SCHEMA,
            slotbench: Build::this(),
            seed: 4,
            storage: String::new(),
            complete: true,
            controls: Vec::new(),
            cells,
            refused: Vec::new(),
        }
    }

    #[test]
    fn losses_go_to_the_cells_of_their_engine_mode_and_tier() {
        let mut run = sample::rich_run();
        let found = findings(vec![found(&run, 0, Fault::Kill), found(&run, 0, Fault::Power)]);
        let before = run.clone();
        assert_eq!(found.add_to(&mut run), 1);
        let faults: Vec<Fault> = run.cells[0].loss.iter().map(|loss| loss.fault).collect();
        assert_eq!(faults, [Fault::Kill, Fault::Power], "the known kill is replaced");
        assert_eq!(run.cells[0].loss[0].seed, 4);
        assert_eq!(run.cells[1..], before.cells[1..]);
    }

    #[test]
    fn a_broken_lab_is_inconclusive_and_not_a_broken_promise() {
        let run = sample::run();
        let mut cell = found(&run, 0, Fault::Kill);
        cell.loss.promise_broken = 1;
        let broken = findings(vec![cell.clone()]);
        assert!(broken.promise_broken() && !broken.inconclusive());
        cell.loss.verdict = Verdict::HarnessBroken;
        let broken = findings(vec![cell]);
        assert!(!broken.promise_broken() && broken.inconclusive());
    }
}
