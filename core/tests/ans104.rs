//! Items made by other software, signatures of every scheme, and damaged input.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use k256::ecdsa::signature::hazmat::PrehashSigner as _;
use rand::SeedableRng as _;
use rsa::signature::{RandomizedSigner as _, SignatureEncoding as _};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use sha3::Keccak256;
use slotbench_core::item::{BuildError, Item, ItemBuilder, ItemError, SignatureType, TagError, Template, VerifyError};
use slotbench_core::wallet::{NoSigner, SignError, Signature, Signer, Wallet};
use slotbench_core::{Address, Id};

/// An entry of `index.json`, the description of the sample files.
#[derive(Deserialize)]
struct Sample {
    file: String,
    #[serde(default)]
    valid: bool,
    #[serde(flatten)]
    fields: Option<Fields>,
}

#[derive(Deserialize)]
struct Fields {
    id: String,
    signature_type: u16,
    owner: String,
    target: String,
    anchor: String,
    tags: Vec<Tag>,
    data_len: usize,
    data_sha256: String,
}

#[derive(Deserialize)]
struct Tag {
    name: String,
    value: String,
}

fn data_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn sample(file: &str) -> Bytes {
    std::fs::read(data_path("ans104").join(file)).unwrap().into()
}

fn valid_samples() -> Vec<Sample> {
    let index = std::fs::read(data_path("ans104/index.json")).unwrap();
    let samples: Vec<Sample> = serde_json::from_slice(&index).unwrap();
    samples.into_iter().filter(|sample| sample.valid).collect()
}

fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn samples_have_the_fields_their_index_says() {
    let samples = valid_samples();
    assert_eq!(samples.len(), 7);
    for Sample { file, fields, .. } in samples {
        let (bytes, expected) = (sample(&file), fields.unwrap());
        let item = Item::parse(bytes.clone()).unwrap();
        assert_eq!(item.as_bytes(), &bytes, "{file}");
        assert_eq!(item.signature_type().number(), expected.signature_type, "{file}");
        assert_eq!(text(item.owner()), expected.owner, "{file}");
        assert_eq!(item.target().map_or(String::new(), |target| target.to_string()), expected.target, "{file}");
        assert_eq!(text(item.anchor().map_or(&[], |anchor| anchor.as_slice())), expected.anchor, "{file}");
        let tags: Vec<_> = expected.tags.iter().map(|tag| (tag.name.as_bytes(), tag.value.as_bytes())).collect();
        assert_eq!(item.tags().len(), tags.len(), "{file}");
        assert_eq!(item.tags().collect::<Vec<_>>(), tags, "{file}");
        assert_eq!(item.data().len(), expected.data_len, "{file}");
        assert_eq!(hex(&Sha256::digest(item.data())), expected.data_sha256, "{file}");
    }
}

#[test]
fn c001_the_id_is_the_sha_256_of_the_signature() {
    for Sample { file, fields, .. } in valid_samples() {
        let item = Item::parse(sample(&file)).unwrap();
        assert_eq!(item.id().to_string(), fields.unwrap().id, "{file}");
        assert_eq!(item.id().as_bytes()[..], Sha256::digest(item.signature())[..], "{file}");
    }
    let built = ItemBuilder::new().data("x").sign(&ed25519(1)).unwrap();
    assert_eq!(built.id().as_bytes()[..], Sha256::digest(built.signature())[..]);
    assert_eq!(Item::parse(built.as_bytes().clone()).unwrap().id(), built.id());
}

#[test]
fn samples_of_every_scheme_verify() {
    for Sample { file, .. } in valid_samples() {
        let item = Item::parse(sample(&file)).unwrap();
        assert!(item.is_signed(), "{file}");
        assert_eq!(item.verify(), Ok(()), "{file}");
    }
}

#[test]
fn an_ethereum_owner_has_an_ethereum_address() {
    let item = Item::parse(sample("eth-message.bin")).unwrap();
    let account = &Keccak256::digest(&item.owner()[1..])[12..];
    assert_eq!(item.owner_address(), Address::Ethereum(account.try_into().unwrap()));
    // The address of the secret key 1, as in any list of Ethereum test keys.
    let key = Ethereum::new([&[0; 31][..], &[1]].concat().try_into().unwrap(), Malleability::LowS);
    let item = ItemBuilder::new().sign(&key).unwrap();
    assert_eq!(item.owner_address().to_string(), "0x7e5f4552091a69125d5dfcb7b8c2659029395bdf");
}

#[test]
fn c016_an_item_with_an_invalid_signature_parses_and_does_not_verify() {
    let tampered = Item::parse(sample("tampered-data.bin")).unwrap();
    assert_eq!(tampered.verify(), Err(VerifyError::Invalid));
    for Sample { file, .. } in valid_samples() {
        let good = sample(&file);
        // A byte of the signature, and the item's last byte, be it of data, tags or a length.
        for (at, bit) in [(5, 1), (good.len() - 1, 0x10)] {
            let mut bytes = good.to_vec();
            bytes[at] ^= bit;
            if let Ok(item) = Item::parse(bytes.into()) {
                assert_eq!(item.verify(), Err(VerifyError::Invalid), "{file} at {at}");
            }
        }
    }
}

#[test]
fn c017_an_unsigned_item_says_so_and_does_not_verify() {
    let item = ItemBuilder::new().target(Id::from_bytes([3; 32])).tag("Type", "Message").sign(&NoSigner).unwrap();
    assert!(!item.is_signed());
    assert_eq!(item.verify(), Err(VerifyError::Unsigned));
    assert_eq!(item.id().as_bytes()[..], Sha256::digest(item.deep_hash())[..]);
    assert_eq!(item.owner_address(), NoSigner.address());
    let reread = Item::parse(item.as_bytes().clone()).unwrap();
    assert_eq!((reread.id(), reread.is_signed()), (item.id(), false));
    // Content, not a signature of zeros, makes the id.
    let other = ItemBuilder::new().tag("Type", "Message").sign(&NoSigner).unwrap();
    assert_ne!(item.id(), other.id());
}

#[test]
fn zeros_beside_an_owner_are_an_invalid_signature_not_an_unsigned_item() {
    for (file, kind) in [
        ("sol-message.bin", SignatureType::Ed25519),
        ("eth-message.bin", SignatureType::Ethereum),
        ("rsa-process.bin", SignatureType::Arweave),
    ] {
        let mut bytes = sample(file).to_vec();
        bytes[2..2 + kind.signature_len()].fill(0);
        let item = Item::parse(bytes.into()).unwrap();
        assert!(item.is_signed(), "{file}");
        assert_eq!(item.verify(), Err(VerifyError::Invalid), "{file}");
    }
}

#[test]
fn cut_items_have_typed_errors() {
    let cut = |file| Item::parse(sample(file)).unwrap_err();
    assert_eq!(cut("header-cut.bin"), ItemError::Truncated { field: "owner", needed: 65, available: 3 });
    assert_eq!(cut("truncated.bin"), ItemError::Truncated { field: "tags", needed: 87, available: 67 });
    assert_eq!(
        Item::parse(Bytes::new()),
        Err(ItemError::Truncated { field: "signature type", needed: 2, available: 0 })
    );
}

#[test]
fn every_cut_before_the_data_is_an_error_and_none_after_is() {
    for Sample { file, .. } in valid_samples() {
        let bytes = sample(&file);
        let data_start = bytes.len() - Item::parse(bytes.clone()).unwrap().data().len();
        for length in (0..bytes.len()).step_by(if bytes.len() > 10_000 { 997 } else { 1 }) {
            let parsed = Item::parse(bytes.slice(..length));
            assert_eq!(parsed.is_ok(), length >= data_start, "{file} cut at {length}");
        }
    }
}

/// Items have no magic number. A bundle's count of two reads as signature type 2, and the rest fits by chance.
#[test]
fn a_bundle_may_parse_but_never_verifies() {
    let item = Item::parse(sample("bundle-2.bin")).unwrap();
    assert_eq!(item.signature_type(), SignatureType::Ed25519);
    assert_eq!(item.verify(), Err(VerifyError::Invalid));
}

#[test]
fn damaged_headers_have_typed_errors() {
    let item = ItemBuilder::new().tag("a", "b").data("x").sign(&ed25519(1)).unwrap();
    let changed = |at: usize, byte: u8| {
        let mut bytes = item.as_bytes().to_vec();
        bytes[at] = byte;
        Item::parse(bytes.into()).map(|_| ())
    };
    assert_eq!(changed(0, 0), Err(ItemError::SignatureType(0)));
    assert_eq!(changed(1, 1), Err(ItemError::SignatureType(258)));
    assert_eq!(changed(98, 2), Err(ItemError::Presence { field: "a target", byte: 2 }));
    assert_eq!(changed(99, 255), Err(ItemError::Presence { field: "an anchor", byte: 255 }));
    assert_eq!(changed(100, 2), Err(ItemError::Tags(TagError::Count { declared: 2, found: 1 })));
    assert_eq!(changed(108, 5), Err(ItemError::Tags(TagError::Truncated)));
    assert_eq!(changed(108, 7), Err(ItemError::Tags(TagError::Trailing(1))));
    let beyond = ItemError::Truncated { field: "tags", needed: 6 + (0xFF << 56), available: 7 };
    assert_eq!(changed(115, 0xFF), Err(beyond));
}

#[test]
fn tag_names_compare_without_case_and_the_first_one_counts() {
    let item = ItemBuilder::new().tag("Type", "Message").tag("type", "Process").sign(&ed25519(1)).unwrap();
    assert_eq!(item.tag("TYPE"), Some(&b"Message"[..]));
    assert_eq!(item.tag("typ"), None);
}

#[test]
fn a_template_and_a_builder_make_the_same_item() {
    let target = Id::from_bytes([5; 32]);
    let template = Template::new(std::sync::Arc::new(ed25519(1)), Some(target), Some([6; 32]));
    for size in [0, 1, 127, 128, 5000] {
        let value = vec![b'v'; size.min(3000)];
        let data = vec![b'd'; size];
        let one = template.build(&[(b"Size", &value), (b"", b"")], &data).unwrap();
        let builder = ItemBuilder::new().target(target).anchor([6; 32]).tag("Size", value).tag("", "").data(data);
        assert_eq!(one, builder.sign(&ed25519(1)).unwrap());
        assert_eq!(one.verify(), Ok(()));
        assert_eq!(Item::parse(one.as_bytes().clone()).unwrap(), one);
    }
}

#[test]
fn tags_beyond_the_limits_are_refused_when_building() {
    let many = (0..200).fold(ItemBuilder::new(), |item, n| item.tag(format!("name-{n}"), "a value of some length"));
    assert!(matches!(many.sign(&NoSigner), Err(BuildError::Tags(TagError::TooMany(129)))));
}

#[test]
fn rsa_pss_verifies_with_a_salt_of_any_length() {
    for salt_len in [0, 20, 32, 100, 478] {
        let signer = SaltedRsa { salt_len, ..SaltedRsa::load() };
        let item = ItemBuilder::new().tag("Salt", salt_len.to_string()).data("x").sign(&signer).unwrap();
        assert_eq!(item.verify(), Ok(()), "salt of {salt_len} bytes");
        let mut bytes = item.as_bytes().to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        assert_eq!(Item::parse(bytes.into()).unwrap().verify(), Err(VerifyError::Invalid), "salt of {salt_len} bytes");
    }
}

#[test]
fn an_rsa_owner_that_is_no_modulus_has_a_typed_error() {
    let good = sample("rsa-process.bin");
    let owner = 514..1026;
    for (at, byte) in [(owner.end - 1, 0x02), (owner.start, 0x00), (owner.start, 0x7F)] {
        let mut bytes = good.to_vec();
        bytes[at] = byte;
        let item = Item::parse(bytes.into()).unwrap();
        assert_eq!(item.verify(), Err(VerifyError::Owner("RSA-4096 modulus")), "byte {at} = {byte}");
    }
    let mut ones = good.to_vec();
    ones[owner].fill(0xFF);
    assert_eq!(Item::parse(ones.into()).unwrap().verify(), Err(VerifyError::Invalid));
}

#[test]
fn ethereum_items_verify_as_arbundles_verifies_them() {
    let verify = |malleability| {
        let signer = Ethereum::new([7; 32], malleability);
        ItemBuilder::new().tag("Type", "Message").data("hello").sign(&signer).unwrap().verify()
    };
    assert_eq!(verify(Malleability::LowS), Ok(()));
    assert_eq!(verify(Malleability::OtherRecoveryId), Ok(()));
    assert_eq!(verify(Malleability::HighS), Err(VerifyError::Invalid));
}

#[test]
fn an_ethereum_owner_off_the_curve_has_a_typed_error() {
    for (at, byte) in [(67, 0x02), (67, 0x00), (100, 0xFF)] {
        let mut bytes = sample("eth-message.bin").to_vec();
        bytes[at] = byte;
        let verified = Item::parse(bytes.into()).unwrap().verify();
        assert_eq!(verified, Err(VerifyError::Owner("uncompressed secp256k1 public key")), "byte {at} = {byte}");
    }
}

#[test]
fn a_signer_that_breaks_its_own_lengths_is_an_error() {
    let built = ItemBuilder::new().sign(&Misfit { public_key: 31, signature: 64 });
    let expected = SignError::Length { field: "public key", expected: 32, found: 31 };
    assert!(matches!(built, Err(BuildError::Sign(error)) if error == expected));
    let built = ItemBuilder::new().sign(&Misfit { public_key: 32, signature: 65 });
    let expected = SignError::Length { field: "signature", expected: 64, found: 65 };
    assert!(matches!(built, Err(BuildError::Sign(error)) if error == expected));
}

fn ed25519(seed: u8) -> Wallet {
    Wallet::ed25519_from_seed([seed; 32]).unwrap()
}

/// Signs as an Arweave wallet with a salt of a chosen length would.
struct SaltedRsa {
    key: rsa::RsaPrivateKey,
    modulus: Vec<u8>,
    salt_len: usize,
}

impl SaltedRsa {
    fn load() -> Self {
        let text = std::fs::read(data_path("wallets/rsa4096.json")).unwrap();
        let jwk: serde_json::Value = serde_json::from_slice(&text).unwrap();
        let field = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
        let [p, q, e] = ["p", "q", "e"].map(|name| rsa::BoxedUint::from_be_slice_vartime(&field(name)));
        Self { key: rsa::RsaPrivateKey::from_p_q(p, q, e).unwrap(), modulus: field("n"), salt_len: 0 }
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
enum Malleability {
    /// Nothing: as wallets sign.
    LowS,
    /// The last byte.
    OtherRecoveryId,
    /// `s` negated.
    HighS,
}

struct Ethereum {
    key: k256::ecdsa::SigningKey,
    public_key: Vec<u8>,
    malleability: Malleability,
}

impl Ethereum {
    fn new(secret: [u8; 32], malleability: Malleability) -> Self {
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

/// A signer that does not keep to its type's lengths.
struct Misfit {
    public_key: usize,
    signature: usize,
}

impl Signer for Misfit {
    fn signature_type(&self) -> SignatureType {
        SignatureType::Ed25519
    }

    fn public_key(&self) -> &[u8] {
        &[1; 64][..self.public_key]
    }

    fn address(&self) -> Address {
        Address::Ethereum([0; 20])
    }

    fn sign(&self, _payload: &[u8]) -> Result<Signature, SignError> {
        Ok(Signature::from(&[1; 128][..self.signature]))
    }
}
