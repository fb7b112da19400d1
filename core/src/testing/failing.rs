//! Hooks that fail, panic, or wait at a chosen call.

use std::io;

use crate::store::StoreError;
use crate::testing::hook::{Calls, Hook, Method};

/// Fails the n-th call of one method, counted from 1.
///
/// ```
/// use std::sync::Arc;
/// use slotbench_core::testing::{Failing, Hooked, Method, Model};
/// use slotbench_core::{Batch, Durability, Store};
///
/// let store = Hooked::around(Arc::new(Model::new()), Failing::nth(Method::Apply, 2));
/// assert!(store.apply(&Batch::new(), Durability::Power).is_ok());
/// assert!(store.apply(&Batch::new(), Durability::Power).is_err());
/// assert!(store.apply(&Batch::new(), Durability::Power).is_ok());
/// ```
pub struct Failing {
    method: Method,
    nth: u64,
    later_too: bool,
    once_done: bool,
    error: Box<dyn Fn() -> StoreError + Send + Sync>,
    calls: Calls,
}

impl Failing {
    /// Fails that call with an I/O error, and the store does not see it.
    #[must_use]
    pub fn nth(method: Method, nth: u64) -> Self {
        let error = Box::new(injected);
        Self { method, nth, later_too: false, once_done: false, error, calls: Calls::default() }
    }

    /// Fails all later calls as well.
    #[must_use]
    pub fn and_later(mut self) -> Self {
        self.later_too = true;
        self
    }

    /// Lets the store do its work and then reports the failure. Only calls that succeeded are counted.
    #[must_use]
    pub fn once_done(mut self) -> Self {
        self.once_done = true;
        self
    }

    /// Fails with this error.
    #[must_use]
    pub fn with(mut self, error: impl Fn() -> StoreError + Send + Sync + 'static) -> Self {
        self.error = Box::new(error);
        self
    }

    fn meet(&self, method: Method) -> Result<(), StoreError> {
        if method != self.method {
            return Ok(());
        }
        let call = self.calls.count(method);
        let fails = call == self.nth || (self.later_too && call > self.nth);
        if fails { Err((self.error)()) } else { Ok(()) }
    }
}

fn injected() -> StoreError {
    StoreError::Io { op: "injected", path: String::new(), source: io::Error::other("injected failure") }
}

impl Hook for Failing {
    fn before(&self, method: Method) -> Result<(), StoreError> {
        if self.once_done { Ok(()) } else { self.meet(method) }
    }

    fn after(&self, method: Method) -> Result<(), StoreError> {
        if self.once_done { self.meet(method) } else { Ok(()) }
    }
}

/// Panics at the n-th call of one method, counted from 1, and at no other.
pub struct Panicking {
    method: Method,
    nth: u64,
    calls: Calls,
}

impl Panicking {
    /// Panics at that call, which the store does not see.
    #[must_use]
    pub fn nth(method: Method, nth: u64) -> Self {
        Self { method, nth, calls: Calls::default() }
    }
}

impl Hook for Panicking {
    fn before(&self, method: Method) -> Result<(), StoreError> {
        let now = method == self.method && self.calls.count(method) == self.nth;
        assert!(!now, "injected panic at call {} of {method:?}", self.nth);
        Ok(())
    }
}

/// Calls a function before every call: it may advance a test's clock, wait for a barrier, or take notes.
pub struct Delay<F>(pub F);

impl<F: Fn(Method) + Send + Sync> Hook for Delay<F> {
    fn before(&self, method: Method) -> Result<(), StoreError> {
        (self.0)(method);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::key::Key;
    use crate::store::{Batch, Durability, Store};
    use crate::testing::{Hooked, Model};

    fn put(store: &dyn Store, path: &str) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        batch.put(Key::parse(path).expect("a valid path"), "v".into());
        store.apply(&batch, Durability::Memory)
    }

    fn holds(store: &dyn Store, path: &str) -> bool {
        let entry = store.get(&Key::parse(path).expect("a valid path"));
        entry.expect("get is not the method that fails").is_some()
    }

    #[test]
    fn fails_the_nth_call_before_it_reaches_the_store() {
        let store = Hooked::around(Arc::new(Model::new()), Failing::nth(Method::Apply, 2));
        let outcomes = ["a", "b", "c"].map(|path| put(&store, path).is_ok());
        assert_eq!(outcomes, [true, false, true]);
        assert_eq!(["a", "b", "c"].map(|path| holds(&store, path)), [true, false, true]);
    }

    #[test]
    fn fails_once_done_and_from_then_on() {
        let failing = Failing::nth(Method::Apply, 2).and_later().once_done();
        let store = Hooked::around(Arc::new(Model::new()), failing);
        assert_eq!(["a", "b", "c"].map(|path| put(&store, path).is_ok()), [true, false, false]);
        assert_eq!(["a", "b", "c"].map(|path| holds(&store, path)), [true, true, true]);
    }

    #[test]
    fn panics_once() {
        let store = Hooked::around(Arc::new(Model::new()), Panicking::nth(Method::Apply, 1));
        assert!(catch_unwind(AssertUnwindSafe(|| put(&store, "a"))).is_err());
        assert!(put(&store, "a").is_ok());
    }

    #[test]
    fn delay_runs_before_each_call() {
        let clock = Arc::new(AtomicU64::new(0));
        let advance = {
            let clock = clock.clone();
            move |_| _ = clock.fetch_add(5, Ordering::SeqCst)
        };
        let store = Hooked::around(Arc::new(Model::new()), Delay(advance));
        put(&store, "a").expect("the model takes everything");
        assert!(holds(&store, "a"));
        assert_eq!(clock.load(Ordering::SeqCst), 10);
    }
}
