//! What a run covers: from arguments and environment.

use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;

use slotbench_backends::{KINDS, Kind};
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
    pub(crate) seed: u64,
    pub(crate) dir: PathBuf,
    pub(crate) json: Option<PathBuf>,
}

impl Settings {
    /// Reads them; `variable` looks up the environment.
    ///
    /// # Errors
    /// A line that says what is wrong and what is allowed.
    pub(crate) fn read(
        args: impl Iterator<Item = String>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let (kinds, json) = arguments(args)?;
        let tiers = variable("GROWTH_TIERS").unwrap_or_else(|| Durability::Process.name().to_owned());
        Ok(Self {
            kinds,
            json,
            max: within(&variable, "GROWTH_MAX", 1_000_000, SMALLEST..=LARGEST)?,
            tiers: tiers
                .split(',')
                .map(str::parse)
                .collect::<Result<_, _>>()
                .map_err(|e| format!("GROWTH_TIERS: {e}"))?,
            rounds: whole(within(&variable, "GROWTH_ROUNDS", 30, 1..=1_000_000)?),
            restarts: whole(within(&variable, "GROWTH_RESTARTS", 5, 1..=1_000)?),
            payload: whole(within(&variable, "GROWTH_PAYLOAD", 64, 0..=1 << 20)?),
            seed: within(&variable, "GROWTH_SEED", 1, 0..=u64::MAX)?,
            dir: variable("GROWTH_DIR").map_or_else(|| env!("CARGO_TARGET_TMPDIR").into(), PathBuf::from),
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

/// The engines, all lasting ones where none is named, and the file for the figures.
fn arguments(args: impl Iterator<Item = String>) -> Result<(Vec<Kind>, Option<PathBuf>), String> {
    let lasting: Vec<Kind> = KINDS.iter().copied().filter(Kind::is_persistent).collect();
    let (mut kinds, mut json) = (Vec::new(), None);
    let mut args = args;
    while let Some(word) = args.next() {
        match word.as_str() {
            // What `cargo bench` itself passes.
            "--bench" => {}
            "--json" => json = Some(args.next().ok_or("--json needs a file name")?.into()),
            name => match lasting.iter().find(|kind| kind.name() == name) {
                Some(kind) => kinds.push(*kind),
                None => {
                    let names: Vec<_> = lasting.iter().map(Kind::name).collect();
                    return Err(format!("unknown argument '{name}' (allowed: --json FILE, {})", names.join(", ")));
                }
            },
        }
    }
    Ok((if kinds.is_empty() { lasting } else { kinds }, json))
}

/// A whole number, which may be written `1e6`.
fn within<T>(
    variable: &impl Fn(&str) -> Option<String>,
    name: &str,
    default: T,
    allowed: std::ops::RangeInclusive<T>,
) -> Result<T, String>
where
    T: FromStr + PartialOrd + Display + Copy,
{
    let Some(text) = variable(name) else { return Ok(default) };
    let plain = match text.split_once('e') {
        Some((digits, zeros)) => match zeros.parse() {
            Ok(zeros @ 0..20) => format!("{digits}{}", "0".repeat(zeros)),
            _ => text.clone(),
        },
        None => text.clone(),
    };
    let number = plain.parse().ok().filter(|number| allowed.contains(number));
    number.ok_or_else(|| format!("{name} cannot be '{text}' (allowed: {} to {})", allowed.start(), allowed.end()))
}

fn whole(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
