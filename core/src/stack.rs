//! A chain of stores that is used as one.
//!
//! | operation | which stores |
//! |---|---|
//! | `get`, `last`, `scan` | in order, until one has the path or the group; *not found* and *unavailable* go on to the next, *corrupt* stops |
//! | `resolve` | link by link, each looked up as by `get`: a link in one store may lead into another |
//! | `apply` | exactly the first writable one, whose error is final |
//! | `sync`, [`reset`](Stack::reset) | all of them, whatever fails on the way; the failures are collected |
//!
//! When nothing was found and a store could not be asked, the answer is that store's error: it might have known.
//! A store that was passed over although it might have known is counted (`passed_over` in the counters).

mod member;

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

pub use member::{Member, Scope};

use crate::key::Key;
use crate::store::{Batch, Counters, Description, Durability, Entry, Node, Store, StoreError, Tier};

const NAME: &str = "stack";

/// A chain of stores.
#[derive(Default)]
pub struct Stack {
    members: Vec<Member>,
    passed_over: AtomicU64,
}

/// The failures of an operation that goes to every store of a chain.
#[derive(Debug, thiserror::Error)]
#[error("{op} failed in {}", Named(failures))]
pub struct StackError {
    /// The operation.
    pub op: &'static str,
    /// The stores it failed in, by name, and how.
    pub failures: Vec<(String, StoreError)>,
}

struct Named<'a>(&'a [(String, StoreError)]);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, error)) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{name} ({error})")?;
        }
        Ok(())
    }
}

impl Stack {
    /// A chain in that order.
    #[must_use]
    pub fn new(members: Vec<Member>) -> Self {
        Self { members, passed_over: AtomicU64::new(0) }
    }

    /// The stores, first one first.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Keeps the stores that `keep` says yes to. A predicate that fails, or panics, means no.
    #[must_use]
    pub fn filter<E>(mut self, keep: impl Fn(&Member) -> Result<bool, E>) -> Self {
        self.members.retain(|member| matches!(catch_unwind(AssertUnwindSafe(|| keep(member))), Ok(Ok(true))));
        self
    }

    /// Keeps the stores of these scopes.
    #[must_use]
    pub fn scope(mut self, wanted: &[Scope]) -> Self {
        self.members.retain(|member| wanted.contains(&member.scope()));
        self
    }

    /// Sorts by scope, first the scope named first, last those not named; equal ones keep their order.
    #[must_use]
    pub fn prefer(mut self, order: &[Scope]) -> Self {
        self.members
            .sort_by_key(|member| order.iter().position(|scope| *scope == member.scope()).unwrap_or(order.len()));
        self
    }

    /// Sorts by the score of the scope, higher first, 0 where none is given; equal ones keep their order.
    #[must_use]
    pub fn rank(mut self, scores: &BTreeMap<Scope, i64>) -> Self {
        self.members.sort_by_key(|member| std::cmp::Reverse(scores.get(&member.scope()).copied().unwrap_or(0)));
        self
    }

    /// Empties every store and leaves them usable.
    ///
    /// # Errors
    /// The stores it failed in; the others are empty. A read-only store counts as failed.
    pub fn reset(&self, durability: Durability) -> Result<(), StackError> {
        self.each("reset", |member| match member.is_writable() {
            true => crate::tree::clear(&**member.store(), durability),
            false => Err(refuse("reset", "it is read-only")),
        })
    }

    /// [`Store::sync`] on every store.
    ///
    /// # Errors
    /// The stores it failed in; the others are synced.
    pub fn sync_all(&self) -> Result<(), StackError> {
        self.each("sync", |member| member.store().sync())
    }

    fn each(&self, op: &'static str, act: impl Fn(&Member) -> Result<(), StoreError>) -> Result<(), StackError> {
        let attempt = |member: &Member| act(member).err().map(|error| (member.name().to_owned(), error));
        let failures: Vec<_> = self.members.iter().filter_map(attempt).collect();
        if failures.is_empty() { Ok(()) } else { Err(StackError { op, failures }) }
    }

    /// The first answer, by the rule for reads.
    fn first<T>(&self, ask: impl Fn(&dyn Store) -> Result<Option<T>, StoreError>) -> Result<Option<T>, StoreError> {
        let mut unavailable = None;
        for member in &self.members {
            match ask(&**member.store()) {
                Ok(None) => {}
                Ok(found) => return Ok(found),
                Err(error) if is_unavailable(&error) => {
                    self.passed_over.fetch_add(1, Ordering::Relaxed);
                    unavailable.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        unavailable.map_or(Ok(None), Err)
    }

    fn writable(&self) -> Option<&Member> {
        self.members.iter().find(|member| member.is_writable())
    }
}

/// Whether another store may be asked: this one could not answer. The rest are answers, if bad ones.
fn is_unavailable(error: &StoreError) -> bool {
    match error {
        StoreError::Io { .. } | StoreError::Engine { .. } | StoreError::Locked { .. } | StoreError::Poisoned { .. } => {
            true
        }
        StoreError::Corrupt { .. } | StoreError::LinkLoop { .. } | StoreError::Key { .. } | StoreError::Tier { .. } => {
            false
        }
    }
}

fn refuse(op: &'static str, reason: &str) -> StoreError {
    StoreError::engine(NAME, op)(reason.to_owned())
}

/// Whether `store` has a group at `prefix`, be it empty.
fn has_group(store: &dyn Store, prefix: &Key) -> Result<bool, StoreError> {
    Ok(!store.scan(prefix, prefix, 1)?.is_empty() || matches!(store.get(prefix)?, Some(Entry::Group)))
}

impl Store for Stack {
    fn apply(&self, batch: &Batch, durability: Durability) -> Result<(), StoreError> {
        match self.writable() {
            Some(member) => member.store().apply(batch, durability),
            None => Err(refuse("apply", "no store of the chain is writable")),
        }
    }

    fn get(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        self.first(|store| store.get(key))
    }

    fn scan(&self, prefix: &Key, from: &Key, limit: usize) -> Result<Vec<(Key, Node)>, StoreError> {
        let page = self.first(|store| {
            let page = store.scan(prefix, from, limit)?;
            // An empty page of a store that has the group is its end, not a reason to go on to the next store.
            let here = !page.is_empty() || has_group(store, prefix)?;
            Ok(here.then_some(page))
        })?;
        Ok(page.unwrap_or_default())
    }

    fn last(&self, prefix: &Key) -> Result<Option<(Key, Node)>, StoreError> {
        let last = self.first(|store| {
            let last = store.last(prefix)?;
            let here = last.is_some() || has_group(store, prefix)?;
            Ok(here.then_some(last))
        })?;
        Ok(last.flatten())
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.sync_all().map_err(StoreError::engine(NAME, "sync"))
    }

    /// The tiers are those of the store that is written to.
    fn describe(&self) -> Description {
        let none = |asked| Tier { asked, effective: None, how: "no store of the chain is writable".to_owned() };
        let tiers = self.writable().map_or_else(|| Durability::ALL.map(none), |member| member.store().describe().tiers);
        let option = |(index, member): (usize, &Member)| (format!("store.{index}"), member.to_string());
        Description {
            engine: NAME.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            tiers,
            options: self.members.iter().enumerate().map(option).collect(),
        }
    }

    /// Sums over all stores; the engines' own figures carry the store's name.
    fn counters(&self) -> Counters {
        let start = Counters { syncs: Some(0), ..Counters::default() };
        let mut sum = self.members.iter().fold(start, |mut sum, member| {
            let counters = member.store().counters();
            sum.applies += counters.applies;
            sum.ops += counters.ops;
            sum.syncs = sum.syncs.zip(counters.syncs).map(|(sum, more)| sum + more);
            let own = counters.engine.into_iter().map(|(name, count)| (format!("{}.{name}", member.name()), count));
            sum.engine.extend(own);
            sum
        });
        sum.engine.insert("passed_over".to_owned(), self.passed_over.load(Ordering::Relaxed));
        sum
    }
}
