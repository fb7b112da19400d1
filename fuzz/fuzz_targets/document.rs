//! Documents of other nodes, read as every kind there is.
#![no_main]

#[path = "../../node/tests/support/reading.rs"]
mod reading;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    reading::read(text);
});
