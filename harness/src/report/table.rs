//! Tables, before they take a form.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use slotbench_core::Durability;

use crate::model::{CellResult, Run, Status, Tag};
use crate::report::columns::{Column, columns};
use crate::report::heading::Heading;
use crate::report::load;

/// A table of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// What its rows have in common.
    pub title: String,
    /// Its columns.
    pub headings: Vec<Heading>,
    /// Its rows, each with a text per column.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// A row per cell.
    pub(super) fn of(title: &str, columns: Vec<Column>, cells: &[&CellResult]) -> Self {
        let row = |cell: &&CellResult| columns.iter().map(|column| (column.show)(cell)).collect();
        let rows = cells.iter().map(row).collect();
        Self { title: title.to_owned(), headings: columns.into_iter().map(|c| c.heading).collect(), rows }
    }
}

fn title(tier: Durability) -> &'static str {
    match tier {
        Durability::Power => "Durability power: survives a power cut",
        Durability::Process => "Durability process: survives a kill of the process, not a power cut",
        Durability::Memory => "Durability memory: may die with the process",
    }
}

/// One table per effective tier, strongest first. Within a mode and a load, the fastest first: by throughput in closed
/// loops, by response time in open ones.
pub(super) fn tables(run: &Run) -> Vec<Table> {
    let mut tiers: BTreeMap<Durability, Vec<&CellResult>> = BTreeMap::new();
    for cell in load::measured(run) {
        if let Some(tier) = cell.axes.durability.effective {
            tiers.entry(tier).or_default().push(cell);
        }
    }
    for cells in tiers.values_mut() {
        cells.sort_by(|one, other| order(one, other));
    }
    tiers.iter().rev().map(|(tier, cells)| Table::of(title(*tier), columns(run, *tier, cells), cells)).collect()
}

fn order(one: &CellResult, other: &CellResult) -> Ordering {
    let group =
        |cell: &CellResult| (cell.axes.mode, cell.axes.rate, load::key(cell), cell.status == Status::Overloaded);
    let response = |cell: &CellResult| cell.latency_ns.get(&Tag::Response).map(|summary| summary.p99);
    let speed = |cell: &CellResult| cell.throughput.map_or(0.0, |throughput| throughput.messages_per_s);
    let by_speed = || response(one).cmp(&response(other)).then_with(|| speed(other).total_cmp(&speed(one)));
    group(one).cmp(&group(other)).then_with(by_speed).then_with(|| one.id.cmp(&other.id))
}
