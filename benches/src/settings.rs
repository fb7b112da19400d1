//! What a benchmark is told by its command line and its environment.

use std::fmt::Display;
use std::process;
use std::str::FromStr;

use slotbench_backends::{KINDS, Kind};

/// The value of an environment variable, or `default` where it is not set. Ends the process with code 2 when the value
/// cannot be read: a benchmark that quietly ran with another one would be worse.
pub fn setting<T>(name: &str, default: T) -> T
where
    T: FromStr<Err: Display>,
{
    match std::env::var(name) {
        Err(std::env::VarError::NotPresent) => default,
        Err(error) => refuse(&format!("{name}: {error}")),
        Ok(text) => text.parse().unwrap_or_else(|error| refuse(&format!("{name}={text}: {error}"))),
    }
}

/// The engines named on the command line: all persistent ones where none is. Ends the process with code 2 for a name that
/// is none of them.
#[must_use]
pub fn wanted_engines() -> Vec<Kind> {
    // cargo adds `--bench`.
    let names: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let lasting: Vec<Kind> = KINDS.iter().copied().filter(Kind::is_persistent).collect();
    if names.is_empty() {
        return lasting;
    }
    let find = |name: &String| lasting.iter().copied().find(|kind| kind.name() == name);
    names.iter().map(|name| find(name).unwrap_or_else(|| refuse(&unknown(name, &lasting)))).collect()
}

fn unknown(name: &str, known: &[Kind]) -> String {
    let known: Vec<&str> = known.iter().map(Kind::name).collect();
    format!("no engine '{name}' (built in: {})", known.join(", "))
}

#[expect(clippy::print_stderr, reason = "the one line that says what is wrong")]
fn refuse(reason: &str) -> ! {
    eprintln!("{reason}");
    process::exit(2)
}
