//! `slotbench recommend`.

use std::time::Duration;

use serde::Serialize;

use crate::cli::args::RecommendArgs;
use crate::cli::console::Console;
use crate::cli::exit::{Exit, Failure};
use crate::recommend::{Limits, Outcome, Recommendation, recommend as answer};
use crate::report::recommendations;
use crate::rundir;

/// The document that `--json` prints.
#[derive(Serialize)]
struct Document<'a> {
    limits: &'a Limits,
    answers: &'a [Recommendation],
}

pub(super) fn recommend(args: &RecommendArgs, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let limits = limits(args)?;
    let answers = answer(&rundir::load(&args.run)?, &limits);
    let text = recommendations(&limits, &answers);
    if args.json {
        console.say(text.trim_end())?;
        let document = Document { limits: &limits, answers: &answers };
        console.print(&format!("{}\n", serde_json::to_string_pretty(&document)?))?;
    } else {
        console.print(&text)?;
    }
    let is_clear = !answers.is_empty() && answers.iter().all(|answer| answer.outcome == Outcome::Clear);
    Ok(if is_clear { Exit::Fine } else { Exit::Inconclusive })
}

fn limits(args: &RecommendArgs) -> Result<Limits, Failure> {
    let fail = |flag: &str, message| Failure::Flag { flag: flag.to_owned(), message };
    let rate = args.rate.parse::<f64>().ok().filter(|rate| rate.is_finite() && *rate > 0.0);
    let rate =
        rate.ok_or_else(|| fail("--rate", format!("'{}' is not a number of messages per second above 0", args.rate)))?;
    let p99 = humantime::parse_duration(&args.p99).ok().filter(|limit| *limit > Duration::ZERO);
    let p99 = p99.and_then(|limit| u64::try_from(limit.as_nanos()).ok());
    let p99_ns =
        p99.ok_or_else(|| fail("--p99", format!("'{}' is not a length of time (such as 500us, 5ms or 1s)", args.p99)))?;
    let durability = args.durability.parse().map_err(|message| fail("--durability", message))?;
    let count =
        |text: &String| text.parse().map_err(|_| fail("--max-loss", format!("'{text}' is not a whole number from 0")));
    let max_loss = args.max_loss.as_ref().map(count).transpose()?;
    Ok(Limits { rate, p99_ns, durability, max_loss })
}
