//! Writing JSON: what a form gives as bytes becomes base64url text.
//!
//! Signed items are most of every answer. As bytes they are encoded straight into it: not chunk by chunk through a formatter, and
//! without a look for characters to escape, of which the alphabet has none.

use std::io::{self, Write};

use base64_simd::{Out, URL_SAFE_NO_PAD};
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// Writes `form` behind what `text` holds.
///
/// # Errors
/// What the form's own serialisation reports, such as a map with keys that are no text.
pub fn write(text: &mut Vec<u8>, form: &impl Serialize) -> serde_json::Result<()> {
    form.serialize(&mut Serializer::with_formatter(text, Base64url))
}

/// Compact JSON in which bytes are base64url text instead of lists of numbers.
struct Base64url;

/// Whole groups of three bytes, so that the chunks' texts together are the text of the whole.
const CHUNK: usize = 768;

impl Formatter for Base64url {
    fn write_byte_array<W: ?Sized + Write>(&mut self, writer: &mut W, bytes: &[u8]) -> io::Result<()> {
        let mut text = [0; CHUNK / 3 * 4];
        writer.write_all(b"\"")?;
        for chunk in bytes.chunks(CHUNK) {
            writer.write_all(URL_SAFE_NO_PAD.encode(chunk, Out::from_slice(&mut text)))?;
        }
        writer.write_all(b"\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::base64url;

    struct Bytes(Vec<u8>);

    impl Serialize for Bytes {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(&self.0)
        }
    }

    #[test]
    fn bytes_are_the_text_that_they_are_in_one_piece() {
        for length in (0..10).chain([CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 5000]) {
            let bytes: Vec<u8> = (0..length).map(|at| (at * 151).to_le_bytes()[0]).collect();
            let mut text = Vec::new();
            write(&mut text, &[Bytes(bytes.clone())]).expect("writes");
            assert_eq!(String::from_utf8(text).expect("text"), format!("[\"{}\"]", base64url(bytes)), "{length} bytes");
        }
    }
}
