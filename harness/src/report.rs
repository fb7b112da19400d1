//! Reports: pure functions from a result to text.
//!
//! A [`Report`] is what there is to say; [`terminal`] and [`markdown`] say the same in two forms. [`csv`] has a row per
//! cell, for other tools. Results of different tiers are never ranked together.

mod columns;
mod conditions;
mod csv;
mod heading;
mod headline;
mod load;
mod loss;
mod markdown;
mod notes;
mod table;
mod terminal;
#[cfg(test)]
mod tests;
pub mod units;

pub use csv::csv;
pub use heading::{Align, Heading};
pub use markdown::markdown;
pub use table::Table;
pub use terminal::{Style, terminal};

use crate::model::Run;

/// Everything a report says, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The answer, in a sentence.
    pub headline: String,
    /// Name and value of what the numbers depend on.
    pub conditions: Vec<(&'static str, String)>,
    /// One table per effective tier, strongest first.
    pub tables: Vec<Table>,
    /// Lists of what the tables leave out: title and sentences.
    pub notes: Vec<(&'static str, Vec<String>)>,
}

impl Report {
    /// What there is to say about a run.
    #[must_use]
    pub fn of(run: &Run) -> Self {
        Self {
            headline: headline::headline(run),
            conditions: conditions::conditions(run),
            tables: table::tables(run),
            notes: notes::notes(run),
        }
    }
}
