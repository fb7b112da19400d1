//! Responses.

use std::cell::RefCell;

use bytes::{Bytes, BytesMut};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, CACHE_CONTROL,
    CONTENT_LENGTH, CONTENT_TYPE, HeaderName, LOCATION, RETRY_AFTER,
};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde::Serialize;

use crate::failure::{Assigned, Failure, Nonces, OtherScheduler};
use crate::service::Reply;
use crate::wire;

/// The dialect of the scheduler that a redirect leads to.
const VARIANT: HeaderName = HeaderName::from_static("variant");

/// Methods of every route that takes a POST.
pub(crate) const GET_AND_POST: &str = "GET, HEAD, POST, OPTIONS";
/// Methods of every other.
pub(crate) const GET_ONLY: &str = "GET, HEAD, OPTIONS";

/// A reply with a body of that type. Every reply may be read by scripts of any origin.
pub(crate) fn whole(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Reply {
    let mut reply = empty(status);
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    *reply.body_mut() = Full::new(body.into());
    reply
}

pub(crate) fn empty(status: StatusCode) -> Reply {
    let mut reply = Response::new(Full::default());
    *reply.status_mut() = status;
    reply.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    reply
}

/// A thread's answers lie one behind the other in blocks of this size. Allocated one by one they are too large for an
/// allocator's cache of the thread, and often it is another thread that frees them.
const BLOCK: usize = 16 << 10;
/// Longer ones have an allocation of their own.
const LONG: usize = BLOCK / 4;

thread_local! {
    static ANSWERS: RefCell<Answers> = RefCell::default();
}

#[derive(Default)]
struct Answers {
    /// Where the next one is written.
    text: Vec<u8>,
    block: BytesMut,
}

impl Answers {
    fn write(&mut self, form: &impl Serialize) -> serde_json::Result<Bytes> {
        self.text.clear();
        wire::json::write(&mut self.text, form)?;
        if self.text.len() > LONG {
            return Ok(std::mem::take(&mut self.text).into());
        }
        if self.block.capacity() < self.text.len() {
            // The same block again, where all of its answers have been sent.
            self.block.reserve(BLOCK);
        }
        self.block.extend_from_slice(&self.text);
        Ok(self.block.split().freeze())
    }
}

/// 200 with that as JSON.
pub(crate) fn json(form: &impl Serialize) -> Result<Reply, Failure> {
    let text = ANSWERS.with_borrow_mut(|answers| answers.write(form));
    let text = text.map_err(|error| Failure::internal(format!("the answer's JSON: {error}")))?;
    Ok(whole(StatusCode::OK, "application/json", text))
}

/// The same, never to be cached.
pub(crate) fn fresh(mut reply: Reply) -> Reply {
    reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}

/// What a browser asks before it sends.
pub(crate) fn options(allow: &'static str) -> Reply {
    let mut reply = empty(StatusCode::NO_CONTENT);
    let headers = reply.headers_mut();
    headers.insert(ALLOW, HeaderValue::from_static(allow));
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(allow));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*"));
    reply
}

/// The same head without its body (RFC 9110, section 9.3.2).
pub(crate) fn head_of(mut reply: Reply) -> Reply {
    use http_body::Body as _;
    let length = reply.body().size_hint().exact().unwrap_or(0);
    reply.headers_mut().insert(CONTENT_LENGTH, length.into());
    *reply.body_mut() = Full::default();
    reply
}

#[derive(Serialize)]
struct FailureForm<'a> {
    error: &'a str,
    #[serde(flatten)]
    assigned: Option<&'a Assigned>,
    #[serde(flatten)]
    nonces: Option<&'a Nonces>,
    #[serde(flatten)]
    scheduler: Option<&'a OtherScheduler>,
}

impl From<&Failure> for Reply {
    fn from(failure: &Failure) -> Self {
        let form = FailureForm {
            error: &failure.message,
            assigned: failure.assigned.as_deref(),
            nonces: failure.nonces.as_deref(),
            scheduler: failure.scheduler.as_deref(),
        };
        // Texts and numbers can always be written.
        let body = serde_json::to_vec(&form).unwrap_or_default();
        let mut reply = fresh(whole(failure.status, "application/json", body));
        let headers = reply.headers_mut();
        let mut put = |name: HeaderName, value: Option<HeaderValue>| {
            value.map(|value| headers.insert(name, value));
        };
        put(RETRY_AFTER, failure.retry_after.map(HeaderValue::from));
        put(ALLOW, failure.allow.map(HeaderValue::from_static));
        if let Some(OtherScheduler { location, variant }) = failure.scheduler.as_deref() {
            put(LOCATION, HeaderValue::from_str(location).ok());
            put(VARIANT, HeaderValue::from_str(variant).ok());
        }
        reply
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_what_was_written_whatever_is_written_after_them() {
        // Short ones share blocks, of which these fill some; long ones have an allocation of their own.
        let forms: Vec<String> = (0..200).map(|index| index.to_string().repeat(1 + index * 37 % 3000)).collect();
        let mut answers = Answers::default();
        let written: Vec<Bytes> = forms.iter().map(|form| answers.write(form).expect("writes")).collect();
        assert!(written.iter().any(|text| text.len() > LONG) && written.iter().any(|text| text.len() < LONG));
        for (form, text) in forms.iter().zip(written) {
            assert_eq!(text, format!("\"{form}\""));
        }
    }

    #[test]
    fn a_block_is_used_again_when_its_answers_have_gone() {
        let mut answers = Answers::default();
        let text = "x".repeat(LONG / 2);
        let first = answers.write(&text).expect("writes").as_ptr();
        let again = (0..20).any(|_| answers.write(&text).expect("writes").as_ptr() == first);
        assert!(again, "20 answers are more than a block holds");
    }
}
