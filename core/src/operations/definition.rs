//! Which process a request is about, what is known of it, and who schedules it.

use crate::assignments::AssignmentsError;
use crate::id::Id;
use crate::item::Item;
use crate::operations::{BaseMessage, OperationError, Operations, ProcessPolicy, Request, Target};
use crate::process::{Hinted, Named, is_process, schedulers};
use crate::scheduler::Mode;

/// The dialect of a process that names none.
const NATIVE: &str = "ao.N.1";

/// A process that other nodes schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    /// The process.
    pub process: Id,
    /// The URL that the request hinted at.
    pub hint: Option<String>,
    /// The schedulers that the process names, in its order; none where the process itself is not known here.
    pub schedulers: Vec<Named>,
    /// The dialect that the process names; `ao.N.1` where it names none.
    pub variant: String,
}

/// A process, and its definition where finding the process has already read it.
struct Found {
    target: Target,
    stored: Option<Item>,
}

impl<T: Into<Target>> From<T> for Found {
    fn from(target: T) -> Self {
        Self { target: target.into(), stored: None }
    }
}

impl Operations {
    /// The process a request without a message is about. It is known, and scheduled here.
    ///
    /// The first of these decides: the parameter `target`, or the request's own; the request, if it is a process; the
    /// key `process` of the base; the base, if it is a process; the request's own id.
    ///
    /// # Errors
    /// [`OperationError::NoTarget`], [`OperationError::Parameter`], [`OperationError::OtherProcess`],
    /// [`OperationError::UnknownProcess`], [`OperationError::NoScheduler`], [`OperationError::Elsewhere`], and what the
    /// store reports.
    pub fn resolve(&self, request: &Request) -> Result<Id, OperationError> {
        let found = self.search(request)?;
        let process = found.target.process;
        if self.must_be_ours(request, &process)? && !self.is_settled(request, &process) {
            let definition = match found.stored {
                Some(stored) if stored.id() == process => stored,
                _ => self.definition(request, request.item.as_ref(), &found.target)?,
            };
            self.check_ours(&found.target, &definition)?;
        }
        Ok(process)
    }

    /// The definition of the process a request is about.
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve).
    pub fn process(&self, request: &Request) -> Result<Item, OperationError> {
        let found = self.search(request)?;
        let definition = self.definition(request, request.item.as_ref(), &found.target)?;
        self.check_ours(&found.target, &definition)?;
        Ok(definition)
    }

    /// The process that `message` is for: itself, its target, or whatever the rest of the request names.
    pub(super) fn target_of_message(&self, request: &Request, message: &Item) -> Result<Target, OperationError> {
        if is_process(message) {
            return Ok(message.id().into());
        }
        match message.target() {
            Some(process) => Ok(process.into()),
            None => Ok(self.search(request)?.target),
        }
    }

    /// Lets a message pass whose process is scheduled here, and whose size, mode and signature allow it.
    pub(super) fn admit(&self, request: &Request, message: &Item, target: &Target) -> Result<(), OperationError> {
        if self.scheduler.config().mode == Mode::Disabled {
            return Err(OperationError::Disabled);
        }
        let process = target.process;
        if !self.must_be_ours(request, &process)? || self.is_settled(request, &process) {
            return Ok(self.scheduler.admit(message)?);
        }
        let definition = self.definition(request, Some(message), target)?;
        self.check_ours(target, &definition)?;
        self.scheduler.admit(message)?;
        if process != message.id() {
            // What came with the request is kept: later requests will not bring it.
            self.scheduler.assignments().keep_definition(&definition, self.scheduler.config().durability)?;
        }
        Ok(())
    }

    /// Whether the process was found to be ours before, and the request brings nothing that is to be checked. A running
    /// writer shows it: definitions never change. In aggressive mode the definition itself may not be stored yet.
    fn is_settled(&self, request: &Request, process: &Id) -> bool {
        request.base.process.is_none() && self.scheduler.is_running(process)
    }

    /// Whether the policy asks for a definition. A definition of another process is refused under any policy.
    fn must_be_ours(&self, request: &Request, process: &Id) -> Result<bool, OperationError> {
        match &request.base.process {
            Some(given) if given.id() != *process => {
                Err(OperationError::OtherProcess { process: *process, given: given.id() })
            }
            _ => Ok(self.policies.processes == ProcessPolicy::Ours),
        }
    }

    /// The general search, in the order that [`resolve`](Self::resolve) documents.
    fn search(&self, request: &Request) -> Result<Found, OperationError> {
        if let Some(text) = &request.target {
            let bad = |error: crate::id::IdError| parameter("target", &error);
            return Ok(text.parse::<Hinted<Id>>().map_err(bad)?.into());
        }
        if let Some(target) = request.item.as_ref().and_then(Item::target) {
            return Ok(target.into());
        }
        if let Some(process) = request.item.as_ref().filter(|item| is_process(item)) {
            return Ok(process.id().into());
        }
        if let Some(process) = &request.base.process {
            return Ok(process.id().into());
        }
        if let Some(found) = self.search_base(request)? {
            return Ok(found);
        }
        request.item.as_ref().map(|item| item.id().into()).ok_or(OperationError::NoTarget)
    }

    fn search_base(&self, request: &Request) -> Result<Option<Found>, OperationError> {
        let base = match &request.base.message {
            None => return Ok(None),
            Some(BaseMessage::Given(item)) => item.clone(),
            Some(BaseMessage::Stored(id)) => match self.known(id)? {
                Some(item) => item,
                None if self.policies.processes == ProcessPolicy::Any || self.scheduler.is_running(id) => {
                    return Ok(Some((*id).into()));
                }
                None => return Err(OperationError::UnknownProcess(*id)),
            },
        };
        if let Some(named) = base.tag("process") {
            let named = std::str::from_utf8(named).unwrap_or_default();
            let bad = |error: crate::id::IdError| parameter("process", &error);
            return Ok(Some(named.parse::<Hinted<Id>>().map_err(bad)?.into()));
        }
        let stored = matches!(request.base.message, Some(BaseMessage::Stored(_)));
        let found = |base: Item| Found { target: base.id().into(), stored: stored.then_some(base) };
        Ok(is_process(&base).then_some(base).map(found))
    }

    /// The definition of a process: from the base's key `process`, the message, the base, or the store.
    fn definition(&self, request: &Request, message: Option<&Item>, target: &Target) -> Result<Item, OperationError> {
        let process = &target.process;
        if let Some(given) = &request.base.process {
            return self.trusted(given, process);
        }
        if let Some(message) = message.filter(|message| message.id() == *process) {
            // Whoever schedules it verifies it.
            return self.typed(message.clone(), process);
        }
        if let Some(BaseMessage::Given(base)) = &request.base.message
            && base.id() == *process
        {
            return self.trusted(base, process);
        }
        match (self.known(process)?, &target.hint) {
            (Some(stored), _) => self.typed(stored, process),
            (None, None) => Err(OperationError::UnknownProcess(*process)),
            (None, Some(_)) => Err(OperationError::Elsewhere(Box::new(Elsewhere {
                process: *process,
                hint: target.hint.clone(),
                schedulers: Vec::new(),
                variant: NATIVE.to_owned(),
            }))),
        }
    }

    /// An item that is stored here, or the definition of a process whose schedule is cached.
    pub(super) fn known(&self, id: &Id) -> Result<Option<Item>, AssignmentsError> {
        match self.scheduler.assignments().known(id)? {
            Some(item) => Ok(Some(item)),
            None => self.foreign.definition(id),
        }
    }

    /// A definition that came with the request. Its id only tells who signed, not what: the signature must verify.
    fn trusted(&self, given: &Item, process: &Id) -> Result<Item, OperationError> {
        if given.id() != *process {
            return Err(OperationError::OtherProcess { process: *process, given: given.id() });
        }
        self.scheduler.config().check_signature(given)?;
        self.typed(given.clone(), process)
    }

    fn typed(&self, definition: Item, process: &Id) -> Result<Item, OperationError> {
        if is_process(&definition) { Ok(definition) } else { Err(OperationError::UnknownProcess(*process)) }
    }

    fn check_ours(&self, target: &Target, definition: &Item) -> Result<(), OperationError> {
        let schedulers = schedulers(definition);
        if schedulers.is_empty() {
            return Err(OperationError::NoScheduler(target.process));
        }
        // A hint never overrules what is scheduled here.
        if schedulers.iter().any(|named| self.scheduler.signs_as(&named.value)) {
            return Ok(());
        }
        let variant = definition.tag("variant").map(|text| String::from_utf8_lossy(text).into_owned());
        Err(OperationError::Elsewhere(Box::new(Elsewhere {
            process: target.process,
            hint: target.hint.clone(),
            schedulers,
            variant: variant.unwrap_or_else(|| NATIVE.to_owned()),
        })))
    }
}

fn parameter(name: &'static str, reason: &crate::id::IdError) -> OperationError {
    OperationError::Parameter { name, reason: reason.to_string() }
}
