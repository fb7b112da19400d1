//! What the targets that are no criterion benchmarks take from arguments and environment.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::process;
use std::str::FromStr;

use slotbench_backends::{KINDS, Kind};

/// The lasting engines named by `words`, in the order named; all of them where there are no words.
///
/// # Errors
/// A line that names the word that is no engine, and the engines there are.
pub fn engines<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Vec<Kind>, String> {
    let lasting: Vec<Kind> = KINDS.iter().copied().filter(Kind::is_persistent).collect();
    let named = words.into_iter().map(|word| {
        lasting.iter().copied().find(|kind| kind.name() == word).ok_or_else(|| {
            let names: Vec<_> = lasting.iter().map(Kind::name).collect();
            format!("'{word}' is no engine of this build (allowed: {})", names.join(", "))
        })
    });
    let named = named.collect::<Result<Vec<_>, _>>()?;
    Ok(if named.is_empty() { lasting } else { named })
}

/// The engines named on the command line, as [`engines`] finds them. Ends the process with code 2 for a name that is none.
#[must_use]
pub fn wanted_engines() -> Vec<Kind> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    // cargo adds `--bench`.
    let names = words.iter().map(String::as_str).filter(|word| !word.starts_with('-'));
    engines(names).unwrap_or_else(|error| refuse(&error))
}

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

#[expect(clippy::print_stderr, reason = "the one line that says what is wrong")]
fn refuse(reason: &str) -> ! {
    eprintln!("{reason}");
    process::exit(2)
}

/// The whole number in environment variable `name`, which may be written `1e6`; `default` where it is not set.
///
/// # Errors
/// A line that names the variable, its value, and what is allowed.
pub fn number<T>(name: &str, default: T, allowed: RangeInclusive<T>) -> Result<T, String>
where
    T: FromStr + PartialOrd + Display,
{
    let Ok(text) = std::env::var(name) else { return Ok(default) };
    parse(&text, &allowed)
        .ok_or_else(|| format!("{name} cannot be '{text}' (allowed: {} to {})", allowed.start(), allowed.end()))
}

fn parse<T: FromStr + PartialOrd>(text: &str, allowed: &RangeInclusive<T>) -> Option<T> {
    let plain = match text.split_once('e') {
        Some((digits, zeros)) => digits.to_owned() + &"0".repeat(zeros.parse().ok().filter(|zeros| *zeros < 20)?),
        None => text.to_owned(),
    };
    plain.parse().ok().filter(|number| allowed.contains(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_whole_and_within_bounds() {
        let read = |text| parse::<u64>(text, &(10..=1_000_000));
        assert_eq!(["10", "1e6", "25e1", "1000000"].map(read), [Some(10), Some(1_000_000), Some(250), Some(1_000_000)]);
        assert_eq!(["9", "1e7", "", "e3", "1.5e3", "-20", "1e99", "ten"].map(read), [None; 8]);
    }

    #[test]
    fn engines_keep_their_order_and_others_are_named() {
        let persistent = KINDS.iter().filter(|kind| kind.is_persistent()).count();
        assert_eq!(engines([]).map(|all| all.len()), Ok(persistent));
        let error = engines(["memory"]).expect_err("does not last");
        assert!(error.starts_with("'memory' is no engine of this build (allowed: "), "{error}");
    }
}
