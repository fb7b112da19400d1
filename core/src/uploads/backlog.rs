//! What waits to be uploaded, and when each is due: no clock, no thread, no store.

use std::collections::{BTreeSet, HashMap};

use tokio::sync::oneshot;

use crate::id::Id;
use crate::uploads::UploadError;

/// What is to be uploaded, by where it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Place {
    /// A slot of a process.
    Slot(Id, u64),
    /// A location record, by its id.
    Record(Id),
}

/// What a caller that waits for confirmation gets.
pub(super) type Outcome = Result<(), UploadError>;

/// When failed uploads are tried again, and when their callers are told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    pub(super) first_delay_ms: u64,
    pub(super) max_delay_ms: u64,
    pub(super) attempts: u32,
}

impl Patience {
    /// The delay after that many failures.
    fn delay_ms(&self, failures: u32) -> u64 {
        let factor = 1_u64.checked_shl(failures.saturating_sub(1)).unwrap_or(u64::MAX);
        self.first_delay_ms.saturating_mul(factor).min(self.max_delay_ms)
    }

    /// Whether a caller still waits.
    fn bears(&self, failures: u32, failure: &UploadError) -> bool {
        failures < self.attempts && matches!(failure, UploadError::Unavailable(_))
    }
}

/// Uploads that have not been accepted.
#[derive(Default)]
pub(super) struct Backlog {
    jobs: HashMap<Place, Job>,
    /// The jobs nobody is at, by due time, then by arrival.
    due: BTreeSet<(u64, u64, Place)>,
    arrivals: u64,
}

#[derive(Default)]
struct Job {
    failures: u32,
    last: Option<UploadError>,
    callers: Vec<oneshot::Sender<Outcome>>,
}

impl Backlog {
    pub(super) fn len(&self) -> usize {
        self.jobs.len()
    }

    pub(super) fn has(&self, place: &Place) -> bool {
        self.jobs.contains_key(place)
    }

    /// Uploads whose last attempt failed.
    pub(super) fn failing(&self) -> usize {
        self.jobs.values().filter(|job| job.last.is_some()).count()
    }

    /// Adds an upload that is due now. False if it is there already.
    pub(super) fn add(&mut self, place: Place, now_ms: u64) -> bool {
        if self.jobs.contains_key(&place) {
            return false;
        }
        self.jobs.insert(place, Job::default());
        self.set_due(place, now_ms);
        true
    }

    fn set_due(&mut self, place: Place, due_ms: u64) {
        self.due.insert((due_ms, self.arrivals, place));
        self.arrivals += 1;
    }

    /// The upload that is due first, if it is due by now; the caller must say what became of it.
    ///
    /// No due time is further ahead than the longest delay: one that is was set before the clock stepped back.
    pub(super) fn take(&mut self, now_ms: u64, patience: &Patience) -> Option<Place> {
        let (due_ms, _, _) = *self.due.first()?;
        let is_due = due_ms <= now_ms || due_ms - now_ms > patience.max_delay_ms;
        if is_due { self.due.pop_first().map(|(_, _, place)| place) } else { None }
    }

    /// Milliseconds until the next upload is due; `None` where none waits.
    pub(super) fn delay_ms(&self, now_ms: u64) -> Option<u64> {
        self.due.first().map(|(due_ms, _, _)| due_ms.saturating_sub(now_ms))
    }

    /// Takes out an upload that was accepted; its callers are to be told.
    pub(super) fn accept(&mut self, place: &Place) -> Vec<oneshot::Sender<Outcome>> {
        self.jobs.remove(place).map(|job| job.callers).unwrap_or_default()
    }

    /// Puts an upload that failed off. Its callers are handed out if they have waited long enough.
    pub(super) fn fail(
        &mut self,
        place: Place,
        failure: UploadError,
        now_ms: u64,
        patience: &Patience,
    ) -> Vec<oneshot::Sender<Outcome>> {
        let Some(job) = self.jobs.get_mut(&place) else { return Vec::new() };
        job.failures = job.failures.saturating_add(1);
        let callers =
            if patience.bears(job.failures, &failure) { Vec::new() } else { std::mem::take(&mut job.callers) };
        let due_ms = now_ms.saturating_add(patience.delay_ms(job.failures));
        job.last = Some(failure);
        self.set_due(place, due_ms);
        callers
    }

    /// Lets a caller wait for an upload. One that is not here has been accepted.
    pub(super) fn wait(&mut self, place: &Place, patience: &Patience, caller: oneshot::Sender<Outcome>) {
        // A caller that has gone away needs no answer.
        let _ = match self.jobs.get_mut(place) {
            None => caller.send(Ok(())),
            Some(Job { failures, last: Some(failure), .. }) if !patience.bears(*failures, failure) => {
                caller.send(Err(failure.clone()))
            }
            Some(job) => {
                job.callers.push(caller);
                Ok(())
            }
        };
    }

    /// Lets go of all callers.
    pub(super) fn close(&mut self) -> Vec<oneshot::Sender<Outcome>> {
        self.jobs.values_mut().flat_map(|job| std::mem::take(&mut job.callers)).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PATIENCE: Patience = Patience { first_delay_ms: 1_000, max_delay_ms: 32_000, attempts: 3 };

    fn place(slot: u64) -> Place {
        Place::Slot(Id::from_bytes([7; 32]), slot)
    }

    fn unavailable() -> UploadError {
        UploadError::Unavailable("no route".to_owned())
    }

    #[test]
    fn delays_double_from_1_to_32_seconds() {
        let mut backlog = Backlog::default();
        backlog.add(place(0), 0);
        let mut now = 0;
        let mut delays = Vec::new();
        for _ in 0..8 {
            let taken = backlog.take(now, &PATIENCE).expect("due");
            assert_eq!(backlog.delay_ms(now), None, "nobody else may take it");
            backlog.fail(taken, unavailable(), now, &PATIENCE);
            let delay = backlog.delay_ms(now).expect("put off");
            assert_eq!(backlog.take(now + delay - 1, &PATIENCE), None);
            delays.push(delay);
            now += delay;
        }
        assert_eq!(delays, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 32_000, 32_000]);
    }

    #[test]
    fn a_clock_that_steps_back_puts_nothing_off_for_long() {
        let mut backlog = Backlog::default();
        backlog.add(place(0), 1_000_000);
        assert_eq!(backlog.take(10, &PATIENCE), Some(place(0)));
    }

    #[test]
    fn callers_are_told_after_enough_failures_and_refusals_at_once() {
        for (failure, attempts) in [(unavailable(), 3), (UploadError::Rejected("no".to_owned()), 1)] {
            let mut backlog = Backlog::default();
            backlog.add(place(0), 0);
            let (caller, mut answer) = oneshot::channel();
            backlog.wait(&place(0), &PATIENCE, caller);
            for attempt in 1..=attempts {
                assert!(answer.try_recv().is_err());
                let told = backlog.fail(place(0), failure.clone(), 0, &PATIENCE);
                assert_eq!(told.len(), usize::from(attempt == attempts));
                told.into_iter().for_each(|caller| drop(caller.send(Err(failure.clone()))));
            }
            assert_eq!(answer.try_recv(), Ok(Err(failure.clone())));
            let (late, mut answer) = oneshot::channel();
            backlog.wait(&place(0), &PATIENCE, late);
            assert_eq!(answer.try_recv(), Ok(Err(failure)), "who comes later is told at once");
        }
    }

    #[derive(Debug, Clone)]
    enum Step {
        Add(u64),
        Take,
        Accept,
        Fail,
        Pass(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0..6_u64).prop_map(Step::Add),
            Just(Step::Take),
            Just(Step::Accept),
            Just(Step::Fail),
            (0..40_000_u64).prop_map(Step::Pass),
        ]
    }

    proptest! {
        /// Every upload is either due or in somebody's hands, once, until it is accepted.
        #[test]
        fn nothing_is_lost_or_doubled(steps in prop::collection::vec(step(), 0..80)) {
            let (mut backlog, mut now) = (Backlog::default(), 0);
            let (mut known, mut taken) = (BTreeSet::new(), Vec::new());
            for step in steps {
                match step {
                    Step::Add(slot) => prop_assert_eq!(backlog.add(place(slot), now), known.insert(slot)),
                    Step::Take => {
                        if let Some(Place::Slot(_, slot)) = backlog.take(now, &PATIENCE) {
                            prop_assert!(known.contains(&slot) && !taken.contains(&slot));
                            taken.push(slot);
                        }
                    }
                    Step::Accept => {
                        if let Some(slot) = taken.pop() {
                            backlog.accept(&place(slot));
                            known.remove(&slot);
                        }
                    }
                    Step::Fail => {
                        if let Some(slot) = taken.pop() {
                            backlog.fail(place(slot), unavailable(), now, &PATIENCE);
                            prop_assert!(backlog.delay_ms(now).is_some_and(|delay| delay <= 32_000));
                        }
                    }
                    Step::Pass(time) => now += time,
                }
                prop_assert_eq!(backlog.len(), known.len());
                prop_assert_eq!(backlog.due.len() + taken.len(), known.len());
            }
        }
    }
}
