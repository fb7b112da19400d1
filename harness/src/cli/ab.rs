//! `slotbench ab`.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::ab::{Budget, Build, Finding, pairs_until_decided};
use crate::cli::args::{AbArgs, RunArgs};
use crate::cli::compare::{publish, show};
use crate::cli::console::Console;
use crate::cli::exit::{Exit, Failure};
use crate::cli::judging;
use crate::compare::{Comparison, Verdict};
use crate::model::{self, FileError};
use crate::plan::{Overrides, Plan, Preset};
use crate::rundir::{self, RunDirError};
use crate::runner::Stop;

/// The plan of those who name none: short rounds.
const DEFAULT_PRESET: &str = "gate";
/// Most pairs of rounds.
const DEFAULT_PAIRS: u32 = 40;

pub(super) fn ab(args: &AbArgs, stop: &Stop, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let settings = judging::settings(&args.judging)?;
    let plan = asked_plan(&args.run)?;
    let budget = budget(args)?;
    let out = out_dir(args.run.out.as_deref(), &plan)?;
    let plan_file = write_plan(&args.run, &out)?;
    let build = |binary: &Path| Build { binary: binary.to_owned(), arguments: arguments(&args.run, &plan_file) };
    let builds = [build(&args.old), build(&args.new)];
    let (most, cells) = (budget.pairs, plan.cells.len());
    console.say(&format!(
        "{}: {cells} cells, at most {most} pairs of rounds; results in {}",
        plan.name,
        out.display()
    ))?;
    let round_dir = out.join("round");
    let mut measure = |is_new: bool, _: u32| builds[usize::from(is_new)].measure(&round_dir);
    let mut watch = |pairs: u32, comparison: &Comparison| {
        // Progress that nobody can read is no reason to stop measuring.
        let _ = console.say(&progress(pairs, most, comparison));
    };
    let found = pairs_until_decided(budget, plan.seed, &settings, stop, &mut measure, &mut watch)?;
    let Some(finding) = found else { return Ok(Exit::Interrupted) };
    save(&finding, &out)?;
    show(&finding.comparison, args.output.format, None, console)?;
    publish(&finding.comparison, &args.output, console)?;
    let verdict = Exit::of_gate(finding.comparison.outcome(), &finding.new);
    Ok(if finding.interrupted { Exit::Interrupted } else { verdict })
}

/// The plan of both builds, so that its mistakes are told before anything runs.
fn asked_plan(run: &RunArgs) -> Result<Plan, Failure> {
    let refused = [("--resume", run.resume.is_some()), ("--keep-data", run.keep_data), ("--json", run.json)];
    if let Some((flag, _)) = refused.iter().find(|(_, given)| *given) {
        let message = "not for ab, which keeps neither stores nor rounds (allowed: --format json)".to_owned();
        return Err(Failure::Flag { flag: (*flag).to_owned(), message });
    }
    let overrides: Overrides = RunArgs { rounds: None, ..run.clone() }.overrides()?;
    Ok(match (&run.plan, &run.preset) {
        (Some(path), _) => Plan::load(path, &overrides)?,
        (None, name) => Plan::preset(name.as_deref().unwrap_or(DEFAULT_PRESET), &overrides)?,
    })
}

fn budget(args: &AbArgs) -> Result<Budget, Failure> {
    let flag = |flag: &str, value: &str, message: &str| Failure::Flag {
        flag: format!("{flag} {value}"),
        message: message.to_owned(),
    };
    let pairs = args.run.rounds.as_deref().map(|text| {
        let pairs = text.parse::<u32>().ok().filter(|pairs| (1..=200).contains(pairs));
        pairs.ok_or_else(|| flag("--rounds", text, "takes a whole number from 1 to 200: the most pairs of rounds"))
    });
    let time = args.budget.as_deref().map(|text| {
        let time = humantime::parse_duration(text).ok().filter(|time| *time > Duration::ZERO);
        time.ok_or_else(|| flag("--budget", text, "takes a time, such as 20m"))
    });
    Ok(Budget { pairs: pairs.transpose()?.unwrap_or(DEFAULT_PAIRS), time: time.transpose()? })
}

fn out_dir(out: Option<&Path>, plan: &Plan) -> Result<PathBuf, RunDirError> {
    let name = format!("ab-{}", plan.name);
    let path = out.map_or_else(|| rundir::default_path(&name, SystemTime::now()), Path::to_owned);
    rundir::create_empty(&path)?;
    Ok(path)
}

/// Both builds get the plan as a file: a preset may be another one in the older of them, or not be there.
fn write_plan(run: &RunArgs, out: &Path) -> Result<PathBuf, Failure> {
    if let Some(path) = &run.plan {
        return Ok(path.clone());
    }
    let preset = Preset::find(run.preset.as_deref().unwrap_or(DEFAULT_PRESET))?;
    let path = out.join(format!("{}.toml", preset.name));
    fs::write(&path, preset.text).map_err(FileError::io("write", &path))?;
    Ok(path)
}

/// Arguments of each build's `run`: those given, for one round.
fn arguments(run: &RunArgs, plan: &Path) -> Vec<OsString> {
    let given = [
        ("--backend", &run.backend),
        ("--mode", &run.mode),
        ("--durability", &run.durability),
        ("--workers", &run.workers),
        ("--transport", &run.transport),
        ("--rate", &run.rate),
        ("--ops", &run.ops),
        ("--duration", &run.duration),
        ("--warmup", &run.warmup),
        ("--seed", &run.seed),
    ];
    let mut arguments: Vec<OsString> = vec![plan.into(), "--rounds".into(), "1".into()];
    for (flag, value) in given {
        arguments.extend(value.iter().flat_map(|value| [OsString::from(flag), value.into()]));
    }
    arguments.extend(run.set.iter().flat_map(|value| [OsString::from("--set"), value.into()]));
    arguments.extend(run.data_dir.iter().flat_map(|dir| [OsString::from("--data-dir"), dir.into()]));
    arguments
}

fn progress(pairs: u32, most: u32, comparison: &Comparison) -> String {
    let count = |verdict| comparison.count(verdict);
    format!(
        "{pairs} of {most} pairs: {} regressed, {} improved, {} unchanged, {} undecided",
        count(Verdict::Regressed),
        count(Verdict::Improved),
        count(Verdict::Unchanged),
        count(Verdict::Inconclusive)
    )
}

/// Leaves both builds' rounds, so that they can be compared again or added to a history.
fn save(finding: &Finding, out: &Path) -> Result<(), FileError> {
    for (name, run) in [("old", &finding.old), ("new", &finding.new)] {
        let dir = out.join(name);
        fs::create_dir_all(&dir).map_err(FileError::io("create", &dir))?;
        model::save(run, &dir.join("run.json"))?;
    }
    model::save_document(&finding.comparison, &out.join("comparison.json"))
}
