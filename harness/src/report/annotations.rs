//! A comparison as workflow commands, which GitHub shows beside a pull request.

use crate::compare::{Comparison, Verdict};
use crate::report::comparison::{percent, show};

/// GitHub shows ten annotations of a kind and drops the rest.
const MOST: usize = 10;

/// One `::error` a regression, one `::warning` for what could not be decided
/// (<https://docs.github.com/actions/reference/workflow-commands-for-github-actions>).
#[must_use]
pub fn annotations(comparison: &Comparison) -> String {
    let mut lines: Vec<String> = regressions(comparison).take(MOST).collect();
    let obstacles = comparison.obstacles.iter().cloned();
    let cells = comparison.cells.iter().filter(|cell| cell.leaves_open);
    let cells = cells.filter_map(|cell| Some(format!("{}: {}", cell.label, cell.obstacle.as_ref()?)));
    let warnings = obstacles.chain(cells).map(|text| command("warning", "slotbench: not comparable", &text));
    lines.extend(warnings.take(MOST));
    let open = comparison.count(Verdict::Inconclusive);
    if open > 0 {
        lines.push(command("warning", "slotbench: inconclusive", &format!("{open} figures could not be decided")));
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn regressions(comparison: &Comparison) -> impl Iterator<Item = String> {
    comparison.cells.iter().flat_map(|cell| {
        let regressed = cell.figures.iter().filter(|figure| figure.verdict == Verdict::Regressed);
        regressed.filter_map(|figure| {
            let (metric, change) = (figure.metric, percent(figure.change?));
            let (base, new) = (show(metric, figure.base?), show(metric, figure.new?));
            Some(command(
                "error",
                &format!("slotbench: {metric} regressed"),
                &format!("{}: {base} to {new}, {change}", cell.label),
            ))
        })
    })
}

fn command(kind: &str, title: &str, message: &str) -> String {
    format!("::{kind} title={}::{}", property(title), data(message))
}

/// Escaped as the runner's own toolkit does it, so that a cell's name cannot be a command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
