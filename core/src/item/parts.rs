//! Items put together again from their fields, as documents that hold no bytes give them.

use bytes::Bytes;

use super::layout::{Layout, TAG_COUNTS_LEN};
use super::{Item, SignatureType, Tag, TagError, tags};
use crate::id::Id;

/// The fields of an item that somebody else has signed. Nothing here is trusted: [`Item::verify`] tells whether the
/// fields are those that were signed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Parts<'a> {
    /// The raw signature; its length and that of the owner tell the scheme.
    pub signature: &'a [u8],
    /// The raw public key of the signer.
    pub owner: &'a [u8],
    /// Whom the item is for.
    pub target: Option<Id>,
    /// The sender's arbitrary value.
    pub anchor: Option<[u8; 32]>,
    /// The tags in their order.
    pub tags: &'a [Tag<'a>],
    /// The payload.
    pub data: &'a [u8],
}

/// Why fields do not make an item.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PartsError {
    /// No scheme has signatures and public keys of these lengths, in bytes.
    #[error("no scheme has signatures of {signature} bytes and public keys of {owner}")]
    Scheme {
        /// The signature's length.
        signature: usize,
        /// The public key's.
        owner: usize,
    },
    /// The tags exceed a limit.
    #[error("tags: {0}")]
    Tags(#[from] TagError),
}

impl Parts<'_> {
    /// The item with these fields. Does not verify it.
    ///
    /// The signer may have encoded its tags in another of the forms that Avro allows; such an item does not verify.
    ///
    /// # Errors
    /// [`PartsError`].
    pub fn assemble(&self) -> Result<Item, PartsError> {
        let lengths = (self.signature.len(), self.owner.len());
        let kind = SignatureType::ALL.into_iter().find(|kind| (kind.signature_len(), kind.owner_len()) == lengths);
        let kind = kind.ok_or(PartsError::Scheme { signature: lengths.0, owner: lengths.1 })?;
        let (tag_count, tags_len) = (self.tags.len(), tags::encoded_len(self.tags)?);
        let layout = Layout { kind, target: self.target.is_some(), anchor: self.anchor.is_some(), tag_count, tags_len };
        let mut bytes = Vec::with_capacity(layout.data_start() + self.data.len());
        bytes.extend_from_slice(&kind.number().to_le_bytes());
        bytes.extend_from_slice(self.signature);
        bytes.extend_from_slice(self.owner);
        super::build::push_option(&mut bytes, self.target.as_ref().map(Id::as_bytes));
        super::build::push_option(&mut bytes, self.anchor.as_ref());
        bytes.extend_from_slice(&(tag_count as u64).to_le_bytes());
        bytes.extend_from_slice(&(tags_len as u64).to_le_bytes());
        debug_assert_eq!(bytes.len(), layout.anchor().end + TAG_COUNTS_LEN);
        tags::encode(self.tags, &mut bytes);
        bytes.extend_from_slice(self.data);
        Ok(Item::of_layout(Bytes::from(bytes), layout))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::item::ItemBuilder;
    use crate::wallet::Wallet;

    #[test]
    fn lengths_of_no_scheme_are_refused() {
        let none = Parts { signature: &[1; 64], owner: &[1; 31], ..Parts::default() };
        assert_eq!(none.assemble().err(), Some(PartsError::Scheme { signature: 64, owner: 31 }));
        assert!(Parts::default().assemble().is_err());
    }

    proptest! {
        #[test]
        fn an_item_taken_apart_is_put_together_byte_for_byte(
            target in any::<Option<[u8; 32]>>(),
            anchor in any::<Option<[u8; 32]>>(),
            tags in prop::collection::vec(("[a-z-]{1,12}", prop::collection::vec(any::<u8>(), 0..40)), 0..20),
            data in prop::collection::vec(any::<u8>(), 0..100),
        ) {
            let mut builder = ItemBuilder::new().data(data);
            builder = target.into_iter().fold(builder, |builder, target| builder.target(Id::from_bytes(target)));
            builder = anchor.into_iter().fold(builder, ItemBuilder::anchor);
            builder = tags.into_iter().fold(builder, |builder, (name, value)| builder.tag(name, value));
            let item = builder.sign(&Wallet::ed25519_from_seed([4; 32]).expect("a key")).expect("signs");
            let (tags, data): (Vec<_>, _) = (item.tags().collect(), item.data());
            let parts = Parts {
                signature: item.signature(),
                owner: item.owner(),
                target: item.target(),
                anchor: item.anchor().copied(),
                tags: &tags,
                data: &data,
            };
            let again = parts.assemble().expect("assembles");
            prop_assert_eq!(again.verify(), Ok(()));
            prop_assert_eq!((again.id(), again.as_bytes()), (item.id(), item.as_bytes()));
        }
    }
}
