//! What is said of an identity or an instance. Attributes never take part in identity.

use std::collections::BTreeMap;

/// Most attributes of one identity or instance.
pub const MAX_ATTRIBUTES: usize = 64;
/// Longest key or value in bytes.
pub const MAX_ATTRIBUTE_LEN: usize = 4096;

/// Texts by key, at most [`MAX_ATTRIBUTES`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attributes(BTreeMap<Box<str>, Box<str>>);

/// Why an attribute was not set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttributeError {
    /// There are [`MAX_ATTRIBUTES`] others.
    #[error("no more than {MAX_ATTRIBUTES} attributes")]
    TooMany,
    /// Key or value is longer than [`MAX_ATTRIBUTE_LEN`].
    #[error("an attribute of {0} bytes, more than {MAX_ATTRIBUTE_LEN}")]
    TooLong(usize),
    /// Nobody has the name.
    #[error("no such name")]
    Absent,
}

impl Attributes {
    /// Sets a value and returns the one before.
    ///
    /// # Errors
    /// [`AttributeError::TooMany`], [`AttributeError::TooLong`].
    pub fn set(&mut self, key: &str, value: &str) -> Result<Option<Box<str>>, AttributeError> {
        let longest = key.len().max(value.len());
        if longest > MAX_ATTRIBUTE_LEN {
            return Err(AttributeError::TooLong(longest));
        }
        if self.0.len() >= MAX_ATTRIBUTES && !self.0.contains_key(key) {
            return Err(AttributeError::TooMany);
        }
        Ok(self.0.insert(key.into(), value.into()))
    }

    /// Removes a value and returns it.
    pub fn remove(&mut self, key: &str) -> Option<Box<str>> {
        self.0.remove(key)
    }

    /// A value.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(AsRef::as_ref)
    }

    /// Keys and values, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (&**key, &**value))
    }

    /// Whether nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_bounded_in_number_and_length() {
        let mut attributes = Attributes::default();
        for n in 0..MAX_ATTRIBUTES {
            assert_eq!(attributes.set(&format!("key {n}"), "value"), Ok(None));
        }
        assert_eq!(attributes.set("one more", ""), Err(AttributeError::TooMany));
        assert_eq!(attributes.set("key 0", "another"), Ok(Some("value".into())), "replacing adds nothing");
        assert_eq!(attributes.set("key 0", &"v".repeat(4097)), Err(AttributeError::TooLong(4097)));
        assert_eq!(attributes.remove("key 0").as_deref(), Some("another"));
        assert_eq!((attributes.get("key 0"), attributes.iter().count()), (None, MAX_ATTRIBUTES - 1));
    }
}
