//! The values of a cell's axes, as plans, results and the command line write them.

use serde::{Deserialize, Serialize};
use slotbench_core::Durability;

/// One closed list of names: `Display` and serde write a name, `FromStr` takes a name or a synonym.
macro_rules! names {
    ($(#[$doc:meta])* $axis:ident, $what:literal { $($(#[$value_doc:meta])* $value:ident = $name:literal $(| $synonym:literal)*,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $axis {
            $($(#[$value_doc])* #[serde(rename = $name)] $value,)*
        }

        impl $axis {
            /// Every value, in the order reports show them.
            pub const ALL: &[Self] = &[$(Self::$value),*];

            /// The name in plans, results and on the command line.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$value => $name),* }
            }
        }

        impl std::fmt::Display for $axis {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl std::str::FromStr for $axis {
            type Err = $crate::axis::UnknownName;

            fn from_str(text: &str) -> Result<Self, $crate::axis::UnknownName> {
                match text {
                    $($name $(| $synonym)* => Ok(Self::$value),)*
                    _ => Err($crate::axis::UnknownName { what: $what, text: text.to_owned(), allowed: &[$($name),*] }),
                }
            }
        }
    };
}

/// A name that is not in the list of its axis.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} '{text}' (allowed: {})", allowed.join(", "))]
pub struct UnknownName {
    /// The axis.
    pub what: &'static str,
    /// The text as given.
    pub text: String,
    /// The names it takes.
    pub allowed: &'static [&'static str],
}

names! {
    /// When the caller is told about its slot.
    Mode, "mode" {
        /// Once the assignment is stored at the cell's durability.
        Local = "local" | "local_confirmation",
        /// Once the slot is assigned; the write follows.
        Aggressive = "aggressive",
        /// Once the bundler has accepted the assignment.
        Remote = "remote" | "remote_confirmation",
    }
}

names! {
    /// How a worker reaches the scheduler.
    Transport, "transport" {
        /// A function call.
        InProcess = "inproc",
        /// HTTP/1.1.
        H1 = "h1",
        /// HTTP/2.
        H2 = "h2",
        /// HTTP/3.
        H3 = "h3",
    }
}

names! {
    /// Whether, and with which algorithm, the scheduler signs assignments.
    Sign, "signature" {
        /// Assignments stay unsigned.
        None = "none",
        /// Ed25519.
        Ed25519 = "ed25519",
        /// RSA-PSS with a 4096-bit key, as on Arweave.
        Rsa4096 = "rsa4096",
    }
}

names! {
    /// How assignments reach [`Store::apply`](slotbench_core::Store::apply).
    Commit, "commit" {
        /// What queues up while one batch is applied goes into the next, from any number of processes.
        Group = "group",
        /// Every process writes its own batches, one message each, concurrently.
        Each = "each",
    }
}

names! {
    /// How the intended starts of an open loop are spread over time.
    Arrival, "arrival" {
        /// At equal distances.
        Fixed = "fixed",
        /// At random, independently of each other: exponential distances, as of many callers who know nothing of each
        /// other.
        Poisson = "poisson",
    }
}

names! {
    /// A quantile of a latency.
    Quantile, "quantile" {
        /// The median.
        P50 = "p50",
        /// Nine in ten are no slower.
        P90 = "p90",
        /// 99 in a hundred.
        P99 = "p99",
        /// 999 in a thousand.
        P999 = "p99.9" | "p999",
    }
}

impl Quantile {
    /// As a share, 0 to 1.
    #[must_use]
    pub const fn share(self) -> f64 {
        match self {
            Self::P50 => 0.5,
            Self::P90 => 0.9,
            Self::P99 => 0.99,
            Self::P999 => 0.999,
        }
    }
}

/// The tier a cell asks for and the tier it gets.
///
/// An engine runs with its cheapest setting that satisfies the tier asked for, which may be stronger. Results are
/// ranked by the effective tier only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    /// The tier of the plan.
    pub asked: Durability,
    /// What the engine's setting gives; `None` where no setting reaches `asked`, or the engine is not built in.
    pub effective: Option<Durability>,
}

pub(crate) use names;
