//! No input makes the parser, or an accessor of what it accepted, panic; what is built reads back.
//!
//! `SLOTBENCH_FUZZ_CASES` sets the number of cases of each test. A long run of the fast one:
//! `SLOTBENCH_FUZZ_CASES=10000000 cargo test --release -p slotbench-core --test item_fuzz mutated -- --nocapture`
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::HashSet;
use std::path::Path;

use bytes::Bytes;
use proptest::prelude::{ProptestConfig, Strategy, any, prop, prop_assert, prop_assert_eq, proptest};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};
use slotbench_core::Id;
use slotbench_core::item::{Item, ItemBuilder, SignatureType};
use slotbench_core::wallet::{NoSigner, Wallet};

const SEED: u64 = 0x0ADD_5EED;

fn cases() -> Option<u32> {
    std::env::var("SLOTBENCH_FUZZ_CASES").ok().map(|text| text.parse().expect("SLOTBENCH_FUZZ_CASES is a number"))
}

/// Parses and, if there is an item, asks it everything that costs no cryptography.
fn parse_and_read(bytes: &Bytes) -> Option<Item> {
    let item = Item::parse(bytes.clone()).ok()?;
    assert_eq!(item.as_bytes(), bytes);
    assert_eq!(item.signature().len(), item.signature_type().signature_len());
    assert_eq!(item.owner().len(), item.signature_type().owner_len());
    let tags = item.tags();
    assert_eq!(tags.len(), tags.clone().count());
    let text: usize = tags.map(|(name, value)| name.len() + value.len()).sum();
    let optional = 32 * (usize::from(item.target().is_some()) + usize::from(item.anchor().is_some()));
    let data = item.data();
    assert!(item.signature().len() + item.owner().len() + optional + text + data.len() + 20 <= bytes.len());
    assert!(bytes.ends_with(&data));
    assert!(item.tag("no such tag").is_none() || text > 0);
    Some(item)
}

/// Says on the way out of a panic which case it was.
struct Case<'a> {
    number: u32,
    bytes: &'a [u8],
}

impl Drop for Case<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {SEED:#x}, case {}: {:02x?}", self.number, self.bytes);
        }
    }
}

#[test]
fn mutated_items_and_random_bytes_never_panic_nor_verify() {
    let originals = originals();
    let hashes: HashSet<_> = originals.iter().map(|item| item.deep_hash()).collect();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(SEED);
    let (mut parsed, mut verified) = (0_u32, 0_u32);
    for number in 0..cases().unwrap_or(20_000) {
        let bytes = Bytes::from(input(&mut rng, &originals));
        let _case = Case { number, bytes: &bytes };
        let Some(item) = parse_and_read(&bytes) else { continue };
        parsed += 1;
        // Cryptography takes a thousand times as long as the rest.
        if parsed % 1024 == 1 {
            verified += 1;
            assert!(item.verify().is_err() || hashes.contains(&item.deep_hash()));
            assert_eq!(item.owner_address(), Item::parse(bytes.clone()).unwrap().owner_address());
        }
    }
    eprintln!("{parsed} cases parsed, {verified} of them were verified");
    assert!(parsed > 0 && verified > 0, "the cases do not reach the accessors");
}

/// The samples up to 4 KiB, an unsigned item, and one whose tags come in blocks with and without a size.
fn originals() -> Vec<Item> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/ans104");
    let mut files: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let samples = files.iter().map(|file| Bytes::from(std::fs::read(file).unwrap()));
    let mut items: Vec<_> = samples.filter(|b| b.len() < 4096).filter_map(|bytes| Item::parse(bytes).ok()).collect();
    items.push(ItemBuilder::new().tag("Type", "Message").data("hello").sign(&NoSigner).unwrap());
    items.push(blocked_item());
    assert!(items.len() >= 8);
    items
}

fn blocked_item() -> Item {
    let block = [2, 2, b'a', 2, b'b', 3, 16, 2, b'c', 2, b'd', 2, b'e', 2, b'f', 0];
    let mut bytes = vec![1; 2 + 64 + 32];
    bytes[..2].copy_from_slice(&SignatureType::Ed25519.number().to_le_bytes());
    bytes.extend_from_slice(&[0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend_from_slice(&block);
    let item = Item::parse(bytes.into()).unwrap();
    assert_eq!(item.tag("E"), Some(&b"f"[..]));
    item
}

fn input(rng: &mut Xoshiro256PlusPlus, originals: &[Item]) -> Vec<u8> {
    if rng.random_ratio(1, 8) {
        return random_bytes(rng);
    }
    let original = &originals[rng.random_range(0..originals.len())];
    let header = 2 + original.signature().len() + original.owner().len();
    let mut bytes = original.as_bytes().to_vec();
    for _ in 0..rng.random_range(1..4) {
        mutate(rng, &mut bytes, header);
    }
    bytes
}

/// Random bytes, mostly of a supported signature type and with many zeros, so that some get far.
fn random_bytes(rng: &mut Xoshiro256PlusPlus) -> Vec<u8> {
    let length = rng.random_range(0..1400);
    let dense = rng.random_ratio(1, 2);
    let mut bytes = vec![0_u8; length];
    for byte in &mut bytes {
        if dense || rng.random_ratio(1, 16) {
            *byte = rng.random();
        }
    }
    if rng.random_ratio(15, 16) && length > 1 {
        bytes[..2].copy_from_slice(&[rng.random_range(1..4), 0]);
    }
    bytes
}

/// One change: more often than not behind the owner, where all the lengths are.
fn mutate(rng: &mut Xoshiro256PlusPlus, bytes: &mut Vec<u8>, header: usize) {
    const EDGES: [u64; 10] = [0, 1, 2, 0x7F, 0x80, 0xFF, 0xFFFF, i64::MAX as u64, 1 << 63, u64::MAX];
    if bytes.is_empty() {
        return;
    }
    let floor = if rng.random_ratio(3, 4) { header.min(bytes.len() - 1) } else { 0 };
    let at = rng.random_range(floor..bytes.len());
    let end = (at + rng.random_range(1..17)).min(bytes.len());
    match rng.random_range(0..7) {
        0 => bytes[at] ^= 1 << rng.random_range(0..8),
        1 => bytes[at] = rng.random(),
        2 => bytes.truncate(at),
        3 => drop(bytes.drain(at..end)),
        4 => bytes.extend_from_within(at..end),
        5 => drop(bytes.splice(at..at, rng.random::<[u8; 3]>())),
        _ => {
            let edge = EDGES[rng.random_range(0..EDGES.len())].to_le_bytes();
            bytes.iter_mut().skip(at).zip(edge).for_each(|(byte, new)| *byte = new);
        }
    }
}

fn tags() -> impl Strategy<Value = Vec<(Vec<u8>, Vec<u8>)>> {
    let bytes = |most| prop::collection::vec(any::<u8>(), 0..most);
    prop::collection::vec((bytes(70), bytes(200)), 0..20)
}

proptest! {
    #![proptest_config(cases().map_or_else(ProptestConfig::default, ProptestConfig::with_cases))]

    #[test]
    fn what_is_built_reads_back(
        target in any::<Option<[u8; 32]>>(),
        anchor in any::<Option<[u8; 32]>>(),
        tags in tags(),
        data in prop::collection::vec(any::<u8>(), 0..300),
        seed in any::<Option<[u8; 32]>>(),
    ) {
        let mut builder = ItemBuilder::new().data(data.clone());
        builder = target.into_iter().fold(builder, |item, target| item.target(Id::from_bytes(target)));
        builder = anchor.into_iter().fold(builder, ItemBuilder::anchor);
        builder = tags.iter().cloned().fold(builder, |item, (name, value)| item.tag(name, value));
        let built = match seed {
            Some(seed) => builder.sign(&Wallet::ed25519_from_seed(seed).unwrap()),
            None => builder.sign(&NoSigner),
        };
        let item = Item::parse(built.unwrap().as_bytes().clone()).unwrap();
        prop_assert_eq!(item.target(), target.map(Id::from_bytes));
        prop_assert_eq!(item.anchor(), anchor.as_ref());
        prop_assert!(item.tags().eq(tags.iter().map(|(name, value)| (&name[..], &value[..]))));
        prop_assert_eq!(item.data(), data);
        prop_assert_eq!(item.verify().is_ok(), seed.is_some());
    }

    #[test]
    fn arbitrary_bytes_never_panic(kind in 0_u8..5, rest in prop::collection::vec(any::<u8>(), 0..1500)) {
        parse_and_read(&Bytes::from([&[kind, 0], &rest[..]].concat()));
    }
}
