//! One case as two lines.

use slotbench::stats::median;

use crate::passes::{Case, Round};

/// Prints the whole, the sum and their ratio, then what makes up the difference.
pub(crate) fn print(scheme: &str, case: &Case) {
    let of = |figure: fn(&Round) -> f64| Spread::of(case, |round| figure(round) / 1e3);
    let sum = |round: &Round| round.parts.sum() + round.write;
    let ratio = Spread::of(case, |round| round.whole / sum(round));
    let batch = Spread::of(case, |round| round.batch);
    println!(
        "\n{} {scheme}, {} workers, {:.1} messages a batch: {} = {ratio:.2} ({:.2} .. {:.2}) x the sum {:.1}",
        case.kind,
        case.workers,
        batch.median,
        of(|round| round.whole).text(),
        ratio.least,
        ratio.most,
        Spread::of(case, |round| sum(round) / 1e3).median,
        ratio = ratio.median,
    );
    println!(
        "  sum:  verify {:.1} + sign {:.1} + hashes {:.1} + engine's write {}",
        of(|round| round.parts.verify).median,
        of(|round| round.parts.sign).median,
        of(|round| round.parts.hashes).median,
        of(|round| round.write).text(),
    );
    println!(
        "  rest: {}, of it the adapter {}, the scheduler over a null store {}, unaccounted {}",
        Spread::of(case, |round| (round.whole - sum(round)) / 1e3).text(),
        Spread::of(case, |round| (round.apply - round.write) / 1e3).text(),
        Spread::of(case, |round| (round.idle - round.parts.hashes) / 1e3).text(),
        Spread::of(case, |round| (round.whole - round.parts.verify - round.parts.sign - round.apply - round.idle)
            / 1e3)
        .text(),
    );
}

/// A figure over rounds.
struct Spread {
    median: f64,
    least: f64,
    most: f64,
}

impl Spread {
    fn of(case: &Case, figure: impl Fn(&Round) -> f64) -> Self {
        let values: Vec<f64> = case.rounds.iter().map(figure).collect();
        Self {
            median: median(&values).unwrap_or(f64::NAN),
            least: values.iter().copied().fold(f64::INFINITY, f64::min),
            most: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        }
    }

    fn text(&self) -> String {
        format!("{:.1} ({:.1} .. {:.1})", self.median, self.least, self.most)
    }
}
