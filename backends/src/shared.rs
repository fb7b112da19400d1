//! What engines have in common: an engine picks what it needs.

pub mod contained;
pub mod locked;
pub mod medium;
pub mod poison;
pub mod record;
pub mod tally;

pub use contained::contained;
pub use medium::Medium;
pub use poison::Poison;
pub use record::Record;
pub use tally::Tally;

/// Cache that every engine with a cache of its own gets by default, in bytes: the same for all, so that none wins by
/// memory.
pub const CACHE_BYTES: usize = 128 << 20;
