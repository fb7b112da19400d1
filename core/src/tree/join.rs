//! Paths put together from parts.

use crate::key::{Key, KeyError};

/// A part of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// Text: any number of segments, need not be UTF-8. Empty ones do not count.
    Text(&'a [u8]),
    /// A number as one segment.
    Number(u64),
    /// Parts within a part.
    List(&'a [Part<'a>]),
}

impl<'a> From<&'a str> for Part<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text.as_bytes())
    }
}

impl<'a> From<&'a [u8]> for Part<'a> {
    fn from(text: &'a [u8]) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Part<'_> {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl<'a> From<&'a [Part<'a>]> for Part<'a> {
    fn from(parts: &'a [Part<'a>]) -> Self {
        Self::List(parts)
    }
}

/// One path from parts, each below the one before it. Slashes at their ends, doubled slashes and empty parts do not
/// matter.
///
/// # Errors
/// [`KeyError::Relative`] where a segment is `.` or `..`; [`KeyError::TooLong`].
pub fn join(parts: &[Part<'_>]) -> Result<Key, KeyError> {
    let mut path = Vec::new();
    append(&mut path, parts);
    Key::parse(path)
}

fn append(path: &mut Vec<u8>, parts: &[Part<'_>]) {
    for part in parts {
        path.push(b'/');
        match part {
            Part::Text(text) => path.extend_from_slice(text),
            Part::Number(number) => path.extend_from_slice(number.to_string().as_bytes()),
            Part::List(parts) => append(path, parts),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_nest_and_slashes_fold() {
        let inner = ["b//c".into(), Part::List(&[]), "".into(), 7.into()];
        let path = join(&["/a/".into(), Part::List(&inner), b"\xFF".as_slice().into()]);
        assert_eq!(path, Key::parse(b"a/b/c/7/\xFF"));
        assert_eq!(join(&[]), Ok(Key::root()));
    }

    #[test]
    fn relative_segments_are_refused_in_any_part() {
        assert_eq!(join(&["a".into(), "..".into()]), Err(KeyError::Relative));
        assert_eq!(join(&[Part::List(&["a/./b".into()])]), Err(KeyError::Relative));
    }
}
