//! Schedules of other nodes, as far as this node has cached them.

use crate::assignments::Scheduled;
use crate::foreign::{Authority, AuthorityError, ForeignError, ForeignSchedules, Kept};
use crate::id::Id;
use crate::item::Item;
use crate::operations::{OperationError, Operations, PAGE_SLOTS, Slots};

impl Operations {
    /// The cached slots of a process that others schedule, from the first of `slots` on and up to the first that is not
    /// cached: at most `limit`, [`PAGE_SLOTS`] and [`max_page_bytes`](crate::operations::Policies::max_page_bytes). Ask
    /// the process's scheduler for the rest.
    ///
    /// # Errors
    /// [`OperationError::Storage`].
    pub fn cached(&self, process: &Id, slots: Slots, limit: usize) -> Result<Vec<Scheduled>, OperationError> {
        let limit = limit.clamp(1, PAGE_SLOTS);
        Ok(self.foreign.read(process, slots.first()..slots.end(), limit, self.policies.max_page_bytes)?)
    }

    /// Caches slots that another node has answered with, all of them or none: see [`ForeignSchedules::keep`].
    ///
    /// The process's definition says who may schedule it. The first of these is taken: `definition`, if it is given; the
    /// one that is known here; the message of slot 0, if that is the process.
    ///
    /// # Errors
    /// [`ForeignError`]; [`ForeignError::Ours`] also for a process that names this node as a scheduler.
    pub fn keep(&self, process: &Id, definition: Option<&Item>, slots: &[Scheduled]) -> Result<Kept, ForeignError> {
        let authority = self.authority(process, definition, slots)?;
        let is_ours = authority.schedulers().iter().any(|address| self.scheduler.signs_as(address));
        if is_ours || self.scheduler.is_running(process) {
            return Err(ForeignError::Ours(*process));
        }
        self.foreign.keep(&authority, slots)
    }

    /// Who may schedule a process, by the definition that [`keep`](Self::keep) would take.
    ///
    /// # Errors
    /// [`ForeignError::Authority`]; [`ForeignError::Storage`].
    pub fn authority(
        &self,
        process: &Id,
        definition: Option<&Item>,
        slots: &[Scheduled],
    ) -> Result<Authority, ForeignError> {
        let given = definition.filter(|definition| definition.id() == *process).cloned();
        let definition = match given {
            Some(given) => Some(given),
            None => self.known(process)?,
        };
        let first = || slots.iter().map(|scheduled| &scheduled.message).find(|message| message.id() == *process);
        let definition = definition.or_else(|| first().cloned()).ok_or(AuthorityError::Unknown(*process))?;
        Ok(Authority::of(&definition)?)
    }

    /// The cache of other nodes' schedules.
    #[must_use]
    pub const fn foreign(&self) -> &ForeignSchedules {
        &self.foreign
    }
}
