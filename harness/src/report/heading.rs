//! The tops of columns.

/// How a column's cells stand in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Top of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    /// What it shows.
    pub title: String,
    /// How.
    pub align: Align,
    /// Where width is short the highest rank goes first; rank 0 stays.
    pub rank: u8,
}
