//! Making and signing items.

use std::sync::Arc;

use bytes::Bytes;

use super::hash::DeepHash;
use super::layout::{Layout, OPTION_LEN, TAG_COUNTS_LEN};
use super::{BuildError, Item, Tag, tags, unsigned_id};
use crate::id::{Address, Id};
use crate::wallet::{SignError, Signer};

/// The constant part of many items: signer, target and anchor.
///
/// It keeps the bytes and the deep hash up to and including the anchor, so that an item costs the hashes of its tags
/// and data, one signature, and one allocation.
pub struct Template {
    signer: Arc<dyn Signer>,
    prefix: Prefix,
}

impl Template {
    /// Prepares items of this signer, target and anchor.
    #[must_use]
    pub fn new(signer: Arc<dyn Signer>, target: Option<Id>, anchor: Option<[u8; 32]>) -> Self {
        let prefix = Prefix::new(&*signer, target, anchor);
        Self { signer, prefix }
    }

    /// The address that signs.
    #[must_use]
    pub fn address(&self) -> Address {
        self.signer.address()
    }

    /// Makes and signs the item with these tags and this data.
    ///
    /// # Errors
    /// [`BuildError::Tags`] when the tags exceed a limit, [`BuildError::Sign`] when the signer refuses.
    pub fn build(&self, tags: &[Tag<'_>], data: &[u8]) -> Result<Item, BuildError> {
        self.prefix.build(&*self.signer, tags, data)
    }
}

/// One item, field by field.
///
/// ```
/// use slotbench_core::item::ItemBuilder;
/// use slotbench_core::wallet::Wallet;
///
/// let wallet = Wallet::ed25519_from_seed([7; 32])?;
/// let item = ItemBuilder::new().tag("Type", "Message").data("hello").sign(&wallet)?;
/// assert_eq!(item.tag("type"), Some(&b"Message"[..]));
/// assert_eq!(item.verify(), Ok(()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct ItemBuilder {
    target: Option<Id>,
    anchor: Option<[u8; 32]>,
    tags: Vec<(Vec<u8>, Vec<u8>)>,
    data: Vec<u8>,
}

impl ItemBuilder {
    /// An item without target, anchor, tags and data.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the target.
    #[must_use]
    pub const fn target(mut self, target: Id) -> Self {
        self.target = Some(target);
        self
    }

    /// Sets the anchor.
    #[must_use]
    pub const fn anchor(mut self, anchor: [u8; 32]) -> Self {
        self.anchor = Some(anchor);
        self
    }

    /// Appends a tag.
    #[must_use]
    pub fn tag(mut self, name: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Self {
        self.tags.push((name.into(), value.into()));
        self
    }

    /// Sets the data.
    #[must_use]
    pub fn data(mut self, data: impl Into<Vec<u8>>) -> Self {
        self.data = data.into();
        self
    }

    /// Makes and signs the item.
    ///
    /// # Errors
    /// As [`Template::build`].
    pub fn sign(&self, signer: &dyn Signer) -> Result<Item, BuildError> {
        let tags: Vec<_> = self.tags.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect();
        Prefix::new(signer, self.target, self.anchor).build(signer, &tags, &self.data)
    }
}

/// An item up to and including its anchor, with zeros for the signature.
struct Prefix {
    bytes: Vec<u8>,
    hash: DeepHash,
    /// Of an item without tags.
    layout: Layout,
    /// What the signer's public key really has.
    owner_len: usize,
}

impl Prefix {
    fn new(signer: &dyn Signer, target: Option<Id>, anchor: Option<[u8; 32]>) -> Self {
        let kind = signer.signature_type();
        let owner = signer.public_key();
        let target = target.as_ref().map(Id::as_bytes);
        let layout = Layout { kind, target: target.is_some(), anchor: anchor.is_some(), tag_count: 0, tags_len: 0 };
        let mut bytes = Vec::with_capacity(layout.anchor().end);
        bytes.extend_from_slice(&kind.number().to_le_bytes());
        bytes.resize(layout.signature().end, 0);
        bytes.extend_from_slice(owner);
        push_option(&mut bytes, target);
        push_option(&mut bytes, anchor.as_ref());
        let hash = DeepHash::begin(kind).element(owner).element(slice(target)).element(slice(anchor.as_ref()));
        Self { bytes, hash, layout, owner_len: owner.len() }
    }

    fn build(&self, signer: &dyn Signer, tags: &[Tag<'_>], data: &[u8]) -> Result<Item, BuildError> {
        check_len("public key", self.layout.kind.owner_len(), self.owner_len)?;
        let tags_len = tags::encoded_len(tags)?;
        let layout = Layout { tag_count: tags.len(), tags_len, ..self.layout };
        let mut bytes = self.unsigned(&layout, tags, data);
        let hash = self.hash.element(bytes.get(layout.tags()).unwrap_or_default()).element(data).finish();
        let signed = !signer.is_null();
        let id = if signed { sign_in_place(signer, &layout, &hash, &mut bytes)? } else { unsigned_id(&hash) };
        Ok(Item { bytes: Bytes::from(bytes), layout, signed, id })
    }

    fn unsigned(&self, layout: &Layout, tags: &[Tag<'_>], data: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.bytes.len() + TAG_COUNTS_LEN + layout.tags_len + data.len());
        bytes.extend_from_slice(&self.bytes);
        bytes.extend_from_slice(&(layout.tag_count as u64).to_le_bytes());
        bytes.extend_from_slice(&(layout.tags_len as u64).to_le_bytes());
        tags::encode(tags, &mut bytes);
        bytes.extend_from_slice(data);
        bytes
    }
}

/// Writes the signature over its zeros and answers the item's id.
fn sign_in_place(signer: &dyn Signer, layout: &Layout, hash: &[u8; 48], bytes: &mut [u8]) -> Result<Id, SignError> {
    let signature = signer.sign(hash)?;
    check_len("signature", layout.kind.signature_len(), signature.len())?;
    if let Some(place) = bytes.get_mut(layout.signature()) {
        place.copy_from_slice(&signature);
    }
    Ok(Id::from_bytes(crate::hash::sha256(&[&signature])))
}

fn check_len(field: &'static str, expected: usize, found: usize) -> Result<(), SignError> {
    if expected == found { Ok(()) } else { Err(SignError::Length { field, expected, found }) }
}

pub(super) fn push_option(bytes: &mut Vec<u8>, value: Option<&[u8; OPTION_LEN]>) {
    bytes.push(u8::from(value.is_some()));
    bytes.extend_from_slice(slice(value));
}

fn slice(value: Option<&[u8; OPTION_LEN]>) -> &[u8] {
    value.map_or(&[], <[u8; OPTION_LEN]>::as_slice)
}
