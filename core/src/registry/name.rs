//! Names: a kind and a path, such as `scheduler:<process>` or `atoms:prod/app-state`.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use crate::sync::Arc;

/// Longest text form in bytes.
pub const MAX_NAME_LEN: usize = 512;

/// A kind and one or more segments, written `kind:segment/segment`. Case-sensitive.
///
/// Kinds and segments are UTF-8, not empty, without `/` and control characters, and none of `.`, `..`, `*`, `>`; a
/// kind has no `:` either. Names are ordered by the bytes of their text form, so whatever lies below one name is
/// together. A clone shares the text.
///
/// ```
/// use slotbench_core::registry::Name;
///
/// let name: Name = "atoms:prod/app-state".parse()?;
/// assert_eq!(name.kind(), "atoms");
/// assert_eq!(name.segments().collect::<Vec<_>>(), ["prod", "app-state"]);
/// assert_eq!(name, Name::from_clojure("atoms", "prod/app-state")?);
/// # Ok::<(), slotbench_core::registry::NameError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

/// A name that belongs to somebody else: what look-ups take, so that they need no allocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameRef<'a>(&'a str);

/// Why a text is not a name or a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// No `:` between kind and segments.
    #[error("'{0}' has no kind: names are written kind:segment/segment")]
    Kind(String),
    /// Empty, reserved, or with a character that is not allowed.
    #[error("'{0}' is no segment of a name: not empty, no '/' or control character, none of . .. * >")]
    Segment(String),
    /// `>` stands before the end of a pattern.
    #[error("'>' must be the last segment of the pattern '{0}'")]
    Tail(String),
    /// The text form is longer than [`MAX_NAME_LEN`].
    #[error("a name of {0} bytes, more than {MAX_NAME_LEN}")]
    TooLong(usize),
}

impl Name {
    /// Joins a kind and segments.
    ///
    /// # Errors
    /// [`NameError`]: the first part that is not allowed.
    pub fn new<S: AsRef<str>>(kind: &str, segments: impl IntoIterator<Item = S>) -> Result<Self, NameError> {
        check_kind(kind)?;
        let mut text = format!("{kind}:");
        let mut separator = "";
        for segment in segments {
            check_segment(segment.as_ref())?;
            text.push_str(separator);
            text.push_str(segment.as_ref());
            separator = "/";
        }
        if separator.is_empty() { Err(NameError::Segment(String::new())) } else { Self::checked(&text) }
    }

    /// A fully qualified Clojure name: `a.b/c` has the segments `a`, `b`, `c`.
    ///
    /// # Errors
    /// [`NameError`].
    pub fn from_clojure(kind: &str, qualified: &str) -> Result<Self, NameError> {
        match qualified.split_once('/') {
            Some((namespace, name)) => Self::new(kind, namespace.split('.').chain([name])),
            None => Self::new(kind, [qualified]),
        }
    }

    /// The name of something that belongs to this one: its segments and one more, under another kind.
    ///
    /// # Errors
    /// [`NameError`].
    pub fn member(&self, kind: &str, segment: &str) -> Result<Self, NameError> {
        Self::new(kind, self.segments().chain([segment]))
    }

    fn checked(text: &str) -> Result<Self, NameError> {
        if text.len() > MAX_NAME_LEN { Err(NameError::TooLong(text.len())) } else { Ok(Self(text.into())) }
    }

    /// The part before the `:`.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.0.split_once(':').map_or("", |(kind, _)| kind)
    }

    /// The segments, at least one.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        segments(&self.0)
    }

    /// The text form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'a> NameRef<'a> {
    /// Checks a text that stays where it is.
    ///
    /// # Errors
    /// [`NameError`].
    pub fn parse(text: &'a str) -> Result<Self, NameError> {
        let (kind, path) = text.split_once(':').ok_or_else(|| NameError::Kind(text.to_owned()))?;
        check_kind(kind)?;
        path.split('/').try_for_each(check_segment)?;
        if text.len() > MAX_NAME_LEN { Err(NameError::TooLong(text.len())) } else { Ok(Self(text)) }
    }

    /// A text that is a name by construction, such as a literal kind and an id.
    pub(crate) fn known(text: &'a str) -> Self {
        debug_assert!(Self::parse(text).is_ok(), "{text}");
        Self(text)
    }

    /// The text form.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// A name of one's own.
    #[must_use]
    pub fn to_name(self) -> Name {
        Name(self.0.into())
    }
}

impl<'a> From<&'a Name> for NameRef<'a> {
    fn from(name: &'a Name) -> Self {
        Self(&name.0)
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        NameRef::parse(text).map(NameRef::to_name)
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({})", &self.0)
    }
}

/// The segments of a name's or a pattern's text.
pub(super) fn segments(text: &str) -> impl Iterator<Item = &str> {
    text.split_once(':').map_or("", |(_, path)| path).split('/')
}

pub(super) fn check_kind(kind: &str) -> Result<(), NameError> {
    if kind.contains(':') { Err(NameError::Segment(kind.to_owned())) } else { check_segment(kind) }
}

pub(super) fn check_segment(segment: &str) -> Result<(), NameError> {
    let is_reserved = matches!(segment, "" | "." | ".." | "*" | ">");
    if is_reserved || segment.contains('/') || segment.chars().any(char::is_control) {
        return Err(NameError::Segment(segment.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_that_are_no_names_are_refused() {
        for text in
            ["", "a", ":a", "k:", "k:a//b", "k:/a", "k:a/", "k:.", "k:a/..", "k:a\u{7}", "k:*", "k:a/>", "k/l:a"]
        {
            assert!(text.parse::<Name>().is_err(), "{text:?}");
        }
        assert_eq!("no kind".parse::<Name>(), Err(NameError::Kind("no kind".to_owned())));
        assert_eq!(format!("k:{}", "a".repeat(511)).parse::<Name>(), Err(NameError::TooLong(513)));
        assert!(format!("k:{}", "a".repeat(510)).parse::<Name>().is_ok());
        assert!(Name::new("k", [""; 0]).is_err(), "at least one segment");
    }

    #[test]
    fn a_qualified_clojure_name_has_its_namespaces_parts() {
        let name = Name::from_clojure("vars", "sente-lite.registry/channel").expect("a name");
        assert_eq!(name.as_str(), "vars:sente-lite/registry/channel");
        assert_eq!(Name::from_clojure("vars", "plain").expect("a name").as_str(), "vars:plain");
    }

    proptest! {
        #[test]
        fn printing_and_parsing_are_inverse(kind in "[a-zé*>.]{1,4}", path in prop::collection::vec("[a-zA-Z0-9:é.*> -]{1,8}", 1..5)) {
            if let Ok(name) = Name::new(&kind, &path) {
                prop_assert_eq!(name.to_string().parse::<Name>(), Ok(name.clone()));
                prop_assert_eq!(name.kind(), &kind);
                prop_assert_eq!(name.segments().collect::<Vec<_>>(), path);
            }
        }

        #[test]
        fn any_text_is_a_name_or_refused(text in "\\PC{0,40}") {
            if let Ok(name) = text.parse::<Name>() {
                let rebuilt = Name::new(name.kind(), name.segments());
                prop_assert_eq!(rebuilt, Ok(name));
            }
        }
    }
}
