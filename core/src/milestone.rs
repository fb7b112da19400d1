//! Where a message is on its path through the scheduler, for whoever wants to know where its time goes.
//!
//! Watching is the caller's choice, message by message: it attaches a [`MessageObserver`] to the ones it wants to
//! follow. All others cost one branch at each milestone, no clock, no lock, no memory.

use std::fmt;
use std::sync::Arc;

/// Points of a message's path. A message that is stored has passed all of them, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Milestone {
    /// Mode and signature policy let it pass.
    Verified,
    /// Its process's writer has given it a slot: the writer was found, there was room in the window, and the chain
    /// step is taken.
    Sequenced,
    /// Its assignment is signed. Passed again where a failed signature moved it to another slot. In aggressive mode
    /// the caller is answered when all slots before it have come this far.
    Signed,
    /// Its batch is closed and about to be applied.
    Committing,
    /// The store has answered that the batch is stored. In the confirming modes the caller is answered next.
    Stored,
}

impl Milestone {
    /// Every milestone, in order.
    pub const ALL: [Self; 5] = [Self::Verified, Self::Sequenced, Self::Signed, Self::Committing, Self::Stored];
}

/// Follows one message.
pub trait MessageObserver: Send + Sync {
    /// Called on whichever thread takes the message past the milestone, which waits meanwhile: read a clock and
    /// return. A writer's or a lane's lock may be held.
    fn reached(&self, milestone: Milestone);
}

/// What a caller attaches to a message.
#[derive(Clone, Default)]
pub struct Mark {
    /// Handed to the [`CommitObserver`](crate::commit::CommitObserver) with the message's batch.
    pub tag: u64,
    /// Follows this message.
    pub observer: Option<Arc<dyn MessageObserver>>,
}

impl Mark {
    /// Tells the observer, if there is one.
    pub(crate) fn reached(&self, milestone: Milestone) {
        if let Some(observer) = &self.observer {
            observer.reached(milestone);
        }
    }
}

impl From<u64> for Mark {
    /// A tag, and nobody to follow the message.
    fn from(tag: u64) -> Self {
        Self { tag, observer: None }
    }
}

impl fmt::Debug for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mark").field("tag", &self.tag).field("observed", &self.observer.is_some()).finish()
    }
}
