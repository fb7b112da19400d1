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
use slotbench_core::foreign::ForeignCounters;
use slotbench_core::location::LocationCounters;
use slotbench_core::operations::Operations;

use crate::remote::Remote;

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

/// What questions to other schedulers are counted by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AskedLabels {
    operation: Word,
    outcome: Word,
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
    asked: Family<AskedLabels, Count>,
    not_cached: Count,
    scheduler: SchedulerGauges,
    others: OthersGauges,
}

/// Read from the scheduler when somebody asks.
#[derive(Default)]
struct SchedulerGauges {
    writers: Gauge,
    unstored: Gauge,
    batches: Gauge,
    stored: Gauge,
}

/// What is known of other schedulers, read when somebody asks.
#[derive(Default)]
struct OthersGauges {
    foreign: Family<CountLabel, Gauge>,
    foreign_bytes: Gauge,
    foreign_processes: Gauge,
    locations: Family<CountLabel, Gauge>,
    connections: Gauge,
}

/// One of several counts with one name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CountLabel {
    count: Word,
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
        let (asked, not_cached, others) = (Family::default(), Count::default(), OthersGauges::default());
        registry.register("remote_operations", "Operations of other schedulers", asked.clone());
        registry.register("remote_connections_opened", "Connections to other schedulers", others.connections.clone());
        registry.register(
            "foreign_pages_not_cached",
            "Pages answered while too many waited to be cached",
            not_cached.clone(),
        );
        registry.register("foreign_cache", "What the cache of others' schedules did", others.foreign.clone());
        registry.register_with_unit("foreign_cache", "Its size", Unit::Bytes, others.foreign_bytes.clone());
        registry.register("foreign_cache_processes", "Processes in it", others.foreign_processes.clone());
        registry.register("location_cache", "What the cache of location records did", others.locations.clone());
        Self { registry, requests, durations, in_flight, body_bytes, asked, not_cached, scheduler, others }
    }

    /// Another scheduler was asked.
    pub(crate) fn asked(&self, operation: &'static str, is_ok: bool) {
        let outcome = Word(if is_ok { "ok" } else { "failed" });
        self.asked.get_or_create(&AskedLabels { operation: Word(operation), outcome }).inc();
    }

    /// A page of another scheduler was answered and not cached.
    pub(crate) fn not_cached(&self) {
        self.not_cached.inc();
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
    pub(crate) fn text(&self, operations: &Operations, remote: Option<&Remote>) -> Result<String, std::fmt::Error> {
        let scheduler = operations.scheduler();
        let counters = scheduler.commit_counters();
        let as_gauge = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let busy = scheduler.metrics();
        self.scheduler.writers.set(as_gauge(busy.servers as u64));
        self.scheduler.unstored.set(as_gauge(busy.queued));
        self.scheduler.batches.set(as_gauge(counters.batches));
        self.scheduler.stored.set(as_gauge(counters.entries));
        self.others.read(operations, remote);
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl OthersGauges {
    fn read(&self, operations: &Operations, remote: Option<&Remote>) {
        let as_gauge = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let set = |family: &Family<CountLabel, Gauge>, counts: &[(&'static str, u64)]| {
            for (name, count) in counts {
                family.get_or_create(&CountLabel { count: Word(name) }).set(as_gauge(*count));
            }
        };
        let foreign = operations.foreign().counters();
        let ForeignCounters { hits, misses, stored, refused, evicted, .. } = foreign;
        let counts =
            [("hits", hits), ("misses", misses), ("stored", stored), ("refused", refused), ("evicted", evicted)];
        set(&self.foreign, &counts);
        self.foreign_bytes.set(as_gauge(foreign.bytes));
        self.foreign_processes.set(as_gauge(foreign.processes));
        let LocationCounters { hits, misses, stale, taken, refused, evicted } = operations.locations().counters();
        let counts = [("hits", hits), ("misses", misses), ("stale", stale), ("taken", taken), ("refused", refused)];
        set(&self.locations, &counts);
        set(&self.locations, &[("evicted", evicted)]);
        self.connections.set(as_gauge(remote.map_or(0, Remote::opened)));
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
