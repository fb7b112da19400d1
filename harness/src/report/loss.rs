//! What the crash lab found, in a word for a table and a sentence for the notes.

use crate::model::{CellResult, Fault, Loss, Run, Verdict};

/// The heading of a fault's column.
pub(super) const fn title(fault: Fault) -> &'static str {
    match fault {
        Fault::Kill => "SIGKILL",
        Fault::Power => "power cut",
        Fault::Io => "I/O error",
    }
}

/// The faults that any of these cells was tried under.
pub(super) fn tried(cells: &[&CellResult]) -> Vec<Fault> {
    let tried = |fault: &Fault| cells.iter().any(|cell| of(cell, *fault).is_some());
    Fault::ALL.iter().copied().filter(tried).collect()
}

/// What became of a cell under a fault.
pub(super) fn of(cell: &CellResult, fault: Fault) -> Option<&Loss> {
    cell.loss.iter().find(|loss| loss.fault == fault)
}

/// The badge of a cell: a broken promise shouts, a loss that mode or tier allow does not.
pub(super) fn badge(loss: &Loss) -> String {
    match loss.verdict {
        Verdict::Survived => "survived".to_owned(),
        Verdict::Lost if loss.promise_broken > 0 && loss.lost == 0 => "DAMAGED".to_owned(),
        Verdict::Lost if loss.promise_broken > 0 => format!("LOST {}", loss.max_lost),
        Verdict::Lost if loss.lost == 0 => "damaged".to_owned(),
        Verdict::Lost => format!("lost ≤ {}", loss.max_lost),
        Verdict::NotMeasured => "not measured".to_owned(),
        Verdict::HarnessBroken => "lab broken".to_owned(),
    }
}

/// Cells whose loss breaks, or does not break, what they promise.
pub(super) fn sentences(run: &Run, broken: bool) -> Vec<String> {
    let losses = run.cells.iter().flat_map(|cell| cell.loss.iter().map(move |loss| (cell, loss)));
    let told = losses.filter(|(_, loss)| loss.verdict != Verdict::Survived && (loss.promise_broken > 0) == broken);
    told.map(|(cell, loss)| format!("{}: {}", cell.label(), sentence(loss))).collect()
}

fn sentence(loss: &Loss) -> String {
    let Loss { fault, trials, acknowledged, lost, max_lost, seed, .. } = loss;
    let reason = loss.reason.as_deref().map_or_else(String::new, |reason| format!(" ({reason})"));
    let allowed = loss.window.map_or_else(String::new, |window| format!(", {window} allowed"));
    match loss.verdict {
        Verdict::NotMeasured | Verdict::HarnessBroken => format!("{fault}: {}{reason}", badge(loss)),
        Verdict::Survived | Verdict::Lost => format!(
            "{fault}: {lost} of {acknowledged} acknowledged messages lost in {trials} trials, at most {max_lost} in one\
             {allowed}{reason}, seed {seed}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::sample;

    fn loss(change: impl FnOnce(&mut Loss)) -> Loss {
        let mut loss = sample::rich_run().cells[0].loss[0].clone();
        change(&mut loss);
        loss
    }

    #[test]
    fn a_broken_promise_shouts_and_an_allowed_loss_does_not() {
        assert_eq!(badge(&loss(|_| {})), "LOST 1");
        assert_eq!(badge(&loss(|loss| loss.lost = 0)), "DAMAGED");
        assert_eq!(badge(&loss(|loss| loss.promise_broken = 0)), "lost ≤ 1");
        assert_eq!(badge(&loss(|loss| loss.verdict = Verdict::Survived)), "survived");
        assert_eq!(badge(&loss(|loss| loss.verdict = Verdict::HarnessBroken)), "lab broken");
    }

    #[test]
    fn notes_tell_breaches_and_allowed_losses_apart() {
        let mut run = sample::rich_run();
        let breach = sentences(&run, true);
        assert_eq!(breach.len(), 1);
        assert!(
            breach[0]
                .contains("kill: 2 of 900 acknowledged messages lost in 30 trials, at most 1 in one, 2048 allowed")
        );
        assert!(sentences(&run, false).is_empty());
        run.cells[0].loss[0].promise_broken = 0;
        assert_eq!((sentences(&run, true).len(), sentences(&run, false).len()), (0, 1));
    }
}
