//! What every storage engine must do, as a list of named checks.
//!
//! A check is handed a [`Bench`], opens stores on it and says what it found. The checks are run one by one, so that a
//! test runner can show them by name: see [`each_conformance_check`](crate::each_conformance_check).
//!
//! A check that passes without having used the store proves nothing, so [`run`] counts the calls and turns such a pass
//! into a failure; and every check must fail on a store that ignores everything ([`Subject::ignoring`]).

mod batch;
mod bench;
mod chain;
mod concurrency;
#[cfg(test)]
mod faulty;
mod links;
mod order;
mod paths;
mod random;
mod tiers;
mod values;

use std::error::Error;
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use batch::*;
pub use bench::{Bench, Handle};
use chain::*;
use concurrency::*;
use links::*;
use order::*;
use paths::*;
use random::*;
use tiers::*;
use values::*;

use crate::stack::{Member, Stack};
use crate::store::{Store, StoreError};
use crate::testing::Ignoring;
use crate::tree::TreeError;

/// Hands the names of all checks to the macro `$callback`, as `$callback! { name name ... }`.
///
/// ```text
/// macro_rules! tests {
///     ($($name:ident)*) => { $(#[test] fn $name() { conformance::assert(&subject(), stringify!($name)); })* };
/// }
/// slotbench_core::each_conformance_check!(tests);
/// ```
#[macro_export]
macro_rules! each_conformance_check {
    ($callback:ident) => {
        $callback! {
            a_value_is_read_back_and_overwritten
            values_of_zero_one_1m_and_64m_bytes
            names_may_hold_any_byte
            the_longest_keys_are_kept
            entries_of_each_sort_replace_each_other
            a_delete_removes_one_entry_only
            entries_above_and_below_each_other_are_independent
            a_later_operation_of_a_batch_overrules_an_earlier_one
            a_batch_is_seen_whole_or_not_at_all
            scan_is_ordered_and_stays_below_its_prefix
            scan_starts_at_its_bound_or_behind_a_fence
            scan_in_pages_tells_the_same_as_at_once
            last_is_the_greatest_below_any_prefix
            slots_sort_by_number
            each_tier_is_met_or_refused
            what_is_applied_survives_a_reopen
            a_directory_has_one_owner
            counters_count
            c085_a_link_a_link_to_a_link_and_a_link_to_a_group_resolve
            c086_a_link_wins_over_what_it_shadows
            c087_links_in_the_middle_of_a_path_resolve_over_several_hops
            c088_a_link_cycle_ends_with_link_loop
            c089_a_path_of_equal_segments_is_itself
            c090_a_self_link_creates_nothing_and_groups_come_by_themselves
            c091_a_type_is_simple_composite_or_not_found_links_followed
            c092_writing_over_a_link_or_a_group_is_refused_and_the_target_untouched
            c093_a_bad_parent_is_a_typed_error_and_the_store_keeps_working
            c094_two_directories_are_two_stores
            c095_the_root_is_listed
            c096_a_chain_falls_through_on_not_found_and_unavailable
            c097_sync_reaches_every_store_of_a_chain
            c097_reset_reaches_every_store_of_a_chain
            c097_stop_closes_every_store_of_a_chain
            c097_sorting_is_stable_and_a_failing_filter_means_no
            what_is_missing_is_not_found_and_no_error
            reads_follow_links_and_end_in_a_loop_with_an_error
            writing_below_a_link_goes_where_it_leads
            a_link_is_made_if_absent_or_replaced
            a_reset_empties_one_store_and_leaves_it_usable
            a_listing_costs_by_name
            a_chain_stops_at_corrupt_data
            a_chain_writes_to_the_first_writable_store_only
            random_operations_match_the_model
            random_path_operations_match_the_model
            one_of_many_threads_makes_a_link
            threads_see_a_linearisable_history_of_each_key
        }
    };
}

macro_rules! list {
    ($($name:ident)*) => {
        /// Every check.
        pub const CHECKS: &[Check] = &[$(Check { name: stringify!($name), run: $name }),*];
    };
}

each_conformance_check!(list);

/// One thing an engine must do.
#[derive(Clone, Copy)]
pub struct Check {
    /// What it must do, as the name of a function; `cNNN_` names a number of the specification's checklist.
    pub name: &'static str,
    run: fn(&Bench<'_>) -> Outcome,
}

/// What a check returns.
pub type Outcome = Result<(), Failure>;

/// Why a check failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The store answered something else.
    #[error("{what}: expected {expected}, found {found}")]
    Differs {
        /// What was looked at.
        what: String,
        /// The right answer.
        expected: String,
        /// The store's answer.
        found: String,
    },
    /// A property does not hold.
    #[error("{0}")]
    Broken(String),
    /// A call failed that should not have.
    #[error("unexpected error: {0}")]
    Store(#[from] StoreError),
    /// A path operation failed that should not have.
    #[error("unexpected error: {0}")]
    Tree(#[from] TreeError),
    /// The check passed and never called the store.
    #[error("passed without one call of the store under test")]
    Untouched,
    /// No check has that name.
    #[error("no check is named {0}")]
    Unknown(String),
    /// No directory to work in.
    #[error("no directory for the check: {0}")]
    Directory(#[from] std::io::Error),
}

/// How a store is opened in a directory that exists.
pub type Opener = dyn Fn(&Path) -> Result<Arc<dyn Store>, StoreError> + Send + Sync;

/// The engine under test.
pub struct Subject {
    persistent: bool,
    parent: PathBuf,
    /// How often a random failure is made smaller.
    shrinks: u32,
    open: Box<Opener>,
}

impl Subject {
    /// An engine, whether it keeps what it stores beyond the handle, and how it is opened.
    pub fn new(
        persistent: bool,
        open: impl Fn(&Path) -> Result<Arc<dyn Store>, StoreError> + Send + Sync + 'static,
    ) -> Self {
        Self { persistent, parent: std::env::temp_dir(), shrinks: 400, open: Box::new(open) }
    }

    /// Where the checks make their directories; the system's temporary directory unless told, which may be a tmpfs.
    #[must_use]
    pub fn within(mut self, parent: impl Into<PathBuf>) -> Self {
        self.parent = parent.into();
        self
    }

    /// The same engine, opened as always, but with a store before it that ignores every call.
    #[must_use]
    pub fn ignoring(self) -> Self {
        let Self { open, .. } = self;
        let open = Box::new(move |dir: &Path| Ok(Arc::new(Ignoring::new(open(dir)?)) as Arc<dyn Store>));
        // Nobody reads why these fail.
        Self { open, shrinks: 0, ..self }
    }

    /// A chain of two stores of this engine.
    #[must_use]
    pub fn chained(self) -> Self {
        let Self { open, .. } = self;
        let open = Box::new(move |dir: &Path| {
            let member = |name: &str| {
                let dir = dir.join(name);
                std::fs::create_dir_all(&dir).map_err(StoreError::io("create directory", &dir))?;
                Ok::<_, StoreError>(Member::new(name, open(&dir)?))
            };
            Ok(Arc::new(Stack::new(vec![member("first")?, member("second")?])) as Arc<dyn Store>)
        });
        Self { open, ..self }
    }
}

/// Runs one check in a fresh directory.
///
/// # Errors
/// Why the engine fails it, [`Failure::Untouched`] included.
pub fn run(subject: &Subject, check: &Check) -> Outcome {
    let bench = Bench::new(subject)?;
    (check.run)(&bench)?;
    if bench.calls().total() == 0 { Err(Failure::Untouched) } else { Ok(()) }
}

/// Runs the check of that name, for use in a test.
///
/// # Panics
/// If the engine fails it.
pub fn assert(subject: &Subject, name: &str) {
    let check = CHECKS.iter().find(|check| check.name == name);
    let outcome = check.map_or_else(|| Err(Failure::Unknown(name.to_owned())), |check| run(subject, check));
    assert!(outcome.is_ok(), "{name}: {}", outcome.err().map(|failure| failure.to_string()).unwrap_or_default());
}

/// The checks that are content with a store that ignores everything: there must be none.
#[must_use]
pub fn gullible(subject: Subject) -> Vec<&'static str> {
    let subject = subject.ignoring();
    CHECKS.iter().filter(|check| run(&subject, check).is_ok()).map(|check| check.name).collect()
}

/// Compares, and shortens what a failure shows.
fn expect_eq<T: PartialEq + Debug>(what: impl Into<String>, found: T, expected: T) -> Outcome {
    if found == expected {
        return Ok(());
    }
    Err(Failure::Differs { what: what.into(), expected: brief(&expected), found: brief(&found) })
}

fn expect(what: impl Into<String>, holds: bool) -> Outcome {
    if holds { Ok(()) } else { Err(Failure::Broken(what.into())) }
}

/// Demands an error of a certain sort.
fn expect_err<T: Debug, E: Error>(what: &str, found: Result<T, E>, sort: fn(&E) -> bool) -> Outcome {
    match found {
        Err(error) if sort(&error) => Ok(()),
        Err(error) => Err(Failure::Broken(format!("{what}: the wrong error: {error}"))),
        Ok(value) => Err(Failure::Broken(format!("{what}: no error but {}", brief(&value)))),
    }
}

fn brief(value: &impl Debug) -> String {
    const SHOWN: usize = 300;
    let text = format!("{value:?}");
    let shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() { format!("{shown}… ({} characters)", text.len()) } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing(_: &Bench<'_>) -> Outcome {
        Ok(())
    }

    #[test]
    fn c098_a_check_that_never_calls_the_store_is_a_failure() {
        let subject = Subject::new(false, |_| Ok(Arc::new(crate::testing::Model::new())));
        let outcome = run(&subject, &Check { name: "nothing", run: nothing });
        assert!(matches!(outcome, Err(Failure::Untouched)));
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = CHECKS.iter().map(|check| check.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), CHECKS.len());
    }
}
