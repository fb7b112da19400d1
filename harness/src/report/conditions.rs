//! What the numbers depend on.

use crate::model::{Build, Floors, Machine, Run, Storage};
use crate::report::load;
use crate::report::units;

/// Name and value of each condition; what is unknown is left out.
pub(super) fn conditions(run: &Run) -> Vec<(&'static str, String)> {
    let all = [
        ("plan", plan(run)),
        ("load", load::common(run)),
        ("machine", machine(&run.machine)),
        ("storage", storage(&run.machine.storage)),
        ("floor", floor(&run.floors)),
        ("build", build(&run.slotbench)),
    ];
    all.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

fn plan(run: &Run) -> String {
    let rounds: usize = run.cells.iter().map(|cell| cell.rounds.len()).sum();
    let state = if run.complete { "" } else { ", INCOMPLETE" };
    format!("{}, seed {}, {rounds} rounds of {} cells from {}{state}", run.plan, run.seed, run.cells.len(), run.started)
}

fn machine(machine: &Machine) -> String {
    let Machine { fingerprint, cpu, cores, memory_bytes, governor, huge_pages, kernel, storage: _ } = machine;
    let governor = governor.as_ref().map_or_else(|| "governor unknown".to_owned(), |name| format!("governor {name}"));
    let memory = units::bytes(*memory_bytes as f64);
    let huge_pages = huge_pages.as_deref().unwrap_or("unknown");
    format!("{cpu}, {cores} cores, {memory}, {kernel}, {governor}, huge pages {huge_pages} ({fingerprint})")
}

fn storage(storage: &Storage) -> String {
    let Storage { filesystem, mount_options, device, model, write_cache } = storage;
    let model = model.as_ref().map_or_else(String::new, |model| format!(" ({model})"));
    let cache = write_cache.as_deref().unwrap_or("unknown");
    format!("{filesystem} on {device}{model}, {mount_options}, write cache {cache}")
}

fn floor(floors: &Floors) -> String {
    let Floors { fdatasync_ns, fdatasync_slowest_ns, append_ns, sha256_ns, clock_ns, harness_ns } = *floors;
    let parts = [
        ("fdatasync", fdatasync_ns),
        ("fdatasync on the slowest CPU", fdatasync_slowest_ns),
        ("append", append_ns),
        ("SHA-256 of 1 KiB", sha256_ns),
        ("clock", clock_ns),
        ("harness per message", harness_ns),
    ];
    let known = parts.iter().filter_map(|(name, cost)| Some(format!("{name} {}", units::time((*cost)?))));
    known.collect::<Vec<_>>().join(", ")
}

fn build(build: &Build) -> String {
    let Build { version, commit, profile } = build;
    let commit = commit.as_deref().unwrap_or("unknown");
    let warning = if profile == "release" { "" } else { " (NOT OPTIMISED: these numbers mean nothing)" };
    format!("slotbench {version}, commit {commit}, {profile}{warning}")
}
