//! What a request says of its message and its process.

use crate::id::Id;
use crate::item::Item;
use crate::process::Hinted;

/// A request, as far as it matters which message it brings and which process it is about.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The parameter `target`: an id, possibly with a hint.
    pub target: Option<String>,
    /// The request itself, where it is an item.
    pub item: Option<Item>,
    /// The message in the request's `body`.
    pub body: Option<Item>,
    /// What the request is resolved against.
    pub base: Base,
}

/// What a request is resolved against: what stands before the key in its path.
#[derive(Debug, Clone, Default)]
pub struct Base {
    /// The base message.
    pub message: Option<BaseMessage>,
    /// The key `process` of the base: a definition that the request brings along. It is used only if its id is that of
    /// the process, and its signature verifies.
    pub process: Option<Item>,
}

/// The base message.
#[derive(Debug, Clone)]
pub enum BaseMessage {
    /// A stored message, by its id: `/<id>/slot`.
    Stored(Id),
    /// A message that came with the request.
    Given(Item),
}

/// The process a request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The process.
    pub process: Id,
    /// The URL of a scheduler that should know it, as the request hinted.
    pub hint: Option<String>,
}

impl Request {
    /// A request that is the message to schedule.
    #[must_use]
    pub fn post(message: Item) -> Self {
        Self { item: Some(message), ..Self::default() }
    }

    /// A request about the stored message with this id, normally a process.
    #[must_use]
    pub fn about(id: Id) -> Self {
        Self { base: Base { message: Some(BaseMessage::Stored(id)), process: None }, ..Self::default() }
    }

    /// A request with the parameter `target`.
    #[must_use]
    pub fn target(target: impl Into<String>) -> Self {
        Self { target: Some(target.into()), ..Self::default() }
    }

    /// The message to schedule: `body` if present, else the request itself.
    #[must_use]
    pub fn message(&self) -> Option<&Item> {
        self.body.as_ref().or(self.item.as_ref())
    }
}

impl From<Hinted<Id>> for Target {
    fn from(hinted: Hinted<Id>) -> Self {
        Self { process: hinted.value, hint: hinted.hint }
    }
}

impl From<Id> for Target {
    fn from(process: Id) -> Self {
        Self { process, hint: None }
    }
}
