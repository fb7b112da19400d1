//! ANS-104 data items: what messages and assignments are made of.
//!
//! An [`Item`] is a validated view over its own bytes. It is checked once, when it is parsed; afterwards every field is
//! a slice and nothing can fail. New items come from an [`ItemBuilder`] or, when many share signer, target and anchor,
//! from a [`Template`].
//!
//! Items carry no magic number: bytes that parse need not have been meant as an item (a bundle of two items parses as
//! an ed25519 item, for instance). [`Item::verify`] is what tells.

mod build;
mod cursor;
mod error;
mod hash;
mod layout;
mod parts;
mod tags;
mod verify;

use std::fmt;

use bytes::Bytes;

use crate::hash::sha256;
use crate::id::{Address, Id};
use crate::signature::address_of;
use hash::DeepHash;
use layout::Layout;

pub use crate::signature::{MAX_SIGNATURE_LEN, SignatureType};
pub use build::{ItemBuilder, Template};
pub use error::{BuildError, ItemError, VerifyError};
pub use parts::{Parts, PartsError};
pub use tags::{MAX_NAME_LEN, MAX_PLAIN_BLOCK, MAX_TAGS, MAX_VALUE_LEN, Tag, TagError, Tags};

/// One data item. Cloning it copies no bytes.
#[derive(Clone)]
pub struct Item {
    bytes: Bytes,
    layout: Layout,
    signed: bool,
    id: Id,
}

impl Item {
    /// Takes `bytes` as one item; everything behind the tags is its data.
    ///
    /// The signature is not verified, see [`Item::verify`]. Allocates nothing.
    ///
    /// # Errors
    /// [`ItemError`] names the first field that is cut, unknown or inconsistent.
    pub fn parse(bytes: Bytes) -> Result<Self, ItemError> {
        let layout = Layout::read(&bytes)?;
        Ok(Self::of_layout(bytes, layout))
    }

    /// The item in `bytes`, whose layout is known.
    fn of_layout(bytes: Bytes, layout: Layout) -> Self {
        let signed = !(is_zero(&bytes, &layout.signature()) && is_zero(&bytes, &layout.owner()));
        let mut item = Self { bytes, layout, signed, id: Id::from_bytes([0; 32]) };
        item.id = if signed { Id::from_bytes(sha256(&[item.signature()])) } else { unsigned_id(&item.deep_hash()) };
        item
    }

    /// The item as it was parsed or built, byte for byte.
    #[must_use]
    pub const fn as_bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// SHA-256 of the signature; for an unsigned item SHA-256 of its deep hash.
    #[must_use]
    pub const fn id(&self) -> Id {
        self.id
    }

    /// Whether anybody claims to have signed the item. An unsigned item has a signature *and* an owner of zeros, so
    /// that it cannot name an owner who never saw it; zeros beside an owner are a signature, and an invalid one.
    #[must_use]
    pub const fn is_signed(&self) -> bool {
        self.signed
    }

    /// The scheme of the signature.
    #[must_use]
    pub const fn signature_type(&self) -> SignatureType {
        self.layout.kind
    }

    /// The raw signature.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        self.field(self.layout.signature())
    }

    /// The raw public key of the signer.
    #[must_use]
    pub fn owner(&self) -> &[u8] {
        self.field(self.layout.owner())
    }

    /// The signer's address; one hash a call.
    #[must_use]
    pub fn owner_address(&self) -> Address {
        address_of(self.layout.kind, self.owner())
    }

    /// Whom the item is for: of a message, the process.
    #[must_use]
    pub fn target(&self) -> Option<Id> {
        Id::from_slice(self.field(self.layout.target())).ok()
    }

    /// The sender's arbitrary value, meant against replay.
    #[must_use]
    pub fn anchor(&self) -> Option<&[u8; 32]> {
        self.field(self.layout.anchor()).try_into().ok()
    }

    /// The tags in their order.
    #[must_use]
    pub fn tags(&self) -> Tags<'_> {
        Tags::of(self.field(self.layout.tags()), self.layout.tag_count)
    }

    /// The value of the first tag with this name, ASCII letters of either case being equal.
    #[must_use]
    pub fn tag(&self, name: &str) -> Option<&[u8]> {
        self.tags().find(|(candidate, _)| candidate.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }

    /// The payload: a slice of the item's bytes, not a copy.
    #[must_use]
    pub fn data(&self) -> Bytes {
        self.bytes.slice(self.layout.data_start()..)
    }

    /// What the signature signs: Arweave's deep hash (SHA-384) of all other fields. Hashes the whole item.
    #[must_use]
    pub fn deep_hash(&self) -> [u8; 48] {
        DeepHash::begin(self.layout.kind)
            .element(self.owner())
            .element(self.field(self.layout.target()))
            .element(self.field(self.layout.anchor()))
            .element(self.field(self.layout.tags()))
            .element(self.field(self.layout.data_start()..self.bytes.len()))
            .finish()
    }

    /// Verifies the signature.
    ///
    /// # Errors
    /// [`VerifyError::Unsigned`] without a signature, [`VerifyError::Owner`] when the owner is no public key,
    /// [`VerifyError::Invalid`] when owner, signature and content do not belong together.
    pub fn verify(&self) -> Result<(), VerifyError> {
        if !self.signed {
            return Err(VerifyError::Unsigned);
        }
        verify::verify(self.layout.kind, self.owner(), &self.deep_hash(), self.signature())
    }

    /// The layout lies within the bytes, so the fallback is never taken.
    fn field(&self, range: std::ops::Range<usize>) -> &[u8] {
        self.bytes.get(range).unwrap_or_default()
    }
}

/// Equal bytes; the id covers the signature only.
impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Item {}

impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Item")
            .field("id", &self.id)
            .field("signature_type", &self.layout.kind)
            .field("signed", &self.signed)
            .field("tags", &self.layout.tag_count)
            .field("bytes", &self.bytes.len())
            .finish()
    }
}

fn unsigned_id(deep_hash: &[u8; 48]) -> Id {
    Id::from_bytes(sha256(&[deep_hash]))
}

fn is_zero(bytes: &[u8], range: &std::ops::Range<usize>) -> bool {
    bytes.get(range.clone()).is_some_and(|field| field.iter().all(|byte| *byte == 0))
}
