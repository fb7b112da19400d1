//! The command line: arguments in, text and an exit code out.

mod ab;
mod args;
mod backends;
mod baseline;
mod compare;
mod console;
mod crash;
mod exit;
mod history;
mod judging;
mod plan;
mod progress;
mod recommend;
mod report;
mod run;
mod serve;
#[cfg(test)]
mod tests;
mod verify;

use std::ffi::OsString;

use clap::{CommandFactory as _, Parser as _};

pub use args::{Cli, Command};
pub use console::Console;
pub use exit::{Exit, Failure};

use crate::runner::{Runner, Stop};

/// Does what the arguments ask; `args` begins with the program's name.
///
/// Every failure ends here: as one line on standard error, and the exit code that fits.
pub fn main(
    args: impl IntoIterator<Item = OsString>,
    runner: &mut dyn Runner,
    stop: &Stop,
    console: &mut Console<'_>,
) -> Exit {
    let done = match Cli::try_parse_from(args) {
        Ok(cli) => dispatch(cli.command, runner, stop, console),
        Err(error) => return usage(&error, console),
    };
    done.unwrap_or_else(|failure| {
        console.fail(&failure);
        failure.exit()
    })
}

fn dispatch(
    command: Command,
    runner: &mut dyn Runner,
    stop: &Stop,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    match command {
        Command::Backends { json } => backends::backends(json, console),
        Command::Run(run) => run::run(&run, runner, stop, console),
        Command::Plan(command) => plan::plan(&command, console),
        Command::Report(report) => report::report(&report, console),
        Command::Recommend(recommend) => recommend::recommend(&recommend, console),
        Command::Compare(args) => compare::compare(&args, console),
        Command::Gate(args) => compare::gate(&args, console),
        Command::Baseline(args) => baseline::baseline(&args, console),
        Command::Ab(args) => ab::ab(&args, stop, console),
        Command::History(command) => history::history(&command, console),
        Command::Verify(verify) => verify::verify(&verify, console),
        Command::Crash(args) => crash::crash(&args, stop, console),
        Command::CrashChild { spec } => crash::child(&spec),
        Command::CrashExamine { spec } => crash::examine(&spec, console),
        Command::Serve(args) => serve::serve(&args, stop, console),
        Command::NodeChild { spec } => serve::child(&spec),
        Command::Completions { shell } => completions(shell, console),
    }
}

/// Help and version are what was asked for; anything else is bad usage.
fn usage(error: &clap::Error, console: &mut Console<'_>) -> Exit {
    let text = if console.style().color { error.render().ansi().to_string() } else { error.render().to_string() };
    let asked_for = !error.use_stderr();
    let shown = if asked_for { console.print(&text) } else { console.say(text.trim_end()) };
    match shown {
        Ok(()) if asked_for => Exit::Fine,
        _ => Exit::Usage,
    }
}

fn completions(shell: clap_complete::Shell, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "slotbench", &mut script);
    console.print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Fine)
}
