//! Applies small batches at one tier, to be watched from outside:
//!
//! ```text
//! strace -f -c -e trace=fdatasync,fsync,sync_file_range,pwrite64,write target/release/examples/tier sled power 100 /tmp/dir
//! ```
//!
//! What opening and closing cost shows with 0 batches.

use std::path::Path;
use std::process::ExitCode;

use bytes::Bytes;
use slotbench_backends::{Kind, Options};
use slotbench_core::{Batch, Durability, Key};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tier ENGINE memory|process|power BATCHES DIRECTORY: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<(), Box<dyn std::error::Error>> {
    let [engine, tier, batches, dir] = arguments else { return Err("four arguments".into()) };
    let (tier, batches): (Durability, u64) = (tier.parse()?, batches.parse()?);
    let kind = Kind::find(engine).ok_or("no such engine")?;
    let store = kind.open(Path::new(dir), &Options::default())?;
    for number in 0..batches {
        let content = Key::parse(format!("data/{number}"))?;
        let mut batch = Batch::new();
        batch.put(content.clone(), Bytes::from(vec![7; 1024])).link(Key::parse(format!("slots/p/{number}"))?, content);
        store.apply(&batch, tier)?;
    }
    eprintln!("{:?}", store.counters());
    Ok(())
}
