//! What a power cut leaves of changes that were not synced.

use rand::RngExt as _;
use rand::rngs::StdRng;

/// What a power cut leaves of changes that were not synced. What was synced survives every one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Survival {
    /// No power cut: the file system as programs see it.
    Everything,
    /// Nothing: POSIX promises no more. A name is durable only once its directory was synced.
    Nothing,
    /// No content, but names: all changes of directories up to a random moment after the last sync of anything, as a
    /// journal that orders them would have it. Files may be named and empty.
    Journal,
    /// A random half of all writes and of all changes of directories, whatever their order.
    Subset,
    /// Of each file all writes up to a random one, which is torn at a sector border; a random half of the changes of
    /// directories.
    Torn,
    /// A random half of all sectors written, and of the changes of directories.
    Sectors,
}

impl Survival {
    /// Every rule.
    pub const ALL: [Self; 6] =
        [Self::Everything, Self::Nothing, Self::Journal, Self::Subset, Self::Torn, Self::Sectors];

    /// A rule for a power cut, all alike likely.
    pub fn of_cut(rng: &mut StdRng) -> Self {
        Self::ALL[rng.random_range(1..Self::ALL.len())]
    }
}
