//! How large messages are.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::cell::Hundredths;
use crate::size;

/// Most data bytes of a message.
pub const MAX_PAYLOAD: u64 = 64 << 20;
/// How many times the median the largest message of a lognormal distribution has at most: a draw beyond it is cut.
pub const LOGNORMAL_CAP: u64 = 256;
/// Widest lognormal distribution: at 3 the mean is 90 times the median.
const MAX_SIGMA: Hundredths = Hundredths(300);

/// Data bytes of a message, or where whole messages come from.
///
/// In a result a fixed size is a number; everything else is the text of a plan, but for files, which results name by
/// their content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Form")]
pub enum Payload {
    /// All messages are of this size.
    Fixed(u64),
    /// Every size from `min` to `max` is equally likely.
    Uniform {
        /// Smallest.
        min: u64,
        /// Largest, included.
        max: u64,
    },
    /// The logarithm of the size is normally distributed; at least 1 byte, at most [`LOGNORMAL_CAP`] times the median
    /// and [`MAX_PAYLOAD`].
    Lognormal {
        /// Half of the messages are smaller.
        median: u64,
        /// Standard deviation of the natural logarithm, 0.01 to 3.
        sigma: Hundredths,
    },
    /// Real items, sent as they are, over and over.
    Items(Digest),
}

impl Payload {
    /// The largest size it can give; `None` for real items.
    #[must_use]
    pub fn largest(&self) -> Option<u64> {
        match *self {
            Self::Fixed(bytes) => Some(bytes),
            Self::Uniform { max, .. } => Some(max),
            Self::Lognormal { median, .. } => Some(median.saturating_mul(LOGNORMAL_CAP).min(MAX_PAYLOAD)),
            Self::Items(_) => None,
        }
    }

    /// One word for a cell's id: letters, digits and `_`.
    #[must_use]
    pub fn word(&self) -> String {
        match self {
            Self::Fixed(bytes) => size::format(*bytes),
            Self::Uniform { min, max } => format!("uniform_{}_{}", size::format(*min), size::format(*max)),
            Self::Lognormal { median, sigma } => format!("lognormal_{}_s{}", size::format(*median), sigma.word()),
            Self::Items(digest) => format!("file_{digest}"),
        }
    }
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(bytes) => f.pad(&size::format(*bytes)),
            Self::Uniform { min, max } => write!(f, "uniform:{}..{}", size::format(*min), size::format(*max)),
            Self::Lognormal { median, sigma } => {
                write!(f, "lognormal:median={},sigma={sigma}", size::format(*median))
            }
            Self::Items(digest) => write!(f, "file:{digest}"),
        }
    }
}

impl FromStr for Payload {
    type Err = String;

    /// Reads what [`Display`](fmt::Display) writes; of a file that is the digest of its items, not a path.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None => Ok(Self::Fixed(bounded(text)?)),
            Some(("uniform", range)) => uniform(range),
            Some(("lognormal", parameters)) => lognormal(parameters),
            Some(("file", digest)) => digest.parse().map(Self::Items),
            Some(_) => Err(format!("'{text}' is not a payload ({FORMS})")),
        }
    }
}

/// What a plan may say.
const FORMS: &str = "such as 1KiB, uniform:100B..10KiB, lognormal:median=1KiB,sigma=1, file:PATH";

fn bounded(text: &str) -> Result<u64, String> {
    match size::parse(text)? {
        bytes @ 0..=MAX_PAYLOAD => Ok(bytes),
        _ => Err(format!("'{text}' is too much (at most {})", size::format(MAX_PAYLOAD))),
    }
}

fn uniform(range: &str) -> Result<Payload, String> {
    let (min, max) = range.split_once("..").ok_or_else(|| format!("'{range}' is not a range (such as 100B..10KiB)"))?;
    let (min, max) = (bounded(min)?, bounded(max)?);
    if min < max { Ok(Payload::Uniform { min, max }) } else { Err(format!("'{range}' is an empty range")) }
}

fn lognormal(parameters: &str) -> Result<Payload, String> {
    let named = parameters.split_once(',').and_then(|(median, sigma)| {
        Some((median.trim().strip_prefix("median=")?, sigma.trim().strip_prefix("sigma=")?))
    });
    let (median, sigma) =
        named.ok_or_else(|| format!("'{parameters}' does not say median and sigma (such as median=1KiB,sigma=1)"))?;
    let median = bounded(median)?;
    let sigma = Hundredths::within(sigma, Hundredths(1)..=MAX_SIGMA)?;
    if median == 0 { Err("a median of 0 leaves nothing".to_owned()) } else { Ok(Payload::Lognormal { median, sigma }) }
}

/// The first 48 bits of the SHA-256 of a set of items, as 12 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 6]);

impl Digest {
    /// The start of a hash.
    #[must_use]
    pub const fn of(hash: &[u8; 32]) -> Self {
        let [a, b, c, d, e, f, ..] = *hash;
        Self([a, b, c, d, e, f])
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Digest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut bytes = [0; 6];
        let is_hex = text.len() == 12 && text.bytes().all(|c| c.is_ascii_hexdigit());
        for (index, byte) in bytes.iter_mut().enumerate().take_while(|_| is_hex) {
            let digits = text.get(2 * index..2 * index + 2).unwrap_or_default();
            *byte = u8::from_str_radix(digits, 16).map_err(|error| error.to_string())?;
        }
        if is_hex { Ok(Self(bytes)) } else { Err(format!("'{text}' is not a digest of 12 hexadecimal digits")) }
    }
}

/// How a payload stands in JSON.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Form {
    Bytes(u64),
    Text(String),
}

impl From<Payload> for Form {
    fn from(payload: Payload) -> Self {
        match payload {
            Payload::Fixed(bytes) => Self::Bytes(bytes),
            other => Self::Text(other.to_string()),
        }
    }
}

impl TryFrom<Form> for Payload {
    type Error = String;

    fn try_from(form: Form) -> Result<Self, String> {
        match form {
            Form::Bytes(bytes) => Ok(Self::Fixed(bytes)),
            Form::Text(text) => text.parse(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn payload() -> impl Strategy<Value = Payload> {
        let size = prop_oneof![Just(1_u64), Just(1023), Just(1024), Just(1025), Just(1 << 20), 0_u64..(64 << 20)];
        prop_oneof![
            size.clone().prop_map(Payload::Fixed),
            (size.clone(), 1_u64..100)
                .prop_map(|(min, more)| Payload::Uniform { min, max: (min + more).min(MAX_PAYLOAD) }),
            (size, 1_u16..=300)
                .prop_map(|(median, sigma)| Payload::Lognormal { median: median.max(1), sigma: Hundredths(sigma) }),
            any::<[u8; 6]>().prop_map(|bytes| Payload::Items(Digest(bytes))),
        ]
    }

    #[test]
    fn what_is_not_a_payload_is_said() {
        let error = |text: &str| text.parse::<Payload>().expect_err(text);
        assert_eq!(error("normal:1KiB"), format!("'normal:1KiB' is not a payload ({FORMS})"));
        assert_eq!(error("uniform:1KiB"), "'1KiB' is not a range (such as 100B..10KiB)");
        assert_eq!(error("uniform:2KiB..1KiB"), "'2KiB..1KiB' is an empty range");
        assert_eq!(error("uniform:1B..65MiB"), "'65MiB' is too much (at most 64MiB)");
        assert!(error("lognormal:1KiB").starts_with("'1KiB' does not say median and sigma"));
        assert_eq!(error("lognormal:median=1KiB,sigma=4"), "'4' is not a number from 0.01 to 3");
        assert_eq!(error("lognormal:median=0,sigma=1"), "a median of 0 leaves nothing");
        assert!(error("file:some/path").contains("not a digest"));
    }

    #[test]
    fn a_fixed_size_is_a_number_in_a_result() {
        assert_eq!(serde_json::to_string(&Payload::Fixed(1024)).expect("serialises"), "1024");
        let uniform: Payload = "uniform:100B..10KiB".parse().expect("is one");
        assert_eq!(serde_json::to_string(&uniform).expect("serialises"), "\"uniform:100B..10KiB\"");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(payload in payload()) {
            prop_assert_eq!(payload.to_string().parse(), Ok(payload));
            let json = serde_json::to_string(&payload).expect("serialises");
            prop_assert_eq!(serde_json::from_str::<Payload>(&json).expect("reads"), payload);
        }
    }
}
