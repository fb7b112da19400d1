//! Signers that wallets are not: RSA with any salt, Ethereum, and keys and signatures that do not fit together.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use k256::ecdsa::signature::hazmat::PrehashSigner as _;
use rand::SeedableRng as _;
use rsa::signature::{RandomizedSigner as _, SignatureEncoding as _};
use sha2::{Digest as _, Sha256};
use sha3::Keccak256;
use slotbench_core::item::SignatureType;
use slotbench_core::wallet::{SignError, Signature, Signer};
use slotbench_core::{Address, Id};

/// Signs as an Arweave wallet with a salt of a chosen length would.
pub(crate) struct SaltedRsa {
    key: rsa::RsaPrivateKey,
    modulus: Vec<u8>,
    salt_len: usize,
}

impl SaltedRsa {
    pub(crate) fn load(salt_len: usize) -> Self {
        let text = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/wallets/rsa4096.json")).unwrap();
        let jwk: serde_json::Value = serde_json::from_slice(&text).unwrap();
        let field = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
        let [p, q, e] = ["p", "q", "e"].map(|name| rsa::BoxedUint::from_be_slice_vartime(&field(name)));
        Self { key: rsa::RsaPrivateKey::from_p_q(p, q, e).unwrap(), modulus: field("n"), salt_len }
    }
}

impl Signer for SaltedRsa {
    fn signature_type(&self) -> SignatureType {
        SignatureType::Arweave
    }

    fn public_key(&self) -> &[u8] {
        &self.modulus
    }

    fn address(&self) -> Address {
        Address::Key(Id::from_slice(&Sha256::digest(&self.modulus)).unwrap())
    }

    fn sign(&self, payload: &[u8]) -> Result<Signature, SignError> {
        let key = rsa::pss::SigningKey::<Sha256>::new_with_salt_len(self.key.clone(), self.salt_len);
        let signature = key.sign_with_rng(&mut rand::rngs::StdRng::seed_from_u64(1), payload);
        Ok(Signature::from(&*signature.to_bytes()))
    }
}

/// What somebody without the key can change in a signature.
#[derive(Clone, Copy)]
pub(crate) enum Malleability {
    /// Nothing: as wallets sign.
    LowS,
    /// The last byte.
    OtherRecoveryId,
    /// `s` negated.
    HighS,
}

pub(crate) struct Ethereum {
    key: k256::ecdsa::SigningKey,
    public_key: Vec<u8>,
    malleability: Malleability,
}

impl Ethereum {
    pub(crate) fn new(secret: [u8; 32], malleability: Malleability) -> Self {
        let key = k256::ecdsa::SigningKey::from_slice(&secret).unwrap();
        let public_key = key.verifying_key().to_sec1_point(false).as_bytes().to_vec();
        Self { key, public_key, malleability }
    }
}

impl Signer for Ethereum {
    fn signature_type(&self) -> SignatureType {
        SignatureType::Ethereum
    }

    fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    fn address(&self) -> Address {
        Address::Ethereum(Keccak256::digest(&self.public_key[1..])[12..].try_into().unwrap())
    }

    fn sign(&self, payload: &[u8]) -> Result<Signature, SignError> {
        let message = [b"\x19Ethereum Signed Message:\n48", payload].concat();
        let (mut signature, recovery): (k256::ecdsa::Signature, k256::ecdsa::RecoveryId) =
            self.key.sign_prehash(&Keccak256::digest(message)).unwrap();
        let mut last = 27 + recovery.to_byte();
        match self.malleability {
            Malleability::LowS => {}
            Malleability::OtherRecoveryId => last ^= 1,
            Malleability::HighS => {
                signature = k256::ecdsa::Signature::from_scalars(signature.r(), -signature.s()).unwrap();
            }
        }
        Ok(Signature::from(&[&signature.to_bytes()[..], &[last]].concat()[..]))
    }
}

/// An ed25519 signer with a public key and a signature that need not fit together.
pub(crate) struct Fixed {
    pub(crate) public_key: Vec<u8>,
    pub(crate) signature: Vec<u8>,
}

impl Signer for Fixed {
    fn signature_type(&self) -> SignatureType {
        SignatureType::Ed25519
    }

    fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    fn address(&self) -> Address {
        Address::Key(Id::from_slice(&Sha256::digest(&self.public_key)).unwrap())
    }

    fn sign(&self, _payload: &[u8]) -> Result<Signature, SignError> {
        Ok(Signature::from(&self.signature[..]))
    }
}
