//! A wrapper that lets a hook see, hold up or refuse each call of a store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::key::Key;
use crate::store::{Batch, Counters, Description, Durability, Entry, Node, Store, StoreError};

/// The calls of a [`Store`] that touch what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// [`Store::apply`].
    Apply,
    /// [`Store::get`].
    Get,
    /// [`Store::scan`].
    Scan,
    /// [`Store::last`].
    Last,
    /// [`Store::sync`].
    Sync,
    /// [`Store::resolve`].
    Resolve,
}

impl Method {
    /// All of them, in the order of the trait.
    pub const ALL: [Self; 6] = [Self::Apply, Self::Get, Self::Scan, Self::Last, Self::Sync, Self::Resolve];
}

/// What happens around each call.
pub trait Hook: Send + Sync {
    /// Runs before the call; an error is returned in its place, and the store never sees the call.
    ///
    /// # Errors
    /// Whatever the hook wants the caller to see.
    fn before(&self, method: Method) -> Result<(), StoreError> {
        let _ = method;
        Ok(())
    }

    /// Runs after a call that succeeded; an error is returned although the store has done its work.
    ///
    /// # Errors
    /// Whatever the hook wants the caller to see.
    fn after(&self, method: Method) -> Result<(), StoreError> {
        let _ = method;
        Ok(())
    }
}

/// A store behind a [`Hook`].
pub struct Hooked<H> {
    inner: Arc<dyn Store>,
    hook: H,
}

impl<H: Hook> Hooked<H> {
    /// Puts `hook` before `inner`.
    pub fn around(inner: Arc<dyn Store>, hook: H) -> Self {
        Self { inner, hook }
    }

    /// The hook, to steer or to question it.
    pub fn hook(&self) -> &H {
        &self.hook
    }

    fn call<T>(&self, method: Method, call: impl FnOnce(&dyn Store) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.hook.before(method)?;
        let result = call(&*self.inner)?;
        self.hook.after(method)?;
        Ok(result)
    }
}

impl<H: Hook> Store for Hooked<H> {
    fn apply(&self, batch: &Batch, durability: Durability) -> Result<(), StoreError> {
        self.call(Method::Apply, |store| store.apply(batch, durability))
    }

    fn get(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        self.call(Method::Get, |store| store.get(key))
    }

    fn scan(&self, prefix: &Key, from: &Key, limit: usize) -> Result<Vec<(Key, Node)>, StoreError> {
        self.call(Method::Scan, |store| store.scan(prefix, from, limit))
    }

    fn last(&self, prefix: &Key) -> Result<Option<(Key, Node)>, StoreError> {
        self.call(Method::Last, |store| store.last(prefix))
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.call(Method::Sync, |store| store.sync())
    }

    fn describe(&self) -> Description {
        self.inner.describe()
    }

    fn counters(&self) -> Counters {
        self.inner.counters()
    }

    fn resolve(&self, key: &Key) -> Result<Key, StoreError> {
        self.call(Method::Resolve, |store| store.resolve(key))
    }
}

/// How often each method was called. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Calls(Arc<[AtomicU64; Method::ALL.len()]>);

/// A store whose calls are counted.
pub type Counting = Hooked<Calls>;

impl Calls {
    /// Calls of one method so far.
    #[must_use]
    pub fn of(&self, method: Method) -> u64 {
        self.0[method as usize].load(Ordering::SeqCst)
    }

    /// Calls of all methods so far.
    #[must_use]
    pub fn total(&self) -> u64 {
        Method::ALL.into_iter().map(|method| self.of(method)).sum()
    }

    /// Calls by method, those without any left out.
    #[must_use]
    pub fn by_method(&self) -> BTreeMap<Method, u64> {
        Method::ALL.into_iter().map(|method| (method, self.of(method))).filter(|(_, calls)| *calls > 0).collect()
    }

    /// Counts one call and returns its number, from 1 on.
    pub(super) fn count(&self, method: Method) -> u64 {
        self.0[method as usize].fetch_add(1, Ordering::SeqCst) + 1
    }
}

impl Hook for Calls {
    fn before(&self, method: Method) -> Result<(), StoreError> {
        self.count(method);
        Ok(())
    }
}

impl Counting {
    /// Counts the calls of `inner`.
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self::around(inner, Calls::default())
    }
}
