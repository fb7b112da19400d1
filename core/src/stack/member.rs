//! A store as a member of a chain.

use std::fmt;
use std::sync::Arc;

use crate::store::Store;

/// Where a store's data is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// On this machine.
    Local,
    /// Elsewhere: every call may take a round trip.
    Remote,
}

/// A store, its name in messages, its scope, and whether the chain may write to it.
#[derive(Clone)]
pub struct Member {
    name: String,
    store: Arc<dyn Store>,
    scope: Scope,
    writable: bool,
}

impl Member {
    /// A local store that may be written to.
    pub fn new(name: impl Into<String>, store: Arc<dyn Store>) -> Self {
        Self { name: name.into(), store, scope: Scope::Local, writable: true }
    }

    /// The same store, elsewhere.
    #[must_use]
    pub fn remote(mut self) -> Self {
        self.scope = Scope::Remote;
        self
    }

    /// The same store, never written to.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.writable = false;
        self
    }

    /// Its name in messages.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The store itself.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Where its data is.
    #[must_use]
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// Whether the chain may write to it.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.writable
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scope = if self.scope == Scope::Local { "local" } else { "remote" };
        let access = if self.writable { "read-write" } else { "read-only" };
        write!(f, "{} ({}, {scope}, {access})", self.name, self.store.describe().engine)
    }
}
