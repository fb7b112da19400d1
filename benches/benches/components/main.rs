//! What the scheduler's path is made of, each part by itself: the sum that a whole message is held against.
//!
//! In the order of a message's path: item, signature, registry, chain, assignment, store; then what the harness adds.
//! Times are wall time of one thread.

mod crypto;
mod harness;
mod path;
mod stores;

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};

criterion_group! {
    name = benches;
    config = Criterion::default()
        .without_plots()
        .sample_size(20)
        .nresamples(5_000)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(400));
    targets = path::items, crypto::signatures, path::scheduling, stores::writes, harness::harness
}
criterion_main!(benches);
