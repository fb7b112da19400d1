//! Names of any bytes as file names, and back.
//!
//! ASCII letters, digits, `_`, `-` and `.` stay as they are; every other byte becomes `%` and two upper-case
//! hexadecimal digits. A `.` in front is escaped too (nothing is hidden, and no name is `.` or `..`), and so is the one
//! of a final `.d`, the suffix of directories. All other ASCII characters are therefore free to mark what is ours.

use std::fmt::Write as _;

/// Longest raw piece of a name in one file name, in bytes: escaped threefold, with a suffix, it stays below the 255
/// bytes every Linux file system takes.
pub(super) const PIECE: usize = 80;

/// Suffix of the directory that holds what lies below a name.
pub(super) const GROUP_SUFFIX: &str = ".d";

/// Appends the escaped form of one piece.
pub(super) fn escape(piece: &[u8], out: &mut String) {
    for (index, byte) in piece.iter().enumerate() {
        if is_plain(*byte, index, piece) {
            out.push(char::from(*byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

fn is_plain(byte: u8, index: usize, piece: &[u8]) -> bool {
    match byte {
        b'.' => index != 0 && piece.get(index + 1..) != Some(b"d".as_slice()),
        b'_' | b'-' => true,
        _ => byte.is_ascii_alphanumeric(),
    }
}

/// The piece that [`escape`] writes as `text`; `None` if it writes nothing so.
pub(super) fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut piece = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let (byte, tail) = if *first == b'%' { hex_byte(tail)? } else { (*first, tail) };
        piece.push(byte);
        rest = tail;
    }
    let mut again = String::with_capacity(text.len());
    escape(&piece, &mut again);
    (again == text && (1..=PIECE).contains(&piece.len())).then_some(piece)
}

fn hex_byte(text: &[u8]) -> Option<(u8, &[u8])> {
    let (digits, tail) = text.split_first_chunk::<2>()?;
    let digits = std::str::from_utf8(digits).ok()?;
    Some((u8::from_str_radix(digits, 16).ok()?, tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(piece: &[u8]) -> String {
        let mut out = String::new();
        escape(piece, &mut out);
        out
    }

    #[test]
    fn plain_names_stay_readable_and_reserved_ones_are_escaped() {
        for (raw, text) in [
            (&b"assignments"[..], "assignments"),
            (b"Cargo.toml", "Cargo.toml"),
            (b".hidden", "%2Ehidden"),
            (b"x.d", "x%2Ed"),
            (b".d", "%2Ed"),
            (b"x.d.d", "x.d%2Ed"),
            (b"x.dd", "x.dd"),
            (b"a/b%~+@\0\xFF", "a%2Fb%25%7E%2B%40%00%FF"),
        ] {
            assert_eq!(escaped(raw), text);
            assert_eq!(unescape(text).as_deref(), Some(raw));
        }
    }

    #[test]
    fn every_pair_of_bytes_round_trips_into_one_short_file_name() {
        for pair in 0..=u16::MAX {
            let raw = pair.to_be_bytes();
            let text = escaped(&raw);
            assert!(!text.starts_with('.') && !text.ends_with(GROUP_SUFFIX), "{text}");
            assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"%._-".contains(&b)), "{text}");
            assert_eq!(unescape(&text).as_deref(), Some(&raw[..]));
        }
        assert!(escaped(&[0; PIECE]).len() + 2 < 255);
    }

    #[test]
    fn what_escape_never_writes_is_not_read() {
        for text in ["", "%", "%4", "%zz", "%+1", "%2e", "%41", ".x", "x.d", "x~", "a b", &"x".repeat(81)] {
            assert_eq!(unescape(text), None, "{text}");
        }
    }
}
