//! An item written as JSON.
//!
//! | member | legacy shape | capital shape |
//! |---|---|---|
//! | `id`, `anchor`, `target`, `tags`, `data`, `signature` | lower case, `target` also as `recipient` | `Id`, `Anchor`, ... |
//! | `owner` | `{ "address", "key" }` | `Owner`, the address as text |
//!
//! Only with the owner's key can the item be put together again and verified: the capital shape lacks it. Missing `data`
//! is empty. An anchor is base64url of 32 bytes, or those bytes themselves where they are text.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use slotbench_core::item::{Parts, PartsError};
use slotbench_core::{Id, Item};

use super::quoted;

/// An item as JSON has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its id, as said.
    pub id: Id,
    /// The signer's address, as said; `None` for an unsigned item.
    pub owner: Option<String>,
    /// The signer's public key; empty where it is not told.
    pub key: Vec<u8>,
    /// The signature; empty where there is none.
    pub signature: Vec<u8>,
    /// Whom the item is for.
    pub target: Option<Id>,
    /// The sender's arbitrary value.
    pub anchor: Option<[u8; 32]>,
    /// Names and values in their order.
    pub tags: Vec<(String, String)>,
    /// The payload.
    pub data: Vec<u8>,
}

/// Why a document is no item.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// The owner's public key is not told, so nothing can be verified.
    #[error("item {0} comes without its owner's key")]
    NoKey(Id),
    /// Its fields do not make an item.
    #[error("item {id}: {cause}")]
    Parts {
        /// The item.
        id: Id,
        /// What is wrong.
        cause: PartsError,
    },
    /// The id is not that of the signature.
    #[error("item {said} has the id {found}")]
    Id {
        /// The id it is given with.
        said: Id,
        /// The id that follows from it.
        found: Id,
    },
}

impl Document {
    /// The value of the first tag with this name, in letters of either case.
    #[must_use]
    pub fn tag(&self, name: &str) -> Option<&str> {
        self.tags.iter().find(|(candidate, _)| candidate.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The ANS-104 item that this was. Its id is right; its signature is still to be verified.
    ///
    /// # Errors
    /// [`DocumentError`].
    pub fn item(&self) -> Result<Item, DocumentError> {
        if self.key.is_empty() && self.owner.is_some() {
            return Err(DocumentError::NoKey(self.id));
        }
        let tags: Vec<_> = self.tags.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        // An unsigned item has zeros for signature and owner, and the lengths of an ed25519 one here.
        let is_signed = !(self.signature.is_empty() && self.key.is_empty());
        let (signature, owner) =
            if is_signed { (&self.signature[..], &self.key[..]) } else { (&[0; 64][..], &[0; 32][..]) };
        let parts = Parts { signature, owner, target: self.target, anchor: self.anchor, tags: &tags, data: &self.data };
        let item = parts.assemble().map_err(|cause| DocumentError::Parts { id: self.id, cause })?;
        if item.id() == self.id { Ok(item) } else { Err(DocumentError::Id { said: self.id, found: item.id() }) }
    }
}

/// The members, in either shape.
#[derive(Debug, Deserialize)]
pub(super) struct ItemJson {
    #[serde(alias = "Id", alias = "process_id")]
    id: Id,
    #[serde(alias = "Owner", default)]
    owner: OwnerJson,
    #[serde(alias = "Signature", default)]
    signature: Option<String>,
    #[serde(alias = "Anchor", default)]
    anchor: Option<String>,
    #[serde(alias = "Target", alias = "recipient", alias = "Recipient", default)]
    target: Option<String>,
    #[serde(alias = "Tags", default)]
    tags: Vec<TagJson>,
    #[serde(alias = "Data", default)]
    data: Option<String>,
    #[serde(default)]
    data_encoding: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OwnerJson {
    Full {
        #[serde(default)]
        address: String,
        #[serde(default)]
        key: String,
    },
    Address(String),
    Nobody(()),
}

impl Default for OwnerJson {
    fn default() -> Self {
        Self::Nobody(())
    }
}

#[derive(Debug, Deserialize)]
struct TagJson {
    name: String,
    value: String,
}

/// Reads an item from JSON that is in memory already.
pub(crate) fn of_value(value: serde_json::Value) -> Result<Document, String> {
    let json = ItemJson::deserialize(value).map_err(|error| quoted(&error.to_string()))?;
    json.try_into()
}

impl TryFrom<ItemJson> for Document {
    type Error = String;

    fn try_from(json: ItemJson) -> Result<Self, String> {
        let (address, key) = match json.owner {
            OwnerJson::Full { address, key } => (address, bytes("owner.key", &key)?),
            OwnerJson::Address(address) => (address, Vec::new()),
            OwnerJson::Nobody(()) => (String::new(), Vec::new()),
        };
        let data = json.data.unwrap_or_default();
        let data = match json.data_encoding.as_deref() {
            None => data.into_bytes(),
            Some("base64url") => bytes("data", &data)?,
            Some(other) => return Err(format!("data_encoding cannot be '{}'", quoted(other))),
        };
        Ok(Self {
            id: json.id,
            owner: Some(address).filter(|address| !address.is_empty()),
            key,
            signature: bytes("signature", &json.signature.unwrap_or_default())?,
            target: target(&json.target.unwrap_or_default())?,
            anchor: anchor(&json.anchor.unwrap_or_default())?,
            tags: json.tags.into_iter().map(|tag| (tag.name, tag.value)).collect(),
            data,
        })
    }
}

fn bytes(member: &str, text: &str) -> Result<Vec<u8>, String> {
    // Some writers pad.
    let text = text.trim_end_matches('=');
    URL_SAFE_NO_PAD.decode(text).map_err(|error| format!("{member} is no base64url: {error}"))
}

fn target(text: &str) -> Result<Option<Id>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|error| format!("target: {error}"))
}

fn anchor(text: &str) -> Result<Option<[u8; 32]>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    if let Ok(raw) = text.as_bytes().try_into() {
        return Ok(Some(raw));
    }
    let decoded = bytes("anchor", text)?;
    let length = decoded.len();
    decoded.try_into().map(Some).map_err(|_| format!("anchor has {length} bytes, not 32"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use slotbench_core::item::ItemBuilder;
    use slotbench_core::wallet::{NoSigner, Wallet};

    use super::*;
    use crate::wire::legacy::ItemForm;

    fn written(item: &Item) -> serde_json::Value {
        serde_json::to_value(ItemForm::full(item)).expect("writes")
    }

    fn builder() -> ItemBuilder {
        ItemBuilder::new().tag("Type", "Message").target(Id::from_bytes([5; 32])).data("text")
    }

    #[test]
    fn items_of_every_scheme_are_put_together_again_and_verify() {
        for wallet in [Wallet::generate_ed25519(), Wallet::generate_rsa4096()] {
            let item = builder().anchor([200; 32]).sign(&wallet.expect("a key")).expect("signs");
            let read = of_value(written(&item)).expect("a document").item().expect("an item");
            assert_eq!(read, item);
            read.verify().expect("a signature");
        }
        let unsigned = builder().sign(&NoSigner).expect("builds");
        assert_eq!(of_value(written(&unsigned)).expect("a document").item(), Ok(unsigned));
    }

    #[test]
    fn an_anchor_is_32_bytes_in_either_writing() {
        let raw = "01234567890123456789012345678901";
        let expected: [u8; 32] = raw.as_bytes().try_into().expect("32 bytes");
        for text in [raw.to_owned(), URL_SAFE_NO_PAD.encode(raw)] {
            assert_eq!(anchor(&text), Ok(Some(expected)), "{text}");
        }
        assert_eq!(anchor(""), Ok(None));
        assert!(anchor("AAAA").is_err() && anchor("!").is_err());
    }

    #[test]
    fn what_does_not_belong_together_is_no_item() {
        let wallet = Wallet::ed25519_from_seed([1; 32]).expect("a key");
        let item = builder().sign(&wallet).expect("signs");
        let changed = |member: &str, value: serde_json::Value| {
            let mut json = written(&item);
            json[member] = value;
            of_value(json).and_then(|document| document.item().map_err(|error| error.to_string()))
        };
        let other = Id::from_bytes([9; 32]).to_string();
        assert!(changed("id", json!(other)).expect_err("another id").contains(&other));
        assert!(changed("owner", json!("address")).expect_err("no key").contains("key"));
        assert!(
            changed("owner", json!({ "address": "x", "key": "AAAA" }))
                .expect_err("a short key")
                .contains("public keys of 3")
        );
        assert!(changed("signature", json!("AAAA")).is_err());
        assert!(changed("data_encoding", json!("rot13")).is_err());
        // The id covers the signature alone, so this is an item; it does not verify.
        let forged = changed("data", json!("other")).expect("an item");
        assert!(forged.verify().is_err());
        let long = vec![json!({ "name": "n", "value": "v".repeat(5000) })];
        assert!(changed("tags", json!(long)).is_err(), "beyond ANS-104");
    }

    #[test]
    fn both_shapes_are_read_and_absent_members_are_empty() {
        let id = Id::from_bytes([1; 32]);
        let capital =
            json!({ "Id": id, "Owner": "somebody", "Tags": [{ "name": "Nonce", "value": "1" }], "Data": "x" });
        let read = of_value(capital).expect("a document");
        assert_eq!(
            (read.owner.as_deref(), read.tag("nonce"), &read.data[..]),
            (Some("somebody"), Some("1"), &b"x"[..])
        );
        assert_eq!(read.item(), Err(DocumentError::NoKey(id)));
        let bare = of_value(json!({ "id": id, "anchor": null, "data": null, "owner": null })).expect("a document");
        assert_eq!((bare.owner, bare.data, bare.tags), (None, vec![], vec![]));
        let recipient = of_value(json!({ "id": id, "recipient": id })).expect("a document");
        assert_eq!(recipient.target, Some(id));
        for bad in [json!({}), json!({ "id": "x" }), json!({ "id": id, "tags": 1 }), json!([]), json!(null)] {
            assert!(of_value(bad.clone()).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn every_text_item_survives_both_ways(
            tags in prop::collection::vec((".{0,20}", ".{0,40}"), 0..10),
            data in prop::collection::vec(any::<u8>(), 0..200),
            anchor in any::<Option<[u8; 32]>>(),
            target in any::<Option<[u8; 32]>>(),
        ) {
            let wallet = Wallet::ed25519_from_seed([2; 32]).expect("a key");
            let mut builder = ItemBuilder::new().data(data);
            builder = target.into_iter().fold(builder, |item, target| item.target(Id::from_bytes(target)));
            builder = anchor.into_iter().fold(builder, ItemBuilder::anchor);
            builder = tags.into_iter().fold(builder, |item, (name, value)| item.tag(name, value));
            let item = builder.sign(&wallet).expect("signs");
            let read = of_value(written(&item)).expect("a document").item().expect("an item");
            prop_assert_eq!(&read, &item);
            prop_assert!(read.verify().is_ok());
        }
    }
}
