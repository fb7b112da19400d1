//! A history, as a report.

use crate::history::{Change, Entry, Series, series};
use crate::report::comparison::{percent, show};
use crate::report::heading::{Align, Heading};
use crate::report::{Report, Table};

/// Levels of a sparkline, lowest first.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Most recent runs that a sparkline shows.
const SHOWN: usize = 60;

/// What there is to say about a history and its changes.
#[must_use]
pub fn history(entries: &[Entry], changes: &[Change]) -> Report {
    let rows = series(entries).iter().map(|series| row(series, changes)).collect();
    let worse = changes.iter().filter(|change| change.is_worse()).count();
    let headline = format!("{worse} lasting regressions, {} improvements.", changes.len() - worse);
    let told = |change: &Change| {
        let kind = if change.is_worse() { "worse" } else { "better" };
        let Change { label, metric, before, after, p, commits: (last, first), .. } = change;
        let (from, to) = (show(*metric, *before), show(*metric, *after));
        let size = percent(change.change());
        format!("{label}, {metric}: {kind}, {from} to {to} ({size}, p {p:.4}), after {last}, by {first}")
    };
    Report {
        headline,
        conditions: conditions(entries),
        tables: vec![Table {
            title: "Series, oldest run first; a change begins a new stretch".to_owned(),
            headings: headings(),
            rows,
        }],
        details: Vec::new(),
        notes: [("Changes", changes.iter().map(told).collect::<Vec<_>>())]
            .into_iter()
            .filter(|(_, list)| !list.is_empty())
            .collect(),
    }
}

fn conditions(entries: &[Entry]) -> Vec<(&'static str, String)> {
    let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return Vec::new() };
    vec![
        ("plan", format!("{} on machine {}", last.plan, last.fingerprint)),
        (
            "runs",
            format!("{}, {} ({}) to {} ({})", entries.len(), first.name(), first.started, last.name(), last.started),
        ),
    ]
}

fn headings() -> Vec<Heading> {
    let all = [
        ("cell", Align::Left),
        ("metric", Align::Left),
        ("series", Align::Left),
        ("least", Align::Right),
        ("most", Align::Right),
        ("now", Align::Right),
    ];
    all.map(|(title, align)| Heading { title: title.to_owned(), align, rank: 0 }).into()
}

fn row(series: &Series, changes: &[Change]) -> Vec<String> {
    let values: Vec<f64> = series.points.iter().map(|(_, value)| *value).collect();
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let now = values.last().copied().unwrap_or(f64::NAN);
    let mut cells = vec![series.label.clone(), series.metric.to_string(), sparkline(series, changes, least, most)];
    cells.extend([least, most, now].map(|value| show(series.metric, value)));
    cells
}

/// A bar a run, and a stroke where the level changed.
fn sparkline(series: &Series, changes: &[Change], least: f64, most: f64) -> String {
    let bar = |value: f64| {
        let part = if most > least { (value - least) / (most - least) } else { 0.0 };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of the bars")]
        let level = (part * (BARS.len() - 1) as f64).round() as usize;
        BARS.get(level).copied().unwrap_or(' ')
    };
    let is_change =
        |entry: usize| changes.iter().any(|c| c.label == series.label && c.metric == series.metric && c.entry == entry);
    let recent = series.points.iter().skip(series.points.len().saturating_sub(SHOWN));
    recent.flat_map(|(entry, value)| is_change(*entry).then_some('│').into_iter().chain([bar(*value)])).collect()
}

#[cfg(test)]
mod tests {
    use crate::compare::Thresholds;
    use crate::history::changes;
    use crate::history::changes::tests::history as made;
    use crate::report::{Style, terminal};

    #[test]
    fn a_step_is_drawn_marked_and_told_with_its_commits() {
        let entries = made(&[(12, 1000.0), (10, 500.0)]);
        let found = changes(&entries, &Thresholds::default(), 0.05);
        let text = terminal(&super::history(&entries, &found), Style::default());
        assert!(text.starts_with("1 lasting regressions, 0 improvements.\n"), "{text}");
        assert!(text.contains("█│▁") || text.contains("▇│▁"), "{text}");
        assert!(
            text.contains("redb, throughput: worse, ") && text.contains("after 000000000000, by 000000000000"),
            "{text}"
        );
    }

    #[test]
    fn a_flat_series_and_none_at_all() {
        let text = terminal(&super::history(&made(&[(3, 7.0)]), &[]), Style::default());
        assert!(text.contains("redb  throughput"), "{text}");
        assert!(super::history(&[], &[]).tables[0].rows.is_empty());
    }
}
