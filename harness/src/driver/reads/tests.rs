//! Reads against stores that answer right, and against some that do not.

use std::sync::Mutex;

use slotbench_core::assignments::{self, slot_key};
use slotbench_core::store::{Counters, Description, Node, Store};
use slotbench_core::testing::Model;
use slotbench_core::{Batch, Durability, Entry, Key, StoreError};

use super::*;
use crate::answers::Findings;
use crate::cell::{Payload, Skew};
use crate::driver::history::{HistorySpec, fill};
use crate::runner::Stop;

/// Answers as the store behind it does, but for the keys it lies about.
struct Lying {
    inner: Model,
    lies: Mutex<Vec<(Key, Option<Entry>)>>,
}

impl Store for Lying {
    fn apply(&self, batch: &Batch, durability: Durability) -> Result<(), StoreError> {
        self.inner.apply(batch, durability)
    }

    fn get(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        let lies = self.lies.lock().expect("no test panics with it");
        let lie = lies.iter().find(|(about, _)| about == key).map(|(_, lie)| lie.clone());
        lie.map_or_else(|| self.inner.get(key), Ok)
    }

    fn scan(&self, prefix: &Key, from: &Key, limit: usize) -> Result<Vec<(Key, Node)>, StoreError> {
        let lies = self.lies.lock().expect("no test panics with it");
        let told = self.inner.scan(prefix, from, limit)?.into_iter().filter_map(|(key, node)| {
            match lies.iter().find(|(about, _)| *about == key) {
                None => Some((key, node)),
                Some((_, lie)) => lie.as_ref().map(|lie| (key, lie.node())),
            }
        });
        Ok(told.collect())
    }

    fn last(&self, prefix: &Key) -> Result<Option<(Key, Node)>, StoreError> {
        Ok(self.scan(prefix, prefix, usize::MAX)?.pop())
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.inner.sync()
    }

    fn describe(&self) -> Description {
        self.inner.describe()
    }

    fn counters(&self) -> Counters {
        self.inner.counters()
    }
}

const SLOTS: u64 = 1200;

/// A store with a history of one process.
fn filled() -> (Arc<Lying>, Arc<Ledger>, Id) {
    let store = Arc::new(Lying { inner: Model::new(), lies: Mutex::default() });
    let payload = Payload::Fixed(8);
    let spec = HistorySpec { seed: 6, processes: 1, payload, compressible: 0, slots: SLOTS };
    let ledger = fill(&*store, &spec, &Stop::default()).expect("fills");
    let process = ledger.pick(0, 0).expect("has slots").0;
    (store, Arc::new(ledger), process)
}

/// Of the slots, those that are read: all, and of long ranges the last of every ten, each of them checked in full.
fn asked(read: Read) -> impl Iterator<Item = u64> {
    let step = if read == Read::Range { 10 } else { 1 };
    (0..SLOTS).filter(move |slot| slot % step == step - 1)
}

/// Reads the slots of the history that are asked for, once each.
fn read_all(store: &Arc<Lying>, ledger: &Arc<Ledger>, read: Read) -> (Findings, u64) {
    let script = Arc::new(Script { steps: Vec::new(), writes: 0 });
    let reads = Arc::new(Reads {
        assignments: AssignmentStore::new(Arc::clone(store) as Arc<dyn Store>),
        read,
        script,
        history: Some(Arc::clone(ledger)),
        before: Arc::default(),
        at_once: true,
        wrong: WrongAnswers::default(),
    });
    let mut reader = reads.reader(0);
    for slot in asked(read) {
        let at = u32::try_from(((slot << 32) + (1 << 31)) / SLOTS).expect("below 2^32");
        let wanted = reader.pick(&[], Draw { at, process: 0 }).expect("there is a history");
        assert_eq!(wanted.slot, slot);
        let answer = reader.read(&wanted);
        reader.check(&wanted, &answer, 1);
    }
    (reads.wrong.findings(), reader.latency.len())
}

/// What every kind of read finds wrong after a lie.
fn wrong_after(lie: impl Fn(&Lying, &Id)) -> Vec<u64> {
    let (store, ledger, process) = filled();
    lie(&store, &process);
    Read::ALL.iter().map(|read| read_all(&store, &ledger, *read).0.count).collect()
}

fn tell(store: &Lying, key: Key, lie: Option<Entry>) {
    store.lies.lock().expect("no test panics with it").push((key, lie));
}

#[test]
fn right_answers_are_right_whatever_is_read() {
    let (store, ledger, _) = filled();
    for read in Read::ALL {
        let (findings, count) = read_all(&store, &ledger, *read);
        assert_eq!((findings, count), (Findings::default(), asked(*read).count() as u64), "{read}");
    }
}

#[test]
fn a_slot_that_is_kept_back_is_missed_by_every_read_that_asks_for_it() {
    let middle = wrong_after(|store, process| tell(store, slot_key(process, 100), None));
    // Ranges of up to a thousand slots that hold it begin at 0 to 100 and end at 109, 119, ... 1099.
    assert_eq!(middle, [1, 100, 1, 0]);
    let end = wrong_after(|store, process| tell(store, slot_key(process, SLOTS - 1), None));
    assert_eq!(end, [1, 1, 1, 1], "only the last slot says where a schedule ends");
}

#[test]
fn a_slot_that_leads_to_another_assignment_is_found_out() {
    let swapped = wrong_after(|store, process| {
        let other = store.inner.get(&slot_key(process, 7)).expect("reads");
        tell(store, slot_key(process, 8), other);
    });
    assert_eq!(swapped[..3], [1, 100, 1]);
}

#[test]
fn a_message_that_is_not_the_one_that_was_sent_is_found_out() {
    // A whole schedule of other messages, sound in itself.
    let (_, ledger, process) = filled();
    let other = Arc::new(Lying { inner: Model::new(), lies: Mutex::default() });
    let spec = HistorySpec { seed: 6, processes: 1, payload: Payload::Fixed(9), compressible: 0, slots: SLOTS };
    fill(&*other, &spec, &Stop::default()).expect("fills");
    assert_eq!(assignments::schedule_key(&process), assignments::schedule_key(&ledger.pick(0, 5).expect("is there").0));
    let (slots, _) = read_all(&other, &ledger, Read::Slot);
    assert_eq!(slots.count, SLOTS);
    assert!(slots.first[0].contains("was not sent there"), "{}", slots.first[0]);
    assert_eq!(read_all(&other, &ledger, Read::Range).0.count, SLOTS / 10);
}

fn spec(percent: u8, known: Beforehand) -> ScriptSpec {
    let targets = Targets::new(3, 2, Skew::Uniform);
    ScriptSpec { seed: 1, operations: 20_000, workers: 5, percent, known, targets }
}

#[test]
fn the_share_of_reads_is_what_was_asked_for() {
    for percent in [0, 1, 50, 99, 100] {
        let script = Script::draw(&spec(percent, Beforehand::Something));
        let reads = (script.operations() - script.writes()) as f64 / script.operations() as f64;
        // Five standard errors.
        let tolerance = 5.0 * (reads * (1.0 - reads) / 20_000.0).sqrt();
        assert!((reads - f64::from(percent) / 100.0).abs() <= tolerance, "{percent}%: {reads}");
    }
}

#[test]
fn nothing_is_read_before_there_is_something() {
    let own = Script::draw(&spec(99, Beforehand::NothingYet));
    assert!(own.steps[..5].iter().all(|step| matches!(step, Step::Write(_))), "each worker's first operation");
    assert!(own.writes() < 1000);
    assert_eq!(Script::draw(&spec(99, Beforehand::Nothing)).writes(), 20_000);
    let numbers: Vec<usize> = own
        .steps
        .iter()
        .filter_map(|step| match step {
            Step::Write(number) => Some(*number),
            Step::Read(_) => None,
        })
        .collect();
    assert!(numbers.into_iter().eq(0..own.writes()), "every message is sent once");
}
