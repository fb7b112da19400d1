//! `location`: where schedulers are reached, this one and others.

use crate::hash::sha256;
use crate::id::{Address, Id};
use crate::item::Item;
use crate::location::{
    BaseUrl, LocationDraft, LocationError, LocationRecord, RecordError, check_type, nonce, time_to_live_ms,
};
use crate::operations::locate::ask;
use crate::operations::{OperationError, Operations};

/// What an operator asks of this node's next location record; what is `None` is chosen by the node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Announcement {
    /// Where the node is reached; [`Network::url`](crate::operations::Network::url) if `None`.
    pub url: Option<BaseUrl>,
    /// The nonce; one above the highest known if `None`, 0 for the first.
    pub nonce: Option<u64>,
    /// Milliseconds; [`Network::location_ttl_ms`](crate::operations::Network::location_ttl_ms) if `None`.
    pub time_to_live_ms: Option<u64>,
}

/// A location record that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The record: this node's own, freshly signed, or the one that was posted.
    pub record: LocationRecord,
    /// To whom the node is to post the record, at `location`; nobody for a record of somebody else.
    pub notify: Vec<BaseUrl>,
}

impl Operations {
    /// `GET location`: the location record of an address; of this node for `None`. The node's own record is answered
    /// whatever its age: its time to live is meant for others. May wait for the gateway.
    ///
    /// # Errors
    /// [`OperationError::NoLocation`]; [`OperationError::Gateway`]; [`OperationError::Location`].
    pub fn location(&self, address: Option<&Address>) -> Result<LocationRecord, OperationError> {
        let own = self.own_address();
        let address = address.copied().unwrap_or(own);
        let found = if address == own {
            self.locations.lookup(&own)?.map(crate::location::CachedLocation::into_record)
        } else {
            self.find_location(&address)?.map(|(record, _)| record)
        };
        found.ok_or(OperationError::NoLocation(address))
    }

    /// `POST location`: takes a signed location record.
    ///
    /// Signed by this node or one of its operators, it is a request for a new record of this node: `url`, `nonce` and
    /// `time-to-live` may be left out. Signed by anybody else it is a record of theirs, and is cached. Either way its
    /// nonce must be above the highest that cache and gateway know *of that signer*. A request without a nonce is carried
    /// out once: a replayed one is refused. May wait for the gateway.
    ///
    /// # Errors
    /// [`OperationError::Location`] for what is forged, no location record, stale or replayed; [`OperationError::Gateway`] if the gateway gave no answer and the cache knows no nonce either;
    /// [`OperationError::Announce`].
    pub fn publish(&self, item: Item) -> Result<Published, OperationError> {
        check_type(&item).map_err(LocationError::from)?;
        let signer = item.owner_address();
        if signer != self.own_address() && !self.network.operators.contains(&signer) {
            return self.take(LocationRecord::read(item).map_err(LocationError::from)?);
        }
        item.verify().map_err(|error| LocationError::from(RecordError::from(error)))?;
        let wish = wish(&item).map_err(LocationError::from)?;
        let request = Id::from_bytes(sha256(&[&item.deep_hash()]));
        self.announce_once(&wish, wish.nonce.is_none().then_some(&request))
    }

    /// Signs, caches and queues for upload a new location record of this node. Nobody's signature is asked for: this is
    /// for the operator's own hand. May wait for the gateway.
    ///
    /// # Errors
    /// As [`publish`](Self::publish).
    pub fn announce(&self, wish: &Announcement) -> Result<Published, OperationError> {
        self.announce_once(wish, None)
    }

    fn announce_once(&self, wish: &Announcement, request: Option<&Id>) -> Result<Published, OperationError> {
        let own = self.own_address();
        let mut known = self.known_nonce(&own)?;
        loop {
            let nonce = wish.nonce.map_or_else(|| next(known), Some);
            let nonce = nonce.ok_or(OperationError::NoNonce)?;
            if let Some(existing) = known.filter(|known| *known >= nonce) {
                return Err(LocationError::StaleNonce { signer: own, requested: nonce, existing }.into());
            }
            let record = self.sign(wish, nonce)?;
            match self.locations.put_for(&record, request) {
                Ok(()) => return self.published(record),
                // Another announcement came in between: this one goes after it, unless it insists on its nonce.
                Err(LocationError::StaleNonce { existing, .. }) if wish.nonce.is_none() => known = Some(existing),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn published(&self, record: LocationRecord) -> Result<Published, OperationError> {
        if let Some(uploads) = self.scheduler.uploads() {
            uploads.publish(record.item(), self.scheduler.config().durability)?;
        }
        Ok(Published { record, notify: self.network.notify_peers.clone() })
    }

    fn sign(&self, wish: &Announcement, nonce: u64) -> Result<LocationRecord, OperationError> {
        let draft = LocationDraft {
            url: wish.url.as_ref().unwrap_or(&self.network.url),
            nonce,
            time_to_live_ms: wish.time_to_live_ms.unwrap_or(self.network.location_ttl_ms),
        };
        let item = draft.sign(&*self.scheduler.config().signer).map_err(OperationError::Announce)?;
        Ok(LocationRecord::read(item).map_err(LocationError::from)?)
    }

    /// Takes a record of somebody else.
    fn take(&self, record: LocationRecord) -> Result<Published, OperationError> {
        let signer = record.address();
        let existing = self.locations.nonce(&signer)?;
        let stale = |existing| LocationError::StaleNonce { signer, requested: record.nonce(), existing };
        if let Some(existing) = existing.filter(|existing| *existing >= record.nonce()) {
            return Err(stale(existing).into());
        }
        let indexed = self.indexed(&signer, existing.is_some())?;
        // The index may have this very record already: its signer publishes it there too.
        match indexed.filter(|indexed| indexed.nonce() >= record.nonce() && *indexed != record) {
            Some(newer) => Err(stale(newer.nonce()).into()),
            None => {
                self.locations.put(&record)?;
                Ok(Published { record, notify: Vec::new() })
            }
        }
    }

    /// The highest nonce of an address that cache and gateway know.
    fn known_nonce(&self, address: &Address) -> Result<Option<u64>, OperationError> {
        let cached = self.locations.nonce(address)?;
        let indexed = self.indexed(address, cached.is_some())?.map(|record| record.nonce());
        Ok(cached.max(indexed))
    }

    /// The record that the gateway has. If it gives no answer, a cached nonce must do: without one, an old record could
    /// pass for a new one.
    fn indexed(&self, address: &Address, is_cached: bool) -> Result<Option<LocationRecord>, OperationError> {
        let Some(gateway) = &self.network.gateway else { return Ok(None) };
        match ask(&**gateway, address) {
            Ok(record) => Ok(record),
            Err(_) if is_cached => Ok(None),
            Err(failure) => Err(OperationError::Gateway(failure)),
        }
    }

    fn own_address(&self) -> Address {
        self.scheduler.config().signer.address()
    }
}

/// The nonce after the highest known; `None` after the last there is.
fn next(known: Option<u64>) -> Option<u64> {
    known.map_or(Some(0), |known| known.checked_add(1))
}

/// What a request asks of the next record.
fn wish(item: &Item) -> Result<Announcement, RecordError> {
    let url = item.tag("url").map(|url| std::str::from_utf8(url).map_err(|_| RecordError::NoUrl)).transpose()?;
    Ok(Announcement {
        url: url.map(str::parse).transpose()?,
        nonce: nonce(item)?,
        time_to_live_ms: time_to_live_ms(item)?,
    })
}
