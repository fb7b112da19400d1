//! Answers that were wrong: what makes a cell fail however fast it was.

use std::sync::{Mutex, PoisonError};

/// How many are kept in words; the rest are only counted.
const KEPT: usize = 20;

/// Collects wrong answers from all workers. Right ones do not touch it.
#[derive(Debug, Default)]
pub struct WrongAnswers(Mutex<Findings>);

/// The wrong answers of a pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// How many.
    pub count: u64,
    /// The first twenty.
    pub first: Vec<String>,
}

impl Findings {
    /// Adds those of another pass.
    pub fn add(&mut self, more: Self) {
        self.count += more.count;
        let room = KEPT.saturating_sub(self.first.len());
        self.first.extend(more.first.into_iter().take(room));
    }
}

impl WrongAnswers {
    /// Counts `checked` if it is an error.
    pub fn note(&self, checked: Result<(), String>) {
        if let Err(reason) = checked {
            let mut findings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            findings.count += 1;
            if findings.first.len() < KEPT {
                findings.first.push(reason);
            }
        }
    }

    /// What was found so far.
    #[must_use]
    pub fn findings(&self) -> Findings {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
