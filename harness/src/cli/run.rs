//! `slotbench run`.

use std::path::Path;
use std::time::SystemTime;

use crate::cli::args::RunArgs;
use crate::cli::console::Console;
use crate::cli::exit::{Exit, Failure};
use crate::cli::progress::Bar;
use crate::cli::report::json;
use crate::datadir::DataDir;
use crate::machine;
use crate::model::{Machine, Run, write_atomically};
use crate::percentiles;
use crate::plan::{Overrides, Plan};
use crate::report::{Report, html, markdown, terminal};
use crate::rundir::{RunDir, RunDirError};
use crate::runner::{Runner, Stop};
use crate::session::{End, Session, SessionError, new_run, resume};

/// The plan of those who name none.
const DEFAULT_PRESET: &str = "quick";

pub(super) fn run(
    args: &RunArgs,
    runner: &mut dyn Runner,
    stop: &Stop,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    // Everything that can be wrong with the request is found before anything is created.
    let asked = asked_plan(args)?;
    let data = DataDir::open(args.data_dir.as_deref(), Path::new("."), args.keep_data)?;
    if data.is_temporary() {
        stop.remove_on_abort(data.path());
    }
    if args.keep_data {
        runner.keep_stores();
    }
    let machine = machine::probe(&data.canonical()?);
    let (dir, plan, begun) = prepare(args, asked, machine)?;
    console.say(&announcement(&plan, &dir))?;
    let mut session = Session::new(&plan, &dir, &data, begun, SystemTime::now)?;
    let mut bar = Bar::new(console.is_watched());
    let end = session.execute(runner, &mut bar, stop);
    bar.finish();
    finish(args, &session.result(), end, &dir, &data, console)
}

/// The plan that the arguments name; `None` where they only name a run to go on with.
fn asked_plan(args: &RunArgs) -> Result<Option<Plan>, Failure> {
    let overrides: Overrides = args.overrides()?;
    Ok(match (&args.plan, &args.preset) {
        (Some(path), _) => Some(Plan::load(path, &overrides)?),
        (None, Some(name)) => Some(Plan::preset(name, &overrides)?),
        (None, None) if args.resume.is_some() && overrides.is_empty() => None,
        (None, None) => Some(Plan::preset(DEFAULT_PRESET, &overrides)?),
    })
}

/// A new run directory, or the one to go on with.
fn prepare(args: &RunArgs, asked: Option<Plan>, machine: Machine) -> Result<(RunDir, Plan, Run), Failure> {
    let storage = &machine.storage;
    let fit =
        |plan: Plan| if machine::is_volatile(storage) { plan.on_volatile_storage(&storage.filesystem) } else { plan };
    let asked = asked.map(fit);
    if let Some(path) = &args.resume {
        let (dir, plan, run) = RunDir::open(path)?;
        if asked.is_some_and(|asked| asked != plan) {
            let what = "it was begun with another plan, seed or flags".to_owned();
            return Err(RunDirError::Different { path: path.clone(), what }.into());
        }
        let run = resume(&dir, &plan, run, &machine)?;
        return Ok((dir, plan, run));
    }
    let plan = match asked {
        Some(plan) => plan,
        None => fit(Plan::preset(DEFAULT_PRESET, &Overrides::default())?),
    };
    let now = SystemTime::now();
    let dir = RunDir::create(args.out.as_deref(), &plan, now)?;
    let run = new_run(&plan, machine, now);
    Ok((dir, plan, run))
}

fn announcement(plan: &Plan, dir: &RunDir) -> String {
    let (estimate, cells) = (plan.estimate(), plan.cells.len());
    format!("{}: {cells} cells, {} rounds, {estimate}; results in {}", plan.name, estimate.rounds, dir.path().display())
}

/// Reports what there is, however the session ended.
fn finish(
    args: &RunArgs,
    run: &Run,
    end: Result<End, SessionError>,
    dir: &RunDir,
    data: &DataDir,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let report = Report::of(run);
    write_atomically(&dir.report_path(), markdown(&report).as_bytes())?;
    let curves = percentiles::curves(run, dir.path())?;
    write_atomically(&dir.page_path(), html(run, &curves)?.as_bytes())?;
    let end = end?;
    if args.json {
        let text = terminal(&report, console.talk_style());
        console.say(&text)?;
        console.print(&json(run)?)?;
    } else {
        console.print(&terminal(&report, console.style()))?;
    }
    if args.keep_data {
        console.say(&format!("stores are kept in {}", data.path().display()))?;
    }
    if end == End::Interrupted {
        console.say(&format!("interrupted; go on with: slotbench run --resume {}", dir.path().display()))?;
    }
    let exit = Exit::of_run(end, run);
    if exit == Exit::Usage {
        console.say("error: no cell could run: the report has the reasons")?;
    }
    Ok(exit)
}
