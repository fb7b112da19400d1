//! `slotbench baseline`.

use crate::cli::args::BaselineArgs;
use crate::cli::console::Console;
use crate::cli::exit::{Exit, Failure};
use crate::compare::Settings;
use crate::model::{self, FileError, Run, Status};
use crate::rundir;
use crate::stats::least_rounds;

pub(super) fn baseline(args: &BaselineArgs, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let mut run = rundir::load(&args.run)?;
    if let Some(reason) = objection(&run) {
        return Err(Failure::NoStandard { path: args.run.clone(), reason });
    }
    let path = rundir::baseline_path(&args.into, &run.machine.fingerprint, &run.plan);
    if path.exists() {
        let old = model::load(&path)?;
        console.say(&format!("replaces the one of {}, {}", commit(&old), old.started))?;
    }
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir).map_err(FileError::io("create", dir))?;
    }
    // How rounds went over time is most of a result, and nothing is compared with it.
    run.cells.iter_mut().flat_map(|cell| &mut cell.rounds).for_each(|round| round.series.clear());
    model::save(&run, &path)?;
    console.say(&format!("{}: {}, {} cells", path.display(), commit(&run), run.cells.len()))?;
    warn_of_few_rounds(&run, console)
}

/// Why later runs should not be held against this one.
fn objection(run: &Run) -> Option<String> {
    let unsound = run.cells.iter().find(|cell| !matches!(cell.status, Status::Ok | Status::Refused));
    if !run.complete {
        Some("it was interrupted".to_owned())
    } else if run.slotbench.profile != "release" {
        Some(format!("its build is {}, not release", run.slotbench.profile))
    } else if let Some(cell) = unsound {
        Some(format!("{} is {}", cell.id, cell.status))
    } else if run.cells.iter().all(|cell| cell.status == Status::Refused) {
        Some("nothing was measured".to_owned())
    } else {
        None
    }
}

fn commit(run: &Run) -> &str {
    run.slotbench.commit.as_deref().unwrap_or("an unknown commit")
}

fn warn_of_few_rounds(run: &Run, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let settings = Settings::default();
    // Every figure gets its part of the probability.
    let least = least_rounds(settings.alpha / (run.cells.len() * settings.metrics.len()).max(1) as f64);
    if run.cells.iter().any(|cell| cell.status == Status::Ok && cell.rounds.len() < least) {
        console.say(&format!("some cells have fewer than {least} rounds, with which no gate can decide anything"))?;
    }
    Ok(Exit::Fine)
}
