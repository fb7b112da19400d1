//! Patterns over names, with the wildcards of NATS subjects.

use std::fmt;
use std::str::FromStr;

use crate::registry::name::{MAX_NAME_LEN, Name, NameError, check_kind, check_segment, segments};

/// Names of one kind: `*` stands for exactly one segment, `>` at the end for one or more.
///
/// The rules are those of [NATS subjects](https://docs.nats.io/nats-concepts/subjects#wildcards), with `/` for `.`.
///
/// ```
/// use slotbench_core::registry::{Name, Pattern};
///
/// let handlers: Pattern = "handlers:*/on-click".parse()?;
/// assert!(handlers.matches(&"handlers:page/on-click".parse()?));
/// assert!(!handlers.matches(&"handlers:page/menu/on-click".parse()?));
/// # Ok::<(), slotbench_core::registry::NameError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Pattern {
    text: Box<str>,
    /// How much of the text every match begins with.
    literal: usize,
}

impl Pattern {
    /// Every name of a kind.
    ///
    /// # Errors
    /// [`NameError::Segment`] for what is no kind.
    pub fn kind(kind: &str) -> Result<Self, NameError> {
        format!("{kind}:>").parse()
    }

    /// Every name of a kind that is one by construction, such as a literal.
    pub(crate) fn known_kind(kind: &str) -> Self {
        debug_assert!(check_kind(kind).is_ok(), "{kind}");
        Self { text: format!("{kind}:>").into(), literal: kind.len() + 1 }
    }

    /// One name and no other.
    #[must_use]
    pub fn exactly(name: &Name) -> Self {
        Self { text: name.as_str().into(), literal: name.as_str().len() }
    }

    /// Whether the pattern covers a name.
    #[must_use]
    pub fn matches(&self, name: &Name) -> bool {
        if self.is_literal() {
            return *self.text == *name.as_str();
        }
        if !name.as_str().starts_with(self.literal()) {
            return false;
        }
        let mut found = segments(name.as_str());
        for wanted in segments(&self.text) {
            match (wanted, found.next()) {
                (">", Some(_)) => return true,
                ("*", Some(_)) => {}
                (wanted, Some(segment)) if wanted == segment => {}
                _ => return false,
            }
        }
        found.next().is_none()
    }

    /// Whether it has no wildcard.
    pub(super) fn is_literal(&self) -> bool {
        self.literal == self.text.len()
    }

    /// What every match begins with.
    pub(super) fn literal(&self) -> &str {
        &self.text[..self.literal]
    }
}

impl FromStr for Pattern {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (kind, path) = text.split_once(':').ok_or_else(|| NameError::Kind(text.to_owned()))?;
        check_kind(kind)?;
        if text.len() > MAX_NAME_LEN {
            return Err(NameError::TooLong(text.len()));
        }
        let (mut at, mut literal) = (kind.len() + 1, text.len());
        for segment in path.split('/') {
            let end = at + segment.len();
            match segment {
                ">" if end < text.len() => return Err(NameError::Tail(text.to_owned())),
                "*" | ">" => literal = literal.min(at),
                _ => check_segment(segment)?,
            }
            at = end + 1;
        }
        Ok(Self { text: text.into(), literal })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({})", self.text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        pattern.parse::<Pattern>().expect("a pattern").matches(&name.parse().expect("a name"))
    }

    #[test]
    fn wildcards_are_those_of_nats() {
        assert!(matches("k:a/b", "k:a/b") && !matches("k:a/b", "k:a") && !matches("k:a", "k:a/b"));
        assert!(matches("k:*", "k:a") && !matches("k:*", "k:a/b"));
        assert!(matches("k:>", "k:a") && matches("k:>", "k:a/b/c"));
        assert!(matches("k:a/>", "k:a/b") && !matches("k:a/>", "k:a"), "one or more, never none");
        assert!(matches("k:*/b/>", "k:x/b/c/d") && !matches("k:*/b/>", "k:x/c/c"));
        assert!(!matches("k:>", "l:a"), "kinds never meet");
        assert!(!matches("k:a", "k:ab") && !matches("k:a/>", "k:ab/c"));
    }

    #[test]
    fn a_tail_wildcard_stands_last_and_kinds_have_none() {
        assert_eq!("k:>/a".parse::<Pattern>(), Err(NameError::Tail("k:>/a".to_owned())));
        assert!(
            "*:a".parse::<Pattern>().is_err() && ">:>".parse::<Pattern>().is_err() && ">".parse::<Pattern>().is_err()
        );
        assert!("k:a/../>".parse::<Pattern>().is_err() && "k:".parse::<Pattern>().is_err());
    }

    /// The rule, written as plainly as it can be.
    fn model(pattern: &[&str], name: &[&str]) -> bool {
        match (pattern, name) {
            ([">"], [_, ..]) | ([], []) => true,
            (["*", pattern @ ..], [_, name @ ..]) => model(pattern, name),
            ([one, pattern @ ..], [other, name @ ..]) => one == other && model(pattern, name),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn matching_agrees_with_the_rule(
            pattern in prop::collection::vec(prop::sample::select(vec!["a", "b", "ab", "*"]), 1..4),
            tail in any::<bool>(),
            name in prop::collection::vec(prop::sample::select(vec!["a", "b", "ab"]), 1..5),
        ) {
            let pattern: Vec<&str> = pattern.into_iter().chain(tail.then_some(">")).collect();
            let found = matches(&format!("k:{}", pattern.join("/")), &format!("k:{}", name.join("/")));
            prop_assert_eq!(found, model(&pattern, &name));
        }
    }
}
