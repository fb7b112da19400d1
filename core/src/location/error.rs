//! What can go wrong with location records.

use crate::assignments::AssignmentsError;
use crate::id::{Address, Id};
use crate::item::VerifyError;
use crate::location::UrlError;
use crate::store::StoreError;

/// Why an item is not a location record. Values are escaped, and cut after 40 characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The item has another `type`, or none.
    #[error("the item's type is not scheduler-location")]
    Type,
    /// There is no `url`, or it is not text.
    #[error("the record has no url")]
    NoUrl,
    /// The `url` is none that a scheduler can be reached at.
    #[error("the record's url: {0}")]
    Url(#[from] UrlError),
    /// The `nonce` is missing (then empty here) or no whole number from 0 to 2^64 - 1.
    #[error("the record's nonce cannot be '{0}'")]
    Nonce(String),
    /// The `time-to-live` is no whole number from 0 to 2^64 - 1.
    #[error("the record's time-to-live cannot be '{0}'")]
    TimeToLive(String),
    /// The `variant` is too long to name a dialect.
    #[error("the record's variant cannot be '{0}'")]
    Variant(String),
    /// The record is not signed, or its signature is not valid.
    #[error("the record's signature: {0}")]
    Signature(#[from] VerifyError),
}

/// Why a record was not cached.
#[derive(Debug, thiserror::Error)]
pub enum LocationError {
    /// The item is no location record, or a forged one.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A record of the signer with this nonce or a higher one is known.
    #[error("nonce {requested} of {signer} is not above {existing}, which is known")]
    StaleNonce {
        /// Whose record it is.
        signer: Address,
        /// The nonce that the refused record has.
        requested: u64,
        /// The highest nonce that is known.
        existing: u64,
    },
    /// The request for a new location, which names no nonce, was carried out before.
    #[error("request {0} was carried out before; another one needs a nonce, or other content")]
    Replayed(Id),
    /// The store failed, or holds damaged data.
    #[error(transparent)]
    Storage(#[from] AssignmentsError),
}

impl From<StoreError> for LocationError {
    fn from(error: StoreError) -> Self {
        Self::Storage(error.into())
    }
}
