//! Location records: the cache of them, who may replace them, and how a scheduler is found by them.
#![allow(clippy::unwrap_used, reason = "tests")]

#[expect(dead_code, reason = "other tests use its other signers")]
mod signers;
mod support;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};

use proptest::prelude::*;
use signers::{Ethereum, Malleability};
use slotbench_core::assignments::{location_key, location_record_key};
use slotbench_core::clock::ManualClock;
use slotbench_core::item::{Item, ItemBuilder, VerifyError};
use slotbench_core::location::{
    BaseUrl, CachedLocation, Gateway, GatewayError, LocationCache, LocationDraft, LocationError, LocationRecord,
    RecordError,
};
use slotbench_core::operations::{
    Announcement, Elsewhere, LocationSource, Named, Network, Policies, Redirect, UNKNOWN_MS,
};
use slotbench_core::uploads::{Upload, UploadConfig, UploadError, Uploader};
use slotbench_core::wallet::{NoSigner, Wallet};
use slotbench_core::{
    Address, Config, Durability, Entry, Id, Key, OperationError, Operations, Scheduler, Signer, Store,
};
use support::{PROCESS, client, config, memory, wallet};

const TTL_MS: u64 = 60_000;

fn url(text: &str) -> BaseUrl {
    text.parse().unwrap()
}

fn item_of(signer: &dyn Signer, nonce: u64) -> Item {
    let url = url(&format!("https://su.example/{nonce}"));
    LocationDraft { url: &url, nonce, time_to_live_ms: TTL_MS }.sign(signer).unwrap()
}

fn record_of(signer: &dyn Signer, nonce: u64) -> LocationRecord {
    LocationRecord::read(item_of(signer, nonce)).unwrap()
}

fn nth(n: u8) -> Wallet {
    Wallet::ed25519_from_seed([n; 32]).unwrap()
}

/// A cache and its clock, over a store.
fn cache_over(store: &Arc<dyn Store>, capacity: usize, kept: Option<Address>) -> (LocationCache, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(1_000_000));
    let cache = LocationCache::new(Arc::clone(store), Arc::clone(&clock) as _, Durability::Memory, capacity, kept);
    (cache, clock)
}

/// A gateway that answers what the test says, and counts the questions.
#[derive(Default)]
struct Index {
    answers: Mutex<HashMap<Address, Result<Item, GatewayError>>>,
    asked: AtomicUsize,
}

impl Index {
    fn says(&self, address: Address, answer: Result<Item, GatewayError>) {
        self.answers.lock().unwrap().insert(address, answer);
    }

    fn has(&self, item: &Item) {
        self.says(item.owner_address(), Ok(item.clone()));
    }

    fn is_down_for(&self, address: Address) {
        self.says(address, Err(GatewayError::Unavailable("no route".to_owned())));
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Gateway for Index {
    fn location(&self, address: &Address) -> Result<Option<Item>, GatewayError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.answers.lock().unwrap().get(address).cloned().transpose()
    }
}

/// A node among others: its operations, its gateway and its clock.
struct Node {
    operations: Operations,
    index: Arc<Index>,
    clock: Arc<ManualClock>,
}

impl Node {
    fn with(choose: impl FnOnce(&mut Config, &mut Network)) -> Self {
        Self::over(memory(), choose)
    }

    fn over(store: Arc<dyn Store>, choose: impl FnOnce(&mut Config, &mut Network)) -> Self {
        let (index, clock) = (Arc::new(Index::default()), Arc::new(ManualClock::at(1_000_000)));
        let mut config = Config { clock: Arc::clone(&clock) as _, ..config() };
        let mut network = Network { gateway: Some(Arc::clone(&index) as _), ..Network::default() };
        choose(&mut config, &mut network);
        let scheduler = Arc::new(Scheduler::new(store, config).unwrap());
        Self { operations: Operations::among(scheduler, Policies::default(), network), index, clock }
    }

    fn new() -> Self {
        Self::with(|_, _| {})
    }

    fn publish(&self, item: &Item) -> Result<LocationRecord, OperationError> {
        self.operations.publish(item.clone()).map(|published| published.record)
    }

    fn cached(&self, address: &Address) -> Option<LocationRecord> {
        self.operations.locations().lookup(address).unwrap().map(CachedLocation::into_record)
    }
}

/// The nonces of a refusal, requested and existing.
fn stale(error: OperationError) -> (u64, u64) {
    match error {
        OperationError::Location(LocationError::StaleNonce { requested, existing, .. }) => (requested, existing),
        other => panic!("{other:?}"),
    }
}

fn request() -> ItemBuilder {
    ItemBuilder::new().tag("type", "scheduler-location")
}

#[test]
fn c079_a_location_is_readable_by_the_address_of_its_signer() {
    let store = memory();
    let (cache, _) = cache_over(&store, 10, None);
    let ethereum = Ethereum::new([7; 32], Malleability::LowS);
    let signers: [&dyn Signer; 3] = [&nth(3), &nth(4), &ethereum];
    for signer in signers {
        let record = record_of(signer, 5);
        cache.put(&record).unwrap();
        let link = location_key(&signer.address());
        assert_eq!(link.to_string(), format!("scheduler-locations/{}", signer.address()));
        assert_eq!(store.get(&link).unwrap(), Some(Entry::Link(location_record_key(&record.item().id()))));
    }
    let (reopened, _) = cache_over(&store, 10, None);
    for signer in signers {
        let found = reopened.lookup(&signer.address()).unwrap();
        assert_eq!(found, Some(CachedLocation::Fresh(record_of(signer, 5))));
    }
    assert_eq!(reopened.lookup(&nth(9).address()).unwrap(), None);
    let counters = reopened.counters();
    assert_eq!((counters.hits, counters.misses, counters.stale), (3, 1, 0));
}

#[test]
fn c080_a_record_with_a_bad_signature_is_refused_and_not_stored() {
    let node = Node::new();
    let sound = item_of(&nth(3), 0);
    let mut bytes = sound.as_bytes().to_vec();
    let at = bytes.windows(10).position(|text| text == b"su.example").unwrap();
    bytes[at..at + 10].copy_from_slice(b"su.exbmple");
    let forged = Item::parse(bytes.into()).unwrap();
    assert_eq!(forged.id(), sound.id(), "the id covers the signature alone");
    let bad = |error| matches!(error, OperationError::Location(LocationError::Record(RecordError::Signature(_))));
    assert!(bad(node.publish(&forged).unwrap_err()));
    assert!(bad(node
        .publish(&request().tag("url", "http://su").tag("nonce", "0").sign(&NoSigner).unwrap())
        .unwrap_err()));
    assert_eq!(node.cached(&nth(3).address()), None);
    assert_eq!(node.publish(&sound).unwrap().item(), &sound);
}

#[test]
fn c081_only_a_higher_nonce_replaces_a_record() {
    let store = memory();
    let (cache, _) = cache_over(&store, 10, None);
    let put = |nonce| cache.put(&record_of(&nth(3), nonce));
    let refused = |result: Result<(), LocationError>| match result {
        Err(LocationError::StaleNonce { signer, requested, existing }) if signer == nth(3).address() => {
            (requested, existing)
        }
        other => panic!("{other:?}"),
    };
    put(4).unwrap();
    assert_eq!(refused(put(4)), (4, 4));
    assert_eq!(refused(put(3)), (3, 4));
    put(5).unwrap();
    let (reopened, _) = cache_over(&store, 10, None);
    assert_eq!(reopened.nonce(&nth(3).address()).unwrap(), Some(5));
    assert_eq!(refused(reopened.put(&record_of(&nth(3), 4))), (4, 5));
    assert_eq!(records_in(&store), 1, "replaced records go");
    let counters = cache.counters();
    assert_eq!((counters.taken, counters.refused), (2, 2));
}

fn records_in(store: &Arc<dyn Store>) -> usize {
    let group = Key::parse("location-records").unwrap();
    store.scan(&group, &group, 100).unwrap().len()
}

#[test]
fn c081_of_concurrent_writers_the_highest_nonce_wins() {
    const WRITERS: usize = 8;
    const EACH: usize = 25;
    let store = memory();
    let records: Vec<_> = (0..WRITERS * EACH).map(|nonce| record_of(&nth(3), nonce as u64)).collect();
    let start = Barrier::new(WRITERS);
    let accepted = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..WRITERS)
            .map(|writer| {
                // A cache of its own: caches over one store must not undo each other's work either.
                let (cache, _) = cache_over(&store, 10, None);
                let (start, records) = (&start, &records);
                scope.spawn(move || {
                    start.wait();
                    let mine = (0..EACH).map(|n| n * WRITERS + (writer * 5 + n * 3) % WRITERS);
                    mine.filter(|nonce| cache.put(&records[*nonce]).is_ok()).collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    let (cache, _) = cache_over(&store, 10, None);
    assert_eq!(cache.nonce(&nth(3).address()).unwrap(), accepted.iter().flatten().max().map(|nonce| *nonce as u64));
    assert!(accepted.iter().all(|own| own.is_sorted()), "{accepted:?}");
    assert!(accepted.iter().flatten().any(|nonce| *nonce == WRITERS * EACH - 1), "the highest is never refused");
    assert_eq!(records_in(&store), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is put in whatever order, an address has the highest nonce it was ever shown.
    #[test]
    fn c081_the_cache_is_the_maximum_of_what_it_was_shown(
        puts in prop::collection::vec((3_u8..6, 0_u64..6, any::<bool>()), 1..30),
    ) {
        let store = memory();
        let (mut cache, _) = cache_over(&store, 10, None);
        let mut model = HashMap::<u8, u64>::new();
        for (signer, nonce, reopen) in puts {
            if reopen {
                (cache, _) = cache_over(&store, 10, None);
            }
            let is_newer = model.get(&signer).is_none_or(|known| *known < nonce);
            prop_assert_eq!(cache.put(&record_of(&nth(signer), nonce)).is_ok(), is_newer);
            if is_newer {
                model.insert(signer, nonce);
            }
            for (signer, nonce) in &model {
                let found = cache.lookup(&nth(*signer).address()).unwrap();
                prop_assert_eq!(found, Some(CachedLocation::Fresh(record_of(&nth(*signer), *nonce))));
            }
        }
    }
}

#[test]
fn c082_an_expired_record_is_not_used_unless_the_gateway_fails() {
    let node = Node::new();
    let (address, record) = (nth(3).address(), record_of(&nth(3), 2));
    node.publish(record.item()).unwrap();
    let asked = node.index.asked();
    node.clock.set(1_000_000 + TTL_MS - 1);
    assert_eq!(node.operations.location(Some(&address)).unwrap(), record);
    assert_eq!(node.index.asked(), asked, "a fresh record is not asked for");
    node.clock.set(1_000_000 + TTL_MS);
    assert_eq!(node.operations.locations().lookup(&address).unwrap(), Some(CachedLocation::Stale(record.clone())));
    let gone = node.operations.location(Some(&address)).unwrap_err();
    assert!(matches!(gone, OperationError::NoLocation(whose) if whose == address));
    let asked = node.index.asked();
    assert!(node.operations.location(Some(&address)).is_err());
    assert_eq!(node.index.asked(), asked, "it said so a moment ago");
    node.clock.set(1_000_000 + TTL_MS + UNKNOWN_MS);
    node.index.is_down_for(address);
    assert_eq!(node.operations.location(Some(&address)).unwrap(), record, "the refresh failed");
    node.index.has(record.item());
    assert_eq!(node.operations.location(Some(&address)).unwrap(), record);
    let renewed = node.operations.locations().lookup(&address).unwrap();
    assert_eq!(renewed, Some(CachedLocation::Fresh(record)), "it lives once more");
    assert_eq!(stale(node.publish(&item_of(&nth(3), 1)).unwrap_err()), (1, 2));
}

#[test]
fn c083_a_signed_message_that_is_no_location_record_is_refused() {
    let node = Node::new();
    for signer in [nth(3), client()] {
        let message = support::message(0);
        let posted = node.publish(&message).unwrap_err();
        assert!(matches!(posted, OperationError::Location(LocationError::Record(RecordError::Type))), "{posted:?}");
        let no_url = request().tag("nonce", "1").sign(&signer).unwrap();
        assert!(matches!(
            node.publish(&no_url).unwrap_err(),
            OperationError::Location(LocationError::Record(RecordError::NoUrl))
        ));
        assert_eq!(node.cached(&signer.address()), None);
    }
}

#[test]
fn c116_only_the_operator_replaces_the_nodes_own_location() {
    let node = Node::with(|_, network| {
        network.operators = vec![nth(5).address()];
        network.notify_peers = vec![url("https://peer.example")];
        network.location_ttl_ms = 7_000;
    });
    let own = wallet().address();
    let nobody = node.operations.location(None).unwrap_err();
    assert!(matches!(nobody, OperationError::NoLocation(whose) if whose == own));
    // The operator's request becomes a record that the node signs.
    let first = node.operations.publish(request().sign(&nth(5)).unwrap()).unwrap();
    assert_eq!(first.notify, [url("https://peer.example")]);
    let first = first.record;
    assert_eq!((first.address(), first.nonce(), first.time_to_live_ms()), (own, 0, 7_000));
    assert_eq!((first.url(), first.variant()), (&BaseUrl::localhost(), "ao.N.1"));
    assert_eq!(node.operations.location(None).unwrap(), first);
    // A stranger's record is the stranger's, whatever it says.
    let stranger = node.operations.publish(item_of(&nth(6), 9)).unwrap();
    assert_eq!((stranger.record.address(), stranger.notify), (nth(6).address(), Vec::new()));
    assert_eq!(node.operations.location(None).unwrap(), first);
    assert_eq!(node.operations.location(Some(&nth(6).address())).unwrap(), stranger.record);
    // The operator's record is not the operator's own location.
    assert_eq!(node.cached(&nth(5).address()), None);
    let second = node.publish(&request().tag("url", "https://new.example/").tag("nonce", "7").sign(&nth(5)).unwrap());
    let second = second.unwrap();
    assert_eq!((second.nonce(), second.url().as_str()), (7, "https://new.example"));
    assert_eq!(stale(node.publish(&request().tag("nonce", "7").sign(&nth(5)).unwrap()).unwrap_err()), (7, 7));
    assert_eq!(node.operations.announce(&Announcement::default()).unwrap().record.nonce(), 8);
    // Its own age does not matter to the node.
    node.clock.set(u64::MAX);
    assert_eq!(node.operations.location(Some(&own)).unwrap().nonce(), 8);
}

#[test]
fn c116_nonces_are_compared_per_signer_with_cache_and_gateway() {
    let node = Node::new();
    let own = wallet().address();
    node.index.has(&item_of(&*wallet(), 41));
    assert_eq!(node.operations.announce(&Announcement::default()).unwrap().record.nonce(), 42);
    let wish = |nonce| Announcement { nonce: Some(nonce), ..Announcement::default() };
    assert_eq!(stale(node.operations.announce(&wish(42)).unwrap_err()), (42, 42));
    // The node's own nonces are no measure for others.
    assert_eq!(node.publish(&item_of(&nth(3), 0)).unwrap().nonce(), 0);
    node.index.has(&item_of(&nth(4), 6));
    assert_eq!(stale(node.publish(&item_of(&nth(4), 5)).unwrap_err()), (5, 6));
    let same = record_of(&nth(4), 6);
    assert_eq!(node.publish(same.item()).unwrap(), same, "the index may be faster than its signer");
    // Without the gateway only a cached nonce tells what is old.
    node.index.is_down_for(own);
    node.index.is_down_for(nth(4).address());
    node.index.is_down_for(nth(7).address());
    assert_eq!(node.operations.announce(&Announcement::default()).unwrap().record.nonce(), 43);
    assert_eq!(node.publish(&item_of(&nth(4), 7)).unwrap().nonce(), 7);
    let unknown = node.publish(&item_of(&nth(7), 0)).unwrap_err();
    assert!(matches!(unknown, OperationError::Gateway(GatewayError::Unavailable(_))), "{unknown:?}");
    let last = node.operations.announce(&wish(u64::MAX)).unwrap();
    assert_eq!(last.record.nonce(), u64::MAX);
    assert!(matches!(node.operations.announce(&Announcement::default()), Err(OperationError::NoNonce)));
}

#[test]
fn s5_forged_and_replayed_records_are_rejected() {
    let node = Node::new();
    let operator = wallet();
    // A request without a nonce is carried out once, in this run and in the next.
    let open = request().tag("url", "https://one.example").sign(&*operator).unwrap();
    assert_eq!(node.publish(&open).unwrap().nonce(), 0);
    assert_eq!(
        node.publish(&request().tag("url", "https://two.example").sign(&*operator).unwrap()).unwrap().nonce(),
        1
    );
    let store = Arc::clone(node.operations.scheduler().assignments().store());
    let restarted = Node::over(store, |_, _| {});
    for node in [&node, &restarted] {
        let again = node.publish(&open).unwrap_err();
        assert!(matches!(again, OperationError::Location(LocationError::Replayed(_))), "{again:?}");
        assert_eq!(node.operations.location(None).unwrap().url().as_str(), "https://two.example");
    }
    // The node's own records, sent back to it, and those of others change nothing either.
    let own = node.operations.location(None).unwrap();
    assert_eq!(stale(node.publish(own.item()).unwrap_err()), (1, 1));
    node.publish(&item_of(&nth(3), 0)).unwrap();
    node.publish(&item_of(&nth(3), 1)).unwrap();
    assert_eq!(stale(node.publish(&item_of(&nth(3), 0)).unwrap_err()), (0, 1));
    assert_eq!(stale(restarted.publish(&item_of(&nth(3), 1)).unwrap_err()), (1, 1));
    // What a gateway answers is not trusted: somebody else's record, and no record at all.
    for lie in [item_of(&nth(8), 3), support::message(0)] {
        node.index.says(nth(9).address(), Ok(lie));
        let found = node.operations.location(Some(&nth(9).address())).unwrap_err();
        assert!(matches!(found, OperationError::Gateway(GatewayError::Answer(_))), "{found:?}");
        assert_eq!((node.cached(&nth(9).address()), node.cached(&nth(8).address())), (None, None));
    }
}

#[test]
fn a_damaged_record_is_told_apart_from_a_missing_one() {
    let store = memory();
    let (cache, _) = cache_over(&store, 10, None);
    let record = record_of(&nth(3), 1);
    cache.put(&record).unwrap();
    let damage = |fill: &dyn Fn(&mut slotbench_core::Batch)| {
        let mut batch = slotbench_core::Batch::new();
        fill(&mut batch);
        store.apply(&batch, Durability::Memory).unwrap();
        let found = cache.lookup(&nth(3).address());
        assert!(matches!(found, Err(LocationError::Storage(_))), "{found:?}");
    };
    let content = location_record_key(&record.item().id());
    let mut bytes = record.item().as_bytes().to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    damage(&|batch| _ = batch.put(content.clone(), bytes.clone().into()));
    damage(&|batch| _ = batch.put(content.clone(), item_of(&nth(4), 1).as_bytes().clone()));
    damage(&|batch| _ = batch.delete(content.clone()));
}

#[test]
fn records_are_bounded_and_the_nodes_own_stays() {
    let store = memory();
    let own = wallet();
    let (cache, clock) = cache_over(&store, 4, Some(own.address()));
    cache.put(&record_of(&*own, 0)).unwrap();
    for n in 10..20 {
        clock.set(1_000_000 + u64::from(n));
        cache.put(&record_of(&nth(n), 0)).unwrap();
    }
    let (reopened, clock) = cache_over(&store, 4, Some(own.address()));
    clock.set(2_000_000);
    reopened.put(&record_of(&nth(20), 0)).unwrap();
    reopened.put(&record_of(&*own, 1)).unwrap();
    let kept = |n: u8| reopened.nonce(&nth(n).address()).unwrap().is_some();
    assert_eq!((10..=20).filter(|n| kept(*n)).collect::<Vec<_>>(), [17, 18, 19, 20]);
    assert_eq!(reopened.nonce(&own.address()).unwrap(), Some(1));
    assert_eq!((cache.counters().evicted, reopened.counters().evicted), (6, 1));
    assert_eq!(records_in(&store), 5);
}

fn elsewhere(hint: Option<&str>, schedulers: Vec<Named>) -> Elsewhere {
    let hint = hint.map(str::to_owned);
    Elsewhere { process: PROCESS, hint, schedulers, variant: "ao.N.1".to_owned() }
}

fn named(n: u8, hint: Option<&str>) -> Named {
    Named { value: nth(n).address(), hint: hint.map(str::to_owned) }
}

#[test]
fn a_scheduler_is_found_by_hints_then_cache_then_gateway() {
    let node = Node::new();
    let locate = |elsewhere: &Elsewhere| node.operations.locate(elsewhere).unwrap();
    let found = |redirect: Redirect| (redirect.url.to_string(), redirect.source);
    // Whoever asks knows best.
    let both = elsewhere(Some("https://hinted.example"), vec![named(3, Some("https://named.example"))]);
    assert_eq!(found(locate(&both)), ("https://hinted.example".to_owned(), LocationSource::Hint));
    let by_name = elsewhere(None, vec![named(3, Some("https://named.example"))]);
    let redirect = locate(&by_name);
    assert_eq!((redirect.process, redirect.scheduler), (PROCESS, Some(nth(3).address())));
    assert_eq!(found(redirect), ("https://named.example".to_owned(), LocationSource::SchedulerHint));
    assert_eq!(node.index.asked(), 0);
    // The gateway is asked once.
    node.index.has(&item_of(&nth(3), 2));
    let plain = elsewhere(None, vec![named(3, Some("gopher://named.example"))]);
    assert_eq!(found(locate(&plain)), ("https://su.example/2".to_owned(), LocationSource::Gateway));
    assert_eq!(found(locate(&plain)), ("https://su.example/2".to_owned(), LocationSource::Cache));
    assert_eq!(node.index.asked(), 1);
    node.clock.set(1_000_000 + TTL_MS);
    node.index.is_down_for(nth(3).address());
    assert_eq!(found(locate(&plain)), ("https://su.example/2".to_owned(), LocationSource::Stale));
    node.index.has(&item_of(&nth(3), 1));
    assert_eq!(found(locate(&plain)), ("https://su.example/2".to_owned(), LocationSource::Stale));
    node.index.has(&item_of(&nth(3), 3));
    assert_eq!(found(locate(&plain)), ("https://su.example/3".to_owned(), LocationSource::Gateway));
    // The dialect is that of the record.
    let legacy = request().tag("url", "https://legacy.example").tag("nonce", "0").tag("Variant", "ao.TN.1");
    node.index.has(&legacy.sign(&nth(4)).unwrap());
    assert_eq!(locate(&elsewhere(None, vec![named(9, None), named(4, None)])).variant, "ao.TN.1");
}

#[test]
fn where_no_scheduler_is_found_the_reason_is_told() {
    let node = Node::new();
    let locate = |elsewhere: &Elsewhere| node.operations.locate(elsewhere).unwrap_err();
    let nowhere = locate(&elsewhere(None, vec![named(3, None), named(4, None)]));
    assert!(matches!(nowhere, OperationError::LocationNotFound(process) if process == PROCESS));
    node.clock.set(1_000_000 + UNKNOWN_MS);
    node.index.is_down_for(nth(4).address());
    let down = locate(&elsewhere(None, vec![named(4, None), named(3, None)]));
    assert!(matches!(down, OperationError::Gateway(GatewayError::Unavailable(_))));
    for hint in ["ftp://su", "https://me:pw@su", "su.example"] {
        assert!(matches!(locate(&elsewhere(Some(hint), vec![named(3, None)])), OperationError::Hint(_)), "{hint}");
    }
}

#[test]
fn hints_are_ignored_where_they_are_not_followed() {
    let node = Node::with(|_, network| network.follow_hints = false);
    node.publish(&item_of(&nth(3), 0)).unwrap();
    let both = elsewhere(Some("https://hinted.example"), vec![named(3, Some("https://named.example"))]);
    assert_eq!(node.operations.locate(&both).unwrap().source, LocationSource::Cache);
    let unknown = node.operations.locate(&elsewhere(Some("https://hinted.example"), Vec::new())).unwrap_err();
    assert!(matches!(unknown, OperationError::UnknownProcess(process) if process == PROCESS));
}

/// A bundler that keeps the records it is given.
#[derive(Default)]
struct Records(Mutex<Vec<Id>>, AtomicUsize);

impl Uploader for Records {
    fn upload(&self, _: &Upload) -> Result<(), UploadError> {
        Err(UploadError::Rejected("records only".to_owned()))
    }

    fn publish(&self, record: &Item) -> Result<(), UploadError> {
        if self.1.fetch_add(1, Ordering::SeqCst) == 0 {
            return Err(UploadError::Unavailable("not yet".to_owned()));
        }
        assert_eq!(record.verify(), Ok::<(), VerifyError>(()));
        self.0.lock().unwrap().push(record.id());
        Ok(())
    }
}

#[test]
fn own_records_are_uploaded_through_the_stored_queue() {
    let (bundler, store) = (Arc::new(Records::default()), memory());
    let uploads = UploadConfig { threads: 0, ..UploadConfig::new(Arc::clone(&bundler) as _) };
    let open = || Node::over(Arc::clone(&store), |config, _| config.uploads = Some(uploads.clone()));
    let node = open();
    let first = node.operations.announce(&Announcement::default()).unwrap().record;
    assert_eq!(node.operations.scheduler().uploads().unwrap().run_due(), 1);
    let second = node.operations.announce(&Announcement::default()).unwrap().record;
    node.publish(&item_of(&nth(3), 0)).unwrap();
    // The first one failed, and was replaced meanwhile: both are still queued when the node is started again.
    drop(node);
    let node = open();
    let uploads = node.operations.scheduler().uploads().unwrap();
    assert_eq!((uploads.waiting(), uploads.run_due(), uploads.waiting()), (2, 2, 0));
    let mut sent = bundler.0.lock().unwrap().clone();
    sent.sort_unstable();
    let mut expected = vec![first.item().id(), second.item().id()];
    expected.sort_unstable();
    assert_eq!(sent, expected);
    let again = open();
    assert_eq!(again.operations.scheduler().uploads().unwrap().waiting(), 0);
}
