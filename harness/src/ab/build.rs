//! A build of slotbench, run as a child process.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::model::{self, FileError, Run};

/// A build that could not be made to measure.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Not a program, or one that does not start.
    #[error("cannot run {}: {source}", binary.display())]
    Start {
        /// The program.
        binary: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// It ended without a result.
    #[error("{} measured nothing ({status}): {said}", binary.display())]
    NoResult {
        /// The program.
        binary: PathBuf,
        /// How it ended.
        status: String,
        /// The last line of what it said.
        said: String,
    },
    /// Its result, or a directory for it.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Exit code of a run that was interrupted.
const INTERRUPTED: i32 = 130;

/// A build, and what it is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// The program.
    pub binary: PathBuf,
    /// Arguments of `run`, all but where the result goes.
    pub arguments: Vec<OsString>,
}

impl Build {
    /// Measures one round of every cell, with the result in `dir` for as long as it takes; `None`: interrupted.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn measure(&self, dir: &Path) -> Result<Option<Run>, BuildError> {
        let mut command = Command::new(&self.binary);
        command.arg("run").args(&self.arguments).arg("--out").arg(dir);
        let output = command.stdin(Stdio::null()).output();
        let output = output.map_err(|source| BuildError::Start { binary: self.binary.clone(), source })?;
        if output.status.code() == Some(INTERRUPTED) {
            return Ok(None);
        }
        let result = dir.join("run.json");
        if !result.exists() {
            return Err(self.no_result(&output));
        }
        let run = model::load(&result)?;
        fs::remove_dir_all(dir).map_err(FileError::io("remove", dir))?;
        Ok(Some(run))
    }

    fn no_result(&self, output: &std::process::Output) -> BuildError {
        let text = String::from_utf8_lossy(&output.stderr);
        let said = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it said nothing").to_owned();
        BuildError::NoResult { binary: self.binary.clone(), status: output.status.to_string(), said }
    }
}
