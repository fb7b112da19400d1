//! The device's keys: `/~scheduler@1.0/<key>` and `/<process>/<key>`.

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Method, StatusCode};
use percent_encoding::percent_decode_str;
use slotbench_core::Id;
use slotbench_core::assignment::Assignment;
use slotbench_core::operations::{Base, BaseMessage, Request, Slots};
use slotbench_core::scheduler::MAX_LISTED;

use super::{Asked, Node};
use crate::envelope;
use crate::failure::Failure;
use crate::reply::{self, fresh, json};
use crate::route::Key;
use crate::service::Reply;
use crate::wire::legacy::Page;
use crate::wire::native::{AssignmentForm, InfoForm, NextForm, ScheduleForm, SlotForm, StatusForm};

/// Asks for the schedule in the legacy form.
const AOS2: &str = "application/aos-2";

impl Node {
    pub(super) async fn device(&self, process: Option<Id>, key: Key, asked: Asked<'_>) -> Result<Reply, Failure> {
        let request = request(process, &asked);
        match key {
            Key::Info => json(&InfoForm::from(self.operations.info())),
            Key::Status => self.status(&asked),
            Key::Checkpoint => Ok(self.checkpoint(asked)),
            Key::Schedule if asked.head.method == Method::POST => self.post(request, asked).await,
            Key::Schedule => self.schedule(request, &asked).await,
            Key::Slot => self.slot(request).await,
            Key::Next => self.next(request, &asked).await,
        }
    }

    /// Schedules what was posted.
    async fn post(&self, mut request: Request, asked: Asked<'_>) -> Result<Reply, Failure> {
        let body = asked.posted.as_ref().map(|taken| taken.bytes.clone()).unwrap_or_default();
        envelope::open(body, asked.header(CONTENT_TYPE), &mut request)?;
        let receipt = self.operations.schedule_tagged(&request, self.tag(&asked.head.headers)).await?;
        let assignment = Assignment::parse(receipt.assignment)
            .map_err(|error| Failure::internal(format!("the assignment cannot be read back: {error}")))?;
        json(&AssignmentForm::of(&assignment)).map(fresh)
    }

    async fn schedule(&self, request: Request, asked: &Asked<'_>) -> Result<Reply, Failure> {
        let slots = Slots::parse(asked.parameters.get("from"), asked.parameters.get("to"))
            .map_err(|error| Failure::bad_request(error.to_string()))?;
        let accepted = asked.parameters.get("accept").or_else(|| asked.header(ACCEPT)).unwrap_or_default();
        let aos2 = percent_decode_str(accepted).decode_utf8_lossy().trim().eq_ignore_ascii_case(AOS2);
        self.blocking(move |operations| {
            let page = operations.read(&request, slots)?;
            if aos2 { json(&Page::aos2(&page)) } else { json(&ScheduleForm::from(&page)) }
        })
        .await
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

    async fn slot(&self, request: Request) -> Result<Reply, Failure> {
        self.blocking(move |operations| json(&SlotForm::from(&operations.slot(&request)?)).map(fresh)).await
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
        self.blocking(move |operations| {
            let mut state = operations.follow(&request, at_slot)?;
            json(&NextForm::from(&operations.next(&mut state)?)).map(fresh)
        })
        .await
    }

    /// There is nothing to save that is not in the store: the state comes back unchanged.
    fn checkpoint(&self, asked: Asked<'_>) -> Reply {
        let state = asked.posted.map(|taken| taken.bytes).unwrap_or_default();
        fresh(reply::whole(StatusCode::OK, "application/octet-stream", self.operations.checkpoint(state)))
    }
}

/// What a request says of its process, its body aside.
fn request(process: Option<Id>, asked: &Asked<'_>) -> Request {
    Request {
        target: asked.parameters.get("target").map(str::to_owned),
        base: Base { message: process.map(BaseMessage::Stored), process: None },
        ..Request::default()
    }
}
