//! JSON Web Keys (RFC 7517): Arweave wallet files (RSA) and ed25519 keys (OKP, RFC 8037).
//!
//! Every copy of a private component that is made here is wiped when dropped.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use aws_lc_rs::encoding::{AsBigEndian as _, AsDer as _, Curve25519SeedBin, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPairComponents, PublicKeyComponents};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rsa::pkcs1::RsaPrivateKeyRef;
use rsa::pkcs8::PrivateKeyInfoRef;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::PrivateKey;
use crate::signature::SignatureType;

/// The one public exponent of Arweave wallets: an item carries the modulus only.
const EXPONENT: [u8; 3] = [1, 0, 1];

/// Why a text is no wallet. Never quotes the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JwkError {
    /// No JSON object with texts as fields.
    #[error("not a JSON Web Key: line {line}, column {column}")]
    Json {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// A field that is absent or wrong.
    #[error("field '{field}' {reason}")]
    Field {
        /// The field's name in the JWK.
        field: &'static str,
        /// What it should be.
        reason: &'static str,
    },
    /// Every field can be read, but together they are no key pair.
    #[error("the fields do not belong to one {0} key pair")]
    Inconsistent(&'static str),
    /// The library did not hand out the components of the key, so it cannot be written.
    #[error("the key cannot be exported")]
    Export,
}

/// The text of one field, wiped when dropped.
#[derive(Deserialize, Serialize, Zeroize, ZeroizeOnDrop)]
#[serde(transparent)]
struct Field(String);

/// The fields of a JWK, those of RSA and of OKP together. All but `kty` and `crv` are numbers or bytes in base64url.
#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
struct Jwk {
    #[serde(skip_serializing_if = "Option::is_none")]
    kty: Option<Field>,
    #[serde(skip_serializing_if = "Option::is_none")]
    crv: Option<Field>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x: Option<Field>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<Field>,
    #[serde(skip_serializing_if = "Option::is_none")]
    e: Option<Field>,
    #[serde(skip_serializing_if = "Option::is_none")]
    d: Option<Field>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p: Option<Field>,
    #[serde(skip_serializing_if = "Option::is_none")]
    q: Option<Field>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dp: Option<Field>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dq: Option<Field>,
    #[serde(skip_serializing_if = "Option::is_none")]
    qi: Option<Field>,
}

/// Reads a key pair.
pub(super) fn read(text: &str) -> Result<PrivateKey, JwkError> {
    let jwk: Jwk =
        serde_json::from_str(text).map_err(|error| JwkError::Json { line: error.line(), column: error.column() })?;
    match text_of(&jwk.kty) {
        Some("RSA") => read_rsa(&jwk).map(PrivateKey::Rsa),
        Some("OKP") => read_ed25519(&jwk).map(PrivateKey::Ed25519),
        _ => Err(JwkError::Field { field: "kty", reason: "must be 'RSA' or 'OKP'" }),
    }
}

fn read_rsa(jwk: &Jwk) -> Result<RsaKeyPair, JwkError> {
    let n = decode("n", &jwk.n)?;
    if n.len() != SignatureType::Arweave.owner_len() || n.first().is_none_or(|byte| *byte < 0x80) {
        return Err(JwkError::Field { field: "n", reason: "must be a modulus of 4096 bits" });
    }
    let e = decode("e", &jwk.e)?;
    if *e != EXPONENT {
        return Err(JwkError::Field { field: "e", reason: "must be 65537 (AQAB)" });
    }
    let components = KeyPairComponents {
        public_key: PublicKeyComponents { n, e },
        d: decode("d", &jwk.d)?,
        p: decode("p", &jwk.p)?,
        q: decode("q", &jwk.q)?,
        dP: decode("dp", &jwk.dp)?,
        dQ: decode("dq", &jwk.dq)?,
        qInv: decode("qi", &jwk.qi)?,
    };
    RsaKeyPair::from_components(&components).map_err(|_| JwkError::Inconsistent("RSA"))
}

fn read_ed25519(jwk: &Jwk) -> Result<Ed25519KeyPair, JwkError> {
    if text_of(&jwk.crv) != Some("Ed25519") {
        return Err(JwkError::Field { field: "crv", reason: "must be 'Ed25519'" });
    }
    let public_key = decode("x", &jwk.x)?;
    let seed = decode("d", &jwk.d)?;
    if seed.len() != 32 {
        return Err(JwkError::Field { field: "d", reason: "must have 32 bytes" });
    }
    Ed25519KeyPair::from_seed_and_public_key(&seed, &public_key).map_err(|_| JwkError::Inconsistent("ed25519"))
}

fn decode(field: &'static str, text: &Option<Field>) -> Result<Zeroizing<Vec<u8>>, JwkError> {
    let text = text_of(text).ok_or(JwkError::Field { field, reason: "is missing" })?;
    let bytes = URL_SAFE_NO_PAD.decode(text);
    bytes.map(Zeroizing::new).map_err(|_| JwkError::Field { field, reason: "must be unpadded base64url" })
}

fn text_of(field: &Option<Field>) -> Option<&str> {
    field.as_ref().map(|text| text.0.as_str())
}

/// The JSON text of a key pair.
pub(super) fn write(key: &PrivateKey) -> Result<Zeroizing<Vec<u8>>, JwkError> {
    let jwk = match key {
        PrivateKey::Rsa(pair) => rsa_jwk(pair)?,
        PrivateKey::Ed25519(pair) => ed25519_jwk(pair)?,
    };
    // Twice what a key takes: a buffer that grows would leave copies behind.
    let mut json = Zeroizing::new(Vec::with_capacity(8192));
    serde_json::to_writer(&mut *json, &jwk).map_err(|_| JwkError::Export)?;
    Ok(json)
}

fn rsa_jwk(pair: &RsaKeyPair) -> Result<Jwk, JwkError> {
    let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| JwkError::Export)?;
    let info = PrivateKeyInfoRef::try_from(der.as_ref()).map_err(|_| JwkError::Export)?;
    let key = RsaPrivateKeyRef::try_from(info.private_key.as_bytes()).map_err(|_| JwkError::Export)?;
    Ok(Jwk {
        kty: text("RSA"),
        n: encode(key.modulus.as_bytes()),
        e: encode(key.public_exponent.as_bytes()),
        d: encode(key.private_exponent.as_bytes()),
        p: encode(key.prime1.as_bytes()),
        q: encode(key.prime2.as_bytes()),
        dp: encode(key.exponent1.as_bytes()),
        dq: encode(key.exponent2.as_bytes()),
        qi: encode(key.coefficient.as_bytes()),
        ..Jwk::default()
    })
}

fn ed25519_jwk(pair: &Ed25519KeyPair) -> Result<Jwk, JwkError> {
    let seed = pair.seed().map_err(|_| JwkError::Export)?;
    let seed: Curve25519SeedBin<'_> = seed.as_be_bytes().map_err(|_| JwkError::Export)?;
    Ok(Jwk {
        kty: text("OKP"),
        crv: text("Ed25519"),
        x: encode(pair.public_key().as_ref()),
        d: encode(seed.as_ref()),
        ..Jwk::default()
    })
}

fn text(text: &str) -> Option<Field> {
    Some(Field(text.to_owned()))
}

fn encode(bytes: &[u8]) -> Option<Field> {
    Some(Field(URL_SAFE_NO_PAD.encode(bytes)))
}

/// Creates a file only its owner may read; fails when there is one.
pub(super) fn create_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}
