//! What can go wrong in a store: operation, place, cause.

use std::io;

use crate::key::KeyError;
use crate::store::Durability;

/// A failed storage operation.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The operating system refused a file operation.
    #[error("{op} {path}: {source}")]
    Io {
        /// What was attempted, such as `fsync`.
        op: &'static str,
        /// The file or directory.
        path: String,
        /// The cause.
        source: io::Error,
    },
    /// The engine refused an operation.
    #[error("{engine}: {op}: {source}")]
    Engine {
        /// The engine's name.
        engine: &'static str,
        /// What was attempted, such as `commit`.
        op: &'static str,
        /// The engine's own error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Something is stored at the path but is not what it must be.
    #[error("damaged data at {path}: {reason}")]
    Corrupt {
        /// Logical path or file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// More links than [`MAX_LINK_HOPS`](crate::store::MAX_LINK_HOPS) on the way.
    #[error("too many links from {path} on: a loop")]
    LinkLoop {
        /// The path that was to be resolved.
        path: String,
    },
    /// A path that cannot be a key.
    #[error("path '{path}': {source}")]
    Key {
        /// The path as given.
        path: String,
        /// Why not.
        source: KeyError,
    },
    /// The engine has no setting that gives this tier, or not on this file system.
    #[error("{engine} cannot give durability '{asked}': {reason}")]
    Tier {
        /// The engine's name.
        engine: &'static str,
        /// The tier asked for.
        asked: Durability,
        /// Why it is out of reach.
        reason: String,
    },
    /// Another process, or another handle of this one, has the directory open.
    #[error("{path} is in use by another process")]
    Locked {
        /// The data directory.
        path: String,
    },
    /// An earlier write or sync failed, so the store takes no more batches until it is opened again.
    #[error("the store stopped after an earlier failure: {reason}")]
    Poisoned {
        /// The earlier failure.
        reason: String,
    },
}

impl StoreError {
    /// An [`Io`](Self::Io) error, for use with `map_err`.
    pub fn io(op: &'static str, path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.display().to_string();
        move |source| Self::Io { op, path, source }
    }

    /// An [`Engine`](Self::Engine) error, for use with `map_err`.
    pub fn engine<E>(engine: &'static str, op: &'static str) -> impl FnOnce(E) -> Self
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        move |source| Self::Engine { engine, op, source: source.into() }
    }
}
