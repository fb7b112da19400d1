//! What the body of `POST schedule` holds.
//!
//! Either an ANS-104 item, the message itself; or, with `content-type: application/json`, an object
//!
//! ```json
//! { "body": "<the message>", "process": "<the definition of its process>", "target": "<id>" }
//! ```
//!
//! whose items are base64url. `process` lets a node schedule for a process that it has not seen yet; `target` names the
//! process of a message that does not. Other members are refused: a mistyped one must not be overlooked.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use serde::Deserialize;
use slotbench_core::item::Item;
use slotbench_core::operations::Request;

use crate::failure::Failure;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    body: String,
    process: Option<String>,
    target: Option<String>,
}

/// Adds to `request` what a body holds.
///
/// # Errors
/// 400 for what is neither.
pub fn open(body: Bytes, content_type: Option<&str>, request: &mut Request) -> Result<(), Failure> {
    if !content_type.is_some_and(is_json) {
        request.item = Some(item(body, "the body")?);
        return Ok(());
    }
    let envelope: Envelope = serde_json::from_slice(&body)
        .map_err(|error| Failure::bad_request(format!("the body is not such an object: {error}")))?;
    request.body = Some(encoded(&envelope.body, "'body'")?);
    request.base.process = envelope.process.map(|text| encoded(&text, "'process'")).transpose()?;
    if envelope.target.is_some() {
        request.target = envelope.target;
    }
    Ok(())
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

fn encoded(text: &str, what: &str) -> Result<Item, Failure> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|error| Failure::bad_request(format!("{what}: {error}")))?;
    item(bytes.into(), what)
}

fn item(bytes: Bytes, what: &str) -> Result<Item, Failure> {
    Item::parse(bytes).map_err(|error| Failure::bad_request(format!("{what} is no ANS-104 item: {error}")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use slotbench_core::item::ItemBuilder;
    use slotbench_core::wallet::NoSigner;

    use super::*;

    fn message(data: &[u8]) -> Item {
        ItemBuilder::new().tag("Type", "Message").data(data.to_vec()).sign(&NoSigner).expect("builds")
    }

    fn opened(body: impl Into<Bytes>, content_type: Option<&str>) -> Result<Request, Failure> {
        let mut request = Request::default();
        open(body.into(), content_type, &mut request).map(|()| request)
    }

    #[test]
    fn an_item_is_the_request_itself_and_an_object_brings_a_body() {
        let (one, two) = (message(b"one"), message(b"two"));
        let plain = opened(one.as_bytes().clone(), None).expect("an item");
        assert_eq!((plain.item.as_ref(), plain.body.as_ref()), (Some(&one), None));
        let text = |item: &Item| URL_SAFE_NO_PAD.encode(item.as_bytes());
        let json = format!(r#"{{"body":"{}","process":"{}","target":"x"}}"#, text(&one), text(&two));
        let object = opened(json, Some("Application/JSON; charset=utf-8")).expect("an object");
        assert_eq!((object.body.as_ref(), object.base.process.as_ref()), (Some(&one), Some(&two)));
        assert_eq!((object.item, object.target.as_deref()), (None, Some("x")));
    }

    #[test]
    fn what_is_neither_is_a_bad_request() {
        let json = Some("application/json");
        let bad = [("", None), ("garbage", None), ("{}", json), ("[]", json), (r#"{"body":"!"}"#, json), ("", json)];
        for (body, content_type) in bad {
            let failure = opened(body, content_type).expect_err("refused");
            assert_eq!(failure.status, http::StatusCode::BAD_REQUEST, "{body}");
        }
        let mistyped = format!(r#"{{"body":"{}","proces":"x"}}"#, URL_SAFE_NO_PAD.encode(message(b"").as_bytes()));
        assert!(opened(mistyped, json).expect_err("refused").message.contains("proces"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_opening_panic(body in prop::collection::vec(any::<u8>(), 0..400), json: bool) {
            let _ = opened(body, json.then_some("application/json"));
        }

        #[test]
        fn no_object_makes_opening_panic(members in prop::collection::vec(
            (prop::sample::select(vec!["body", "process", "target", "other"]), ".{0,30}"), 0..5)) {
            let object: serde_json::Map<String, serde_json::Value> =
                members.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
            let _ = opened(serde_json::to_vec(&object).expect("writes"), Some("application/json"));
        }

        #[test]
        fn every_message_survives_both_ways(data in prop::collection::vec(any::<u8>(), 0..300)) {
            let message = message(&data);
            let json = serde_json::json!({ "body": URL_SAFE_NO_PAD.encode(message.as_bytes()) }).to_string();
            let object = opened(json, Some("application/json")).expect("an object");
            prop_assert_eq!(object.message(), Some(&message));
            let plain = opened(message.as_bytes().clone(), Some("application/octet-stream")).expect("an item");
            prop_assert_eq!(plain.message(), Some(&message));
        }
    }
}
