//! Texts of paths and parameters: what parses is written as it was read.
#![no_main]

use std::fmt::Display;
use std::str::FromStr;

use libfuzzer_sys::fuzz_target;
use slotbench_core::block::BlockHash;
use slotbench_core::operations::{Hinted, Slots};
use slotbench_core::{Address, Id};
use slotbench_node::route::Route;

fn same<T: FromStr + Display>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        assert_eq!(value.to_string(), text);
    }
}

fuzz_target!(|texts: (&str, &str)| {
    let (one, other) = texts;
    same::<Id>(one);
    same::<BlockHash>(one);
    // Ethereum's addresses may be written in either case.
    if let Ok(address) = one.parse::<Address>() {
        assert!(address.to_string().eq_ignore_ascii_case(one));
    }
    if let Ok(hinted) = one.parse::<Hinted<Id>>() {
        assert!(one.starts_with(&hinted.value.to_string()));
        assert!(hinted.hint.is_none_or(|hint| one.contains(&hint)));
    }
    let _ = one.parse::<Hinted<Address>>();
    if let Ok(slots) = Slots::parse(Some(one), Some(other)) {
        assert_eq!(slots.is_empty(), slots.first() >= slots.end());
    }
    let _ = Slots::parse_nonces(Some(one), Some(other));
    if let Some((route, parameters)) = Route::parse(one) {
        assert!(one.ends_with(parameters));
        assert!(!route.label().is_empty());
    }
});
