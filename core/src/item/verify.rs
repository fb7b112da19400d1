//! Signature verification by scheme.

use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{ED25519, RSA_PSS_2048_8192_SHA256, RsaParameters, RsaPssSaltLength, UnparsedPublicKey};
use k256::ecdsa::signature::hazmat::PrehashVerifier as _;
use rsa::signature::Verifier as _;
use sha3::{Digest as _, Keccak256};

use super::{SignatureType, VerifyError};

/// Checks that `signature` is `owner`'s signature of an item with this deep hash.
pub(super) fn verify(
    kind: SignatureType,
    owner: &[u8],
    deep_hash: &[u8; 48],
    signature: &[u8],
) -> Result<(), VerifyError> {
    match kind {
        SignatureType::Arweave => verify_rsa(owner, deep_hash, signature),
        SignatureType::Ed25519 => verify_ed25519(owner, deep_hash, signature),
        SignatureType::Ethereum => verify_ethereum(owner, deep_hash, signature),
    }
}

fn verify_ed25519(owner: &[u8], message: &[u8], signature: &[u8]) -> Result<(), VerifyError> {
    if is_small_order(owner) {
        return Err(VerifyError::Owner("ed25519 public key of full order"));
    }
    UnparsedPublicKey::new(&ED25519, owner).verify(message, signature).map_err(|_| VerifyError::Invalid)
}

/// Whether a public key is one of the few points for which anybody can sign. RFC 8032 lets them verify, and one of them
/// is the owner of unsigned items: 32 zeros.
fn is_small_order(owner: &[u8]) -> bool {
    /// The `y` of the points of order 8.
    const ORDER_8: [[u8; 32]; 2] = [
        [
            0x26, 0xE8, 0x95, 0x8F, 0xC2, 0xB2, 0x27, 0xB0, 0x45, 0xC3, 0xF4, 0x89, 0xF2, 0xEF, 0x98, 0xF0, 0xD5, 0xDF,
            0xAC, 0x05, 0xD3, 0xC6, 0x33, 0x39, 0xB1, 0x38, 0x02, 0x88, 0x6D, 0x53, 0xFC, 0x05,
        ],
        [
            0xC7, 0x17, 0x6A, 0x70, 0x3D, 0x4D, 0xD8, 0x4F, 0xBA, 0x3C, 0x0B, 0x76, 0x0D, 0x10, 0x67, 0x0F, 0x2A, 0x20,
            0x53, 0xFA, 0x2C, 0x39, 0xCC, 0xC6, 0x4E, 0xC7, 0xFD, 0x77, 0x92, 0xAC, 0x03, 0x7A,
        ],
    ];
    let Ok(mut y) = <[u8; 32]>::try_from(owner) else { return false };
    // The highest bit is the sign of x.
    y[31] &= 0x7F;
    match y {
        // 0 and 1: orders 4 and 1.
        [0 | 1, middle @ .., 0] if middle == [0; 30] => true,
        // p - 1: order 2; p and p + 1: 0 and 1 again.
        [0xEC..=0xEE, middle @ .., 0x7F] if middle == [0xFF; 30] => true,
        _ => ORDER_8.contains(&y),
    }
}

/// The exponent of every Arweave wallet; an item carries the modulus only.
const RSA_EXPONENT: [u8; 3] = [1, 0, 1];

/// RSA-PSS with a salt of any length.
///
/// Clients use 32 bytes (browsers) or the maximum of 478 (Node.js), which the fast library checks when it is told the
/// length. Any other length takes the slow one, which finds out; so does every invalid signature.
fn verify_rsa(modulus: &[u8], message: &[u8], signature: &[u8]) -> Result<(), VerifyError> {
    const KNOWN_SALTS: [&RsaParameters; 2] = [
        &RSA_PSS_2048_8192_SHA256.with_pss_salt_length(RsaPssSaltLength::Digest),
        &RSA_PSS_2048_8192_SHA256.with_pss_salt_length(RsaPssSaltLength::Max),
    ];
    if !is_modulus(modulus) {
        return Err(VerifyError::Owner("RSA-4096 modulus"));
    }
    let key = PublicKeyComponents { n: modulus, e: &RSA_EXPONENT[..] };
    let known = KNOWN_SALTS.iter().any(|parameters| key.verify(parameters, message, signature).is_ok());
    if known { Ok(()) } else { verify_rsa_any_salt(modulus, message, signature) }
}

/// A product of two large primes is odd, and with 4096 bits its highest bit is set.
fn is_modulus(owner: &[u8]) -> bool {
    owner.len() == SignatureType::Arweave.owner_len()
        && owner.first().is_some_and(|byte| byte & 0x80 != 0)
        && owner.last().is_some_and(|byte| byte & 1 == 1)
}

fn verify_rsa_any_salt(modulus: &[u8], message: &[u8], signature: &[u8]) -> Result<(), VerifyError> {
    let [modulus, exponent] = [modulus, &RSA_EXPONENT].map(rsa::BoxedUint::from_be_slice_vartime);
    let key = rsa::RsaPublicKey::new(modulus, exponent).map_err(|_| VerifyError::Owner("RSA-4096 modulus"))?;
    let signature = rsa::pss::Signature::try_from(signature).map_err(|_| VerifyError::Invalid)?;
    let key = rsa::pss::VerifyingKey::<sha2::Sha256>::new_with_auto_salt_len(key);
    key.verify(message, &signature).map_err(|_| VerifyError::Invalid)
}

/// ECDSA of an EIP-191 personal message. As in arbundles, the signature's last byte (the recovery id) is not looked at
/// since the owner is known, and a high `s` is refused.
fn verify_ethereum(owner: &[u8], message: &[u8; 48], signature: &[u8]) -> Result<(), VerifyError> {
    let key = k256::ecdsa::VerifyingKey::from_sec1_bytes(owner)
        .map_err(|_| VerifyError::Owner("uncompressed secp256k1 public key"))?;
    let compact = signature.get(..64).ok_or(VerifyError::Invalid)?;
    let signature = k256::ecdsa::Signature::from_slice(compact).map_err(|_| VerifyError::Invalid)?;
    key.verify_prehash(&personal_message_hash(message), &signature).map_err(|_| VerifyError::Invalid)
}

/// Keccak-256 of what `personal_sign` signs for a message of 48 bytes. Source: EIP-191, version 0x45.
fn personal_message_hash(message: &[u8; 48]) -> [u8; 32] {
    Keccak256::new().chain_update(b"\x19Ethereum Signed Message:\n48").chain_update(message).finalize().into()
}
