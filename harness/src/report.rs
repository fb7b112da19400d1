//! Reports: pure functions from a result to text.
//!
//! A [`Report`] is what there is to say; [`terminal`] and [`markdown`] say the same in two forms. [`html()`] draws it, as one
//! page that needs no network. [`csv()`] has a row per cell, for other tools. Results of different tiers are never ranked
//! together.

mod annotations;
mod capacity;
mod columns;
mod comparison;
mod conditions;
mod confidence;
mod csv;
mod details;
mod exchange;
mod heading;
mod headline;
mod history;
mod html;
mod load;
mod loss;
mod markdown;
mod notes;
mod recommendation;
mod table;
mod terminal;
#[cfg(test)]
mod tests;
pub mod units;

pub use annotations::annotations;
pub use comparison::comparison;
pub use csv::csv;
pub use exchange::{bmf, criterion, github_benchmark};
pub use heading::{Align, Heading};
pub use history::history;
pub use html::{history_html, html};
pub use markdown::markdown;
pub use recommendation::{recommendations, shortfall};
pub use table::Table;
pub use terminal::{Style, terminal};

use crate::model::Run;

/// A harness that costs more than this share of a latency distorts it.
const LARGEST_SHARE: f64 = 0.05;

/// Everything a report says, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The answer, in a sentence.
    pub headline: String,
    /// Name and value of what the numbers depend on.
    pub conditions: Vec<(&'static str, String)>,
    /// One table per effective tier, strongest first; then saturation and scaling.
    pub tables: Vec<Table>,
    /// Where time went, and how rounds went over time; only what was measured.
    pub details: Vec<Table>,
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
            tables: table::tables(run).into_iter().chain(capacity::tables(run)).collect(),
            details: details::tables(run),
            notes: notes::notes(run),
        }
    }
}
