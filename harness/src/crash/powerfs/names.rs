//! Directories: their entries as programs see them, as a power cut would leave them, and what lies between.
//!
//! A change touches one or two *slots*, a slot being a name in a directory. Syncing a directory makes the changes of its
//! slots durable. A rename is one change: both its slots, or none. A change that reaches the disk takes along all earlier ones
//! of the same slots, for a name has one history.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};

use rand::RngExt as _;
use rand::rngs::StdRng;

use super::survival::Survival;

/// The number of a file, directory or link.
pub(super) type Ino = u64;
/// The entries of a directory.
pub(super) type Entries = BTreeMap<OsString, Ino>;
type Slot = (Ino, OsString);
type Tree = BTreeMap<Ino, Entries>;

/// One change that was not synced yet.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Change {
    /// Its place in the order of everything.
    number: u64,
    what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    Enter { at: Slot, ino: Ino },
    Remove { at: Slot },
    Rename { from: Slot, to: Slot, ino: Ino },
}

/// Every directory's entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Names {
    live: Tree,
    durable: Tree,
    pending: Vec<Change>,
    next: u64,
    /// Changes before this number were made before the last sync of anything.
    committed: u64,
}

impl Names {
    /// A new, empty directory. Whether it can be reached is a matter of the entry that names it.
    pub(super) fn create(&mut self, dir: Ino) {
        self.live.insert(dir, Entries::new());
        self.durable.insert(dir, Entries::new());
    }

    /// The entries of a directory; `None` for what is none.
    pub(super) fn list(&self, dir: Ino) -> Option<&Entries> {
        self.live.get(&dir)
    }

    pub(super) fn find(&self, dir: Ino, name: &OsStr) -> Option<Ino> {
        self.live.get(&dir)?.get(name).copied()
    }

    pub(super) fn enter(&mut self, dir: Ino, name: &OsStr, ino: Ino) {
        self.change(What::Enter { at: (dir, name.to_owned()), ino });
    }

    pub(super) fn remove(&mut self, dir: Ino, name: &OsStr) {
        self.change(What::Remove { at: (dir, name.to_owned()) });
    }

    pub(super) fn rename(&mut self, from: (Ino, &OsStr), to: (Ino, &OsStr), ino: Ino) {
        let slot = |(dir, name): (Ino, &OsStr)| (dir, name.to_owned());
        self.change(What::Rename { from: slot(from), to: slot(to), ino });
    }

    fn change(&mut self, what: What) {
        what.apply(&mut self.live);
        self.pending.push(Change { number: self.next, what });
        self.next += 1;
    }

    /// The directory's entries reach the disk.
    pub(super) fn sync(&mut self, dir: Ino) {
        self.note_sync();
        let chosen: Vec<bool> =
            self.pending.iter().map(|change| change.what.slots().any(|slot| slot.0 == dir)).collect();
        let taken = self.with_their_past(chosen);
        let mut taken = taken.into_iter();
        let durable = &mut self.durable;
        self.pending.retain(|change| {
            let goes = taken.next().unwrap_or(false);
            if goes {
                change.what.apply(durable);
            }
            !goes
        });
    }

    /// Something was synced: a journal would have committed what came before.
    pub(super) fn note_sync(&mut self) {
        self.committed = self.next;
    }

    /// Changes that are not synced.
    pub(super) fn unsynced(&self) -> usize {
        self.pending.len()
    }

    /// What a power cut leaves.
    pub(super) fn survivor(&self, survival: Survival, rng: &mut StdRng) -> Tree {
        let keep: Vec<bool> = match survival {
            Survival::Everything => return self.live.clone(),
            Survival::Nothing => return self.durable.clone(),
            Survival::Journal => {
                let end = rng.random_range(self.committed..=self.next);
                self.pending.iter().map(|change| change.number < end).collect()
            }
            Survival::Subset | Survival::Torn | Survival::Sectors => {
                let chosen = self.pending.iter().map(|_| rng.random()).collect();
                self.with_their_past(chosen)
            }
        };
        let mut left = self.durable.clone();
        for (change, _) in self.pending.iter().zip(keep).filter(|(_, keep)| *keep) {
            change.what.apply(&mut left);
        }
        left
    }

    /// The chosen changes, and all earlier ones of their slots.
    fn with_their_past(&self, mut chosen: Vec<bool>) -> Vec<bool> {
        let mut slots: BTreeSet<&Slot> = BTreeSet::new();
        for (change, chosen) in self.pending.iter().zip(&mut chosen).rev() {
            *chosen |= change.what.slots().any(|slot| slots.contains(slot));
            if *chosen {
                slots.extend(change.what.slots());
            }
        }
        chosen
    }
}

impl What {
    fn slots(&self) -> impl Iterator<Item = &Slot> {
        let (first, second) = match self {
            Self::Enter { at, .. } | Self::Remove { at } => (at, None),
            Self::Rename { from, to, .. } => (from, Some(to)),
        };
        std::iter::once(first).chain(second)
    }

    fn apply(&self, tree: &mut Tree) {
        let mut set = |(dir, name): &Slot, ino: Option<Ino>| {
            let entries = tree.entry(*dir).or_default();
            match ino {
                Some(ino) => entries.insert(name.clone(), ino),
                None => entries.remove(name),
            };
        };
        match self {
            Self::Enter { at, ino } => set(at, Some(*ino)),
            Self::Remove { at } => set(at, None),
            Self::Rename { from, to, ino } => {
                set(from, None);
                set(to, Some(*ino));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng as _;

    use super::*;

    const A: Ino = 1;
    const B: Ino = 2;

    fn two_directories() -> Names {
        let mut names = Names::default();
        names.create(A);
        names.create(B);
        names
    }

    fn left(names: &Names, survival: Survival, dir: Ino) -> Vec<(String, Ino)> {
        let tree = names.survivor(survival, &mut StdRng::seed_from_u64(1));
        tree[&dir].iter().map(|(name, ino)| (name.to_string_lossy().into_owned(), *ino)).collect()
    }

    fn name(text: &str) -> &OsStr {
        OsStr::new(text)
    }

    #[test]
    fn a_name_lasts_once_its_directory_is_synced() {
        let mut names = two_directories();
        names.enter(A, name("x"), 10);
        assert!(left(&names, Survival::Nothing, A).is_empty());
        names.sync(B);
        assert!(left(&names, Survival::Nothing, A).is_empty(), "another directory's sync is none");
        names.sync(A);
        assert_eq!(left(&names, Survival::Nothing, A), [("x".to_owned(), 10)]);
        names.remove(A, name("x"));
        assert_eq!(left(&names, Survival::Nothing, A), [("x".to_owned(), 10)], "the removal is not synced");
    }

    #[test]
    fn a_rename_between_directories_is_there_in_both_or_in_none() {
        for synced in [A, B] {
            let mut names = two_directories();
            names.enter(A, name("x"), 10);
            names.sync(A);
            names.rename((A, name("x")), (B, name("y")), 10);
            assert_eq!(left(&names, Survival::Nothing, A).len(), 1, "not synced yet");
            names.sync(synced);
            assert!(left(&names, Survival::Nothing, A).is_empty());
            assert_eq!(left(&names, Survival::Nothing, B), [("y".to_owned(), 10)]);
        }
    }

    #[test]
    fn a_name_that_moved_on_does_not_come_back() {
        let mut names = two_directories();
        names.enter(A, name("x"), 10);
        names.rename((A, name("x")), (B, name("y")), 10);
        names.sync(B);
        names.sync(A);
        assert!(left(&names, Survival::Nothing, A).is_empty());
        assert_eq!(names.unsynced(), 0);
    }

    #[test]
    fn a_journal_keeps_what_came_before_any_sync() {
        let mut names = two_directories();
        names.enter(A, name("x"), 10);
        names.note_sync();
        names.enter(A, name("y"), 11);
        let seen: BTreeSet<usize> =
            (0..50).map(|seed| names.survivor(Survival::Journal, &mut StdRng::seed_from_u64(seed))[&A].len()).collect();
        assert_eq!(seen, BTreeSet::from([1, 2]), "x always, y sometimes");
    }

    #[derive(Debug, Clone)]
    enum Step {
        Enter(Ino, u8),
        Remove(Ino, u8),
        Rename(Ino, u8, Ino, u8),
        Sync(Ino),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let (dir, name) = (|| prop::sample::select(vec![A, B]), || 0_u8..4);
        let step = prop_oneof![
            (dir(), name()).prop_map(|(dir, name)| Step::Enter(dir, name)),
            (dir(), name()).prop_map(|(dir, name)| Step::Remove(dir, name)),
            (dir(), name(), dir(), name()).prop_map(|(d, n, e, m)| Step::Rename(d, n, e, m)),
            dir().prop_map(Step::Sync),
        ];
        prop::collection::vec(step, 0..25)
    }

    fn play(steps: &[Step]) -> Names {
        let mut names = two_directories();
        let text = |number: &u8| OsString::from(number.to_string());
        for (ino, step) in (100..).zip(steps) {
            match step {
                Step::Enter(dir, name) => names.enter(*dir, &text(name), ino),
                Step::Remove(dir, name) => names.remove(*dir, &text(name)),
                Step::Rename(dir, from, to_dir, to) => {
                    if (dir, from) != (to_dir, to)
                        && let Some(ino) = names.find(*dir, &text(from))
                    {
                        names.rename((*dir, &text(from)), (*to_dir, &text(to)), ino);
                    }
                }
                Step::Sync(dir) => names.sync(*dir),
            }
        }
        names
    }

    proptest! {
        #[test]
        fn what_was_synced_survives_every_rule(steps in steps(), seed: u64) {
            let mut names = play(&steps);
            names.sync(A);
            names.sync(B);
            for survival in Survival::ALL {
                let left = names.survivor(survival, &mut StdRng::seed_from_u64(seed));
                prop_assert_eq!(&left, &names.live, "{:?}", survival);
            }
        }

        #[test]
        fn a_synced_directory_is_as_it_was_seen(steps in steps()) {
            let mut names = play(&steps);
            names.sync(A);
            prop_assert_eq!(&names.durable[&A], &names.live[&A]);
        }

        /// Entries are made once each and never linked twice, so no cut may leave one under two names.
        #[test]
        fn nothing_is_in_two_places(steps in steps(), seed: u64) {
            let names = play(&steps);
            for survival in Survival::ALL {
                let left = names.survivor(survival, &mut StdRng::seed_from_u64(seed));
                let all: Vec<Ino> = left.values().flat_map(BTreeMap::values).copied().collect();
                let distinct: BTreeSet<Ino> = all.iter().copied().collect();
                prop_assert_eq!(distinct.len(), all.len(), "{:?}: {:?}", survival, left);
            }
        }
    }
}
