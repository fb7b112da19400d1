//! Whether work stays the same as a schedule grows: stores of 10^3, 10^4, … slots of one process, side by side.
//!
//! For every engine, one store of each size is filled with the records a scheduler writes, closed, and measured:
//!
//! * `latest` and append through a real scheduler (local mode), in blocks. Every round visits all sizes in a random order,
//!   and a size's ratio to the smallest one is taken within each round: drift of the machine hits both sides of it. The
//!   smallest store soon outgrows its size and is filled anew, and measured by the handle that filled it.
//!   `latest` is what a node answers: the process's writer is running, and the slot it stored last is only looked up and
//!   seen to have no successor. *Searched* is the same without a writer, by the engine's search for the end of a range.
//! * calls and bytes that an append costs, which do not depend on how busy the machine is;
//! * bytes on disk per message, allocated, after an orderly close;
//! * restart: close, open, first `latest`, first append, with the page cache warm, and with the store's files dropped
//!   from it. (Directory entries stay cached; dropping those takes privilege.)
//!
//! Caches: every file has been read once and every entry met once by a scan, the largest store's first. So the page cache has all of
//! a store that fits into memory (`from disk` says whether it did), and an engine's own cache what it has room for: by
//! default 128 MiB, `GROWTH_OPTIONS=cache_bytes=…` for more. Stores are filled
//! at tier `memory`, in batches of 1024 slots, and synced every 16 batches. Nothing is measured before the process has
//! neither written nor computed for a second, so that no engine is compacting.
//!
//! `cargo bench --bench growth -- [ENGINE ...] [--json FILE]`; the file gets one line of JSON per engine. Environment:
//!
//! | variable | default | |
//! |---|---|---|
//! | `GROWTH_MAX` | `1e6` | slots of the largest store; fs stops at `1e5` |
//! | `GROWTH_TIERS` | `process` | tiers to append at, such as `process,power` |
//! | `GROWTH_ROUNDS` | 30 | rounds over all sizes |
//! | `GROWTH_RESTARTS` | 5 | restarts of each size, warm and cold |
//! | `GROWTH_PAYLOAD` | 64 | bytes of data in a message |
//! | `GROWTH_BATCH` | 1024 | slots in one batch while filling |
//! | `GROWTH_OPTIONS` | | settings of the engine, such as `cache_bytes=1073741824` |
//! | `GROWTH_SEED` | 1 | of messages and orders |
//! | `GROWTH_DIR` | below `target/` | where to work; what is made there is removed |

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
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode};

use slotbench_backends::Kind;

use result::EngineResult;
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

/// Runs each engine in a process of its own, so that one's memory is not taken for another's.
fn run(settings: &Settings) -> Outcome<()> {
    if let [kind] = settings.kinds[..] {
        let measured = measure(kind, settings).map_err(|error| format!("{kind}: {error}"))?;
        report::print(&measured);
        return settings.json.as_deref().map_or(Ok(()), |path| append(path, &measured));
    }
    for kind in &settings.kinds {
        let mut alone = Command::new(std::env::current_exe()?);
        alone.arg(kind.name());
        if let Some(path) = &settings.json {
            alone.arg("--json").arg(path);
        }
        let status = alone.status()?;
        if !status.success() {
            return Err(format!("{kind}: {status}").into());
        }
    }
    Ok(())
}

/// Appends one line of JSON.
fn append(path: &Path, measured: &EngineResult) -> Outcome<()> {
    let mut line = serde_json::to_vec(measured)?;
    line.push(b'\n');
    let file = OpenOptions::new().create(true).append(true).open(path);
    let written = file.and_then(|mut file| file.write_all(&line));
    written.map_err(|error| format!("cannot write {}: {error}", path.display()).into())
}

fn measure(kind: Kind, settings: &Settings) -> Outcome<EngineResult> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    fs::create_dir_all(&settings.dir).map_err(|error| format!("cannot create {}: {error}", settings.dir.display()))?;
    let dir = slotbench_benches::scratch(&settings.dir, kind.name())?;
    // Each size has a directory in it, and those that have outgrown their size are replaced.
    slotbench::datadir::spread_directories(dir.path());
    let mut subjects = Vec::new();
    for size in settings.sizes(kind) {
        subjects.push(Subject::fill(kind, size, settings, dir.path())?);
    }
    let mut flatness = Vec::new();
    for tier in settings.tiers_of(kind) {
        flatness.push(flatness::measure(&mut subjects, tier, settings, &runtime)?);
    }
    let stores = restart::measure(&mut subjects, settings, &runtime)?;
    subjects.iter_mut().try_for_each(Subject::check)?;
    let store = kind.open(&dir.path().join("options"), &settings.options)?;
    Ok(EngineResult {
        engine: kind.name().to_owned(),
        version: kind.version(),
        options: store.describe().options,
        seed: settings.seed,
        payload_bytes: settings.payload,
        fill_batch: settings.batch,
        flatness,
        stores,
    })
}
