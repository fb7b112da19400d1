//! `slotbench history`.

use std::path::{Path, PathBuf};

use crate::cli::args::{HistoryCommand, HistoryFormat, WhichHistory};
use crate::cli::console::Console;
use crate::cli::exit::{Exit, Failure};
use crate::cli::judging;
use crate::compare::Thresholds;
use crate::history::{self, Change, Entry, changes, history_path, least_entries};
use crate::machine;
use crate::model::write_atomically;
use crate::report::{self, Style, history_html, markdown, terminal};
use crate::rundir;

/// Where results are, below the working directory.
const RESULTS: &str = "results";
/// Probability of a single false change among all series, at most.
const ALPHA: f64 = 0.05;

pub(super) fn history(command: &HistoryCommand, console: &mut Console<'_>) -> Result<Exit, Failure> {
    match command {
        HistoryCommand::Add { run, file } => add(run, file.as_deref(), console),
        HistoryCommand::Check { which, threshold, recent } => {
            check(&path(which), &judging::thresholds(threshold)?, *recent, console)
        }
        HistoryCommand::Show { which, format, out } => show(&path(which), *format, out.as_deref(), console),
    }
}

fn path(which: &WhichHistory) -> PathBuf {
    which.file.clone().unwrap_or_else(|| {
        let machine = machine::probe(&std::env::current_dir().unwrap_or_default());
        history_path(Path::new(RESULTS), &machine.fingerprint, &which.plan)
    })
}

fn add(run: &Path, file: Option<&Path>, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let entry = Entry::of(&rundir::load(run)?);
    let default = history_path(Path::new(RESULTS), &entry.fingerprint, &entry.plan);
    let path = file.unwrap_or(&default);
    let count = history::append(path, &entry)?;
    console.say(&format!("{}: {count} runs", path.display()))?;
    Ok(Exit::Fine)
}

fn check(path: &Path, thresholds: &Thresholds, recent: usize, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let entries = history::load(path)?;
    let least = least_entries(&entries, ALPHA);
    if entries.len() < least {
        console.say(&format!("{} runs cannot show a change, {least} are the least", entries.len()))?;
        return Ok(Exit::Inconclusive);
    }
    let found = changes(&entries, thresholds, ALPHA);
    let news_from = entries.len().saturating_sub(recent);
    let is_news = |change: &&Change| change.is_worse() && change.entry >= news_from;
    let news = found.iter().filter(is_news).count();
    console.print(&terminal(&report::history(&entries, &found), console.style()))?;
    Ok(if news > 0 { Exit::Broken } else { Exit::Fine })
}

fn show(path: &Path, format: HistoryFormat, out: Option<&Path>, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let entries = history::load(path)?;
    let found = changes(&entries, &Thresholds::default(), ALPHA);
    let style = if out.is_some() { Style::default() } else { console.style() };
    let text = match format {
        HistoryFormat::Text => terminal(&report::history(&entries, &found), style),
        HistoryFormat::Md => markdown(&report::history(&entries, &found)),
        HistoryFormat::Html => history_html(&entries, &found)?,
    };
    match out {
        Some(path) => write_atomically(path, text.as_bytes())?,
        None => console.print(&text)?,
    }
    Ok(Exit::Fine)
}
