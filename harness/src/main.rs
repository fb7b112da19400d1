//! The `slotbench` binary: arguments, signals and an exit code around the library.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use slotbench::cli::{self, Console, Exit};
use slotbench::model::Floors;
use slotbench::runner::{CellFailure, Job, Round, Runner, Stop};

fn main() -> ExitCode {
    let stop = Stop::default();
    listen(&stop);
    let (mut out, mut err) = (io::stdout(), io::stderr());
    let mut console = Console::of_process(&mut out, &mut err);
    ExitCode::from(cli::main(std::env::args_os(), &mut NoDriver, &stop, &mut console).code())
}

/// The first signal asks the run to end with what it has, the second ends the process.
fn listen(stop: &Stop) {
    let stop = stop.clone();
    let listening = ctrlc::set_handler(move || {
        if stop.is_requested() {
            stop.abort();
            std::process::exit(i32::from(Exit::Interrupted.code()));
        }
        stop.request();
    });
    if let Err(error) = listening {
        // A run that cannot be interrupted gracefully is still a run.
        eprintln!("warning: signals end the run at once: {error}");
    }
}

/// Refuses every cell: the driver is not part of this build.
struct NoDriver;

impl Runner for NoDriver {
    fn run_round(&mut self, _job: &Job<'_>) -> Result<Round, CellFailure> {
        Err(CellFailure::Refused("this build has no driver".to_owned()))
    }

    fn floors(&mut self, _dir: &Path, _stop: &Stop) -> Result<Floors, CellFailure> {
        Ok(Floors::default())
    }
}
