//! One store of one size.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use slotbench::driver::usage::{disk_bytes, peak_rss, reset_peak_rss};
use slotbench_backends::Kind;
use slotbench_core::scheduler::SignaturePolicy;
use slotbench_core::store::Store;
use slotbench_core::wallet::NoSigner;
use slotbench_core::{AssignmentStore, Config, Durability, Scheduler};

use crate::result::Filled;
use crate::settings::Settings;
use crate::source::Source;
use crate::{Outcome, load, os};

/// How long an engine may go on compacting before it is measured all the same.
pub(crate) const PATIENCE: Duration = Duration::from_secs(600);
/// The largest size that is filled anew while it is measured.
const RENEWED: u64 = 1_000;
/// Slots read back at the end.
const READ_BACK: usize = 200;

/// One store of one size, and where its next messages come from.
pub(crate) struct Subject<'a> {
    kind: Kind,
    settings: &'a Settings,
    /// Slots it is meant to have.
    pub(crate) size: u64,
    /// Slots it has.
    pub(crate) slots: u64,
    pub(crate) source: Source,
    pub(crate) filled: Filled,
    seed: u64,
    dir: PathBuf,
}

impl<'a> Subject<'a> {
    /// Fills a store of `size` slots below `dir` and closes it.
    pub(crate) fn fill(kind: Kind, size: u64, settings: &'a Settings, dir: &Path) -> Outcome<Self> {
        let dir = dir.join(size.to_string());
        let seed = settings.seed.wrapping_add(size);
        let mut source = Source::new(seed, settings.payload);
        let (filled, store) = fill(kind, size, settings, &mut source, &dir)?;
        drop(store);
        os::write_back(&dir)?;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let disk_bytes_per_message = disk_bytes(&dir) as f64 / size as f64;
        let filled = Filled { disk_bytes_per_message, ..filled };
        Ok(Self { kind, settings, size, slots: size, source, filled, seed, dir })
    }

    /// Whether appends have made it a quarter larger than it is meant to be.
    pub(crate) const fn is_outgrown(&self) -> bool {
        self.slots > self.size + self.size / 4
    }

    /// Whether it is replaced now and then: those that some dozen visits make a quarter larger.
    pub(crate) const fn is_renewed(&self) -> bool {
        self.size <= RENEWED
    }

    /// Fills a new store of the meant size in its place, and leaves it open. Closing would write out what the engine holds in
    /// memory; the larger stores take as many appends while they are measured, and an append into a memtable that is
    /// almost empty is faster than into any other.
    pub(crate) fn renew(&mut self) -> Outcome<Arc<dyn Store>> {
        fs::remove_dir_all(&self.dir)?;
        self.seed = self.seed.wrapping_add(1 << 32);
        self.source = Source::new(self.seed, self.settings.payload);
        let (_, store) = fill(self.kind, self.size, self.settings, &mut self.source, &self.dir)?;
        self.slots = self.size;
        Ok(store)
    }

    pub(crate) fn open(&self) -> Outcome<Arc<dyn Store>> {
        Ok(self.kind.open(&self.dir, &self.settings.options)?)
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Checks that the store holds every slot it was given: the last one by number, others at random in full.
    pub(crate) fn check(&mut self) -> Outcome<()> {
        let assignments = AssignmentStore::new(self.open()?);
        let process = self.source.process();
        let head = assignments.latest(&process)?;
        if head.next_slot() != self.slots {
            return Err(format!("{} slots were stored, and the last is {:?}", self.slots, head.slot).into());
        }
        let mut random = StdRng::seed_from_u64(self.seed);
        for slot in (0..READ_BACK).map(|_| random.random_range(0..self.slots)) {
            assignments.read(&process, slot)?.ok_or_else(|| format!("slot {slot} of {} is missing", self.slots))?;
        }
        Ok(())
    }
}

/// A scheduler that takes unsigned messages and answers once they are stored at `tier`.
pub(crate) fn scheduler(store: Arc<dyn Store>, tier: Durability) -> Outcome<Scheduler> {
    let signatures = SignaturePolicy { required: false, verify: false };
    Ok(Scheduler::new(store, Config { durability: tier, signatures, ..Config::new(Arc::new(NoSigner)) })?)
}

/// Fills a store and leaves it open. What it takes on disk shows when it is closed.
fn fill(
    kind: Kind,
    size: u64,
    settings: &Settings,
    source: &mut Source,
    dir: &Path,
) -> Outcome<(Filled, Arc<dyn Store>)> {
    let from_here = reset_peak_rss();
    let store = kind.open(dir, &settings.options)?;
    let begun = Instant::now();
    let record_bytes = load::fill(&*store, source, size, settings.batch)?;
    let took = begun.elapsed();
    let quiet = os::wait_until_quiet(PATIENCE);
    let peak_rss_bytes = peak_rss().filter(|_| from_here);
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let filled = Filled {
        slots_per_s: size as f64 / took.as_secs_f64(),
        quiet_after_s: quiet.map(|quiet| quiet.as_secs_f64()),
        peak_rss_bytes,
        record_bytes_per_message: record_bytes as f64 / size as f64,
        disk_bytes_per_message: 0.0,
    };
    Ok((filled, store))
}
