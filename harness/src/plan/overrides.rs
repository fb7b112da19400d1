//! What the command line says over a plan.

use crate::plan::error::PlanError;
use crate::plan::group::Group;
use crate::plan::keys::{self, Key};

/// Values that replace those of every table of a plan.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overrides {
    pub(super) group: Group,
    pub(super) seed: Option<u64>,
}

impl Overrides {
    /// Replaces an axis, or a length: `key` as in a plan, `list` separated by commas.
    ///
    /// # Errors
    /// [`PlanError::Flag`] with `--key`, what is wrong and what is allowed.
    pub fn axis(&mut self, key: &str, list: &str) -> Result<(), PlanError> {
        self.take(&format!("--{key}"), keys::find(keys::CELLS, key), list)
    }

    /// Replaces an axis of the workload: `workload.KEY=LIST`.
    ///
    /// # Errors
    /// [`PlanError::Flag`] with `--set`, what is wrong and what is allowed.
    pub fn set(&mut self, assignment: &str) -> Result<(), PlanError> {
        let split = assignment.split_once('=').and_then(|(key, list)| Some((key.strip_prefix("workload.")?, list)));
        let (key, list) = split.unwrap_or((assignment, ""));
        self.take(&format!("--set {assignment}"), split.and(keys::find(keys::WORKLOAD, key)), list)
    }

    /// Replaces the seed.
    ///
    /// # Errors
    /// [`PlanError::Flag`] for anything but a whole number of 64 bits.
    pub fn seed(&mut self, seed: &str) -> Result<(), PlanError> {
        let number = keys::number(seed, 0..=u64::MAX);
        self.seed = Some(number.map_err(|message| PlanError::Flag { flag: "--seed".to_owned(), message })?);
        Ok(())
    }

    /// Whether it says anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn take(&mut self, flag: &str, key: Option<&Key>, list: &str) -> Result<(), PlanError> {
        let fail = |message| PlanError::Flag { flag: flag.to_owned(), message };
        let key = key.ok_or_else(|| fail(format!("takes workload.KEY=VALUE with KEY one of {}", workload_keys())))?;
        words(list).into_iter().try_for_each(|word| (key.take)(&mut self.group, word.trim())).map_err(fail)
    }
}

/// The words of a list. A comma before `name=` is part of a word with parameters: `lognormal:median=1KiB,sigma=1`.
fn words(list: &str) -> Vec<&str> {
    let goes_on = |rest: &str| rest.split([',', ':']).next().is_some_and(|piece| piece.contains('='));
    let mut words = Vec::new();
    let mut start = 0;
    for (comma, _) in list.match_indices(',') {
        if !goes_on(&list[comma + 1..]) {
            words.push(&list[start..comma]);
            start = comma + 1;
        }
    }
    words.push(&list[start..]);
    words
}

fn workload_keys() -> String {
    keys::WORKLOAD.iter().map(|key| key.name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_flag_and_what_it_takes() {
        let mut overrides = Overrides::default();
        let message = |result: Result<(), PlanError>| result.expect_err("is not allowed").to_string();
        assert_eq!(message(overrides.axis("workers", "1,0")), "--workers: '0' is not a whole number from 1 to 10000");
        assert!(message(overrides.axis("mode", "fast")).ends_with("(allowed: local, aggressive, remote, all)"));
        assert!(message(overrides.set("workload.size=1")).contains("takes workload.KEY=VALUE with KEY one of sign,"));
        assert!(message(overrides.set("payload=1")).starts_with("--set payload=1: "));
        assert_eq!(
            message(overrides.set("workload.payload=65MiB")),
            "--set workload.payload=65MiB: '65MiB' is too much (at most 64MiB)"
        );
    }

    #[test]
    fn a_comma_separates_words_and_not_the_parameters_of_one() {
        let list = "1KiB,lognormal:median=1KiB,sigma=1,uniform:1B..2B,lognormal:median=4KiB,sigma=0.5";
        let split = ["1KiB", "lognormal:median=1KiB,sigma=1", "uniform:1B..2B", "lognormal:median=4KiB,sigma=0.5"];
        assert_eq!(words(list), split);
        assert_eq!(words("1,,2"), ["1", "", "2"]);
        assert_eq!(words(""), [""]);
    }

    #[test]
    fn ops_and_duration_together_are_refused() {
        let mut overrides = Overrides::default();
        overrides.axis("ops", "5").expect("is allowed");
        let error = overrides.axis("duration", "5s").expect_err("excluded by ops");
        assert_eq!(error.to_string(), "--duration: ops and duration exclude each other");
    }
}
