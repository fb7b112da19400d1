//! A history as one HTML file: a chart for each series, drawn as SVG, without scripts and without the network.

use std::fmt::Write as _;

use crate::history::{Change, Entry, Series, series};
use crate::report::comparison::{percent, show};

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 120.0;
/// Around the line, so that its ends are not cut.
const MARGIN: f64 = 6.0;

const STYLE: &str = "\
body{font:14px system-ui,sans-serif;max-width:700px;margin:2em auto;padding:0 1em;color:#222;background:#fff}\
figure{margin:1.5em 0}figcaption{margin-bottom:.3em}svg{width:100%;background:#f6f7f8}\
polyline{fill:none;stroke:#2563a8;stroke-width:1.5}circle{fill:#2563a8}\
.worse{stroke:#c0392b;stroke-width:1.5}.better{stroke:#1e8449;stroke-width:1.5}\
@media(prefers-color-scheme:dark){body{color:#ddd;background:#16181b}svg{background:#202327}}";

/// The whole document.
#[must_use]
pub fn history_html(entries: &[Entry], changes: &[Change]) -> String {
    let title = entries.last().map_or_else(
        || "slotbench history".to_owned(),
        |last| format!("slotbench history: {} on {}", last.plan, last.fingerprint),
    );
    let title = escape(&title);
    let figures: String = series(entries).iter().map(|series| figure(entries, series, changes)).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>{title}</title>\n<style>{STYLE}</style>\n\
         <h1>{title}</h1>\n<p>{} runs, oldest first. A red line is where a level became worse, a green one where it \
         became better; the commit is named there.</p>\n{figures}</html>\n",
        entries.len()
    )
}

fn figure(entries: &[Entry], series: &Series, changes: &[Change]) -> String {
    let Series { label, metric, points, .. } = series;
    let now = points.last().map_or_else(String::new, |(_, value)| show(*metric, *value));
    let own: Vec<&Change> = changes.iter().filter(|c| c.label == *label && c.metric == *metric).collect();
    let scale = Scale::of(entries.len(), points);
    let mut marks = String::new();
    for change in own {
        let class = if change.is_worse() { "worse" } else { "better" };
        let x = (scale.x(change.entry) + scale.x(change.entry.saturating_sub(1))) / 2.0;
        let told = escape(&format!("{} after {}, by {}", percent(change.change()), change.commits.0, change.commits.1));
        // Writing to a string cannot fail.
        let _ = write!(
            marks,
            "<line class=\"{class}\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"0\" y2=\"{HEIGHT}\"><title>{told}</title></line>"
        );
    }
    let line: Vec<String> =
        points.iter().map(|(index, value)| format!("{:.1},{:.1}", scale.x(*index), scale.y(*value))).collect();
    let dots: String = points.iter().map(|point| dot(entries, series, &scale, *point)).collect();
    format!(
        "<figure><figcaption><b>{}</b> {metric}: {now}</figcaption>\
         <svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\"><polyline points=\"{}\"/>{dots}{marks}</svg></figure>\n",
        escape(label),
        line.join(" ")
    )
}

fn dot(entries: &[Entry], series: &Series, scale: &Scale, (index, value): (usize, f64)) -> String {
    let name = entries.get(index).map_or_else(String::new, |entry| format!("{} ({})", entry.name(), entry.started));
    let (x, y) = (scale.x(index), scale.y(value));
    let told = escape(&format!("{}, {name}", show(series.metric, value)));
    format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.5\"><title>{told}</title></circle>")
}

/// From runs and values to places.
struct Scale {
    runs: usize,
    least: f64,
    most: f64,
}

impl Scale {
    fn of(runs: usize, points: &[(usize, f64)]) -> Self {
        let values = points.iter().map(|(_, value)| *value);
        Self {
            runs,
            least: values.clone().fold(f64::INFINITY, f64::min),
            most: values.fold(f64::NEG_INFINITY, f64::max),
        }
    }

    fn x(&self, index: usize) -> f64 {
        MARGIN + (WIDTH - 2.0 * MARGIN) * index as f64 / (self.runs.max(2) - 1) as f64
    }

    fn y(&self, value: f64) -> f64 {
        let part = if self.most > self.least { (value - self.least) / (self.most - self.least) } else { 0.5 };
        HEIGHT - MARGIN - (HEIGHT - 2.0 * MARGIN) * part
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Thresholds;
    use crate::history::changes;
    use crate::history::changes::tests::history as made;

    #[test]
    fn a_chart_with_a_dot_a_run_and_a_line_a_change() {
        let mut entries = made(&[(12, 1000.0), (10, 500.0)]);
        entries[0].commit = Some("<script>".to_owned());
        let found = changes(&entries, &Thresholds::default(), 0.05);
        let html = history_html(&entries, &found);
        assert_eq!((html.matches("<circle").count(), html.matches("<line class=\"worse\"").count()), (22, 1));
        assert!(!html.contains("<script>") && !html.contains("http"), "{html}");
    }
}
