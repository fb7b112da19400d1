//! What competes with what: loads, deployments and their worker counts.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use slotbench_backends::Kind;
use slotbench_core::Durability;

use crate::axis::{Commit, Mode, Sign, Transport};
use crate::cell::{Payload, Read, Skew, Workload};
use crate::model::{CellResult, Run, Saturation, Status};

/// What callers do: only configurations under the same load compete. How assignments are committed is no part of it:
/// that is for the deployment to choose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Load {
    /// How callers reach the scheduler.
    pub transport: Transport,
    /// How assignments are signed.
    pub sign: Sign,
    /// Whether signatures of messages are verified.
    pub verify: bool,
    /// Processes the messages are spread over.
    pub processes: u32,
    /// How they are spread over them.
    pub skew: Skew,
    /// Data bytes of a message.
    pub payload: Payload,
    /// Percentage of the data that a compressor can remove.
    pub compressible: u8,
    /// Percentage of messages that repeat an earlier one.
    pub duplicates: u8,
    /// Percentage of operations that read.
    pub reads: u8,
    /// What they read.
    pub read: Read,
    /// Slots stored beforehand.
    pub history: u64,
}

impl Load {
    /// The load of a cell.
    #[must_use]
    pub fn of(cell: &CellResult) -> Self {
        let Workload { sign, verify, processes, skew, payload, compressible, duplicates, .. } = cell.axes.workload;
        let Workload { reads, read, history, commit: _, operation: _, .. } = cell.axes.workload;
        let transport = cell.axes.transport;
        Self { transport, sign, verify, processes, skew, payload, compressible, duplicates, reads, read, history }
    }
}

impl fmt::Display for Load {
    /// `inproc, 1KiB, unsigned, 1 process`, with what is out of the ordinary after it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { transport, sign, verify, processes, skew, payload, compressible, duplicates, .. } = self;
        let Self { reads, read, history, .. } = self;
        write!(f, "{transport}, {payload}")?;
        if *compressible > 0 {
            write!(f, " ({compressible} % compressible)")?;
        }
        match sign {
            Sign::None => write!(f, ", unsigned")?,
            sign => write!(f, ", signed with {sign}")?,
        }
        if *verify {
            write!(f, ", verified")?;
        }
        write!(f, ", {processes} {}", if *processes == 1 { "process" } else { "processes" })?;
        if *skew != Skew::Uniform {
            write!(f, " ({skew})")?;
        }
        if *duplicates > 0 {
            write!(f, ", {duplicates} % duplicates")?;
        }
        if *reads > 0 {
            write!(f, ", {reads} % reads ({read})")?;
        }
        if *history > 0 {
            write!(f, ", history {history}")?;
        }
        Ok(())
    }
}

/// The deployments that compete under one load.
pub(super) struct Contest<'r> {
    pub(super) load: Load,
    /// Of each deployment its configurations, by workers.
    pub(super) deployments: Vec<Vec<Configuration<'r>>>,
}

/// A deployment with a number of workers: its cells differ in the pace of their load, or in the tier asked for.
pub(super) struct Configuration<'r> {
    pub(super) cells: Vec<&'r CellResult>,
    pub(super) saturation: Vec<&'r Saturation>,
}

/// What is deployed. Engines are told apart by name: their options belong to the plan.
type Key<'r> = (&'r str, Mode, Durability, Commit);

/// Configurations by deployment and workers.
type Deployments<'r> = BTreeMap<Key<'r>, BTreeMap<u32, Configuration<'r>>>;

/// One contest per load, in the order of the run's cells.
pub(super) fn contests(run: &Run) -> Vec<Contest<'_>> {
    let mut loads: Vec<(Load, Deployments<'_>)> = Vec::new();
    for cell in run.cells.iter().filter(|cell| is_sound(cell)) {
        let Some(tier) = cell.axes.durability.effective else { continue };
        let load = Load::of(cell);
        let place = loads.iter().position(|(known, _)| *known == load).unwrap_or_else(|| {
            loads.push((load, BTreeMap::new()));
            loads.len() - 1
        });
        let axes = &cell.axes;
        let key = (axes.backend.as_str(), axes.mode, tier, axes.workload.commit);
        let configuration =
            loads[place].1.entry(key).or_default().entry(axes.workers).or_insert_with(Configuration::new);
        configuration.cells.push(cell);
        configuration.saturation.extend(run.saturation.iter().filter(|search| search.cell == cell.id));
    }
    let contest = |(load, deployments): (Load, BTreeMap<_, BTreeMap<_, _>>)| Contest {
        load,
        deployments: deployments.into_values().map(|by_workers| by_workers.into_values().collect()).collect(),
    };
    loads.into_iter().map(contest).collect()
}

impl Configuration<'_> {
    fn new() -> Self {
        Self { cells: Vec::new(), saturation: Vec::new() }
    }
}

/// Whether a cell's numbers may be believed and its engine deployed. An overloaded one is believed too: it shows what
/// the configuration does not carry.
fn is_sound(cell: &CellResult) -> bool {
    let is_calibration = Kind::find(&cell.axes.backend).is_some_and(|kind| !kind.is_persistent());
    matches!(cell.status, Status::Ok | Status::Overloaded)
        && cell.verified == Some(true)
        && cell.failures.is_empty()
        && !is_calibration
        && cell.axes.workload.schedules()
}
