//! The bytes of a signature.

use std::ops::Deref;

use smallvec::SmallVec;

/// A raw signature. Those of 65 bytes or fewer, all but RSA's, take no allocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature(SmallVec<[u8; 65]>);

impl From<&[u8]> for Signature {
    fn from(bytes: &[u8]) -> Self {
        Self(SmallVec::from_slice(bytes))
    }
}

impl Deref for Signature {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
