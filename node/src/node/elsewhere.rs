//! Processes that other nodes schedule: their clients are sent there, or answered from there.

use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use slotbench_core::assignment::{Assignment, Link};
use slotbench_core::assignments::Scheduled;
use slotbench_core::foreign::{Authority, AuthorityError, ForeignError};
use slotbench_core::operations::{
    Elsewhere, Hinted, OperationError, PAGE_SLOTS, Redirect, Request, SchedulePage, Slots,
};
use slotbench_core::process::is_process;
use slotbench_core::{Id, Item};

use super::Node;
use crate::failure::Failure;
use crate::remote::merge::{Merge, Merged, proven};
use crate::remote::{Remote, RemoteError, RemotePage, Session, Times, Trail, trail};
use crate::wire::read::native::RemoteSlot;

/// The dialect where only a hint leads to a scheduler.
const NATIVE: &str = "ao.N.1";

/// A request that another node has the answer to.
pub(super) struct Turn {
    remote: Arc<Remote>,
    elsewhere: Elsewhere,
    trail: Trail,
}

impl Node {
    /// What to do about an operation that failed with `error`: turn to the process's scheduler, where it has another one.
    ///
    /// # Errors
    /// The failure itself; 307 where this node does not ask others; 508 where the request has come from too many.
    pub(super) async fn turn(
        &self,
        error: OperationError,
        request: &Request,
        headers: &HeaderMap,
    ) -> Result<Turn, Failure> {
        let elsewhere = elsewhere(error, request)?;
        let remote = self.options.remote.as_ref().filter(|_| self.operations.network().follow_redirects);
        let Some(remote) = remote.map(Arc::clone) else {
            return Err(Failure::redirect(&self.locate(&elsewhere).await?));
        };
        let trail = remote.continue_trail(headers.get(trail::VIA));
        let trail = trail.map_err(|error| Failure::new(StatusCode::LOOP_DETECTED, error.to_string()))?;
        Ok(Turn { remote, elsewhere, trail })
    }

    /// Asks the gateway too, so off the threads that serve.
    async fn locate(&self, elsewhere: &Elsewhere) -> Result<Redirect, Failure> {
        let elsewhere = elsewhere.clone();
        self.blocking(move |operations| Ok(operations.locate(&elsewhere)?)).await
    }

    /// Has a message scheduled elsewhere, and returns its assignment, verified.
    pub(super) async fn post_elsewhere(&self, turn: &Turn, request: &Request) -> Result<Assignment, Failure> {
        let message = request.message().ok_or(OperationError::NoMessage)?;
        // Nobody else is asked for what would be refused here.
        self.operations.scheduler().admit(message).map_err(OperationError::from)?;
        let redirect = self.locate(&turn.elsewhere).await?;
        let mut session = turn.remote.session(&redirect, &turn.trail)?;
        let given = request.base.process.clone().or_else(|| is_process(message).then(|| message.clone()));
        let authority = self.authority(&mut session, redirect.process, given, Vec::new()).await?;
        let posted = session.post(message, &authority).await;
        self.metrics.asked("schedule", posted.is_ok());
        let assignment = posted?;
        let scheduled = Scheduled { assignment: assignment.clone(), message: message.clone() };
        // Before the answer: the messages that follow it name no scheduler, the process does.
        self.keep(turn, authority, vec![scheduled], is_process(message)).await;
        Ok(assignment)
    }

    /// Where a schedule ends, as its scheduler says.
    pub(super) async fn slot_elsewhere(&self, turn: &Turn) -> Result<RemoteSlot, Failure> {
        let redirect = self.locate(&turn.elsewhere).await?;
        let slot = turn.remote.session(&redirect, &turn.trail)?.slot().await;
        self.metrics.asked("slot", slot.is_ok());
        Ok(slot?)
    }

    /// A page of a schedule: what is cached of it from its first slot on, and the rest from its scheduler.
    ///
    /// Where the scheduler is of no help the cached part is the page, with more to be had.
    pub(super) async fn read_elsewhere(
        &self,
        turn: &Turn,
        slots: Slots,
        limit: usize,
    ) -> Result<SchedulePage, Failure> {
        let (process, limit) = (turn.elsewhere.process, limit.clamp(1, PAGE_SLOTS));
        let max_bytes = self.operations.policies().max_page_bytes;
        let cached = if slots.is_empty() {
            Vec::new()
        } else {
            self.blocking(move |operations| Ok(operations.cached(&process, slots, limit)?)).await?
        };
        let merge = Merge::new(slots, limit, max_bytes, cached);
        let Some(wanted) = merge.wanted() else { return Ok(self.page(process, merge.alone())) };
        let added = self.fetch(turn, wanted, &merge).await;
        self.metrics.asked("read", added.is_ok());
        match added {
            Ok(added) => {
                let merged = merge.with(added.assignments, added.continues);
                Ok(SchedulePage { timestamp: added.timestamp, block: added.block, ..self.page(process, merged) })
            }
            Err(failure) => match merge.partial() {
                Some(part) => {
                    self.tell(&format!("a part of process {process} is answered alone: {}", failure.message));
                    Ok(self.page(process, part))
                }
                None => Err(failure),
            },
        }
    }

    /// A page as of now.
    fn page(&self, process: Id, merged: Merged) -> SchedulePage {
        let config = self.operations.scheduler().config();
        let Merged { assignments, next_from } = merged;
        let (timestamp, block) = (config.clock.now_ms(), config.block.clone());
        SchedulePage { process, assignments, next_from, timestamp, block }
    }

    /// Slots from the process's scheduler, verified; they are cached as the operator chose.
    async fn fetch(&self, turn: &Turn, wanted: Slots, merge: &Merge) -> Result<RemotePage, Failure> {
        let redirect = self.locate(&turn.elsewhere).await?;
        let mut session = turn.remote.session(&redirect, &turn.trail)?;
        let page = session.read(wanted, self.finder()).await?;
        self.accept(turn, &mut session, merge.link(), page).await
    }

    /// What is asked for messages that are assigned by reference.
    fn finder(&self) -> impl Fn(&Id) -> Option<Item> + Send + 'static {
        let operations = Arc::clone(&self.operations);
        move |id| operations.scheduler().assignments().known(id).ok().flatten()
    }

    /// What is proven of an answer's page, from its first slot on; where nothing is, there is no page.
    async fn accept(
        &self,
        turn: &Turn,
        session: &mut Session<'_>,
        link: Option<Link>,
        mut page: RemotePage,
    ) -> Result<RemotePage, Failure> {
        let slots = std::mem::take(&mut page.assignments);
        let (proven, refused) = self.prove(turn, session, link, slots).await?;
        page.assignments = proven;
        if let Some(refused) = refused {
            page.continues = true;
            page.cut = Some(refused.to_string());
        }
        // An empty page with more behind it would have its reader ask for ever.
        if page.assignments.is_empty() && page.continues {
            let why = page.cut.as_deref().unwrap_or("it has no slot, and says that there are more");
            return Err(RemoteError::unproven(session.url(), &why).into());
        }
        if let Some(cut) = page.cut.take() {
            self.tell(&format!("the answer of {} ends early: {cut}", session.url()));
        }
        Ok(page)
    }

    /// The slots up to the first that is not proven, and why that one is not. What is proven is cached as the operator
    /// chose. `link` is what the first slot must follow from, where that is known.
    async fn prove(
        &self,
        turn: &Turn,
        session: &mut Session<'_>,
        link: Option<Link>,
        slots: Vec<Scheduled>,
    ) -> Result<(Vec<Scheduled>, Option<ForeignError>), Failure> {
        let authority = self.authority(session, turn.elsewhere.process, None, slots.clone()).await?;
        let judge = authority.clone();
        let (slots, refused) = self.blocking(move |_| Ok(proven(&judge, link, slots))).await?;
        self.keep(turn, authority, slots.clone(), false).await;
        Ok((slots, refused))
    }

    /// Slots of a time, from the process's scheduler: only there it is known which ones these are.
    pub(super) async fn read_times_elsewhere(
        &self,
        turn: &Turn,
        times: Times,
        limit: usize,
    ) -> Result<SchedulePage, Failure> {
        let limit = limit.clamp(1, PAGE_SLOTS);
        let fetched = self.fetch_times(turn, times, limit).await;
        self.metrics.asked("read", fetched.is_ok());
        let RemotePage { assignments, continues, timestamp, block, .. } = fetched?;
        let first = assignments.first().map_or(0, |first| first.assignment.slot());
        let max_bytes = self.operations.policies().max_page_bytes;
        let merge = Merge::new(Slots::from(first), limit, max_bytes, Vec::new());
        let page = self.page(turn.elsewhere.process, merge.with(assignments, continues));
        Ok(SchedulePage { timestamp, block, ..page })
    }

    async fn fetch_times(&self, turn: &Turn, times: Times, limit: usize) -> Result<RemotePage, Failure> {
        let redirect = self.locate(&turn.elsewhere).await?;
        let mut session = turn.remote.session(&redirect, &turn.trail)?;
        let page = session.read_times(times, limit, self.finder()).await?;
        let link = self.link_before(turn, page.assignments.first()).await?;
        self.accept(turn, &mut session, link, page).await
    }

    /// A message and its assignment, by the id of either, from the process's scheduler.
    pub(super) async fn find_elsewhere(&self, turn: &Turn, id: Id) -> Result<Scheduled, Failure> {
        let redirect = self.locate(&turn.elsewhere).await?;
        let mut session = turn.remote.session(&redirect, &turn.trail)?;
        let found = session.find(&id, self.finder()).await;
        self.metrics.asked("find", found.is_ok());
        let found = found?;
        let link = self.link_before(turn, Some(&found)).await?;
        match self.prove(turn, &mut session, link, vec![found.clone()]).await? {
            (_, Some(refused)) => Err(RemoteError::unproven(session.url(), &refused).into()),
            (_, None) => Ok(found),
        }
    }

    /// The last slot of a schedule, as its scheduler says.
    pub(super) async fn latest_elsewhere(&self, turn: &Turn) -> Result<Scheduled, Failure> {
        let process = turn.elsewhere.process;
        let current = self.slot_elsewhere(turn).await?.current;
        let slot = current.ok_or(OperationError::NotYet { process, slot: 0 })?;
        let page = self.read_elsewhere(turn, Slots::within(&(slot..=slot)), 1).await?;
        page.assignments.into_iter().next().ok_or_else(|| OperationError::NotYet { process, slot }.into())
    }

    /// The definition of a process, and its first slot where that assigns the process itself.
    pub(super) async fn definition_elsewhere(&self, turn: &Turn) -> Result<(Item, Option<Scheduled>), Failure> {
        let process = turn.elsewhere.process;
        let page = self.read_elsewhere(turn, Slots::within(&(0..=0)), 1).await?;
        let first = page.assignments.into_iter().next();
        if let Some(own) = first.filter(|first| first.message.id() == process) {
            return Ok((own.message.clone(), Some(own)));
        }
        let redirect = self.locate(&turn.elsewhere).await?;
        let mut session = turn.remote.session(&redirect, &turn.trail)?;
        let authority = self.authority(&mut session, process, None, Vec::new()).await?;
        Ok((authority.definition().clone(), None))
    }

    /// What a slot must follow from, where the one before it is cached.
    async fn link_before(&self, turn: &Turn, slot: Option<&Scheduled>) -> Result<Option<Link>, Failure> {
        let Some(before) = slot.and_then(|slot| slot.assignment.slot().checked_sub(1)) else { return Ok(None) };
        let (process, slots) = (turn.elsewhere.process, Slots::within(&(before..=before)));
        let cached = self.blocking(move |operations| Ok(operations.cached(&process, slots, 1)?)).await?;
        Ok(cached.last().map(|before| before.assignment.link()))
    }

    /// Who may schedule a process. Its definition comes with the request or the slots, is known here, or is asked for.
    async fn authority(
        &self,
        session: &mut Session<'_>,
        process: Id,
        given: Option<Item>,
        slots: Vec<Scheduled>,
    ) -> Result<Authority, Failure> {
        let found = self.blocking(move |operations| Ok(operations.authority(&process, given.as_ref(), &slots))).await?;
        match found {
            Err(ForeignError::Authority(AuthorityError::Unknown(_))) => {
                let definition = session.definition().await?;
                self.blocking(move |_| Ok(Authority::of(&definition).map_err(ForeignError::from)?)).await
            }
            found => Ok(found?),
        }
    }

    /// Caches verified slots, in the background unless it is to be done by now. Its failure is no failure of the request.
    async fn keep(&self, turn: &Turn, authority: Authority, slots: Vec<Scheduled>, by_now: bool) {
        if slots.is_empty() || self.operations.network().max_foreign_bytes == 0 {
            return;
        }
        let (operations, on_failure) = (Arc::clone(&self.operations), self.options.on_failure.clone());
        let keep = move || {
            let process = authority.process();
            let kept = operations.keep(&process, Some(authority.definition()), &slots);
            if let (Err(error), Some(tell)) = (kept, on_failure) {
                tell(&format!("slots of process {process} are not cached: {error}"));
            }
        };
        if by_now || !self.operations.network().cache_in_background {
            // A panic in there is the task's own end.
            let _ = tokio::task::spawn_blocking(keep).await;
            return;
        }
        match turn.remote.caching() {
            Some(place) => drop(tokio::task::spawn_blocking(move || {
                keep();
                drop(place);
            })),
            None => self.metrics.not_cached(),
        }
    }

    pub(super) fn tell(&self, text: &str) {
        if let Some(tell) = &self.options.on_failure {
            tell(text);
        }
    }
}

/// The process that an operation found to be scheduled elsewhere. A hint beside its id leads there even where nothing else
/// is known of it.
fn elsewhere(error: OperationError, request: &Request) -> Result<Elsewhere, OperationError> {
    match error {
        OperationError::Elsewhere(elsewhere) => {
            let hint = elsewhere.hint.clone().or_else(|| hint(request, elsewhere.process));
            Ok(Elsewhere { hint, ..*elsewhere })
        }
        OperationError::UnknownProcess(process) => match hint(request, process) {
            Some(hint) => {
                Ok(Elsewhere { process, hint: Some(hint), schedulers: Vec::new(), variant: NATIVE.to_owned() })
            }
            None => Err(error),
        },
        error => Err(error),
    }
}

fn hint(request: &Request, process: Id) -> Option<String> {
    let hinted: Hinted<Id> = request.target.as_deref()?.parse().ok()?;
    hinted.hint.filter(|_| hinted.value == process)
}
