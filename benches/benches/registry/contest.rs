//! The registry beside other concurrent maps: interleaved rounds of equal look-ups.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::hint::black_box;
use std::sync::{Arc, Barrier, RwLock};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use slotbench_core::registry::{Instance, NameRef, Registry};

use crate::Settings;
use crate::names::{Questions, name};
use crate::subjects::{Handle, Subject};

/// Threads of the passes of a round.
const THREADS: [usize; 2] = [1, 2];

/// What a look-up took, by round, for one and for two threads.
type Times = [Vec<Took>; THREADS.len()];

/// Nanoseconds per look-up, of the slower thread.
#[derive(Clone, Copy)]
struct Took {
    wall: f64,
    /// The thread's own CPU time: what remains of scaling where other programs have the other CPU. Waiting is not in it.
    cpu: f64,
}

#[expect(clippy::print_stdout, reason = "the result")]
pub(crate) fn run(settings: &Settings) {
    println!("look-ups side by side: medians of {} interleaved rounds of {}", settings.rounds, settings.look_ups);
    let heads = ["ns", "over the fastest", "2 threads / 1", "the same, CPU time"];
    println!("{:>9}  {:<16} {:>8} {:>20} {:>20} {:>20}", "names", "map", heads[0], heads[1], heads[2], heads[3]);
    for size in settings.sizes() {
        let subjects = subjects(size);
        let times = measure(settings, size, &subjects);
        let wall = |rounds: &[Took]| median(rounds.iter().map(|took| took.wall).collect());
        let others = times.iter().enumerate().take(subjects.len()).skip(1);
        let fastest = others.min_by(|(_, [one, _]), (_, [other, _])| wall(one).total_cmp(&wall(other)));
        let fastest = fastest.map_or(0, |(index, _)| index);
        let titles = subjects.iter().map(|(title, _)| *title).chain(["(hashes alone)"]);
        for (title, [one, two]) in titles.zip(&times) {
            let over = spread(&ratios(one, &times[fastest][0], |this, that| this.wall / that.wall));
            let scaling = spread(&ratios(one, two, |one, two| 2.0 * one.wall / two.wall));
            let of_cpu = spread(&ratios(one, two, |one, two| 2.0 * one.cpu / two.cpu));
            println!("{size:>9}  {title:<16} {:>8.1} {over:>20} {scaling:>20} {of_cpu:>20}", wall(one));
        }
    }
}

/// The registry first, then what it is held against.
fn subjects(size: u64) -> Vec<(&'static str, Box<dyn Subject>)> {
    let subjects: Vec<(&'static str, Box<dyn Subject>)> = vec![
        ("registry", Box::new(Registry::<Handle>::new())),
        ("RwLock<HashMap>", Box::new(RwLock::new(HashMap::new()))),
        ("dashmap", Box::new(dashmap::DashMap::default())),
        ("papaya", Box::new(papaya::HashMap::default())),
        ("scc::HashMap", Box::new(scc::HashMap::default())),
        ("scc::HashIndex", Box::new(scc::HashIndex::default())),
    ];
    for (_, subject) in &subjects {
        for n in 0..size {
            subject.insert(name(n), Arc::new(Instance::new(Handle(n), 0)));
        }
    }
    subjects
}

fn measure(settings: &Settings, size: u64, subjects: &[(&'static str, Box<dyn Subject>)]) -> Vec<Times> {
    // The last one is no map.
    let runners: Vec<Option<&dyn Subject>> =
        subjects.iter().map(|(_, subject)| Some(&**subject)).chain([None]).collect();
    let mut times: Vec<Times> = runners.iter().map(|_| Times::default()).collect();
    // The round before the first warms up.
    for round in 0..=settings.rounds {
        let questions: Vec<Questions> =
            (0..2).map(|thread| Questions::new(size, settings.look_ups, (2 * round + thread) as u64)).collect();
        for turn in 0..runners.len() {
            // Each round begins with another map, so that none is always measured after the same one.
            let index = (turn + round) % runners.len();
            for (threads, times) in THREADS.into_iter().zip(&mut times[index]) {
                let time = pass(runners[index], &questions[..threads]);
                times.extend((round > 0).then_some(time));
            }
        }
    }
    times
}

/// One pass; every answer is checked.
#[expect(clippy::cast_precision_loss, reason = "nanoseconds of seconds")]
fn pass(subject: Option<&dyn Subject>, questions: &[Questions]) -> Took {
    let start = Barrier::new(questions.len());
    let work = |questions: &Questions| {
        let names = questions.names();
        start.wait();
        let (cpu, clock) = (thread_cpu(), Instant::now());
        let sum = subject.map_or_else(|| hash(&names), |subject| look_up(subject, &names));
        let (wall, cpu) = (clock.elapsed(), thread_cpu().saturating_sub(cpu));
        assert!(subject.is_none() || sum == questions.sum, "a look-up answered wrongly");
        [wall, cpu].map(|time| time.as_nanos() as f64 / names.len() as f64)
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = questions.iter().map(|questions| scope.spawn(|| work(questions))).collect();
        let times = threads.into_iter().map(|thread| thread.join().expect("looks up"));
        let slowest = times.fold([0.0_f64; 2], |most, took| [most[0].max(took[0]), most[1].max(took[1])]);
        Took { wall: slowest[0], cpu: slowest[1] }
    })
}

/// CPU time of this thread so far.
fn thread_cpu() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0))
}

fn look_up(subject: &dyn Subject, names: &[NameRef<'_>]) -> u64 {
    let found = names.iter().filter_map(|name| Some(black_box(subject.find(*name)?).handle().0));
    found.fold(0, u64::wrapping_add)
}

/// What threads do that share nothing: how much faster two of them are is what the machine has to give at the time.
fn hash(names: &[NameRef<'_>]) -> u64 {
    let hasher = RandomState::new();
    names.iter().fold(0, |sum, name| sum ^ hasher.hash_one(name.as_str()))
}

/// Round by round.
fn ratios(these: &[Took], those: &[Took], ratio: impl Fn(&Took, &Took) -> f64) -> Vec<f64> {
    these.iter().zip(those).map(|(this, that)| ratio(this, that)).collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Median, least and most.
pub(crate) fn spread(values: &[f64]) -> String {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(0.0, f64::max);
    format!("{:.2} ({least:.2} .. {most:.2})", median(values.to_vec()))
}
