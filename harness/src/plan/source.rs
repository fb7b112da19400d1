//! A plan's text, and places in it.

use std::fs;
use std::ops::Range;
use std::path::Path;

use crate::plan::error::{Place, PlanError};

/// A plan's text and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The file as given on the command line, or `preset quick`.
    pub file: String,
    /// The plan's name unless the text says otherwise: the file's name without its ending.
    pub stem: String,
    /// The TOML text.
    pub text: String,
}

impl Source {
    /// Reads a file.
    ///
    /// # Errors
    /// [`PlanError::Io`], also for a file that is not UTF-8.
    pub fn read(path: &Path) -> Result<Self, PlanError> {
        let text = fs::read_to_string(path).map_err(|source| PlanError::Io { path: path.to_owned(), source })?;
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { file: path.display().to_string(), stem, text })
    }

    /// An error at a byte range of the text.
    pub(super) fn error(&self, span: Range<usize>, message: impl Into<String>) -> PlanError {
        PlanError::At { place: Box::new(self.place(span)), message: message.into() }
    }

    fn place(&self, span: Range<usize>) -> Place {
        let start = self.text.floor_char_boundary(span.start);
        let end = self.text.floor_char_boundary(span.end).max(start);
        let (before, after) = self.text.split_at(start);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = after.find('\n').map_or(self.text.len(), |newline| start + newline);
        let count = |range: Range<usize>| self.text.get(range).unwrap_or_default().chars().count();
        Place {
            file: self.file.clone(),
            line: before.matches('\n').count() + 1,
            column: count(line_start..start) + 1,
            width: count(start..end.min(line_end)),
            text: self.text.get(line_start..line_end).unwrap_or_default().trim_end().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn source(text: &str) -> Source {
        Source { file: "p.toml".to_owned(), stem: "p".to_owned(), text: text.to_owned() }
    }

    #[test]
    fn columns_count_characters_and_the_caret_stands_below_them() {
        let plan = source("a = 1\n# ü\n\"ü\" = 22\nb = 1\n");
        let at = plan.text.find("22").expect("is in the text");
        let error = plan.error(at..at + 2, "no");
        assert_eq!(error.to_string(), "p.toml:3:7: no");
        assert_eq!(error.snippet().as_deref(), Some("  |\n3 | \"ü\" = 22\n  |       ^^"));
    }

    #[test]
    fn a_span_over_several_lines_is_marked_on_its_first() {
        let plan = source("a = [\n1,\n]");
        assert_eq!(plan.error(4..11, "no").snippet().as_deref(), Some("  |\n1 | a = [\n  |     ^"));
    }

    proptest! {
        #[test]
        fn every_span_of_every_text_has_a_place(text in "[a\nü\r\t]{0,20}", start in 0_usize..30, len in 0_usize..30) {
            let error = source(&text).error(start..start + len, "no");
            prop_assert!(error.snippet().is_some());
        }
    }
}
