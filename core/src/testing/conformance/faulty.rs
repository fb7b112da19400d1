//! Proof that the checks find what they are there for: the model with one fault, and the checks that must fail.

use std::sync::{Arc, Mutex};

use super::{CHECKS, Subject, run};
use crate::key::Key;
use crate::store::{Batch, Counters, Description, Durability, Entry, Node, Op, Store, StoreError};
use crate::testing::Model;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    CutsLongValues,
    EmptyValueIsMissing,
    ForgetsGroups,
    DeleteTakesAllBelow,
    PutGoesThroughLinks,
    FirstOperationWins,
    LagsABatchBehind,
    ScanStartsTooEarly,
    ScanShowsItsPrefix,
    ScanIgnoresItsLimit,
    ScanIsInTextOrder,
    LastIgnoresItsPrefix,
    LastIsInTextOrder,
    ResolvesOneLinkOnly,
    ResolvesTheLastSegmentOnly,
    ReportsNoLoops,
    DropsEqualSegments,
    TakesTiersItDoesNotReach,
    CountsNothing,
}

struct Faulty {
    model: Model,
    /// What a reader that lags sees.
    before: Mutex<Vec<Op>>,
    fault: Fault,
}

impl Faulty {
    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn spoil(&self, op: &Op) -> Result<Vec<Op>, StoreError> {
        Ok(match op {
            Op::Put { key, value } if self.is(Fault::CutsLongValues) => {
                vec![Op::Put { key: key.clone(), value: value.slice(..value.len().min(1 << 20)) }]
            }
            Op::Put { key, value } if self.is(Fault::EmptyValueIsMissing) && value.is_empty() => {
                vec![Op::Delete { key: key.clone() }]
            }
            Op::Put { key, value } if self.is(Fault::PutGoesThroughLinks) => {
                vec![Op::Put { key: self.model.resolve(key)?, value: value.clone() }]
            }
            Op::Group { .. } if self.is(Fault::ForgetsGroups) => vec![],
            Op::Delete { key } if self.is(Fault::DeleteTakesAllBelow) => {
                let below = self.model.scan(key, key, usize::MAX)?;
                let all = below.into_iter().map(|(key, _)| Op::Delete { key });
                all.chain([op.clone()]).collect()
            }
            op => vec![op.clone()],
        })
    }

    fn entry(&self, key: &Key) -> Option<Entry> {
        let before = self.before.lock().expect("no test panics under this lock");
        let lagging = before.iter().find(|op| op.key() == key && self.is(Fault::LagsABatchBehind));
        match lagging {
            Some(Op::Put { value, .. }) => Some(Entry::Value(value.clone())),
            _ => self.model.get(key).expect("the model never fails"),
        }
    }
}

fn text_order(found: &mut [(Key, Node)]) {
    found.sort_by_key(|(key, _)| key.to_string());
}

impl Store for Faulty {
    fn apply(&self, batch: &Batch, durability: Durability) -> Result<(), StoreError> {
        if durability == Durability::Power && !self.is(Fault::TakesTiersItDoesNotReach) {
            return Err(StoreError::Tier { engine: "faulty", asked: durability, reason: "a test".to_owned() });
        }
        let mut ops: Vec<Op> = Vec::new();
        for op in batch.ops() {
            ops.extend(self.spoil(op)?);
        }
        if self.is(Fault::FirstOperationWins) {
            ops.reverse();
        }
        let mut before = self.before.lock().expect("no test panics under this lock");
        before.clear();
        let mut spoilt = Batch::new();
        for op in ops {
            if let Some(Entry::Value(value)) = self.model.get(op.key())? {
                before.push(Op::Put { key: op.key().clone(), value });
            }
            spoilt.push(op);
        }
        self.model.apply(&spoilt, durability)
    }

    fn get(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        Ok(self.entry(key))
    }

    fn scan(&self, prefix: &Key, from: &Key, limit: usize) -> Result<Vec<(Key, Node)>, StoreError> {
        let from = if self.is(Fault::ScanStartsTooEarly) { prefix } else { from };
        let limit = if self.is(Fault::ScanIgnoresItsLimit) { usize::MAX } else { limit };
        let mut found = self.model.scan(prefix, from, limit)?;
        if self.is(Fault::ScanShowsItsPrefix)
            && let Some(entry) = self.model.get(prefix)?
        {
            found.insert(0, (prefix.clone(), entry.node()));
        }
        if self.is(Fault::ScanIsInTextOrder) {
            text_order(&mut found);
        }
        Ok(found)
    }

    fn last(&self, prefix: &Key) -> Result<Option<(Key, Node)>, StoreError> {
        let root = Key::root();
        let prefix = if self.is(Fault::LastIgnoresItsPrefix) { &root } else { prefix };
        let mut all = self.model.scan(prefix, prefix, usize::MAX)?;
        if self.is(Fault::LastIsInTextOrder) {
            text_order(&mut all);
        }
        Ok(all.pop())
    }

    fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn describe(&self) -> Description {
        let mut description = self.model.describe();
        description.tiers[2].effective = None;
        description
    }

    fn counters(&self) -> Counters {
        if self.is(Fault::CountsNothing) { Counters::default() } else { self.model.counters() }
    }

    fn resolve(&self, key: &Key) -> Result<Key, StoreError> {
        let target = |key: &Key| match self.model.get(key) {
            Ok(Some(Entry::Link(target))) => target,
            _ => key.clone(),
        };
        Ok(match self.fault {
            Fault::ResolvesTheLastSegmentOnly => target(key),
            Fault::ResolvesOneLinkOnly => key
                .segments()
                .try_fold(Key::root(), |path, segment| path.child(&segment).map(|path| target(&path)))
                .unwrap_or_default(),
            Fault::ReportsNoLoops => self.model.resolve(key).unwrap_or_else(|_| key.clone()),
            Fault::DropsEqualSegments => {
                let mut segments: Vec<_> = key.segments().collect();
                segments.dedup();
                let path = segments.iter().try_fold(Key::root(), |path, segment| path.child(segment));
                self.model.resolve(&path.unwrap_or_default())?
            }
            _ => self.model.resolve(key)?,
        })
    }
}

fn subject(fault: Fault) -> Subject {
    Subject::new(false, move |_| Ok(Arc::new(Faulty { model: Model::new(), before: Mutex::default(), fault })))
}

/// The checks that `subject` fails; the slow one only where it is the one meant.
fn failures(subject: &Subject, slow_too: bool) -> Vec<&'static str> {
    let slow = |name: &str| name.contains("64m");
    let checks = CHECKS.iter().filter(|check| slow_too || !slow(check.name));
    checks.filter(|check| run(subject, check).is_err()).map(|check| check.name).collect()
}

#[test]
fn the_model_passes_every_check() {
    assert_eq!(failures(&subject(Fault::None), true), Vec::<&str>::new());
    let model = Subject::new(false, |_| Ok(Arc::new(Model::new())));
    assert_eq!(failures(&model, true), Vec::<&str>::new());
    assert_eq!(failures(&model.chained(), false), Vec::<&str>::new());
}

#[test]
fn c098_each_fault_is_found_by_the_check_that_is_there_for_it() {
    let faults = [
        (Fault::CutsLongValues, "values_of_zero_one_1m_and_64m_bytes"),
        (Fault::EmptyValueIsMissing, "values_of_zero_one_1m_and_64m_bytes"),
        (Fault::EmptyValueIsMissing, "random_operations_match_the_model"),
        (Fault::ForgetsGroups, "c090_a_self_link_creates_nothing_and_groups_come_by_themselves"),
        (Fault::DeleteTakesAllBelow, "a_delete_removes_one_entry_only"),
        (Fault::PutGoesThroughLinks, "c092_writing_over_a_link_or_a_group_is_refused_and_the_target_untouched"),
        (Fault::PutGoesThroughLinks, "entries_of_each_sort_replace_each_other"),
        (Fault::FirstOperationWins, "a_later_operation_of_a_batch_overrules_an_earlier_one"),
        (Fault::LagsABatchBehind, "a_batch_is_seen_whole_or_not_at_all"),
        (Fault::LagsABatchBehind, "threads_see_a_linearisable_history_of_each_key"),
        (Fault::ScanStartsTooEarly, "scan_starts_at_its_bound_or_behind_a_fence"),
        (Fault::ScanShowsItsPrefix, "scan_is_ordered_and_stays_below_its_prefix"),
        (Fault::ScanIgnoresItsLimit, "scan_in_pages_tells_the_same_as_at_once"),
        (Fault::ScanIsInTextOrder, "slots_sort_by_number"),
        (Fault::LastIgnoresItsPrefix, "last_is_the_greatest_below_any_prefix"),
        (Fault::LastIsInTextOrder, "slots_sort_by_number"),
        (Fault::ResolvesOneLinkOnly, "c087_links_in_the_middle_of_a_path_resolve_over_several_hops"),
        (Fault::ResolvesTheLastSegmentOnly, "c086_a_link_wins_over_what_it_shadows"),
        (Fault::ResolvesTheLastSegmentOnly, "c085_a_link_a_link_to_a_link_and_a_link_to_a_group_resolve"),
        (Fault::ReportsNoLoops, "c088_a_link_cycle_ends_with_link_loop"),
        (Fault::DropsEqualSegments, "c089_a_path_of_equal_segments_is_itself"),
        (Fault::TakesTiersItDoesNotReach, "each_tier_is_met_or_refused"),
        (Fault::CountsNothing, "counters_count"),
    ];
    for (fault, check) in faults {
        let found = CHECKS.iter().find(|known| known.name == check).map(|check| run(&subject(fault), check).is_err());
        assert_eq!(found, Some(true), "{check} with {fault:?}");
    }
}

#[test]
fn c098_a_store_that_forgets_when_closed_is_found() {
    let forgetful = Subject::new(true, |_| Ok(Arc::new(Model::new())));
    let expected = [
        "what_is_applied_survives_a_reopen",
        "a_directory_has_one_owner",
        "c097_stop_closes_every_store_of_a_chain",
        "random_operations_match_the_model",
    ];
    assert_eq!(failures(&forgetful, false), expected);
}

#[test]
fn c094_one_store_for_all_directories_is_found() {
    let shared: Arc<dyn Store> = Arc::new(Model::new());
    let subject = Subject::new(false, move |_| Ok(shared.clone()));
    assert!(failures(&subject, false).contains(&"c094_two_directories_are_two_stores"));
}
