//! Where a process is scheduled that is not scheduled here.

use crate::id::{Address, Id};
use crate::location::{BaseUrl, CachedLocation, Gateway, GatewayError, LocationError, LocationRecord};
use crate::operations::{Elsewhere, OperationError, Operations};

/// Where to ask for a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// The process.
    pub process: Id,
    /// The scheduler's base URL.
    pub url: BaseUrl,
    /// The dialect it speaks: that of its location record, or of the process where a hint led there.
    pub variant: String,
    /// The scheduler's address, where the process itself names one.
    pub scheduler: Option<Address>,
    /// How it was found.
    pub source: LocationSource,
}

/// How a scheduler was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocationSource {
    /// The request hinted at it.
    Hint,
    /// The process names it with a hint.
    SchedulerHint,
    /// By its cached location record.
    Cache,
    /// By the record that the gateway has; it is cached now.
    Gateway,
    /// By an expired record, as the gateway has nothing newer or gave no answer.
    Stale,
}

impl Operations {
    /// Finds the scheduler of a process that an operation has found to be [`Elsewhere`](OperationError::Elsewhere).
    ///
    /// The first of these decides: the hint in the process id; then, for each scheduler that the process names, the hint
    /// in its address, its cached location record, the gateway's. Whether the process is scheduled here was decided
    /// before: no hint overrules that. May wait for the gateway.
    ///
    /// # Errors
    /// [`OperationError::Hint`] for a hint that is no URL of a scheduler; [`OperationError::UnknownProcess`] where there
    /// was nothing but a hint, and hints are not followed; [`OperationError::LocationNotFound`];
    /// [`OperationError::Gateway`] if the gateway failed and nothing else helped; [`OperationError::Location`].
    pub fn locate(&self, elsewhere: &Elsewhere) -> Result<Redirect, OperationError> {
        let Elsewhere { process, hint, schedulers, variant } = elsewhere;
        let redirect = |url, variant: &str, scheduler, source| Redirect {
            process: *process,
            url,
            variant: variant.to_owned(),
            scheduler,
            source,
        };
        if let Some(hint) = hint.as_deref().filter(|_| self.network.follow_hints) {
            let url = hint.parse().map_err(OperationError::Hint)?;
            return Ok(redirect(url, variant, None, LocationSource::Hint));
        }
        let mut failure = None;
        for named in schedulers {
            let (address, hint) = (named.value, named.hint.as_deref());
            // What a process says for ever may be wrong by now: a hint that is no URL is passed over.
            let hinted = hint.filter(|_| self.network.follow_hints).and_then(|hint| hint.parse().ok());
            if let Some(url) = hinted {
                return Ok(redirect(url, variant, Some(address), LocationSource::SchedulerHint));
            }
            match self.find_location(&address) {
                Ok(Some((record, source))) => {
                    return Ok(redirect(record.url().clone(), record.variant(), Some(address), source));
                }
                Ok(None) => {}
                Err(error) => failure = Some(error),
            }
        }
        Err(match failure {
            Some(failure) => failure,
            None if schedulers.is_empty() => OperationError::UnknownProcess(*process),
            None => OperationError::LocationNotFound(*process),
        })
    }

    /// The location record of an address that may be used, and where it comes from.
    pub(super) fn find_location(
        &self,
        address: &Address,
    ) -> Result<Option<(LocationRecord, LocationSource)>, OperationError> {
        let stale = match self.locations.lookup(address)? {
            Some(CachedLocation::Fresh(record)) => return Ok(Some((record, LocationSource::Cache))),
            Some(CachedLocation::Stale(record)) => Some(record),
            None => None,
        };
        let Some(gateway) = &self.network.gateway else { return Ok(None) };
        let mut renewed = None;
        let found = self.lookups.once(address, || {
            let record = ask(&**gateway, address)?;
            // Before the others are answered: whoever comes next finds it in the cache.
            renewed = record.clone().map(|record| self.renew(record));
            Ok(record)
        });
        match (found, stale) {
            (Ok(None), _) => Ok(None),
            (Ok(Some(record)), _) => renewed.unwrap_or_else(|| self.renew(record)).map(Some),
            (Err(_), Some(stale)) => Ok(Some((stale, LocationSource::Stale))),
            (Err(failure), None) => Err(OperationError::Gateway(failure)),
        }
    }

    /// Caches what the gateway has, unless something newer is known.
    fn renew(&self, record: LocationRecord) -> Result<(LocationRecord, LocationSource), OperationError> {
        match self.locations.renew(&record) {
            Ok(()) => Ok((record, LocationSource::Gateway)),
            Err(LocationError::StaleNonce { signer, .. }) => {
                let known = self.locations.lookup(&signer)?.map(CachedLocation::into_record);
                Ok((known.unwrap_or(record), LocationSource::Stale))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The record that a gateway has of an address, verified.
pub(super) fn ask(gateway: &dyn Gateway, address: &Address) -> Result<Option<LocationRecord>, GatewayError> {
    let Some(item) = gateway.location(address)? else { return Ok(None) };
    let record = LocationRecord::read(item).map_err(|error| GatewayError::Answer(error.to_string()))?;
    if record.address() == *address {
        Ok(Some(record))
    } else {
        Err(GatewayError::Answer(format!("the record is that of {}, not of {address}", record.address())))
    }
}
