//! The `slotbench` binary: arguments, signals and an exit code around the library.

use std::io;
use std::process::ExitCode;

use slotbench::cli::{self, Console, Exit};
use slotbench::driver::Driver;
use slotbench::runner::Stop;

fn main() -> ExitCode {
    let stop = Stop::default();
    listen(&stop);
    let (mut out, mut err) = (io::stdout(), io::stderr());
    let mut console = Console::of_process(&mut out, &mut err);
    let mut driver = match Driver::new() {
        Ok(driver) => driver,
        Err(error) => {
            eprintln!("error: cannot start the driver's threads: {error}");
            return ExitCode::from(Exit::Usage.code());
        }
    };
    ExitCode::from(cli::main(std::env::args_os(), &mut driver, &stop, &mut console).code())
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
