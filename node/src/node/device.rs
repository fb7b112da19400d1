//! The device's keys: `/~scheduler@1.0/<key>` and `/<process>/<key>`.

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Method, StatusCode};
use percent_encoding::percent_decode_str;
use slotbench_core::Id;
use slotbench_core::assignment::Assignment;
use slotbench_core::assignments::Scheduled;
use slotbench_core::operations::{
    Base, BaseMessage, OperationError, Operations, PAGE_SLOTS, Request, SchedulePage, Slots,
};
use slotbench_core::scheduler::MAX_LISTED;

use super::{Aos2, Asked, Node};
use crate::envelope;
use crate::failure::Failure;
use crate::reply::{self, fresh, json};
use crate::route::Key;
use crate::service::Reply;
use crate::wire::capital::CapitalPage;
use crate::wire::legacy::Page;
use crate::wire::native::{AssignmentForm, InfoForm, NextForm, ScheduleForm, SlotForm, StatusForm};

/// Asks for the schedule in the legacy form.
const AOS2: &str = "application/aos-2";

impl Node {
    pub(super) async fn device(&self, process: Option<Id>, key: Key, asked: &Asked<'_>) -> Result<Reply, Failure> {
        match key {
            Key::Info => json(&InfoForm::from(self.operations.info())),
            Key::Status => self.status(asked),
            Key::Checkpoint => Ok(self.checkpoint(asked)),
            Key::Schedule if asked.head.method == Method::POST => self.post(process, asked).await,
            Key::Schedule => Box::pin(self.schedule(request(process, asked), asked)).await,
            Key::Slot => Box::pin(self.slot(request(process, asked), asked)).await,
            Key::Next => Box::pin(self.next(request(process, asked), asked)).await,
            Key::Location => Box::pin(self.location(request(process, asked), asked)).await,
        }
    }

    /// Schedules what was posted.
    async fn post(&self, process: Option<Id>, asked: &Asked<'_>) -> Result<Reply, Failure> {
        let mut request = request(process, asked);
        envelope::open(asked.body(), asked.header(CONTENT_TYPE), &mut request)?;
        let assignment = match self.operations.schedule_tagged(&request, self.tag(&asked.head.headers)).await {
            Ok(receipt) => receipt.assignment,
            Err(error) => Box::pin(self.post_in_turn(error, &request, asked)).await?,
        };
        json(&AssignmentForm::of(&assignment)).map(fresh)
    }

    /// Has a message scheduled where its process is.
    pub(super) async fn post_in_turn(
        &self,
        error: OperationError,
        request: &Request,
        asked: &Asked<'_>,
    ) -> Result<Assignment, Failure> {
        let turn = self.turn(error, request, &asked.head.headers).await?;
        self.post_elsewhere(&turn, request).await
    }

    async fn schedule(&self, request: Request, asked: &Asked<'_>) -> Result<Reply, Failure> {
        let slots = Slots::parse(asked.parameters.get("from"), asked.parameters.get("to"))
            .map_err(|error| Failure::bad_request(error.to_string()))?;
        let accepted = asked.parameters.get("accept").or_else(|| asked.header(ACCEPT)).unwrap_or_default();
        let aos2 = percent_decode_str(accepted).decode_utf8_lossy().trim().eq_ignore_ascii_case(AOS2);
        let aos2 = aos2.then_some(self.options.aos2);
        let local = request.clone();
        let read = self.blocking(move |operations| match operations.read(&local, slots) {
            Ok(page) => written(&page, aos2).map(Ok),
            Err(error) => Ok(Err(error)),
        });
        match read.await? {
            Ok(reply) => Ok(reply),
            Err(error) => {
                let turn = Box::pin(self.turn(error, &request, &asked.head.headers)).await?;
                let page = Box::pin(self.read_elsewhere(&turn, slots, PAGE_SLOTS)).await?;
                self.blocking(move |_| written(&page, aos2)).await
            }
        }
    }

    /// The writers behind `after`, at most `limit`.
    fn status(&self, asked: &Asked<'_>) -> Result<Reply, Failure> {
        let after = asked.parameters.get("after").map(|text| {
            let bad = || Failure::bad_request(format!("'after' must be a process, not '{}'", text.escape_debug()));
            text.parse::<Id>().map_err(|_| bad())
        });
        let limit = asked.parameters.get("limit").map_or(Ok(MAX_LISTED), |text| match text.parse() {
            Ok(limit @ 1..=MAX_LISTED) => Ok(limit),
            _ => Err(Failure::bad_request(format!("'limit' is 1 to {MAX_LISTED}, not '{}'", text.escape_debug()))),
        });
        let status = self.operations.status_after(after.transpose()?.as_ref(), limit?);
        json(&StatusForm::from(status)).map(fresh)
    }

    async fn slot(&self, request: Request, asked: &Asked<'_>) -> Result<Reply, Failure> {
        let local = request.clone();
        match self.blocking(move |operations| Ok(operations.slot(&local))).await? {
            Ok(report) => json(&SlotForm::from(&report)).map(fresh),
            Err(error) => {
                let turn = Box::pin(self.turn(error, &request, &asked.head.headers)).await?;
                json(&SlotForm::from(&Box::pin(self.slot_elsewhere(&turn)).await?)).map(fresh)
            }
        }
    }

    /// The slot after `at-slot`, or slot 0 without it. A request stands alone: what was read ahead ends with it.
    async fn next(&self, request: Request, asked: &Asked<'_>) -> Result<Reply, Failure> {
        let at_slot = match asked.parameters.get("at-slot") {
            None | Some("-1") => None,
            Some(text) => {
                let bad = || Failure::bad_request(format!("'at-slot' must be a slot, not '{}'", text.escape_debug()));
                Some(text.parse().map_err(|_| bad())?)
            }
        };
        let local = request.clone();
        let next = move |operations: &Operations| operations.next(&mut operations.follow(&local, at_slot)?);
        let next = match self.blocking(move |operations| Ok(next(operations))).await? {
            Ok(next) => next,
            Err(error) => Box::pin(self.next_elsewhere(error, &request, at_slot, asked)).await?,
        };
        json(&NextForm::from(&next)).map(fresh)
    }

    async fn next_elsewhere(
        &self,
        error: OperationError,
        request: &Request,
        at_slot: Option<u64>,
        asked: &Asked<'_>,
    ) -> Result<Scheduled, Failure> {
        let turn = self.turn(error, request, &asked.head.headers).await?;
        let slot = at_slot.map_or(Some(0), |slot| slot.checked_add(1));
        let slots = slot.map_or(Slots::from(u64::MAX), |slot| Slots::within(&(slot..=slot)));
        let page = Box::pin(self.read_elsewhere(&turn, slots, 1)).await?;
        let not_yet = || OperationError::NotYet { process: page.process, slot: slots.first() };
        page.assignments.into_iter().next().ok_or_else(|| not_yet().into())
    }

    /// There is nothing to save that is not in the store: the state comes back unchanged.
    fn checkpoint(&self, asked: &Asked<'_>) -> Reply {
        fresh(reply::whole(StatusCode::OK, "application/octet-stream", self.operations.checkpoint(asked.body())))
    }
}

fn written(page: &SchedulePage, aos2: Option<Aos2>) -> Result<Reply, Failure> {
    match aos2 {
        None => json(&ScheduleForm::from(page)),
        Some(Aos2::Legacy) => json(&Page::aos2(page)),
        Some(Aos2::Capital) => json(&CapitalPage::from(page)),
    }
}

/// What a request says of its process, its body aside. The parameter `hint` stands beside the id that is in the path.
fn request(process: Option<Id>, asked: &Asked<'_>) -> Request {
    let hinted = || Some(format!("{}?hint={}", process?, asked.parameters.get("hint")?));
    Request {
        target: asked.parameters.get("target").map(str::to_owned).or_else(hinted),
        base: Base { message: process.map(BaseMessage::Stored), process: None },
        ..Request::default()
    }
}
