//! A round over a transport: the scheduler is behind HTTP, in a process of its own where its store outlives one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use slotbench_core::Address;
use slotbench_core::assignments::CheckOptions;
use slotbench_core::store::Store;
use slotbench_node::client::PoolSize;

use super::messages::{Messages, Order};
use super::site::Site;
use super::{Measured, Used, Warmed, expected_length, extent, verify, warm_up};
use crate::axis::{Sign, Transport};
use crate::cell::Axes;
use crate::driver::clock::Epoch;
use crate::driver::course::{self, Course};
use crate::driver::debt;
use crate::driver::node::spec::{Begin, NodeReport, NodeSpec};
use crate::driver::node::{Host, HttpTarget};
use crate::model::Resources;
use crate::recorder::Durable;
use crate::runner::CellFailure;

/// How often the warm-up, whose readings nobody sees, is read.
const SELDOM: Duration = Duration::from_secs(60);

fn broken(reason: String) -> CellFailure {
    CellFailure::Failed(reason)
}

pub(super) fn measure(
    messages: &mut Messages<'_>,
    site: &Site,
    store: Arc<dyn Store>,
) -> Result<Measured, CellFailure> {
    let cell = messages.job.cell;
    let mut round = Remote::start(messages, site, store)?;
    let epoch = Epoch::start();
    let warm = round.serve(messages, epoch, SELDOM)?;
    let warmed = warm_up(messages, &warm.target, None, epoch)?;
    drop(warm);
    let slots_before = messages.slots();

    let (count, limit) = extent(cell, &warmed);
    messages.reserve(count)?;
    let interval = course::interval(expected_length(count, limit, &warmed));
    let served = round.serve(messages, epoch, interval)?;
    let workers = cell.axes.workers as usize;
    let passed = match cell.axes.open_load() {
        None => {
            let order = Order { store: None, operations: count, workers, limit, epoch };
            messages.pass(&served.target, order).map(|outcome| (outcome, None))
        }
        Some(load) => {
            let passed = messages.paced_pass(&served.target, count, load, epoch);
            passed.map(|(outcome, paced)| (outcome, Some(paced)))
        }
    };
    let report = round.host().report().map_err(broken);
    let (outcome, paced) = passed?;
    let NodeReport { mut resources, readings, durable, max_unstored, batches } = report?;
    let durable = durable.map(|durable| durable.open()).transpose().map_err(broken)?;
    let (connections, signer) = (served.target.opened(), served.signer);
    // The node's host is free again.
    drop(served.target);
    resources.user_bytes = Some(outcome.bytes);
    let debt = debt::watch(outcome.elapsed);

    let stored = durable.as_ref().map_or(&outcome.acknowledged, |durable| &durable.histogram);
    let course = Course::of(&outcome, &readings, stored.value_at_quantile(0.5));
    let verification = round.finish(messages, site, durable.as_ref(), signer, &mut resources)?;
    let used = Used { resources, stages: std::collections::BTreeMap::new(), batches, course, debt };
    let Warmed { duration: warmup, .. } = warmed;
    let connections = Some(connections);
    Ok(Measured { outcome, paced, durable, max_unstored, warmup, used, verification, slots_before, connections })
}

/// A node, and its store where it is in this process.
struct Remote {
    host: Arc<Mutex<Host>>,
    store: Option<Arc<dyn Store>>,
}

/// A node that serves.
struct Served {
    target: HttpTarget,
    signer: Address,
}

impl Remote {
    fn start(messages: &mut Messages<'_>, site: &Site, store: Arc<dyn Store>) -> Result<Self, CellFailure> {
        let cell = messages.job.cell;
        let config = messages.config(site.tier)?;
        let workload = &cell.axes.workload;
        let spec = NodeSpec {
            backend: cell.axes.backend.clone(),
            options: cell.engine_options.clone(),
            dir: site.dir.clone(),
            mode: cell.axes.mode,
            tier: site.tier,
            sign: workload.sign,
            verify: workload.verify,
            commit: workload.commit,
            window: config.window,
            transport: cell.axes.transport,
        };
        let (host, store) = if site.kind.is_persistent() {
            drop(store);
            (Host::start(&spec), None)
        } else {
            (Host::here(spec, Arc::clone(&store), config.signer), Some(store))
        };
        Ok(Self { host: Arc::new(Mutex::new(host.map_err(broken)?)), store })
    }

    fn host(&self) -> MutexGuard<'_, Host> {
        self.host.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&mut self, messages: &Messages<'_>, epoch: Epoch, interval: Duration) -> Result<Served, CellFailure> {
        let interval_ns = super::nanoseconds(interval);
        let begun = self.host().begin(Begin { epoch_ns: epoch.monotonic(), interval_ns }).map_err(broken)?;
        let signer = begun.signer.parse().map_err(|error| broken(format!("the node's address: {error}")))?;
        let axes = &messages.job.cell.axes;
        let runtime = messages.driver.runtime().map_err(|error| broken(error.to_string()))?;
        let target = HttpTarget::connect(runtime, &self.host, &begun, axes.transport, pool(axes)).map_err(broken)?;
        Ok(Served { target, signer })
    }

    /// Stops the node and checks what it leaves.
    fn finish(
        self,
        messages: &mut Messages<'_>,
        site: &Site,
        durable: Option<&Durable>,
        signer: Address,
        resources: &mut Resources,
    ) -> Result<Option<crate::verify::Verification>, CellFailure> {
        let Self { host, store } = self;
        let host = Arc::into_inner(host).ok_or_else(|| broken("the node is still in use".to_owned()))?;
        host.into_inner().unwrap_or_else(PoisonError::into_inner).stop().map_err(broken)?;
        let workload = &messages.job.cell.axes.workload;
        let signer = (workload.sign != Sign::None).then_some(signer);
        let checks = CheckOptions { messages: workload.verify, signer };
        let expected = messages.acknowledged - durable.map_or(0, |durable| durable.failed);
        verify(site, store, |store| messages.check(store, checks, expected), resources)
    }
}

/// A connection for each worker. In an open loop they share what is in flight, as far as their protocol lets them.
fn pool(axes: &Axes) -> PoolSize {
    let connections = axes.workers.max(1) as usize;
    let in_flight = axes.open_load().map_or(1, |load| load.in_flight as usize);
    let turns = if axes.transport == Transport::H1 { 1 } else { in_flight.div_ceil(connections) };
    PoolSize { connections, turns }
}
