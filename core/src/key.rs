//! Logical paths and the one binary form every engine may use as its physical key.
//!
//! A path such as `assignments/<process>/7` is kept encoded, segment by segment, so that byte order equals logical
//! order (slot 9 sorts before slot 10), ids take 32 bytes instead of 43, and the encoding of a parent is a byte
//! prefix of the encoding of each of its descendants:
//!
//! | segment | encoding |
//! |---|---|
//! | canonical decimal number below 2^64 | `01`, 8 bytes big endian |
//! | canonical 43-character id | `02`, 32 bytes |
//! | any other name | `03`, the bytes with `00` written `00 FF`, then `00 01` |

use std::borrow::Cow;
use std::fmt;

use smallvec::SmallVec;

use crate::id::{ID_LEN, ID_TEXT_LEN, Id};

/// Longest encoded key in bytes: below LMDB's 511, the smallest limit among the engines worth adding.
pub const MAX_KEY_LEN: usize = 500;

const NUMBER: u8 = 0x01;
const ID: u8 = 0x02;
const NAME: u8 = 0x03;
/// Sorts after every segment tag, so `key + FENCE` lies behind all descendants of `key`.
const FENCE: u8 = 0xFF;

/// A logical path in its order-preserving binary form. The empty key is the root.
///
/// The scheduler's own keys (at most 56 bytes) live inline, without an allocation.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Key(SmallVec<[u8; 56]>);

/// One segment of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment<'a> {
    /// A canonical decimal number: no sign, no leading zero, below 2^64.
    Number(u64),
    /// A content id.
    Id(Id),
    /// Anything else: not empty, without `/`, neither `.` nor `..`. Need not be UTF-8.
    Name(Cow<'a, [u8]>),
}

/// Why a text or a byte string is not a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// `.` or `..` as a segment.
    #[error("a path may not contain '.' or '..' as a segment")]
    Relative,
    /// `/` within a segment, or an empty one.
    #[error("a path segment is not empty and has no '/'")]
    Segment,
    /// The encoded form would exceed [`MAX_KEY_LEN`].
    #[error("the path takes {0} bytes encoded, more than {MAX_KEY_LEN}")]
    TooLong(usize),
    /// The bytes are not the encoding of any path.
    #[error("not an encoded path (at byte {0})")]
    Encoding(usize),
}

impl<'a> Segment<'a> {
    /// Reads a segment's text form, recognising numbers and ids.
    ///
    /// # Errors
    /// [`KeyError::Segment`] and [`KeyError::Relative`] for text that cannot be a segment.
    pub fn parse(text: &'a [u8]) -> Result<Self, KeyError> {
        match text {
            b"." | b".." => return Err(KeyError::Relative),
            [] => return Err(KeyError::Segment),
            _ if text.contains(&b'/') => return Err(KeyError::Segment),
            _ => {}
        }
        if let Ok(utf8) = std::str::from_utf8(text) {
            if let Some(number) = canonical_number(utf8) {
                return Ok(Self::Number(number));
            }
            if text.len() == ID_TEXT_LEN
                && let Ok(id) = utf8.parse()
            {
                return Ok(Self::Id(id));
            }
        }
        Ok(Self::Name(Cow::Borrowed(text)))
    }

    /// The text form.
    #[must_use]
    pub fn text(&self) -> Vec<u8> {
        match self {
            Self::Number(number) => number.to_string().into_bytes(),
            Self::Id(id) => id.text().as_bytes().to_vec(),
            Self::Name(name) => name.to_vec(),
        }
    }
}

fn canonical_number(text: &str) -> Option<u64> {
    let digits = text.as_bytes();
    let canonical = digits.iter().all(u8::is_ascii_digit) && (digits[0] != b'0' || digits.len() == 1);
    if canonical { text.parse().ok() } else { None }
}

impl Key {
    /// The root: the parent of every top-level name.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// Reads a path. Empty parts are dropped, so leading, trailing and repeated `/` do not matter.
    ///
    /// # Errors
    /// [`KeyError::Relative`] for `.` and `..`, [`KeyError::TooLong`] beyond [`MAX_KEY_LEN`].
    pub fn parse(path: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        path.as_ref()
            .split(|byte| *byte == b'/')
            .filter(|part| !part.is_empty())
            .try_fold(Self::root(), |key, part| key.child(&Segment::parse(part)?))
    }

    /// The path one segment below this one.
    ///
    /// # Errors
    /// [`KeyError::TooLong`] beyond [`MAX_KEY_LEN`]; for a [`Segment::Name`] built by hand what [`Segment::parse`] says.
    pub fn child(mut self, segment: &Segment<'_>) -> Result<Self, KeyError> {
        match segment {
            Segment::Number(number) => self.push_number(*number),
            Segment::Id(id) => self.push_id(id),
            Segment::Name(name) => {
                // A name that reads as a number or an id has only one encoding, the short one.
                match Segment::parse(name)? {
                    Segment::Number(number) => self.push_number(number),
                    Segment::Id(id) => self.push_id(&id),
                    Segment::Name(name) => self.push_name(&name),
                }
            }
        }
        match self.0.len() {
            length if length > MAX_KEY_LEN => Err(KeyError::TooLong(length)),
            _ => Ok(self),
        }
    }

    pub(crate) fn push_number(&mut self, number: u64) {
        self.0.push(NUMBER);
        self.0.extend_from_slice(&number.to_be_bytes());
    }

    pub(crate) fn push_id(&mut self, id: &Id) {
        self.0.push(ID);
        self.0.extend_from_slice(id.as_bytes());
    }

    pub(crate) fn push_name(&mut self, name: &[u8]) {
        self.0.push(NAME);
        // Zeros are rare: what lies between them is copied in one piece.
        for (index, part) in name.split(|byte| *byte == 0).enumerate() {
            if index > 0 {
                self.0.extend_from_slice(&[0x00, 0xFF]);
            }
            self.0.extend_from_slice(part);
        }
        self.0.extend_from_slice(&[0x00, 0x01]);
    }

    /// Reads an encoded key back, as an engine finds it on disk.
    ///
    /// # Errors
    /// [`KeyError::Encoding`] unless `bytes` is exactly what this module writes for some path.
    pub fn from_encoded(bytes: &[u8]) -> Result<Self, KeyError> {
        if bytes.len() > MAX_KEY_LEN {
            return Err(KeyError::TooLong(bytes.len()));
        }
        let key = Self(SmallVec::from_slice(bytes));
        let mut rebuilt = Self::root();
        let mut rest = bytes;
        while !rest.is_empty() {
            let at = bytes.len() - rest.len();
            let (segment, tail) = split_segment(rest).ok_or(KeyError::Encoding(at))?;
            rebuilt = rebuilt.child(&segment).map_err(|_| KeyError::Encoding(at))?;
            rest = tail;
        }
        // Rejects non-canonical encodings, such as a number written as a name.
        if rebuilt == key { Ok(key) } else { Err(KeyError::Encoding(0)) }
    }

    /// The encoded form: what engines with byte-string keys store.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether this is the root.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The segments from the root down.
    pub fn segments(&self) -> impl Iterator<Item = Segment<'_>> {
        let mut rest = self.as_bytes();
        std::iter::from_fn(move || {
            let (segment, tail) = split_segment(rest)?;
            rest = tail;
            Some(segment)
        })
    }

    /// Every ancestor below the root, from the top down, this path last.
    pub fn ancestry(&self) -> impl DoubleEndedIterator<Item = Self> {
        let mut ends: SmallVec<[usize; 8]> = SmallVec::new();
        let mut rest = self.as_bytes();
        while let Some((_, tail)) = split_segment(rest) {
            rest = tail;
            ends.push(self.0.len() - rest.len());
        }
        ends.into_iter().map(|end| Self(SmallVec::from_slice(&self.0[..end])))
    }

    /// The last segment; `None` for the root.
    #[must_use]
    pub fn name(&self) -> Option<Segment<'_>> {
        self.segments().last()
    }

    /// The path one segment up; `None` for the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let mut up = self.ancestry().rev();
        up.next().map(|_itself| up.next().unwrap_or_default())
    }

    /// Whether `self` is `ancestor` or lies below it.
    #[must_use]
    pub fn starts_with(&self, ancestor: &Self) -> bool {
        self.0.starts_with(&ancestor.0)
    }

    /// The ancestor of this key that is a direct child of `parent`; `None` unless this key lies below `parent`.
    #[must_use]
    pub fn child_below(&self, parent: &Self) -> Option<Self> {
        let rest = self.0.strip_prefix(parent.as_bytes())?;
        let (_, tail) = split_segment(rest)?;
        Some(Self(SmallVec::from_slice(&self.0[..self.0.len() - tail.len()])))
    }

    /// A scan bound behind every descendant of this key: not a path itself, and never stored.
    #[must_use]
    pub fn fence(&self) -> Self {
        let mut bound = self.0.clone();
        bound.push(FENCE);
        Self(bound)
    }
}

fn split_segment(bytes: &[u8]) -> Option<(Segment<'_>, &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    match *tag {
        NUMBER => {
            let (number, tail) = rest.split_first_chunk()?;
            Some((Segment::Number(u64::from_be_bytes(*number)), tail))
        }
        ID => {
            let (id, tail) = rest.split_first_chunk::<ID_LEN>()?;
            Some((Segment::Id(Id::from_bytes(*id)), tail))
        }
        NAME => split_name(rest),
        _ => None,
    }
}

fn split_name(bytes: &[u8]) -> Option<(Segment<'_>, &[u8])> {
    let mut unescaped: Option<Vec<u8>> = None;
    let mut from = 0;
    loop {
        let zero = from + bytes[from..].iter().position(|byte| *byte == 0)?;
        let tail = &bytes[zero + 2..bytes.len().max(zero + 2)];
        match (bytes.get(zero + 1)?, unescaped.as_mut()) {
            (0x01, None) => return Some((Segment::Name(Cow::Borrowed(&bytes[..zero])), tail)),
            (0x01, Some(name)) => {
                name.extend_from_slice(&bytes[from..zero]);
                return Some((Segment::Name(Cow::Owned(std::mem::take(name))), tail));
            }
            (0xFF, name) => {
                let part = &bytes[from..=zero];
                match name {
                    Some(name) => name.extend_from_slice(part),
                    None => unescaped = Some(part.to_vec()),
                }
                from = zero + 2;
            }
            _ => return None,
        }
    }
}

impl fmt::Display for Key {
    /// The logical path, bytes outside printable ASCII escaped; a scan bound ends in `/…`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, segment) in self.segments().enumerate() {
            let slash = if index == 0 { "" } else { "/" };
            write!(f, "{slash}{}", segment.text().escape_ascii())?;
        }
        if self.0.last() == Some(&FENCE) && Self::from_encoded(&self.0).is_err() {
            f.write_str("/…")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(path: &str) -> Key {
        Key::parse(path).expect("a valid path")
    }

    #[test]
    fn slashes_fold_and_relative_segments_are_refused() {
        assert_eq!(key("//a///b/"), key("a/b"));
        assert_eq!(key("").to_string(), "");
        assert_eq!(Key::parse("a/../b"), Err(KeyError::Relative));
        assert_eq!(Key::parse("./a"), Err(KeyError::Relative));
        assert!(matches!(Key::parse("x".repeat(600)), Err(KeyError::TooLong(_))));
    }

    #[test]
    fn numbers_sort_by_value_and_only_canonical_ones_are_numbers() {
        let mut keys = ["a/10", "a/9", "a/0", "a/1000000"].map(key);
        keys.sort();
        assert_eq!(keys.map(|k| k.to_string()), ["a/0", "a/9", "a/10", "a/1000000"]);
        assert_ne!(key("a/07"), key("a/7"));
        assert_eq!(key("a/07").to_string(), "a/07");
        assert_eq!(key("99999999999999999999").to_string(), "99999999999999999999");
    }

    #[test]
    fn family() {
        let path = key("assignments/AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE/7");
        assert!(path.as_bytes().len() <= 56, "the scheduler's keys stay inline");
        assert_eq!(path.parent(), Some(key("assignments/AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE")));
        assert_eq!(path.child_below(&Key::root()), Some(key("assignments")));
        assert_eq!(path.child_below(&path), None);
        assert_eq!(Key::root().parent(), None);
        assert!(path < key("assignments").fence() && key("b") > key("a").fence());
        assert!(!key("ab").starts_with(&key("a")));
        assert_eq!(key("a").fence().to_string(), "a/…");
    }

    proptest! {
        #[test]
        fn any_path_round_trips(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..20), 0..6)) {
            let path = parts.join(&b'/');
            prop_assume!(!path.split(|b| *b == b'/').any(|p| p == b"." || p == b".."));
            let key = Key::parse(&path).expect("no relative part, short");
            prop_assert_eq!(Key::from_encoded(key.as_bytes()), Ok(key.clone()));
            let text: Vec<Vec<u8>> = key.segments().map(|segment| segment.text()).collect();
            prop_assert_eq!(Key::parse(text.join(&b'/')), Ok(key.clone()));
            if let Some(parent) = key.parent() {
                prop_assert!(key.starts_with(&parent) && key > parent && key < parent.fence());
                prop_assert_eq!(key.child_below(&parent), Some(key));
            }
        }

        #[test]
        fn no_bytes_make_decoding_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(key) = Key::from_encoded(&bytes) {
                prop_assert_eq!(key.as_bytes(), &bytes[..]);
            }
            let _ = Key(SmallVec::from_slice(&bytes)).to_string();
        }
    }
}
