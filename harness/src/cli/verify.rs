//! `slotbench verify`.

use std::path::Path;

use slotbench_backends::{Kind, NAMES, Options};
use slotbench_core::assignments::CheckOptions;

use crate::cli::args::VerifyArgs;
use crate::cli::console::Console;
use crate::cli::exit::{Exit, Failure};
use crate::datadir::MARKER;
use crate::verify::Verification;

pub(super) fn verify(args: &VerifyArgs, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let kind = persistent(&args.backend)?;
    refuse_what_is_no_store(&args.dir)?;
    let unreadable = |source| Failure::Store { path: args.dir.display().to_string(), source };
    let store = kind.open(&args.dir, &Options::default()).map_err(unreadable)?;
    let checked = Verification::of(&store, CheckOptions { messages: args.signatures, signer: None });
    for failure in &checked.failures {
        console.say(failure)?;
    }
    let verdict = if checked.is_sound() { "sound".to_owned() } else { format!("{} wrong", checked.wrong) };
    console.print(&format!("{} processes, {} slots: {verdict}\n", checked.processes, checked.slots))?;
    Ok(if checked.is_sound() { Exit::Fine } else { Exit::Unverified })
}

fn persistent(name: &str) -> Result<Kind, Failure> {
    let kind = Kind::find(name).filter(Kind::is_persistent);
    kind.ok_or_else(|| {
        let built_in: Vec<&str> = NAMES.iter().copied().filter(|name| is_persistent(name)).collect();
        Failure::Backend { name: name.to_owned(), allowed: built_in.join(", ") }
    })
}

fn is_persistent(name: &str) -> bool {
    Kind::find(name).is_some_and(|kind| kind.is_persistent())
}

/// Opening would make a new store where there is none, and an empty store is sound: that must not pass for a check.
fn refuse_what_is_no_store(dir: &Path) -> Result<(), Failure> {
    let nothing = |reason: &str| Failure::NoStore { path: dir.display().to_string(), reason: reason.to_owned() };
    let mut entries = std::fs::read_dir(dir).map_err(|error| nothing(&error.to_string()))?;
    if dir.join(MARKER).exists() {
        return Err(nothing("it holds the stores of several cells; name one of the directories in it"));
    }
    entries.next().map_or_else(|| Err(nothing("the directory is empty")), |_| Ok(()))
}
