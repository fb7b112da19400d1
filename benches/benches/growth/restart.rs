//! How long a store and its scheduler take to be back.

use std::time::Instant;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use slotbench::driver::usage::{peak_rss, reset_peak_rss};
use slotbench::stats::median_count;
use slotbench_core::Durability;
use tokio::runtime::Runtime;

use crate::Outcome;
use crate::flatness::nanoseconds;
use crate::os::{self, FileCalls};
use crate::result::{Restart, StoreResult};
use crate::settings::Settings;
use crate::subject::{Subject, scheduler};

/// Restarts every store several times, warm and cold, in random order. The stores are closed before and after.
pub(crate) fn measure(
    subjects: &mut [Subject<'_>],
    settings: &Settings,
    runtime: &Runtime,
) -> Outcome<Vec<StoreResult>> {
    let tier = settings.tiers.first().copied().unwrap_or(Durability::Process);
    let mut taken = vec![[const { Vec::new() }; 2]; subjects.len()];
    let mut random = StdRng::seed_from_u64(settings.seed);
    for _ in 0..settings.restarts {
        let mut order: Vec<(usize, bool)> = (0..subjects.len()).flat_map(|it| [(it, false), (it, true)]).collect();
        order.shuffle(&mut random);
        for (index, cold) in order {
            taken[index][usize::from(cold)].push(restart(&mut subjects[index], tier, cold, runtime)?);
        }
    }
    let result = |(subject, [warm, cold]): (&Subject<'_>, [Vec<Restart>; 2])| StoreResult {
        slots: subject.size,
        filled: subject.filled.clone(),
        restart_warm: medians(&warm),
        restart_cold: medians(&cold),
    };
    Ok(subjects.iter().zip(taken).map(result).collect())
}

fn restart(subject: &mut Subject<'_>, tier: Durability, cold: bool, runtime: &Runtime) -> Outcome<Restart> {
    if cold {
        os::drop_cached(subject.dir())?;
    } else {
        // Whatever was read last fills the cache: for a warm restart, this store.
        drop(subject.open()?);
    }
    let message = subject.source.message()?;
    let from_here = reset_peak_rss();
    let before = FileCalls::now();
    let start = Instant::now();
    let store = subject.open()?;
    let open_ns = nanoseconds(start);
    let start = Instant::now();
    let scheduler = scheduler(store, tier)?;
    scheduler.server(&subject.source.process())?;
    let latest_ns = nanoseconds(start);
    let start = Instant::now();
    runtime.block_on(scheduler.schedule(message))?;
    let append_ns = nanoseconds(start);
    subject.slots += 1;
    let fetched_bytes = FileCalls::now().since(&before).fetched_bytes;
    let peak_rss_bytes = peak_rss().filter(|_| from_here).unwrap_or_default();
    let start = Instant::now();
    drop(scheduler);
    let close_ns = nanoseconds(start);
    Ok(Restart { close_ns, open_ns, latest_ns, append_ns, fetched_bytes, peak_rss_bytes })
}

fn medians(restarts: &[Restart]) -> Restart {
    let of = |figure: fn(&Restart) -> u64| {
        median_count(&restarts.iter().map(figure).collect::<Vec<_>>()).unwrap_or_default()
    };
    Restart {
        close_ns: of(|it| it.close_ns),
        open_ns: of(|it| it.open_ns),
        latest_ns: of(|it| it.latest_ns),
        append_ns: of(|it| it.append_ns),
        fetched_bytes: of(|it| it.fetched_bytes),
        peak_rss_bytes: of(|it| it.peak_rss_bytes),
    }
}
