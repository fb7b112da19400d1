//! No answer of another node makes a reader panic, or take in more than it may.
//!
//! Real documents are changed at random, and read as every kind there is. `SLOTBENCH_FUZZ_CASES` sets the number of cases:
//! `SLOTBENCH_FUZZ_CASES=10000000 cargo test --release -p slotbench-node --test document_fuzz -- --nocapture`

#[path = "support/reading.rs"]
mod reading;
mod support;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};
use reading::read;
use serde_json::json;
use slotbench_core::Signer as _;
use slotbench_core::wallet::NoSigner;
use slotbench_node::Protocol;
use support::*;

const SEED: u64 = 0xD0C5_5EED;

fn cases() -> u64 {
    let cases = std::env::var("SLOTBENCH_FUZZ_CASES").ok();
    cases.map_or(20_000, |text| text.parse().expect("SLOTBENCH_FUZZ_CASES is a number"))
}

/// Says on the way out of a panic which case it was.
struct Case<'a> {
    number: u64,
    text: &'a [u8],
}

impl Drop for Case<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {SEED:#x}, case {}: {}", self.number, String::from_utf8_lossy(self.text));
        }
    }
}

/// Everything that this node writes, and what others do.
async fn originals() -> Vec<Vec<u8>> {
    let site = site(Protocol::H1).await;
    let process = filled(&site, 2).await;
    let binary = builder("Message").target(process).data(vec![0xFF, 0, 1]).anchor([200; 32]);
    let binary = binary.sign(&client_wallet()).expect("signs");
    posted(&site, &binary).await;
    let mut found = Vec::new();
    for path in [
        format!("/{process}/schedule"),
        format!("/{process}/schedule?accept=application/aos-2"),
        format!("/{process}?process-id={process}"),
        format!("/{}?process-id={process}", binary.id()),
        format!("/{process}/slot"),
        format!("/{process}/next"),
        format!("/processes/{process}"),
    ] {
        found.push(site.get(path).await.body.to_vec());
    }
    let answer = site.post("/", message(process, 7).as_bytes().clone()).await;
    found.push(answer.body.to_vec());
    let answer = site.post("/~scheduler@1.0/schedule", message(process, 8).as_bytes().clone()).await;
    found.push(answer.body.to_vec());
    site.stop().await;
    let by_reference = json!({ "edges": [{ "message": null, "cursor": 0, "assignment": { "id": process,
        "tags": [{ "name": "Nonce", "value": "0" }] } }] });
    let capital = json!({ "edges": [{ "cursor": 3, "node": { "message": { "Id": process, "Owner": NoSigner.address().to_string(),
        "Data": "x" }, "assignment": { "Id": process, "Tags": [{ "name": "Slot", "value": "3" }] } } }] });
    found.extend([by_reference, capital].map(|value| value.to_string().into_bytes()));
    found
}

fn mutate(rng: &mut Xoshiro256PlusPlus, text: &mut Vec<u8>, others: &[Vec<u8>]) {
    const TOKENS: [&[u8]; 22] = [
        b"null",
        b"true",
        b"{}",
        b"[]",
        b"\"\"",
        b"-1",
        b"0",
        b"1e999",
        b"18446744073709551616",
        b"[[[[[[[[",
        b"{\"a\":",
        b",",
        b":",
        b"}",
        b"]",
        b"\\u0000",
        b"\"slot\":",
        b"\"Id\":",
        b"\"node\":{}",
        b"\"edges\":[]",
        b"\xff",
        b"1.5",
    ];
    if text.is_empty() {
        return;
    }
    let at = rng.random_range(0..text.len());
    let end = (at + rng.random_range(1..64)).min(text.len());
    match rng.random_range(0..7) {
        0 => text[at] ^= 1 << rng.random_range(0..8),
        1 => text.truncate(at),
        2 => drop(text.drain(at..end)),
        3 => text.extend_from_within(at..end),
        4 => {
            let token = TOKENS[rng.random_range(0..TOKENS.len())];
            drop(text.splice(at..at, token.iter().copied()));
        }
        5 => {
            let token = TOKENS[rng.random_range(0..TOKENS.len())];
            drop(text.splice(at..end, token.iter().copied()));
        }
        _ => {
            let other = &others[rng.random_range(0..others.len())];
            let from = rng.random_range(0..other.len());
            let to = (from + rng.random_range(1..200)).min(other.len());
            drop(text.splice(at..end, other[from..to].iter().copied()));
        }
    }
}

#[tokio::test]
async fn changed_documents_never_panic() {
    let originals = originals().await;
    for original in &originals {
        // `next` is read by nobody here; everything else must be readable before it is changed.
        let is_next = original.windows(9).any(|text| text == b"\"at-slot\"");
        assert!(is_next || read(original), "{}", String::from_utf8_lossy(original));
    }
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(SEED);
    let mut documents = 0_u64;
    for number in 0..cases() {
        let mut text = originals[rng.random_range(0..originals.len())].clone();
        for _ in 0..rng.random_range(1..4) {
            mutate(&mut rng, &mut text, &originals);
        }
        let case = Case { number, text: &text };
        documents += u64::from(read(case.text));
    }
    eprintln!("{} cases, {documents} of them were documents still", cases());
    assert!(documents > 0, "the cases do not reach what is behind the JSON");
}
