//! The keys of a plan's tables and what each takes: one list for plan files and command-line flags.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use crate::axis::Mode;
use crate::cell::{Length, Limit, Payload};
use crate::items::Items;
use crate::plan::group::Group;

/// What `all` means, and what runs where a plan names no backend. One that is not built in is refused, not left out, so
/// that the result says so.
pub(super) const ALL_BACKENDS: [&str; 4] = ["fs", "rocksdb", "sled", "redb"];
/// Longest round or warm-up.
const MAX_DURATION: Duration = Duration::from_secs(24 * 60 * 60);

/// A key, and how one word of its value goes into a [`Group`].
pub(super) struct Key {
    /// As written in a plan.
    pub(super) name: &'static str,
    /// Takes one word; called for each word of a list.
    pub(super) take: Take,
}

type Take = fn(&mut Group, &str) -> Result<(), String>;

const fn key(name: &'static str, take: Take) -> Key {
    Key { name, take }
}

/// The keys of a `[[cells]]` table, and of the top of a plan.
pub(super) const CELLS: &[Key] = &[
    key("backend", take_backend),
    key("mode", take_mode),
    key("durability", |group, word| push(&mut group.durability, word.parse()?)),
    key("workers", |group, word| push(&mut group.workers, number(word, 1..=10_000)?)),
    key("transport", |group, word| push(&mut group.transport, named(word)?)),
    key("rate", take_rate),
    key("arrival", |group, word| push(&mut group.arrival, named(word)?)),
    key("in-flight", |group, word| push(&mut group.in_flight, number(word, 1..=10_000)?)),
    key("saturate", |group, word| set(&mut group.saturate, limit(word)?)),
    key("ops", |group, word| set(&mut group.length, Length::Ops(number(word, 1..=1_000_000_000)?))),
    key("duration", |group, word| set(&mut group.length, Length::Duration(positive(word)?))),
    key("warmup", |group, word| set(&mut group.warmup, duration(word)?)),
    key("rounds", |group, word| set(&mut group.rounds, number(word, 1..=1000)?)),
];

/// The keys of a `workload` table.
pub(super) const WORKLOAD: &[Key] = &[
    key("sign", |group, word| push(&mut group.workload.sign, named(word)?)),
    key("verify", |group, word| push(&mut group.workload.verify, flag(word)?)),
    key("commit", |group, word| push(&mut group.workload.commit, named(word)?)),
    key("processes", |group, word| push(&mut group.workload.processes, number(word, 1..=1_000_000)?)),
    key("skew", |group, word| push(&mut group.workload.skew, word.parse()?)),
    key("payload", take_payload),
    key("compressible", |group, word| push(&mut group.workload.compressible, number(word, 0..=100)?)),
    key("duplicates", |group, word| push(&mut group.workload.duplicates, number(word, 0..=100)?)),
    key("reads", |group, word| push(&mut group.workload.reads, number(word, 0..=100)?)),
    key("read", |group, word| push(&mut group.workload.read, named(word)?)),
    key("history", |group, word| push(&mut group.workload.history, number(word, 0..=100_000_000)?)),
    key("operation", |group, word| push(&mut group.workload.operation, named(word)?)),
];

/// The keys that only a `[[cells]]` table has.
pub(super) const LABELS: &[Key] =
    &[key("name", take_name), key("benchmark", |group, word| set(&mut group.benchmark, label(word, "")?.to_owned()))];

/// The key of that name, if it is in the list.
pub(super) fn find(keys: &'static [Key], name: &str) -> Option<&'static Key> {
    keys.iter().find(|key| key.name == name)
}

/// A name that ends up in file names and tables; `extra` characters are allowed besides letters, digits, `-` and `_`.
pub(super) fn label<'a>(word: &'a str, extra: &str) -> Result<&'a str, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c) || extra.contains(c);
    let fits = (1..=64).contains(&word.len()) && word.chars().all(allowed);
    if fits { Ok(word) } else { Err(format!("'{word}' is not a name (1 to 64 letters, digits, '-', '_')")) }
}

/// An engine's name, built in or not.
pub(super) fn backend(word: &str) -> Result<&'static str, String> {
    let known = slotbench_backends::NAMES;
    let found = known.iter().copied().find(|name| *name == word);
    found.ok_or_else(|| format!("unknown backend '{word}' (allowed: {}, all)", known.join(", ")))
}

/// A whole number within a range.
pub(super) fn number<T: FromStr + PartialOrd + Display>(word: &str, range: RangeInclusive<T>) -> Result<T, String> {
    let number = word.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| format!("'{word}' is not a whole number from {} to {}", range.start(), range.end()))
}

fn take_backend(group: &mut Group, word: &str) -> Result<(), String> {
    if word != "all" {
        return push(&mut group.backend, backend(word)?.to_owned());
    }
    ALL_BACKENDS.into_iter().try_for_each(|name| push(&mut group.backend, name.to_owned()))
}

fn take_mode(group: &mut Group, word: &str) -> Result<(), String> {
    match word {
        "all" => [Mode::Local, Mode::Aggressive].into_iter().try_for_each(|mode| push(&mut group.mode, mode)),
        _ => push(&mut group.mode, word.parse::<Mode>().map_err(|error| or_all(&error.to_string()))?),
    }
}

/// A message of [`UnknownName`](crate::axis::UnknownName) for an axis that also takes `all`.
fn or_all(message: &str) -> String {
    message.strip_suffix(')').map_or_else(|| message.to_owned(), |list| format!("{list}, all)"))
}

fn take_rate(group: &mut Group, word: &str) -> Result<(), String> {
    let message = || format!("'{word}' is not a rate (messages per second from 1 to 10000000, or closed)");
    let rate = match word {
        "closed" => None,
        _ => Some(number(word, 1..=10_000_000).map_err(|_| message())?),
    };
    push(&mut group.rate, rate)
}

/// `p99=5ms`
fn limit(word: &str) -> Result<Limit, String> {
    let message = || format!("'{word}' is not a limit on response time (such as p99=5ms; p50, p90, p99 or p99.9)");
    let (quantile, time) = word.split_once('=').ok_or_else(message)?;
    let quantile = quantile.trim().parse().map_err(|_| message())?;
    let limit = humantime::parse_duration(time.trim()).map_err(|_| message())?;
    let limit_ns = u64::try_from(limit.as_nanos()).ok().filter(|limit| *limit > 0).ok_or_else(message)?;
    Ok(Limit { quantile, limit_ns })
}

/// A payload; one of real items is read now, since its name is its content.
fn take_payload(group: &mut Group, word: &str) -> Result<(), String> {
    let Some(path) = word.strip_prefix("file:") else { return push(&mut group.workload.payload, word.parse()?) };
    let path = std::path::absolute(path).map_err(|error| format!("'{path}' is not a path: {error}"))?;
    let digest = Items::load(&path).map_err(|error| error.to_string())?.digest;
    group.workload.items.insert(digest, path);
    push(&mut group.workload.payload, Payload::Items(digest))
}

fn take_name(group: &mut Group, word: &str) -> Result<(), String> {
    let name = label(word, "{}")?;
    if name.replace("{backend}", "").contains(['{', '}']) {
        return Err(format!("'{word}' has an unknown placeholder (allowed: {{backend}})"));
    }
    set(&mut group.name, name.to_owned())
}

fn named<T: FromStr<Err = crate::axis::UnknownName>>(word: &str) -> Result<T, String> {
    word.parse().map_err(|error: T::Err| error.to_string())
}

fn flag(word: &str) -> Result<bool, String> {
    match word {
        "true" | "on" => Ok(true),
        "false" | "off" => Ok(false),
        _ => Err(format!("'{word}' is neither true nor false")),
    }
}

fn duration(word: &str) -> Result<Duration, String> {
    let duration =
        humantime::parse_duration(word).or_else(|error| if word == "0" { Ok(Duration::ZERO) } else { Err(error) });
    match duration {
        Ok(duration) if duration <= MAX_DURATION => Ok(duration),
        Ok(_) => Err(format!("'{word}' is too long (at most {})", humantime::format_duration(MAX_DURATION))),
        Err(_) => Err(format!("'{word}' is not a duration (such as 500ms, 10s or 2m)")),
    }
}

fn positive(word: &str) -> Result<Duration, String> {
    match duration(word)? {
        Duration::ZERO => Err("a round of no length measures nothing (such as 500ms, 10s or 2m)".to_owned()),
        duration => Ok(duration),
    }
}

fn push<T: PartialEq>(list: &mut Vec<T>, value: T) -> Result<(), String> {
    if list.contains(&value) {
        return Err("has a value twice".to_owned());
    }
    list.push(value);
    Ok(())
}

fn set<T: SameKind>(slot: &mut Option<T>, value: T) -> Result<(), String> {
    match slot.replace(value).as_ref().zip(slot.as_ref()) {
        None => Ok(()),
        Some((old, new)) if old.same_kind(new) => Err("takes one value, not a list".to_owned()),
        Some(_) => Err("ops and duration exclude each other".to_owned()),
    }
}

/// Tells a list of one key from two keys that set the same thing.
trait SameKind {
    fn same_kind(&self, _other: &Self) -> bool {
        true
    }
}

impl SameKind for u32 {}
impl SameKind for Duration {}
impl SameKind for String {}
impl SameKind for Limit {}
impl SameKind for Length {
    fn same_kind(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}
