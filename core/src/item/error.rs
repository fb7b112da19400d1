//! What can go wrong when an item is read, checked or made.

use super::TagError;
use crate::wallet::SignError;

/// Why bytes are not an item.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ItemError {
    /// The input ends within the header.
    #[error("an item ends within its {field}: {needed} bytes needed, {available} left")]
    Truncated {
        /// The field that is cut.
        field: &'static str,
        /// The field's length in bytes.
        needed: u64,
        /// The bytes there are.
        available: usize,
    },
    /// A signature type other than those of [`SignatureType`](super::SignatureType).
    #[error("signature type {0} is not supported (1 Arweave, 2 ed25519, 3 Ethereum are)")]
    SignatureType(u16),
    /// A presence byte that is neither 0 nor 1.
    #[error("the byte that says whether there is {field} is {byte}, neither 0 nor 1")]
    Presence {
        /// `a target` or `an anchor`.
        field: &'static str,
        /// The byte found.
        byte: u8,
    },
    /// The tags cannot be read, or exceed a limit.
    #[error("tags: {0}")]
    Tags(#[from] TagError),
}

/// Why an item's signature does not stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// There is no signature to verify.
    #[error("the item is not signed")]
    Unsigned,
    /// The owner is no public key of the item's signature type.
    #[error("the owner is no {0}")]
    Owner(&'static str),
    /// The signature is not the owner's signature of this item.
    #[error("the signature does not match the item and its owner")]
    Invalid,
}

/// Why an item cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The tags exceed a limit.
    #[error("tags: {0}")]
    Tags(#[from] TagError),
    /// The signer refused.
    #[error(transparent)]
    Sign(#[from] SignError),
}
