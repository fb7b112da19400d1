//! A series of runs over commits, and where its level changed.
//!
//! A history is a JSON Lines file for one machine and one plan: `results/history/<fingerprint>/<plan>.jsonl`. It only
//! ever grows, a line a run, so that it merges and diffs well; every line has the version of its form, and older ones
//! stay readable.

pub(crate) mod changes;
mod entry;
mod file;

pub use changes::{Change, changes, least_entries, usual};
pub use entry::{CellEntry, Entry, Level, SCHEMA};
pub use file::{HistoryError, append, history_path, load};

use crate::cell::CellId;
use crate::compare::Metric;

/// One figure of one cell over time.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The cell.
    pub cell: CellId,
    /// The name to show.
    pub label: String,
    /// The figure.
    pub metric: Metric,
    /// Index of the entry and its median, for the entries that have it.
    pub points: Vec<(usize, f64)>,
}

/// Every series of a history: cells in the order in which they appeared, metrics in theirs.
#[must_use]
pub fn series(entries: &[Entry]) -> Vec<Series> {
    let mut cells: Vec<(&CellId, &str)> = Vec::new();
    for cell in entries.iter().flat_map(|entry| &entry.cells) {
        if !cells.iter().any(|(id, _)| **id == cell.id) {
            cells.push((&cell.id, &cell.label));
        }
    }
    let all = cells.into_iter().flat_map(|(id, label)| Metric::ALL.iter().map(move |metric| (id, label, *metric)));
    let all = all.map(|(id, label, metric)| {
        let points = entries.iter().enumerate().filter_map(|(index, entry)| Some((index, entry.median(id, metric)?)));
        Series { cell: id.clone(), label: label.to_owned(), metric, points: points.collect() }
    });
    all.filter(|series| !series.points.is_empty()).collect()
}
