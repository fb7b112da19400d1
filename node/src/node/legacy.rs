//! The legacy API.

use http::Method;
use slotbench_core::Id;
use slotbench_core::assignments::Scheduled;
use slotbench_core::item::Item;
use slotbench_core::operations::{OperationError, Operations, Request, SchedulePage, Slots};
use slotbench_core::scheduler::is_process;

use super::{Asked, Node};
use crate::failure::Failure;
use crate::parameters::Parameters;
use crate::remote::Times;
use crate::reply::{fresh, json};
use crate::route::Route;
use crate::service::Reply;
use crate::wire::legacy::{Cursor, Node as NodeForm, Page, Posted, ProcessForm, Time};
use crate::wire::native::RootForm;

/// Items of a page where the request does not say.
const LIMIT: usize = 100;

impl Node {
    pub(super) async fn legacy(&self, route: Route, asked: &Asked<'_>) -> Result<Reply, Failure> {
        let config = self.operations.scheduler().config();
        match route {
            Route::Root if asked.head.method == Method::POST => self.post_item(asked).await,
            Route::Root => json(&RootForm::new(config.clock.now_ms(), &config.signer.address())).map(fresh),
            Route::Timestamp => json(&Time::new(config.clock.now_ms(), config.block.height)).map(fresh),
            Route::Legacy(id) => self.item_or_page(id, asked).await,
            Route::Latest(id) => self.latest(id, asked).await,
            Route::Definition(id) => self.definition(id, asked).await,
            _ => Err(Failure::no_route()),
        }
    }

    async fn post_item(&self, asked: &Asked<'_>) -> Result<Reply, Failure> {
        if asked.parameters.get("assign").is_some() {
            return Err(Failure::bad_request("items cannot be assigned by reference here"));
        }
        let item = Item::parse(asked.body())
            .map_err(|error| Failure::bad_request(format!("the body is no ANS-104 item: {error}")))?;
        check(&item)?;
        let id = item.id();
        let tag = self.tag(&asked.head.headers);
        let request = Request::post(item);
        let assignment = match self.operations.schedule_tagged(&request, tag).await {
            Ok(receipt) => receipt.assignment,
            Err(error) => Box::pin(self.post_in_turn(error, &request, asked)).await?,
        };
        json(&Posted { timestamp: assignment.timestamp(), id }).map(fresh)
    }

    /// Reads and writes what is scheduled here. An operation's error is the caller's: another node may have the answer.
    async fn here<T: 'static>(
        &self,
        read: impl FnOnce(&Operations) -> Result<T, OperationError> + Send + 'static,
        write: impl FnOnce(&T) -> Result<Reply, Failure> + Send + 'static,
    ) -> Result<Result<Reply, OperationError>, Failure> {
        let work = move |operations: &Operations| match read(operations) {
            Ok(found) => write(&found).map(Ok),
            Err(error) => Ok(Err(error)),
        };
        self.blocking(work).await
    }

    async fn latest(&self, process: Id, asked: &Asked<'_>) -> Result<Reply, Failure> {
        match self.here(move |operations| operations.latest(&Request::about(process)), latest).await? {
            Ok(reply) => Ok(reply),
            Err(error) => {
                let turn = Box::pin(self.turn(error, &Request::about(process), &asked.head.headers)).await?;
                let found = Box::pin(self.latest_elsewhere(&turn)).await?;
                self.blocking(move |_| latest(&found)).await
            }
        }
    }

    async fn definition(&self, process: Id, asked: &Asked<'_>) -> Result<Reply, Failure> {
        match self.here(move |operations| defined(operations, process), definition).await? {
            Ok(reply) => Ok(reply),
            Err(error) => {
                let turn = Box::pin(self.turn(error, &Request::about(process), &asked.head.headers)).await?;
                let found = Box::pin(self.definition_elsewhere(&turn)).await?;
                self.blocking(move |_| definition(&found)).await
            }
        }
    }

    async fn item_or_page(&self, id: Id, asked: &Asked<'_>) -> Result<Reply, Failure> {
        let process =
            asked.parameters.get("process-id").ok_or_else(|| Failure::bad_request("'process-id' is missing"))?;
        let process: Id = process.parse().map_err(|error| Failure::bad_request(format!("'process-id': {error}")))?;
        if id == process { self.legacy_page(process, asked).await } else { self.legacy_item(process, id, asked).await }
    }

    async fn legacy_item(&self, process: Id, id: Id, asked: &Asked<'_>) -> Result<Reply, Failure> {
        match self.here(move |operations| operations.find(&Request::about(process), &id), item).await? {
            Ok(reply) => Ok(reply),
            Err(error) => {
                let turn = Box::pin(self.turn(error, &Request::about(process), &asked.head.headers)).await?;
                let found = Box::pin(self.find_elsewhere(&turn, id)).await?;
                self.blocking(move |_| item(&found)).await
            }
        }
    }

    async fn legacy_page(&self, process: Id, asked: &Asked<'_>) -> Result<Reply, Failure> {
        let wanted = PageRequest::read(&asked.parameters)?;
        let cursor = wanted.cursor();
        let write = move |page: &SchedulePage| json(&Page::new(page, cursor));
        match self.here(move |operations| wanted.read_from(operations, &Request::about(process)), write).await? {
            Ok(reply) => Ok(reply),
            Err(error) => {
                let turn = Box::pin(self.turn(error, &Request::about(process), &asked.head.headers)).await?;
                let page = match wanted.bounds {
                    Bounds::Nonces(slots) => Box::pin(self.read_elsewhere(&turn, slots, wanted.limit)).await?,
                    Bounds::Time(times) => Box::pin(self.read_times_elsewhere(&turn, times, wanted.limit)).await?,
                };
                self.blocking(move |_| write(&page)).await
            }
        }
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
fn latest(found: &Scheduled) -> Result<Reply, Failure> {
    if found.assignment.slot() == 0 && found.message.id() == found.assignment.process() {
        return Err(Failure::bad_request("the process has no messages yet"));
    }
    item(found)
}

fn item(found: &Scheduled) -> Result<Reply, Failure> {
    json(&NodeForm::from(found)).map(fresh)
}

/// A process, and its first slot where that assigns the process itself.
type Defined = (Item, Option<Scheduled>);

fn defined(operations: &Operations, process: Id) -> Result<Defined, OperationError> {
    let request = Request::about(process);
    let definition = operations.process(&request)?;
    let first = operations.read_at_most(&request, Slots::within(&(0..=0)), 1)?;
    let first = first.assignments.into_iter().next();
    Ok((definition, first.filter(|first| first.message.id() == process)))
}

/// A process need not have been posted; where it was, its assignment tells when.
fn definition((definition, own): &Defined) -> Result<Reply, Failure> {
    let posted = |own: &Scheduled| (own.assignment.block().height, own.assignment.timestamp());
    let (height, time) = own.as_ref().map_or((0, 0), posted);
    json(&ProcessForm::new(definition, height, time)).map(fresh)
}

/// Which page.
#[derive(Clone, Copy)]
struct PageRequest {
    bounds: Bounds,
    limit: usize,
}

#[derive(Clone, Copy)]
enum Bounds {
    Time(Times),
    Nonces(Slots),
}

impl PageRequest {
    fn read(parameters: &Parameters<'_>) -> Result<Self, Failure> {
        let (from, to) = (parameters.get("from-nonce"), parameters.get("to-nonce"));
        let bounds = if from.is_some() || to.is_some() {
            Bounds::Nonces(Slots::parse_nonces(from, to).map_err(|error| Failure::bad_request(error.to_string()))?)
        } else {
            Bounds::Time(Times { after_ms: number(parameters, "from")?, to_ms: number(parameters, "to")? })
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
            Bounds::Time(times) => operations.slots_in_time(request, times.after_ms, times.to_ms)?,
        };
        operations.read_at_most(request, slots, self.limit)
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
