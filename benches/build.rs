//! Records the compiler, so that instruction counts of different ones are not held against each other.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let compiler = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let output = Command::new(compiler).arg("--version").output();
    let version = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    println!("cargo::rustc-env=NOISE_FREE_RUSTC={version}");
    println!("cargo::rustc-env=NOISE_FREE_TARGET={}", std::env::var("TARGET").unwrap_or_default());
}
