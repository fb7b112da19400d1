//! Settings of an engine that a plan may change.

use std::collections::BTreeMap;
use std::str::FromStr;

use slotbench_core::store::StoreError;

/// Engine settings by name, as written in a plan. An engine takes what it knows and refuses the rest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    values: BTreeMap<String, String>,
}

impl Options {
    /// Settings from name and value pairs.
    #[must_use]
    pub fn new(values: BTreeMap<String, String>) -> Self {
        Self { values }
    }

    /// The settings, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Refuses settings that `engine` does not have.
    ///
    /// # Errors
    /// [`StoreError::Engine`] naming the unknown setting and the known ones.
    pub fn known(&self, engine: &'static str, names: &[&str]) -> Result<(), StoreError> {
        match self.values.keys().find(|name| !names.contains(&name.as_str())) {
            None => Ok(()),
            Some(unknown) if names.is_empty() => Err(refuse(engine, format!("no option '{unknown}': it has none"))),
            Some(unknown) => Err(refuse(engine, format!("no option '{unknown}' (known: {})", names.join(", ")))),
        }
    }

    /// The value of one setting, or `default`.
    ///
    /// # Errors
    /// [`StoreError::Engine`] when the text is not a `T`.
    pub fn get<T: FromStr>(&self, engine: &'static str, name: &str, default: T) -> Result<T, StoreError> {
        match self.values.get(name) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| {
                let kind = std::any::type_name::<T>();
                refuse(engine, format!("option '{name}' cannot be '{text}' (it takes a {kind})"))
            }),
        }
    }
}

fn refuse(engine: &'static str, reason: String) -> StoreError {
    StoreError::engine(engine, "options")(reason)
}
