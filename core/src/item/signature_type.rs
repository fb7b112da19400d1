//! The signature schemes an item may use.

use super::ItemError;

/// Longest signature and longest owner of any supported type, in bytes.
pub const MAX_SIGNATURE_LEN: usize = 512;

/// The scheme of an item's signature. The discriminant is the number in the item's first two bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum SignatureType {
    /// RSA-4096 with PSS padding and SHA-256. The owner is the modulus; the exponent is always 65537.
    Arweave = 1,
    /// ed25519 (RFC 8032).
    Ed25519 = 2,
    /// ECDSA over secp256k1 of an Ethereum "personal message". The owner is the uncompressed public key.
    Ethereum = 3,
}

impl SignatureType {
    /// Length of a signature in bytes.
    #[must_use]
    pub const fn signature_len(self) -> usize {
        match self {
            Self::Arweave => MAX_SIGNATURE_LEN,
            Self::Ed25519 => 64,
            Self::Ethereum => 65,
        }
    }

    /// Length of an owner, the public key, in bytes.
    #[must_use]
    pub const fn owner_len(self) -> usize {
        match self {
            Self::Arweave => 512,
            Self::Ed25519 => 32,
            Self::Ethereum => 65,
        }
    }

    /// The number in the item's first two bytes.
    #[must_use]
    pub const fn number(self) -> u16 {
        self as u16
    }
}

impl TryFrom<u16> for SignatureType {
    type Error = ItemError;

    fn try_from(number: u16) -> Result<Self, ItemError> {
        match number {
            1 => Ok(Self::Arweave),
            2 => Ok(Self::Ed25519),
            3 => Ok(Self::Ethereum),
            _ => Err(ItemError::SignatureType(number)),
        }
    }
}
