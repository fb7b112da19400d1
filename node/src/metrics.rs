//! What a node counts, as OpenMetrics.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use http::{StatusCode, Version};
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use slotbench_core::Scheduler;

/// The content type of the metrics' text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What requests are counted by. Every label has a fixed set of values, so nothing grows with clients.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    route: Word,
    protocol: Word,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabel {
    route: Word,
}

/// A label's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Word(&'static str);

impl EncodeLabelValue for Word {
    fn encode(&self, encoder: &mut prometheus_client::encoding::LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        self.0.encode(encoder)
    }
}

type Durations = Family<RouteLabel, Histogram, fn() -> Histogram>;
type Count = Counter<u64, AtomicU64>;

/// A node's counters.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Labels, Count>,
    durations: Durations,
    in_flight: Gauge,
    body_bytes: Count,
    scheduler: SchedulerGauges,
}

/// Read from the scheduler when somebody asks.
#[derive(Default)]
struct SchedulerGauges {
    writers: Gauge,
    unstored: Gauge,
    batches: Gauge,
    stored: Gauge,
}

/// From 50 µs to some 26 s.
fn duration_buckets() -> Histogram {
    Histogram::new(exponential_buckets(50e-6, 2.0, 20))
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let (requests, in_flight, body_bytes) = (Family::default(), Gauge::default(), Count::default());
        let durations = Durations::new_with_constructor(duration_buckets);
        let mut registry = Registry::with_prefix("slotbench");
        registry.register("requests", "Requests answered", requests.clone());
        registry.register_with_unit("request_duration", "Time to the answer", Unit::Seconds, durations.clone());
        registry.register("requests_in_flight", "Requests being answered", in_flight.clone());
        registry.register_with_unit("body", "Bytes of request bodies taken in", Unit::Bytes, body_bytes.clone());
        let scheduler = SchedulerGauges::default();
        registry.register("writers", "Processes with a running writer", scheduler.writers.clone());
        registry.register("messages_unstored", "Messages with a slot and not stored yet", scheduler.unstored.clone());
        registry.register("batches_applied", "Batches stored since the start", scheduler.batches.clone());
        registry.register("messages_stored", "Messages stored since the start", scheduler.stored.clone());
        Self { registry, requests, durations, in_flight, body_bytes, scheduler }
    }

    /// A request begins; it is counted when the guard is told its end.
    pub(crate) fn begin(self: &Arc<Self>, version: Version) -> Counting {
        self.in_flight.inc();
        Counting { metrics: Arc::clone(self), begun: Instant::now(), protocol: protocol(version), route: "none" }
    }

    pub(crate) fn taken(&self, bytes: usize) {
        self.body_bytes.inc_by(bytes as u64);
    }

    /// Everything, as OpenMetrics text.
    pub(crate) fn text(&self, scheduler: &Scheduler) -> Result<String, std::fmt::Error> {
        let counters = scheduler.commit_counters();
        let as_gauge = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let busy = scheduler.metrics();
        self.scheduler.writers.set(as_gauge(busy.servers as u64));
        self.scheduler.unstored.set(as_gauge(busy.queued));
        self.scheduler.batches.set(as_gauge(counters.batches));
        self.scheduler.stored.set(as_gauge(counters.entries));
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_3 => "h3",
        Version::HTTP_2 => "h2",
        _ => "h1",
    }
}

/// A request on its way.
pub(crate) struct Counting {
    metrics: Arc<Metrics>,
    begun: Instant,
    protocol: &'static str,
    pub(crate) route: &'static str,
}

impl Counting {
    /// The request was answered.
    pub(crate) fn answered(self, status: StatusCode) {
        let labels = Labels { route: Word(self.route), protocol: Word(self.protocol), status: status.as_u16() };
        self.metrics.requests.get_or_create(&labels).inc();
        let durations = self.metrics.durations.get_or_create(&RouteLabel { route: Word(self.route) });
        durations.observe(self.begun.elapsed().as_secs_f64());
    }
}

/// Requests whose client went away are in flight no longer, and were not answered.
impl Drop for Counting {
    fn drop(&mut self) {
        self.metrics.in_flight.dec();
    }
}
