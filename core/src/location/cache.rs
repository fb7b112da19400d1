//! The cache of location records.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::assignments::{
    location_key, location_record_key, location_request_key, location_time_key, location_times_key,
};
use crate::clock::Clock;
use crate::id::{Address, Id};
use crate::item::Item;
use crate::key::{Key, Segment};
use crate::location::{LocationError, LocationRecord};
use crate::store::{Batch, Durability, Entry, Store, StoreError};

/// How many entries are read at a time when the cache is opened.
const PAGE: usize = 1024;
/// How often a look-up starts over because its record was replaced meanwhile.
const RETRIES: usize = 8;

/// Held from reading a nonce to replacing its record. One for all caches of the process, so that several over one store
/// cannot undo each other's work; engines keep other processes out.
static SWAP: Mutex<()> = Mutex::new(());

/// The newest location record of each scheduler, of those that were shown to this node.
///
/// A record is replaced by one with a higher nonce, never by another, so what was replayed changes nothing. It expires
/// [`time_to_live_ms`](LocationRecord::time_to_live_ms) after it was taken, or was last found at a gateway: signers
/// do not say when they signed, so this node's clock is the base. It stays stored all the same, so that its nonce is
/// not forgotten, and to fall back on.
///
/// Anybody may sign records, so their number is bounded: the one taken longest ago makes room.
pub struct LocationCache {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    durability: Durability,
    capacity: usize,
    /// Whose records never make room.
    kept: BTreeSet<Address>,
    /// Read from the store when the first record is to be stored.
    ages: Mutex<Option<Ages>>,
    counters: Counting,
}

/// A cached record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CachedLocation {
    /// One that may be used.
    Fresh(LocationRecord),
    /// One that has expired: good for its nonce, and where nothing newer can be had.
    Stale(LocationRecord),
}

impl CachedLocation {
    /// The record, whatever its age.
    #[must_use]
    pub fn into_record(self) -> LocationRecord {
        match self {
            Self::Fresh(record) | Self::Stale(record) => record,
        }
    }
}

/// What a cache has done since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LocationCounters {
    /// Look-ups that found a record that may be used.
    pub hits: u64,
    /// Look-ups that found no record.
    pub misses: u64,
    /// Look-ups that found an expired one.
    pub stale: u64,
    /// Records that were taken.
    pub taken: u64,
    /// Records that were refused for their nonce.
    pub refused: u64,
    /// Records that made room for others.
    pub evicted: u64,
}

#[derive(Default)]
struct Counting {
    hits: AtomicU64,
    misses: AtomicU64,
    stale: AtomicU64,
    taken: AtomicU64,
    refused: AtomicU64,
    evicted: AtomicU64,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// When records were taken, oldest first.
#[derive(Default)]
struct Ages {
    by_time: BTreeSet<(u64, Address)>,
    by_address: HashMap<Address, u64>,
}

impl Ages {
    fn set(&mut self, address: Address, taken_ms: u64) {
        self.remove(&address);
        self.by_time.insert((taken_ms, address));
        self.by_address.insert(address, taken_ms);
    }

    fn remove(&mut self, address: &Address) {
        if let Some(before) = self.by_address.remove(address) {
            self.by_time.remove(&(before, *address));
        }
    }
}

impl LocationCache {
    /// The records in `store`. At most `capacity` of them, at least 1; those of the addresses `kept` come on top.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        durability: Durability,
        capacity: usize,
        kept: impl IntoIterator<Item = Address>,
    ) -> Self {
        let (ages, counters) = (Mutex::new(None), Counting::default());
        Self { store, clock, durability, capacity: capacity.max(1), kept: kept.into_iter().collect(), ages, counters }
    }

    /// The record of an address.
    ///
    /// # Errors
    /// [`LocationError::Storage`], with `Corrupt` for a record that cannot be read or does not verify any more.
    pub fn lookup(&self, address: &Address) -> Result<Option<CachedLocation>, LocationError> {
        let Some((record, taken_ms)) = self.stored(address)? else {
            count(&self.counters.misses);
            return Ok(None);
        };
        // A clock that stepped back makes a record younger, for as long as it was set back.
        let is_fresh = self.clock.now_ms().saturating_sub(taken_ms) < record.time_to_live_ms();
        count(if is_fresh { &self.counters.hits } else { &self.counters.stale });
        Ok(Some(if is_fresh { CachedLocation::Fresh(record) } else { CachedLocation::Stale(record) }))
    }

    /// The highest nonce known of an address, expired records included.
    ///
    /// # Errors
    /// As [`lookup`](Self::lookup).
    pub fn nonce(&self, address: &Address) -> Result<Option<u64>, LocationError> {
        Ok(self.stored(address)?.map(|(record, _)| record.nonce()))
    }

    /// Takes a record whose nonce is above the one known.
    ///
    /// # Errors
    /// [`LocationError::StaleNonce`], then nothing is changed; [`LocationError::Storage`].
    pub fn put(&self, record: &LocationRecord) -> Result<(), LocationError> {
        self.put_for(record, None)
    }

    /// As [`put`](Self::put); notes in the same batch that `request` has been carried out.
    pub(crate) fn put_for(&self, record: &LocationRecord, request: Option<&Id>) -> Result<(), LocationError> {
        let _swap = lock(&SWAP);
        if let Some(request) = request
            && self.store.get(&location_request_key(request))?.is_some()
        {
            return Err(LocationError::Replayed(*request));
        }
        match self.stored(&record.address())? {
            Some((known, _)) if known.nonce() >= record.nonce() => Err(self.refuse(record, known.nonce())),
            known => self.replace(known.map(|(known, _)| known).as_ref(), record, request),
        }
    }

    /// As [`put`](Self::put), for a record that a gateway has just answered with: the one already known is used for
    /// another time to live.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn renew(&self, record: &LocationRecord) -> Result<(), LocationError> {
        let _swap = lock(&SWAP);
        match self.stored(&record.address())? {
            Some((known, _)) if known == *record => {
                let mut batch = Batch::new();
                let now = self.stage_time(&mut batch, &known.address());
                self.store.apply(&batch, self.durability)?;
                self.with_ages(|ages| ages.set(known.address(), now))
            }
            Some((known, _)) if known.nonce() >= record.nonce() => Err(self.refuse(record, known.nonce())),
            known => self.replace(known.map(|(known, _)| known).as_ref(), record, None),
        }
    }

    fn refuse(&self, record: &LocationRecord, existing: u64) -> LocationError {
        count(&self.counters.refused);
        LocationError::StaleNonce { signer: record.address(), requested: record.nonce(), existing }
    }

    /// Stores a record in the place of another, in one batch with whatever makes room for it.
    fn replace(
        &self,
        before: Option<&LocationRecord>,
        record: &LocationRecord,
        request: Option<&Id>,
    ) -> Result<(), LocationError> {
        let (address, id) = (record.address(), record.item().id());
        let mut batch = Batch::new();
        if let Some(request) = request {
            batch.put(location_request_key(request), Bytes::new());
        }
        let evicted = if before.is_none() { self.stage_room(&mut batch, &address)? } else { Vec::new() };
        if let Some(before) = before {
            batch.delete(location_record_key(&before.item().id()));
        }
        batch.put(location_record_key(&id), record.item().as_bytes().clone());
        batch.link(location_key(&address), location_record_key(&id));
        let now = self.stage_time(&mut batch, &address);
        self.store.apply(&batch, self.durability)?;
        count(&self.counters.taken);
        self.counters.evicted.fetch_add(evicted.len() as u64, Ordering::Relaxed);
        self.with_ages(|ages| {
            evicted.iter().for_each(|gone| ages.remove(gone));
            ages.set(address, now);
        })
    }

    fn stage_time(&self, batch: &mut Batch, address: &Address) -> u64 {
        let now = self.clock.now_ms();
        batch.put(location_time_key(address), Bytes::copy_from_slice(&now.to_be_bytes()));
        now
    }

    /// Adds the removal of what must go before another address can be stored, and says whose records those are.
    fn stage_room(&self, batch: &mut Batch, newcomer: &Address) -> Result<Vec<Address>, LocationError> {
        if self.kept.contains(newcomer) {
            return Ok(Vec::new());
        }
        let evicted = self.with_ages(|ages| {
            let others = ages.by_time.iter().map(|(_, address)| *address).filter(|one| !self.kept.contains(one));
            let surplus = (ages.by_address.len() + 1).saturating_sub(self.capacity + self.kept.len());
            others.take(surplus).collect::<Vec<_>>()
        })?;
        for address in &evicted {
            if let Some(Entry::Link(record)) = self.store.get(&location_key(address))? {
                batch.delete(record);
            }
            batch.delete(location_key(address));
            batch.delete(location_time_key(address));
        }
        Ok(evicted)
    }

    /// The record of an address and when it was taken.
    fn stored(&self, address: &Address) -> Result<Option<(LocationRecord, u64)>, LocationError> {
        let link = location_key(address);
        let mut followed = None;
        for _ in 0..RETRIES {
            let target = match self.store.get(&link)? {
                None => return Ok(None),
                Some(Entry::Link(target)) => target,
                Some(_) => return Err(corrupt(&link, "a location is a link")),
            };
            if let Some(record) = self.record(&link, &target, address)? {
                return Ok(Some((record, self.taken_ms(address)?)));
            }
            // Replaced between the two look-ups, or lost: the same link twice tells.
            if followed.as_ref() == Some(&target) {
                break;
            }
            followed = Some(target);
        }
        Err(corrupt(&link, "the record is missing"))
    }

    fn record(&self, link: &Key, target: &Key, address: &Address) -> Result<Option<LocationRecord>, LocationError> {
        let bytes = match self.store.get(target)? {
            None => return Ok(None),
            Some(Entry::Value(bytes)) => bytes,
            Some(_) => return Err(corrupt(target, "a record is a value")),
        };
        let item = Item::parse(bytes).map_err(|error| corrupt(target, &error.to_string()))?;
        let record = LocationRecord::read(item).map_err(|error| corrupt(target, &error.to_string()))?;
        if record.address() != *address {
            return Err(corrupt(link, "the record is another scheduler's"));
        }
        Ok(Some(record))
    }

    /// When a record was taken; 0, long ago, where that is not known.
    fn taken_ms(&self, address: &Address) -> Result<u64, LocationError> {
        match self.store.get(&location_time_key(address))? {
            Some(Entry::Value(bytes)) => Ok(bytes[..].try_into().map_or(0, u64::from_be_bytes)),
            _ => Ok(0),
        }
    }

    fn with_ages<T>(&self, work: impl FnOnce(&mut Ages) -> T) -> Result<T, LocationError> {
        let mut ages = lock(&self.ages);
        let ages = match &mut *ages {
            Some(ages) => ages,
            none => none.insert(self.read_ages()?),
        };
        Ok(work(ages))
    }

    fn read_ages(&self) -> Result<Ages, LocationError> {
        let group = location_times_key();
        let (mut ages, mut from) = (Ages::default(), group.clone());
        loop {
            let page = self.store.scan(&group, &from, PAGE)?;
            let Some((last, _)) = page.last() else { return Ok(ages) };
            from = last.fence();
            for address in page.iter().filter_map(|(key, _)| address_of(key)) {
                ages.set(address, self.taken_ms(&address)?);
            }
        }
    }

    /// What was done so far.
    #[must_use]
    pub fn counters(&self) -> LocationCounters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Counting { hits, misses, stale, taken, refused, evicted } = &self.counters;
        LocationCounters {
            hits: read(hits),
            misses: read(misses),
            stale: read(stale),
            taken: read(taken),
            refused: read(refused),
            evicted: read(evicted),
        }
    }
}

fn address_of(key: &Key) -> Option<Address> {
    match key.segments().nth(1)? {
        Segment::Id(id) => Some(Address::Key(id)),
        Segment::Name(name) => std::str::from_utf8(&name).ok()?.parse().ok(),
        Segment::Number(_) => None,
    }
}

fn corrupt(key: &Key, reason: &str) -> LocationError {
    StoreError::Corrupt { path: key.to_string(), reason: reason.to_owned() }.into()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind these locks is changed in steps that do not panic half-way.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
