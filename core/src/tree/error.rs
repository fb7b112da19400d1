//! What can go wrong on a path.

use crate::key::KeyError;
use crate::store::StoreError;

/// A refused or failed operation on a path. Nothing has been changed unless the variant is [`Store`](Self::Store).
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// The store failed, or links lead in a circle.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is above the path is a value, so nothing can be below it.
    #[error("{path}: {parent} is a value and cannot have anything below it")]
    ParentIsValue {
        /// The path as given.
        path: String,
        /// The value that is in the way.
        parent: String,
    },
    /// A group is in the way.
    #[error("{path} is a group")]
    IsGroup {
        /// The path, links above it resolved.
        path: String,
    },
    /// A link is in the way: writing would have to change either it or what it leads to.
    #[error("{path} is a link")]
    IsLink {
        /// The path, links above it resolved.
        path: String,
    },
    /// A value is in the way.
    #[error("{path} is a value")]
    IsValue {
        /// The path, links resolved.
        path: String,
    },
    /// The name of the new link is taken by something else.
    #[error("{path} exists and is not a link to {target}")]
    Exists {
        /// The name.
        path: String,
        /// Where it was to lead.
        target: String,
    },
    /// The path is too long once its links are resolved.
    #[error("path '{path}': {source}")]
    Key {
        /// The path as given.
        path: String,
        /// What is wrong with it.
        source: KeyError,
    },
}
