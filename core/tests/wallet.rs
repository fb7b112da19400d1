//! Wallet files, and that they are the only way a private key gets out.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use slotbench_core::item::{ItemBuilder, SignatureType};
use slotbench_core::wallet::{JwkError, Signer, Wallet, WalletError};

/// The key of RFC 8037, appendix A.
const ED25519: &str = r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
"x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
const SEED: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";

fn rsa_file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/wallets/rsa4096.json")
}

fn signs_and_verifies(wallet: &Wallet) -> bool {
    let item = ItemBuilder::new().tag("a", "b").data("c").sign(wallet).unwrap();
    item.verify() == Ok(()) && item.owner() == wallet.public_key() && item.owner_address() == wallet.address()
}

#[test]
fn an_arweave_wallet_signs() {
    let wallet = Wallet::read_jwk(rsa_file()).map_err(|error| error.to_string()).unwrap();
    assert_eq!(wallet.signature_type(), SignatureType::Arweave);
    assert_eq!(wallet.address().to_string(), "mvn7Lzu9EdbM9nTz8Pkz2jJq_O7giYQWmS5jvKdKjw0");
    assert!(signs_and_verifies(&wallet));
}

#[test]
fn the_ed25519_key_of_rfc_8037_signs() {
    let wallet = Wallet::from_jwk(ED25519).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(wallet.signature_type(), SignatureType::Ed25519);
    assert!(signs_and_verifies(&wallet));
    assert!(signs_and_verifies(&Wallet::generate_ed25519().unwrap_or_else(|error| panic!("{error}"))));
}

#[test]
fn a_written_wallet_reads_back_and_is_private() {
    let directory = tempfile::tempdir().unwrap();
    let rsa = Wallet::generate_rsa4096().unwrap_or_else(|error| panic!("{error}"));
    let ed25519 = Wallet::ed25519_from_seed([9; 32]).unwrap_or_else(|error| panic!("{error}"));
    for (name, wallet) in [("rsa.json", rsa), ("ed25519.json", ed25519)] {
        let path = directory.path().join(name);
        wallet.write_jwk(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let reread = Wallet::read_jwk(&path).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(reread.public_key(), wallet.public_key());
        assert!(signs_and_verifies(&reread));
        // Never over an existing file.
        assert!(matches!(wallet.write_jwk(&path), Err(WalletError::Io { op: "create", .. })));
        // Whoever made a file readable for all meant it.
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(Wallet::read_jwk(&path).is_ok());
    }
}

/// With the compile-fail example of [`Wallet`] (no `Debug`), what "no API returns the private key" comes to: what a
/// wallet and its signatures show does not contain it, and no error quotes a file.
#[test]
fn c043_neither_a_wallet_nor_an_error_shows_a_private_key() {
    let seed = [0xA7; 32];
    let wallet = Wallet::ed25519_from_seed(seed).unwrap_or_else(|error| panic!("{error}"));
    let item = ItemBuilder::new().data("x").sign(&wallet).unwrap();
    for shown in [wallet.public_key(), &item.as_bytes()[..], wallet.address().to_string().as_bytes()] {
        assert!(!shown.windows(16).any(|window| seed.starts_with(window)));
    }
    for broken in [
        ED25519.replace("OKP", "RSA"),
        ED25519.replace("11qY", "11qZ"),
        ED25519.replace("\"d\":\"", "\"d\":\"="),
        ED25519.replace("\"d\":", "\"d\" "),
        ED25519.replace("\"d\":\"", "\"kty\":\""),
        ED25519.replace("}", ""),
    ] {
        let error = Wallet::from_jwk(&broken).err().unwrap_or_else(|| panic!("{broken} is no wallet"));
        assert!(!format!("{error} {error:?}").contains(&SEED[..8]), "{error:?}");
    }
}

fn refused(change: impl Fn(&mut serde_json::Value)) -> JwkError {
    let mut jwk = serde_json::from_slice(&std::fs::read(rsa_file()).unwrap()).unwrap();
    change(&mut jwk);
    Wallet::from_jwk(&jwk.to_string()).err().unwrap_or_else(|| panic!("the changed key was accepted"))
}

#[test]
fn errors_name_the_field_at_fault() {
    for field in ["n", "e", "d", "p", "q", "dp", "dq", "qi"] {
        let missing = refused(|jwk| jwk[field] = serde_json::Value::Null);
        assert_eq!(missing, JwkError::Field { field, reason: "is missing" });
        let padded = refused(|jwk| jwk[field] = "AQAB==".into());
        assert_eq!(padded, JwkError::Field { field, reason: "must be unpadded base64url" });
    }
    let short = refused(|jwk| jwk["n"] = jwk["p"].clone());
    assert_eq!(short, JwkError::Field { field: "n", reason: "must be a modulus of 4096 bits" });
    let exponent = refused(|jwk| jwk["e"] = "Aw".into());
    assert_eq!(exponent, JwkError::Field { field: "e", reason: "must be 65537 (AQAB)" });
    assert_eq!(refused(|jwk| jwk["d"] = jwk["dp"].clone()), JwkError::Inconsistent("RSA"));
    let kind = refused(|jwk| jwk["kty"] = "EC".into());
    assert_eq!(kind, JwkError::Field { field: "kty", reason: "must be 'RSA' or 'OKP'" });
    assert!(matches!(refused(|jwk| jwk["n"] = 5.into()), JwkError::Json { .. }));
}

#[test]
fn errors_name_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("wallet.json");
    let message = |path| Wallet::read_jwk(path).err().map(|error: WalletError| error.to_string()).unwrap_or_default();
    assert!(message(&path).starts_with(&format!("read {}: ", path.display())));
    std::fs::write(&path, "{\n \"kty\": 1 }").unwrap();
    assert_eq!(message(&path), format!("{}: not a JSON Web Key: line 2, column 9", path.display()));
    std::fs::write(&path, ED25519.replace("Ed25519", "X25519")).unwrap();
    assert_eq!(message(&path), format!("{}: field 'crv' must be 'Ed25519'", path.display()));
}
