//! Content ids and addresses: 32 bytes, written as 43 characters of unpadded base64url.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Length of an id in bytes.
pub const ID_LEN: usize = 32;
/// Length of an id's text form in characters.
pub const ID_TEXT_LEN: usize = 43;

/// A 32-byte content id: of a message, an assignment, a process.
///
/// Text and raw forms name the same id; everything inside the scheduler uses this one type, so that a process can
/// never get two writers under two spellings.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id([u8; ID_LEN]);

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text is not 43 characters long, or the raw form not 32 bytes.
    #[error("an id has {ID_TEXT_LEN} characters (or {ID_LEN} raw bytes), this has {0}")]
    Length(usize),
    /// A character outside `A-Z a-z 0-9 - _`, or a last character whose unused bits are not zero.
    #[error("an id is canonical base64url (A-Z a-z 0-9 - _, unused bits zero)")]
    Encoding,
    /// Not `0x` and 40 hexadecimal digits.
    #[error("an Ethereum address is 0x and 40 hexadecimal digits")]
    Ethereum,
}

impl Id {
    /// Wraps 32 raw bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; ID_LEN]) -> Self {
        Self(bytes)
    }

    /// Reads the raw form.
    ///
    /// # Errors
    /// [`IdError::Length`] unless `bytes` has exactly 32 bytes.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, IdError> {
        bytes.try_into().map(Self).map_err(|_| IdError::Length(bytes.len()))
    }

    /// The raw bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; ID_LEN] {
        &self.0
    }

    /// The text form in a fixed buffer, without allocating: what the hash chain absorbs.
    #[must_use]
    pub fn text(&self) -> IdText {
        let mut buffer = [0_u8; ID_TEXT_LEN];
        // The buffer has exactly the encoded length, the one condition under which encoding can fail.
        let written = URL_SAFE_NO_PAD.encode_slice(self.0, &mut buffer).unwrap_or(0);
        debug_assert_eq!(written, ID_TEXT_LEN);
        IdText(buffer)
    }
}

/// The 43 ASCII characters of an [`Id`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct IdText([u8; ID_TEXT_LEN]);

impl IdText {
    /// The characters as bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; ID_TEXT_LEN] {
        &self.0
    }

    /// The characters as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for Id {
    type Err = IdError;

    /// Strict: 43 characters of the base64url alphabet with a canonical last one. `/` and `.` never pass, so an id can
    /// be pasted into a path.
    fn from_str(text: &str) -> Result<Self, IdError> {
        if text.len() != ID_TEXT_LEN {
            return Err(IdError::Length(text.len()));
        }
        let mut bytes = [0_u8; ID_LEN];
        match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
            Ok(ID_LEN) => Ok(Self(bytes)),
            _ => Err(IdError::Encoding),
        }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text().as_str())
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({self})")
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text().as_str())
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Who signed: the SHA-256 of a public key, or an Ethereum account.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// SHA-256 of the public key (Arweave RSA, ed25519).
    Key(Id),
    /// The last 20 bytes of the Keccak-256 of a secp256k1 public key.
    Ethereum([u8; 20]),
}

impl FromStr for Address {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let Some(digits) = text.strip_prefix("0x") else {
            return text.parse().map(Self::Key);
        };
        if digits.len() != 40 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(IdError::Ethereum);
        }
        let mut account = [0_u8; 20];
        for (byte, pair) in account.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| IdError::Ethereum)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| IdError::Ethereum)?;
        }
        Ok(Self::Ethereum(account))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => id.fmt(f),
            Self::Ethereum(account) => {
                f.write_str("0x")?;
                account.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn c004_parsing_refuses_wrong_length_alphabet_and_non_canonical_tail() {
        let good = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
        assert_eq!(good.parse(), Ok(Id::from_bytes([1; 32])));
        assert_eq!(Id::from_bytes([1; 32]).to_string(), good);
        assert_eq!(good[..42].parse::<Id>(), Err(IdError::Length(42)));
        assert_eq!(format!("{good}A").parse::<Id>(), Err(IdError::Length(44)));
        assert_eq!(good.replace('Q', "+").parse::<Id>(), Err(IdError::Encoding));
        assert_eq!(good.replace('Q', "=").parse::<Id>(), Err(IdError::Encoding));
        // `F` differs from `E` only in the two unused bits.
        assert_eq!(format!("{}F", &good[..42]).parse::<Id>(), Err(IdError::Encoding));
        assert_eq!(Id::from_slice(&[0; 31]), Err(IdError::Length(31)));
    }

    #[test]
    fn c005_an_id_with_path_characters_never_parses() {
        for evil in ["../../../../etc/passwd/aaaaaaaaaaaaaaaaaaaaa", "AQEBAQEBAQEBAQEBAQEBAQEB/QEBAQEBAQEBAQEBAQE"] {
            let text: String = evil.chars().chain(std::iter::repeat('A')).take(43).collect();
            assert_eq!(text.parse::<Id>(), Err(IdError::Encoding), "{text}");
        }
    }

    #[test]
    fn addresses_take_ids_and_ethereum_accounts_only() {
        let account = "0x00112233445566778899aabbccddeeff00112233";
        assert_eq!(account.parse::<Address>().map(|a| a.to_string()), Ok(account.to_owned()));
        assert_eq!("0x0011".parse::<Address>(), Err(IdError::Ethereum));
        assert_eq!("0x00112233445566778899aabbccddeeff0011223g".parse::<Address>(), Err(IdError::Ethereum));
        assert_eq!("0x+0112233445566778899aabbccddeeff00112233".parse::<Address>(), Err(IdError::Ethereum));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Mostly of the length and the alphabet of ids, so that some are.
        #[test]
        fn what_parses_is_written_as_it_was_read(text in "[-_A-Za-z0-9]{43}|0x[0-9a-fA-F]{40}|.{0,50}") {
            if let Ok(id) = text.parse::<Id>() {
                prop_assert_eq!(id.to_string(), text.clone());
            }
            if let Ok(address) = text.parse::<Address>() {
                prop_assert!(address.to_string().eq_ignore_ascii_case(&text));
            }
        }
    }
}
