//! The registry and the maps it is held against: all from names to shared handles, with the standard library's hasher.
//!
//! An answer is a handle of one's own that is known to be live: what callers of a registry need. The maps keep what the
//! registry keeps, names that share their text and instances behind an `Arc`.

use std::collections::HashMap;
use std::hash::RandomState;
use std::sync::{Arc, RwLock};

use slotbench_core::registry::{Instance, Live, Name, NameRef, Registry};

/// Something registered: its number.
#[derive(Debug)]
pub(crate) struct Handle(pub(crate) u64);

impl Live for Handle {
    type Error = ();

    fn is_live(&self) -> bool {
        self.0 < u64::MAX
    }
}

type Shared = Arc<Instance<Handle>>;

/// A table that is looked up from several threads.
pub(crate) trait Subject: Sync {
    fn insert(&self, name: Name, instance: Shared);

    /// The live holder of a name.
    fn find(&self, name: NameRef<'_>) -> Option<Shared>;
}

impl Subject for Registry<Handle> {
    fn insert(&self, name: Name, instance: Shared) {
        self.register(&name, instance).expect("a name of its own");
    }

    fn find(&self, name: NameRef<'_>) -> Option<Shared> {
        self.lookup(name).map(|found| found.instance)
    }
}

fn live(instance: &Shared) -> Option<Shared> {
    instance.is_live().then(|| Arc::clone(instance))
}

impl Subject for RwLock<HashMap<Name, Shared>> {
    fn insert(&self, name: Name, instance: Shared) {
        self.write().expect("nobody panics").insert(name, instance);
    }

    fn find(&self, name: NameRef<'_>) -> Option<Shared> {
        self.read().expect("nobody panics").get(name.as_str()).and_then(live)
    }
}

impl Subject for dashmap::DashMap<Name, Shared, RandomState> {
    fn insert(&self, name: Name, instance: Shared) {
        self.insert(name, instance);
    }

    fn find(&self, name: NameRef<'_>) -> Option<Shared> {
        self.get(name.as_str()).and_then(|instance| live(&instance))
    }
}

impl Subject for papaya::HashMap<Name, Shared, RandomState> {
    fn insert(&self, name: Name, instance: Shared) {
        self.pin().insert(name, instance);
    }

    fn find(&self, name: NameRef<'_>) -> Option<Shared> {
        self.pin().get(name.as_str()).and_then(live)
    }
}

impl Subject for scc::HashMap<Name, Shared, RandomState> {
    fn insert(&self, name: Name, instance: Shared) {
        self.insert_sync(name, instance).expect("a name of its own");
    }

    fn find(&self, name: NameRef<'_>) -> Option<Shared> {
        self.read_sync(name.as_str(), |_, instance| live(instance)).flatten()
    }
}

impl Subject for scc::HashIndex<Name, Shared, RandomState> {
    fn insert(&self, name: Name, instance: Shared) {
        self.insert_sync(name, instance).expect("a name of its own");
    }

    fn find(&self, name: NameRef<'_>) -> Option<Shared> {
        self.peek_with(name.as_str(), |_, instance| live(instance)).flatten()
    }
}
