//! Why the registry refused.

use std::fmt;

use crate::registry::{Found, Name, NameError};
use crate::sync::Arc;

/// Why a name led to nothing.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError<E> {
    /// The factory failed; every caller that waited for it gets the same error, and the next one tries again.
    #[error("the factory failed")]
    Factory(Arc<E>),
    /// The factory panicked in another caller's thread.
    #[error("the factory panicked")]
    Panicked,
    /// Nobody has the name, and nobody was to be created.
    #[error("no such name")]
    Absent,
    /// There is no [`AppType`](super::AppType) for names of this kind.
    #[error("nothing is known of how to create a '{0}'")]
    Undefined(Box<str>),
    /// A resource that the name's type requires has no valid name.
    #[error("a required resource: {0}")]
    Name(#[from] NameError),
    /// A resource that the name's type requires could not be created.
    #[error("the required resource {name}: {cause}")]
    Resource {
        /// The resource.
        name: Name,
        /// What came of it.
        cause: Box<Self>,
    },
}

// By hand: a derived one would ask the factory's error to be `Clone`, and only its `Arc` is cloned.
impl<E> Clone for RegistryError<E> {
    fn clone(&self) -> Self {
        match self {
            Self::Factory(error) => Self::Factory(Arc::clone(error)),
            Self::Panicked => Self::Panicked,
            Self::Absent => Self::Absent,
            Self::Undefined(kind) => Self::Undefined(kind.clone()),
            Self::Name(error) => Self::Name(error.clone()),
            Self::Resource { name, cause } => Self::Resource { name: name.clone(), cause: cause.clone() },
        }
    }
}

/// A name that somebody has: its live holder, or `None` while it is being created.
#[derive(thiserror::Error)]
#[error("the name is taken")]
pub struct Taken<H>(pub Option<Found<H>>);

impl<H> fmt::Debug for Taken<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Taken(a live holder)" } else { "Taken(being created)" })
    }
}

/// The name has moved on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stale: the name is at generation {current:?}")]
pub struct Stale {
    /// Its generation; `None` if nobody has it.
    pub current: Option<u64>,
}

/// The deadline passed before anybody took the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nobody has taken the name by the deadline")]
pub struct DeadlinePassed;
