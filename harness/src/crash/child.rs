//! The engine's process: schedules messages and reports each acknowledgement until it is killed.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use slotbench_backends::{Kind, Options};
use slotbench_core::scheduler::SignaturePolicy;
use slotbench_core::store::Store;
use slotbench_core::wallet::NoSigner;
use slotbench_core::{Config, Durability, Mode as CoreMode, Scheduler};

use crate::axis::Mode;
use crate::crash::lying::Lying;
use crate::crash::messages::Messages;
use crate::crash::wire::{Ack, RECORD, Report, monotonic_ns};

/// Refusals after which a worker gives up: a store that failed stays failed.
const PATIENCE: u32 = 50;

/// What the engine's process is to do: its one argument, as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChildSpec {
    /// The engine.
    pub backend: String,
    /// Its settings.
    pub options: BTreeMap<String, String>,
    /// Where it stores.
    pub dir: PathBuf,
    /// The file of [`Messages`].
    pub messages: PathBuf,
    /// When callers are acknowledged.
    pub mode: Mode,
    /// The tier asked of the engine.
    pub tier: Durability,
    /// Concurrent callers.
    pub workers: u32,
    /// Most messages of one process that have a slot and are not stored.
    pub window: usize,
    /// Puts [`Lying`] before the engine.
    pub lying: bool,
}

/// Does it: says `Ready`, waits for a byte on standard input, then sends messages until it is killed or its parent is
/// gone. Standard output is the pipe of [`Report`]s.
///
/// # Errors
/// What kept it from getting ready, in a sentence.
pub fn run(spec: &ChildSpec) -> Result<(), String> {
    let text = |error: &dyn std::error::Error| error.to_string();
    let messages = Arc::new(Messages::load(&spec.messages).map_err(|error| text(&error))?);
    let kind = Kind::find(&spec.backend).ok_or_else(|| format!("{} is not built in", spec.backend))?;
    let engine = kind.open(&spec.dir, &Options::new(spec.options.clone())).map_err(|error| text(&error))?;
    let store: Arc<dyn Store> = if spec.lying { Arc::new(Lying::new(engine)) } else { engine };
    let scheduler = Arc::new(Scheduler::new(store, config(spec)).map_err(|error| text(&error))?);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().map_err(|error| text(&error))?;
    if !tell(Report::Ready) || io::stdin().read(&mut [0]).map_err(|error| text(&error))? == 0 {
        return Ok(());
    }
    for index in 0..spec.workers {
        let (scheduler, messages) = (Arc::clone(&scheduler), Arc::clone(&messages));
        runtime.spawn(worker(scheduler, messages, index, spec.workers));
    }
    // The parent never says more: its end of this pipe closes when it dies, and this process is not to outlive it.
    let _ = io::stdin().read(&mut [0]);
    std::process::exit(0);
}

fn config(spec: &ChildSpec) -> Config {
    Config {
        mode: if spec.mode == Mode::Aggressive { CoreMode::Aggressive } else { CoreMode::Local },
        durability: spec.tier,
        signatures: SignaturePolicy { required: false, verify: false },
        window: spec.window,
        ..Config::new(Arc::new(NoSigner))
    }
}

/// Sends messages `index, index + workers, …`.
async fn worker(scheduler: Arc<Scheduler>, messages: Arc<Messages>, index: u32, workers: u32) {
    let mut refused = 0;
    for sequence in (u64::from(index)..).step_by(workers as usize) {
        let Some(message) = messages.sent(sequence) else { return };
        let report = match scheduler.schedule(message.clone()).await {
            Ok(receipt) => Report::Acknowledged(Ack { sequence, slot: receipt.slot, at_ns: monotonic_ns() }),
            Err(_) => Report::Refused(sequence),
        };
        refused += u32::from(matches!(report, Report::Refused(_)));
        if refused == PATIENCE || !tell(report) {
            return;
        }
    }
}

/// One record, one system call; false when nobody listens any more.
fn tell(report: Report) -> bool {
    let record = report.encode();
    let wrote = rustix::io::retry_on_intr(|| rustix::io::write(rustix::stdio::stdout(), &record));
    wrote == Ok(RECORD)
}
