//! Single flight: one caller creates, the others wait for what comes of it.

use crate::registry::table::Table;
use crate::registry::{Found, Instance, Live, NameRef, RegistryError};
use crate::sync::{Arc, Condvar, Mutex, PoisonError};

type Outcome<H> = Result<Found<H>, RegistryError<<H as Live>::Error>>;

/// A creation under way.
pub(super) struct Flight<H: Live> {
    outcome: Mutex<Option<Outcome<H>>>,
    landed: Condvar,
}

impl<H: Live> Default for Flight<H> {
    fn default() -> Self {
        Self { outcome: Mutex::new(None), landed: Condvar::new() }
    }
}

impl<H: Live> Flight<H> {
    /// Blocks until the creator is done.
    pub(super) fn wait(&self) -> Outcome<H> {
        let mut outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match &*outcome {
                Some(outcome) => return outcome.clone(),
                None => outcome = self.landed.wait(outcome).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    fn land(&self, outcome: Outcome<H>) {
        *self.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
        self.landed.notify_all();
    }
}

/// The creator's side: whatever happens, the name is settled and the waiting are released.
pub(super) struct Landing<'a, H: Live> {
    table: &'a Table<H>,
    name: NameRef<'a>,
    flight: Arc<Flight<H>>,
    made: Result<Arc<Instance<H>>, RegistryError<H::Error>>,
}

impl<'a, H: Live> Landing<'a, H> {
    /// Until [`complete`](Self::complete) says otherwise, the factory has panicked.
    pub(super) const fn new(table: &'a Table<H>, name: NameRef<'a>, flight: Arc<Flight<H>>) -> Self {
        Self { table, name, flight, made: Err(RegistryError::Panicked) }
    }

    pub(super) fn complete(mut self, made: Result<Instance<H>, RegistryError<H::Error>>) -> Outcome<H> {
        self.made = made.map(Arc::new);
        let flight = Arc::clone(&self.flight);
        drop(self);
        flight.wait()
    }
}

impl<H: Live> Drop for Landing<'_, H> {
    fn drop(&mut self) {
        // The table first: whoever is released must already find the name.
        let outcome = match std::mem::replace(&mut self.made, Err(RegistryError::Panicked)) {
            Ok(instance) => Ok(self.table.settle(self.name, instance)),
            Err(error) => {
                self.table.abandon(self.name, &self.flight);
                Err(error)
            }
        };
        self.flight.land(outcome);
    }
}
