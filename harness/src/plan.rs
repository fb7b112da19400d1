//! A plan: which cells to measure, how long, in which order.

use serde::{Deserialize, Serialize};

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
