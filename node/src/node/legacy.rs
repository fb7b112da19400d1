//! The legacy API.

use http::Method;
use serde::Serialize;
use slotbench_core::Id;
use slotbench_core::item::Item;
use slotbench_core::operations::{OperationError, Operations, Request, SchedulePage, Slots};
use slotbench_core::scheduler::is_process;

use super::{Asked, Node};
use crate::failure::Failure;
use crate::parameters::Parameters;
use crate::reply::{fresh, json};
use crate::route::Route;
use crate::service::Reply;
use crate::wire::legacy::{Cursor, Node as NodeForm, Page, Posted, ProcessForm, Time};
use crate::wire::native::RootForm;

/// Items of a page where the request does not say.
const LIMIT: usize = 100;

impl Node {
    pub(super) async fn legacy(&self, route: Route, asked: Asked<'_>) -> Result<Reply, Failure> {
        let config = self.operations.scheduler().config();
        match route {
            Route::Root if asked.head.method == Method::POST => self.post_item(asked).await,
            Route::Root => json(&RootForm::new(config.clock.now_ms(), &config.signer.address())).map(fresh),
            Route::Timestamp => json(&Time::new(config.clock.now_ms(), config.block.height)).map(fresh),
            Route::Legacy(id) => self.item_or_page(id, &asked).await,
            Route::Latest(id) => self.own(id, latest).await,
            Route::Definition(id) => self.own(id, definition).await,
            _ => Err(Failure::no_route()),
        }
    }

    async fn post_item(&self, asked: Asked<'_>) -> Result<Reply, Failure> {
        if asked.parameters.get("assign").is_some() {
            return Err(Failure::bad_request("items cannot be assigned by reference here"));
        }
        let body = asked.posted.as_ref().map(|taken| taken.bytes.clone()).unwrap_or_default();
        let item =
            Item::parse(body).map_err(|error| Failure::bad_request(format!("the body is no ANS-104 item: {error}")))?;
        check(&item)?;
        let id = item.id();
        let tag = self.tag(&asked.head.headers);
        let request = Request::post(item);
        let assignment = match self.operations.schedule_tagged(&request, tag).await {
            Ok(receipt) => receipt.assignment,
            Err(error) => {
                let turn = Box::pin(self.turn(error, &request, &asked.head.headers)).await?;
                Box::pin(self.post_elsewhere(&turn, &request)).await?.item().clone()
            }
        };
        let timestamp = assignment.tag("timestamp").and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
        json(&Posted { timestamp: timestamp.unwrap_or(0), id }).map(fresh)
    }

    /// What only the process's own scheduler answers: for another one's clients are sent there.
    async fn own<T: Serialize + Send + 'static>(
        &self,
        process: Id,
        work: impl FnOnce(&Operations, Id) -> Result<T, Unanswered> + Send + 'static,
    ) -> Result<Reply, Failure> {
        let answered = self.blocking(move |operations| match work(operations, process) {
            Ok(form) => json(&form).map(fresh).map(Ok),
            Err(Unanswered::Failed(failure)) => Err(failure),
            Err(Unanswered::Operation(error)) => Ok(Err(error)),
        });
        match answered.await? {
            Ok(reply) => Ok(reply),
            Err(error) => Err(self.redirected(error, &Request::about(process)).await),
        }
    }

    async fn item_or_page(&self, id: Id, asked: &Asked<'_>) -> Result<Reply, Failure> {
        let process =
            asked.parameters.get("process-id").ok_or_else(|| Failure::bad_request("'process-id' is missing"))?;
        let process: Id = process.parse().map_err(|error| Failure::bad_request(format!("'process-id': {error}")))?;
        if id != process {
            let find = move |operations: &Operations, process| {
                Ok(NodeForm::from(&operations.find(&Request::about(process), &id)?))
            };
            return self.own(process, find).await;
        }
        let page = PageRequest::read(&asked.parameters)?;
        let (cursor, limit, nonces) = (page.cursor(), page.limit, page.nonces());
        let request = Request::about(process);
        let read = self.blocking(move |operations| match page.read_from(operations, &Request::about(process)) {
            Ok(page) => json(&Page::new(&page, cursor)).map(Ok),
            Err(error) => Ok(Err(error)),
        });
        let error = match read.await? {
            Ok(reply) => return Ok(reply),
            Err(error) => error,
        };
        // Which slots lie in a time only the scheduler itself knows.
        let Some(slots) = nonces else { return Err(self.redirected(error, &request).await) };
        let turn = Box::pin(self.turn(error, &request, &asked.head.headers)).await?;
        let page = Box::pin(self.read_elsewhere(&turn, slots, limit)).await?;
        self.blocking(move |_| json(&Page::new(&page, cursor))).await
    }
}

/// Why there is no answer to a question about a process.
enum Unanswered {
    /// The operation failed; perhaps another node knows.
    Operation(OperationError),
    /// There is none.
    Failed(Failure),
}

impl From<OperationError> for Unanswered {
    fn from(error: OperationError) -> Self {
        Self::Operation(error)
    }
}

/// The protocol's own rules for items, beyond a valid signature.
fn check(item: &Item) -> Result<(), Failure> {
    let bad = |text: &str| Err(Failure::bad_request(text));
    let is = |value: &str| item.tag("type").is_some_and(|kind| kind.eq_ignore_ascii_case(value.as_bytes()));
    if !is("Process") && !is("Message") {
        return bad("the tag 'Type' must be 'Process' or 'Message'");
    }
    if item.tag("data-protocol").is_none() {
        return bad("the tag 'Data-Protocol' is missing");
    }
    if is_process(item) && (item.tag("module").is_none() || item.tag("scheduler").is_none()) {
        return bad("a process needs the tags 'Module' and 'Scheduler'");
    }
    if item.tags().any(|(name, _)| name.ends_with(b"+link")) {
        return bad("no tag may end in '+link'");
    }
    Ok(())
}

/// The newest message. A process that has only assigned itself has none.
fn latest(operations: &Operations, process: Id) -> Result<NodeForm, Unanswered> {
    let latest = operations.latest(&Request::about(process))?;
    if latest.assignment.slot() == 0 && latest.message.id() == process {
        return Err(Unanswered::Failed(Failure::bad_request("the process has no messages yet")));
    }
    Ok(NodeForm::from(&latest))
}

fn definition(operations: &Operations, process: Id) -> Result<ProcessForm, Unanswered> {
    let request = Request::about(process);
    let definition = operations.process(&request)?;
    // A process need not have been posted; where it was, its assignment tells when.
    let first = operations.read_at_most(&request, Slots::within(&(0..=0)), 1)?;
    let own = first.assignments.first().filter(|scheduled| scheduled.message.id() == process);
    let (height, time) = own.map_or((0, 0), |own| (own.assignment.block().height, own.assignment.timestamp()));
    Ok(ProcessForm::new(&definition, height, time))
}

/// Which page.
struct PageRequest {
    bounds: Bounds,
    limit: usize,
}

enum Bounds {
    /// Milliseconds, the first exclusive.
    Time(Option<u64>, Option<u64>),
    Nonces(Slots),
}

impl PageRequest {
    fn read(parameters: &Parameters<'_>) -> Result<Self, Failure> {
        let (from, to) = (parameters.get("from-nonce"), parameters.get("to-nonce"));
        let bounds = if from.is_some() || to.is_some() {
            Bounds::Nonces(Slots::parse_nonces(from, to).map_err(|error| Failure::bad_request(error.to_string()))?)
        } else {
            Bounds::Time(number(parameters, "from")?, number(parameters, "to")?)
        };
        let limit: Option<usize> = number(parameters, "limit")?;
        match limit {
            Some(0) => Err(Failure::bad_request("'limit' must be at least 1")),
            limit => Ok(Self { bounds, limit: limit.unwrap_or(LIMIT) }),
        }
    }

    fn read_from(&self, operations: &Operations, request: &Request) -> Result<SchedulePage, OperationError> {
        let slots = match &self.bounds {
            Bounds::Nonces(slots) => *slots,
            Bounds::Time(from, to) => operations.slots_in_time(request, *from, *to)?,
        };
        operations.read_at_most(request, slots, self.limit)
    }

    /// The slots, where the request names them.
    const fn nonces(&self) -> Option<Slots> {
        match self.bounds {
            Bounds::Time(..) => None,
            Bounds::Nonces(slots) => Some(slots),
        }
    }

    const fn cursor(&self) -> Cursor {
        match self.bounds {
            Bounds::Time(..) => Cursor::Time,
            Bounds::Nonces(_) => Cursor::Nonce,
        }
    }
}

fn number<T: std::str::FromStr>(parameters: &Parameters<'_>, name: &str) -> Result<Option<T>, Failure> {
    let bad =
        |text: &str| Failure::bad_request(format!("'{name}' must be a whole number, not '{}'", text.escape_debug()));
    parameters.get(name).map(|text| text.parse().map_err(|_| bad(text))).transpose()
}
