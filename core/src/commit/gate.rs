//! What keeps committers, and whoever removes contents, apart.
//!
//! A batch stores its contents and the links to them as one, so a content may be removed at any moment at which no stored
//! link leads to it. A pruner finds out which contents those are, which takes time, and then removes them. The gate tells
//! it of contents that were stored again meanwhile, and lets nothing be stored while it removes.

use crate::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::collections::HashSet;

use crate::assignments::Contents;
use crate::id::Id;

/// The gate in front of one open store. A committer that finds no pruner at work pays for one uncontended lock a batch.
#[derive(Default)]
pub struct ContentGate {
    watch: RwLock<Option<Arc<Watch>>>,
    /// Held while somebody prunes.
    pruner: Mutex<()>,
}

/// The contents that a pruner is about to remove, and those of them that were stored again.
struct Watch {
    contents: Contents,
    again: Mutex<HashSet<Id>>,
}

/// A pruner's hold on the gate.
pub(crate) struct Pruning<'a> {
    gate: &'a ContentGate,
    watch: Arc<Watch>,
    _alone: MutexGuard<'a, ()>,
}

impl ContentGate {
    /// Held by a committer while it stores these contents.
    pub(super) fn enter<'a>(&'a self, contents: impl Iterator<Item = Id>) -> Entered<'a> {
        let open = Entered(self.watch.read().unwrap_or_else(PoisonError::into_inner));
        if let Some(watch) = &*open.0 {
            let mut again = lock(&watch.again);
            again.extend(contents.filter(|content| watch.contents.contains(content)));
        }
        open
    }

    /// Lets committers tell, from here on, which of `contents` they store again. Waits for another pruner to end.
    pub(crate) fn watch(&self, contents: Contents) -> Pruning<'_> {
        let alone = lock(&self.pruner);
        let watch = Arc::new(Watch { contents, again: Mutex::default() });
        self.set(Some(Arc::clone(&watch)));
        Pruning { gate: self, watch, _alone: alone }
    }

    fn set(&self, watch: Option<Arc<Watch>>) {
        *self.watch.write().unwrap_or_else(PoisonError::into_inner) = watch;
    }
}

/// A committer behind the gate.
pub(super) struct Entered<'a>(RwLockReadGuard<'a, Option<Arc<Watch>>>);

impl Pruning<'_> {
    pub(crate) fn contents(&self) -> &Contents {
        &self.watch.contents
    }

    /// Runs `work` while nothing is being stored; it can ask which contents were stored since the watch began.
    pub(crate) fn alone<T>(&self, work: impl FnOnce(&dyn Fn(&Id) -> bool) -> T) -> T {
        let _closed = self.gate.watch.write().unwrap_or_else(PoisonError::into_inner);
        let again = lock(&self.watch.again);
        work(&|content| again.contains(content))
    }
}

impl Drop for Pruning<'_> {
    fn drop(&mut self) {
        self.gate.set(None);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
