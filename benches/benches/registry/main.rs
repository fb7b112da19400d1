//! B3: the registry at 10^2 to 10^6 names, and beside other concurrent maps.
//!
//! `cargo bench --bench registry -- contest` runs the contest alone: equal look-ups in all maps, rounds interleaved,
//! medians and ratios. `handles` compares looking a writer up for every message with keeping it, in process and over HTTP/1.1. Any other filter is
//! criterion's; without one all run. Settings, from the environment:
//!
//! | variable | default | what it is |
//! |---|---|---|
//! | `REGISTRY_MAX` | 1e6 | names in the largest table |
//! | `REGISTRY_ROUNDS` | 15 | rounds of the contest, and pairs of passes of `handles` |
//! | `REGISTRY_LOOK_UPS` | 2e5 | look-ups of a thread in a round |

mod contest;
mod handles;
mod names;
mod over_http;
mod subjects;
mod suite;

use std::process::ExitCode;
use std::time::Duration;

use criterion::Criterion;
use slotbench_benches::arguments::number;

/// What a run covers.
struct Settings {
    max: u64,
    rounds: usize,
    look_ups: usize,
}

impl Settings {
    fn read() -> Result<Self, String> {
        Ok(Self {
            max: number("REGISTRY_MAX", 1_000_000, 100..=10_000_000)?,
            rounds: number("REGISTRY_ROUNDS", 15, 1..=1_000)?,
            look_ups: number("REGISTRY_LOOK_UPS", 200_000, 100..=100_000_000)?,
        })
    }

    /// Powers of a hundred up to the largest.
    fn sizes(&self) -> Vec<u64> {
        [100, 10_000, 1_000_000].into_iter().filter(|size| *size < self.max).chain([self.max]).collect()
    }
}

#[expect(clippy::print_stderr, reason = "the one line that says what is wrong")]
fn main() -> ExitCode {
    let settings = match Settings::read() {
        Ok(settings) => settings,
        Err(mistake) => {
            eprintln!("{mistake}");
            return ExitCode::from(2);
        }
    };
    // cargo adds `--bench`.
    let filter = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    if filter.as_deref().is_none_or(|filter| filter == "contest") {
        contest::run(&settings);
    }
    if filter.as_deref().is_none_or(|filter| filter == "handles") {
        handles::run(&settings);
    }
    if !matches!(filter.as_deref(), Some("contest" | "handles")) {
        let mut criterion = Criterion::default()
            .without_plots()
            .sample_size(10)
            .nresamples(5_000)
            .warm_up_time(Duration::from_millis(100))
            .measurement_time(Duration::from_millis(300))
            .configure_from_args();
        suite::run(&mut criterion, &settings);
        criterion.final_summary();
    }
    ExitCode::SUCCESS
}
