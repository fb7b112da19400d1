//! What a comparison comes to.

use crate::compare::{Comparison, Figure, Verdict};

/// What a comparison comes to as a whole, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Something became worse.
    Regressed,
    /// Nothing is known to be worse, but not everything could be decided.
    Open,
    /// Everything was decided, and nothing became worse.
    Fine,
}

impl Comparison {
    /// What it comes to.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        if self.count(Verdict::Regressed) > 0 {
            return Outcome::Regressed;
        }
        let is_open = |figure: &Figure| figure.leaves_open;
        let missing = self.cells.iter().any(|cell| cell.leaves_open);
        if self.family == 0 || !self.obstacles.is_empty() || missing || self.figures().any(is_open) {
            Outcome::Open
        } else {
            Outcome::Fine
        }
    }

    /// Every figure of every cell.
    pub fn figures(&self) -> impl Iterator<Item = &Figure> {
        self.cells.iter().flat_map(|cell| &cell.figures)
    }

    /// Figures with a verdict.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        self.figures().filter(|figure| figure.verdict == verdict).count()
    }
}
