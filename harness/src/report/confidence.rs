//! The interval around a cell's rate, as text.

use crate::model::{CellResult, Interval95};
use crate::report::units;

/// `35,426–49,884`; `None` below two rounds.
pub(super) fn rate_text(cell: &CellResult) -> Option<String> {
    cell.rate_interval().map(|Interval95 { low, high }| format!("{}–{}", units::number(low), units::number(high)))
}
