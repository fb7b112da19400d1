//! What makes two runs, or two cells, incomparable.

use std::collections::BTreeSet;

use crate::cell::Length;
use crate::compare::metric::comparable_rounds;
use crate::model::{CellResult, RoundResult, Run, Status};
use crate::stats::median;

/// Obstacles, and differences worth a note. `any_machine` turns another machine into a note.
pub(super) fn between_runs(base: &Run, new: &Run, any_machine: bool) -> (Vec<String>, Vec<String>) {
    let (mut obstacles, mut notes) = (Vec::new(), Vec::new());
    let (one, other) = (&base.machine, &new.machine);
    if one.fingerprint != other.fingerprint {
        let machines = format!("different machines: BASE on {}, NEW on {}", name(base), name(new));
        if any_machine { notes.push(machines) } else { obstacles.push(machines) }
    }
    let (profile, other_profile) = (&base.slotbench.profile, &new.slotbench.profile);
    if profile != other_profile {
        obstacles.push(format!("different build profiles: BASE {profile}, NEW {other_profile}"));
    }
    let mut differs = |what: &str, one: &str, other: &str| {
        if one != other {
            notes.push(format!("different {what}: BASE {one}, NEW {other}"));
        }
    };
    differs("plans", &base.plan, &new.plan);
    differs("kernels", &one.kernel, &other.kernel);
    differs("seeds", &base.seed.to_string(), &new.seed.to_string());
    let incomplete = [("BASE", base), ("NEW", new)].into_iter().filter(|(_, run)| !run.complete);
    notes.extend(incomplete.map(|(which, _)| format!("{which} is incomplete")));
    (obstacles, notes)
}

fn name(run: &Run) -> String {
    let machine = &run.machine;
    format!("{} ({}, {} cores, {})", machine.fingerprint, machine.cpu, machine.cores, machine.storage.filesystem)
}

/// How much more of the machine others may have used during the rounds of one run than of the other, 0 to 1.
const LOAD_DIFFERENCE: f64 = 0.1;

/// Why runs made at different times cannot be compared: other programs kept the machine busier in one of them.
pub(super) fn load(base: &CellResult, new: &CellResult, cores: u32) -> Option<String> {
    let (one, other) = (foreign_share(base, cores)?, foreign_share(new, cores)?);
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    let differs = (one - other).abs() > LOAD_DIFFERENCE;
    differs.then(|| {
        format!("others used {} of the machine's CPU in BASE and {} in NEW, while it ran", percent(one), percent(other))
    })
}

/// How much slower the machine itself may have been beside the rounds of one run than of the other.
const PACE_DIFFERENCE: f64 = 1.1;

/// Why runs made at different times cannot be compared: in one of them the processor was slower, which a shared or a throttled
/// one is at times, without anybody else's use of it to be seen.
pub(super) fn pace(base: &CellResult, new: &CellResult) -> Option<String> {
    let (one, other) = (hash_cost(base)?, hash_cost(new)?);
    let differs = one.max(other) > one.min(other) * PACE_DIFFERENCE;
    differs.then(|| {
        format!("the machine's own pace differs: beside it SHA-256 of 1 KiB took {one:.0} ns in BASE and {other:.0} ns in NEW")
    })
}

/// How far apart the machine's own pace was, as the difference of logarithms: what a change of unchanged code may owe to it.
pub(super) fn pace_shift(base: &CellResult, new: &CellResult) -> f64 {
    let costs = hash_cost(base).zip(hash_cost(new)).filter(|(one, other)| *one > 0.0 && *other > 0.0);
    costs.map_or(0.0, |(one, other)| (other / one).ln().abs())
}

fn hash_cost(cell: &CellResult) -> Option<f64> {
    median(&comparable_rounds(cell).filter_map(|round| round.sha256_ns).collect::<Vec<_>>())
}

/// The part of the machine's CPU time that others used: median over rounds.
fn foreign_share(cell: &CellResult, cores: u32) -> Option<f64> {
    let share = |round: &RoundResult| {
        let capacity = round.elapsed_ns as f64 * f64::from(cores.max(1));
        Some(round.resources.foreign_cpu_ns? as f64 / capacity).filter(|share| share.is_finite())
    };
    median(&comparable_rounds(cell).filter_map(share).collect::<Vec<_>>())
}

/// The first thing that makes two cells of one id incomparable.
pub(super) fn between_cells(base: &CellResult, new: &CellResult) -> Option<String> {
    let states = [("BASE", base), ("NEW", new)];
    let unfit = states.into_iter().find_map(|(which, cell)| Some(format!("it {} in {which}", unfit(cell)?)));
    unfit.or_else(|| tiers(base, new)).or_else(|| lengths(base, new)).or_else(|| options(base, new))
}

/// Why a cell's numbers mean nothing.
fn unfit(cell: &CellResult) -> Option<String> {
    let because = |what: &str| match &cell.reason {
        Some(reason) => format!("{what} ({reason})"),
        None => what.to_owned(),
    };
    match cell.status {
        Status::Failed => Some(because("failed")),
        Status::Refused => Some(because("was refused")),
        Status::Overloaded => Some(because("was overloaded")),
        Status::Ok if comparable_rounds(cell).next().is_none() => Some("has no finished round".to_owned()),
        Status::Ok => None,
    }
}

fn tiers(base: &CellResult, new: &CellResult) -> Option<String> {
    let tier = |cell: &CellResult| cell.axes.durability.effective.map_or("no", |tier| tier.name());
    let (one, other) = (tier(base), tier(new));
    (one != other).then(|| format!("its effective tier is {one} in BASE and {other} in NEW"))
}

fn lengths(base: &CellResult, new: &CellResult) -> Option<String> {
    let show = |cell: &CellResult| {
        let warmup = humantime::format_duration(cell.measure.warmup);
        match cell.measure.length {
            Length::Ops(ops) => format!("{ops} operations after {warmup}"),
            Length::Duration(length) => format!("{} after {warmup}", humantime::format_duration(length)),
        }
    };
    let (one, other) = (show(base), show(new));
    (one != other).then(|| format!("its rounds last {one} in BASE and {other} in NEW"))
}

fn options(base: &CellResult, new: &CellResult) -> Option<String> {
    let (one, other) = (base.engine.as_ref()?, new.engine.as_ref()?);
    let keys: BTreeSet<&String> = one.options.keys().chain(other.options.keys()).collect();
    let key = keys.into_iter().find(|key| one.options.get(*key) != other.options.get(*key))?;
    let show = |value: Option<&String>| value.map_or("unset", String::as_str).to_owned();
    let (one, other) = (show(one.options.get(key)), show(other.options.get(key)));
    Some(format!("its engine runs with {key} = {one} in BASE and {other} in NEW"))
}
