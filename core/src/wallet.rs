//! Keys that sign items.
//!
//! A private key never leaves its [`Wallet`]: there is no accessor, no `Debug`, no serialisation, and errors do not
//! quote key files. The one way out is [`Wallet::write_jwk`], to a file of the user's choice.

mod jwk;
mod ring;
mod signature;

use std::path::{Path, PathBuf};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _, RSA_PSS_SHA256, RsaKeyPair};

use rsa::pkcs1::RsaPublicKeyRef;
use zeroize::Zeroizing;

use crate::id::Address;
use crate::signature::{SignatureType, address_of};

pub use jwk::JwkError;
pub use ring::KeyRing;
pub use signature::Signature;

/// Signs items on behalf of one address.
pub trait Signer: Send + Sync {
    /// The scheme; fixes the lengths of public key and signature.
    fn signature_type(&self) -> SignatureType;

    /// The owner field of the items signed.
    fn public_key(&self) -> &[u8];

    /// The address that belongs to the public key.
    fn address(&self) -> Address;

    /// Whether items stay unsigned: signature and public key are then zeros.
    fn is_null(&self) -> bool {
        false
    }

    /// Signs an item's deep hash.
    ///
    /// # Errors
    /// [`SignError`] when the key or its library refuses.
    fn sign(&self, payload: &[u8]) -> Result<Signature, SignError>;
}

/// Why nothing was signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The cryptographic library refused, or there was no randomness.
    #[error("{0:?} signing failed")]
    Failed(SignatureType),
    /// A signer does not keep to the lengths of its signature type.
    #[error("a signer's {field} has {found} bytes, its type asks for {expected}")]
    Length {
        /// `signature` or `public key`.
        field: &'static str,
        /// The length of the signature type, in bytes.
        expected: usize,
        /// The length the signer gave, in bytes.
        found: usize,
    },
}

/// A key pair: ed25519 or RSA-4096. It signs,
///
/// ```
/// fn signs<T: slotbench_core::Signer>() {}
/// signs::<slotbench_core::Wallet>();
/// ```
///
/// but is never printed or stored by accident:
///
/// ```compile_fail,E0277
/// fn shows<T: std::fmt::Debug>() {}
/// shows::<slotbench_core::Wallet>();
/// ```
///
/// ```compile_fail,E0277
/// fn stores<T: serde::Serialize>() {}
/// stores::<slotbench_core::Wallet>();
/// ```
pub struct Wallet {
    key: PrivateKey,
    public_key: Vec<u8>,
    address: Address,
}

enum PrivateKey {
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

impl PrivateKey {
    const fn signature_type(&self) -> SignatureType {
        match self {
            Self::Ed25519(_) => SignatureType::Ed25519,
            Self::Rsa(_) => SignatureType::Arweave,
        }
    }

    /// The owner field of this key's items; nothing if the library's encoding of it cannot be read.
    fn owner(&self) -> Option<Vec<u8>> {
        match self {
            Self::Ed25519(pair) => Some(pair.public_key().as_ref().to_vec()),
            Self::Rsa(pair) => {
                let key = RsaPublicKeyRef::try_from(pair.public_key().as_ref()).ok()?;
                Some(key.modulus.as_bytes().to_vec())
            }
        }
    }
}

/// Why there is no wallet, or no file of it.
#[derive(Debug, thiserror::Error)]
pub enum WalletError {
    /// The library made no key, for want of randomness or memory.
    #[error("generating a key failed")]
    Generate,
    /// A file operation failed.
    #[error("{op} {path}: {source}")]
    Io {
        /// What was attempted, such as `read`.
        op: &'static str,
        /// The wallet file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file is no wallet.
    #[error("{path}: {source}")]
    Jwk {
        /// The wallet file.
        path: PathBuf,
        /// What is wrong with it.
        source: JwkError,
    },
}

impl Wallet {
    /// A new random ed25519 key.
    ///
    /// # Errors
    /// [`WalletError::Generate`].
    pub fn generate_ed25519() -> Result<Self, WalletError> {
        let pair = Ed25519KeyPair::generate().map_err(|_| WalletError::Generate)?;
        Self::new(PrivateKey::Ed25519(pair)).ok_or(WalletError::Generate)
    }

    /// The ed25519 key of a seed: for tests and reproducible runs.
    ///
    /// # Errors
    /// [`WalletError::Generate`].
    pub fn ed25519_from_seed(seed: [u8; 32]) -> Result<Self, WalletError> {
        let seed = Zeroizing::new(seed);
        let pair = Ed25519KeyPair::from_seed_unchecked(&*seed).map_err(|_| WalletError::Generate)?;
        Self::new(PrivateKey::Ed25519(pair)).ok_or(WalletError::Generate)
    }

    /// A new random RSA-4096 key, as Arweave wallets have it. Takes from a tenth of a second to several seconds.
    ///
    /// # Errors
    /// [`WalletError::Generate`].
    pub fn generate_rsa4096() -> Result<Self, WalletError> {
        let pair = RsaKeyPair::generate(KeySize::Rsa4096).map_err(|_| WalletError::Generate)?;
        Self::new(PrivateKey::Rsa(pair)).ok_or(WalletError::Generate)
    }

    /// Reads a JSON Web Key: an Arweave wallet (`RSA`, 4096 bits) or an ed25519 key (`OKP`).
    ///
    /// # Errors
    /// [`JwkError`] names the field at fault, never its content.
    pub fn from_jwk(text: &str) -> Result<Self, JwkError> {
        Self::new(jwk::read(text)?).ok_or(JwkError::Export)
    }

    /// Reads a JSON Web Key file, see [`Wallet::from_jwk`]. The file's permissions do not matter.
    ///
    /// # Errors
    /// [`WalletError::Io`] when the file cannot be read, [`WalletError::Jwk`] when it is no wallet.
    pub fn read_jwk(path: impl AsRef<Path>) -> Result<Self, WalletError> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map(Zeroizing::new).map_err(io("read", path))?;
        Self::from_jwk(&text).map_err(|source| WalletError::Jwk { path: path.to_owned(), source })
    }

    /// Writes the key pair as a JSON Web Key to a new file that only its owner may read (mode 0600), and syncs it.
    ///
    /// # Errors
    /// [`WalletError::Io`]; also when the file exists, since overwriting a wallet would lose a key.
    pub fn write_jwk(&self, path: impl AsRef<Path>) -> Result<(), WalletError> {
        let path = path.as_ref();
        let json = jwk::write(&self.key).map_err(|source| WalletError::Jwk { path: path.to_owned(), source })?;
        jwk::create_private(path, &json).map_err(io("create", path))
    }

    fn new(key: PrivateKey) -> Option<Self> {
        let public_key = key.owner()?;
        let address = address_of(key.signature_type(), &public_key);
        Some(Self { key, public_key, address })
    }
}

impl Signer for Wallet {
    fn signature_type(&self) -> SignatureType {
        self.key.signature_type()
    }

    fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    fn address(&self) -> Address {
        self.address
    }

    /// RSA signs with a salt of 32 bytes, the digest's length.
    fn sign(&self, payload: &[u8]) -> Result<Signature, SignError> {
        let failed = |_| SignError::Failed(self.signature_type());
        match &self.key {
            PrivateKey::Ed25519(pair) => {
                pair.try_sign(payload).map(|raw| Signature::from(raw.as_ref())).map_err(failed)
            }
            PrivateKey::Rsa(pair) => {
                let mut raw = [0; SignatureType::Arweave.signature_len()];
                pair.sign(&RSA_PSS_SHA256, &SystemRandom::new(), payload, &mut raw).map_err(failed)?;
                Ok(Signature::from(&raw[..]))
            }
        }
    }
}

/// Signs nothing ("sign = none"): ed25519 items with zeros for owner and signature, whose ids come from their content.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSigner;

impl Signer for NoSigner {
    fn signature_type(&self) -> SignatureType {
        SignatureType::Ed25519
    }

    fn public_key(&self) -> &[u8] {
        const { &[0; SignatureType::Ed25519.owner_len()] }
    }

    fn address(&self) -> Address {
        address_of(self.signature_type(), self.public_key())
    }

    fn is_null(&self) -> bool {
        true
    }

    fn sign(&self, _payload: &[u8]) -> Result<Signature, SignError> {
        Ok(Signature::from(&[0; SignatureType::Ed25519.signature_len()][..]))
    }
}

fn io(op: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> WalletError {
    let path = path.to_owned();
    move |source| WalletError::Io { op, path, source }
}
