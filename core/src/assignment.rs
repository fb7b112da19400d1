//! Assignments: signed items that bind one message to one slot of one process.
//!
//! An assignment is an ANS-104 item without data. Its tags, in order: `path`, `data-protocol`, `variant`, `type`,
//! `process`, `epoch`, `slot`, `nonce` (the slot again, for legacy readers), `block-height`, `block-hash`,
//! `block-timestamp`, `timestamp`, `hash-chain`, `message`.

use std::str::FromStr;

use crate::block::{Block, BlockHash};
use crate::chain::{Chain, ChainValue, Step, legacy};
use crate::id::Id;
use crate::item::{BuildError, Item, Template};

/// The path an assignment names when its message has none of its own.
pub const DEFAULT_PATH: &[u8] = b"compute";

/// The epoch of every assignment that is made here, and its text.
const EPOCH: (u64, &[u8]) = (0, b"0");

/// Protocol dialect of an assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// `ao.N.1`: ours.
    Native,
    /// `ao.TN.1`: the legacy testnet's, read but not written.
    Legacy,
}

/// What an assignment hands on to the next one of its process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Its id: what the chain of `ao.TN.1` is made of.
    pub assignment: Id,
    /// Its chain value.
    pub chain: ChainValue,
}

/// An assignment before it is signed.
#[derive(Debug, Clone, Copy)]
pub struct Draft<'a> {
    /// The process.
    pub process: &'a Id,
    /// The message.
    pub message: &'a Id,
    /// The message's own request path; [`DEFAULT_PATH`] where it has none.
    pub path: &'a [u8],
    /// The slot.
    pub slot: u64,
    /// The chain including this message.
    pub chain: ChainValue,
    /// Scheduler's wall clock, milliseconds since the Unix epoch.
    pub timestamp: u64,
    /// The network's last known block.
    pub block: &'a Block,
}

impl Draft<'_> {
    /// Builds and signs the item. What it says is known, and not read back from it.
    ///
    /// # Errors
    /// What the signer reports.
    pub fn sign(&self, template: &Template) -> Result<Assignment, BuildError> {
        Ok(Assignment {
            item: self.item(template)?,
            process: *self.process,
            message: *self.message,
            slot: self.slot,
            epoch: EPOCH.0,
            chain: self.chain,
            timestamp: self.timestamp,
            block: self.block.clone(),
            variant: Variant::Native,
        })
    }

    fn item(&self, template: &Template) -> Result<Item, BuildError> {
        let [mut slot, mut height, mut block_time, mut time] = [itoa::Buffer::new(); 4];
        let slot = slot.format(self.slot).as_bytes();
        let block_hash = self.block.hash.text();
        template.build(
            &[
                (b"path", self.path),
                (b"data-protocol", b"ao"),
                (b"variant", b"ao.N.1"),
                (b"type", b"Assignment"),
                (b"process", self.process.text().as_bytes()),
                (b"epoch", EPOCH.1),
                (b"slot", slot),
                (b"nonce", slot),
                (b"block-height", height.format(self.block.height).as_bytes()),
                (b"block-hash", &block_hash),
                (b"block-timestamp", block_time.format(self.block.timestamp).as_bytes()),
                (b"timestamp", time.format(self.timestamp).as_bytes()),
                (b"hash-chain", self.chain.text().as_bytes()),
                (b"message", self.message.text().as_bytes()),
            ],
            b"",
        )
    }
}

/// A signed assignment, read back.
#[derive(Debug, Clone)]
pub struct Assignment {
    item: Item,
    process: Id,
    message: Id,
    slot: u64,
    epoch: u64,
    chain: ChainValue,
    timestamp: u64,
    block: Block,
    variant: Variant,
}

/// Why an item is not an assignment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AssignmentError {
    /// The item has another `type`, or none.
    #[error("the item's type is not Assignment")]
    Type,
    /// A required tag is absent.
    #[error("tag '{0}' is missing")]
    Missing(&'static str),
    /// A tag's value cannot be read.
    #[error("tag '{tag}' cannot be '{value}'")]
    Value {
        /// The tag's name.
        tag: &'static str,
        /// Its value, escaped.
        value: String,
    },
}

impl Assignment {
    /// Reads an item's tags. Does not check the signature.
    ///
    /// A legacy assignment is normalised: its slot is the tag `Nonce`, its block hash 32 zero bytes where it names none,
    /// and where it names no message it is that of the process itself. The item stays as it was signed.
    ///
    /// # Errors
    /// [`AssignmentError`] naming the tag that is wrong.
    pub fn parse(item: Item) -> Result<Self, AssignmentError> {
        let tags = Found::among(&item);
        if !tags.kind.is_some_and(|value| value.eq_ignore_ascii_case(b"Assignment")) {
            return Err(AssignmentError::Type);
        }
        let variant = match text("variant", tags.variant)? {
            "ao.N.1" => Variant::Native,
            "ao.TN.1" => Variant::Legacy,
            other => return Err(AssignmentError::Value { tag: "variant", value: other.to_owned() }),
        };
        let process = read("process", tags.process)?;
        let message = match variant {
            Variant::Legacy => optional("message", tags.message)?.unwrap_or(process),
            Variant::Native => read("message", tags.message)?,
        };
        Ok(Self {
            process,
            message,
            slot: if tags.slot.is_some() { read("slot", tags.slot)? } else { read("nonce", tags.nonce)? },
            epoch: read("epoch", tags.epoch)?,
            chain: read("hash-chain", tags.chain)?,
            timestamp: read("timestamp", tags.timestamp)?,
            block: Block {
                height: read("block-height", tags.block_height)?,
                hash: optional("block-hash", tags.block_hash)?.unwrap_or(BlockHash::NONE),
                timestamp: optional("block-timestamp", tags.block_timestamp)?.unwrap_or(0),
            },
            variant,
            item,
        })
    }

    /// The signed item.
    #[must_use]
    pub const fn item(&self) -> &Item {
        &self.item
    }

    /// The assignment's own id.
    #[must_use]
    pub fn id(&self) -> Id {
        self.item.id()
    }

    /// The process.
    #[must_use]
    pub const fn process(&self) -> Id {
        self.process
    }

    /// The message.
    #[must_use]
    pub const fn message(&self) -> Id {
        self.message
    }

    /// The slot.
    #[must_use]
    pub const fn slot(&self) -> u64 {
        self.slot
    }

    /// The epoch: always 0 today. The item carries it as text.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The chain including this message.
    #[must_use]
    pub const fn chain(&self) -> ChainValue {
        self.chain
    }

    /// Scheduler's wall clock, milliseconds since the Unix epoch.
    #[must_use]
    pub const fn timestamp(&self) -> u64 {
        self.timestamp
    }

    /// The block it quotes.
    #[must_use]
    pub const fn block(&self) -> &Block {
        &self.block
    }

    /// The message's path.
    #[must_use]
    pub fn path(&self) -> &[u8] {
        self.item.tag("path").unwrap_or(DEFAULT_PATH)
    }

    /// The dialect.
    #[must_use]
    pub const fn variant(&self) -> Variant {
        self.variant
    }

    /// Whether fields were converted or filled in that the signed item has in another form, or not at all. Only
    /// [`item`](Self::item) verifies, in any case.
    #[must_use]
    pub fn is_normalised(&self) -> bool {
        ["slot", "block-hash", "message"].iter().any(|tag| self.item.tag(tag).is_none())
    }

    /// What it hands on to the next one.
    #[must_use]
    pub fn link(&self) -> Link {
        Link { assignment: self.id(), chain: self.chain }
    }

    /// Checks the chain value it carries against the assignment before it; `None` where it is the first.
    #[must_use]
    pub fn check_chain(&self, before: Option<Link>) -> Step {
        match self.variant {
            Variant::Native => {
                let mut chain = before.map_or(Chain::EMPTY, |before| Chain::after(before.chain));
                chain.check(&self.message, self.chain)
            }
            Variant::Legacy => {
                let first = || legacy::first(&self.process);
                let due = before.map_or_else(first, |before| legacy::next(&before.assignment, before.chain));
                if due == self.chain { Step::Sound } else { Step::Broken }
            }
        }
    }
}

/// The values of the tags that are read, found in one walk over all of them.
#[derive(Default)]
struct Found<'a> {
    kind: Option<&'a [u8]>,
    variant: Option<&'a [u8]>,
    process: Option<&'a [u8]>,
    message: Option<&'a [u8]>,
    slot: Option<&'a [u8]>,
    nonce: Option<&'a [u8]>,
    epoch: Option<&'a [u8]>,
    chain: Option<&'a [u8]>,
    timestamp: Option<&'a [u8]>,
    block_height: Option<&'a [u8]>,
    block_hash: Option<&'a [u8]>,
    block_timestamp: Option<&'a [u8]>,
}

impl<'a> Found<'a> {
    /// Of several tags with one name the first counts, as for [`Item::tag`].
    fn among(item: &'a Item) -> Self {
        let mut found = Self::default();
        for (name, value) in item.tags() {
            if let Some(place) = found.place(name) {
                place.get_or_insert(value);
            }
        }
        found
    }

    fn place(&mut self, name: &[u8]) -> Option<&mut Option<&'a [u8]>> {
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        Some(match name.len() {
            4 if is(b"type") => &mut self.kind,
            4 if is(b"slot") => &mut self.slot,
            5 if is(b"nonce") => &mut self.nonce,
            5 if is(b"epoch") => &mut self.epoch,
            7 if is(b"variant") => &mut self.variant,
            7 if is(b"process") => &mut self.process,
            7 if is(b"message") => &mut self.message,
            9 if is(b"timestamp") => &mut self.timestamp,
            10 if is(b"hash-chain") => &mut self.chain,
            10 if is(b"block-hash") => &mut self.block_hash,
            12 if is(b"block-height") => &mut self.block_height,
            15 if is(b"block-timestamp") => &mut self.block_timestamp,
            _ => return None,
        })
    }
}

fn text<'a>(tag: &'static str, value: Option<&'a [u8]>) -> Result<&'a str, AssignmentError> {
    let value = value.ok_or(AssignmentError::Missing(tag))?;
    std::str::from_utf8(value).map_err(|_| AssignmentError::Value { tag, value: value.escape_ascii().to_string() })
}

fn read<T: FromStr>(tag: &'static str, value: Option<&[u8]>) -> Result<T, AssignmentError> {
    let value = text(tag, value)?;
    value.parse().map_err(|_| AssignmentError::Value { tag, value: value.escape_default().to_string() })
}

fn optional<T: FromStr>(tag: &'static str, value: Option<&[u8]>) -> Result<Option<T>, AssignmentError> {
    value.map(|value| read(tag, Some(value))).transpose()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::item::ItemBuilder;
    use crate::wallet::Wallet;

    const PROCESS: Id = Id::from_bytes([7; 32]);
    const MESSAGE: Id = Id::from_bytes([1; 32]);

    fn draft(block: &Block) -> Draft<'_> {
        Draft {
            process: &PROCESS,
            message: &MESSAGE,
            path: DEFAULT_PATH,
            slot: 12,
            chain: ChainValue::first(&MESSAGE),
            timestamp: 1_700_000_000_123,
            block,
        }
    }

    fn wallet() -> Arc<Wallet> {
        Arc::new(Wallet::ed25519_from_seed([3; 32]).expect("a key"))
    }

    #[test]
    fn c007_an_assignment_has_every_field_with_its_type() {
        let block = Block { height: 1_500_000, hash: BlockHash::network([0xA5; 48]), timestamp: 1_699_999_999 };
        let signed = draft(&block).sign(&Template::new(wallet(), None, None)).expect("signs");
        let item = signed.item().clone();
        item.verify().expect("a valid signature");
        let tag = |name| std::str::from_utf8(item.tag(name).unwrap_or_default()).unwrap_or_default().to_owned();
        assert_eq!(tag("path"), "compute");
        assert_eq!(tag("data-protocol"), "ao");
        assert_eq!(tag("variant"), "ao.N.1");
        assert_eq!(tag("epoch"), "0");
        assert_eq!((tag("slot"), tag("nonce")), ("12".to_owned(), "12".to_owned()));
        assert_eq!(tag("block-hash"), block.hash.to_string());
        // What was signed and what is read back are the same.
        for read in [signed, Assignment::parse(item).expect("an assignment")] {
            assert_eq!((read.process(), read.message(), read.slot(), read.epoch()), (PROCESS, MESSAGE, 12, 0));
            assert_eq!((read.chain(), read.timestamp()), (ChainValue::first(&MESSAGE), 1_700_000_000_123));
            assert_eq!((read.block(), read.path(), read.variant()), (&block, DEFAULT_PATH, Variant::Native));
            assert!(read.item().data().is_empty());
        }
    }

    #[test]
    fn c007_the_messages_own_path_is_carried() {
        let own = Draft { path: b"my/own", ..draft(&Block::NONE) };
        let signed = own.sign(&Template::new(wallet(), None, None)).expect("signs");
        assert_eq!(Assignment::parse(signed.item().clone()).expect("an assignment").path(), b"my/own");
    }

    #[test]
    fn c008_the_type_is_assignment_and_anything_else_is_refused() {
        let signed = draft(&Block::NONE).sign(&Template::new(wallet(), None, None)).expect("signs");
        assert_eq!(signed.item().tag("type"), Some(&b"Assignment"[..]));
        let message = ItemBuilder::new().tag("type", "Message").sign(&*wallet()).expect("signs");
        assert_eq!(Assignment::parse(message).err(), Some(AssignmentError::Type));
    }

    #[test]
    fn a_missing_or_unreadable_tag_is_named() {
        let base = || ItemBuilder::new().tag("Type", "Assignment").tag("Variant", "ao.N.1");
        let parse = |builder: ItemBuilder| Assignment::parse(builder.sign(&*wallet()).expect("signs")).err();
        assert_eq!(parse(base()), Some(AssignmentError::Missing("process")));
        let bad = AssignmentError::Value { tag: "process", value: "nobody".into() };
        assert_eq!(parse(base().tag("process", "nobody")), Some(bad));
    }
}
