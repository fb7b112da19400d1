//! The axes of one table of a plan, before they are crossed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use slotbench_core::Durability;

use crate::axis::{Arrival, Commit, Mode, Sign, Transport};
use crate::cell::{Digest, Length, Limit, Operation, Payload, Read, Skew};

/// What one table of a plan, or the command line, says. An empty list or `None`: nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Group {
    pub(super) name: Option<String>,
    pub(super) benchmark: Option<String>,
    pub(super) backend: Vec<String>,
    pub(super) mode: Vec<Mode>,
    pub(super) durability: Vec<Durability>,
    pub(super) workers: Vec<u32>,
    pub(super) transport: Vec<Transport>,
    pub(super) rate: Vec<Option<u32>>,
    pub(super) arrival: Vec<Arrival>,
    pub(super) in_flight: Vec<u32>,
    pub(super) saturate: Option<Limit>,
    pub(super) length: Option<Length>,
    pub(super) warmup: Option<Duration>,
    pub(super) rounds: Option<u32>,
    pub(super) workload: WorkloadAxes,
}

/// The axes of a workload.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct WorkloadAxes {
    pub(super) sign: Vec<Sign>,
    pub(super) verify: Vec<bool>,
    pub(super) commit: Vec<Commit>,
    pub(super) processes: Vec<u32>,
    pub(super) skew: Vec<Skew>,
    pub(super) payload: Vec<Payload>,
    /// Where the items of payloads are.
    pub(super) items: BTreeMap<Digest, PathBuf>,
    pub(super) compressible: Vec<u8>,
    pub(super) duplicates: Vec<u8>,
    pub(super) reads: Vec<u8>,
    pub(super) read: Vec<Read>,
    pub(super) history: Vec<u64>,
    pub(super) operation: Vec<Operation>,
}

impl Group {
    /// This, and what it does not say from `base`.
    pub(super) fn or(&self, base: &Self) -> Self {
        Self {
            name: self.name.clone().or_else(|| base.name.clone()),
            benchmark: self.benchmark.clone().or_else(|| base.benchmark.clone()),
            backend: either(&self.backend, &base.backend),
            mode: either(&self.mode, &base.mode),
            durability: either(&self.durability, &base.durability),
            workers: either(&self.workers, &base.workers),
            transport: either(&self.transport, &base.transport),
            rate: either(&self.rate, &base.rate),
            arrival: either(&self.arrival, &base.arrival),
            in_flight: either(&self.in_flight, &base.in_flight),
            saturate: self.saturate.or(base.saturate),
            length: self.length.or(base.length),
            warmup: self.warmup.or(base.warmup),
            rounds: self.rounds.or(base.rounds),
            workload: self.workload.or(&base.workload),
        }
    }

    /// Whether anything in it is an open loop: else how starts are spread, and how many are in flight, means nothing.
    pub(super) fn has_open_loop(&self) -> bool {
        self.saturate.is_some() || self.rate.iter().any(Option::is_some)
    }

    /// This with `overrides` over it. A table whose mode, transport, workers or rate change is no longer what its
    /// name and benchmark say, so it loses both; the name follows the backend only through `{backend}`.
    pub(super) fn overridden(&self, overrides: &Self) -> Self {
        let mut group = overrides.or(self);
        let follows = self.name.as_deref().is_some_and(|name| name.contains("{backend}"));
        let same_work = same(&group.mode, &self.mode, Mode::Local)
            && same(&group.transport, &self.transport, Transport::InProcess)
            && same(&group.workers, &self.workers, 1)
            && same(&group.rate, &self.rate, None);
        if !same_work {
            group.benchmark = None;
        }
        if !same_work || group.backend != self.backend && !follows {
            group.name = None;
        }
        group
    }
}

impl WorkloadAxes {
    fn or(&self, base: &Self) -> Self {
        Self {
            sign: either(&self.sign, &base.sign),
            verify: either(&self.verify, &base.verify),
            commit: either(&self.commit, &base.commit),
            processes: either(&self.processes, &base.processes),
            skew: either(&self.skew, &base.skew),
            payload: either(&self.payload, &base.payload),
            items: self.items.iter().chain(&base.items).map(|(digest, path)| (*digest, path.clone())).collect(),
            compressible: either(&self.compressible, &base.compressible),
            duplicates: either(&self.duplicates, &base.duplicates),
            reads: either(&self.reads, &base.reads),
            read: either(&self.read, &base.read),
            history: either(&self.history, &base.history),
            operation: either(&self.operation, &base.operation),
        }
    }
}

/// Whether two lists mean the same where an empty one means `[default]`.
fn same<T: PartialEq>(one: &[T], other: &[T], default: T) -> bool {
    let default = [default];
    filled(one, &default) == filled(other, &default)
}

fn filled<'l, T>(list: &'l [T], default: &'l [T]) -> &'l [T] {
    if list.is_empty() { default } else { list }
}

fn either<T: Clone>(first: &[T], second: &[T]) -> Vec<T> {
    filled(first, second).to_vec()
}
