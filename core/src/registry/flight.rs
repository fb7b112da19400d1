//! Single flight: one caller creates, the others wait for what comes of it.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::key::Key;
use crate::registry::{Live, RegistryError, Table};

type Outcome<H> = Result<Arc<H>, Option<Arc<<H as Live>::Error>>>;

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
    pub(super) fn wait(&self) -> Result<Arc<H>, RegistryError<H::Error>> {
        let mut outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match &*outcome {
                Some(Ok(holder)) => return Ok(Arc::clone(holder)),
                Some(Err(Some(error))) => return Err(RegistryError::Factory(Arc::clone(error))),
                Some(Err(None)) => return Err(RegistryError::Panicked),
                None => outcome = self.landed.wait(outcome).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    fn land(&self, outcome: Outcome<H>) {
        *self.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
        self.landed.notify_all();
    }
}

/// The creator's side: whatever happens, the entry is settled and the waiting are released.
pub(super) struct Landing<'a, H: Live> {
    table: &'a Table<H>,
    name: &'a Key,
    flight: &'a Arc<Flight<H>>,
    outcome: Outcome<H>,
}

impl<'a, H: Live> Landing<'a, H> {
    pub(super) const fn new(table: &'a Table<H>, name: &'a Key, flight: &'a Arc<Flight<H>>) -> Self {
        Self { table, name, flight, outcome: Err(None) }
    }

    pub(super) fn complete(mut self, made: Result<H, H::Error>) -> Result<Arc<H>, RegistryError<H::Error>> {
        self.outcome = made.map(Arc::new).map_err(|error| Some(Arc::new(error)));
        match &self.outcome {
            Ok(holder) => Ok(Arc::clone(holder)),
            Err(Some(error)) => Err(RegistryError::Factory(Arc::clone(error))),
            Err(None) => Err(RegistryError::Panicked),
        }
    }
}

impl<H: Live> Drop for Landing<'_, H> {
    fn drop(&mut self) {
        // The table first: whoever is released must already find the name.
        self.table.settle(self.name, self.flight, self.outcome.as_ref().ok());
        let outcome = std::mem::replace(&mut self.outcome, Err(None));
        self.flight.land(outcome);
    }
}
