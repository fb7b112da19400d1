//! From trials to a verdict.

use slotbench_core::Durability;

use crate::axis::Mode;
use crate::cell::Cell;
use crate::crash::trial::{Trial, WINDOW};
use crate::model::{Fault, Loss, Summary, Verdict};
use crate::stats::median_count;

/// What a cell's mode and tier promise under a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    /// Nothing acknowledged is lost, and what is there is right.
    Everything,
    /// Of each trial's acknowledged messages at most that many are lost, the last ones; the rest is there and right.
    AllBut(u64),
    /// Nothing. What is lost is worth knowing all the same.
    Nothing,
}

impl Promise {
    /// The promise of a cell. After an I/O error the power is cut where the tier is `power`, and the process is killed
    /// where it is less; so what is promised is what the tier itself promises.
    #[must_use]
    pub fn of(cell: &Cell, fault: Fault) -> Self {
        let needed = match fault {
            Fault::Power => Durability::Power,
            Fault::Kill | Fault::Io => Durability::Process,
        };
        let kept = cell.axes.durability.effective.is_some_and(|tier| tier >= needed);
        match cell.axes.mode {
            _ if !kept => Self::Nothing,
            Mode::Aggressive => Self::AllBut(WINDOW as u64 * u64::from(cell.axes.workload.processes)),
            Mode::Local | Mode::Remote => Self::Everything,
        }
    }

    /// Whether a trial broke it.
    #[must_use]
    pub fn is_broken_by(self, trial: &Trial) -> bool {
        match self {
            Self::Everything => trial.lost > 0 || trial.wrong.is_some(),
            Self::AllBut(most) => trial.lost > most || trial.wrong.is_some(),
            Self::Nothing => false,
        }
    }
}

/// What became of the trials of one cell under one fault.
#[must_use]
pub fn judge(cell: &Cell, fault: Fault, seed: u64, trials: &[Trial]) -> Loss {
    let promise = Promise::of(cell, fault);
    let count = |test: &dyn Fn(&Trial) -> bool| u32::try_from(trials.iter().filter(|trial| test(trial)).count());
    let lost: u64 = trials.iter().map(|trial| trial.lost).sum();
    let broken = count(&|trial| trial.wrong.is_some()).unwrap_or(u32::MAX);
    let reopened: Vec<u64> = trials.iter().filter_map(|trial| trial.reopen_ns).collect();
    Loss {
        fault,
        verdict: if lost > 0 || broken > 0 { Verdict::Lost } else { Verdict::Survived },
        reason: reason(promise, trials),
        promised: promise == Promise::Everything,
        trials: u32::try_from(trials.len()).unwrap_or(u32::MAX),
        acknowledged: trials.iter().map(|trial| trial.acknowledged).sum(),
        lost,
        max_lost: trials.iter().map(|trial| trial.lost).max().unwrap_or(0),
        max_lost_ns: trials.iter().map(|trial| trial.lost_ns).max().unwrap_or(0),
        broken,
        reopen_ns: median_count(&reopened),
        seed,
        window: match promise {
            Promise::AllBut(most) => Some(most),
            Promise::Everything | Promise::Nothing => None,
        },
        lost_by_trial: spread(trials),
        promise_broken: count(&|trial| promise.is_broken_by(trial)).unwrap_or(u32::MAX),
    }
}

/// The first trial that broke the promise, else the first that lost anything, in words.
fn reason(promise: Promise, trials: &[Trial]) -> Option<String> {
    let broke = trials.iter().find(|trial| promise.is_broken_by(trial));
    let trial = broke.or_else(|| trials.iter().find(|trial| trial.wrong.is_some() || trial.lost > 0))?;
    let Trial { index, acknowledged, lost, .. } = trial;
    let what = match &trial.wrong {
        Some(wrong) => format!("{wrong}; {lost} of {acknowledged} acknowledged messages lost"),
        None => format!("{lost} of {acknowledged} acknowledged messages lost"),
    };
    Some(format!("trial {index}: {what}"))
}

/// Messages lost in a trial, over trials.
#[expect(clippy::cast_precision_loss, reason = "counts of messages are far below 2^52")]
fn spread(trials: &[Trial]) -> Option<Summary> {
    let mut lost: Vec<u64> = trials.iter().map(|trial| trial.lost).collect();
    lost.sort_unstable();
    let (min, max) = (*lost.first()?, *lost.last()?);
    let at = |per_mille: usize| lost[(lost.len() * per_mille).div_ceil(1000).max(1) - 1];
    Some(Summary {
        count: lost.len() as u64,
        min,
        mean: lost.iter().sum::<u64>() as f64 / lost.len() as f64,
        p50: at(500),
        p90: at(900),
        p99: at(990),
        p999: at(999),
        max,
    })
}

/// A cell whose trials could not be made, or mean nothing.
#[must_use]
pub fn without(cell: &Cell, fault: Fault, seed: u64, verdict: Verdict, reason: String) -> Loss {
    Loss { verdict, reason: Some(reason), ..judge(cell, fault, seed, &[]) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Overrides, Plan, Source};

    fn cell(mode: &str, durability: &str) -> Cell {
        let text = format!("backend = 'memory'\nmode = '{mode}'\ndurability = 'memory'\n[workload]\nprocesses = 2\n");
        let source = Source { file: "p".to_owned(), stem: "p".to_owned(), text };
        let mut cell = Plan::compile(&source, &Overrides::default()).expect("valid").cells.remove(0);
        cell.axes.durability.effective = Some(durability.parse().expect("a tier"));
        cell
    }

    fn trial(index: u32, lost: u64, wrong: Option<&str>) -> Trial {
        let wrong = wrong.map(str::to_owned);
        Trial { index, acknowledged: 100, lost, lost_ns: lost * 10, wrong, reopen_ns: Some(7), unsynced: Some(3) }
    }

    #[test]
    fn tiers_promise_what_they_name() {
        use Fault::{Io, Kill, Power};
        let promise = |mode, tier, fault| Promise::of(&cell(mode, tier), fault);
        for (tier, kept) in [("memory", [false; 3]), ("process", [true, false, true]), ("power", [true; 3])] {
            for (fault, kept) in [Kill, Power, Io].into_iter().zip(kept) {
                let (local, aggressive) = (promise("local", tier, fault), promise("aggressive", tier, fault));
                let expected = if kept {
                    (Promise::Everything, Promise::AllBut(2048))
                } else {
                    (Promise::Nothing, Promise::Nothing)
                };
                assert_eq!((local, aggressive), expected, "{tier} {fault}");
            }
        }
    }

    #[test]
    fn sums_maxima_and_the_first_breach() {
        let trials = [trial(0, 0, None), trial(1, 3, None), trial(2, 5, Some("slot 4 is missing"))];
        let loss = judge(&cell("local", "power"), Fault::Power, 9, &trials);
        assert_eq!((loss.verdict, loss.promised, loss.promise_broken), (Verdict::Lost, true, 2));
        assert_eq!((loss.trials, loss.acknowledged, loss.lost, loss.broken), (3, 300, 8, 1));
        assert_eq!((loss.max_lost, loss.max_lost_ns, loss.reopen_ns, loss.seed), (5, 50, Some(7), 9));
        assert_eq!(loss.reason.as_deref(), Some("trial 1: 3 of 100 acknowledged messages lost"));
        let spread = loss.lost_by_trial.expect("three trials");
        assert_eq!((spread.count, spread.min, spread.p50, spread.p90, spread.max), (3, 0, 3, 5, 5));
    }

    #[test]
    fn aggressive_mode_may_lose_its_window_and_no_more_and_nothing_may_be_wrong() {
        let judge = |trials: &[Trial]| judge(&cell("aggressive", "power"), Fault::Power, 9, trials);
        let within = judge(&[trial(0, 2048, None)]);
        assert_eq!((within.verdict, within.promise_broken, within.window), (Verdict::Lost, 0, Some(2048)));
        assert_eq!(judge(&[trial(0, 2049, None)]).promise_broken, 1);
        assert_eq!(judge(&[trial(0, 0, Some("slot 4 is missing"))]).promise_broken, 1);
    }

    #[test]
    fn without_a_promise_nothing_is_broken_and_the_loss_is_told() {
        let loss = judge(&cell("local", "process"), Fault::Power, 9, &[trial(0, 90, None)]);
        assert_eq!((loss.verdict, loss.promised, loss.promise_broken), (Verdict::Lost, false, 0));
        assert!(loss.reason.is_some());
    }

    #[test]
    fn all_there_is_survived_without_a_reason() {
        let loss = judge(&cell("local", "power"), Fault::Kill, 9, &[trial(0, 0, None)]);
        assert_eq!((loss.verdict, loss.reason, loss.promise_broken), (Verdict::Survived, None, 0));
    }
}
