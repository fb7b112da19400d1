//! What goes wrong, and which status says so: the one table of both APIs.
//!
//! | status | when |
//! |---|---|
//! | 307 | another node schedules the process, and where is known |
//! | 400 | the request cannot be read, or asks for what cannot be: body, parameter, signature, no scheduler named |
//! | 404 | no such route, process, message or slot; with `retry-after` where a slot may come |
//! | 405 | no such method on this route |
//! | 408 | the body did not come in time |
//! | 409 | the message exists already; another slot is stored than the next one |
//! | 413 | the body or the message is too large |
//! | 429 | too many messages of the process wait: come back after `retry-after` seconds |
//! | 500 | the node failed: signer, store, or a panic |
//! | 502 | the bundler refused, or stored data cannot be read |
//! | 503 | disabled, shutting down, taken over by another writer, or out of room: `retry-after` where it may pass |
//! | 504 | no answer in time, from the node's own store or from the bundler |
//!
//! The body is `{"error": text}`, with `slot` and `id` where a message has its slot all the same. The legacy API knows
//! 400 alone for what the client did ([`Failure::legacy`]).

use std::error::Error;
use std::fmt::Write as _;
use std::time::Duration;

use http::StatusCode;
use serde::Serialize;
use slotbench_core::location::GatewayError;
use slotbench_core::operations::OperationError;
use slotbench_core::uploads::UploadError;

/// A failed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What it is answered with.
    pub status: StatusCode,
    /// For the client.
    pub message: String,
    /// When asking again may help, seconds.
    pub retry_after: Option<u32>,
    /// Who knows better: the base URL of another scheduler.
    pub location: Option<String>,
    /// The methods there are, where it was the method that was wrong.
    pub allow: Option<&'static str>,
    /// The slot that the message has all the same.
    pub assigned: Option<Box<Assigned>>,
    /// For the operator: the whole chain of causes, which is no business of the client's.
    pub cause: Option<String>,
}

/// A slot that was given although the request failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Assigned {
    /// The slot.
    pub slot: u64,
    /// The assignment's id.
    pub id: String,
}

/// Seconds after which a queue is likely to have moved on.
const SOON: u32 = 1;

impl Failure {
    /// A status and a sentence.
    #[must_use]
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        let (retry_after, location, allow, assigned, cause) = (None, None, None, None, None);
        Self { status, message: message.into(), retry_after, location, allow, assigned, cause }
    }

    /// 400.
    #[must_use]
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 404 for a path that names nothing.
    #[must_use]
    pub fn no_route() -> Self {
        Self::new(StatusCode::NOT_FOUND, "there is nothing at this path")
    }

    pub(crate) fn method(allow: &'static str) -> Self {
        Self { allow: Some(allow), ..Self::new(StatusCode::METHOD_NOT_ALLOWED, format!("this path takes {allow}")) }
    }

    pub(crate) fn body_too_large(limit: usize) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body has more than {limit} bytes"))
    }

    pub(crate) fn body_too_slow(limit: Duration) -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, format!("the body did not come within {} s", limit.as_secs()))
    }

    pub(crate) fn too_late(limit: Duration) -> Self {
        let text = format!("no answer within {} s; the message may have been scheduled", limit.as_secs());
        Self::new(StatusCode::GATEWAY_TIMEOUT, text)
    }

    pub(crate) fn overloaded(what: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, format!("the node is busy: no {what} left")).retry(SOON)
    }

    /// 500, with the cause kept from the client.
    #[must_use]
    pub fn internal(cause: impl Into<String>) -> Self {
        let failure = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the node failed; its operator sees why");
        Self { cause: Some(cause.into()), ..failure }
    }

    fn retry(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The same for the legacy API: whatever the client did is 400.
    #[must_use]
    pub fn legacy(mut self) -> Self {
        let told_apart = [
            StatusCode::REQUEST_TIMEOUT,
            StatusCode::PAYLOAD_TOO_LARGE,
            StatusCode::TOO_MANY_REQUESTS,
            StatusCode::METHOD_NOT_ALLOWED,
        ];
        if self.status.is_client_error() && !told_apart.contains(&self.status) {
            self.status = StatusCode::BAD_REQUEST;
        }
        self
    }
}

/// An error and its causes, outermost first.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        // Most errors already quote their cause.
        if !text.contains(&said) {
            let _ = write!(text, ": {said}");
        }
        next = cause.source();
    }
    text
}

/// A bundler that refuses, one that does not answer, and one that nobody asks any more.
const fn not_confirmed(failure: &UploadError) -> StatusCode {
    match failure {
        UploadError::Rejected(_) | UploadError::Unreadable(_) => StatusCode::BAD_GATEWAY,
        UploadError::Unavailable(_) => StatusCode::GATEWAY_TIMEOUT,
        UploadError::Closed => StatusCode::SERVICE_UNAVAILABLE,
    }
}

impl From<OperationError> for Failure {
    fn from(error: OperationError) -> Self {
        use OperationError as E;
        let status = match &error {
            E::NoMessage
            | E::NoTarget
            | E::Parameter { .. }
            | E::Unsigned
            | E::Signature(_)
            | E::OtherProcess { .. }
            | E::NoScheduler(_)
            | E::Hint(_)
            | E::Location(_)
            | E::NoNonce => StatusCode::BAD_REQUEST,
            E::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            E::Duplicate(_) | E::UnexpectedSlot { .. } => StatusCode::CONFLICT,
            E::UnknownProcess(_)
            | E::NotFound { .. }
            | E::NotYet { .. }
            | E::LocationNotFound(_)
            | E::NoLocation(_) => StatusCode::NOT_FOUND,
            E::Archived { .. } => StatusCode::GONE,
            E::Gateway(GatewayError::Unavailable(_)) => StatusCode::GATEWAY_TIMEOUT,
            E::Gateway(GatewayError::Answer(_)) => StatusCode::BAD_GATEWAY,
            E::Elsewhere(_) => StatusCode::TEMPORARY_REDIRECT,
            E::Disabled | E::Fenced { .. } => StatusCode::SERVICE_UNAVAILABLE,
            E::Busy { .. } => StatusCode::TOO_MANY_REQUESTS,
            E::Unreadable { .. } => StatusCode::BAD_GATEWAY,
            E::NotConfirmed { failure, .. } => not_confirmed(failure),
            E::Storage(_) | E::Announce(_) | E::Failed(_) => return Self::internal(chain(&error)),
        };
        let mut failure = Self::new(status, error.to_string());
        match error {
            E::Busy { .. } | E::NotYet { .. } => failure.retry_after = Some(SOON),
            E::Unreadable { slot, process, .. } => {
                failure.cause = Some(chain(&error));
                failure.message = format!("slot {slot} of process {process} cannot be read");
            }
            E::NotConfirmed { receipt, .. } => {
                let id = receipt.assignment.id().to_string();
                failure.assigned = Some(Box::new(Assigned { slot: receipt.slot, id }));
            }
            E::Elsewhere(elsewhere) => {
                let hints = elsewhere.schedulers.iter().find_map(|named| named.hint.clone());
                failure.location = elsewhere.hint.or(hints);
                // A redirect to nowhere is no redirect.
                if failure.location.is_none() {
                    failure.status = StatusCode::NOT_FOUND;
                }
            }
            _ => {}
        }
        failure
    }
}
