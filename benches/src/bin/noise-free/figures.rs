//! The committed figures, and what this build makes of them.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use slotbench::model;

use crate::components::COMPONENTS;
use crate::valgrind;

/// Messages of the shorter run; the longer one has twice as many.
const MESSAGES: usize = 2_000;
/// What a count may grow by. Counts repeat to about a thousandth, so this is no noise but a matter of taste.
const THRESHOLD: f64 = 0.01;
/// Allocations per message are whole numbers but for containers that grow: a tenth of one is one in ten messages.
const ALLOCATIONS_ALLOWED: f64 = 0.1;
/// The version of the file.
const SCHEMA: u32 = 1;

/// What counts depend on besides the code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Conditions {
    pub(crate) rustc: String,
    pub(crate) target: String,
    pub(crate) valgrind: String,
    pub(crate) cpu: String,
}

/// What one message costs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cost {
    pub(crate) instructions: f64,
    pub(crate) allocations: f64,
    pub(crate) allocated_bytes: f64,
}

/// Costs by component.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figures {
    schema: u32,
    pub(crate) conditions: Conditions,
    per_message: BTreeMap<String, Cost>,
}

/// What became of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Worse,
    Better,
    Same,
    /// On one side only.
    Unknown,
}

impl Conditions {
    /// The first thing that differs.
    pub(crate) fn difference(&self, here: &Self) -> Option<String> {
        let pairs = [
            ("compiler", &self.rustc, &here.rustc),
            ("target", &self.target, &here.target),
            ("valgrind", &self.valgrind, &here.valgrind),
            ("CPU", &self.cpu, &here.cpu),
        ];
        let differs = pairs.into_iter().find(|(_, committed, here)| committed != here);
        differs.map(|(what, committed, here)| format!("another {what}: recorded with '{committed}', here is '{here}'"))
    }
}

impl Figures {
    /// Reads committed figures.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let figures: Self = model::load_document(path).map_err(|error| error.to_string())?;
        if figures.schema > SCHEMA {
            return Err(format!("{} has schema {}, this build reads up to {SCHEMA}", path.display(), figures.schema));
        }
        Ok(figures)
    }

    /// Writes them.
    pub(crate) fn write(&self, path: &Path) -> Result<(), String> {
        model::save_document(self, path).map_err(|error| error.to_string())
    }

    /// Counts every component.
    pub(crate) fn measure() -> Result<Self, String> {
        let per_message = COMPONENTS.iter().map(|name| Ok(((*name).to_owned(), cost(name)?)));
        let per_message = per_message.collect::<Result<_, String>>()?;
        Ok(Self { schema: SCHEMA, conditions: valgrind::conditions()?, per_message })
    }

    /// A line and a verdict for every figure of either.
    pub(crate) fn compare(&self, here: &Self) -> Vec<(String, Verdict)> {
        let known = self.per_message.iter().flat_map(|(name, committed)| match here.per_message.get(name) {
            Some(cost) => committed.compare(name, cost),
            None => vec![(format!("{name}: no longer measured"), Verdict::Unknown)],
        });
        let added = here.per_message.keys().filter(|name| !self.per_message.contains_key(*name));
        known.chain(added.map(|name| (format!("{name}: not recorded yet"), Verdict::Unknown))).collect()
    }

    /// For people.
    pub(crate) fn table(&self) -> String {
        let lines = self.per_message.iter().map(|(name, cost)| {
            let Cost { instructions, allocations, allocated_bytes } = cost;
            format!("{name:<12} {instructions:>10.1} instructions  {allocations:>6.2} allocations  {allocated_bytes:>8.1} bytes")
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

impl Cost {
    fn compare(&self, name: &str, here: &Self) -> Vec<(String, Verdict)> {
        let figures = [
            ("instructions", self.instructions, here.instructions, self.instructions * THRESHOLD),
            ("allocations", self.allocations, here.allocations, ALLOCATIONS_ALLOWED),
            ("bytes", self.allocated_bytes, here.allocated_bytes, (self.allocated_bytes * THRESHOLD).max(1.0)),
        ];
        let judged = figures.map(|(what, committed, here, allowed)| {
            let (verdict, word) = match here - committed {
                change if change > allowed => (Verdict::Worse, "WORSE"),
                change if change < -allowed => (Verdict::Better, "better: record it"),
                _ => (Verdict::Same, "same"),
            };
            let change = if committed > 0.0 { (here / committed - 1.0) * 100.0 } else { 0.0 };
            (format!("{name:<12} {what:<12} {committed:>10.1} {here:>10.1} {change:>+7.2} %  {word}"), verdict)
        });
        judged.into()
    }
}

/// What one message more costs, within a hundredth of anything.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn cost(component: &str) -> Result<Cost, String> {
    let (short, long) = (valgrind::count(component, MESSAGES)?, valgrind::count(component, 2 * MESSAGES)?);
    let each = |long: u64, short: u64| long.saturating_sub(short) as f64 / MESSAGES as f64;
    let round = |value: f64| (value * 100.0).round() / 100.0;
    Ok(Cost {
        instructions: round(each(long.instructions, short.instructions)),
        allocations: round(each(long.allocations, short.allocations)),
        allocated_bytes: round(each(long.bytes, short.bytes)),
    })
}
