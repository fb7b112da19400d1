//! The report as one page: text, data, style and script in a single file that asks nothing of any network.
//!
//! The page's parts are files under `assets/report`. A content security policy names the hashes of the style and the
//! script that belong to it and forbids everything else, so that nothing in a plan's names or an engine's error
//! messages can run, and nothing can be loaded.

mod cell;
mod data;
mod decisions;
mod history;
mod series;
#[cfg(test)]
mod tests;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::model::Run;
use crate::percentiles::Curves;
use crate::report::headline::headline;

pub use history::history_html;

/// The page, with a place for each part.
const PAGE: &str = include_str!("../../assets/report/page.html");
const STYLE: &str = include_str!("../../assets/report/style.css");
/// Read in this order; what a file names is in it or in one before it.
const SCRIPTS: [&str; 13] = [
    include_str!("../../assets/report/format.js"),
    include_str!("../../assets/report/dom.js"),
    include_str!("../../assets/report/state.js"),
    include_str!("../../assets/report/plot.js"),
    include_str!("../../assets/report/page.js"),
    include_str!("../../assets/report/answer.js"),
    include_str!("../../assets/report/filters.js"),
    include_str!("../../assets/report/heatmap.js"),
    include_str!("../../assets/report/pareto.js"),
    include_str!("../../assets/report/compare.js"),
    include_str!("../../assets/report/limits.js"),
    include_str!("../../assets/report/cells.js"),
    include_str!("../../assets/report/main.js"),
];

/// The page of a run.
///
/// # Errors
/// None that memory does not run out for: the JSON writer's own error type.
pub fn html(run: &Run, curves: &Curves) -> Result<String, serde_json::Error> {
    let data = serde_json::to_string(&data::Page::of(run, curves))?;
    Ok(assemble(PAGE, &format!("{} · slotbench", run.plan), &headline(run), SCRIPTS.concat(), &data))
}

/// A page with every place filled; `data` is JSON.
fn assemble(page: &str, title: &str, headline: &str, script: String, data: &str) -> String {
    let parts = [
        ("{{policy}}", policy(&script)),
        ("{{title}}", escape(title)),
        ("{{headline}}", escape(headline)),
        ("{{style}}", STYLE.to_owned()),
        ("{{script}}", script),
        // Last, so that a place's name within the data stays what it is.
        ("{{data}}", embed(data)),
    ];
    parts.iter().fold(page.to_owned(), |page, (place, part)| page.replacen(place, part, 1))
}

fn policy(script: &str) -> String {
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
    format!(
        "default-src 'none'; style-src {}; script-src {}; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(script)
    )
}

/// JSON for a script element: its strings may hold `</script>` or `<!--`, which would end it or change how it is read.
fn embed(json: &str) -> String {
    json.replace('<', "\\u003c")
}

/// Text for HTML, in an element or a quoted attribute. Braces too, so that no text passes for a place in the page.
fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut escaped, c| {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '{' => escaped.push_str("&#123;"),
            c => escaped.push(c),
        }
        escaped
    })
}
