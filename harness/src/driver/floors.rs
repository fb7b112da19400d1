//! What the machine and the harness cost by themselves: the floor under every result.
//!
//! A sync takes longer on some CPUs than on others: the disk's interrupt goes to one of them, and waking another takes its
//! time, on a virtual machine half as long again as the sync itself. Where the scheduler puts a thread is no property of
//! the disk, so each CPU is measured by itself, the lowest median is the floor, and the highest is told beside it.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
#[cfg(target_os = "linux")]
use std::thread;
use std::time::Instant;

#[cfg(target_os = "linux")]
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use slotbench_core::hash::sha256;
use tokio::runtime::Runtime;

use crate::driver::clock::Epoch;
use crate::driver::closed_loop::{self, Pass};
use crate::driver::pool::{Pool, PoolSpec};
use crate::driver::target::NullTarget;
use crate::model::Floors;
use crate::runner::Stop;

const BLOCK: [u8; 4096] = [0xA5; 4096];
/// On each CPU.
const SYNCS: usize = 100;
/// CPUs on which syncs are measured, spread evenly over those that are allowed.
#[cfg(target_os = "linux")]
const CPUS: usize = 8;
const APPENDS: usize = 2_000;
const HASHES: usize = 5_000;
const CLOCK_READS: u32 = 200_000;
const NULL_MESSAGES: usize = 4_096;
const NULL_PASSES: usize = 50;

/// Measures all floors, with files in `dir`: about a tenth of a second, and the time of 100 syncs on each of 8 CPUs at most.
///
/// # Errors
/// When files in `dir` cannot be written.
pub fn measure(runtime: &Runtime, dir: &Path, stop: &Stop) -> std::io::Result<Floors> {
    let mut file = File::create(dir.join("floor"))?;
    let append = median_of(APPENDS, || file.write_all(&BLOCK))?;
    let synced = syncs(&mut file)?;
    std::fs::remove_file(dir.join("floor"))?;
    let clock = clock_cost();
    Ok(Floors {
        fdatasync_ns: synced.iter().copied().reduce(f64::min),
        fdatasync_slowest_ns: synced.iter().copied().reduce(f64::max),
        append_ns: Some(append),
        // Two readings of the clock lie in each sample of the short ones.
        sha256_ns: hash_cost(HASHES).map(|hash| (hash - clock).max(0.0)),
        clock_ns: Some(clock),
        harness_ns: harness_cost(runtime, stop),
    })
}

/// The median time of a SHA-256 of 1 KiB, the two readings of the clock around it included. It depends on the machine alone: a
/// processor that is shared, or clocked down, takes longer. `None` without samples.
#[must_use]
pub fn hash_cost(samples: usize) -> Option<f64> {
    let kibibyte = [0x5A; 1024];
    let hash = || {
        std::hint::black_box(sha256(&[std::hint::black_box(&kibibyte)]));
        Ok(())
    };
    if samples == 0 { None } else { median_of(samples, hash).ok() }
}

/// The median time to append a block and sync it, on one CPU after the other.
#[cfg(target_os = "linux")]
fn syncs(file: &mut File) -> std::io::Result<Vec<f64>> {
    // Where the system does not say, or does not let a thread choose, it is measured wherever the thread happens to be.
    let allowed = sched_getaffinity(None).unwrap_or_default();
    let cpus: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu)).collect();
    if cpus.is_empty() {
        return sync_cost(file).map(|cost| vec![cost]);
    }
    let chosen = cpus.iter().step_by(cpus.len().div_ceil(CPUS));
    // In a thread of its own, which takes the choice with it when it ends.
    let on = |cpu: &usize| thread::scope(|scope| scope.spawn(|| syncs_on(*cpu, file)).join());
    chosen
        .map(on)
        .map(|measured| measured.unwrap_or_else(|_| Err(std::io::Error::other("a thread panicked"))))
        .collect()
}

/// Pins the calling thread.
#[cfg(target_os = "linux")]
fn syncs_on(cpu: usize, file: &mut File) -> std::io::Result<f64> {
    let mut only = CpuSet::new();
    only.set(cpu);
    let _ = sched_setaffinity(None, &only);
    sync_cost(file)
}

/// Other systems do not let a thread choose its CPU.
#[cfg(not(target_os = "linux"))]
fn syncs(file: &mut File) -> std::io::Result<Vec<f64>> {
    sync_cost(file).map(|cost| vec![cost])
}

fn sync_cost(file: &mut File) -> std::io::Result<f64> {
    median_of(SYNCS, || {
        file.write_all(&BLOCK)?;
        file.sync_data()
    })
}

/// The median time of `operation`, in nanoseconds.
#[expect(clippy::cast_precision_loss, reason = "samples are far below 2^52 ns")]
fn median_of(samples: usize, mut operation: impl FnMut() -> std::io::Result<()>) -> std::io::Result<f64> {
    let mut times = Vec::with_capacity(samples);
    for _ in 0..samples {
        let start = Instant::now();
        operation()?;
        times.push(start.elapsed().as_nanos());
    }
    let (_, median, _) = times.select_nth_unstable(samples / 2);
    Ok(*median as f64)
}

fn clock_cost() -> f64 {
    let epoch = Epoch::start();
    let start = Instant::now();
    for _ in 0..CLOCK_READS {
        std::hint::black_box(epoch.now());
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(CLOCK_READS)
}

/// Nanoseconds per message of one worker's loop around a target that does nothing; the median of several passes.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a few thousand messages")]
pub fn harness_cost(runtime: &Runtime, stop: &Stop) -> Option<f64> {
    let mut pool = Pool::new(PoolSpec::plain(1, 1, 64));
    pool.grow(NULL_MESSAGES).ok()?;
    let pass = Pass { stop: stop.clone(), ..Pass::of_messages(Arc::clone(pool.messages()), 0..NULL_MESSAGES, 1) };
    let mut costs: Vec<f64> = (0..NULL_PASSES)
        .map(|_| closed_loop::run(runtime, &NullTarget, &pass).working.as_secs_f64() * 1e9 / NULL_MESSAGES as f64)
        .collect();
    let (_, median, _) = costs.select_nth_unstable_by(NULL_PASSES / 2, f64::total_cmp);
    Some(*median)
}
