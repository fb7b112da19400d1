//! Reading and writing results.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::model::{Run, SCHEMA};

/// A result file that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The system refused.
    #[error("cannot {op} {}: {source}", path.display())]
    Io {
        /// What was attempted.
        op: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Not the JSON it should be; the cause names line and column.
    #[error("{} is damaged or not a result of slotbench: {source}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The cause, with line and column.
        source: serde_json::Error,
    },
    /// Written by a newer slotbench.
    #[error("{} has schema {found}, this slotbench reads up to {SCHEMA}: use a newer slotbench", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
}

impl FileError {
    /// An [`Io`](Self::Io) error, for use with `map_err`.
    pub fn io(op: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { op, path, source }
    }
}

/// The one field of a result that every version has.
#[derive(Deserialize)]
struct Versioned {
    schema: u32,
}

/// Reads a result.
///
/// # Errors
/// [`FileError`]: unreadable, damaged (with line and column), or of a newer schema.
pub fn load(path: &Path) -> Result<Run, FileError> {
    let text = read(path)?;
    let Versioned { schema } = parse(path, &text)?;
    if schema > SCHEMA {
        return Err(FileError::Newer { path: path.to_owned(), found: schema });
    }
    parse(path, &text)
}

/// Writes a result, whole or not at all.
///
/// # Errors
/// [`FileError::Io`].
pub fn save(run: &Run, path: &Path) -> Result<(), FileError> {
    save_document(run, path)
}

/// Reads any JSON document.
///
/// # Errors
/// [`FileError`]: unreadable, or damaged (with line and column).
pub fn load_document<T: DeserializeOwned>(path: &Path) -> Result<T, FileError> {
    parse(path, &read(path)?)
}

/// Writes any JSON document, whole or not at all.
///
/// # Errors
/// [`FileError::Io`].
pub fn save_document<T: Serialize>(document: &T, path: &Path) -> Result<(), FileError> {
    let mut text = serde_json::to_vec_pretty(document).map_err(|error| FileError::io("write", path)(error.into()))?;
    text.push(b'\n');
    write_atomically(path, &text)
}

fn read(path: &Path) -> Result<String, FileError> {
    fs::read_to_string(path).map_err(FileError::io("read", path))
}

fn parse<'t, T: Deserialize<'t>>(path: &Path, text: &'t str) -> Result<T, FileError> {
    serde_json::from_str(text).map_err(|source| FileError::Damaged { path: path.to_owned(), source })
}

/// Replaces a file: temporary file beside it, fsync, rename, fsync of the directory. Readers see the old content or
/// the new, also after a power cut.
///
/// # Errors
/// [`FileError::Io`].
pub fn write_atomically(path: &Path, content: &[u8]) -> Result<(), FileError> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(dir).map_err(FileError::io("write in", dir))?;
    file.write_all(content).and_then(|()| file.as_file().sync_all()).map_err(FileError::io("write", path))?;
    make_readable(file.as_file()).map_err(FileError::io("write", path))?;
    file.persist(path).map_err(|error| FileError::io("write", path)(error.error))?;
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(FileError::io("sync", dir))
}

/// Results are for everybody; temporary files are created for their owner only.
fn make_readable(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}
