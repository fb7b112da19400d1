//! From tables of axes to cells.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use slotbench_backends::Kind;
use slotbench_core::Durability;

use crate::axis::{Arrival, Mode, Reach, Transport};
use crate::cell::{Axes, Cell, CellId, IN_FLIGHT, Length, Measure, Operation, Payload, Search, Workload};
use crate::plan::error::PlanError;
use crate::plan::group::{Group, WorkloadAxes};
use crate::plan::keys::ALL_BACKENDS;
use crate::plan::overrides::Overrides;
use crate::plan::reader::Document;
use crate::plan::source::Source;

/// Most cells a plan may have.
const MAX_CELLS: usize = 10_000;
/// Not measured at the start of a round, where a plan does not say.
const WARMUP: Duration = Duration::from_secs(2);
/// Length of a round, where a plan does not say.
const DURATION: Duration = Duration::from_secs(10);
/// The engine that stores nothing.
const NULL: &str = "null";
/// Rounds of a cell, where a plan does not say.
const ROUNDS: u32 = 5;

/// The cells of a plan, each once: overriding an axis may make cells of several tables the same.
///
/// # Errors
/// More than [`MAX_CELLS`].
pub(super) fn cells(source: &Source, document: &Document, overrides: &Overrides) -> Result<Vec<Cell>, PlanError> {
    let mut cells = Vec::new();
    let mut seen = BTreeSet::new();
    for (group, span) in &document.groups {
        let group = group.overridden(&overrides.group);
        check_load(source, &group, span)?;
        let crossed = cross(&group).filter(|count| cells.len() + count <= MAX_CELLS);
        crossed.ok_or_else(|| source.error(span.clone(), format!("cells: more than {MAX_CELLS} of them")))?;
        let fresh = group_cells(&group, document).into_iter().filter(|cell| seen.insert(cell.id.clone()));
        cells.extend(fresh);
    }
    Ok(cells)
}

/// Checks that what is said of open loops is said where there is one.
fn check_load(source: &Source, group: &Group, span: &Range<usize>) -> Result<(), PlanError> {
    if group.has_open_loop() || group.arrival.is_empty() && group.in_flight.is_empty() {
        return Ok(());
    }
    Err(source.error(span.clone(), "arrival, in-flight: mean nothing in a closed loop (they need a rate, or saturate)"))
}

/// Checks that no two tables of the plan itself say the same.
///
/// # Errors
/// The table that repeats a cell.
pub(super) fn unique_cells(source: &Source, document: &Document) -> Result<(), PlanError> {
    let mut seen = HashMap::new();
    for (index, (group, span)) in document.groups.iter().enumerate() {
        if cross(group).is_none_or(|count| count > MAX_CELLS) {
            return Err(source.error(span.clone(), format!("cells: more than {MAX_CELLS} of them")));
        }
        for cell in group_cells(group, document) {
            if seen.insert(cell.id.clone(), index).is_some() {
                return Err(source.error(span.clone(), format!("cells: {} is in the plan twice", cell.id)));
            }
        }
    }
    Ok(())
}

/// How many cells a table crosses to; `None` when the number overflows.
fn cross(group: &Group) -> Option<usize> {
    let Group { backend, mode, durability, workers, transport, rate, arrival, in_flight, workload, .. } = group;
    let WorkloadAxes { sign, verify, commit, processes, payload, duplicates, reads, history, .. } = workload;
    let WorkloadAxes { skew, compressible, read, operation, .. } = workload;
    let axes = [backend.len(), mode.len(), durability.len(), workers.len(), transport.len(), rate.len()];
    let work = [sign.len(), verify.len(), commit.len(), processes.len(), payload.len(), duplicates.len()];
    let rest = [reads.len(), history.len(), skew.len(), compressible.len(), read.len(), operation.len()];
    let rest = rest.into_iter().chain([arrival.len(), in_flight.len()]);
    let mut lengths = axes.into_iter().chain(work).chain(rest);
    lengths.try_fold(1_usize, |product, length| product.checked_mul(length.max(1)))
}

fn group_cells(group: &Group, document: &Document) -> Vec<Cell> {
    let measure = Measure {
        length: group.length.unwrap_or(Length::Duration(DURATION)),
        warmup: group.warmup.unwrap_or(WARMUP),
        rounds: group.rounds.unwrap_or(ROUNDS),
    };
    let saturate = group.saturate.map(|limit| Search {
        limit,
        arrival: group.arrival.first().copied().unwrap_or(Arrival::Fixed),
        in_flight: group.in_flight.first().copied().unwrap_or(IN_FLIGHT),
    });
    let cell = |axes: Axes| Cell {
        saturate,
        id: CellId::of(&axes),
        name: group.name.as_ref().map(|name| name.replace("{backend}", &axes.backend)),
        benchmark: group.benchmark.clone(),
        refusal: refusal(&axes),
        engine_options: document.engine.get(&axes.backend).cloned().unwrap_or_default(),
        items: items(group, &axes),
        measure: measure.clone(),
        axes,
    };
    let mut seen = BTreeSet::new();
    all_axes(group).into_iter().map(cell).filter(|cell| seen.insert(cell.id.clone())).collect()
}

/// These axes without those that mean nothing for them; the cells that become equal are one.
fn settled(axes: Axes) -> Axes {
    let load = axes.open_load();
    Axes { workload: axes.workload.clone().settled(), ..axes }.with_load(load)
}

fn items(group: &Group, axes: &Axes) -> Option<PathBuf> {
    match axes.workload.payload {
        Payload::Items(digest) => group.workload.items.get(&digest).cloned(),
        _ => None,
    }
}

/// The product of all axes, the one named first varying slowest.
fn all_axes(group: &Group) -> Vec<Axes> {
    let all = ALL_BACKENDS.map(str::to_owned).to_vec();
    let backends = if group.backend.is_empty() { all } else { group.backend.clone() };
    let start = backends.iter().flat_map(|backend| {
        let strongest = vec![strongest(backend)];
        let tiers = if group.durability.is_empty() { strongest } else { group.durability.clone() };
        tiers.into_iter().map(|asked| Axes {
            backend: backend.clone(),
            mode: Mode::Local,
            durability: Reach { asked, effective: effective(backend, asked) },
            workers: 1,
            transport: Transport::InProcess,
            rate: None,
            arrival: None,
            in_flight: None,
            workload: Workload::default(),
        })
    });
    let work = &group.workload;
    let mut all: Vec<Axes> = start.collect();
    vary(&mut all, &group.mode, |axes, mode| axes.mode = mode);
    vary(&mut all, &group.workers, |axes, workers| axes.workers = workers);
    vary(&mut all, &group.transport, |axes, transport| axes.transport = transport);
    vary(&mut all, &group.rate, |axes, rate| axes.rate = rate);
    vary(&mut all, &group.arrival, |axes, arrival| axes.arrival = Some(arrival));
    vary(&mut all, &group.in_flight, |axes, bound| axes.in_flight = Some(bound));
    vary(&mut all, &work.sign, |axes, sign| axes.workload.sign = sign);
    vary(&mut all, &work.verify, |axes, verify| axes.workload.verify = verify);
    vary(&mut all, &work.commit, |axes, commit| axes.workload.commit = commit);
    vary(&mut all, &work.processes, |axes, processes| axes.workload.processes = processes);
    vary(&mut all, &work.skew, |axes, skew| axes.workload.skew = skew);
    vary(&mut all, &work.payload, |axes, payload| axes.workload.payload = payload);
    vary(&mut all, &work.compressible, |axes, percent| axes.workload.compressible = percent);
    vary(&mut all, &work.duplicates, |axes, duplicates| axes.workload.duplicates = duplicates);
    vary(&mut all, &work.reads, |axes, reads| axes.workload.reads = reads);
    vary(&mut all, &work.read, |axes, read| axes.workload.read = read);
    vary(&mut all, &work.history, |axes, history| axes.workload.history = history);
    vary(&mut all, &work.operation, |axes, operation| axes.workload.operation = operation);
    all.into_iter().map(settled).collect()
}

/// Replaces every element by one for each value; no values leave all as they are.
fn vary<T: Copy>(all: &mut Vec<Axes>, values: &[T], set: impl Fn(&mut Axes, T)) {
    if values.is_empty() {
        return;
    }
    let one = |axes: &Axes, value| {
        let mut axes = axes.clone();
        set(&mut axes, value);
        axes
    };
    *all = all.iter().flat_map(|axes| values.iter().map(|value| one(axes, *value)).collect::<Vec<_>>()).collect();
}

/// The strongest tier an engine reaches; `power` for an engine that is not built in and will be refused.
fn strongest(backend: &str) -> Durability {
    let tiers = Kind::find(backend).map(|kind| kind.tiers());
    let reached =
        tiers.and_then(|tiers| tiers.iter().rev().find(|tier| tier.effective.is_some()).map(|tier| tier.asked));
    reached.unwrap_or(Durability::Power)
}

fn effective(backend: &str, asked: Durability) -> Option<Durability> {
    Kind::find(backend)?.tiers().into_iter().find(|tier| tier.asked == asked)?.effective
}

/// Why these axes cannot run in this build.
fn refusal(axes: &Axes) -> Option<String> {
    let backend = &axes.backend;
    let Some(kind) = Kind::find(backend) else {
        return Some(format!("{backend} is not built in (cargo feature '{backend}')"));
    };
    let asked = axes.durability.asked;
    if axes.durability.effective.is_none() {
        let how = kind.tiers().into_iter().find(|tier| tier.asked == asked).map(|tier| tier.how).unwrap_or_default();
        return Some(format!("{backend} cannot give durability '{asked}': {how}"));
    }
    axes.workload.contradiction().or_else(|| contradiction(axes, kind)).map(str::to_owned)
}

/// What of a workload does not go together with the other axes.
fn contradiction(axes: &Axes, kind: Kind) -> Option<&'static str> {
    let Workload { operation, reads, history, .. } = axes.workload;
    let needs_what_is_stored = reads > 0 || history > 0 || operation.is_raw_read();
    if operation.is_registry() {
        let is_null = kind.name() == NULL && axes.mode == Mode::Local;
        return (!is_null || axes.rate.is_some())
            .then_some("the registry uses no store: backend null, mode local, no rate");
    }
    if operation.is_remote() {
        let fits = axes.transport == Transport::H1 && axes.mode == Mode::Local && kind.name() != NULL;
        return (!fits || axes.rate.is_some())
            .then_some("another node's schedule is read over transport h1, mode local, no rate, and null caches none");
    }
    if kind.name() == NULL && needs_what_is_stored {
        Some("null stores nothing that could be read, or be a history")
    } else if axes.rate.is_some() && (reads > 0 || operation != Operation::Schedule) {
        Some("an open loop schedules messages and does nothing else")
    } else if axes.transport != Transport::InProcess && (reads > 0 || operation != Operation::Schedule) {
        Some("over a transport messages are scheduled and nothing else is done")
    } else if operation == Operation::Restart && !kind.is_persistent() {
        Some("nothing is left of it after a restart")
    } else if operation == Operation::Restart && axes.workers != 1 {
        Some("restarts come one after the other: workers = 1")
    } else if operation.is_raw() && axes.mode != Mode::Local {
        Some("past the scheduler a caller is answered when the write is stored: mode local")
    } else {
        None
    }
}
