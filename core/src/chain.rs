//! The hash chain that binds a process's messages to their order.
//!
//! In the `ao.N.1` dialect `C(n) = SHA-256(C(n-1) || M(n))`: the raw 32 bytes of the value before (nothing for slot 0),
//! then the 43-character text id of message n.

use std::fmt;
use std::str::FromStr;

use crate::hash::sha256;
use crate::id::{Id, IdError};

/// The chain after some slot: 32 bytes, written like an id.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChainValue(Id);

/// Where a chain stands: before its first slot, or after some slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Chain(Option<ChainValue>);

impl ChainValue {
    /// The raw 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The 43-character text form an assignment carries.
    #[must_use]
    pub fn text(&self) -> crate::id::IdText {
        self.0.text()
    }

    /// `C(0)` of a schedule that starts with `message`.
    #[must_use]
    pub fn first(message: &Id) -> Self {
        Self::digest(&[message.text().as_bytes()])
    }

    /// The value after one more message.
    #[must_use]
    pub fn then(&self, message: &Id) -> Self {
        Self::digest(&[self.as_bytes(), message.text().as_bytes()])
    }

    fn digest(parts: &[&[u8]]) -> Self {
        Self(Id::from_bytes(sha256(parts)))
    }
}

impl From<[u8; 32]> for ChainValue {
    fn from(bytes: [u8; 32]) -> Self {
        Self(Id::from_bytes(bytes))
    }
}

impl FromStr for ChainValue {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        text.parse().map(Self)
    }
}

impl fmt::Display for ChainValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for ChainValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChainValue({self})")
    }
}

impl Chain {
    /// A chain without a slot.
    pub const EMPTY: Self = Self(None);

    /// The chain after a slot that carries `value`.
    #[must_use]
    pub const fn after(value: ChainValue) -> Self {
        Self(Some(value))
    }

    /// The last value; `None` before slot 0.
    #[must_use]
    pub const fn value(&self) -> Option<ChainValue> {
        self.0
    }

    /// The value of the next slot, were `message` scheduled there.
    #[must_use]
    pub fn next(&self, message: &Id) -> ChainValue {
        self.0.map_or_else(|| ChainValue::first(message), |value| value.then(message))
    }

    /// Checks the value a slot carries and moves past it.
    ///
    /// The reference node hashed the *text* of the value before in its first step after a restart. Schedules with such
    /// a seam exist, so a foreign one is accepted and the seam reported; our own writer never makes one.
    pub fn check(&mut self, message: &Id, carried: ChainValue) -> Step {
        let step = if self.next(message) == carried {
            Step::Sound
        } else if self.next_after_seam(message) == Some(carried) {
            Step::Seam
        } else {
            Step::Broken
        };
        *self = Self::after(carried);
        step
    }

    fn next_after_seam(self, message: &Id) -> Option<ChainValue> {
        let value = self.0?;
        Some(ChainValue::digest(&[value.text().as_bytes(), message.text().as_bytes()]))
    }
}

/// What [`Chain::check`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The value follows from the one before.
    Sound,
    /// The value follows from the text of the one before: the reference node was restarted here.
    Seam,
    /// The value does not follow.
    Broken,
}

/// The `ao.TN.1` dialect: `H(0) = SHA-256(process)`, `H(n) = SHA-256(assignment id (n-1) || H(n-1))`, all raw.
pub mod legacy {
    use super::ChainValue;
    use crate::id::Id;

    /// `H(0)`.
    #[must_use]
    pub fn first(process: &Id) -> ChainValue {
        ChainValue::digest(&[process.as_bytes()])
    }

    /// `H(n)` from the id of assignment n-1 and `H(n-1)`.
    #[must_use]
    pub fn next(previous_assignment: &Id, previous: ChainValue) -> ChainValue {
        ChainValue::digest(&[previous_assignment.as_bytes(), previous.as_bytes()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const C: [&str; 3] = [
        "VtX6czP210fbQsI5QH5dpMMvTHnzXQkrE0_TWkAtnFw",
        "BWWtzgdKOka9_Co-uBvPvUTlN9Zfh2uUbKSL_kNn3Cc",
        "li0LCB2Cma00B3ntIzVujGJHI8bHS5BYicxprs0THU0",
    ];
    const SEAM: &str = "t60qFoRBAgnktsWU2P-gr01yP5AsyHdcQhukJZB3ot4";

    fn message(n: u8) -> Id {
        Id::from_bytes([n + 1; 32])
    }

    fn value(text: &str) -> ChainValue {
        text.parse().expect("a test vector")
    }

    #[test]
    fn c009_native_vectors() {
        let mut chain = Chain::EMPTY;
        for (n, expected) in (0..).zip(C) {
            let next = chain.next(&message(n));
            assert_eq!(next.to_string(), expected);
            chain = Chain::after(next);
        }
    }

    #[test]
    fn c010_a_chain_reloaded_from_its_text_goes_on_unchanged() {
        for stop in 0..2_u8 {
            let stored = C[usize::from(stop)];
            let resumed = Chain::after(value(stored));
            assert_eq!(resumed.next(&message(stop + 1)).to_string(), C[usize::from(stop) + 1]);
        }
    }

    #[test]
    fn c011_a_restart_seam_is_accepted_and_reported() {
        let mut chain = Chain::EMPTY;
        assert_eq!(chain.check(&message(0), value(C[0])), Step::Sound);
        assert_eq!(chain.check(&message(1), value(SEAM)), Step::Seam);
        let after_seam = value(SEAM).then(&message(2));
        assert_eq!(chain.check(&message(2), after_seam), Step::Sound);
        assert_eq!(chain.check(&message(3), value(C[0])), Step::Broken);
        let mut fresh = Chain::EMPTY;
        assert_eq!(fresh.check(&message(0), value(C[1])), Step::Broken);
    }

    #[test]
    fn c012_legacy_vectors() {
        let first = legacy::first(&Id::from_bytes([9; 32]));
        assert_eq!(first.to_string(), "jAzBegSULMT44P4LMCYG0xCIYMEmQouizutfntQcKwU");
        let next = legacy::next(&Id::from_bytes([4; 32]), first);
        assert_eq!(next.to_string(), "S8SHE0SNScx19FhorOyZ5nzIx_dUeBL2UaqFSFUfyzM");
    }
}
