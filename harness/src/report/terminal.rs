//! A report for a terminal, or for a pipe.

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, LineStyle, Table as Grid};

use crate::report::{Align, Heading, Report, Table};

/// How much a terminal can take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Style {
    /// Columns of the terminal; `None`: as wide as it takes.
    pub width: Option<usize>,
    /// Whether to stress with escape sequences.
    pub color: bool,
}

/// Spaces after the text of each column: one of the column's own, one between columns.
const PADDING: usize = 2;

/// The report as aligned text. Columns that do not fit are left out, those of least interest first.
#[must_use]
pub fn terminal(report: &Report, style: Style) -> String {
    let bold = |text: &str| if style.color { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() };
    let mut text = format!("{}\n\n", bold(&printable(&report.headline)));
    for (name, value) in &report.conditions {
        text += &format!("{name:<8} {}\n", printable(value));
    }
    for table in report.tables.iter().chain(&report.details) {
        text += &format!("\n{}\n{}\n", bold(&table.title), grid(table, style.width));
    }
    for (title, list) in &report.notes {
        let items: String = list.iter().map(|item| format!("  {}\n", printable(item))).collect();
        text += &format!("\n{}\n{items}", bold(title));
    }
    text
}

fn grid(table: &Table, width: Option<usize>) -> String {
    let kept = fitting(table, width.unwrap_or(usize::MAX));
    let mut grid = Grid::new();
    grid.load_style(NOTHING.header_separator(LineStyle::none().fill('─').junction('─')));
    grid.set_header(kept.iter().map(|(_, heading)| heading.title.clone()));
    for row in &table.rows {
        grid.add_row(kept.iter().map(|(index, _)| row.get(*index).map(|text| printable(text)).unwrap_or_default()));
    }
    for (column, (_, heading)) in grid.column_iter_mut().zip(&kept) {
        column.set_padding((0, 1));
        column.set_cell_alignment(match heading.align {
            Align::Left => CellAlignment::Left,
            Align::Right => CellAlignment::Right,
        });
    }
    grid.trim_fmt()
}

/// The columns that fit, with their place in the table.
fn fitting(table: &Table, width: usize) -> Vec<(usize, &Heading)> {
    let mut kept: Vec<(usize, &Heading)> = table.headings.iter().enumerate().collect();
    let needs = |(index, heading): &(usize, &Heading)| {
        let cells = table.rows.iter().filter_map(|row| row.get(*index)).map(|text| text.chars().count());
        PADDING + cells.max().unwrap_or(0).max(heading.title.chars().count())
    };
    while kept.iter().map(needs).sum::<usize>() > width {
        // Of equal ranks the last one goes.
        let least = kept.iter().enumerate().filter(|(_, (_, heading))| heading.rank > 0);
        let Some((place, _)) = least.max_by_key(|(place, (_, heading))| (heading.rank, *place)) else { break };
        kept.remove(place);
    }
    kept
}

/// Without control characters: what comes from a file must not drive the terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
