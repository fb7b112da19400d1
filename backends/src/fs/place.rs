//! A directory of the tree, and what the names in it mean.

use slotbench_core::key::{MAX_KEY_LEN, Segment};
use slotbench_core::{Id, Key};

use super::layout::{CONTINUED, IDS, Layout, MAX_GROUPS, NUMBER_FANOUT, NUMBERS};
use super::name::{GROUP_SUFFIX, PIECE, unescape};

/// One directory: the key it lies below, and which part of that key's children it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    key: Key,
    part: Part,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// The names, and the shards of ids and numbers.
    All,
    /// Numbers of `groups` groups of two digits, of which the first `taken` make up `value`.
    Numbers { groups: u32, taken: u32, value: u64 },
    /// The ids of one shard.
    Ids { shard: u16 },
    /// The names that start with these bytes and go on.
    Names { start: Vec<u8> },
}

/// Where one name in a directory leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// To the entry of that key: a file or a symbolic link.
    Entry(Key),
    /// To the directory of what lies below that key.
    Group(Key),
    /// To a directory with a part of this directory's key's children.
    Shard(Place),
}

impl Place {
    /// The directory of what lies below `key`.
    pub(super) fn group(key: Key) -> Self {
        Self { key, part: Part::All }
    }

    fn part(&self, part: Part) -> Step {
        Step::Shard(Self { key: self.key.clone(), part })
    }

    /// What `name` stands for here; `None` for a name that this engine does not write here.
    pub(super) fn step(&self, layout: Layout, name: &str) -> Option<Step> {
        match &self.part {
            Part::All => match name.chars().next()? {
                NUMBERS => self.step_to_numbers(&name[1..]),
                IDS => self.step_to_ids(layout, name),
                _ => self.step_to_name(&[], name),
            },
            Part::Numbers { groups, taken, value } => self.step_to_number(*groups, *taken, *value, name),
            Part::Ids { shard } => self.step_to_id(layout, *shard, name),
            Part::Names { start } => self.step_to_name(start, name),
        }
    }

    fn step_to_numbers(&self, name: &str) -> Option<Step> {
        let groups = (1..=MAX_GROUPS).find(|groups| format!("{groups:x}") == name)?;
        Some(self.part(Part::Numbers { groups, taken: 0, value: 0 }))
    }

    fn step_to_number(&self, groups: u32, taken: u32, value: u64, name: &str) -> Option<Step> {
        let (stem, is_group) = stem(name);
        let digits = digits(stem)?;
        let starts_with_zero = taken == 0 && groups > 1 && digits == 0;
        let value = value.checked_mul(NUMBER_FANOUT)?.checked_add(digits).filter(|_| !starts_with_zero)?;
        if taken + 1 == groups {
            return self.child(&Segment::Number(value), is_group);
        }
        (!is_group).then(|| self.part(Part::Numbers { groups, taken: taken + 1, value }))
    }

    fn step_to_ids(&self, layout: Layout, name: &str) -> Option<Step> {
        let shard = u16::from_str_radix(&name[1..], 16).ok().filter(|shard| *shard < layout.content_fanout())?;
        let mut canonical = String::new();
        layout.push_shard(shard, &mut canonical);
        (canonical == name).then(|| self.part(Part::Ids { shard }))
    }

    fn step_to_id(&self, layout: Layout, shard: u16, name: &str) -> Option<Step> {
        let (stem, is_group) = stem(name);
        let id: Id = stem.parse().ok()?;
        if layout.shard(&id) == shard { self.child(&Segment::Id(id), is_group) } else { None }
    }

    fn step_to_name(&self, start: &[u8], name: &str) -> Option<Step> {
        let continued = name.strip_suffix(CONTINUED);
        let (stem, is_group) = continued.map_or_else(|| stem(name), |stem| (stem, false));
        let whole = [start, &unescape(stem)?].concat();
        match continued {
            None => match Segment::parse(&whole).ok()? {
                segment @ Segment::Name(_) => self.child(&segment, is_group),
                // Numbers and ids have directories of their own.
                Segment::Number(_) | Segment::Id(_) => None,
            },
            Some(_) if whole.len() % PIECE == 0 => Some(self.part(Part::Names { start: whole })),
            Some(_) => None,
        }
    }

    fn child(&self, segment: &Segment<'_>, is_group: bool) -> Option<Step> {
        let key = self.key.clone().child(segment).ok()?;
        Some(if is_group { Step::Group(key) } else { Step::Entry(key) })
    }

    /// The least and the greatest encoded key that can lie here, as bounds: they need not be keys.
    fn bounds(&self, layout: Layout) -> Option<(Vec<u8>, Vec<u8>)> {
        let encoded = |segment: Segment<'_>| self.key.clone().child(&segment).ok();
        let between = |(low, high): (Key, Key)| (low.as_bytes().to_vec(), high.fence().as_bytes().to_vec());
        match &self.part {
            Part::All => Some(between((self.key.clone(), self.key.clone()))),
            Part::Numbers { groups, taken, value } => {
                let (low, high) = number_range(*groups, *taken, *value);
                Some(between((encoded(Segment::Number(low))?, encoded(Segment::Number(high))?)))
            }
            Part::Ids { shard } => {
                let (low, high) = id_range(layout, *shard);
                Some(between((encoded(Segment::Id(low))?, encoded(Segment::Id(high))?)))
            }
            Part::Names { start } => Some(name_range(encoded(Segment::Name(start.into()))?.as_bytes())),
        }
    }
}

impl Step {
    /// Sorts the steps from one directory in the order of the keys they lead to. An entry and its group tie.
    pub(super) fn order(&self, layout: Layout) -> Vec<u8> {
        match self {
            Self::Entry(key) | Self::Group(key) => key.as_bytes().to_vec(),
            Self::Shard(place) => place.bounds(layout).map(|(low, _)| low).unwrap_or_default(),
        }
    }

    /// Whether every key it leads to is less than `from`.
    pub(super) fn is_before(&self, layout: Layout, from: &Key) -> bool {
        match self {
            Self::Entry(key) => key < from,
            Self::Group(key) => key.fence() <= *from,
            Self::Shard(place) => place.bounds(layout).is_none_or(|(_, high)| high.as_slice() < from.as_bytes()),
        }
    }
}

/// A name without the suffix of directories, and whether it had it.
fn stem(name: &str) -> (&str, bool) {
    name.strip_suffix(GROUP_SUFFIX).map_or((name, false), |stem| (stem, true))
}

/// A decimal number of exactly two digits.
fn digits(text: &str) -> Option<u64> {
    let all_digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    if all_digits { text.parse().ok() } else { None }
}

/// The least and the greatest number of `groups` groups whose first `taken` groups make up `value`.
fn number_range(groups: u32, taken: u32, value: u64) -> (u64, u64) {
    let span = u128::from(NUMBER_FANOUT).pow(groups - taken);
    let low = u128::from(value) * span;
    let least = if taken == 0 && groups > 1 { span / u128::from(NUMBER_FANOUT) } else { low };
    let saturate = |number: u128| u64::try_from(number).unwrap_or(u64::MAX);
    (saturate(least), saturate(low + span - 1))
}

/// The least and the greatest id of a shard.
fn id_range(layout: Layout, shard: u16) -> (Id, Id) {
    let shift = layout.id_shift();
    let low = u32::from(shard) << shift;
    let high = low + (1 << shift) - 1;
    (id_of(low, 0x00), id_of(high, 0xFF))
}

fn id_of(first_two: u32, rest: u8) -> Id {
    let [_, _, high, low] = first_two.to_be_bytes();
    let mut bytes = [rest; 32];
    bytes[0] = high;
    bytes[1] = low;
    Id::from_bytes(bytes)
}

/// Bounds of the keys that continue a name, given the encoding of the name itself, which ends in `00 01`: behind it and
/// all below it, and before the encoding of a continuation by a zero byte, `00 FF`.
fn name_range(encoded: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let open = &encoded[..encoded.len().saturating_sub(2)];
    let mut high = open.to_vec();
    high.resize(MAX_KEY_LEN + 1, 0xFF);
    ([open, &[0x00, 0x02]].concat(), high)
}
