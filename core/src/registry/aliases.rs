//! Aliases: an observer's own words for names and instances.

use std::collections::BTreeMap;

use crate::registry::{Found, InstanceId, Live, Name, Registry};

/// Most aliases of one observer.
pub const MAX_ALIASES: usize = 4096;

/// One observer's own words for things, as in SPKI/SDSI (RFC 2693): they mean something to whoever defined them and to
/// nobody else. Only what they stand for travels.
///
/// They cannot be printed or stored by accident:
///
/// ```compile_fail,E0277
/// fn shows<T: std::fmt::Debug>() {}
/// shows::<slotbench_core::registry::Aliases>();
/// ```
///
/// ```compile_fail,E0277
/// fn stores<T: serde::Serialize>() {}
/// stores::<slotbench_core::registry::Aliases>();
/// ```
#[derive(Default)]
pub struct Aliases(BTreeMap<Box<str>, Target>);

/// What an alias stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Whoever has the name when the alias is used.
    Name(Name),
    /// One instance, for as long as it has the name.
    Instance(Name, InstanceId),
}

/// There are [`MAX_ALIASES`] others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no more than {MAX_ALIASES} aliases")]
pub struct TooManyAliases;

impl Aliases {
    /// Lets `alias` stand for `target`, and returns what it stood for before.
    ///
    /// # Errors
    /// [`TooManyAliases`].
    pub fn define(&mut self, alias: &str, target: Target) -> Result<Option<Target>, TooManyAliases> {
        if self.0.len() >= MAX_ALIASES && !self.0.contains_key(alias) {
            return Err(TooManyAliases);
        }
        Ok(self.0.insert(alias.into(), target))
    }

    /// Forgets an alias, and returns what it stood for.
    pub fn remove(&mut self, alias: &str) -> Option<Target> {
        self.0.remove(alias)
    }

    /// What an alias stands for.
    #[must_use]
    pub fn resolve(&self, alias: &str) -> Option<&Target> {
        self.0.get(alias)
    }

    /// The live instance an alias leads to.
    #[must_use]
    pub fn find<H: Live>(&self, registry: &Registry<H>, alias: &str) -> Option<Found<H>> {
        match self.resolve(alias)? {
            Target::Name(name) => registry.lookup(name),
            Target::Instance(name, id) => registry.lookup(name).filter(|found| found.id() == *id),
        }
    }
}
