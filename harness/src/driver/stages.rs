//! Where the time of a message goes: one in 64 of each caller's messages is followed from stage to stage.
//!
//! Only in rounds of their own: the target of such a round wraps the scheduler, and all other rounds run without any
//! of this. Which messages are followed is drawn at random, so that no period of the load meets a period of ours.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use hdrhistogram::Histogram;
use slotbench_core::milestone::{Mark, MessageObserver, Milestone};
use slotbench_core::{Item, ScheduleError, Scheduler};

use crate::driver::clock::Epoch;
use crate::driver::target::Target;
use crate::model::Summary;
use crate::recorder::new_histogram;
use crate::stats;

/// One in so many messages is followed; a power of two.
pub const ONE_IN: u64 = 64;

/// The stages of a message in the order they come. Each begins where another one ends, so those up to the answer add
/// up to the acknowledged latency, and those up to `apply` to the durable one.
///
/// | stage | from | to |
/// |---|---|---|
/// | `verify` | the call | mode and signature policy let it pass |
/// | `queue` | | it has its slot: writer found, room in the window, chain step |
/// | `sign` | | its assignment is signed |
/// | `commit_wait` | | its batch is closed |
/// | `apply` | | the store has answered |
/// | `acknowledge` | the store has answered; in aggressive mode: signed | the caller has its answer |
/// | `durable_lag` | aggressive mode: the caller has its answer | the store has answered; 0 where that came first |
pub const STAGES: [&str; 7] = ["verify", "queue", "sign", "commit_wait", "apply", "acknowledge", "durable_lag"];

/// The times of one message, in nanoseconds after the epoch; 0: not reached.
struct Times {
    epoch: Epoch,
    called: AtomicU64,
    milestones: [AtomicU64; Milestone::ALL.len()],
    answered: AtomicU64,
}

impl MessageObserver for Times {
    fn reached(&self, milestone: Milestone) {
        self.milestones[milestone as usize].store(self.epoch.now(), Relaxed);
    }
}

impl Times {
    fn new(epoch: Epoch) -> Self {
        let [called, answered] = [0, 0].map(AtomicU64::new);
        Self { epoch, called, milestones: Default::default(), answered }
    }

    /// How long each stage took; `None` for a message that was refused or is not stored.
    fn stages(&self, aggressive: bool) -> Option<[Option<u64>; STAGES.len()]> {
        let (called, answered) = (self.called.load(Relaxed), self.answered.load(Relaxed));
        let [verified, sequenced, signed, committing, stored] =
            [0, 1, 2, 3, 4].map(|n| self.milestones[n].load(Relaxed));
        let decided = if aggressive { signed } else { stored };
        let borders = [called, verified, sequenced, signed, committing, stored];
        if answered == 0 || borders.contains(&0) {
            return None;
        }
        let stage = |from: u64, to: u64| Some(to.saturating_sub(from));
        Some([
            stage(called, verified),
            stage(verified, sequenced),
            stage(sequenced, signed),
            stage(signed, committing),
            stage(committing, stored),
            stage(decided, answered),
            stage(answered, stored).filter(|_| aggressive),
        ])
    }
}

/// The times of all messages followed in a pass, in memory that is there before the clock starts.
pub struct StageLog {
    times: Vec<Arc<Times>>,
    used: AtomicUsize,
    one_in: u64,
}

impl StageLog {
    /// A log for a pass of at most `messages`, of which one in [`ONE_IN`] is followed.
    #[must_use]
    pub fn new(epoch: Epoch, messages: usize) -> Arc<Self> {
        Self::following(epoch, messages, ONE_IN)
    }

    fn following(epoch: Epoch, messages: usize, one_in: u64) -> Arc<Self> {
        // Twice what is expected: chance must not end the log before the pass.
        let expected = messages / usize::try_from(one_in).unwrap_or(usize::MAX);
        let times = (0..2 * expected + 64).map(|_| Arc::new(Times::new(epoch))).collect();
        Arc::new(Self { times, used: AtomicUsize::new(0), one_in })
    }

    fn next(&self) -> Option<&Arc<Times>> {
        self.times.get(self.used.fetch_add(1, Relaxed))
    }

    /// What became of the time, by stage. To be asked when everything is stored.
    #[must_use]
    pub fn summaries(&self, aggressive: bool) -> BTreeMap<String, Summary> {
        let mut histograms: [Histogram<u64>; STAGES.len()] = std::array::from_fn(|_| new_histogram());
        for stages in self.times.iter().filter_map(|times| times.stages(aggressive)) {
            for (histogram, stage) in histograms.iter_mut().zip(stages) {
                if let Some(nanoseconds) = stage {
                    histogram.saturating_record(nanoseconds);
                }
            }
        }
        let filled = STAGES.iter().zip(&histograms).filter(|(_, histogram)| !histogram.is_empty());
        filled.map(|(name, histogram)| ((*name).to_owned(), stats::summary(histogram))).collect()
    }
}

/// A scheduler that follows some of its messages. Each clone belongs to one caller.
pub struct Staged {
    scheduler: Arc<Scheduler>,
    log: Arc<StageLog>,
    epoch: Epoch,
    /// This caller's random state: written by nobody else, so it costs no more than a plain number.
    state: AtomicU64,
    /// The state the next clone starts with.
    clones: Arc<AtomicU64>,
}

impl Staged {
    /// Calls `scheduler` and notes in `log`.
    #[must_use]
    pub fn new(scheduler: &Arc<Scheduler>, log: &Arc<StageLog>, epoch: Epoch) -> Self {
        let (scheduler, log) = (Arc::clone(scheduler), Arc::clone(log));
        Self { scheduler, log, epoch, state: AtomicU64::new(1), clones: Arc::new(AtomicU64::new(2)) }
    }

    /// Whether to follow the next message. A linear congruential generator, of which the upper bits are good enough:
    /// Knuth's multiplier and increment for MMIX.
    fn draw(&self) -> bool {
        let state = self.state.load(Relaxed);
        let next = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.state.store(next, Relaxed);
        (next >> 33).is_multiple_of(self.log.one_in)
    }
}

impl Clone for Staged {
    fn clone(&self) -> Self {
        let seed = self.clones.fetch_add(1, Relaxed).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Self {
            scheduler: Arc::clone(&self.scheduler),
            log: Arc::clone(&self.log),
            epoch: self.epoch,
            state: AtomicU64::new(seed),
            clones: Arc::clone(&self.clones),
        }
    }
}

impl Target for Staged {
    type Error = ScheduleError;

    async fn call(&self, message: Item, tag: u64) -> Result<u64, ScheduleError> {
        let Some(times) = self.draw().then(|| self.log.next()).flatten() else {
            return self.scheduler.schedule_tagged(message, tag).await.map(|receipt| receipt.slot);
        };
        times.called.store(self.epoch.now(), Relaxed);
        let mark = Mark { tag, observer: Some(Arc::clone(times) as Arc<dyn MessageObserver>) };
        let answer = self.scheduler.schedule_marked(message, mark).await;
        if answer.is_ok() {
            times.answered.store(self.epoch.now(), Relaxed);
        }
        answer.map(|receipt| receipt.slot)
    }

    fn drain(&self) {
        self.scheduler.drain();
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use slotbench_backends::{Kind, Options};
    use slotbench_core::wallet::NoSigner;
    use slotbench_core::{Config, Durability, Mode};

    use super::*;
    use crate::driver::closed_loop::{self, Outcome, Pass};
    use crate::driver::pool::{Pool, PoolSpec};

    const MESSAGES: usize = 2000;

    /// A pass over the in-memory store in which one in `one_in` messages is followed.
    fn pass(mode: Mode, one_in: u64) -> (Outcome, Arc<StageLog>) {
        let store = Kind::find("memory").expect("built in").open(Path::new("unused"), &Options::default());
        let config = Config { mode, durability: Durability::Memory, ..Config::new(Arc::new(NoSigner)) };
        let signatures = slotbench_core::scheduler::SignaturePolicy { required: false, verify: false };
        let config = Config { signatures, ..config };
        let scheduler = Arc::new(Scheduler::new(store.expect("opens"), config).expect("starts"));
        let mut pool = Pool::new(PoolSpec::plain(5, 3, 32));
        pool.grow(MESSAGES).expect("messages");
        let epoch = Epoch::start();
        let log = StageLog::following(epoch, MESSAGES, one_in);
        let pass = Pass { epoch, ..Pass::of_messages(Arc::clone(pool.messages()), 0..MESSAGES, 5) };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("an executor");
        (closed_loop::run(&runtime, &Staged::new(&scheduler, &log, epoch), &pass), log)
    }

    fn sum(stages: &[Option<u64>]) -> u64 {
        stages.iter().flatten().sum()
    }

    #[test]
    fn the_stages_of_every_message_add_up_to_its_latency() {
        for mode in [Mode::Local, Mode::Aggressive] {
            let aggressive = mode == Mode::Aggressive;
            let (outcome, log) = pass(mode, 1);
            let followed: Vec<_> = log.times.iter().filter(|times| times.answered.load(Relaxed) > 0).collect();
            assert_eq!(followed.len(), MESSAGES);
            let mut acknowledged = 0;
            for times in followed {
                let stages = times.stages(aggressive).expect("stored");
                let called = times.called.load(Relaxed);
                let (answered, stored) =
                    (times.answered.load(Relaxed) - called, times.milestones[4].load(Relaxed) - called);
                let to_answer = if aggressive { sum(&stages[..3]) + sum(&stages[5..6]) } else { sum(&stages[..6]) };
                assert_eq!((to_answer, sum(&stages[..5])), (answered, stored), "{mode}");
                acknowledged += to_answer;
            }
            // The loop's own latencies hold ours; they are exact to three digits.
            let outer = outcome.acknowledged.mean() * outcome.acknowledged.len() as f64;
            assert!(acknowledged as f64 <= outer * 1.001, "{mode}: {acknowledged} of {outer}");
            let summaries = log.summaries(aggressive);
            assert_eq!(summaries.len(), if aggressive { 7 } else { 6 });
            assert!(summaries.values().all(|summary| summary.count == MESSAGES as u64));
        }
    }

    #[test]
    fn about_one_in_64_is_followed_by_every_caller_and_the_rest_cost_no_entry() {
        let (_, log) = pass(Mode::Local, ONE_IN);
        let followed = log.used.load(Relaxed);
        assert!((10..=70).contains(&followed), "{followed} of {MESSAGES}");
        let (_, full) = pass(Mode::Local, 8);
        assert!((150..=350).contains(&full.used.load(Relaxed)), "{}", full.used.load(Relaxed));
    }

    #[test]
    fn a_message_that_is_not_stored_has_no_stages() {
        let times = Times::new(Epoch::start());
        Milestone::ALL[..4].iter().for_each(|milestone| times.reached(*milestone));
        times.called.store(1, Relaxed);
        times.answered.store(u64::MAX, Relaxed);
        assert_eq!(times.stages(true), None);
        times.reached(Milestone::Stored);
        assert!(times.stages(true).is_some());
    }
}
