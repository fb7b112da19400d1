//! The page of a history.

use serde::Serialize;

use super::assemble;
use crate::compare::Metric;
use crate::history::{Change, Entry, Series, series};
use crate::report;

const PAGE: &str = include_str!("../../../assets/report/history.html");
/// Read in this order, as those of a run's page.
const SCRIPTS: [&str; 5] = [
    include_str!("../../../assets/report/format.js"),
    include_str!("../../../assets/report/dom.js"),
    include_str!("../../../assets/report/plot.js"),
    include_str!("../../../assets/report/page.js"),
    include_str!("../../../assets/report/history.js"),
];

/// A history and its changes as one page, drawn like that of a run.
///
/// # Errors
/// As [`html`](super::html).
pub fn history_html(entries: &[Entry], changes: &[Change]) -> Result<String, serde_json::Error> {
    let page = Page::of(entries, changes);
    let data = serde_json::to_string(&page)?;
    let title = format!("{} over time · slotbench", page.plan);
    let headline = report::history(entries, changes).headline;
    Ok(assemble(PAGE, &title, &headline, SCRIPTS.concat(), &data))
}

/// Everything the page shows. Runs and metrics are named by their places.
#[derive(Serialize)]
struct Page<'h> {
    plan: &'h str,
    fingerprint: &'h str,
    runs: Vec<PageRun<'h>>,
    metrics: Vec<PageMetric>,
    series: Vec<PageSeries<'h>>,
}

#[derive(Serialize)]
struct PageRun<'h> {
    name: String,
    started: &'h str,
    version: &'h str,
    kernel: &'h str,
    cells: usize,
}

#[derive(Serialize)]
struct PageMetric {
    name: String,
    words: &'static str,
    /// How its values are shown.
    kind: &'static str,
}

#[derive(Serialize)]
struct PageSeries<'h> {
    cell: String,
    label: String,
    backend: String,
    metric: usize,
    points: Vec<(usize, f64)>,
    changes: Vec<PageChange<'h>>,
}

#[derive(Serialize)]
struct PageChange<'h> {
    /// The first run of the new level.
    entry: usize,
    before: f64,
    after: f64,
    worse: bool,
    commits: &'h (String, String),
}

impl<'h> Page<'h> {
    fn of(entries: &'h [Entry], changes: &'h [Change]) -> Self {
        let all = series(entries);
        let metrics: Vec<Metric> =
            Metric::ALL.iter().copied().filter(|metric| all.iter().any(|series| series.metric == *metric)).collect();
        let last = entries.last();
        Self {
            plan: last.map_or("", |entry| &entry.plan),
            fingerprint: last.map_or("", |entry| &entry.fingerprint),
            runs: entries.iter().map(PageRun::of).collect(),
            series: all.into_iter().map(|series| PageSeries::of(series, &metrics, changes)).collect(),
            metrics: metrics.into_iter().map(PageMetric::of).collect(),
        }
    }
}

impl<'h> PageRun<'h> {
    fn of(entry: &'h Entry) -> Self {
        let Entry { started, version, kernel, cells, .. } = entry;
        Self { name: entry.name(), started, version, kernel, cells: cells.len() }
    }
}

impl PageMetric {
    fn of(metric: Metric) -> Self {
        let (words, kind) = match metric {
            Metric::Throughput => ("Operations a second", "rate"),
            Metric::P50 => ("Median latency", "time"),
            Metric::P99 => ("99th percentile of latency", "time"),
            Metric::P999 => ("99.9th percentile of latency", "time"),
            Metric::Cpu => ("CPU time of an operation", "time"),
            Metric::Written => ("Bytes written for a message", "bytes"),
        };
        Self { name: metric.to_string(), words, kind }
    }
}

impl<'h> PageSeries<'h> {
    fn of(series: Series, metrics: &[Metric], changes: &'h [Change]) -> Self {
        let Series { cell, label, metric, points } = series;
        let own = changes.iter().filter(|change| change.label == label && change.metric == metric);
        let told = |change: &'h Change| {
            let Change { entry, before, after, commits, .. } = change;
            PageChange { entry: *entry, before: *before, after: *after, worse: change.is_worse(), commits }
        };
        Self {
            changes: own.map(told).collect(),
            backend: cell.as_str().split('-').next().unwrap_or_default().to_owned(),
            metric: metrics.iter().position(|known| *known == metric).unwrap_or_default(),
            cell: cell.to_string(),
            label,
            points,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Thresholds;
    use crate::history::changes;
    use crate::history::changes::tests::history as made;

    #[test]
    fn the_page_has_every_run_and_change_and_nothing_from_outside() {
        let mut entries = made(&[(12, 1000.0), (10, 500.0)]);
        entries[0].commit = Some("</script><script>alert(1)".to_owned());
        let found = changes(&entries, &Thresholds::default(), 0.05);
        let page = history_html(&entries, &found).expect("fits in memory");
        assert!(page.contains("1 lasting regressions, 0 improvements."), "the headline stands there without a script");
        assert_eq!(page.matches("<script").count(), 2, "a commit became a script");
        assert!(!page.contains("{{") && !page.replace("http://www.w3.org/2000/svg", "").contains("://"));
        let data = Page::of(&entries, &found);
        assert_eq!((data.runs.len(), data.metrics.len(), data.series.len()), (22, 1, 1));
        assert_eq!((data.series[0].backend.as_str(), data.series[0].points.len()), ("redb", 22));
        assert_eq!(data.series[0].changes.iter().map(|c| (c.entry, c.worse)).collect::<Vec<_>>(), [(12, true)]);
    }

    #[test]
    fn a_history_of_nothing_is_a_page() {
        assert!(history_html(&[], &[]).expect("fits in memory").contains("0 lasting regressions"));
    }
}
