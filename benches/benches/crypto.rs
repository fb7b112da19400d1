//! The candidates for signatures and hashes, side by side: what the choice of a library rests on.
//!
//! `cargo bench --bench crypto`. Keys and messages are those of an item: a deep hash of 48 bytes is signed; hashes are of
//! 1 KiB, a message's data, and of 96 bytes, a pair of SHA-384 digests as the deep hash is made of. Every candidate is
//! checked against the others before it is timed.

use std::hint::black_box;
use std::time::Duration;

use aws_lc_rs::digest;
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{
    ED25519, Ed25519KeyPair, KeyPair as _, RSA_PSS_2048_8192_SHA256, RSA_PSS_SHA256, RsaKeyPair, UnparsedPublicKey,
};
use criterion::{Criterion, criterion_group, criterion_main};
use ed25519_dalek::{Signer as _, Verifier as _};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rsa::pkcs8::DecodePrivateKey as _;
use rsa::pss::{Signature, SigningKey, VerifyingKey};
use rsa::signature::{RandomizedSigner as _, SignatureEncoding as _};
use rsa::traits::PublicKeyParts as _;
use sha2::{Digest as _, Sha256, Sha384};

/// What is signed.
const HASH: [u8; 48] = [0xA5; 48];

fn ed25519(criterion: &mut Criterion) {
    let seed = [7; 32];
    let aws = Ed25519KeyPair::from_seed_unchecked(&seed).expect("a key");
    let dalek = ed25519_dalek::SigningKey::from_bytes(&seed);
    let (public_key, signature) = (aws.public_key().as_ref(), dalek.sign(&HASH).to_bytes());
    assert_eq!(aws.sign(&HASH).as_ref(), signature);

    let mut group = criterion.benchmark_group("ed25519");
    group.bench_function("sign, aws-lc-rs", |bencher| bencher.iter(|| aws.sign(black_box(&HASH))));
    group.bench_function("sign, ed25519-dalek", |bencher| bencher.iter(|| dalek.sign(black_box(&HASH))));
    // From the bytes of key and signature, for that is what an item has.
    group.bench_function("verify, aws-lc-rs", |bencher| {
        bencher.iter(|| UnparsedPublicKey::new(&ED25519, black_box(public_key)).verify(&HASH, &signature));
    });
    let key = public_key.try_into().expect("32 bytes");
    group.bench_function("verify, ed25519-dalek", |bencher| {
        bencher.iter(|| {
            let key = ed25519_dalek::VerifyingKey::from_bytes(black_box(key))?;
            key.verify(&HASH, &ed25519_dalek::Signature::from_bytes(&signature))
        });
    });
    group.finish();
}

fn rsa4096(criterion: &mut Criterion) {
    let aws = RsaKeyPair::generate(KeySize::Rsa4096).expect("a key");
    let der: Pkcs8V1Der<'_> = aws.as_der().expect("an encoding");
    let key = rsa::RsaPrivateKey::from_pkcs8_der(der.as_ref()).expect("the same key");
    let (modulus, exponent) = (key.n_bytes(), key.e_bytes());
    let public_key = rsa::RsaPublicKey::from(&key);
    let rust = SigningKey::<Sha256>::new(key);
    let mut rng = StdRng::seed_from_u64(1);
    let signature = rust.sign_with_rng(&mut rng, &HASH).to_bytes();
    let aws_verify = || {
        let key = PublicKeyComponents { n: black_box(&modulus), e: &exponent };
        key.verify(&RSA_PSS_2048_8192_SHA256, &HASH, &signature)
    };
    let rust_verify = || {
        let [modulus, exponent] =
            [&modulus, &exponent].map(|bytes| rsa::BoxedUint::from_be_slice_vartime(black_box(bytes)));
        let key = rsa::RsaPublicKey::new(modulus, exponent).expect("a public key");
        let signature = Signature::try_from(&*signature).expect("a signature");
        rsa::signature::Verifier::verify(&VerifyingKey::<Sha256>::new(key), &HASH, &signature)
    };
    assert_eq!(public_key.size(), 512);
    assert!(aws_verify().is_ok() && rust_verify().is_ok());

    let mut group = criterion.benchmark_group("rsa4096");
    let mut out = vec![0; 512];
    group.bench_function("sign, aws-lc-rs", |bencher| {
        bencher.iter(|| aws.sign(&RSA_PSS_SHA256, &SystemRandom::new(), black_box(&HASH), &mut out));
    });
    group.bench_function("sign, rsa", |bencher| bencher.iter(|| rust.sign_with_rng(&mut rng, black_box(&HASH))));
    group.bench_function("verify, aws-lc-rs", |bencher| bencher.iter(aws_verify));
    group.bench_function("verify, rsa", |bencher| bencher.iter(rust_verify));
    group.finish();
}

fn hashes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hash");
    let payload = [0x5A; 1024];
    for bytes in [&payload[..96], &payload] {
        let size = bytes.len();
        assert_eq!(digest::digest(&digest::SHA384, bytes).as_ref(), &Sha384::digest(bytes)[..]);
        assert_eq!(digest::digest(&digest::SHA256, bytes).as_ref(), &Sha256::digest(bytes)[..]);
        group.bench_function(format!("sha384 {size} bytes, aws-lc-rs"), |bencher| {
            bencher.iter(|| digest::digest(&digest::SHA384, black_box(bytes)));
        });
        group.bench_function(format!("sha384 {size} bytes, sha2"), |bencher| {
            bencher.iter(|| Sha384::digest(black_box(bytes)));
        });
        group.bench_function(format!("sha256 {size} bytes, aws-lc-rs"), |bencher| {
            bencher.iter(|| digest::digest(&digest::SHA256, black_box(bytes)));
        });
        group.bench_function(format!("sha256 {size} bytes, sha2"), |bencher| {
            bencher.iter(|| Sha256::digest(black_box(bytes)));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .without_plots()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2));
    targets = ed25519, rsa4096, hashes
}
criterion_main!(benches);
