//! `slotbench report`.

use std::fs;
use std::path::Path;

use serde::Serialize;

use crate::cli::args::{Format, ReportArgs};
use crate::cli::console::Console;
use crate::cli::exit::{Exit, Failure};
use crate::model::{FileError, Run, save_document, write_atomically};
use crate::percentiles;
use crate::report::{Report, Style, bmf, criterion, csv, github_benchmark, html, markdown, terminal};
use crate::rundir;

pub(super) fn report(args: &ReportArgs, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let run = rundir::load(&args.run)?;
    if args.format == Format::Criterion {
        return write_criterion(&run, args.out.as_deref());
    }
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
        Format::Bmf => document(&bmf(run))?,
        Format::GithubBenchmark => document(&github_benchmark(run))?,
        Format::Criterion => document(&criterion(run))?,
    })
}

/// Files in directories of their own, as criterion keeps them.
fn write_criterion(run: &Run, out: Option<&Path>) -> Result<Exit, Failure> {
    let out = out.ok_or_else(|| Failure::Flag {
        flag: "--format criterion".to_owned(),
        message: "writes several files, so it takes --out DIR, such as --out target/criterion".to_owned(),
    })?;
    for (path, content) in criterion(run) {
        let path = out.join(path);
        let dir = path.parent().unwrap_or(out);
        fs::create_dir_all(dir).map_err(FileError::io("create", dir))?;
        save_document(&content, &path)?;
    }
    Ok(Exit::Fine)
}

fn document<T: Serialize>(document: &T) -> Result<String, Failure> {
    Ok(format!("{}\n", serde_json::to_string_pretty(document)?))
}

/// The result as `run.json` has it.
pub(super) fn json(run: &Run) -> Result<String, Failure> {
    document(run)
}
