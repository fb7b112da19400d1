//! The network's last known block, which every assignment quotes.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// A block hash: 48 bytes on the network, 32 zero bytes where no network is known. Not an id.
#[derive(Clone, PartialEq, Eq)]
pub struct BlockHash(BlockHashBytes);

#[derive(Clone, PartialEq, Eq)]
enum BlockHashBytes {
    Long([u8; 48]),
    Short([u8; 32]),
}

/// A text that is neither 64 nor 43 characters of canonical base64url.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a block hash is 48 or 32 bytes of base64url")]
pub struct BlockHashError;

impl BlockHash {
    /// The hash quoted where no network is known: 32 zero bytes.
    pub const NONE: Self = Self(BlockHashBytes::Short([0; 32]));

    /// Wraps the 48 bytes of a network block hash.
    #[must_use]
    pub const fn network(bytes: [u8; 48]) -> Self {
        Self(BlockHashBytes::Long(bytes))
    }

    /// The text form, 64 or 43 characters, in a buffer of its own: every assignment carries it.
    #[must_use]
    pub fn text(&self) -> SmallVec<[u8; 64]> {
        let mut text = SmallVec::from_elem(0, 64);
        // 48 bytes take 64 characters: it always fits.
        let written = URL_SAFE_NO_PAD.encode_slice(self.as_bytes(), &mut text).unwrap_or(0);
        text.truncate(written);
        text
    }

    /// The raw bytes, 48 or 32.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            BlockHashBytes::Long(bytes) => bytes,
            BlockHashBytes::Short(bytes) => bytes,
        }
    }
}

impl FromStr for BlockHash {
    type Err = BlockHashError;

    fn from_str(text: &str) -> Result<Self, BlockHashError> {
        // Longer texts do not fit, and are none.
        let mut buffer = [0; 48];
        let length = URL_SAFE_NO_PAD.decode_slice(text, &mut buffer).map_err(|_| BlockHashError)?;
        let bytes = buffer.get(..length).unwrap_or_default();
        if let Ok(long) = bytes.try_into() {
            return Ok(Self(BlockHashBytes::Long(long)));
        }
        bytes.try_into().map(|short| Self(BlockHashBytes::Short(short))).map_err(|_| BlockHashError)
    }
}

impl fmt::Display for BlockHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&URL_SAFE_NO_PAD.encode(self.as_bytes()))
    }
}

impl fmt::Debug for BlockHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlockHash({self})")
    }
}

impl Serialize for BlockHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // The alphabet is ASCII.
        serializer.serialize_str(std::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for BlockHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What is known of the network's last block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// Height, 0 where no network is known.
    pub height: u64,
    /// Hash.
    pub hash: BlockHash,
    /// The block's own time, in the network's unit (normally seconds).
    pub timestamp: u64,
}

impl Block {
    /// What a node without a network quotes: height 0, time 0, a zero hash.
    pub const NONE: Self = Self { height: 0, hash: BlockHash::NONE, timestamp: 0 };
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn c013_network_hashes_of_48_bytes_round_trip() {
        let hash = BlockHash::network([0xA5; 48]);
        let text = hash.to_string();
        assert_eq!(text.len(), 64);
        assert_eq!(text.parse(), Ok(hash));
        assert_eq!(BlockHash::NONE.to_string().parse(), Ok(BlockHash::NONE));
        assert_eq!("AAAA".parse::<BlockHash>(), Err(BlockHashError));
        assert_eq!(format!("{}=", &text[..63]).parse::<BlockHash>(), Err(BlockHashError));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_parses_is_written_as_it_was_read(text in "[-_A-Za-z0-9]{43}|[-_A-Za-z0-9]{64}|.{0,70}") {
            if let Ok(hash) = text.parse::<BlockHash>() {
                prop_assert_eq!(hash.to_string(), text);
            }
        }
    }
}
