//! What a request says of its message and its process.

use std::str::FromStr;

use crate::id::{Id, IdError};
use crate::item::Item;

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

/// A value with a hint behind it: `VALUE?hint=URL`. The URL is kept as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hinted<T> {
    /// What stands before the first `?`.
    pub value: T,
    /// The value of the first parameter `hint`, if it is not empty.
    pub hint: Option<String>,
}

impl<T: FromStr<Err = IdError>> FromStr for Hinted<T> {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let (value, parameters) = text.split_once('?').unwrap_or((text, ""));
        let hint = parameters.split('&').find_map(|parameter| parameter.strip_prefix("hint="));
        let hint = hint.filter(|url| !url.is_empty()).map(str::to_owned);
        Ok(Self { value: value.parse()?, hint })
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hints_are_split_off_at_the_first_question_mark() {
        let id = Id::from_bytes([1; 32]);
        let hint = |text: String| text.parse::<Hinted<Id>>().map(|hinted| (hinted.value, hinted.hint));
        assert_eq!(hint(id.to_string()), Ok((id, None)));
        assert_eq!(hint(format!("{id}?hint=https://su/?a=b")), Ok((id, Some("https://su/?a=b".to_owned()))));
        assert_eq!(hint(format!("{id}?other=1&hint=http://su&hint=no")), Ok((id, Some("http://su".to_owned()))));
        assert_eq!(hint(format!("{id}?hint=")), Ok((id, None)));
        assert_eq!(hint(format!("{id}?")), Ok((id, None)));
        assert_eq!(hint(format!("{id}/?hint=x")), Err(IdError::Length(44)));
        assert_eq!(hint(String::new()), Err(IdError::Length(0)));
    }

    proptest! {
        #[test]
        fn a_hint_never_reaches_the_id(bytes in any::<[u8; 32]>(), url in "[^&]{1,40}") {
            let id = Id::from_bytes(bytes);
            let hinted: Hinted<Id> = format!("{id}?hint={url}").parse().expect("an id and a hint");
            prop_assert_eq!(hinted, Hinted { value: id, hint: Some(url) });
        }

        #[test]
        fn no_text_makes_parsing_panic(text in ".*") {
            if let Ok(hinted) = text.parse::<Hinted<Id>>() {
                prop_assert!(text.starts_with(&hinted.value.to_string()));
            }
        }
    }
}
