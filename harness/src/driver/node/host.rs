//! The driver's end of a node.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;

use slotbench_core::Signer;
use slotbench_core::store::Store;

use crate::driver::node::CHILD;
use crate::driver::node::hosted::Hosted;
use crate::driver::node::spec::{Begin, Begun, NodeReport, NodeSpec, Order, Reply};

/// A node that obeys.
pub(in crate::driver) enum Host {
    /// In a process of its own.
    Process(Process),
    /// In this one.
    Here(Box<Hosted>),
}

impl Host {
    /// A node of this program in a process of its own, with its store open.
    pub(in crate::driver) fn start(spec: &NodeSpec) -> Result<Self, String> {
        Process::start(spec).map(Self::Process)
    }

    /// A node in this process.
    pub(in crate::driver) fn here(
        spec: NodeSpec,
        store: Arc<dyn Store>,
        signer: Arc<dyn Signer>,
    ) -> Result<Self, String> {
        Hosted::new(spec, store, signer, None).map(Box::new).map(Self::Here)
    }

    pub(in crate::driver) fn begin(&mut self, begin: Begin) -> Result<Begun, String> {
        match self {
            Self::Here(node) => node.begin(begin),
            Self::Process(process) => match process.ask(Order::Begin(begin))? {
                Reply::Begun(begun) => Ok(begun),
                other => Err(unexpected(&other)),
            },
        }
    }

    pub(in crate::driver) fn drain(&mut self) -> Result<(), String> {
        match self {
            Self::Here(node) => {
                node.drain();
                Ok(())
            }
            Self::Process(process) => process.ask(Order::Drain).map(drop),
        }
    }

    pub(in crate::driver) fn report(&mut self) -> Result<NodeReport, String> {
        match self {
            Self::Here(node) => node.report(),
            Self::Process(process) => match process.ask(Order::Report)? {
                Reply::Report(report) => Ok(*report),
                other => Err(unexpected(&other)),
            },
        }
    }

    /// Ends it; its store is closed then.
    pub(in crate::driver) fn stop(self) -> Result<(), String> {
        match self {
            Self::Here(_) => Ok(()),
            Self::Process(process) => process.stop(),
        }
    }
}

fn unexpected(reply: &Reply) -> String {
    format!("the node's process answered {reply:?}")
}

/// A node's process. Killed when dropped.
pub(in crate::driver) struct Process {
    process: Child,
    /// Closed when the process is to end.
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Process {
    fn start(spec: &NodeSpec) -> Result<Self, String> {
        let program = std::env::current_exe().map_err(|error| format!("this program's file: {error}"))?;
        let spec = serde_json::to_string(spec).map_err(|error| error.to_string())?;
        let mut command = Command::new(program);
        command.arg(CHILD).arg(spec).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().map_err(|error| format!("the node's process cannot start: {error}"))?;
        let stdin = process.stdin.take();
        let stdout = process.stdout.take().ok_or("the node's process has no standard output")?;
        let mut node = Self { process, stdin, stdout: BufReader::new(stdout) };
        match node.answer()? {
            Reply::Ready => Ok(node),
            Reply::Failed(reason) => Err(reason),
            other => Err(unexpected(&other)),
        }
    }

    fn ask(&mut self, order: Order) -> Result<Reply, String> {
        let mut line = serde_json::to_vec(&order).map_err(|error| error.to_string())?;
        line.push(b'\n');
        let told = self.stdin.as_mut().map(|stdin| stdin.write_all(&line).and_then(|()| stdin.flush()));
        if !matches!(told, Some(Ok(()))) {
            return Err(self.last_words());
        }
        match self.answer()? {
            Reply::Failed(reason) => Err(reason),
            reply => Ok(reply),
        }
    }

    fn answer(&mut self) -> Result<Reply, String> {
        let mut line = String::new();
        match self.stdout.read_line(&mut line) {
            Ok(length) if length > 0 => {
                serde_json::from_str(&line).map_err(|error| format!("the node's process answered '{line}': {error}"))
            }
            _ => Err(self.last_words()),
        }
    }

    fn last_words(&mut self) -> String {
        self.stdin = None;
        let mut text = String::new();
        if let Some(mut stderr) = self.process.stderr.take() {
            // What was read before an error is all there is to show.
            let _ = stderr.read_to_string(&mut text);
        }
        let status = self.process.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
        format!("the node's process ended by itself ({status}): {}", text.trim().replace('\n', " "))
    }

    fn stop(mut self) -> Result<(), String> {
        self.stdin = None;
        let status = self.process.wait().map_err(|error| format!("the node's process: {error}"))?;
        if status.success() { Ok(()) } else { Err(self.last_words()) }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail for a process that is gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
