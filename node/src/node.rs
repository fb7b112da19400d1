//! The scheduler as a service: admits a request, finds its operation, answers.

mod device;
mod elsewhere;
mod legacy;
mod location;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method, Request, StatusCode};
use http_body::Body;
use slotbench_core::operations::Operations;
use tokio::sync::Semaphore;

use crate::body::{self, Budget, Taken};
use crate::failure::Failure;
use crate::limits::Limits;
use crate::metrics::{self, Counting, Metrics};
use crate::parameters::Parameters;
use crate::remote::Remote;
use crate::reply::{self, GET_AND_POST, GET_ONLY};
use crate::route::{Key, Route};
use crate::service::{Reply, Service};

/// A request header whose number is handed to the scheduler's commit observer with the message, where
/// [`NodeOptions::tagged`] says so: how a load generator recognises its messages when they are stored.
pub const TAG: HeaderName = HeaderName::from_static("slotbench-tag");

/// Where failures are told, each with its chain of causes.
pub type Reporter = Arc<dyn Fn(&str) + Send + Sync>;

/// How a node serves.
#[derive(Clone, Default)]
pub struct NodeOptions {
    /// What clients may make it hold or wait for.
    pub limits: Limits,
    /// Whether [`TAG`] counts.
    pub tagged: bool,
    /// Told of every failure that is the node's own, for the operator.
    pub on_failure: Option<Reporter>,
    /// Asks other schedulers; without it clients are sent to them.
    pub remote: Option<Arc<Remote>>,
    /// How pages for `application/aos-2` are written.
    pub aos2: Aos2,
}

/// A shape of pages for `application/aos-2`. Both can be [read](crate::wire::read).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Aos2 {
    /// The legacy protocol's.
    #[default]
    Legacy,
    /// The reference node's: members are capitalised, and owners told without their keys.
    Capital,
}

/// The scheduler as a service.
pub struct Node {
    operations: Arc<Operations>,
    options: NodeOptions,
    places: Semaphore,
    budget: Budget,
    metrics: Arc<Metrics>,
}

impl Node {
    /// Serves these operations.
    #[must_use]
    pub fn new(operations: Arc<Operations>, options: NodeOptions) -> Self {
        let places = Semaphore::new(options.limits.requests.min(Semaphore::MAX_PERMITS));
        let budget = Budget::new(&options.limits);
        Self { operations, options, places, budget, metrics: Arc::new(Metrics::new()) }
    }

    /// What is served.
    #[must_use]
    pub fn operations(&self) -> &Arc<Operations> {
        &self.operations
    }

    async fn answer<B>(&self, request: Request<B>, counting: &mut Counting) -> Result<Reply, Failure>
    where
        B: Body<Data = Bytes> + Send + Unpin,
        B::Error: fmt::Display,
    {
        let (head, body) = request.into_parts();
        let (route, behind_path) = Route::parse(head.uri.path()).ok_or_else(Failure::no_route)?;
        counting.route = route.label();
        let allow = if takes_post(&route) { GET_AND_POST } else { GET_ONLY };
        if head.method == Method::OPTIONS {
            return Ok(reply::options(allow));
        }
        if !allow.split(", ").any(|method| head.method == method) {
            return Err(Failure::method(allow));
        }
        let posted = if head.method == Method::POST { Some(self.take(body).await?) } else { None };
        let parameters = Parameters::read(head.uri.query().unwrap_or(""), behind_path, &head.headers);
        let asked = Asked { head: &head, parameters, posted };
        let patience = self.options.limits.answer_time;
        let answered = tokio::time::timeout(patience, self.dispatch(route, &asked)).await;
        let reply = answered.unwrap_or_else(|_| Err(Failure::too_late(patience)))?;
        Ok(if head.method == Method::HEAD { reply::head_of(reply) } else { reply })
    }

    async fn take<B>(&self, body: B) -> Result<Taken, Failure>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: fmt::Display,
    {
        let taken = body::take(body, &self.options.limits, &self.budget).await?;
        self.metrics.taken(taken.bytes.len());
        Ok(taken)
    }

    /// Requests go by reference, and what is seldom asked for on the heap: HTTP/2 and HTTP/3 copy the whole future of a request
    /// when they spawn it, and an asynchronous function holds what it takes by value twice.
    async fn dispatch(&self, route: Route, asked: &Asked<'_>) -> Result<Reply, Failure> {
        match route {
            Route::Health => Ok(reply::empty(StatusCode::OK)),
            Route::Metrics => Box::pin(self.metrics()).await,
            Route::Device(key) => self.device(None, key, asked).await,
            Route::Process(process, key) => self.device(Some(process), key, asked).await,
            _ => Box::pin(self.legacy(route, asked)).await.map_err(Failure::legacy),
        }
    }

    /// Off the threads that serve: it takes locks that others hold while a store writes.
    async fn metrics(&self) -> Result<Reply, Failure> {
        let (metrics, remote) = (Arc::clone(&self.metrics), self.options.remote.clone());
        let text = self.blocking(move |operations| {
            let text = metrics.text(operations, remote.as_deref());
            text.map_err(|error| Failure::internal(format!("the metrics' text: {error}")))
        });
        Ok(reply::fresh(reply::whole(StatusCode::OK, metrics::CONTENT_TYPE, text.await?)))
    }

    /// Runs what reads the store, or writes long texts, where it keeps no other request waiting.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Operations) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let operations = Arc::clone(&self.operations);
        let done = tokio::task::spawn_blocking(move || work(&operations)).await;
        done.unwrap_or_else(|error| Err(Failure::internal(format!("a request's task: {error}"))))
    }

    fn tag(&self, headers: &HeaderMap) -> u64 {
        let tag = || headers.get(TAG)?.to_str().ok()?.parse().ok();
        if self.options.tagged { tag().unwrap_or(0) } else { 0 }
    }

    fn report(&self, failure: &Failure) {
        if let (Some(cause), Some(tell)) = (&failure.cause, &self.options.on_failure) {
            tell(cause);
        }
    }
}

/// Only what schedules, takes a location record, or hands back what it was given, takes a body.
fn takes_post(route: &Route) -> bool {
    use Key::{Checkpoint, Location, Schedule};
    let key = match route {
        Route::Root => return true,
        Route::Device(key) | Route::Process(_, key) => key,
        _ => return false,
    };
    matches!(key, Schedule | Location | Checkpoint)
}

/// A request, read.
struct Asked<'a> {
    head: &'a Parts,
    parameters: Parameters<'a>,
    /// The body of a POST.
    posted: Option<Taken>,
}

impl Asked<'_> {
    fn header(&self, name: HeaderName) -> Option<&str> {
        self.head.headers.get(name)?.to_str().ok()
    }

    /// Nothing, where there is none.
    fn body(&self) -> Bytes {
        self.posted.as_ref().map(|taken| taken.bytes.clone()).unwrap_or_default()
    }
}

impl Service for Node {
    async fn respond<B>(&self, request: Request<B>) -> Reply
    where
        B: Body<Data = Bytes> + Send + Unpin,
        B::Error: fmt::Display,
    {
        let mut counting = self.metrics.begin(request.version());
        let answered = match self.places.try_acquire() {
            Ok(_place) => self.answer(request, &mut counting).await,
            Err(_) => Err(Failure::overloaded("place for another request")),
        };
        let reply = answered.unwrap_or_else(|failure| {
            self.report(&failure);
            Reply::from(&failure)
        });
        counting.answered(reply.status());
        reply
    }
}
