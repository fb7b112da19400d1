//! What a run covers: from arguments and environment.

use std::path::PathBuf;

use slotbench_backends::{Kind, Options};
use slotbench_benches::arguments::{engines, number};
use slotbench_core::Durability;
use slotbench_core::store::Tier;

/// The smallest store; each next one is ten times as large.
const SMALLEST: u64 = 1_000;
/// A store of more slots would not be filled in a day.
const LARGEST: u64 = 1_000_000_000;
/// fs makes two files and a link for every slot: beyond this, filling takes longer than all the rest.
const LARGEST_FS: u64 = 100_000;

/// What a run covers.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) kinds: Vec<Kind>,
    /// Slots of the largest store.
    pub(crate) max: u64,
    pub(crate) tiers: Vec<Durability>,
    /// Recorded rounds over all sizes.
    pub(crate) rounds: usize,
    /// Restarts of each size, with warm and with dropped page cache each.
    pub(crate) restarts: usize,
    /// Bytes of data in a message.
    pub(crate) payload: usize,
    /// Slots in one batch while filling.
    pub(crate) batch: u64,
    /// Settings of the engines.
    pub(crate) options: Options,
    pub(crate) seed: u64,
    pub(crate) dir: PathBuf,
    pub(crate) json: Option<PathBuf>,
}

impl Settings {
    /// Reads them from arguments and environment.
    ///
    /// # Errors
    /// A line that says what is wrong and what is allowed.
    pub(crate) fn read(args: impl Iterator<Item = String>) -> Result<Self, String> {
        let (json, words) = split(args)?;
        let tiers = std::env::var("GROWTH_TIERS").unwrap_or_else(|_| Durability::Process.name().to_owned());
        let tiers = tiers.split(',').map(str::parse).collect::<Result<_, _>>();
        Ok(Self {
            kinds: engines(words.iter().map(String::as_str))?,
            max: number("GROWTH_MAX", 1_000_000, SMALLEST..=LARGEST)?,
            tiers: tiers.map_err(|mistake| format!("GROWTH_TIERS: {mistake}"))?,
            rounds: whole(number("GROWTH_ROUNDS", 30, 1..=1_000_000)?),
            restarts: whole(number("GROWTH_RESTARTS", 5, 1..=1_000)?),
            payload: whole(number("GROWTH_PAYLOAD", 64, 16..=1 << 20)?),
            batch: number("GROWTH_BATCH", 1024, 1..=4096)?,
            options: options(&std::env::var("GROWTH_OPTIONS").unwrap_or_default())?,
            seed: number("GROWTH_SEED", 1, 0..=u64::MAX)?,
            dir: std::env::var("GROWTH_DIR").map_or_else(|_| env!("CARGO_TARGET_TMPDIR").into(), PathBuf::from),
            json,
        })
    }

    /// Slots of each store of `kind`, smallest first.
    pub(crate) fn sizes(&self, kind: Kind) -> Vec<u64> {
        let max = if kind.name() == "fs" { self.max.min(LARGEST_FS) } else { self.max };
        std::iter::successors(Some(SMALLEST), |size| size.checked_mul(10)).take_while(|size| *size <= max).collect()
    }

    /// The tiers asked for as `kind` gives them; of two with the same effect the first.
    pub(crate) fn tiers_of(&self, kind: Kind) -> Vec<Tier> {
        let mut tiers: Vec<Tier> = Vec::new();
        for asked in &self.tiers {
            let found = kind.tiers().into_iter().find(|tier| tier.asked == *asked && tier.effective.is_some());
            tiers.extend(found.filter(|tier| tiers.iter().all(|other| other.effective != tier.effective)));
        }
        tiers
    }
}

/// The file that follows `--json`, and the other words.
fn split(args: impl Iterator<Item = String>) -> Result<(Option<PathBuf>, Vec<String>), String> {
    let (mut json, mut words) = (None, Vec::new());
    let mut args = args;
    while let Some(word) = args.next() {
        match word.as_str() {
            // What `cargo bench` itself passes.
            "--bench" => {}
            "--json" => json = Some(args.next().ok_or("--json needs a file name")?.into()),
            _ => words.push(word),
        }
    }
    Ok((json, words))
}

/// Reads `name=value,name=value`.
fn options(text: &str) -> Result<Options, String> {
    let pairs = text.split(',').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) =
            pair.split_once('=').ok_or_else(|| format!("GROWTH_OPTIONS: '{pair}' is not NAME=VALUE"))?;
        Ok((name.to_owned(), value.to_owned()))
    });
    pairs.collect::<Result<_, _>>().map(Options::new)
}

fn whole(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
