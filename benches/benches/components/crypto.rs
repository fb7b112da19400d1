//! Signatures, as wallets make them and items verify them.

use std::hint::black_box;
use std::sync::Arc;

use criterion::Criterion;
use slotbench_benches::{rsa_wallet, test_data};
use slotbench_core::item::{Item, Template};
use slotbench_core::{Signer, Wallet};

/// Signing is that of a deep hash, 48 bytes. Verifying is that of an item with 1 KiB of data, or of about as much: it
/// includes the deep hash.
pub(crate) fn signatures(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("signature");
    let ed25519: Arc<dyn Signer> = Arc::new(Wallet::ed25519_from_seed([5; 32]).expect("a key"));
    for (name, wallet) in [("ed25519", ed25519), ("rsa4096", rsa_wallet())] {
        let item = Template::new(Arc::clone(&wallet), None, None).build(&[], &[0x5A; 1024]).expect("an item");
        let hash = item.deep_hash();
        group.bench_function(format!("sign {name}"), |bencher| bencher.iter(|| wallet.sign(black_box(&hash))));
        group.bench_function(format!("verify {name}"), |bencher| bencher.iter(|| black_box(&item).verify()));
    }
    let ethereum = Item::parse(test_data("ans104/eth-message.bin").into()).expect("an item");
    assert_eq!(ethereum.verify(), Ok(()));
    group.bench_function("verify secp256k1", |bencher| bencher.iter(|| black_box(&ethereum).verify()));
    group.finish();
}
