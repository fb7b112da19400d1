//! A node in this process.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use slotbench_core::operations::{Operations, Policies, ProcessPolicy};
use slotbench_core::scheduler::{CommitMode, CommitObserver, SignaturePolicy};
use slotbench_core::store::Store;
use slotbench_core::{Config, Mode as CoreMode, Scheduler, Signer};
use slotbench_node::tls::Identity;
use slotbench_node::{Limits, Node, NodeOptions, Protocol, Server, Tcp};
use tokio::runtime::Runtime;

use crate::axis::{Commit, Mode, Transport};
use crate::driver::clock::Epoch;
use crate::driver::meters::Meters;
use crate::driver::node::spec::{Begin, Begun, DurableForm, NodeReport, NodeSpec};
use crate::driver::sampler::Sampler;
use crate::recorder::DurableRecorder;

/// The host's name in certificates and requests.
pub(super) const HOST: &str = "localhost";

/// A node in this process.
pub struct Hosted {
    spec: NodeSpec,
    store: Arc<dyn Store>,
    signer: Arc<dyn Signer>,
    runtime: Runtime,
    base: Option<u64>,
    serving: Option<Serving>,
}

struct Serving {
    server: Server<Node>,
    scheduler: Arc<Scheduler>,
    recorder: Option<Arc<DurableRecorder>>,
    meters: Meters,
    sampler: Sampler,
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

impl Hosted {
    /// A node on an open store. Serves nothing yet. `base` is what the process had resident before the store was opened,
    /// where nothing but the node is in it.
    ///
    /// # Errors
    /// When the system gives it no threads.
    pub fn new(
        spec: NodeSpec,
        store: Arc<dyn Store>,
        signer: Arc<dyn Signer>,
        base: Option<u64>,
    ) -> Result<Self, String> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(cores).thread_name("node").enable_all().build().map_err(text)?;
        Ok(Self { spec, store, signer, runtime, base, serving: None })
    }

    /// Serves, with a new scheduler.
    ///
    /// # Errors
    /// What keeps it from serving, in a sentence.
    pub fn begin(&mut self, begin: Begin) -> Result<Begun, String> {
        self.end();
        let epoch = Epoch::at_monotonic(begin.epoch_ns);
        let recorder = (self.spec.mode == Mode::Aggressive).then(|| Arc::new(DurableRecorder::new(epoch)));
        let observer = recorder.clone().map(|recorder| recorder as Arc<dyn CommitObserver>);
        let scheduler = Scheduler::new(Arc::clone(&self.store), Config { observer, ..self.config() });
        let scheduler = Arc::new(scheduler.map_err(text)?);
        let policies = Policies { processes: ProcessPolicy::Any, ..Policies::default() };
        let operations = Arc::new(Operations::new(Arc::clone(&scheduler), policies));
        let limits = Limits::default();
        let options = NodeOptions { limits: limits.clone(), tagged: true, ..NodeOptions::default() };
        let server = Server::new(Arc::new(Node::new(operations, options)), limits);
        let (addr, certificate) = self.runtime.block_on(listen(&server, self.spec.transport))?;

        let counted = recorder.is_some().then(|| Arc::clone(&scheduler));
        let unstored = move || counted.as_ref().map(|scheduler| scheduler.unstored());
        let sampler = Sampler::start(epoch, Duration::from_nanos(begin.interval_ns), unstored).map_err(text)?;
        let meters = Meters::read(&*self.store, &self.spec.dir, self.base);
        self.serving = Some(Serving { server, scheduler, recorder, meters, sampler });
        Ok(Begun { addr, certificate, signer: self.signer.address().to_string() })
    }

    fn config(&self) -> Config {
        let spec = &self.spec;
        Config {
            mode: if spec.mode == Mode::Aggressive { CoreMode::Aggressive } else { CoreMode::Local },
            durability: spec.tier,
            commit: if spec.commit == Commit::Each { CommitMode::Each } else { CommitMode::Group },
            signatures: SignaturePolicy { required: false, verify: spec.verify },
            window: spec.window,
            // The threads that serve must not wait for a disk.
            inline: !self.store.may_wait(),
            ..Config::new(Arc::clone(&self.signer))
        }
    }

    /// Waits until everything acknowledged is stored, or has failed.
    pub fn drain(&self) {
        if let Some(serving) = &self.serving {
            serving.scheduler.drain();
        }
    }

    /// Stops serving, and tells what was used since it began.
    ///
    /// # Errors
    /// When it did not serve.
    pub fn report(&mut self) -> Result<NodeReport, String> {
        let Serving { server, scheduler, recorder, meters, sampler } =
            self.serving.take().ok_or("the node has not begun")?;
        let (resources, readings) = meters.since(&*self.store, || sampler.finish());
        self.runtime.block_on(server.stop());
        let durable = recorder.map(|recorder| DurableForm::of(&recorder.recorded())).transpose()?;
        let (max_unstored, batches) = (scheduler.max_unstored(), scheduler.batch_sizes());
        Ok(NodeReport { resources, readings, durable, max_unstored, batches })
    }

    fn end(&mut self) {
        if let Some(serving) = self.serving.take() {
            self.runtime.block_on(serving.server.stop());
            serving.scheduler.drain();
        }
    }
}

impl Drop for Hosted {
    fn drop(&mut self) {
        self.end();
    }
}

/// Listens on a port of the system's choice; with the certificate, DER in base64, where there is one.
async fn listen(server: &Server<Node>, transport: Transport) -> Result<(SocketAddr, Option<String>), String> {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let tcp = match transport {
        Transport::H1 => Tcp::H1,
        Transport::H2 => Tcp::H2,
        Transport::H3 => {
            let identity = Identity::self_signed(&[HOST]).map_err(text)?;
            let tls = identity.server(&[Protocol::H3]).map_err(text)?;
            let addr = server.quic(any, tls).map_err(text)?;
            return Ok((addr, Some(STANDARD.encode(identity.certificate()))));
        }
        Transport::InProcess => return Err("a node is not in process".to_owned()),
    };
    Ok((server.tcp(any, tcp, None).await.map_err(text)?, None))
}
