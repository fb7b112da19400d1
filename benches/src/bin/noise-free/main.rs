//! Figures without noise: instructions and allocations per message, for the scheduler's own part with the memory
//! engine.
//!
//! ```text
//! noise-free check [FILE]     compare with the committed figures: exit code 1 for a regression, 4 where they do not apply
//! noise-free record [FILE]    measure and write them
//! noise-free run COMPONENT N  what valgrind counts: a component, N times
//! ```
//!
//! Instructions are counted by valgrind's callgrind, which needs no hardware counters, so this runs in a guest or a
//! container too, and only inside [`allocations::counted_part`], so inputs are free. A component is run with N and with
//! 2 N messages; the difference, divided by N, is what a message costs, without what happens once. It repeats to a
//! fraction of a per cent whatever else the machine does, so the gate can be tight where wall clock cannot.
//!
//! Counts depend on the compiler and on which instructions the CPU offers to run-time detection (SHA-256 and memcpy
//! pick theirs). Both are recorded; figures of others are not comparable, and exit code 4 says so.
//!
//! Counting the same with gungraun would take a runner binary of exactly its version on every machine that judges, and
//! its files of earlier runs instead of one committed table; what it does for us beyond that is one flag of callgrind.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command")]

mod allocations;
mod components;
mod figures;
mod valgrind;

use std::path::Path;
use std::process::ExitCode;

use figures::{Figures, Verdict};

/// The committed figures, from the root of the repository.
const DEFAULT_FILE: &str = "results/noise-free.json";

const USAGE: &str = "usage: noise-free check [FILE] | record [FILE] | run COMPONENT N";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["check"] => check(Path::new(DEFAULT_FILE)),
        ["check", file] => check(Path::new(file)),
        ["record"] => record(Path::new(DEFAULT_FILE)),
        ["record", file] => record(Path::new(file)),
        ["run", component, count] => run(component, count),
        _ => Err(USAGE.to_owned()),
    };
    done.unwrap_or_else(|message| {
        eprintln!("error: {message}");
        ExitCode::from(2)
    })
}

fn check(path: &Path) -> Result<ExitCode, String> {
    let committed = Figures::read(path)?;
    if let Some(difference) = committed.conditions.difference(&valgrind::conditions()?) {
        println!("not comparable: {difference}; renew with: noise-free record {}", path.display());
        return Ok(ExitCode::from(4));
    }
    let verdicts = committed.compare(&Figures::measure()?);
    verdicts.iter().for_each(|(line, _)| println!("{line}"));
    let is = |wanted: Verdict| verdicts.iter().any(|(_, verdict)| *verdict == wanted);
    Ok(if is(Verdict::Worse) {
        println!("a regression; if it is meant: noise-free record {}", path.display());
        ExitCode::from(1)
    } else if is(Verdict::Unknown) {
        ExitCode::from(4)
    } else {
        ExitCode::SUCCESS
    })
}

fn record(path: &Path) -> Result<ExitCode, String> {
    let figures = Figures::measure()?;
    figures.write(path)?;
    println!("{}", figures.table());
    Ok(ExitCode::SUCCESS)
}

fn run(component: &str, count: &str) -> Result<ExitCode, String> {
    let count = count.parse().map_err(|_| format!("'{count}' is not a number of messages"))?;
    let work = components::prepare(component, count)?;
    let counted = allocations::counted_part(&work);
    println!(
        "{}",
        serde_json::json!({"allocations": counted.calls, "bytes": counted.bytes, "cpu": valgrind::cpu_features()})
    );
    Ok(ExitCode::SUCCESS)
}
