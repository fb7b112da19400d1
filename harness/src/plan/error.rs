//! What is wrong with a plan, and where.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// A plan that cannot be used. Always one line.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The file cannot be read.
    #[error("cannot read plan {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Something in the plan is not allowed.
    #[error("{place}: {message}")]
    At {
        /// File, line and column.
        place: Box<Place>,
        /// The key, what is wrong with it, and what is allowed.
        message: String,
    },
    /// A flag, or a preset's name, is not allowed.
    #[error("{flag}: {message}")]
    Flag {
        /// The flag as typed.
        flag: String,
        /// What is wrong with its value, and what is allowed.
        message: String,
    },
}

impl PlanError {
    /// The line in question with a caret below the place, for people at a terminal.
    #[must_use]
    pub fn snippet(&self) -> Option<String> {
        let Self::At { place, .. } = self else { return None };
        let number = place.line.to_string();
        let margin = " ".repeat(number.len());
        let indent: String =
            place.text.chars().take(place.column - 1).map(|c| if c == '\t' { c } else { ' ' }).collect();
        let carets = "^".repeat(place.width.max(1));
        Some(format!("{margin} |\n{number} | {}\n{margin} | {indent}{carets}", place.text))
    }
}

/// Where in a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, or the preset.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// How many characters are meant, on this line.
    pub width: usize,
    /// The line.
    pub text: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}
