//! What a process's definition says of who schedules it.

use std::str::FromStr;

use crate::id::{Address, IdError};
use crate::item::Item;

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

/// A scheduler that a process names: its address, and where to look for it.
pub type Named = Hinted<Address>;

/// Whether a message defines a process.
#[must_use]
pub fn is_process(message: &Item) -> bool {
    message.tag("type").is_some_and(|value| value.eq_ignore_ascii_case(b"Process"))
}

/// The schedulers that a process names: one address or several with commas between them, each possibly with a hint.
/// What is no address is left out.
#[must_use]
pub fn schedulers(definition: &Item) -> Vec<Named> {
    let named = definition.tag("scheduler").or_else(|| definition.tag("scheduler-location")).unwrap_or_default();
    let named = std::str::from_utf8(named).unwrap_or_default();
    named.split(',').filter_map(|address| address.trim().parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::id::Id;
    use crate::item::ItemBuilder;
    use crate::wallet::NoSigner;

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

    fn named(tag: &str, value: impl Into<Vec<u8>>) -> Vec<Named> {
        let definition = ItemBuilder::new().tag("Type", "Process").tag(tag, value).sign(&NoSigner);
        schedulers(&definition.expect("builds"))
    }

    #[test]
    fn one_scheduler_or_a_list_with_hints() {
        let (one, two) = (Address::Key(Id::from_bytes([1; 32])), Address::Ethereum([2; 20]));
        let plain = |value| Named { value, hint: None };
        assert_eq!(named("Scheduler", one.to_string()), [plain(one)]);
        assert_eq!(named("scheduler-location", one.to_string()), [plain(one)]);
        let list = named("Scheduler", format!("{one}?hint=https://su.example , {two},nobody,"));
        assert_eq!(list, [Named { value: one, hint: Some("https://su.example".to_owned()) }, plain(two)]);
        assert_eq!(named("Scheduler", "nobody"), []);
        assert_eq!(named("Owner", one.to_string()), []);
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

        #[test]
        fn no_bytes_make_reading_schedulers_panic(value in prop::collection::vec(any::<u8>(), 0..200)) {
            let found = named("Scheduler", value.clone()).len();
            prop_assert!(found <= value.split(|byte| *byte == b',').count());
        }
    }
}
