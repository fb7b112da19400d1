//! What is asked of slots before they are cached.

use crate::assignment::{Assignment, Link};
use crate::assignments::Scheduled;
use crate::chain::Step;
use crate::foreign::{ForeignError, Unverified};
use crate::id::{Address, Id};
use crate::item::{Item, VerifyError};
use crate::process::{is_process, schedulers};

/// Who may schedule a process: the addresses that its definition names.
#[derive(Debug, Clone)]
pub struct Authority {
    definition: Item,
    schedulers: Vec<Address>,
}

/// Why nobody is known to be allowed to schedule a process.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityError {
    /// Its definition is not known, so nothing that is said of it can be verified.
    #[error("the definition of process {0} is not known")]
    Unknown(Id),
    /// The item is no definition of a process.
    #[error("item {0} does not define a process")]
    NotAProcess(Id),
    /// The definition's signature is missing or not valid. Its id alone says who signed, not what.
    #[error("the definition of process {process}: {reason}")]
    Signature {
        /// The process.
        process: Id,
        /// What is wrong.
        reason: VerifyError,
    },
    /// The definition names no scheduler.
    #[error("process {0} has no scheduler information")]
    NoScheduler(Id),
}

impl Authority {
    /// Reads and verifies a process's definition.
    ///
    /// # Errors
    /// [`AuthorityError`].
    pub fn of(definition: &Item) -> Result<Self, AuthorityError> {
        let process = definition.id();
        if !is_process(definition) {
            return Err(AuthorityError::NotAProcess(process));
        }
        definition.verify().map_err(|reason| AuthorityError::Signature { process, reason })?;
        let schedulers: Vec<Address> = schedulers(definition).into_iter().map(|named| named.value).collect();
        if schedulers.is_empty() {
            return Err(AuthorityError::NoScheduler(process));
        }
        Ok(Self { definition: definition.clone(), schedulers })
    }

    /// The process.
    #[must_use]
    pub const fn process(&self) -> Id {
        self.definition.id()
    }

    /// Its definition, verified.
    #[must_use]
    pub const fn definition(&self) -> &Item {
        &self.definition
    }

    /// Who may schedule it, at least one.
    #[must_use]
    pub fn schedulers(&self) -> &[Address] {
        &self.schedulers
    }

    /// Checks all of a slot that does not depend on other slots.
    ///
    /// # Errors
    /// [`ForeignError::Unverified`].
    pub fn check(&self, scheduled: &Scheduled) -> Result<(), ForeignError> {
        let slot = scheduled.assignment.slot();
        self.judge(scheduled).map_err(|reason| ForeignError::Unverified { slot, reason })
    }

    fn judge(&self, Scheduled { assignment, message }: &Scheduled) -> Result<(), Unverified> {
        let process = self.process();
        if assignment.process() != process {
            return Err(Unverified::Process(assignment.process()));
        }
        if assignment.message() != message.id() {
            return Err(Unverified::Message { assigned: assignment.message(), given: message.id() });
        }
        if let Some(target) = message.target().filter(|target| *target != process && message.id() != process) {
            return Err(Unverified::Target(target));
        }
        let signer = assignment.item().owner_address();
        if !self.schedulers.contains(&signer) {
            return Err(Unverified::Signer(signer));
        }
        assignment.item().verify().map_err(Unverified::Assignment)?;
        message.verify().map_err(Unverified::MessageSignature)
    }
}

/// Checks a slot's chain value. Where the slot before is not known, only that of slot 0 can be.
pub(super) fn chain(assignment: &Assignment, before: Option<Link>) -> Result<(), ForeignError> {
    let slot = assignment.slot();
    if before.is_none() && slot > 0 {
        return Ok(());
    }
    match assignment.check_chain(before) {
        // The reference node breaks its chain at every restart; its schedules are no less signed for that.
        Step::Sound | Step::Seam => Ok(()),
        Step::Broken => Err(ForeignError::Unverified { slot, reason: Unverified::Chain }),
    }
}
