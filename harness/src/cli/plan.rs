//! `slotbench plan`.

use std::time::Duration;

use crate::cell::{Cell, Length, Measure};
use crate::cli::args::PlanCommand;
use crate::cli::console::Console;
use crate::cli::exit::{Exit, Failure};
use crate::plan::{Overrides, Plan, Preset};

pub(super) fn plan(command: &PlanCommand, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let text = match command {
        PlanCommand::Check { plan } => describe(&Plan::load(plan, &Overrides::default())?),
        PlanCommand::Show { preset } => Preset::find(preset)?.text.to_owned(),
    };
    console.print(&text)?;
    Ok(Exit::Fine)
}

/// Every cell with what will happen to it, and how long all of them take.
fn describe(plan: &Plan) -> String {
    let cells: String = plan.cells.iter().map(|cell| format!("{}\n", line(cell))).collect();
    let estimate = plan.estimate();
    let refused = plan.cells.iter().filter(|cell| cell.refusal.is_some()).count();
    let refused = if refused == 0 { String::new() } else { format!(" ({refused} refused)") };
    let (name, count, rounds) = (&plan.name, plan.cells.len(), estimate.rounds);
    format!("{cells}\n{name}: {count} cells{refused}, {rounds} rounds, seed {}, {estimate}\n", plan.seed)
}

fn line(cell: &Cell) -> String {
    let label = match (&cell.benchmark, &cell.name) {
        (Some(benchmark), Some(name)) => format!("  {benchmark} {name}"),
        (Some(label), None) | (None, Some(label)) => format!("  {label}"),
        (None, None) => String::new(),
    };
    let reach = &cell.axes.durability;
    let stronger = reach.effective.filter(|effective| *effective != reach.asked);
    let stronger = stronger.map_or_else(String::new, |effective| format!("  runs at {effective}"));
    match &cell.refusal {
        Some(reason) => format!("{}{label}  REFUSED: {reason}", cell.id),
        None => format!("{}{label}  {}{stronger}", cell.id, measure(&cell.measure)),
    }
}

/// `3 x (500ms + 2s)`
fn measure(measure: &Measure) -> String {
    let show = |duration: Duration| humantime::format_duration(duration).to_string();
    let length = match measure.length {
        Length::Ops(ops) => format!("{ops} ops"),
        Length::Duration(duration) => show(duration),
    };
    format!("{} x ({} + {length})", measure.rounds, show(measure.warmup))
}
