//! A plan: which cells to measure, how long, in which order.
//!
//! A plan is a TOML file. Axes take one value or a list; a `[[cells]]` table crosses its axes, and takes what it does
//! not say from the top of the file, which takes it from the defaults. A plan without `[[cells]]` is a single table.
//!
//! ```toml
//! description = "What a second worker brings"
//! seed = 7
//! rounds = 5
//! duration = "10s"
//! backend = ["fs", "redb"]
//! mode = "all"                     # local and aggressive
//! workers = [1, 2]
//! rate = ["closed", 500]           # open loops beside the closed ones; arrival, in-flight
//! saturate = "p99=5ms"             # and the highest rate within that limit
//!
//! [workload]
//! payload = "4KiB"
//!
//! [engine.redb]                    # settings of an engine, as `slotbench backends` lists them
//! cache_bytes = 67108864
//! ```

mod cross;
mod error;
mod estimate;
mod group;
mod keys;
mod overrides;
mod preset;
mod reader;
mod source;
#[cfg(test)]
mod tests;

use std::path::Path;

use serde::{Deserialize, Serialize};
use slotbench_core::Durability;

pub use error::{Place, PlanError};
pub use estimate::Estimate;
pub use overrides::Overrides;
pub use preset::{PRESETS, Preset};
pub use source::Source;

use crate::cell::Cell;

/// A plan with every axis crossed and every default filled in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Its name: part of the run directory's and the baseline's name.
    pub name: String,
    /// What it is for, in a sentence.
    pub description: Option<String>,
    /// Seed of inputs and of the order of rounds.
    pub seed: u64,
    /// The cells in the plan's order, each id once.
    pub cells: Vec<Cell>,
}

impl Plan {
    /// Reads and crosses a plan file.
    ///
    /// # Errors
    /// [`PlanError`]: the file, line, column and key, and what is allowed there.
    pub fn load(path: &Path, overrides: &Overrides) -> Result<Self, PlanError> {
        Self::compile(&Source::read(path)?, overrides)
    }

    /// Crosses a plan that ships in the binary.
    ///
    /// # Errors
    /// As [`load`](Self::load), and for a name that no preset has.
    pub fn preset(name: &str, overrides: &Overrides) -> Result<Self, PlanError> {
        Self::compile(&Preset::find(name)?.source(), overrides)
    }

    /// Crosses a plan's text.
    ///
    /// # Errors
    /// As [`load`](Self::load). The text must be a valid plan by itself, before anything is overridden.
    pub fn compile(source: &Source, overrides: &Overrides) -> Result<Self, PlanError> {
        let document = reader::read(source)?;
        cross::unique_cells(source, &document)?;
        let cells = cross::cells(source, &document, overrides)?;
        let seed = overrides.seed.unwrap_or(document.seed);
        Ok(Self { name: document.name, description: document.description, seed, cells })
    }

    /// The plan for stores on a file system that a power cut empties: nothing reaches `power` there.
    #[must_use]
    pub fn on_volatile_storage(mut self, filesystem: &str) -> Self {
        for cell in &mut self.cells {
            let reach = &mut cell.axes.durability;
            if reach.asked == Durability::Power && cell.refusal.is_none() {
                cell.refusal = Some(format!("nothing survives a power cut on {filesystem}"));
            }
            reach.effective = reach.effective.map(|tier| tier.min(Durability::Process));
        }
        self
    }

    /// How long it will take.
    #[must_use]
    pub fn estimate(&self) -> Estimate {
        Estimate::of(&self.cells)
    }
}
