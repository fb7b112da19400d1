//! Numbers with two decimals, so that what is equal is equal.

use std::fmt;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

/// A number from 0 to 655.35 in steps of a hundredth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hundredths(pub u16);

impl Hundredths {
    /// The number.
    #[must_use]
    pub fn value(self) -> f64 {
        f64::from(self.0) / 100.0
    }

    /// Without a point: `0_99`.
    #[must_use]
    pub fn word(self) -> String {
        self.to_string().replace('.', "_")
    }

    /// Reads `1`, `0.5` or `0.99`.
    ///
    /// # Errors
    /// What is no such number, has more decimals, or lies outside of the range.
    pub fn within(text: &str, range: RangeInclusive<Self>) -> Result<Self, String> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|c| c.is_ascii_digit());
        let number = (is_number(whole) && is_number(decimals) && decimals.len() <= 2).then(|| {
            let hundredths: u16 = format!("{decimals:0<2}").parse().ok()?;
            whole.parse::<u16>().ok()?.checked_mul(100)?.checked_add(hundredths)
        });
        let number = number.flatten().map(Self).filter(|number| range.contains(number));
        number.ok_or_else(|| format!("'{text}' is not a number from {} to {}", range.start(), range.end()))
    }
}

impl fmt::Display for Hundredths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 100, self.0 % 100);
        match (rest, rest % 10) {
            (0, _) => write!(f, "{whole}"),
            (_, 0) => write!(f, "{whole}.{}", rest / 10),
            _ => write!(f, "{whole}.{rest:02}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_read_as_it_is_written() {
        let all = Hundredths(0)..=Hundredths(u16::MAX);
        for number in 0..=u16::MAX {
            let text = Hundredths(number).to_string();
            assert_eq!(Hundredths::within(&text, all.clone()), Ok(Hundredths(number)));
        }
        for (text, number) in [("1", 100), ("1.5", 150), ("0.99", 99), ("0.05", 5), ("2.50", 250)] {
            assert_eq!(Hundredths::within(text, all.clone()), Ok(Hundredths(number)));
        }
        for bad in ["", ".", "1.", ".5", "-1", "1.234", "1e2", "700", "+1"] {
            assert!(Hundredths::within(bad, all.clone()).is_err(), "{bad}");
        }
        assert!(Hundredths::within("3.01", Hundredths(1)..=Hundredths(300)).is_err());
    }
}
