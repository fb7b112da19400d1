//! A history on disk.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::history::entry::{Entry, SCHEMA};
use crate::model::FileError;

/// A history that cannot be read or added to.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The system refused.
    #[error(transparent)]
    File(#[from] FileError),
    /// A line that is not what it should be.
    #[error("{}:{line}: damaged or not a history of slotbench: {source}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The cause.
        source: serde_json::Error,
    },
    /// A line of a newer slotbench.
    #[error("{}:{line}: has schema {found}, this slotbench reads up to {SCHEMA}: use a newer slotbench", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Its version.
        found: u32,
    },
    /// A run that does not belong there.
    #[error("cannot add to {}: {what}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Why not.
        what: String,
    },
}

/// The one field of a line that every version has.
#[derive(Deserialize)]
struct Versioned {
    schema: u32,
}

/// Where the history of a plan on a machine is kept, below `results`.
#[must_use]
pub fn history_path(results: &Path, fingerprint: &str, plan: &str) -> PathBuf {
    results.join("history").join(fingerprint).join(format!("{plan}.jsonl"))
}

/// Reads a history, oldest entry first. Empty lines are skipped.
///
/// # Errors
/// [`HistoryError`]: unreadable, or the first line that is damaged or of a newer schema.
pub fn load(path: &Path) -> Result<Vec<Entry>, HistoryError> {
    let text = fs::read_to_string(path).map_err(FileError::io("read", path))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(index, line)| parse(path, index + 1, line)).collect()
}

fn parse(path: &Path, line: usize, text: &str) -> Result<Entry, HistoryError> {
    let damaged = |source| HistoryError::Damaged { path: path.to_owned(), line, source };
    let Versioned { schema } = serde_json::from_str(text).map_err(damaged)?;
    if schema > SCHEMA {
        return Err(HistoryError::Newer { path: path.to_owned(), line, found: schema });
    }
    serde_json::from_str(text).map_err(damaged)
}

/// Adds an entry, in one write at the end of the file, and syncs it. Returns how many there are now.
///
/// # Errors
/// [`HistoryError`]: what is there cannot be read, is of another machine or plan, or has the run already.
pub fn append(path: &Path, entry: &Entry) -> Result<usize, HistoryError> {
    let entries = match load(path) {
        Err(HistoryError::File(FileError::Io { source, .. })) if source.kind() == io::ErrorKind::NotFound => Vec::new(),
        loaded => loaded?,
    };
    if let Some(what) = objection(&entries, entry) {
        return Err(HistoryError::Foreign { path: path.to_owned(), what });
    }
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir).map_err(FileError::io("create", dir))?;
    }
    let mut line = serde_json::to_vec(entry).map_err(|error| FileError::io("write", path)(error.into()))?;
    line.push(b'\n');
    let file = OpenOptions::new().create(true).append(true).open(path);
    let written = file.and_then(|mut file| file.write_all(&line).and_then(|()| file.sync_all()));
    written.map_err(FileError::io("append to", path))?;
    Ok(entries.len() + 1)
}

fn objection(entries: &[Entry], new: &Entry) -> Option<String> {
    let first = entries.first()?;
    let key = |entry: &Entry| (entry.fingerprint.clone(), entry.plan.clone());
    if key(first) != key(new) {
        let (machine, plan) = key(first);
        return Some(format!("it is the history of plan {plan} on machine {machine}"));
    }
    let is_same = |entry: &&Entry| entry.started == new.started && entry.commit == new.commit;
    entries.iter().find(is_same).map(|entry| format!("the run of {} is in it already", entry.started))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Metric;
    use crate::model::sample;

    /// A line as the first release wrote it. It must stay readable: never change it, add others.
    const FIRST: &str = r#"{"schema":1,"started":"2026-01-02T03:04:05.678Z","commit":"abc123","version":"0.1.0","fingerprint":"0123456789ab","plan":"sample","kernel":"Linux 6.8","cells":[{"id":"fs-local-power-w1","label":"fs","engine":"1","rounds":12,"figures":{"throughput":{"median":1234.5,"deviation":6.0},"p99.9":{"median":700000.0,"deviation":null}}}]}"#;

    #[test]
    fn the_first_lines_ever_written_are_read() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("sample.jsonl");
        fs::write(&path, format!("{FIRST}\n\n")).expect("writes");
        let entries = load(&path).expect("reads");
        let cell = &entries[0].cells[0];
        assert_eq!(entries[0].median(&cell.id, Metric::Throughput), Some(1234.5));
        assert_eq!(cell.figures[&Metric::P999].deviation, None);
        assert_eq!(format!("{}\n", serde_json::to_string(&entries[0]).expect("serialises")), format!("{FIRST}\n"));
    }

    #[test]
    fn runs_are_added_once_and_only_where_they_belong() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = history_path(dir.path(), "0123456789ab", "sample");
        let entry = Entry::of(&sample::run());
        assert_eq!(append(&path, &entry).expect("adds"), 1);
        let error = append(&path, &entry).expect_err("twice").to_string();
        assert!(error.ends_with("sample.jsonl: the run of 2026-01-02T03:04:05.678Z is in it already"), "{error}");
        let later = Entry { started: "2026-01-03T00:00:00Z".to_owned(), ..entry.clone() };
        assert_eq!(append(&path, &later).expect("adds"), 2);
        let foreign = Entry { plan: "other".to_owned(), ..later.clone() };
        let error = append(&path, &foreign).expect_err("another plan").to_string();
        assert!(error.ends_with("it is the history of plan sample on machine 0123456789ab"), "{error}");
        assert_eq!(load(&path).expect("reads"), [entry, later]);
    }

    #[test]
    fn a_torn_or_newer_line_is_named() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("sample.jsonl");
        fs::write(&path, format!("{FIRST}\n{}", &FIRST[..80])).expect("writes");
        let error = load(&path).expect_err("torn").to_string();
        assert!(error.contains("sample.jsonl:2: damaged or not a history"), "{error}");
        assert!(append(&path, &Entry::of(&sample::run())).is_err(), "nothing is written behind a torn line");
        fs::write(&path, "{\"schema\":2,\"cells\":\"quite different\"}\n").expect("writes");
        let error = load(&path).expect_err("newer").to_string();
        assert!(error.contains("sample.jsonl:1: has schema 2, this slotbench reads up to 1"), "{error}");
    }
}
