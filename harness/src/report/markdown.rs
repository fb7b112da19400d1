//! A report in Markdown (GitHub's dialect, for its tables).

use crate::report::{Align, Report, Table};

/// The report in Markdown.
#[must_use]
pub fn markdown(report: &Report) -> String {
    let conditions = report.conditions.iter().map(|(name, value)| format!("- **{name}**: {}\n", escape(value)));
    let notes = report.notes.iter().map(|(title, list)| {
        let items: String = list.iter().map(|item| format!("- {}\n", escape(item))).collect();
        format!("\n## {title}\n\n{items}")
    });
    let tables = report.tables.iter().chain(&report.details).map(table);
    let conditions: String = conditions.collect();
    format!("{}\n\n{conditions}{}{}", escape(&report.headline), tables.collect::<String>(), notes.collect::<String>())
}

fn table(table: &Table) -> String {
    let titles = table.headings.iter().map(|heading| heading.title.as_str());
    let rules = table.headings.iter().map(|heading| match heading.align {
        Align::Left => "---",
        Align::Right => "---:",
    });
    let rows: String = table.rows.iter().map(|cells| row(cells.iter().map(String::as_str))).collect();
    format!("\n## {}\n\n{}{}{rows}", table.title, row(titles), row(rules))
}

fn row<'t>(cells: impl Iterator<Item = &'t str>) -> String {
    let cells: Vec<String> = cells.map(escape).collect();
    format!("| {} |\n", cells.join(" | "))
}

/// Names come from plans, reasons from engines: neither may end a table or start markup.
fn escape(text: &str) -> String {
    let escaped = text.chars().flat_map(|c| {
        let special = matches!(c, '|' | '*' | '`' | '<' | '[' | '\\');
        special.then_some('\\').into_iter().chain([if c.is_control() { ' ' } else { c }])
    });
    escaped.collect()
}
