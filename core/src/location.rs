//! Where schedulers are reached: signed records, a cache of them, and the way to the network's index.
//!
//! A *location record* maps a scheduler's address to a URL. It is an ANS-104 item, signed by that address, without data,
//! with the tags `data-protocol`, `variant`, `type` (`scheduler-location`), `url`, `nonce` and `time-to-live`. Of two
//! records of one address the one with the higher nonce is the newer.
//!
//! A [`LocationRecord`] can only be made from an item whose signature verifies, so whatever has one need not ask.

mod cache;
mod error;
mod record;
mod url;

pub use cache::{CachedLocation, LocationCache, LocationCounters};
pub use error::{LocationError, RecordError};
pub use record::{DEFAULT_TIME_TO_LIVE_MS, LocationDraft, LocationRecord};
pub(crate) use record::{check_type, nonce, time_to_live_ms};
pub use url::{BaseUrl, MAX_URL_LEN, UrlError};

use crate::id::Address;
use crate::item::Item;

/// The way to the network's index of location records.
pub trait Gateway: Send + Sync {
    /// The newest location record of an address that the network knows, if it knows one. What comes back is not trusted:
    /// signature, signer and form are checked by whoever asks. May block; must return within a deadline of its own.
    ///
    /// # Errors
    /// [`GatewayError`] where the question could not be asked, or the answer not be read.
    fn location(&self, address: &Address) -> Result<Option<Item>, GatewayError>;
}

/// Why a gateway gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GatewayError {
    /// It cannot be reached, or is too slow.
    #[error("the gateway is not available: {0}")]
    Unavailable(String),
    /// It answered with something that is no answer.
    #[error("the gateway's answer cannot be read: {0}")]
    Answer(String),
}
