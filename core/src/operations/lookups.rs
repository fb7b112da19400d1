//! Questions to the gateway: one at a time for each address, and none for a while after the answer was that there is
//! nothing.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::clock::Clock;
use crate::id::Address;
use crate::location::{GatewayError, LocationRecord};

/// How long an address that the gateway does not know is not asked for again, milliseconds.
pub const UNKNOWN_MS: u64 = 5_000;

/// Most such addresses that are remembered; the one asked for longest ago makes room.
const MOST_UNKNOWN: usize = 1024;

type Answer = Result<Option<LocationRecord>, GatewayError>;

/// Questions under way, and addresses that were asked for in vain.
pub(super) struct Lookups {
    clock: Arc<dyn Clock>,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    flights: HashMap<Address, Arc<Flight>>,
    /// When it was that the gateway did not know them, milliseconds since the Unix epoch.
    unknown: HashMap<Address, u64>,
}

/// A question under way.
#[derive(Default)]
struct Flight {
    answer: Mutex<Option<Answer>>,
    landed: Condvar,
}

impl Lookups {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, held: Mutex::default() }
    }

    /// The answer of `ask`, of whoever asks for the same address just now, or of the last [`UNKNOWN_MS`]. A failure is told
    /// to all who wait for it, and not remembered.
    pub(super) fn once(&self, address: &Address, ask: impl FnOnce() -> Answer) -> Answer {
        let flight = {
            let mut held = self.lock();
            if held.is_unknown(address, self.clock.now_ms()) {
                return Ok(None);
            }
            match held.flights.entry(*address) {
                Entry::Occupied(under_way) => {
                    let flight = Arc::clone(under_way.get());
                    drop(held);
                    return flight.wait();
                }
                Entry::Vacant(free) => Arc::clone(free.insert(Arc::default())),
            }
        };
        let mut landing = Landing { lookups: self, address, flight, answer: None };
        landing.answer.insert(ask()).clone()
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        // Both maps are only changed in steps that cannot panic half-way.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn is_unknown(&self, address: &Address, now_ms: u64) -> bool {
        self.unknown.get(address).is_some_and(|since| is_recent(*since, now_ms))
    }

    fn remember(&mut self, address: &Address, now_ms: u64) {
        if self.unknown.len() >= MOST_UNKNOWN {
            self.unknown.retain(|_, since| is_recent(*since, now_ms));
        }
        if self.unknown.len() >= MOST_UNKNOWN {
            // Few enough to look at all of them.
            let oldest = self.unknown.iter().min_by_key(|(_, since)| **since).map(|(address, _)| *address);
            oldest.map(|oldest| self.unknown.remove(&oldest));
        }
        self.unknown.insert(*address, now_ms);
    }
}

/// A clock that was set back makes nothing recent.
fn is_recent(since_ms: u64, now_ms: u64) -> bool {
    now_ms.checked_sub(since_ms).is_some_and(|age| age < UNKNOWN_MS)
}

impl Flight {
    fn wait(&self) -> Answer {
        let answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.landed.wait_while(answer, |answer| answer.is_none()).unwrap_or_else(PoisonError::into_inner);
        waited.clone().unwrap_or(Ok(None))
    }

    fn land(&self, answer: Answer) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
        self.landed.notify_all();
    }
}

/// Whatever happens to whoever asks, the waiting are released.
struct Landing<'a> {
    lookups: &'a Lookups,
    address: &'a Address,
    flight: Arc<Flight>,
    answer: Option<Answer>,
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        let answer = self.answer.take();
        let mut held = self.lookups.lock();
        held.flights.remove(self.address);
        if let Some(Ok(None)) = answer {
            held.remember(self.address, self.lookups.clock.now_ms());
        }
        drop(held);
        let panicked = || Err(GatewayError::Unavailable("the question came to no end".to_owned()));
        self.flight.land(answer.unwrap_or_else(panicked));
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use proptest::prelude::*;

    use super::*;
    use crate::clock::ManualClock;
    use crate::location::{BaseUrl, LocationDraft};
    use crate::wallet::Wallet;

    const ONE: Address = Address::Ethereum([1; 20]);
    const START: u64 = 1_000_000;

    fn lookups() -> (Lookups, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at(START));
        (Lookups::new(Arc::clone(&clock) as _), clock)
    }

    fn record() -> LocationRecord {
        let wallet = Wallet::ed25519_from_seed([1; 32]).expect("a key");
        let draft = LocationDraft { url: &BaseUrl::localhost(), nonce: 0, time_to_live_ms: 1 };
        LocationRecord::read(draft.sign(&wallet).expect("signs")).expect("a record")
    }

    fn nth(n: usize) -> Address {
        let mut bytes = [0; 20];
        bytes[..8].copy_from_slice(&(n as u64).to_be_bytes());
        Address::Ethereum(bytes)
    }

    /// Returns when that many wait for the answer.
    fn wait_for(lookups: &Lookups, waiting: usize) {
        // The table's own, the asker's, and one of each who waits.
        let holders = || lookups.lock().flights.get(&ONE).map_or(0, Arc::strong_count);
        while holders() < waiting + 2 {
            thread::yield_now();
        }
    }

    #[test]
    fn s4_of_many_who_ask_at_once_one_asks_the_gateway_and_all_get_its_answer() {
        let down = || Err(GatewayError::Unavailable("no route".to_owned()));
        for answer in [Ok(Some(record())), Ok(None), down()] {
            let (lookups, asked) = (lookups().0, AtomicUsize::new(0));
            thread::scope(|scope| {
                let first = scope.spawn(|| {
                    lookups.once(&ONE, || {
                        asked.fetch_add(1, Ordering::SeqCst);
                        wait_for(&lookups, 7);
                        answer.clone()
                    })
                });
                while asked.load(Ordering::SeqCst) == 0 {
                    thread::yield_now();
                }
                let others: Vec<_> =
                    (0..7).map(|_| scope.spawn(|| lookups.once(&ONE, || unreachable!("one asks already")))).collect();
                for one in others.into_iter().chain([first]) {
                    assert_eq!(one.join().expect("an answer"), answer);
                }
            });
            assert_eq!((asked.into_inner(), lookups.lock().flights.len()), (1, 0));
        }
    }

    #[test]
    fn s4_an_asker_that_panics_releases_those_who_wait() {
        let lookups = lookups().0;
        thread::scope(|scope| {
            let first = scope.spawn(|| {
                let panics = || {
                    lookups.once(&ONE, || {
                        wait_for(&lookups, 1);
                        panic!("on purpose");
                    })
                };
                catch_unwind(AssertUnwindSafe(panics)).is_err()
            });
            while lookups.lock().flights.is_empty() {
                thread::yield_now();
            }
            let waited = lookups.once(&ONE, || unreachable!("one asks already"));
            assert!(matches!(waited, Err(GatewayError::Unavailable(_))), "{waited:?}");
            assert!(first.join().expect("it was caught"));
        });
        assert_eq!(lookups.once(&ONE, || Ok(Some(record()))), Ok(Some(record())), "the next one asks anew");
    }

    #[test]
    fn s4_only_that_there_is_nothing_is_remembered_and_not_for_long() {
        let (lookups, clock) = lookups();
        let asked = AtomicUsize::new(0);
        let ask = |answer: Answer| {
            let before = asked.load(Ordering::SeqCst);
            let found = lookups.once(&ONE, || {
                asked.fetch_add(1, Ordering::SeqCst);
                answer
            });
            (found, asked.load(Ordering::SeqCst) - before)
        };
        let down = || Err(GatewayError::Answer("nonsense".to_owned()));
        assert_eq!(ask(down()), (down(), 1));
        assert_eq!(ask(Ok(Some(record()))), (Ok(Some(record())), 1));
        assert_eq!(ask(Ok(None)), (Ok(None), 1));
        for (now, expected) in [(START, 0), (START + UNKNOWN_MS - 1, 0), (START - 1, 1), (START + UNKNOWN_MS - 1, 1)] {
            clock.set(now);
            assert_eq!(ask(Ok(None)), (Ok(None), expected), "{now}");
        }
        clock.set(START + 2 * UNKNOWN_MS - 1);
        assert_eq!(ask(Ok(Some(record()))), (Ok(Some(record())), 1), "it is known by now");
    }

    #[test]
    fn s4_what_is_remembered_is_bounded_and_the_oldest_makes_room() {
        let (lookups, clock) = lookups();
        for n in 0..=MOST_UNKNOWN {
            clock.set(START + n as u64);
            assert_eq!(lookups.once(&nth(n), || Ok(None)), Ok(None));
            assert_eq!(lookups.lock().unknown.len(), (n + 1).min(MOST_UNKNOWN));
        }
        let is_unknown = |n| lookups.lock().is_unknown(&nth(n), START + MOST_UNKNOWN as u64);
        assert_eq!([0, 1, MOST_UNKNOWN].map(is_unknown), [false, true, true]);
        clock.set(START + 3 * UNKNOWN_MS);
        assert_eq!(lookups.once(&nth(0), || Ok(None)), Ok(None));
        assert_eq!(lookups.lock().unknown.len(), 1, "what is no longer recent goes first");
    }

    proptest! {
        #[test]
        fn no_time_makes_it_overflow(since in any::<u64>(), now in any::<u64>()) {
            prop_assert_eq!(is_recent(since, now), now >= since && now - since < UNKNOWN_MS);
        }
    }
}
