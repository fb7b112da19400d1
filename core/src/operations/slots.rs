//! Ranges of slots, as requests name them.

use std::ops::RangeInclusive;

/// Slots `first..end`, `end` not included; open ranges end at [`u64::MAX`], which is no slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slots {
    first: u64,
    end: u64,
}

/// A bound that is no whole number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{name}' must be a whole number, not '{value}'")]
pub struct ParseSlotsError {
    /// The parameter's name.
    pub name: &'static str,
    /// Its value, escaped and cut after 40 characters.
    pub value: String,
}

impl Slots {
    /// All slots.
    pub const ALL: Self = Self { first: 0, end: u64::MAX };

    /// The slots from `first` on.
    #[must_use]
    pub const fn from(first: u64) -> Self {
        Self { first, end: u64::MAX }
    }

    /// The slots `range`, none if it is empty.
    #[must_use]
    pub const fn within(range: &RangeInclusive<u64>) -> Self {
        Self { first: *range.start(), end: range.end().saturating_add(1) }
    }

    /// The slots from `first` up to, and not including, `end`.
    #[must_use]
    pub const fn between(first: u64, end: u64) -> Self {
        Self { first, end }
    }

    /// Reads `from` (0 where absent) and `to` (open where absent), both inclusive.
    ///
    /// A bound below 0 lies before every slot, one above 2^64 behind every slot: neither is an error.
    ///
    /// # Errors
    /// [`ParseSlotsError`] for anything but an optional `-` and decimal digits.
    pub fn parse(from: Option<&str>, to: Option<&str>) -> Result<Self, ParseSlotsError> {
        let first = from.map(|text| bound("from", text)).transpose()?.unwrap_or(Bound::Slot(0)).at_least();
        let end = to.map(|text| bound("to", text)).transpose()?.map_or(u64::MAX, Bound::behind);
        Ok(Self { first, end })
    }

    /// Reads the legacy bounds: `from-nonce` exclusive (−1 or absent: from the start), `to-nonce` inclusive.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_nonces(from: Option<&str>, to: Option<&str>) -> Result<Self, ParseSlotsError> {
        let first = from.map(|text| bound("from-nonce", text)).transpose()?.map_or(0, Bound::behind);
        let end = to.map(|text| bound("to-nonce", text)).transpose()?.map_or(u64::MAX, Bound::behind);
        Ok(Self { first, end })
    }

    /// The first slot.
    #[must_use]
    pub const fn first(&self) -> u64 {
        self.first
    }

    /// The slot behind the last; [`u64::MAX`] for an open range.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.end
    }

    /// Whether no slot lies in the range.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.first >= self.end
    }

    /// Whether `slot` lies in the range.
    #[must_use]
    pub const fn contains(&self, slot: u64) -> bool {
        self.first <= slot && slot < self.end
    }
}

/// Where a bound lies.
enum Bound {
    BeforeAll,
    Slot(u64),
    BehindAll,
}

impl Bound {
    /// The lowest slot that is not below it.
    const fn at_least(self) -> u64 {
        match self {
            Self::BeforeAll => 0,
            Self::Slot(slot) => slot,
            Self::BehindAll => u64::MAX,
        }
    }

    /// The lowest slot above it.
    const fn behind(self) -> u64 {
        match self {
            Self::BeforeAll => 0,
            Self::Slot(slot) => slot.saturating_add(1),
            Self::BehindAll => u64::MAX,
        }
    }
}

fn bound(name: &'static str, text: &str) -> Result<Bound, ParseSlotsError> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let value = text.chars().take(40).flat_map(char::escape_default).collect();
        return Err(ParseSlotsError { name, value });
    }
    // Digits alone fail to parse only where they exceed 64 bits.
    let slot = digits.parse().map_or(Bound::BehindAll, Bound::Slot);
    Ok(match slot {
        Bound::Slot(0) => Bound::Slot(0),
        _ if negative => Bound::BeforeAll,
        slot => slot,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bounds_are_inclusive_and_outsiders_are_no_errors() {
        let parse = |from, to| Slots::parse(from, to).map(|slots| (slots.first, slots.end));
        assert_eq!(parse(None, None), Ok((0, u64::MAX)));
        assert_eq!(parse(Some("3"), Some("5")), Ok((3, 6)));
        assert_eq!(parse(Some("-5"), Some("0")), Ok((0, 1)));
        assert_eq!(parse(Some("-0"), Some("007")), Ok((0, 8)));
        assert_eq!(parse(None, Some("-1")), Ok((0, 0)));
        assert_eq!(parse(Some("99999999999999999999"), None), Ok((u64::MAX, u64::MAX)));
        assert_eq!(parse(None, Some("99999999999999999999")), Ok((0, u64::MAX)));
        for bad in ["", "-", "+1", "1.0", " 1", "0x1", "one", "--1", "１"] {
            assert_eq!(Slots::parse(Some(bad), None).map_err(|error| error.name), Err("from"), "{bad}");
            assert_eq!(Slots::parse(None, Some(bad)).map_err(|error| error.name), Err("to"), "{bad}");
        }
    }

    #[test]
    fn legacy_nonces_exclude_the_first_bound() {
        let parse = |from, to| Slots::parse_nonces(from, to).map(|slots| (slots.first, slots.end));
        assert_eq!(parse(Some("-1"), Some("2")), Ok((0, 3)));
        assert_eq!(parse(Some("0"), None), Ok((1, u64::MAX)));
        assert_eq!(parse(None, Some("0")), Ok((0, 1)));
    }

    proptest! {
        #[test]
        fn numbers_mean_what_they_say(from in any::<i128>(), to in any::<i128>(), slot in any::<u64>()) {
            let slots = Slots::parse(Some(&from.to_string()), Some(&to.to_string())).expect("numbers");
            let slot_number = i128::from(slot.min(u64::MAX - 1));
            let expected = from <= slot_number && slot_number <= to;
            prop_assert_eq!(slots.contains(slot.min(u64::MAX - 1)), expected);
        }

        #[test]
        fn no_text_makes_parsing_panic(from in ".*", to in ".*") {
            let is_number = |text: &str| {
                let digits = text.strip_prefix('-').unwrap_or(text);
                !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
            };
            let parsed = Slots::parse(Some(&from), Some(&to));
            prop_assert_eq!(parsed.is_ok(), is_number(&from) && is_number(&to));
            let _ = Slots::parse_nonces(Some(&from), Some(&to));
        }
    }
}
