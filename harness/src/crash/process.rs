//! This program as a process of its own: as the engine's process, or as the examiner.

use std::io::{self, Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::crash::child::ChildSpec;
use crate::crash::examine::{Examination, ExamineSpec};
use crate::crash::patience::Patience;
use crate::crash::wire::{Inbox, Report};

/// The hidden command that runs [`child::run`](super::child::run).
pub const CHILD: &str = "crash-child";
/// The hidden command that runs [`examine::run`](super::examine::run).
pub const EXAMINE: &str = "crash-examine";
/// The signal that no process sends itself by accident.
const SIGKILL: i32 = 9;
/// Longest an engine may take to open or a process to die.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// A process of this program that could not do its part, in a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct ProcessError(pub(super) String);

impl ProcessError {
    fn io(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |error| Self(format!("{what}: {error}"))
    }
}

fn this_program(command: &str, spec: &impl Serialize) -> Result<Command, ProcessError> {
    let program = std::env::current_exe().map_err(ProcessError::io("this program's file"))?;
    let spec = serde_json::to_string(spec).map_err(|error| ProcessError(error.to_string()))?;
    let mut process = Command::new(program);
    process.arg(command).arg(spec).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Ok(process)
}

/// The engine's process. Killed when dropped.
pub(super) struct Engine {
    process: Child,
    /// Held open: the process ends by itself when its parent has.
    stdin: ChildStdin,
    /// What it reports.
    pub(super) inbox: Arc<Inbox>,
}

impl Engine {
    /// Starts it and waits until its store is open.
    pub(super) fn start(spec: &ChildSpec) -> Result<Self, ProcessError> {
        let mut process = this_program(CHILD, spec)?.spawn().map_err(ProcessError::io("start the engine's process"))?;
        let (stdin, stdout) = (process.stdin.take(), process.stdout.take());
        let pipes = stdin.zip(stdout).ok_or_else(|| ProcessError("the engine's process has no pipes".to_owned()))?;
        let mut engine = Self { process, stdin: pipes.0, inbox: Arc::new(Inbox::new(pipes.1)) };
        let mut patience = Patience::new(PATIENCE);
        while engine.inbox.is_empty() {
            let Some(slice) = patience.slice() else {
                return Err(ProcessError("the engine did not open its store in 30 s".to_owned()));
            };
            if !engine.inbox.wait(slice).map_err(ProcessError::io("read the pipe"))? {
                return Err(engine.last_words());
            }
        }
        match engine.inbox.reports().first() {
            Some(Report::Ready) => Ok(engine),
            _ => Err(ProcessError("the engine's process did not say that it is ready".to_owned())),
        }
    }

    /// Lets it send messages.
    pub(super) fn begin(&mut self) -> Result<(), ProcessError> {
        self.stdin.write_all(b"!").and_then(|()| self.stdin.flush()).map_err(ProcessError::io("tell it to begin"))
    }

    /// SIGKILL, and its end.
    pub(super) fn kill(&mut self) -> Result<(), ProcessError> {
        self.process.kill().map_err(ProcessError::io("kill the engine's process"))?;
        self.process.wait().map(drop).map_err(ProcessError::io("wait for the engine's process"))
    }

    /// Why it ended by itself.
    pub(super) fn last_words(&mut self) -> ProcessError {
        let mut text = String::new();
        if let Some(mut stderr) = self.process.stderr.take() {
            let _ = stderr.read_to_string(&mut text);
        }
        let status = self.process.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
        ProcessError(format!("the engine's process ended by itself ({status}): {}", text.trim().replace('\n', " ")))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Both fail for a process that is gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// How an examination ended.
pub(super) enum Examined {
    /// It said what it found.
    Found(Examination),
    /// Opening or reading the store took the process down with it, or did not end.
    Died(String),
}

/// Examines in a process of its own, for at most half a minute.
pub(super) fn examine(spec: &ExamineSpec, acknowledgements: &[u8]) -> Result<Examined, ProcessError> {
    let mut process = this_program(EXAMINE, spec)?.spawn().map_err(ProcessError::io("start the examiner"))?;
    if let Some(mut stdin) = process.stdin.take() {
        // An examiner that died early is told by its exit status.
        let _ = stdin.write_all(acknowledgements);
    }
    let (stdout, stderr) = (collect(process.stdout.take()), collect(process.stderr.take()));
    let Some(status) = wait(&mut process, PATIENCE)? else {
        return Ok(Examined::Died("opening and reading the store did not end in 30 s".to_owned()));
    };
    let text = |reader: Collected| reader.join().unwrap_or_default();
    let (stdout, stderr) = (text(stdout), text(stderr));
    if status.success() {
        return parse(&stdout).map(Examined::Found);
    }
    let said = stderr.lines().next_back().unwrap_or_default();
    match status.code() {
        // Nothing in an engine does that: somebody else ended it, or the machine ran out of memory.
        None if status.signal() == Some(SIGKILL) => {
            Err(ProcessError("the examiner was killed from outside".to_owned()))
        }
        // Its own words for "I could not examine".
        Some(code) if code != 101 => Err(ProcessError(format!("the examiner failed: {said}"))),
        _ => Ok(Examined::Died(format!("opening and reading the store ended the process ({status}): {said}"))),
    }
}

type Collected = std::thread::JoinHandle<String>;

fn collect(pipe: Option<impl io::Read + Send + 'static>) -> Collected {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before an error is all there is to show.
        let _ = pipe.map(|mut pipe| pipe.read_to_end(&mut bytes));
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, ProcessError> {
    serde_json::from_str(text).map_err(|error| ProcessError(format!("the examiner's answer: {error}")))
}

/// Waits; kills what does not end in time, and returns `None`.
fn wait(process: &mut Child, patience: Duration) -> Result<Option<ExitStatus>, ProcessError> {
    const NAP: Duration = Duration::from_millis(2);
    let mut patience = Patience::new(patience);
    let waited = loop {
        match process.try_wait() {
            Ok(None) if patience.slice().is_some() => std::thread::sleep(NAP),
            Ok(None) => break process.kill().and_then(|()| process.wait()).map(|_| None),
            ended => break ended,
        }
    };
    waited.map_err(ProcessError::io("wait for the examiner"))
}
