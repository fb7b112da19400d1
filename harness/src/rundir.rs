//! What a run leaves on disk.
//!
//! | file | content |
//! |---|---|
//! | `plan.json` | the plan with every axis crossed: what `--resume` goes on with |
//! | `run.json` | the result so far, replaced after every round |
//! | `<cell id>.hlog` | full distributions, replaced after every round of the cell |
//! | `report.md`, `report.html` | the report, when the run is over |

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::cell::CellId;
use crate::hlog;
use crate::model::{self, FileError, Run};
use crate::plan::Plan;

/// Where runs go by default, below the working directory.
const RUNS: &str = "results/runs";

/// A run directory that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RunDirError {
    /// There is something in it.
    #[error("--out {}: is not empty (allowed: an absent or empty directory; --resume DIR goes on with a run)", .0.display())]
    Occupied(PathBuf),
    /// Not a run directory.
    #[error("--resume {}: no run to go on with there (plan.json or run.json is missing)", .0.display())]
    NotARun(PathBuf),
    /// Another plan, build or machine than that of the run.
    #[error("--resume {}: {what}, so its rounds cannot be mixed with new ones", path.display())]
    Different {
        /// The run directory.
        path: PathBuf,
        /// What differs.
        what: String,
    },
    /// A file of it.
    #[error(transparent)]
    File(#[from] FileError),
}

/// A run's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunDir {
    path: PathBuf,
}

impl RunDir {
    /// Makes the directory of a new run: `out`, or `results/runs/<time>-<plan>` below the working directory.
    ///
    /// # Errors
    /// [`RunDirError`]: not empty, or not writable.
    pub fn create(out: Option<&Path>, plan: &Plan, now: SystemTime) -> Result<Self, RunDirError> {
        let path = out.map_or_else(|| default_path(&plan.name, now), Path::to_owned);
        create_empty(&path)?;
        let dir = Self { path };
        dir.save_plan(plan)?;
        Ok(dir)
    }

    /// Opens the directory of an earlier run: its plan and what it has measured.
    ///
    /// # Errors
    /// [`RunDirError`]: not a run directory, or a damaged file in it.
    pub fn open(path: &Path) -> Result<(Self, Plan, Run), RunDirError> {
        let dir = Self { path: path.to_owned() };
        if !dir.plan_path().is_file() || !dir.run_path().is_file() {
            return Err(RunDirError::NotARun(path.to_owned()));
        }
        let plan = model::load_document(&dir.plan_path())?;
        let run = model::load(&dir.run_path())?;
        Ok((dir, plan, run))
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The result.
    #[must_use]
    pub fn run_path(&self) -> PathBuf {
        self.path.join("run.json")
    }

    /// The report in Markdown.
    #[must_use]
    pub fn report_path(&self) -> PathBuf {
        self.path.join("report.md")
    }

    /// The report as a page.
    #[must_use]
    pub fn page_path(&self) -> PathBuf {
        self.path.join("report.html")
    }

    /// The distributions of a cell.
    #[must_use]
    pub fn log_path(&self, cell: &CellId) -> PathBuf {
        hlog::path(&self.path, cell)
    }

    fn plan_path(&self) -> PathBuf {
        self.path.join("plan.json")
    }

    /// Replaces the result on disk.
    ///
    /// # Errors
    /// [`FileError::Io`].
    pub fn save(&self, run: &Run) -> Result<(), FileError> {
        model::save(run, &self.run_path())
    }

    fn save_plan(&self, plan: &Plan) -> Result<(), FileError> {
        model::save_document(plan, &self.plan_path())
    }
}

/// The result that a RUN, BASE or NEW argument names: a run directory, its `run.json`, or a baseline.
///
/// # Errors
/// [`FileError`].
pub fn load(argument: &Path) -> Result<Run, FileError> {
    if argument.is_dir() { model::load(&argument.join("run.json")) } else { model::load(argument) }
}

/// Where the logs of the result that an argument names are: beside its `run.json`.
#[must_use]
pub fn logs_of(argument: &Path) -> &Path {
    if argument.is_dir() { argument } else { argument.parent().unwrap_or(Path::new("")) }
}

/// Where what to compare `new` with is: the argument itself, or in a directory of baselines the one of the same machine
/// and plan.
#[must_use]
pub fn base_path(argument: &Path, new: &Run) -> PathBuf {
    let is_of_baselines = argument.is_dir() && !argument.join("run.json").exists();
    if is_of_baselines { baseline_path(argument, &new.machine.fingerprint, &new.plan) } else { argument.to_owned() }
}

/// Where the baseline of a plan on a machine is kept, in a directory of baselines.
#[must_use]
pub fn baseline_path(baselines: &Path, fingerprint: &str, plan: &str) -> PathBuf {
    baselines.join(fingerprint).join(format!("{plan}.json"))
}

/// Makes a directory, unless there is an empty one.
///
/// # Errors
/// [`RunDirError`]: not empty, or not writable.
pub fn create_empty(path: &Path) -> Result<(), RunDirError> {
    fs::create_dir_all(path).map_err(FileError::io("create", path))?;
    match fs::read_dir(path).map_err(FileError::io("list", path))?.next() {
        Some(_) => Err(RunDirError::Occupied(path.to_owned())),
        None => Ok(()),
    }
}

/// `results/runs/20261121T073044Z-quick`, with a number after it while there is one of that name.
#[must_use]
pub fn default_path(plan: &str, now: SystemTime) -> PathBuf {
    let time = humantime::format_rfc3339_seconds(now).to_string().replace(['-', ':'], "");
    let path = Path::new(RUNS).join(format!("{time}-{plan}"));
    let numbered = (2..100).map(|number| PathBuf::from(format!("{}-{number}", path.display())));
    std::iter::once(path.clone()).chain(numbered).find(|path| !exists(path)).unwrap_or(path)
}

fn exists(path: &Path) -> bool {
    !matches!(fs::symlink_metadata(path), Err(error) if error.kind() == io::ErrorKind::NotFound)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::plan::Overrides;

    #[test]
    fn the_default_name_tells_time_and_plan() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        assert_eq!(default_path("quick", time), Path::new("results/runs/20231114T221320Z-quick"));
    }

    #[test]
    fn a_directory_with_something_in_it_is_left_alone() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        fs::write(dir.path().join("notes"), "mine").expect("writes");
        let plan = Plan::preset("quick", &Overrides::default()).expect("valid");
        let made = RunDir::create(Some(dir.path()), &plan, SystemTime::UNIX_EPOCH);
        assert!(matches!(made, Err(RunDirError::Occupied(_))));
        assert_eq!(fs::read_dir(dir.path()).expect("is there").count(), 1);
        assert!(matches!(RunDir::open(dir.path()), Err(RunDirError::NotARun(_))));
    }

    #[test]
    fn baselines_are_found_by_machine_and_plan() {
        let path = baseline_path(Path::new("results/baselines"), "0123456789ab", "quick");
        assert_eq!(path, Path::new("results/baselines/0123456789ab/quick.json"));
    }
}
