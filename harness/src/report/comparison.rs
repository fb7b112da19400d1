//! A comparison, as a report.

use crate::compare::{CellComparison, Comparison, Figure, Metric, Outcome, Verdict};
use crate::report::columns::NONE;
use crate::report::heading::{Align, Heading};
use crate::report::{Report, Table, units};

/// What there is to say about a comparison, worst first.
#[must_use]
pub fn comparison(comparison: &Comparison) -> Report {
    let order = [
        (Verdict::Regressed, "Regressed"),
        (Verdict::Inconclusive, "Inconclusive"),
        (Verdict::Improved, "Improved"),
        (Verdict::Unchanged, "Unchanged"),
    ];
    Report {
        headline: headline(comparison),
        conditions: conditions(comparison),
        tables: order.into_iter().filter_map(|(verdict, title)| table(comparison, verdict, title)).collect(),
        details: Vec::new(),
        notes: notes(comparison),
    }
}

/// `1 regressed, 2 inconclusive, 0 improved, 21 unchanged: REGRESSED`, or why there is nothing to say.
fn headline(comparison: &Comparison) -> String {
    if let [obstacle, ..] = comparison.obstacles.as_slice() {
        return format!("Not comparable: {obstacle}.");
    }
    let count = |verdict| comparison.count(verdict);
    let counts = format!(
        "{} regressed, {} inconclusive, {} improved, {} unchanged",
        count(Verdict::Regressed),
        count(Verdict::Inconclusive),
        count(Verdict::Improved),
        count(Verdict::Unchanged)
    );
    match comparison.outcome() {
        Outcome::Regressed => format!("Worse: {counts}."),
        Outcome::Open => format!("Not decided: {counts}."),
        Outcome::Fine => format!("Not worse: {counts}."),
    }
}

fn conditions(comparison: &Comparison) -> Vec<(&'static str, String)> {
    let Comparison { base_commit, new_commit, alpha, family, least_rounds, .. } = comparison;
    let commit = |commit: &Option<String>| commit.as_deref().unwrap_or("unknown").to_owned();
    vec![
        ("commits", format!("{} to {}", commit(base_commit), commit(new_commit))),
        ("tests", format!("{family} together, at most {} % false alarms among all of them", alpha * 100.0)),
        ("rounds", format!("{least_rounds} of each cell are the least that could decide")),
    ]
}

fn table(comparison: &Comparison, verdict: Verdict, title: &'static str) -> Option<Table> {
    let tail = common_tail(comparison);
    let rows = comparison.cells.iter().flat_map(|cell| {
        let figures = cell.figures.iter().filter(|figure| figure.verdict == verdict);
        figures.map(|figure| row(short(cell, tail), figure))
    });
    let rows: Vec<Vec<String>> = rows.collect();
    (!rows.is_empty()).then(|| Table { title: title.to_owned(), headings: headings(), rows })
}

fn headings() -> Vec<Heading> {
    let heading = |(title, align, rank): (&str, Align, u8)| Heading { title: title.to_owned(), align, rank };
    let all = [
        ("cell", Align::Left, 0),
        ("metric", Align::Left, 0),
        ("base", Align::Right, 1),
        ("new", Align::Right, 1),
        ("change", Align::Right, 0),
        ("interval", Align::Left, 0),
        ("effect", Align::Right, 3),
        ("p", Align::Right, 2),
        ("margin", Align::Right, 2),
        ("verdict", Align::Left, 0),
    ];
    all.into_iter().map(heading).collect()
}

fn row(cell: &str, figure: &Figure) -> Vec<String> {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| NONE.to_owned());
    let value = |value: Option<f64>| or_none(value.map(|value| show(figure.metric, value)));
    let [low, high] = figure.interval;
    let interval = match (low, high) {
        (None, None) => NONE.to_owned(),
        (low, high) => format!("{} to {}", or_none(low.map(percent)), or_none(high.map(percent))),
    };
    vec![
        cell.to_owned(),
        figure.metric.to_string(),
        value(figure.base),
        value(figure.new),
        or_none(figure.change.map(percent)),
        interval,
        or_none(figure.effect.map(|effect| format!("{effect:+.2}"))),
        or_none(figure.p_adjusted.map(probability)),
        or_none(figure.margin.map(|margin| format!("{:.1} %", margin * 100.0))),
        figure.verdict.to_string(),
    ]
}

/// A metric's value with its unit.
pub(super) fn show(metric: Metric, value: f64) -> String {
    match metric {
        Metric::Throughput => format!("{}/s", units::number(value)),
        Metric::P50 | Metric::P99 | Metric::P999 | Metric::Cpu => units::time(value),
        Metric::Written => units::bytes(value),
    }
}

/// `+12.3 %`
pub(super) fn percent(fraction: f64) -> String {
    format!("{:+.1} %", fraction * 100.0)
}

fn probability(p: f64) -> String {
    if p < 0.0001 { "<0.0001".to_owned() } else { format!("{p:.4}") }
}

/// How many characters at the end of every id say the same.
fn common_tail(comparison: &Comparison) -> usize {
    const KEPT: usize = 4;
    let mut ids = comparison.cells.iter().map(|cell| cell.id.as_str().split('-').collect::<Vec<_>>());
    let Some(first) = ids.next() else { return 0 };
    let equal =
        |fields: &[&str]| first.iter().rev().zip(fields.iter().rev()).take_while(|(one, two)| one == two).count();
    let shared = ids.map(|fields| equal(&fields)).min().unwrap_or(first.len());
    let fields = shared.min(first.len().saturating_sub(KEPT));
    first.iter().rev().take(fields).map(|field| field.len() + 1).sum()
}

fn short(cell: &CellComparison, tail: usize) -> &str {
    let id = cell.id.as_str();
    if cell.label == id { id.get(..id.len() - tail.min(id.len())).unwrap_or(id) } else { &cell.label }
}

fn notes(comparison: &Comparison) -> Vec<(&'static str, Vec<String>)> {
    let (open, left_out): (Vec<_>, Vec<_>) = comparison.cells.iter().partition(|cell| cell.leaves_open);
    let obstacle = |cell: &&CellComparison| Some(format!("{}: {}", cell.label, cell.obstacle.as_ref()?));
    let reasons = |verdict: Verdict| {
        let of_cell = |cell: &CellComparison| {
            let figures = cell.figures.iter().filter(|figure| figure.verdict == verdict).cloned().collect::<Vec<_>>();
            let label = cell.label.clone();
            figures
                .into_iter()
                .filter_map(move |figure| Some(format!("{label}, {}: {}", figure.metric, figure.reason?)))
        };
        comparison.cells.iter().flat_map(of_cell).collect::<Vec<_>>()
    };
    let mut incomparable = comparison.obstacles.clone();
    incomparable.extend(open.iter().filter_map(obstacle));
    let all = [
        ("Not comparable", incomparable),
        ("Why inconclusive", reasons(Verdict::Inconclusive)),
        ("Not judged", reasons(Verdict::NotComparable)),
        ("Left out", left_out.iter().filter_map(obstacle).collect()),
        ("Differences between the runs", comparison.notes.clone()),
    ];
    all.into_iter().filter(|(_, list)| !list.is_empty()).collect()
}
