//! A runner that measures nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use hdrhistogram::Histogram;

use crate::model::{Engine, Floors, Resources, RoundResult, Tag};
use crate::runner::{CellFailure, Job, Round, Runner, Stop};

/// What the mock does in one turn.
pub(crate) type Script = fn(call: usize, job: &Job<'_>) -> Result<(), CellFailure>;

/// Yields rounds with known numbers: `workers * 100 + round` messages in a second, each with that latency; in an open
/// loop `rate` messages, each with a response time of `10 * rate`.
pub(crate) struct Mock {
    script: Script,
    /// Workers and round of every turn taken.
    pub(crate) calls: Vec<(u32, u32)>,
    /// How often the machine was measured.
    pub(crate) floors: usize,
}

impl Mock {
    pub(crate) fn new(script: Script) -> Self {
        Self { script, calls: Vec::new(), floors: 0 }
    }
}

impl Runner for Mock {
    fn run_round(&mut self, job: &Job<'_>) -> Result<Round, CellFailure> {
        assert_eq!(fs::read_dir(job.dir).expect("exists").count(), 0, "a round begins with an empty directory");
        fs::write(job.dir.join("store"), "data").expect("is writable");
        let call = self.calls.len();
        self.calls.push((job.cell.axes.workers, job.round));
        (self.script)(call, job)?;
        let Some(rate) = job.cell.axes.rate else {
            return Ok(round(u64::from(job.cell.axes.workers * 100 + job.round)));
        };
        let mut open = round(u64::from(rate));
        let mut response = Histogram::new(3).expect("3 digits are allowed");
        response.record_n(u64::from(10 * rate), u64::from(rate)).expect("it grows");
        open.histograms.insert(Tag::Response, response);
        Ok(open)
    }

    fn floors(&mut self, _dir: &Path, _stop: &Stop) -> Result<Floors, CellFailure> {
        self.floors += 1;
        Ok(Floors { harness_ns: Some(10.0), ..Floors::default() })
    }
}

/// A verified round with that many messages of that latency.
pub(crate) fn round(messages: u64) -> Round {
    let mut histogram = Histogram::new(3).expect("3 digits are allowed");
    histogram.record_n(messages, messages).expect("it grows");
    let result = RoundResult {
        messages,
        elapsed_ns: 1_000_000_000,
        messages_per_s: messages as f64,
        resources: Resources { user_bytes: Some(messages), ..Resources::default() },
        verified: Some(true),
        ..RoundResult::default()
    };
    let engine = Engine { version: "1".to_owned(), options: BTreeMap::new() };
    Round { result, histograms: BTreeMap::from([(Tag::Acknowledged, histogram)]), engine }
}
