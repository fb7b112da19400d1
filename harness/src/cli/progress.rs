//! A bar with the time left, for those who watch.

use indicatif::{ProgressBar, ProgressStyle};

use crate::cell::{Cell, CellId};
use crate::model::CellResult;
use crate::plan::{Estimate, Plan};
use crate::schedule::Turn;
use crate::session::Progress;

/// Drawn between rounds only: nothing is drawn, and no thread ticks, while something is measured.
pub(super) struct Bar {
    bar: ProgressBar,
}

impl Bar {
    /// A bar on standard error, or none.
    pub(super) fn new(is_watched: bool) -> Self {
        let bar = if is_watched { ProgressBar::no_length() } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template("{bar:24} {msg}, {eta} left");
        Self { bar: bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())) }
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

fn estimate(turn: &Turn, cell: &Cell) -> Estimate {
    if turn.round < cell.measure.rounds { Estimate::of_round(cell) } else { Estimate::of_stage_round(cell) }
}

impl Progress for Bar {
    fn begin(&mut self, plan: &Plan, turns: &[Turn], done: usize) {
        // Milliseconds as estimated, so that a long round moves the bar further than a short one.
        let weight = |turn: &Turn| plan.cells.get(turn.cell).map_or(0, |cell| estimate(turn, cell).time.as_millis());
        let sum = |turns: &[Turn]| u64::try_from(turns.iter().map(weight).sum::<u128>()).unwrap_or(u64::MAX);
        let next = turns.get(done).and_then(|turn| Some((turn.round, plan.cells.get(turn.cell)?)));
        if let Some((round, cell)) = next {
            let label = cell.name.as_deref().unwrap_or(cell.id.as_str());
            let round = if round < cell.measure.rounds { format!("round {round}") } else { "stages".to_owned() };
            self.bar.set_message(format!("{} of {}: {label}, {round}", done + 1, turns.len()));
        }
        self.bar.set_length(sum(turns));
        self.bar.set_position(sum(turns.get(..done).unwrap_or_default()));
    }

    fn probing(&mut self, search: &CellId, done: usize, rate: u32) {
        self.bar.set_message(format!("{search}: try {} of a saturation search, {rate}/s", done + 1));
        self.bar.tick();
    }

    fn dropped(&mut self, cell: &CellResult) {
        let reason = cell.reason.as_deref().unwrap_or_default();
        self.bar.println(format!("{}: {}: {reason}", cell.status, cell.label()));
    }
}
