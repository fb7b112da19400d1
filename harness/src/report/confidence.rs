//! The interval around a cell's rate.

use crate::model::{CellResult, Interval95};
use crate::report::units;

/// The 95 % interval of a cell's rate; `None` below two rounds. A result from before there was one has half a width
/// around the mean only.
pub(super) fn rate(cell: &CellResult) -> Option<Interval95> {
    let symmetric = || {
        let (centre, half) = (cell.throughput?.messages_per_s, cell.throughput?.ci95?);
        Some(Interval95 { low: centre - half, high: centre + half })
    };
    cell.confidence.as_ref().map(|confidence| confidence.messages_per_s).or_else(symmetric)
}

/// The same, as text.
pub(super) fn rate_text(cell: &CellResult) -> Option<String> {
    rate(cell).map(|Interval95 { low, high }| format!("{}–{}", units::number(low), units::number(high)))
}
