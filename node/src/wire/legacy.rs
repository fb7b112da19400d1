//! The JSON of the legacy protocol, `ao.TN.1`.
//!
//! Binary fields are base64url. Tags and data are text: where they are not valid UTF-8, tags lose what is not, and data
//! becomes base64url with `"data_encoding": "base64url"` beside it. Signed bytes are had from the native schedule.

use serde::Serialize;
use slotbench_core::Id;
use slotbench_core::assignments::Scheduled;
use slotbench_core::item::Item;
use slotbench_core::operations::SchedulePage;

use super::base64url;

/// Who signed an item.
#[derive(Debug, Serialize)]
struct Owner {
    address: String,
    key: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Tag {
    name: String,
    value: String,
}

/// An item's tags in their order.
pub(super) fn tags(item: &Item) -> Vec<Tag> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    item.tags().map(|(name, value)| Tag { name: text(name), value: text(value) }).collect()
}

/// What an item's data is.
#[derive(Debug, Serialize)]
pub(super) struct Data {
    pub(super) data: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) data_encoding: Option<&'static str>,
}

impl Data {
    pub(super) fn of(item: &Item) -> Self {
        let bytes = item.data();
        match std::str::from_utf8(&bytes) {
            Ok(text) => Self { data: text.to_owned(), data_encoding: None },
            Err(_) => Self { data: base64url(&bytes), data_encoding: Some("base64url") },
        }
    }
}

/// An item: a message with its data, an assignment without.
#[derive(Debug, Serialize)]
pub(crate) struct ItemForm {
    id: Id,
    owner: Owner,
    tags: Vec<Tag>,
    signature: String,
    anchor: String,
    target: String,
    #[serde(flatten)]
    data: Option<Data>,
}

impl ItemForm {
    pub(crate) fn bare(item: &Item) -> Self {
        let signed = item.is_signed();
        Self {
            id: item.id(),
            owner: Owner {
                address: if signed { item.owner_address().to_string() } else { String::new() },
                key: if signed { base64url(item.owner()) } else { String::new() },
            },
            tags: tags(item),
            signature: if signed { base64url(item.signature()) } else { String::new() },
            anchor: item.anchor().map(base64url).unwrap_or_default(),
            target: item.target().map(|target| target.to_string()).unwrap_or_default(),
            data: None,
        }
    }

    pub(crate) fn full(item: &Item) -> Self {
        Self { data: Some(Data::of(item)), ..Self::bare(item) }
    }
}

/// A message and its assignment.
#[derive(Debug, Serialize)]
pub struct Node {
    message: ItemForm,
    assignment: ItemForm,
}

impl From<&Scheduled> for Node {
    fn from(scheduled: &Scheduled) -> Self {
        Self { message: ItemForm::full(&scheduled.message), assignment: ItemForm::bare(scheduled.assignment.item()) }
    }
}

/// A page.
#[derive(Debug, Serialize)]
pub struct Page {
    page_info: PageInfo,
    edges: Vec<Edge>,
}

#[derive(Debug, Serialize)]
pub(super) struct PageInfo {
    #[serde(skip_serializing_if = "Option::is_none")]
    process: Option<Id>,
    has_next_page: bool,
    #[serde(flatten)]
    time: Option<TimeInfo>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct TimeInfo {
    timestamp: String,
    block_height: String,
    block_hash: String,
}

impl PageInfo {
    /// With process and time, as pages for `application/aos-2` have it.
    pub(super) fn timed(page: &SchedulePage) -> Self {
        let time = TimeInfo {
            timestamp: page.timestamp.to_string(),
            block_height: page.block.height.to_string(),
            block_hash: page.block.hash.to_string(),
        };
        Self { process: Some(page.process), has_next_page: page.continues(), time: Some(time) }
    }
}

#[derive(Debug, Serialize)]
struct Edge {
    node: Node,
    cursor: String,
}

/// What a cursor counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cursor {
    /// Milliseconds.
    Time,
    /// Slots.
    Nonce,
}

impl Page {
    /// As the legacy API answers.
    #[must_use]
    pub fn new(page: &SchedulePage, cursor: Cursor) -> Self {
        let edge = |scheduled: &Scheduled| Edge {
            node: Node::from(scheduled),
            cursor: match cursor {
                Cursor::Time => scheduled.assignment.timestamp(),
                Cursor::Nonce => scheduled.assignment.slot(),
            }
            .to_string(),
        };
        Self {
            page_info: PageInfo { process: None, has_next_page: page.continues(), time: None },
            edges: page.assignments.iter().map(edge).collect(),
        }
    }

    /// As the native API answers those who accept `application/aos-2`: slots as cursors, and the time.
    #[must_use]
    pub fn aos2(page: &SchedulePage) -> Self {
        Self { page_info: PageInfo::timed(page), ..Self::new(page, Cursor::Nonce) }
    }
}

/// A process.
#[derive(Debug, Serialize)]
pub struct ProcessForm {
    process_id: Id,
    block: String,
    owner: Owner,
    tags: Vec<Tag>,
    timestamp: u64,
    #[serde(flatten)]
    data: Option<Data>,
    anchor: String,
    signature: String,
    target: String,
}

impl ProcessForm {
    /// A definition, with block height and time in milliseconds of its assignment; 0 where it has none.
    #[must_use]
    pub fn new(definition: &Item, block_height: u64, timestamp: u64) -> Self {
        let ItemForm { id, owner, tags, signature, anchor, target, data } = ItemForm::full(definition);
        Self { process_id: id, block: height(block_height), owner, tags, timestamp, data, anchor, signature, target }
    }
}

/// The answer to a POST.
#[derive(Debug, Serialize)]
pub struct Posted {
    /// Milliseconds since the Unix epoch.
    pub timestamp: u64,
    /// The message's id.
    pub id: Id,
}

/// The time.
#[derive(Debug, Serialize)]
pub struct Time {
    timestamp: String,
    block_height: String,
}

impl Time {
    /// Milliseconds since the Unix epoch, and the last known height.
    #[must_use]
    pub fn new(timestamp: u64, block_height: u64) -> Self {
        Self { timestamp: timestamp.to_string(), block_height: height(block_height) }
    }
}

/// Heights are text of 12 digits.
fn height(block: u64) -> String {
    format!("{block:012}")
}
