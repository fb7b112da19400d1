//! When a change counts: `--threshold`, `--alpha` and `--metric`, read.

use crate::cli::args::JudgingArgs;
use crate::cli::exit::Failure;
use crate::compare::{Metric, Settings, Thresholds};

/// What the flags say over the defaults.
pub(super) fn settings(args: &JudgingArgs) -> Result<Settings, Failure> {
    let metrics = match &args.metric {
        Some(list) => {
            list.split(',').map(|name| metric(&format!("--metric {list}"), name)).collect::<Result<_, _>>()?
        }
        None => Metric::ALL.to_vec(),
    };
    let thresholds = thresholds(&args.threshold)?;
    Ok(Settings { alpha: probability(&args.alpha)?, thresholds, metrics, ..Settings::default() })
}

/// The thresholds that the texts name, over the default.
pub(super) fn thresholds(texts: &[String]) -> Result<Thresholds, Failure> {
    let mut thresholds = Thresholds::default();
    for text in texts {
        let flag = format!("--threshold {text}");
        match text.split_once('=') {
            Some((name, value)) => {
                thresholds.by_metric.insert(metric(&flag, name)?, percentage(&flag, value)?);
            }
            None => thresholds.default = percentage(&flag, text)?,
        }
    }
    Ok(thresholds)
}

fn metric(flag: &str, name: &str) -> Result<Metric, Failure> {
    name.trim().parse::<Metric>().map_err(|error| Failure::Flag { flag: flag.to_owned(), message: error.to_string() })
}

fn percentage(flag: &str, text: &str) -> Result<f64, Failure> {
    let number = text.trim().strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    let number = number.filter(|number| (0.0..=1000.0).contains(number));
    number.map(|number| number / 100.0).ok_or_else(|| {
        let message = "takes a percentage from 0% to 1000%, such as 5% or p99=10%".to_owned();
        Failure::Flag { flag: flag.to_owned(), message }
    })
}

fn probability(text: &str) -> Result<f64, Failure> {
    let number = text.parse::<f64>().ok().filter(|number| *number > 0.0 && *number < 1.0);
    number.ok_or_else(|| {
        let message = "takes a probability between 0 and 1, such as 0.05".to_owned();
        Failure::Flag { flag: format!("--alpha {text}"), message }
    })
}
