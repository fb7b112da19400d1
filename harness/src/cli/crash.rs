//! `slotbench crash`, and the two hidden commands of its processes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::Path;

use serde::de::DeserializeOwned;

use crate::cli::args::CrashArgs;
use crate::cli::console::Console;
use crate::cli::exit::{Exit, Failure};
use crate::crash::findings::{CellLoss, Findings, same_promise};
use crate::crash::lab::{self, Request};
use crate::crash::trial::Space;
use crate::crash::{child, examine};
use crate::datadir::DataDir;
use crate::machine;
use crate::model::{self, Fault, Run, write_atomically};
use crate::plan::{Overrides, Plan, PlanError, Source};
use crate::report::{Report, markdown};
use crate::rundir;
use crate::runner::Stop;

/// The cells of those who name none. Two processes, so that they share batches; messages of a few sectors.
const PLAN: &str = "\
seed = 1
backend = 'all'
mode = 'local'
workers = 4
[workload]
processes = 2
payload = '1KiB'
";

pub(super) fn crash(args: &CrashArgs, stop: &Stop, console: &mut Console<'_>) -> Result<Exit, Failure> {
    // Everything that can be wrong with the request is found before anything is created.
    let faults = faults(&args.fault)?;
    let into = args.into.as_deref().map(|path| Ok::<_, Failure>((path, rundir::load(path)?))).transpose()?;
    let plan = plan(args, into.as_ref().map(|(_, run)| run))?;
    let data = DataDir::open(args.data_dir.as_deref(), Path::new("."), false)?;
    let path = data.canonical()?;
    if data.is_temporary() {
        stop.remove_on_abort(&path);
    }
    let machine = machine::probe(&path);
    let scratch = scratch(&path).map_err(Failure::Scratch)?;
    stop.remove_on_abort(scratch.path());
    let space = Space { data: path, images: scratch.path().join("images"), messages: scratch.path().join("messages") };
    let request = Request {
        faults,
        cells: plan.cells,
        trials: args.trials,
        only: args.trial,
        seed: plan.seed,
        lasting: !machine::is_volatile(&machine.storage),
        storage: format!("{}, {}", machine.kernel, machine.storage.filesystem),
    };
    let mut say = |line: &str| {
        // Nobody has to listen.
        let _ = console.say(line);
    };
    let findings = lab::run(&request, &space, stop, &mut say)?;
    let added = into.map(|(path, run)| add(&findings, path, run)).transpose()?;
    finish(args, &findings, added, console)
}

fn finish(
    args: &CrashArgs,
    findings: &Findings,
    added: Option<usize>,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    for refused in &findings.refused {
        console.say(&format!("refused: {} {}: {}", refused.fault, refused.id, refused.reason))?;
    }
    if let Some((count, path)) = added.zip(args.into.as_ref()) {
        console.say(&format!("added to {count} cells of {}", path.display()))?;
    }
    let text = if args.json { format!("{}\n", serde_json::to_string_pretty(findings)?) } else { table(findings) };
    console.print(&text)?;
    Ok(exit(findings))
}

fn exit(findings: &Findings) -> Exit {
    if !findings.complete {
        Exit::Interrupted
    } else if findings.promise_broken() {
        Exit::Broken
    } else if findings.cells.is_empty() {
        Exit::Usage
    } else if findings.inconclusive() {
        Exit::Inconclusive
    } else {
        Exit::Fine
    }
}

fn faults(list: &str) -> Result<Vec<Fault>, Failure> {
    if list == "all" {
        return Ok(Fault::ALL.to_vec());
    }
    let fail = |message: String| PlanError::Flag { flag: "--fault".to_owned(), message };
    let mut faults = Vec::new();
    for word in list.split(',').map(str::trim) {
        let fault: Fault = word.parse().map_err(|error: crate::axis::UnknownName| fail(error.to_string()))?;
        if faults.contains(&fault) {
            return Err(fail("has a value twice".to_owned()).into());
        }
        faults.push(fault);
    }
    Ok(faults)
}

/// The cells to try: those of the flags, or those of the run the result goes to.
fn plan(args: &CrashArgs, into: Option<&Run>) -> Result<Plan, Failure> {
    let mut overrides = Overrides::default();
    args.workers.iter().try_for_each(|workers| overrides.axis("workers", workers))?;
    args.seed.iter().try_for_each(|seed| overrides.seed(seed))?;
    let settings = settings(&args.set)?;
    let axes = [("backend", &args.backend), ("mode", &args.mode), ("durability", &args.durability)];
    let mut plan = match into {
        Some(run) if axes.iter().all(|(_, list)| list.is_none()) => plan_of(run, &settings, &overrides)?,
        _ => {
            for (key, list) in axes {
                list.iter().try_for_each(|list| overrides.axis(key, list))?;
            }
            compile(&settings, &overrides)?
        }
    };
    if let Some(run) = into {
        plan.cells.retain(|cell| run.cells.iter().any(|measured| same_promise(&cell.axes, &measured.axes)));
        if plan.cells.is_empty() {
            return Err(Failure::NothingInto);
        }
    }
    Ok(plan)
}

/// Every engine, mode and tier of a run, each once.
fn plan_of(run: &Run, settings: &str, overrides: &Overrides) -> Result<Plan, Failure> {
    let mut plan = compile(settings, overrides)?;
    plan.cells.clear();
    for axes in run.cells.iter().map(|cell| &cell.axes) {
        if plan.cells.iter().any(|cell| same_promise(&cell.axes, axes)) {
            continue;
        }
        let mut one = overrides.clone();
        one.axis("backend", &axes.backend)?;
        one.axis("mode", axes.mode.name())?;
        one.axis("durability", axes.durability.asked.name())?;
        plan.cells.extend(compile(settings, &one)?.cells);
    }
    Ok(plan)
}

fn compile(settings: &str, overrides: &Overrides) -> Result<Plan, Failure> {
    let source = Source { file: "--set".to_owned(), stem: "crash".to_owned(), text: format!("{PLAN}{settings}") };
    Ok(Plan::compile(&source, overrides)?)
}

/// `engine.NAME.KEY=VALUE` as tables of a plan.
fn settings(assignments: &[String]) -> Result<String, Failure> {
    let mut engines: BTreeMap<&str, String> = BTreeMap::new();
    for assignment in assignments {
        let fail = |message: String| PlanError::Flag { flag: format!("--set {assignment}"), message };
        let split = assignment.split_once('=').and_then(|(key, value)| {
            let (engine, key) = key.strip_prefix("engine.")?.split_once('.')?;
            let plain =
                |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
            (plain(engine) && plain(key) && plain(value)).then_some((engine, key, value))
        });
        let (engine, key, value) =
            split.ok_or_else(|| fail("takes engine.NAME.KEY=VALUE of letters, digits, '-', '_'".to_owned()))?;
        if !slotbench_backends::NAMES.contains(&engine) {
            return Err(fail(format!("unknown engine (allowed: {})", slotbench_backends::NAMES.join(", "))).into());
        }
        let table = engines.entry(engine).or_default();
        // Writing to a string cannot fail.
        let _ = writeln!(table, "{key} = '{value}'");
    }
    Ok(engines.iter().map(|(engine, table)| format!("[engine.{engine}]\n{table}")).collect())
}

/// Adds what was found to a run on disk; how many of its cells got something.
fn add(findings: &Findings, path: &Path, mut run: Run) -> Result<usize, Failure> {
    let added = findings.add_to(&mut run);
    if path.is_dir() {
        model::save(&run, &path.join("run.json"))?;
        write_atomically(&path.join("report.md"), markdown(&Report::of(&run)).as_bytes())?;
    } else {
        model::save(&run, path)?;
    }
    Ok(added)
}

/// A place for what is examined: in memory where there is one, for it is read once and thrown away.
fn scratch(data: &Path) -> io::Result<tempfile::TempDir> {
    let named = |dir: &Path| tempfile::Builder::new().prefix(".slotbench-crash-").tempdir_in(dir);
    named(Path::new("/dev/shm")).or_else(|_| named(data))
}

fn table(findings: &Findings) -> String {
    let mut text = String::new();
    for CellLoss { axes, loss, reproduce, .. } in &findings.cells {
        let tier = axes.durability.effective.map_or("none", |tier| tier.name());
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{:<6} {:<8} {:<11} {tier:<8} {:<15} {:>5} trials {:>9} acknowledged {:>8} lost, at most {} in {}",
            loss.fault,
            axes.backend,
            axes.mode,
            loss.verdict,
            loss.trials,
            loss.acknowledged,
            loss.lost,
            loss.max_lost,
            crate::report::units::time(loss.max_lost_ns as f64),
        );
        if let Some(reason) = &loss.reason {
            let _ = writeln!(text, "       {reason}");
        }
        if let Some(command) = reproduce {
            let _ = writeln!(text, "       again: {command}");
        }
    }
    let broken = findings.promise_broken();
    let end = if broken { "A promise was broken." } else { "No promise was broken." };
    text + end + "\n"
}

/// The engine's process.
pub(super) fn child(spec: &str) -> Result<Exit, Failure> {
    child::run(&read(spec)?).map_err(Failure::Process)?;
    Ok(Exit::Fine)
}

/// The examiner's process.
pub(super) fn examine(spec: &str, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let found = examine::run(&read(spec)?).map_err(Failure::Process)?;
    console.print(&serde_json::to_string(&found)?)?;
    Ok(Exit::Fine)
}

fn read<T: DeserializeOwned>(spec: &str) -> Result<T, Failure> {
    serde_json::from_str(spec).map_err(|error| Failure::Process(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::axis::Mode;
    use crate::crash::controls::Control;
    use crate::crash::findings::SCHEMA;
    use crate::crash::trial::{Sabotage, Trial};
    use crate::crash::verdict::{judge, without};
    use crate::model::{Build, Loss, Verdict};

    fn args(set: &[&str]) -> CrashArgs {
        CrashArgs {
            backend: Some("redb".to_owned()),
            set: set.iter().map(|text| (*text).to_owned()).collect(),
            ..CrashArgs::default()
        }
    }

    fn findings(losses: &[fn(&crate::cell::Cell) -> Loss]) -> Findings {
        let cell = plan(&args(&[]), None).expect("valid").cells.remove(0);
        let entry = |loss: &fn(&crate::cell::Cell) -> Loss| CellLoss {
            id: cell.id.clone(),
            axes: cell.axes.clone(),
            engine_options: BTreeMap::new(),
            loss: loss(&cell),
            found: Vec::new(),
            reproduce: None,
        };
        Findings {
            schema: SCHEMA,
            slotbench: Build::this(),
            seed: 1,
            storage: String::new(),
            complete: true,
            controls: vec![Control::of(Fault::Kill, "redb", Sabotage::Lies, &[])],
            cells: losses.iter().map(entry).collect(),
            refused: Vec::new(),
        }
    }

    fn survived(cell: &crate::cell::Cell) -> Loss {
        Loss { promise_broken: 0, verdict: Verdict::Survived, ..judge(cell, Fault::Kill, 1, &[Trial::default()]) }
    }

    fn broken(cell: &crate::cell::Cell) -> Loss {
        Loss { promise_broken: 1, ..judge(cell, Fault::Kill, 1, &[Trial { lost: 3, ..Trial::default() }]) }
    }

    fn not_measured(cell: &crate::cell::Cell) -> Loss {
        without(cell, Fault::Power, 1, Verdict::NotMeasured, "no FUSE".to_owned())
    }

    #[test]
    fn exit_codes_follow_the_worst_that_is_certain() {
        let code = |losses: &[fn(&crate::cell::Cell) -> Loss]| exit(&findings(losses)).code();
        assert_eq!(code(&[survived]), 0);
        assert_eq!(code(&[survived, not_measured]), 4);
        assert_eq!(code(&[survived, not_measured, broken]), 1);
        assert_eq!(code(&[]), 2);
        let interrupted = Findings { complete: false, ..findings(&[broken]) };
        assert_eq!(exit(&interrupted).code(), 130);
    }

    #[test]
    fn the_table_says_how_to_see_a_loss_again() {
        let mut findings = findings(&[broken]);
        findings.cells[0].reproduce = Some("slotbench crash --seed 1 --trial 7".to_owned());
        let text = table(&findings);
        assert!(text.contains("again: slotbench crash --seed 1 --trial 7"), "{text}");
        assert!(
            text.contains("trial 0: 3 of 0 acknowledged messages lost") && text.ends_with("A promise was broken.\n")
        );
    }

    #[test]
    fn settings_reach_their_engine_and_nobody_else() {
        let mut args = args(&["engine.redb.two_phase=true", "engine.redb.cache_bytes=1048576", "engine.sled.x=1"]);
        args.backend = Some("fs,redb".to_owned());
        let cells = plan(&args, None).expect("valid").cells;
        assert!(cells[0].engine_options.is_empty());
        let options: Vec<_> =
            cells[1].engine_options.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(options, [("cache_bytes", "1048576"), ("two_phase", "true")]);
        assert_eq!(cells[1].axes.mode, Mode::Local);
    }

    #[test]
    fn a_run_brings_its_own_cells() {
        let run = crate::model::sample::run();
        let cells = plan(&CrashArgs::default(), Some(&run)).expect("valid").cells;
        let wanted = |cell: &crate::cell::Cell| run.cells.iter().any(|one| same_promise(&one.axes, &cell.axes));
        assert!(!cells.is_empty() && cells.iter().all(wanted));
        let ids: std::collections::BTreeSet<_> = cells.iter().map(|cell| &cell.id).collect();
        assert_eq!(ids.len(), cells.len(), "each once");
    }
}
