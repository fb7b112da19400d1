//! A hook that holds calls until the test lets them pass.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::store::StoreError;
use crate::testing::hook::{Hook, Method};

/// How long [`Gate::wait_for`] waits before it gives the test up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Holds every call of one method while it is closed. Clones steer the same gate.
#[derive(Clone)]
pub struct Gate {
    method: Method,
    shared: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Default)]
struct State {
    open: bool,
    admitted: u64,
    waiting: usize,
}

impl Gate {
    /// A closed gate before calls of `method`.
    #[must_use]
    pub fn closed(method: Method) -> Self {
        Self { method, shared: Arc::default() }
    }

    /// Lets all calls pass from now on.
    pub fn open(&self) {
        self.change(|state| state.open = true);
    }

    /// Holds calls again.
    pub fn close(&self) {
        self.change(|state| state.open = false);
    }

    /// Lets that many calls pass, those that wait already or those that come next.
    pub fn admit(&self, calls: u64) {
        self.change(|state| state.admitted += calls);
    }

    /// How many calls are held.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.state().waiting
    }

    /// Returns as soon as at least that many calls are held.
    ///
    /// # Panics
    /// After 30 seconds: the test would hang.
    pub fn wait_for(&self, calls: usize) {
        let changed = &self.shared.1;
        let fewer = |state: &mut State| state.waiting < calls;
        let (state, timeout) =
            changed.wait_timeout_while(self.state(), PATIENCE, fewer).unwrap_or_else(PoisonError::into_inner);
        assert!(!timeout.timed_out(), "{} calls at the gate, {calls} expected", state.waiting);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.shared.1.notify_all();
    }
}

impl Hook for Gate {
    fn before(&self, method: Method) -> Result<(), StoreError> {
        if method != self.method {
            return Ok(());
        }
        let (_, changed) = &*self.shared;
        let mut state = self.state();
        state.waiting += 1;
        changed.notify_all();
        let held = |state: &mut State| !state.open && state.admitted == 0;
        state = changed.wait_while(state, held).unwrap_or_else(PoisonError::into_inner);
        state.waiting -= 1;
        state.admitted = state.admitted.saturating_sub(u64::from(!state.open));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Key;
    use crate::store::{Batch, Durability, Store};
    use crate::testing::{Calls, Hooked, Model};

    #[test]
    fn calls_wait_until_they_are_admitted() {
        let calls = Calls::default();
        let counted = Arc::new(Hooked::around(Arc::new(Model::new()), calls.clone()));
        let gate = Gate::closed(Method::Apply);
        let store = Hooked::around(counted, gate.clone());
        std::thread::scope(|threads| {
            let write = || store.apply(&Batch::new(), Durability::Memory);
            let writers = [threads.spawn(write), threads.spawn(write), threads.spawn(write)];
            gate.wait_for(3);
            assert_eq!(calls.of(Method::Apply), 0, "nothing passes a closed gate");
            assert!(store.get(&Key::root()).is_ok(), "other methods pass");
            gate.admit(1);
            while writers.iter().filter(|writer| writer.is_finished()).count() == 0 {
                std::thread::yield_now();
            }
            assert_eq!((calls.of(Method::Apply), gate.waiting()), (1, 2));
            gate.open();
            for writer in writers {
                writer.join().expect("no writer panics").expect("the model takes everything");
            }
        });
        assert_eq!(calls.of(Method::Apply), 3);
        assert_eq!(gate.waiting(), 0);
    }
}
