//! `slotbench compare` and `slotbench gate`.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use crate::cli::args::{CompareArgs, ComparisonFormat, ComparisonOutput};
use crate::cli::console::Console;
use crate::cli::exit::{Exit, Failure};
use crate::cli::judging;
use crate::compare::{self, Comparison, Settings};
use crate::history;
use crate::model::{FileError, Run, write_atomically};
use crate::report::{self, annotations, markdown, terminal};
use crate::rundir;

pub(super) fn compare(args: &CompareArgs, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let (comparison, _) = compared(args, console)?;
    Ok(if comparison.family == 0 { Exit::Inconclusive } else { Exit::Fine })
}

pub(super) fn gate(args: &CompareArgs, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let (comparison, new) = compared(args, console)?;
    Ok(Exit::of_gate(comparison.outcome(), &new))
}

/// The comparison, shown, and the run it judges.
fn compared(args: &CompareArgs, console: &mut Console<'_>) -> Result<(Comparison, Run), Failure> {
    let (comparison, new) = hold_against(args)?;
    show(&comparison, args.output.format, args.out.as_deref(), console)?;
    publish(&comparison, &args.output, console)?;
    Ok((comparison, new))
}

/// The comparison that the arguments ask for, and the run it judges.
fn hold_against(args: &CompareArgs) -> Result<(Comparison, Run), Failure> {
    let usual = args.history.as_deref().map(|path| history::load(path).map(|entries| history::usual(&entries)));
    let usual = usual.transpose()?;
    let settings = Settings { any_machine: args.any_machine, usual, ..judging::settings(&args.judging)? };
    let new = rundir::load(&args.new)?;
    let path = rundir::base_path(&args.base, &new);
    if path != args.base && !path.exists() {
        return Err(Failure::NoBaseline(path));
    }
    let base = rundir::load(&path)?;
    Ok((compare::compare(&base, &new, &settings), new))
}

/// Shows a comparison in the form asked for.
pub(super) fn show(
    comparison: &Comparison,
    format: ComparisonFormat,
    out: Option<&Path>,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let report = report::comparison(comparison);
    let style = if out.is_some() { report::Style::default() } else { console.style() };
    let text = match format {
        ComparisonFormat::Text => terminal(&report, style),
        ComparisonFormat::Md => markdown(&report),
        ComparisonFormat::Json => format!("{}\n", serde_json::to_string_pretty(comparison)?),
    };
    match out {
        Some(path) => write_atomically(path, text.as_bytes())?,
        None => console.print(&text)?,
    }
    Ok(())
}

/// Tells GitHub, where that is asked for.
pub(super) fn publish(
    comparison: &Comparison,
    output: &ComparisonOutput,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    if let Some(path) = &output.summary {
        append(path, &markdown(&report::comparison(comparison)))?;
    }
    if output.annotations {
        // GitHub reads them on both streams; on this one they do not get into a JSON document.
        console.say(annotations(comparison).trim_end())?;
    }
    Ok(())
}

/// Adds to a file that others write to as well.
fn append(path: &Path, text: &str) -> Result<(), FileError> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(FileError::io("append to", path))
}
