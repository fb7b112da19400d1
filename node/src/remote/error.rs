//! What can go wrong with another scheduler.
//!
//! | status | when |
//! |---|---|
//! | as the other said | it answered 4xx: the request was wrong, and it says why |
//! | 502 | it cannot be reached, answered 5xx or something unexpected, redirected in a circle, or wrote what proves nothing |
//! | 503 | this node has as many such operations under way as it allows |
//! | 504 | no answer in time |

use std::error::Error;
use std::time::Duration;

use http::StatusCode;
use slotbench_core::location::{BaseUrl, UrlError};

use crate::failure::Failure;
use crate::wire::read::ReadError;

/// Why another scheduler was of no help.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// Its URL names nothing that could be asked.
    #[error("{url} cannot be asked: {reason}")]
    Address {
        /// The URL.
        url: BaseUrl,
        /// Why not.
        reason: &'static str,
    },
    /// No connection, or one that broke.
    #[error("{url} cannot be reached: {cause}")]
    Unreachable {
        /// The URL.
        url: BaseUrl,
        /// What happened.
        cause: Box<dyn Error + Send + Sync>,
    },
    /// No answer in time.
    #[error("{url} did not answer within {time:?}")]
    Late {
        /// The URL.
        url: BaseUrl,
        /// How long was waited.
        time: Duration,
    },
    /// An answer that is longer than allowed.
    #[error("the answer of {url} is longer than {limit} bytes")]
    TooLong {
        /// The URL.
        url: BaseUrl,
        /// The limit.
        limit: usize,
    },
    /// An answer that is none.
    #[error("{url} answered {status}: {said}")]
    Status {
        /// The URL.
        url: BaseUrl,
        /// Its status.
        status: StatusCode,
        /// What it said, escaped and cut.
        said: String,
    },
    /// An answer that cannot be read.
    #[error("{url}: {cause}")]
    Payload {
        /// The URL.
        url: BaseUrl,
        /// What is wrong with it.
        cause: ReadError,
    },
    /// A redirect that is not followed.
    #[error("the redirect of {url}: {reason}")]
    Redirect {
        /// Who redirects.
        url: BaseUrl,
        /// Why it is not followed.
        reason: RedirectError,
    },
    /// An answer that does not prove what it says.
    #[error("the answer of {url} proves nothing: {reason}")]
    Unproven {
        /// The URL.
        url: BaseUrl,
        /// What is missing.
        reason: String,
    },
    /// A dialect that this node does not speak.
    #[error("{url} speaks '{variant}'; ao.N.1 and ao.TN.1 are understood here")]
    Dialect {
        /// The URL.
        url: BaseUrl,
        /// Its dialect, escaped and cut.
        variant: String,
    },
    /// Reading an answer failed as it never should.
    #[error("a task of this node: {0}")]
    Task(tokio::task::JoinError),
    /// As many operations as allowed are under way.
    #[error("the node is busy: no place for another question to other schedulers")]
    Busy,
}

/// Why a redirect is not followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedirectError {
    /// It says no place.
    #[error("it names no location")]
    Nowhere,
    /// The place is no URL of a scheduler.
    #[error("its location: {0}")]
    Location(UrlError),
    /// From an encrypted connection to a plain one.
    #[error("it leads from https to http")]
    Downgrade,
    /// To where it was asked before.
    #[error("it leads in a circle")]
    Circle,
    /// One more than allowed.
    #[error("it is one more than the {0} that are followed")]
    TooMany(usize),
}

impl RemoteError {
    pub(crate) fn unproven(url: &BaseUrl, reason: &impl ToString) -> Self {
        Self::Unproven { url: url.clone(), reason: reason.to_string() }
    }

    /// Whether asking once more may help at once.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Status { status, .. } => status.is_server_error(),
            _ => false,
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Status { status, .. } if status.is_client_error() => *status,
            Self::Late { .. } => StatusCode::GATEWAY_TIMEOUT,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_GATEWAY,
        }
    }
}

impl From<RemoteError> for Failure {
    fn from(error: RemoteError) -> Self {
        if let RemoteError::Task(_) = error {
            return Self::internal(error.to_string());
        }
        let status = error.status();
        let message = match &error {
            // The other's own words, as this node would have said them.
            RemoteError::Status { said, .. } if status.is_client_error() => said.clone(),
            error => error.to_string(),
        };
        let retry_after = (status == StatusCode::SERVICE_UNAVAILABLE).then_some(1);
        Self { retry_after, ..Self::new(status, message) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_of_others_are_passed_on_only_where_the_client_is_to_blame() {
        let url: BaseUrl = "http://su".parse().expect("a url");
        let answered = |status: u16| {
            let status = StatusCode::from_u16(status).expect("a status");
            Failure::from(RemoteError::Status { url: url.clone(), status, said: "said".into() })
        };
        for (theirs, ours) in
            [(400, 400), (404, 404), (422, 422), (429, 429), (201, 502), (302, 502), (500, 502), (599, 502)]
        {
            assert_eq!(answered(theirs).status.as_u16(), ours, "{theirs}");
        }
        assert_eq!(answered(404).message, "said");
        assert!(answered(500).message.contains("http://su answered 500"));
        let late = RemoteError::Late { url, time: Duration::from_millis(5) };
        assert_eq!(Failure::from(late).status, StatusCode::GATEWAY_TIMEOUT);
        assert_eq!(Failure::from(RemoteError::Busy).retry_after, Some(1));
    }
}
