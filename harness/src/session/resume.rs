//! Going on with a run.

use std::collections::HashMap;

use crate::model::{Build, CellResult, Machine, Run, Status};
use crate::plan::Plan;
use crate::rundir::{RunDir, RunDirError};

/// The run in `dir` with one result per cell of `plan` again. Cells that a round's error or this machine took out get
/// another chance; those that did not verify do not.
///
/// # Errors
/// [`RunDirError::Different`]: rounds of two builds, or of two machines, in one result would compare them unawares.
pub fn resume(dir: &RunDir, plan: &Plan, run: Run, machine: &Machine) -> Result<Run, RunDirError> {
    let different = |what: String| RunDirError::Different { path: dir.path().to_owned(), what };
    let this = Build::this();
    if run.slotbench != this {
        let name = |build: &Build| build.commit.clone().unwrap_or_else(|| build.version.clone());
        return Err(different(format!("it was measured by build {}, this is {}", name(&run.slotbench), name(&this))));
    }
    if run.machine.fingerprint != machine.fingerprint {
        let (then, now) = (&run.machine.fingerprint, &machine.fingerprint);
        return Err(different(format!("it was measured on machine {then}, this is {now}")));
    }
    let mut measured: HashMap<_, _> = run.cells.into_iter().map(|cell| (cell.id.clone(), cell)).collect();
    let cells = plan.cells.iter().map(|cell| match measured.remove(&cell.id) {
        Some(result) if cell.refusal.is_none() => another_chance(result),
        _ => CellResult::new(cell),
    });
    Ok(Run { cells: cells.collect(), complete: false, ..run })
}

fn another_chance(mut cell: CellResult) -> CellResult {
    let broke_off = matches!(cell.status, Status::Refused | Status::Failed) && cell.verified != Some(false);
    if broke_off && cell.rounds.iter().all(|round| round.messages > 0) {
        cell.status = Status::Ok;
        cell.reason = None;
        cell.failures.clear();
    }
    cell
}
