//! Pages, items and processes of the legacy protocol.
//!
//! A page is `{ "page_info": ..., "edges": [...] }`. An edge is `{ "node": { "message", "assignment" }, "cursor" }`, or its
//! node itself; a cursor is text or a number. `message: null` is a message assigned by reference: the entry stays, with its
//! body unresolved. The slot of an entry is its assignment's `Slot`, or `Nonce` where there is none.

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::Value;
use slotbench_core::assignment::{Assignment, AssignmentError};
use slotbench_core::assignments::Scheduled;
use slotbench_core::block::BlockHash;
use slotbench_core::{Id, Item};

use super::document::{Document, DocumentError, ItemJson};
use super::{Cut, Entries, ReadError, ReadLimits, json, quoted};

/// A page, as far as it can be read.
#[derive(Debug, Clone)]
pub struct LegacyPage {
    /// The process, where the page names it.
    pub process: Option<Id>,
    /// Consecutive slots.
    pub entries: Vec<Entry>,
    /// Whether there is more: because the page says so, or because it was cut.
    pub continues: bool,
    /// Why the page ends early.
    pub cut: Option<Cut>,
    /// When it was written.
    pub time: PageTime,
}

/// One slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The slot.
    pub slot: u64,
    /// The assignment.
    pub assignment: Document,
    /// What it assigns.
    pub body: Body,
}

/// What an assignment assigns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// The message.
    Message(Box<Document>),
    /// A message that is to be found elsewhere, by the id that the assignment names.
    Unresolved(Option<Id>),
}

/// Why an entry is no slot that could be verified.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Assignment or message cannot be put together again.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// The item is no assignment.
    #[error(transparent)]
    Assignment(#[from] AssignmentError),
    /// The message is assigned by reference and was not found.
    #[error("message {0} is assigned by reference")]
    Unresolved(Id),
}

impl Entry {
    /// Assignment and message as the items they were, with everything still to be verified. `find` is asked for a message
    /// that is assigned by reference.
    ///
    /// # Errors
    /// [`EntryError`].
    pub fn scheduled(&self, find: impl FnOnce(&Id) -> Option<Item>) -> Result<Scheduled, EntryError> {
        let assignment = Assignment::parse(self.assignment.item()?)?;
        let message = match &self.body {
            Body::Message(message) => message.item()?,
            Body::Unresolved(_) => {
                let id = assignment.message();
                find(&id).ok_or(EntryError::Unresolved(id))?
            }
        };
        Ok(Scheduled { assignment, message })
    }
}

/// The time of a page: of its last entry, and zero for an empty one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageTime {
    /// Milliseconds since the Unix epoch.
    pub timestamp: u64,
    /// The last known height.
    pub block_height: u64,
    /// The last known hash.
    pub block_hash: BlockHash,
}

impl PageTime {
    fn of(last: Option<&Entry>) -> Self {
        let tag = |name: &str| last.and_then(|entry| entry.assignment.tag(name));
        let number = |name: &str| tag(name).and_then(|text| text.parse().ok()).unwrap_or(0);
        let block_hash = tag("block-hash").and_then(|text| text.parse().ok()).unwrap_or(BlockHash::NONE);
        Self { timestamp: number("timestamp"), block_height: number("block-height"), block_hash }
    }
}

/// Reads a page.
///
/// # Errors
/// [`ReadError`] where there is no page, such as one without `edges`.
pub fn page(body: &[u8], limits: ReadLimits) -> Result<LegacyPage, ReadError> {
    let page: PageJson = json("legacy page", body)?;
    let long = page.edges.left_over.then_some(Cut::Long(limits.entries));
    let Entries { read, cut } = Entries::of(page.edges.read.into_iter().map(entry), limits);
    let cut = cut.or(long);
    Ok(LegacyPage {
        process: page.page_info.process,
        continues: page.page_info.has_next_page || cut.is_some(),
        time: PageTime::of(read.last()),
        entries: read,
        cut,
    })
}

/// Reads a single item: `{ "message", "assignment" }`.
///
/// # Errors
/// [`ReadError`].
pub fn item(body: &[u8]) -> Result<Entry, ReadError> {
    let edge: EdgeJson = json("legacy item", body)?;
    edge.entry().map(|(_, entry)| entry).map_err(|reason| ReadError::member("item", &reason))
}

/// Reads the definition of a process: `{ "process_id", "owner", "tags", ... }`, or the same within `process`.
///
/// # Errors
/// [`ReadError`].
pub fn process(body: &[u8]) -> Result<Document, ReadError> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum ProcessJson {
        Within { process: ItemJson },
        Plain(ItemJson),
    }
    let (ProcessJson::Within { process } | ProcessJson::Plain(process)) = json("legacy process", body)?;
    Document::try_from(process).map_err(|reason| ReadError::member("process", &reason))
}

/// Reads the answer to a POST: the id of what was posted.
///
/// # Errors
/// [`ReadError`].
pub fn posted(body: &[u8]) -> Result<Id, ReadError> {
    #[derive(Deserialize)]
    struct Posted {
        id: Id,
    }
    json("answer to a legacy POST", body).map(|posted: Posted| posted.id)
}

#[derive(Debug, Deserialize)]
struct PageJson {
    #[serde(default)]
    page_info: PageInfoJson,
    edges: EdgesJson,
}

#[derive(Debug, Default, Deserialize)]
struct PageInfoJson {
    #[serde(default)]
    process: Option<Id>,
    #[serde(default)]
    has_next_page: bool,
}

/// Most edges that are looked at, whatever the limits: each is held until all are read.
const MOST_EDGES: usize = 10_000;

/// Edges that may be malformed, each on its own.
#[derive(Debug)]
struct EdgesJson {
    read: Vec<Result<EdgeJson, String>>,
    left_over: bool,
}

impl<'de> Deserialize<'de> for EdgesJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(EdgesVisitor)
    }
}

struct EdgesVisitor;

impl<'de> Visitor<'de> for EdgesVisitor {
    type Value = EdgesJson;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array of edges")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut edges: A) -> Result<EdgesJson, A::Error> {
        let mut found = EdgesJson { read: Vec::new(), left_over: false };
        // Nothing behind a malformed edge counts, so nothing of it is kept.
        while found.read.len() < MOST_EDGES && !matches!(found.read.last(), Some(Err(_))) {
            let Some(value) = edges.next_element::<Value>()? else { return Ok(found) };
            found.read.push(EdgeJson::deserialize(value).map_err(|error| quoted(&error.to_string())));
        }
        while edges.next_element::<IgnoredAny>()?.is_some() {
            found.left_over = true;
        }
        Ok(found)
    }
}

#[derive(Debug, Deserialize)]
struct EdgeJson {
    #[serde(default)]
    node: Option<NodeJson>,
    #[serde(default)]
    message: Option<ItemJson>,
    #[serde(default)]
    assignment: Option<ItemJson>,
    /// Read for its type alone: the slot is the assignment's to tell.
    #[serde(default, rename = "cursor")]
    _cursor: Option<CursorJson>,
}

#[derive(Debug, Deserialize)]
struct NodeJson {
    #[serde(default)]
    message: Option<ItemJson>,
    assignment: ItemJson,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum CursorJson {
    #[expect(dead_code, reason = "either type is a cursor, and none is used")]
    Text(String),
    #[expect(dead_code, reason = "either type is a cursor, and none is used")]
    Number(u64),
}

fn entry(edge: Result<EdgeJson, String>) -> Result<(u64, Entry), String> {
    edge?.entry()
}

impl EdgeJson {
    fn entry(self) -> Result<(u64, Entry), String> {
        let (message, assignment) = match self.node {
            Some(node) => (node.message, node.assignment),
            None => (self.message, self.assignment.ok_or("it has no assignment")?),
        };
        let assignment = Document::try_from(assignment)?;
        let slot = slot(&assignment)?;
        let named =
            assignment.tag("message").map(|id| id.parse::<Id>().map_err(|error| format!("tag Message: {error}")));
        let named = named.transpose()?;
        let body = match message {
            None => Body::Unresolved(named),
            Some(message) => {
                let message = Document::try_from(message)?;
                if named.is_some_and(|named| named != message.id) {
                    return Err(format!("its message is {}, not the one that it assigns", message.id));
                }
                Body::Message(Box::new(message))
            }
        };
        Ok((slot, Entry { slot, assignment, body }))
    }
}

fn slot(assignment: &Document) -> Result<u64, String> {
    let text = assignment.tag("slot").or_else(|| assignment.tag("nonce")).ok_or("its assignment has no Nonce")?;
    text.parse().map_err(|_| format!("its assignment's Nonce cannot be '{}'", quoted(text)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PROCESS: Id = Id::from_bytes([7; 32]);
    const MESSAGE: Id = Id::from_bytes([8; 32]);

    fn assignment(nonce: &str, tags: &[(&str, &str)]) -> Value {
        let tag = |name: &str, value: &str| json!({ "name": name, "value": value });
        let mut all =
            vec![tag("Process", &PROCESS.to_string()), tag("Nonce", nonce), tag("Message", &MESSAGE.to_string())];
        all.extend(tags.iter().map(|(name, value)| tag(name, value)));
        json!({ "id": Id::from_bytes([1; 32]), "owner": { "address": "x", "key": "AAAA" }, "tags": all, "signature": "AAAA" })
    }

    fn edge(nonce: &str) -> Value {
        json!({ "node": { "message": { "id": MESSAGE, "tags": [] }, "assignment": assignment(nonce, &[]) }, "cursor": nonce })
    }

    fn read(page: &Value) -> LegacyPage {
        super::page(page.to_string().as_bytes(), ReadLimits::default()).expect("a page")
    }

    fn slots(page: &LegacyPage) -> Vec<u64> {
        page.entries.iter().map(|entry| entry.slot).collect()
    }

    #[test]
    fn c112_the_wrapper_is_optional_and_a_cursor_is_text_or_a_number() {
        let bare = json!({ "message": { "id": MESSAGE }, "assignment": assignment("1", &[]), "cursor": 1 });
        let none = json!({ "message": { "id": MESSAGE }, "assignment": assignment("2", &[]) });
        let page = read(&json!({ "page_info": { "has_next_page": true }, "edges": [edge("0"), bare, none] }));
        assert_eq!((slots(&page), page.continues, page.cut), (vec![0, 1, 2], true, None));
    }

    #[test]
    fn c112_the_time_is_that_of_the_last_entry() {
        let hash = BlockHash::network([3; 48]).to_string();
        let timed = [("Timestamp", "1700"), ("Block-Height", "000000000012"), ("Block-Hash", &*hash)];
        let last = json!({ "node": { "message": null, "assignment": assignment("1", &timed) } });
        let time = read(&json!({ "edges": [edge("0"), last] })).time;
        assert_eq!((time.timestamp, time.block_height, time.block_hash), (1700, 12, BlockHash::network([3; 48])));
        let empty = read(&json!({ "edges": [] })).time;
        assert_eq!(empty, PageTime { timestamp: 0, block_height: 0, block_hash: BlockHash::NONE });
    }

    #[test]
    fn c112_one_malformed_entry_ends_the_page_and_does_not_lose_it() {
        let no_nonce = json!({ "node": { "assignment": { "id": MESSAGE, "tags": [] } } });
        let other = json!({ "message": { "id": PROCESS }, "assignment": assignment("2", &[]) });
        for bad in [
            json!(null),
            json!(7),
            json!({}),
            json!({ "node": 1 }),
            no_nonce,
            other,
            edge("x"),
            edge("-1"),
            json!({ "assignment": assignment("2", &[]), "cursor": true }),
        ] {
            let page = read(&json!({ "edges": [edge("0"), edge("1"), bad, edge("3")] }));
            assert_eq!((slots(&page), page.continues), (vec![0, 1], true), "{bad}");
            assert!(matches!(page.cut, Some(Cut::Malformed { index: 2, .. })), "{bad}: {:?}", page.cut);
        }
        let page = read(&json!({ "edges": [edge("0"), edge("2")] }));
        assert_eq!((slots(&page), page.continues), (vec![0], true));
        assert_eq!(page.cut, Some(Cut::Gap { index: 1, expected: 1, found: 2 }));
    }

    #[test]
    fn what_is_no_page_is_a_typed_error() {
        for bad in ["", "{}", "[]", "null", r#"{"edges":1}"#, r#"{"edges":[}"#, r#"{"edges":[],"page_info":3}"#] {
            let error = super::page(bad.as_bytes(), ReadLimits::default()).expect_err(bad);
            assert!(matches!(error, ReadError::Json { .. }), "{bad}: {error}");
        }
        let deep = format!(r#"{{"edges":[{}{}]}}"#, "[".repeat(1000), "]".repeat(1000));
        assert!(super::page(deep.as_bytes(), ReadLimits::default()).is_err(), "too deep");
    }

    #[test]
    fn c114_a_missing_message_leaves_an_unresolved_body() {
        let by_reference = json!({ "node": { "message": null, "assignment": assignment("0", &[]) } });
        let page = read(&json!({ "edges": [by_reference] }));
        assert_eq!(page.entries[0].body, Body::Unresolved(Some(MESSAGE)));
        assert_eq!((page.cut, page.continues), (None, false));
    }

    #[test]
    fn a_page_is_cut_at_its_limit() {
        let page = |count: u64| json!({ "edges": (0..count).map(|slot| edge(&slot.to_string())).collect::<Vec<_>>() });
        for (count, expected, cut) in [(2, 2, None), (3, 3, None), (4, 3, Some(Cut::Long(3)))] {
            let read = super::page(page(count).to_string().as_bytes(), ReadLimits { entries: 3 }).expect("a page");
            assert_eq!((read.entries.len(), read.cut.clone(), read.continues), (expected, cut.clone(), cut.is_some()));
        }
    }

    #[test]
    fn user_tags_of_a_message_stay_as_they_are() {
        let tags = json!([{ "name": "Nonce", "value": "mine" }, { "name": "timestamp", "value": "never" }]);
        let node = json!({ "message": { "id": MESSAGE, "tags": tags }, "assignment": assignment("4", &[]) });
        let page = read(&json!({ "edges": [{ "node": node }] }));
        let Body::Message(message) = &page.entries[0].body else { panic!("there is a message") };
        assert_eq!((message.tag("nonce"), message.tag("timestamp")), (Some("mine"), Some("never")));
    }
}
