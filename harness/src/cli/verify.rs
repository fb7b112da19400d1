//! `slotbench verify`.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

use slotbench_backends::{Kind, Options};
use slotbench_core::assignments::CheckOptions;

use crate::cli::args::VerifyArgs;
use crate::cli::console::Console;
use crate::cli::exit::{Exit, Failure};
use crate::verify::Verification;

pub(super) fn verify(args: &VerifyArgs, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let fail = |reason: String| Failure::Verify { dir: args.dir.clone(), reason };
    let kind = persistent(&args.backend).map_err(fail)?;
    if fs::read_dir(&args.dir).map_err(|error| fail(error.to_string()))?.next().is_none() {
        return Err(fail("the directory is empty".to_owned()));
    }
    let copy = copy_of(&args.dir).map_err(|error| fail(format!("cannot copy it: {error}")))?;
    let store = kind.open(copy.path(), &Options::default()).map_err(|error| fail(error.to_string()))?;
    // An item's id is the hash of its signature, so only the signature tells whether its data is whole. Assignments may
    // be unsigned, or signed by anybody; the chain binds them.
    let found = Verification::of(&store, CheckOptions { messages: true, signer: None });
    let failures: String = found.failures.iter().map(|failure| format!("{failure}\n")).collect();
    let Verification { processes, slots, wrong, .. } = found;
    console.print(&format!("{failures}{slots} sound slots of {processes} processes, {wrong} findings\n"))?;
    Ok(match (wrong, slots) {
        (0, 0) => Exit::Inconclusive,
        (0, _) => Exit::Fine,
        _ => Exit::Unverified,
    })
}

/// An engine that has something to verify.
fn persistent(name: &str) -> Result<Kind, String> {
    let known = slotbench_backends::KINDS.iter().filter(|kind| kind.is_persistent()).map(Kind::name);
    let known: Vec<_> = known.collect();
    let kind = Kind::find(name).filter(Kind::is_persistent);
    kind.ok_or_else(|| {
        format!("--backend '{name}' is not a lasting engine of this build (allowed: {})", known.join(", "))
    })
}

/// A copy beside the original: on the same file system, which may share the blocks.
fn copy_of(dir: &Path) -> io::Result<tempfile::TempDir> {
    let dir = fs::canonicalize(dir)?;
    let beside = dir.parent().unwrap_or(&dir);
    let copy = tempfile::Builder::new().prefix(".slotbench-verify-").tempdir_in(beside)?;
    copy_tree(&dir, copy.path())?;
    Ok(copy)
}

fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let (entry, kind) = entry.and_then(|entry| entry.file_type().map(|kind| (entry, kind)))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if kind.is_dir() {
            fs::create_dir(&target)?;
            copy_tree(&source, &target)?;
        } else if kind.is_symlink() {
            symlink(fs::read_link(&source)?, &target)?;
        } else {
            fs::copy(&source, &target)?;
        }
    }
    Ok(())
}
