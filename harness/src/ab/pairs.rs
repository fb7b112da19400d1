//! Rounds of two builds, side by side.

use crate::model::{CellResult, Run, Status};

/// Pairs of runs of one round each.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pairs(Vec<(Run, Run)>);

impl Pairs {
    /// How many.
    #[must_use]
    pub fn len(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds one.
    pub fn push(&mut self, old: Run, new: Run) {
        self.0.push((old, new));
    }

    /// One run of each build with the rounds of all pairs: round n of the one beside round n of the other. A pair of
    /// which either half was not measured is left out. `None` without a pair.
    #[must_use]
    pub fn runs(&self) -> Option<(Run, Run)> {
        let (old, new) = self.0.first()?;
        let (mut old, mut new) = (old.clone(), new.clone());
        for cell in old.cells.iter_mut().chain(&mut new.cells) {
            cell.rounds.clear();
        }
        for ((one, other), number) in self.0.iter().zip(0..) {
            for cell in &mut old.cells {
                let Some(twin) = new.cells.iter_mut().find(|twin| twin.id == cell.id) else { continue };
                let halves = one.cells.iter().find(|half| half.id == cell.id);
                if let Some((half, other_half)) = halves.zip(other.cells.iter().find(|half| half.id == cell.id)) {
                    add(number, (cell, half), (twin, other_half));
                }
            }
        }
        old.cells.iter_mut().chain(&mut new.cells).for_each(sum_up);
        Some((old, new))
    }
}

fn add(number: u32, (old, old_half): (&mut CellResult, &CellResult), (new, new_half): (&mut CellResult, &CellResult)) {
    take_over_trouble(old, old_half);
    take_over_trouble(new, new_half);
    if let ([one], [other]) = (old_half.rounds.as_slice(), new_half.rounds.as_slice()) {
        let numbered = |round: &crate::model::RoundResult| crate::model::RoundResult { round: number, ..round.clone() };
        old.rounds.push(numbered(one));
        new.rounds.push(numbered(other));
    }
}

/// A cell that was in trouble once is not to be trusted.
fn take_over_trouble(cell: &mut CellResult, half: &CellResult) {
    if cell.status == Status::Ok && half.status != Status::Ok {
        (cell.status, cell.reason) = (half.status, half.reason.clone());
        cell.failures.extend(half.failures.iter().cloned());
    }
    if half.verified == Some(false) {
        cell.verified = half.verified;
    }
}

/// What follows from all rounds, not from the first alone. Latencies of all rounds together would take their
/// histograms, so there are none: the rounds have theirs.
fn sum_up(cell: &mut CellResult) {
    let rates: Vec<f64> = cell.rounds.iter().map(|round| round.messages_per_s).collect();
    cell.throughput = crate::stats::throughput(&rates);
    cell.measure.rounds = u32::try_from(cell.rounds.len()).unwrap_or(u32::MAX);
    cell.latency_ns.clear();
    cell.resources = None;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::sample;

    #[test]
    fn rounds_stand_side_by_side() {
        let mut pairs = Pairs::default();
        assert!(pairs.is_empty() && pairs.runs().is_none());
        pairs.push(sample::run(), sample::run());
        let mut half = sample::run();
        half.cells[1].rounds.clear();
        pairs.push(half, sample::run());
        let mut wrong = sample::run();
        wrong.cells[2].status = Status::Failed;
        wrong.cells[2].verified = Some(false);
        pairs.push(sample::run(), wrong);
        let (old, new) = pairs.runs().expect("three pairs");
        let numbers =
            |run: &Run, cell: usize| run.cells[cell].rounds.iter().map(|round| round.round).collect::<Vec<_>>();
        assert_eq!((numbers(&old, 0), numbers(&new, 0)), (vec![0, 1, 2], vec![0, 1, 2]));
        assert_eq!((numbers(&old, 1), numbers(&new, 1)), (vec![0, 2], vec![0, 2]));
        assert_eq!((old.cells[2].status, new.cells[2].status), (Status::Ok, Status::Failed));
        assert_eq!(new.cells[2].verified, Some(false));
    }
}
