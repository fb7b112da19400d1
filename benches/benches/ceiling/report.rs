//! The figures of one engine, and the ratios that are asked for.

use slotbench::stats::median;
use slotbench_backends::raw::Raw;
use slotbench_core::scheduler::CommitMode;

use crate::contest::{Contestant, Figure, Shape};

/// What is compared of two contestants.
type Aspect = fn(&Figure) -> f64;
const RATE: Aspect = |figure| figure.rate;
const P50: Aspect = |figure| figure.p50;

const ONE_BY_ONE: Shape = Shape { batch: 1, threads: 1 };
const BATCHED: Shape = Shape { batch: 64, threads: 1 };
const BATCHED_THREADS: Shape = Shape { batch: 64, threads: 4 };
const ALONE: Contestant = Contestant::Scheduler { workers: 1, commit: CommitMode::Group };
const GROUP: Contestant = Contestant::Scheduler { workers: 100, commit: CommitMode::Group };
const EACH: Contestant = Contestant::Scheduler { workers: 100, commit: CommitMode::Each };

/// Prints every contestant with its rounds, then the ratios.
pub(crate) fn print(raws: &[Raw], contestants: &[Contestant], figures: &[Vec<Figure>]) {
    for (contestant, rounds) in contestants.iter().zip(figures) {
        let rates: Vec<f64> = rounds.iter().map(RATE).collect();
        let p50s: Vec<f64> = rounds.iter().map(|figure| P50(figure) * 1e6).collect();
        println!("  {contestant:<42} {} msg/s   p50 {} us", spread(&rates, 0), spread(&p50s, 1));
    }
    let ratios = Ratios { contestants, figures };
    for raw in raws {
        let of = |shape| Contestant::Raw { raw: *raw, shape };
        println!("  over {}:", raw.name());
        ratios.print("scheduler, 1 worker: p50 over batch 1", P50, &ALONE, &of(ONE_BY_ONE));
        ratios.print("adapter: p50 over batch 1", P50, &Contestant::Adapter { shape: ONE_BY_ONE }, &of(ONE_BY_ONE));
        ratios.print("scheduler, 100 workers: msg/s over batch 64", RATE, &GROUP, &of(BATCHED));
        ratios.print("the same over batch 64 from 4 threads", RATE, &GROUP, &of(BATCHED_THREADS));
        ratios.print("adapter: msg/s over batch 64", RATE, &Contestant::Adapter { shape: BATCHED }, &of(BATCHED));
    }
    ratios.print("scheduler, 100 workers: msg/s, group over each", RATE, &GROUP, &EACH);
}

/// All figures of one engine.
struct Ratios<'a> {
    contestants: &'a [Contestant],
    figures: &'a [Vec<Figure>],
}

impl Ratios<'_> {
    /// One ratio a round, of two figures that were taken in that round.
    fn print(&self, label: &str, aspect: Aspect, above: &Contestant, below: &Contestant) {
        let pairs = self.rounds(above).iter().zip(self.rounds(below));
        let ratios: Vec<f64> = pairs.map(|(above, below)| aspect(above) / aspect(below)).collect();
        println!("    {label:<48} {}", spread(&ratios, 2));
    }

    fn rounds(&self, wanted: &Contestant) -> &[Figure] {
        let at = self.contestants.iter().position(|contestant| contestant == wanted);
        at.map_or(&[], |at| &self.figures[at])
    }
}

/// Median, least and most.
fn spread(values: &[f64], digits: usize) -> String {
    let median = median(values).unwrap_or(f64::NAN);
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(0.0, f64::max);
    format!("{median:>9.digits$} {:<21}", format!("({least:.digits$} .. {most:.digits$})"))
}
