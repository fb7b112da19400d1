//! Paths over a [`Store`]: values, groups and links as a file system has them, links followed.
//!
//! A store is flat and takes any entry at any key. The tree adds what makes paths safe to use: nothing goes below a
//! value, a value never replaces a group or writes through a link, and links on the way are followed.

mod error;
mod join;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

pub use error::TreeError;
pub use join::{Part, join};

use crate::key::Key;
use crate::store::{Batch, Durability, Entry, MAX_LINK_HOPS, Store, StoreError};

/// How many entries one scan of a listing asks for.
const PAGE: usize = 64;
/// How many entries one batch of a reset removes.
const RESET_BATCH: usize = 1024;

/// What a path is, once its links are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A value.
    Simple,
    /// A group: made explicitly, or with something below it.
    Composite,
}

/// What to do when the name of a new link is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkMode {
    /// Accept a link to the same target, refuse anything else.
    IfAbsent,
    /// Replace a value or another link; refuse a group, whose content would be out of reach.
    Replace,
}

/// Path operations on a store.
///
/// Each change looks before it writes. Changes through one `Tree` are serialised, so what was seen still holds when
/// it is written; two trees over one store do not know of each other. Reads take no lock.
pub struct Tree {
    store: Arc<dyn Store>,
    durability: Durability,
    changes: Mutex<()>,
}

impl Tree {
    /// The tree of `store`, which writes with `durability`.
    pub fn new(store: Arc<dyn Store>, durability: Durability) -> Self {
        Self { store, durability, changes: Mutex::new(()) }
    }

    /// The store beneath.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// What `path` is, links followed; `None` where there is nothing. The root is always a group.
    ///
    /// # Errors
    /// What the store reports, [`StoreError::LinkLoop`] among it.
    pub fn kind_of(&self, path: &Key) -> Result<Option<Kind>, TreeError> {
        let (at, entry) = self.follow(path)?;
        Ok(match entry {
            Some(Entry::Value(_)) => Some(Kind::Simple),
            _ => self.is_group(&at, entry.as_ref())?.then_some(Kind::Composite),
        })
    }

    /// The value at `path`, links followed; `None` for a group, a dangling link and a missing path.
    ///
    /// # Errors
    /// As [`kind_of`](Self::kind_of).
    pub fn read(&self, path: &Key) -> Result<Option<Bytes>, TreeError> {
        match self.follow(path)? {
            (_, Some(Entry::Value(bytes))) => Ok(Some(bytes)),
            _ => Ok(None),
        }
    }

    /// The names directly below the group at `path`, links followed, in key order; `None` where there is no group.
    ///
    /// The cost grows with the number of names, not with what lies below them.
    ///
    /// # Errors
    /// As [`kind_of`](Self::kind_of).
    pub fn list(&self, path: &Key) -> Result<Option<Vec<Vec<u8>>>, TreeError> {
        let (at, entry) = self.follow(path)?;
        if matches!(entry, Some(Entry::Value(_))) {
            return Ok(None);
        }
        let names = self.children(&at)?;
        let is_group = !names.is_empty() || at.is_root() || entry.is_some();
        Ok(is_group.then_some(names))
    }

    /// Where `path` leads. Segments that do not exist stay as they are.
    ///
    /// # Errors
    /// [`StoreError::LinkLoop`], and what the store reports.
    pub fn resolve(&self, path: &Key) -> Result<Key, TreeError> {
        Ok(self.store.resolve(path)?)
    }

    /// Creates or replaces the value at `path`. Links above it are followed, and groups above it need not exist.
    ///
    /// # Errors
    /// [`TreeError::IsLink`] and [`TreeError::IsGroup`] where `path` is one; [`TreeError::ParentIsValue`].
    pub fn write(&self, path: &Key, value: impl Into<Bytes>) -> Result<(), TreeError> {
        let _changing = self.change();
        let at = self.place(path)?;
        let entry = self.store.get(&at)?;
        match entry {
            Some(Entry::Value(_)) => {}
            Some(Entry::Link(_)) => return Err(TreeError::IsLink { path: at.to_string() }),
            _ if self.is_group(&at, entry.as_ref())? => return Err(TreeError::IsGroup { path: at.to_string() }),
            _ => {}
        }
        self.apply(|batch| _ = batch.put(at, value.into()))
    }

    /// Makes a group at `path`, links followed. A group that exists, explicitly or not, stays as it is.
    ///
    /// # Errors
    /// [`TreeError::IsValue`] where `path` is a value; [`TreeError::ParentIsValue`].
    pub fn make_group(&self, path: &Key) -> Result<(), TreeError> {
        let _changing = self.change();
        let (at, entry) = self.follow(path)?;
        if matches!(entry, Some(Entry::Value(_))) {
            return Err(TreeError::IsValue { path: at.to_string() });
        }
        self.refuse_below_value(path, &at)?;
        if self.is_group(&at, entry.as_ref())? {
            return Ok(());
        }
        self.apply(|batch| _ = batch.group(at))
    }

    /// Makes `new` a link to `existing`, which need not exist. Links above `new` are followed. A link to itself is
    /// accepted and not made.
    ///
    /// # Errors
    /// [`TreeError::Exists`] in mode [`IfAbsent`](LinkMode::IfAbsent); [`TreeError::IsGroup`] in mode
    /// [`Replace`](LinkMode::Replace); [`TreeError::ParentIsValue`].
    pub fn make_link(&self, existing: &Key, new: &Key, mode: LinkMode) -> Result<(), TreeError> {
        let _changing = self.change();
        let at = self.place(new)?;
        if existing == new || *existing == at {
            return Ok(());
        }
        let entry = self.store.get(&at)?;
        match (&entry, mode) {
            (Some(Entry::Link(target)), _) if target == existing => return Ok(()),
            (Some(Entry::Value(_) | Entry::Link(_)), LinkMode::Replace) => {}
            _ if entry.is_none() && !self.is_group(&at, None)? => {}
            (_, LinkMode::Replace) => return Err(TreeError::IsGroup { path: at.to_string() }),
            (_, LinkMode::IfAbsent) => {
                return Err(TreeError::Exists { path: at.to_string(), target: existing.to_string() });
            }
        }
        self.apply(|batch| _ = batch.link(at, existing.clone()))
    }

    /// Removes everything in this store and leaves it usable.
    ///
    /// It goes in batches: a crash in between leaves the rest.
    ///
    /// # Errors
    /// What the store reports; [`StoreError::Corrupt`] if entries are still there after their removal.
    pub fn reset(&self) -> Result<(), TreeError> {
        let _changing = self.change();
        Ok(clear(&*self.store, self.durability)?)
    }

    fn change(&self) -> MutexGuard<'_, ()> {
        // The lock guards no data of its own, so a panic under it leaves nothing to distrust.
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn apply(&self, fill: impl FnOnce(&mut Batch)) -> Result<(), TreeError> {
        let mut batch = Batch::new();
        fill(&mut batch);
        Ok(self.store.apply(&batch, self.durability)?)
    }

    /// Where `path` leads and what is there, which is no link.
    fn follow(&self, path: &Key) -> Result<(Key, Option<Entry>), TreeError> {
        // A link that is made between the two calls is found by the second: look again.
        for _ in 0..=MAX_LINK_HOPS {
            let at = self.store.resolve(path)?;
            match self.store.get(&at)? {
                Some(Entry::Link(_)) => {}
                entry => return Ok((at, entry)),
            }
        }
        Err(StoreError::LinkLoop { path: path.to_string() }.into())
    }

    /// Where an entry named `path` is to be stored: links above it followed, `path` itself not.
    fn place(&self, path: &Key) -> Result<Key, TreeError> {
        let (Some(parent), Some(name)) = (path.parent(), path.name()) else {
            return Ok(Key::root());
        };
        let at = self.store.resolve(&parent)?.child(&name);
        let at = at.map_err(|source| TreeError::Key { path: path.to_string(), source })?;
        self.refuse_below_value(path, &at)?;
        Ok(at)
    }

    fn refuse_below_value(&self, path: &Key, at: &Key) -> Result<(), TreeError> {
        for above in at.ancestry().filter(|above| above != at) {
            if let Some(Entry::Value(_)) = self.store.get(&above)? {
                return Err(TreeError::ParentIsValue { path: path.to_string(), parent: above.to_string() });
            }
        }
        Ok(())
    }

    /// Whether `at`, where `entry` is stored, is a group.
    fn is_group(&self, at: &Key, entry: Option<&Entry>) -> Result<bool, TreeError> {
        match entry {
            Some(Entry::Group) => Ok(true),
            Some(_) => Ok(false),
            None => Ok(at.is_root() || !self.store.scan(at, at, 1)?.is_empty()),
        }
    }

    fn children(&self, group: &Key) -> Result<Vec<Vec<u8>>, TreeError> {
        let mut names = Vec::new();
        let mut from = group.clone();
        loop {
            let page = self.store.scan(group, &from, PAGE)?;
            let bound = from.clone();
            for (key, _) in &page {
                // The rest of a page may lie below the name just listed.
                if *key >= from
                    && let Some(child) = key.child_below(group)
                {
                    names.extend(child.name().map(|name| name.text()));
                    from = child.fence();
                }
            }
            if page.len() < PAGE {
                return Ok(names);
            }
            if from == bound {
                let reason = "a scan returned only entries before its bound".to_owned();
                return Err(StoreError::Corrupt { path: group.to_string(), reason }.into());
            }
        }
    }
}

/// Removes every entry of `store`, batch by batch.
///
/// # Errors
/// What the store reports; [`StoreError::Corrupt`] if entries are still there after their removal.
pub(crate) fn clear(store: &dyn Store, durability: Durability) -> Result<(), StoreError> {
    let first_page = || store.scan(&Key::root(), &Key::root(), RESET_BATCH);
    let mut page = first_page()?;
    while let Some((first, _)) = page.first().cloned() {
        let mut batch = Batch::new();
        for (key, _) in page {
            batch.delete(key);
        }
        store.apply(&batch, durability)?;
        page = first_page()?;
        if page.first().is_some_and(|(key, _)| *key == first) {
            return Err(StoreError::Corrupt { path: first.to_string(), reason: "still there once removed".to_owned() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Counting, Hooked, Method, Model};

    fn key(path: &str) -> Key {
        Key::parse(path).expect("a valid path")
    }

    fn tree() -> Tree {
        Tree::new(Arc::new(Model::new()), Durability::Memory)
    }

    #[test]
    fn a_listing_asks_by_name_and_not_by_descendant() {
        const BELOW: u64 = 500;
        let store = Arc::new(Counting::new(Arc::new(Model::new())));
        let tree = Tree::new(Arc::<Hooked<_>>::clone(&store), Durability::Memory);
        let mut batch = Batch::new();
        for name in ["a", "b", "c"] {
            (0..BELOW).for_each(|n| _ = batch.put(key(&format!("g/{name}/{n}")), Bytes::new()));
        }
        store.apply(&batch, Durability::Memory).expect("the model takes everything");
        let names = tree.list(&key("g")).expect("the model never fails");
        assert_eq!(names, Some(vec![b"a".to_vec(), b"b".to_vec(), b"c".to_vec()]));
        assert_eq!(store.hook().of(Method::Scan), 4, "one for each name, one for the end");
    }

    #[test]
    fn a_page_that_ends_within_a_name_lists_it_once() {
        let tree = tree();
        for n in 0..PAGE as u64 * 2 {
            tree.write(&key(&format!("g/{n}/x")), "v").expect("nothing is in the way");
            tree.write(&key(&format!("g/{n}/y")), "v").expect("nothing is in the way");
        }
        let names = tree.list(&key("g")).expect("the model never fails").expect("it is a group");
        let expected: Vec<Vec<u8>> = (0..PAGE * 2).map(|n| n.to_string().into_bytes()).collect();
        assert_eq!(names, expected);
    }

    #[test]
    fn the_root_is_a_group_and_takes_no_value() {
        let tree = tree();
        assert_eq!(tree.kind_of(&Key::root()).expect("the model never fails"), Some(Kind::Composite));
        assert_eq!(tree.list(&Key::root()).expect("the model never fails"), Some(vec![]));
        assert!(matches!(tree.write(&Key::root(), "v"), Err(TreeError::IsGroup { .. })));
        assert!(tree.make_group(&Key::root()).is_ok());
        let over_root = tree.make_link(&key("a"), &Key::root(), LinkMode::IfAbsent);
        assert!(matches!(over_root, Err(TreeError::Exists { .. })));
    }

    #[test]
    fn a_reset_that_removes_nothing_ends() {
        struct Stubborn(Model);
        impl Store for Stubborn {
            fn apply(&self, batch: &Batch, durability: Durability) -> Result<(), StoreError> {
                let deletes = batch.ops().iter().all(|op| matches!(op, crate::store::Op::Delete { .. }));
                if deletes { Ok(()) } else { self.0.apply(batch, durability) }
            }
            fn get(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
                self.0.get(key)
            }
            fn scan(&self, p: &Key, f: &Key, l: usize) -> Result<Vec<(Key, crate::store::Node)>, StoreError> {
                self.0.scan(p, f, l)
            }
            fn last(&self, prefix: &Key) -> Result<Option<(Key, crate::store::Node)>, StoreError> {
                self.0.last(prefix)
            }
            fn sync(&self) -> Result<(), StoreError> {
                self.0.sync()
            }
            fn describe(&self) -> crate::store::Description {
                self.0.describe()
            }
            fn counters(&self) -> crate::store::Counters {
                self.0.counters()
            }
        }
        let tree = Tree::new(Arc::new(Stubborn(Model::new())), Durability::Memory);
        tree.write(&key("a"), "v").expect("nothing is in the way");
        assert!(matches!(tree.reset(), Err(TreeError::Store(StoreError::Corrupt { .. }))));
    }

    #[test]
    fn a_reset_takes_more_than_one_batch_where_it_must() {
        let tree = tree();
        let mut batch = Batch::new();
        (0..RESET_BATCH as u64 * 2 + 1).for_each(|n| _ = batch.group(key(&format!("g/{n}"))));
        tree.store().apply(&batch, Durability::Memory).expect("the model takes everything");
        tree.reset().expect("the model never fails");
        assert_eq!(tree.list(&Key::root()).expect("the model never fails"), Some(vec![]));
    }
}
