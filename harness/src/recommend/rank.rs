//! The cheapest of those that meet the limits.

use crate::recommend::assess::{Shortfall, shortfalls};
use crate::recommend::choice::Choice;
use crate::recommend::deployment::{Configuration, Contest};
use crate::recommend::{Limits, Miss, Outcome, Recommendation};

/// Answers one load.
pub(super) fn rank(contest: &Contest<'_>, limits: &Limits) -> Recommendation {
    let (mut meeting, mut missing) = (Vec::new(), Vec::new());
    let mut considered = 0;
    for deployment in &contest.deployments {
        match representative(deployment, limits) {
            Some(Ok(choice)) => meeting.push(choice),
            Some(Err(miss)) => missing.push(miss),
            None => continue,
        }
        considered += 1;
    }
    meeting.sort_by(|one, other| cost(one).total_cmp(&cost(other)).then_with(|| one.cell.cmp(&other.cell)));
    let meeting_count = meeting.len();
    let mut ranked = meeting.into_iter();
    let best = ranked.next();
    let rivals: Vec<Choice> = ranked.collect();
    let tied: Vec<Choice> =
        rivals.iter().filter(|rival| best.as_ref().is_some_and(|best| !is_cheaper(best, rival))).cloned().collect();
    let runner_up = rivals.into_iter().next();
    Recommendation {
        load: contest.load.clone(),
        outcome: match &best {
            None => Outcome::NoneMeets,
            Some(_) if tied.is_empty() => Outcome::Clear,
            Some(_) => Outcome::TooCloseToCall,
        },
        margin: best.as_ref().zip(runner_up.as_ref()).and_then(|(best, second)| margin(best, second)),
        uncertain: best.as_ref().and_then(|best| uncertain(&missing, best, limits)),
        nearest: if best.is_none() { nearest(missing, limits) } else { None },
        best,
        runner_up,
        tied,
        considered,
        meeting: meeting_count,
    }
}

/// The fewest workers of a deployment that meet the limits, else those that miss them least.
fn representative(deployment: &[Configuration<'_>], limits: &Limits) -> Option<Result<Choice, Miss>> {
    let mut missing = Vec::new();
    for configuration in deployment {
        let Some(choice) = Choice::of(configuration, limits) else { continue };
        let shortfalls = shortfalls(&choice, limits);
        if shortfalls.is_empty() {
            return Some(Ok(choice));
        }
        missing.push(Miss { choice, shortfalls });
    }
    nearest(missing, limits).map(Err)
}

/// What cannot be ranked for want of a cost goes last.
fn cost(choice: &Choice) -> f64 {
    choice.cpu_ns_per_message.map_or(f64::INFINITY, |cost| cost.value)
}

fn is_cheaper(best: &Choice, rival: &Choice) -> bool {
    best.cpu_ns_per_message.zip(rival.cpu_ns_per_message).is_some_and(|(one, other)| one.is_below(&other))
}

fn margin(best: &Choice, second: &Choice) -> Option<f64> {
    let (best, second) = (best.cpu_ns_per_message?.value, second.cpu_ns_per_message?.value);
    (best > 0.0).then(|| second / best - 1.0)
}

fn uncertain(missing: &[Miss], best: &Choice, limits: &Limits) -> Option<Miss> {
    let is_noise = |miss: &&Miss| miss.shortfalls.iter().all(|shortfall| shortfall.is_noise(limits));
    let cheaper = missing.iter().filter(is_noise).filter(|miss| cost(&miss.choice) < cost(best));
    cheaper.min_by(|one, other| cost(&one.choice).total_cmp(&cost(&other.choice))).cloned()
}

/// The least limits missed that are no matter of degree, then the least by degree; of equals the first.
fn nearest(missing: Vec<Miss>, limits: &Limits) -> Option<Miss> {
    let distance = |miss: &Miss| {
        let factors: Vec<Option<f64>> =
            miss.shortfalls.iter().map(|shortfall| Shortfall::factor(shortfall, limits)).collect();
        let absolute = factors.iter().filter(|factor| factor.is_none()).count();
        (absolute, factors.iter().flatten().map(|factor| factor.ln()).sum::<f64>())
    };
    missing.into_iter().min_by(|one, other| {
        let ((one_absolute, one), (other_absolute, other)) = (distance(one), distance(other));
        one_absolute.cmp(&other_absolute).then(one.total_cmp(&other))
    })
}
