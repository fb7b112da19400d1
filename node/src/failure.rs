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
//! | 410 | the slot was pruned |
//! | 502 | the bundler, the gateway or another scheduler refused or proved nothing, or stored data cannot be read |
//! | 503 | disabled, shutting down, taken over by another writer, or out of room: `retry-after` where it may pass |
//! | 504 | no answer in time, from the node's own store, the bundler, the gateway or another scheduler |
//! | 508 | the request came through this node before, or through too many |
//!
//! The body is `{"error": text}`, with `slot` and `id` where a message has its slot all the same, and with `location` and
//! `variant` in a 307: a base URL and the dialect spoken there, which two headers say too. What is wrong with another
//! scheduler is in [`remote`](crate::remote::error). The legacy API knows
//! 400 alone for what the client did ([`Failure::legacy`]).

use std::error::Error;
use std::fmt::Write as _;
use std::time::Duration;

use http::StatusCode;
use serde::Serialize;
use slotbench_core::foreign::{AuthorityError, ForeignError};
use slotbench_core::location::{GatewayError, LocationError};
use slotbench_core::operations::{OperationError, Redirect};
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
    /// Who knows better.
    pub scheduler: Option<Box<OtherScheduler>>,
    /// The nonces, where a location record's is not above the one known.
    pub nonces: Option<Box<Nonces>>,
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

/// Another scheduler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OtherScheduler {
    /// Its base URL.
    pub location: String,
    /// The dialect it speaks.
    pub variant: String,
}

/// Why a location record was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Nonces {
    /// The nonce of the record.
    pub requested_nonce: u64,
    /// The one that it is not above.
    pub existing_nonce: u64,
    /// Who signed it.
    pub signers: Vec<String>,
}

/// Seconds after which a queue is likely to have moved on.
const SOON: u32 = 1;

impl Failure {
    /// A status and a sentence.
    #[must_use]
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            retry_after: None,
            scheduler: None,
            nonces: None,
            allow: None,
            assigned: None,
            cause: None,
        }
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

    /// 307: another node schedules the process.
    #[must_use]
    pub fn redirect(to: &Redirect) -> Self {
        let message = format!("process {} is scheduled at {}", to.process, to.url);
        let scheduler = OtherScheduler { location: to.url.to_string(), variant: to.variant.clone() };
        Self { scheduler: Some(Box::new(scheduler)), ..Self::new(StatusCode::TEMPORARY_REDIRECT, message) }
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
            E::Location(LocationError::StaleNonce { signer, requested, existing }) => {
                let signers = vec![signer.to_string()];
                let nonces = Nonces { requested_nonce: requested, existing_nonce: existing, signers };
                failure.nonces = Some(Box::new(nonces));
            }
            E::Elsewhere(elsewhere) => {
                let hints = elsewhere.schedulers.iter().find_map(|named| named.hint.clone());
                match elsewhere.hint.or(hints) {
                    Some(location) => {
                        let scheduler = OtherScheduler { location, variant: elsewhere.variant };
                        failure.scheduler = Some(Box::new(scheduler));
                    }
                    // A redirect to nowhere is no redirect.
                    None => failure.status = StatusCode::NOT_FOUND,
                }
            }
            _ => {}
        }
        failure
    }
}

impl From<ForeignError> for Failure {
    fn from(error: ForeignError) -> Self {
        let status = match &error {
            ForeignError::Authority(AuthorityError::Unknown(_) | AuthorityError::NotAProcess(_)) => {
                StatusCode::NOT_FOUND
            }
            ForeignError::Authority(AuthorityError::NoScheduler(_)) => StatusCode::BAD_REQUEST,
            ForeignError::Authority(AuthorityError::Signature { .. })
            | ForeignError::Unverified { .. }
            | ForeignError::Conflict { .. } => StatusCode::BAD_GATEWAY,
            ForeignError::Ours(_) | ForeignError::TooLarge { .. } | ForeignError::Storage(_) => {
                return Self::internal(chain(&error));
            }
        };
        Self::new(status, error.to_string())
    }
}
