//! Recommendations in words.

use crate::model::{Fault, Loss, Verdict};
use crate::recommend::{Choice, Estimate, Limits, Miss, Outcome, Recommendation, Shortfall, Source};
use crate::report::units;

/// The answers to one question, one paragraph for each load; the first line says what was asked.
#[must_use]
pub fn recommendations(limits: &Limits, answers: &[Recommendation]) -> String {
    let asked = question(limits);
    if answers.is_empty() {
        return format!("{asked}\n\nno cell of this run is measured and verified: nothing can be recommended\n");
    }
    let paragraphs = answers.iter().map(|answer| paragraph(answer, limits, answers.len() > 1));
    format!("{asked}\n{}", paragraphs.collect::<String>())
}

fn question(limits: &Limits) -> String {
    let Limits { rate, p99_ns, durability, max_loss } = *limits;
    let loss = max_loss.map_or_else(String::new, |most| format!(", at most {most} messages lost in a crash"));
    format!(
        "wanted: {} msg/s, p99 up to {}, durability {durability}{loss}",
        units::number(rate),
        units::time(p99_ns as f64)
    )
}

fn paragraph(answer: &Recommendation, limits: &Limits, name_load: bool) -> String {
    let mut lines = Vec::new();
    if name_load {
        lines.push(format!("under {}:", answer.load));
    }
    let meet = if answer.meeting == 1 { "meets" } else { "meet" };
    let count = format!("{} of {} deployments {meet} this", answer.meeting, answer.considered);
    match (answer.outcome, &answer.best) {
        (Outcome::Clear, Some(best)) => lines.push(format!("recommended: {} ({count})", deployment(best))),
        (_, Some(best)) => {
            let rivals: Vec<String> = answer.tied.iter().map(deployment).collect();
            lines.push(format!("too close to call: {}; or {} ({count})", deployment(best), rivals.join("; or ")));
        }
        (_, None) => lines.push(format!("none meets this ({} deployments considered)", answer.considered)),
    }
    if let Some(best) = &answer.best {
        lines.extend(details(best));
        lines.push(runner_up(answer));
    }
    lines.extend(
        answer
            .uncertain
            .as_ref()
            .map(|miss| format!("  cheaper, but not certain: {}: {}", deployment(&miss.choice), reasons(miss, limits))),
    );
    lines.extend(
        answer
            .nearest
            .as_ref()
            .map(|miss| format!("  nearest: {}: {}", deployment(&miss.choice), reasons(miss, limits))),
    );
    format!("\n{}\n", lines.join("\n"))
}

/// `rocksdb, local, 25 workers`
fn deployment(choice: &Choice) -> String {
    let workers = if choice.workers == 1 { "1 worker".to_owned() } else { format!("{} workers", choice.workers) };
    let Choice { backend, mode, durability, commit, .. } = choice;
    format!("{backend}, {mode}, durability {durability}, commit {commit}, {workers}")
}

fn details(choice: &Choice) -> Vec<String> {
    let plain = |value: f64| units::number(value);
    let p99 = choice.p99_ns.as_ref().map_or_else(String::new, |p99| format!(", p99 {}", estimate(p99, units::time)));
    let written = choice.bytes_written_per_byte;
    let written = written.map_or_else(String::new, |times| format!(", written {} ×", units::number(times)));
    let mut lines = vec![
        format!("  {} msg/s{p99}", estimate(&choice.messages_per_s, plain)),
        format!("  {}{written}", cost(choice)),
        format!("  {}", losses(choice)),
    ];
    lines.extend(source(choice.source));
    let share = choice.harness_share.filter(|share| *share > super::LARGEST_SHARE);
    lines.extend(share.map(|share| format!("  note: the harness itself is {:.0} % of the p50", share * 100.0)));
    lines
}

fn cost(choice: &Choice) -> String {
    match &choice.cpu_ns_per_message {
        Some(cost) => format!("CPU {} a message", estimate(cost, units::time)),
        None => "CPU a message not measured".to_owned(),
    }
}

fn estimate(estimate: &Estimate, show: impl Fn(f64) -> String) -> String {
    let ends = estimate.interval.map(|interval| format!(" ({}–{})", show(interval.low), show(interval.high)));
    format!("{}{}", show(estimate.value), ends.unwrap_or_default())
}

fn losses(choice: &Choice) -> String {
    if choice.loss.is_empty() {
        return "loss in a crash: not measured".to_owned();
    }
    choice.loss.iter().map(loss).collect::<Vec<_>>().join("; ")
}

/// `power cut: 3 of 900 lost at most in a trial …` in one phrase.
fn loss(loss: &Loss) -> String {
    let fault = fault(loss.fault);
    match loss.verdict {
        Verdict::Survived => format!("{fault}: nothing lost in {} trials", loss.trials),
        Verdict::Lost => format!("{fault}: up to {} messages lost in one of {} trials", loss.max_lost, loss.trials),
        Verdict::NotMeasured => format!("{fault}: not measured"),
        Verdict::HarnessBroken => format!("{fault}: the crash lab's own check failed"),
    }
}

fn fault(fault: Fault) -> &'static str {
    match fault {
        Fault::Kill => "a kill",
        Fault::Power => "a power cut",
        Fault::Io => "an I/O error",
    }
}

fn source(source: Source) -> Option<String> {
    match source {
        Source::Open { rate } => Some(format!("  p99 of response times at {} msg/s, open loop", units::number(rate))),
        Source::Search { rate } => {
            Some(format!("  p99 of one probe at {} msg/s, open loop: it has no interval", units::number(rate)))
        }
        Source::Closed => Some(
            "  note: the p99 is a closed loop's: it does not show the waiting of callers that arrive at a fixed rate"
                .to_owned(),
        ),
    }
}

fn runner_up(answer: &Recommendation) -> String {
    let Some(second) = &answer.runner_up else { return "  runner-up: none".to_owned() };
    let margin = answer.margin.map_or_else(String::new, |margin| format!(", {:+.0} %", margin * 100.0));
    format!("  runner-up: {}: {}{margin}", deployment(second), cost(second))
}

fn reasons(miss: &Miss, limits: &Limits) -> String {
    miss.shortfalls.iter().map(|one| shortfall(one, limits)).collect::<Vec<_>>().join("; ")
}

/// A missed limit in words, with what there is and what was asked.
#[must_use]
pub fn shortfall(shortfall: &Shortfall, limits: &Limits) -> String {
    let per_s = |rate| format!("{} msg/s", units::number(rate));
    match *shortfall {
        Shortfall::Durability { effective } => format!("durability is {effective}"),
        Shortfall::AcknowledgesEarly => {
            "it acknowledges before it stores, which takes an allowed loss (--max-loss)".to_owned()
        }
        Shortfall::OneRound => "one round has no interval: it takes two or more".to_owned(),
        Shortfall::Rate { lower, value } if value >= limits.rate => {
            format!("{} at the lower end of its interval", per_s(lower.max(0.0)))
        }
        Shortfall::Rate { value, .. } => per_s(value),
        Shortfall::Overloaded { rate } => format!("overloaded at {}", per_s(rate)),
        Shortfall::NoLatency => "its latency was not recorded".to_owned(),
        Shortfall::Samples { count, needed } => {
            format!("{count} samples, a p99 takes {needed}")
        }
        Shortfall::P99 { upper, value } if value <= limits.p99_ns as f64 => {
            format!("p99 {} at the upper end of its interval", units::time(upper))
        }
        Shortfall::P99 { value, .. } => format!("p99 {}", units::time(value)),
        Shortfall::LossNotMeasured { fault } => format!("loss in {} not measured", self::fault(fault)),
        Shortfall::Lost { fault, lost } => format!("up to {lost} messages lost in {}", self::fault(fault)),
        Shortfall::PromiseBroken { fault } => format!("its promise broke in a {}", self::fault(fault)),
    }
}
