//! The signature schemes of items, and the addresses that belong to their keys.

use sha3::{Digest, Keccak256};

use crate::hash::sha256;
use crate::id::{Address, Id};

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
    /// Every scheme.
    pub const ALL: [Self; 3] = [Self::Arweave, Self::Ed25519, Self::Ethereum];

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

    /// The scheme with that number, where it is supported.
    #[must_use]
    pub const fn from_number(number: u16) -> Option<Self> {
        match number {
            1 => Some(Self::Arweave),
            2 => Some(Self::Ed25519),
            3 => Some(Self::Ethereum),
            _ => None,
        }
    }
}

/// The address of a public key in the form that `kind` gives an owner.
pub(crate) fn address_of(kind: SignatureType, owner: &[u8]) -> Address {
    match (kind, owner) {
        // The first byte says that the point is uncompressed and is no part of the key.
        (SignatureType::Ethereum, [_, point @ ..]) => {
            let hash: [u8; 32] = Keccak256::digest(point).into();
            let mut account = [0; 20];
            account.copy_from_slice(&hash[12..]);
            Address::Ethereum(account)
        }
        _ => Address::Key(Id::from_bytes(sha256(&[owner]))),
    }
}
