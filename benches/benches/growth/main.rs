//! Whether work stays the same as a schedule grows: stores of 10^3, 10^4, … slots of one process, side by side.
//!
//! For every engine, one store of each size is filled with the records a scheduler writes, closed, and measured:
//!
//! * `latest` and append through a real scheduler (local mode), in blocks. Every round visits all sizes in a random order,
//!   and a size's ratio to the smallest one is taken within each round: drift of the machine hits both sides of it.
//! * calls and bytes that an append costs, which do not depend on how busy the machine is;
//! * bytes on disk per message, allocated, after an orderly close;
//! * restart: close, open, first `latest`, first append, with the page cache warm, and with the store's files dropped
//!   from it. (Directory entries stay cached; dropping those takes privilege.)
//!
//! Caches: the page cache is as filling and warming up left it; an engine's own cache has what the unrecorded first
//! round put there. Stores are filled at tier `memory` in batches of 1024 slots, synced every 16 batches. Nothing is measured
//! before the process has neither written nor computed for a second, so that no engine is compacting.
//!
//! `cargo bench --bench growth -- [ENGINE ...] [--json FILE]`; environment: `GROWTH_MAX` (1e6 slots; fs stops at 1e5),
//! `GROWTH_TIERS` (process), `GROWTH_ROUNDS` (30), `GROWTH_RESTARTS` (5), `GROWTH_PAYLOAD` (64 bytes of data in a
//! message), `GROWTH_SEED` (1), `GROWTH_DIR` (a directory to work in; what is made there is removed).

mod flatness;
mod load;
mod os;
mod report;
mod restart;
mod result;
mod settings;
mod source;
mod subject;

use std::error::Error;
use std::fs;
use std::process::ExitCode;

use slotbench_backends::{Kind, Options};
use tokio::runtime::Runtime;

use result::{EngineResult, Growth};
use settings::Settings;
use subject::Subject;

/// Whatever went wrong, in the words of who noticed.
type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let settings = match Settings::read(std::env::args().skip(1)) {
        Ok(settings) => settings,
        Err(mistake) => return fail(&mistake, 2),
    };
    match run(&settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error.to_string(), 1),
    }
}

#[expect(clippy::print_stderr, reason = "the error message of a command")]
fn fail(message: &str, code: u8) -> ExitCode {
    eprintln!("growth: {message}");
    ExitCode::from(code)
}

fn run(settings: &Settings) -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let mut growth = Growth { seed: settings.seed, payload_bytes: settings.payload, engines: Vec::new() };
    for kind in &settings.kinds {
        let measured = measure(*kind, settings, &runtime).map_err(|error| format!("{kind}: {error}"))?;
        report::print(&measured);
        growth.engines.push(measured);
        // After each engine: a run takes long, and what is done should not be lost with what follows.
        if let Some(path) = &settings.json {
            let text = serde_json::to_vec_pretty(&growth)?;
            fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        }
    }
    Ok(())
}

fn measure(kind: Kind, settings: &Settings, runtime: &Runtime) -> Outcome<EngineResult> {
    fs::create_dir_all(&settings.dir).map_err(|error| format!("cannot create {}: {error}", settings.dir.display()))?;
    let dir = tempfile::Builder::new().prefix(kind.name()).tempdir_in(&settings.dir)?;
    let mut subjects = Vec::new();
    for size in settings.sizes(kind) {
        subjects.push(Subject::fill(kind, size, settings, dir.path())?);
    }
    let mut flatness = Vec::new();
    for tier in settings.tiers_of(kind) {
        flatness.push(flatness::measure(&mut subjects, tier, settings, runtime)?);
    }
    let stores = restart::measure(&mut subjects, settings, runtime)?;
    subjects.iter_mut().try_for_each(Subject::check)?;
    Ok(EngineResult {
        engine: kind.name().to_owned(),
        version: kind.version(),
        options: options(kind, &dir)?,
        flatness,
        stores,
    })
}

/// The engine's settings, as it describes them itself.
fn options(kind: Kind, dir: &tempfile::TempDir) -> Outcome<std::collections::BTreeMap<String, String>> {
    let store = kind.open(&dir.path().join("options"), &Options::default())?;
    Ok(store.describe().options)
}
