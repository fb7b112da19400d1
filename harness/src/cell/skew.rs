//! Which process a message is for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::cell::Hundredths;

/// Steepest zipf distribution.
const MAX_EXPONENT: Hundredths = Hundredths(500);

/// How messages are spread over processes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Skew {
    /// Round-robin: every process gets as many as any other.
    #[default]
    Uniform,
    /// The process of rank k, from 1, gets a share proportional to `1 / k^s`, with `s` from 0.01 to 5.
    Zipf(Hundredths),
    /// One process gets this percentage, 1 to 99; the others share the rest evenly.
    Hot(u8),
}

impl Skew {
    /// One word for a cell's id; `None` for the default.
    #[must_use]
    pub fn word(&self) -> Option<String> {
        match self {
            Self::Uniform => None,
            Self::Zipf(exponent) => Some(format!("zipf{}", exponent.word())),
            Self::Hot(percent) => Some(format!("hot{percent}")),
        }
    }
}

impl fmt::Display for Skew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uniform => f.pad("uniform"),
            Self::Zipf(exponent) => write!(f, "zipf:{exponent}"),
            Self::Hot(percent) => write!(f, "hot:{percent}%"),
        }
    }
}

impl FromStr for Skew {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "uniform" => Ok(Self::Uniform),
            Some(("zipf", exponent)) => Hundredths::within(exponent, Hundredths(1)..=MAX_EXPONENT).map(Self::Zipf),
            Some(("hot", percent)) => {
                let digits = percent.strip_suffix('%').unwrap_or(percent);
                let number = digits.parse().ok().filter(|number| (1..=99).contains(number));
                number.map(Self::Hot).ok_or_else(|| format!("'{percent}' is not a percentage from 1 to 99"))
            }
            _ => Err(format!("'{text}' is not a skew (allowed: uniform, zipf:0.99, hot:90%)")),
        }
    }
}

impl From<Skew> for String {
    fn from(skew: Skew) -> Self {
        skew.to_string()
    }
}

impl TryFrom<String> for Skew {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn skew() -> impl Strategy<Value = Skew> {
        prop_oneof![
            Just(Skew::Uniform),
            (1_u16..=500).prop_map(|exponent| Skew::Zipf(Hundredths(exponent))),
            (1_u8..=99).prop_map(Skew::Hot),
        ]
    }

    #[test]
    fn what_is_not_a_skew_is_said() {
        let error = |text: &str| text.parse::<Skew>().expect_err(text);
        assert_eq!(error("zipfian"), "'zipfian' is not a skew (allowed: uniform, zipf:0.99, hot:90%)");
        assert_eq!(error("zipf:0"), "'0' is not a number from 0.01 to 5");
        assert_eq!(error("hot:100%"), "'100%' is not a percentage from 1 to 99");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(skew in skew()) {
            prop_assert_eq!(skew.to_string().parse(), Ok(skew));
        }
    }
}
