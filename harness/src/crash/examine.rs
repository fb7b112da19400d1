//! The examiner: opens what a fault left, in a process of its own, and says what is there.
//!
//! A process of its own because reopening a damaged store may abort, or never end: that is a result too.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use slotbench_backends::{Kind, Options};
use slotbench_core::assignments::CheckOptions;
use slotbench_core::scheduler::SignaturePolicy;
use slotbench_core::store::Store;
use slotbench_core::wallet::NoSigner;
use slotbench_core::{Config, Durability, Id, Item, Scheduler};

use crate::crash::messages::Messages;
use crate::crash::wire::{Ack, Report, decode_all};
use crate::verify::{Heads, Verification};

/// Findings that are reported in words.
const KEPT: usize = 5;

/// What the examiner is to look at: its one argument, as JSON. The acknowledgements come through standard input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExamineSpec {
    /// The engine.
    pub backend: String,
    /// Its settings.
    pub options: BTreeMap<String, String>,
    /// What the fault left.
    pub dir: PathBuf,
    /// The file of [`Messages`].
    pub messages: PathBuf,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Examination {
    /// Why the store could not be opened; then all is lost.
    pub refused: Option<String>,
    /// Time to open it, nanoseconds.
    pub reopen_ns: u64,
    /// Slots that were there.
    pub stored: u64,
    /// Acknowledged messages that were not.
    pub lost: u64,
    /// When the first of those was acknowledged.
    pub first_lost_ns: Option<u64>,
    /// What was wrong with what was there, and with what was scheduled on top of it.
    pub wrong: Vec<String>,
}

/// Examines; the acknowledgements are read from standard input.
///
/// # Errors
/// What kept it from examining at all, in a sentence: the lab is broken, not the store.
pub fn run(spec: &ExamineSpec) -> Result<Examination, String> {
    let mut bytes = Vec::new();
    io::stdin().read_to_end(&mut bytes).map_err(|error| format!("no acknowledgements: {error}"))?;
    let acks = decode_all(&bytes).filter_map(|report| match report {
        Report::Acknowledged(ack) => Some(ack),
        Report::Ready | Report::Refused(_) => None,
    });
    let messages = Messages::load(&spec.messages).map_err(|error| error.to_string())?;
    let kind = Kind::find(&spec.backend).ok_or_else(|| format!("{} is not built in", spec.backend))?;
    Ok(Examiner { spec, kind, messages, acks: acks.collect() }.examine())
}

struct Examiner<'a> {
    spec: &'a ExamineSpec,
    kind: Kind,
    messages: Messages,
    acks: Vec<Ack>,
}

/// Which message each slot holds.
type Slots = HashMap<(Id, u64), Id>;

impl Examiner<'_> {
    fn examine(&self) -> Examination {
        let start = Instant::now();
        let opened = self.open();
        let reopen_ns = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let store = match opened {
            Ok(store) => store,
            Err(refused) => return self.all_lost(refused),
        };
        let (slots, mut wrong) = self.read(&store);
        let lost = self.compare(&slots, &mut wrong);
        let stored = slots.len() as u64;
        let first_lost_ns = lost.iter().map(|ack| ack.at_ns).min();
        let mut found = Examination { refused: None, reopen_ns, stored, lost: lost.len() as u64, first_lost_ns, wrong };
        // What is damaged anyway has no right slot to go on with.
        if found.wrong.is_empty() {
            found.wrong = self.go_on(store, &slots).err().into_iter().collect();
        }
        found
    }

    fn open(&self) -> Result<Arc<dyn Store>, String> {
        let options = Options::new(self.spec.options.clone());
        self.kind.open(&self.spec.dir, &options).map_err(|error| error.to_string())
    }

    fn all_lost(&self, refused: String) -> Examination {
        let first_lost_ns = self.acks.iter().map(|ack| ack.at_ns).min();
        Examination { refused: Some(refused), lost: self.acks.len() as u64, first_lost_ns, ..Examination::default() }
    }

    /// Every slot of every process, checked: no gap, chain, links, ids, and byte for byte what was sent.
    fn read(&self, store: &Arc<dyn Store>) -> (Slots, Vec<String>) {
        let mut slots = Slots::new();
        let verification =
            Verification::after(store, CheckOptions::default(), self.messages.all(), &Heads::new(), |stored| {
                slots.insert((stored.assignment.process(), stored.assignment.slot()), stored.message.id());
            });
        (slots, verification.failures.into_iter().take(KEPT).collect())
    }

    /// The acknowledgements without their slot. A slot with another message than acknowledged is wrong.
    fn compare(&self, slots: &Slots, wrong: &mut Vec<String>) -> Vec<Ack> {
        let mut taken = HashSet::new();
        let mut lost = Vec::new();
        for ack in &self.acks {
            let Some(message) = self.messages.sent(ack.sequence) else { continue };
            let Some(process) = message.target() else { continue };
            let finding = match slots.get(&(process, ack.slot)) {
                _ if !taken.insert((process, ack.slot)) => "was acknowledged to two callers",
                None => {
                    lost.push(*ack);
                    continue;
                }
                Some(stored) if *stored == message.id() => continue,
                Some(_) => "holds another message than the one it was acknowledged for",
            };
            if wrong.len() < KEPT {
                wrong.push(format!("process {process}: slot {} {finding}", ack.slot));
            }
        }
        lost
    }

    /// Schedules more messages, and one that is stored already: they get the next slots, and after another reopen
    /// everything is sound.
    fn go_on(&self, store: Arc<dyn Store>, slots: &Slots) -> Result<(), String> {
        let mut next: HashMap<Id, u64> = HashMap::new();
        for (process, slot) in slots.keys() {
            let after = next.entry(*process).or_default();
            *after = (*after).max(slot + 1);
        }
        let again = self.acks.iter().find_map(|ack| {
            let message = self.messages.sent(ack.sequence)?;
            slots.contains_key(&(message.target()?, ack.slot)).then_some(message)
        });
        let more: Vec<&Item> = self.messages.kept_back().iter().chain(again).collect();
        schedule(&store, &more, &mut next)?;
        drop(store);
        let store = self.open().map_err(|error| format!("after going on, it does not open: {error}"))?;
        let mut verification = Verification::against(&store, CheckOptions::default(), self.messages.all());
        verification.expect_slots((slots.len() + more.len()) as u64);
        let failure = verification.failures.into_iter().next();
        failure.map_or(Ok(()), |failure| Err(format!("after going on: {failure}")))
    }
}

/// Schedules in order, each message at the slot that `next` says.
fn schedule(store: &Arc<dyn Store>, messages: &[&Item], next: &mut HashMap<Id, u64>) -> Result<(), String> {
    let config = Config {
        // The examiner may stand on a file system in memory, where nothing is asked to survive a power cut.
        durability: Durability::Process,
        signatures: SignaturePolicy { required: false, verify: false },
        ..Config::new(Arc::new(NoSigner))
    };
    let fail = |error: &dyn std::fmt::Display| format!("it cannot go on: {error}");
    let scheduler = Scheduler::new(Arc::clone(store), config).map_err(|error| fail(&error))?;
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|error| fail(&error))?;
    for message in messages {
        let receipt = runtime.block_on(scheduler.schedule((*message).clone())).map_err(|error| fail(&error))?;
        let expected = next.entry(receipt.process).or_default();
        if receipt.slot != *expected {
            let (process, slot) = (receipt.process, receipt.slot);
            return Err(format!("process {process} went on at slot {slot} instead of {expected}"));
        }
        *expected += 1;
    }
    scheduler.drain();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::Payload;

    /// A store with the first messages in it, as acknowledged.
    fn site(root: &std::path::Path, sent: u64) -> (ExamineSpec, Messages, Vec<Ack>) {
        let messages = Messages::make(5, 2, Payload::Fixed(10)).expect("makes");
        let path = root.join("messages");
        messages.save(&path).expect("writes");
        let kind = slotbench_backends::KINDS.iter().find(|kind| kind.is_persistent()).expect("one is built in");
        let dir = root.join("store");
        let store = kind.open(&dir, &Options::default()).expect("opens");
        let mut next = HashMap::new();
        let acks = (0..sent).map(|sequence| {
            let message = messages.sent(sequence).expect("there are that many");
            let slot = next.get(&message.target().expect("has one")).copied().unwrap_or(0);
            schedule(&store, &[message], &mut next).expect("schedules");
            Ack { sequence, slot, at_ns: 100 + sequence }
        });
        let acks = acks.collect();
        let spec = ExamineSpec { backend: kind.name().to_owned(), options: BTreeMap::new(), dir, messages: path };
        (spec, messages, acks)
    }

    fn examine(spec: &ExamineSpec, messages: Messages, acks: Vec<Ack>) -> Examination {
        let kind = Kind::find(&spec.backend).expect("is built in");
        Examiner { spec, kind, messages, acks }.examine()
    }

    #[test]
    fn a_whole_store_is_found_whole_and_goes_on() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let (spec, messages, acks) = site(root.path(), 9);
        let found = examine(&spec, messages, acks);
        assert_eq!((found.stored, found.lost, found.wrong, found.refused), (9, 0, vec![], None));
        assert!(found.reopen_ns > 0);
    }

    #[test]
    fn what_is_missing_is_counted_and_timed() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let (spec, messages, mut acks) = site(root.path(), 6);
        acks.push(Ack { sequence: 6, slot: 3, at_ns: 777 });
        acks.push(Ack { sequence: 7, slot: 3, at_ns: 700 });
        let found = examine(&spec, messages, acks);
        assert_eq!((found.stored, found.lost, found.first_lost_ns), (6, 2, Some(700)));
        assert_eq!(found.wrong, [""; 0]);
    }

    #[test]
    fn a_slot_with_another_message_or_two_callers_is_wrong() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let (spec, messages, mut acks) = site(root.path(), 6);
        acks[4].sequence = 2;
        let found = examine(&spec, messages.clone(), acks.clone());
        assert!(found.wrong[0].contains("slot 2 holds another message"), "{:?}", found.wrong);
        acks[4] = acks[2];
        let found = examine(&spec, messages, acks);
        assert!(found.wrong[0].contains("slot 1 was acknowledged to two callers"), "{:?}", found.wrong);
    }

    #[test]
    fn a_store_that_does_not_open_has_lost_everything() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let (mut spec, messages, acks) = site(root.path(), 3);
        spec.dir = root.path().join("foreign");
        std::fs::create_dir(&spec.dir).expect("creates");
        std::fs::write(spec.dir.join("diary.txt"), "mine").expect("writes");
        let found = examine(&spec, messages, acks);
        assert_eq!((found.lost, found.first_lost_ns), (3, Some(100)));
        assert!(found.refused.expect("a reason").contains("diary.txt"));
    }
}
