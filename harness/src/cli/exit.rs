//! Exit codes: the one place that maps outcomes to numbers.

use std::io;
use std::path::PathBuf;

use crate::ab::BuildError;
use crate::compare::Outcome;
use crate::crash::messages::MessagesError;
use crate::datadir::DataDirError;
use crate::history::HistoryError;
use crate::model::{FileError, Run, Status};
use crate::percentiles::CurveError;
use crate::plan::PlanError;
use crate::rundir::RunDirError;
use crate::session::{End, SessionError};

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Everything asked for was done.
    Fine,
    /// A regression, or a broken durability promise.
    Broken,
    /// Bad usage, plan or file; or a run in which no cell could run.
    Usage,
    /// Stored data is not what was acknowledged.
    Unverified,
    /// Not comparable, too noisy, not measured.
    Inconclusive,
    /// Stopped by a signal; everything finished is saved.
    Interrupted,
}

impl Exit {
    /// The number for the shell.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Broken => 1,
            Self::Usage => 2,
            Self::Unverified => 3,
            Self::Inconclusive => 4,
            Self::Interrupted => 130,
        }
    }

    /// What a gate says. A regression in data that is not even right is no news.
    #[must_use]
    pub fn of_gate(outcome: Outcome, new: &Run) -> Self {
        if new.cells.iter().any(|cell| cell.verified == Some(false)) {
            return Self::Unverified;
        }
        match outcome {
            Outcome::Regressed => Self::Broken,
            Outcome::Open => Self::Inconclusive,
            Outcome::Fine => Self::Fine,
        }
    }

    /// How a run ended. Wrong data outweighs everything but an interruption; a refused cell alone is no error.
    #[must_use]
    pub fn of_run(end: End, run: &Run) -> Self {
        let any = |test: fn(&crate::model::CellResult) -> bool| run.cells.iter().any(test);
        if end == End::Interrupted {
            Self::Interrupted
        } else if any(|cell| cell.verified == Some(false)) {
            Self::Unverified
        } else if any(|cell| cell.status == Status::Failed) {
            Self::Inconclusive
        } else if any(|cell| cell.status != Status::Refused) {
            Self::Fine
        } else {
            Self::Usage
        }
    }
}

/// Why a command could not be carried out. One line.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A plan, or a flag that changes one.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The run directory.
    #[error(transparent)]
    RunDir(#[from] RunDirError),
    /// The data directory.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// A result.
    #[error(transparent)]
    File(#[from] FileError),
    /// The run broke off.
    #[error("{0}; what was finished is saved")]
    Session(#[from] SessionError),
    /// Full distributions.
    #[error(transparent)]
    Curves(#[from] CurveError),
    /// A store could not be verified at all.
    #[error("cannot verify {}: {reason}", dir.display())]
    Verify {
        /// The store.
        dir: PathBuf,
        /// Why not, and what is allowed.
        reason: String,
    },
    /// A flag with a value that is not allowed.
    #[error("{flag}: {message}")]
    Flag {
        /// The flag as given.
        flag: String,
        /// What is wrong and what is allowed.
        message: String,
    },
    /// No baseline for this machine and plan.
    #[error("no baseline for this machine and plan: {} is not there", .0.display())]
    NoBaseline(PathBuf),
    /// A run that nothing should be compared with.
    #[error("{} cannot be a baseline: {reason}", path.display())]
    NoStandard {
        /// The run.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A build that `ab` could not make measure.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A history.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The crash lab's messages.
    #[error(transparent)]
    Crash(#[from] MessagesError),
    /// No directory for what the crash lab examines.
    #[error("cannot create a temporary directory: {0}")]
    Scratch(#[source] io::Error),
    /// A node that cannot serve.
    #[error("the node cannot serve: {0}")]
    Serve(String),
    /// A process of this program that could not do its part.
    #[error("{0}")]
    Process(String),
    /// `crash --into` of a run that has none of the cells asked for.
    #[error("--into: the run has no cell with that engine, mode and tier")]
    NothingInto,
    /// The table could not be written.
    #[error("cannot make CSV: {0}")]
    Csv(#[from] csv::Error),
    /// The document could not be written.
    #[error("cannot make JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// Nobody takes the output.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
}

impl Failure {
    /// All of them are bad usage, plans or files, but two: a reader who has seen enough, as in `slotbench … | head`, and
    /// nothing to compare with.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::NoBaseline(_) => Exit::Inconclusive,
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Fine,
            _ => Exit::Usage,
        }
    }
}
