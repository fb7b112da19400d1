//! `slotbench report`.

use crate::cli::args::{Format, ReportArgs};
use crate::cli::console::Console;
use crate::cli::exit::{Exit, Failure};
use crate::model::{Run, write_atomically};
use crate::percentiles;
use crate::report::{Report, Style, csv, html, markdown, terminal};
use crate::rundir;

pub(super) fn report(args: &ReportArgs, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let run = rundir::load(&args.run)?;
    match &args.out {
        Some(path) => write_atomically(path, render(&run, args, Style::default())?.as_bytes())?,
        None => console.print(&render(&run, args, console.style())?)?,
    }
    Ok(Exit::Fine)
}

fn render(run: &Run, args: &ReportArgs, style: Style) -> Result<String, Failure> {
    Ok(match args.format {
        Format::Text => terminal(&Report::of(run), style),
        Format::Md => markdown(&Report::of(run)),
        Format::Html => html(run, &percentiles::curves(run, rundir::logs_of(&args.run))?)?,
        Format::Csv => csv(run)?,
        Format::Json => json(run)?,
    })
}

/// The result as `run.json` has it.
pub(super) fn json(run: &Run) -> Result<String, Failure> {
    Ok(format!("{}\n", serde_json::to_string_pretty(run)?))
}
