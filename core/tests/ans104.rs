//! Items made by other software, signatures of every scheme, and damaged input.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod signers;

use std::path::{Path, PathBuf};

use aws_lc_rs::signature::UnparsedPublicKey;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use sha3::Keccak256;
use slotbench_core::item::{BuildError, Item, ItemBuilder, ItemError, SignatureType, TagError, Template, VerifyError};
use slotbench_core::wallet::{NoSigner, SignError, Signer, Wallet};
use slotbench_core::{Address, Id};

use signers::{Ethereum, Fixed, Malleability, SaltedRsa};

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
        let signer = SaltedRsa::load(salt_len);
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
    for (public_key, signature, field, expected) in [(31, 64, "public key", 32), (32, 65, "signature", 64)] {
        let signer = Fixed { public_key: vec![1; public_key], signature: vec![1; signature] };
        let found = if field == "signature" { signature } else { public_key };
        let built = ItemBuilder::new().sign(&signer);
        assert!(matches!(built, Err(BuildError::Sign(error)) if error == SignError::Length { field, expected, found }));
    }
}

/// With a public key of small order the identity and zero are a signature of every eighth message or more.
#[test]
fn an_ed25519_owner_for_whom_anybody_can_sign_is_refused() {
    let point = |first: u8, middle: u8, last: u8| [&[first][..], &[middle; 30], &[last]].concat();
    let order_8 = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05";
    let order_8 = (0..32).map(|at| u8::from_str_radix(&order_8[2 * at..2 * at + 2], 16).unwrap()).collect();
    let signature = [&[1][..], &[0; 63]].concat();
    for public_key in [point(0, 0, 0), point(0, 0, 0x80), point(1, 0, 0), point(0xEC, 0xFF, 0x7F), order_8] {
        let signer = Fixed { public_key, signature: signature.clone() };
        let items = (0..100_u8).map(|n| ItemBuilder::new().data([n]).sign(&signer).unwrap());
        let forged: Vec<_> = items.filter(raw_ed25519_verifies).collect();
        assert!(!forged.is_empty(), "the library takes no forged signature of {:02x?}", signer.public_key);
        for item in forged {
            assert_eq!(item.verify(), Err(VerifyError::Owner("ed25519 public key of full order")));
        }
    }
}

fn raw_ed25519_verifies(item: &Item) -> bool {
    let key = UnparsedPublicKey::new(&aws_lc_rs::signature::ED25519, item.owner());
    key.verify(&item.deep_hash(), item.signature()).is_ok()
}

fn ed25519(seed: u8) -> Wallet {
    Wallet::ed25519_from_seed([seed; 32]).unwrap()
}
