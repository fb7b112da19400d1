//! The registry: which instance currently answers to a name, and who may create it.
//!
//! | term | what it is |
//! |---|---|
//! | [`Name`] | a kind and a path, `kind:segment/segment`; names of different kinds never meet |
//! | [`Instance`] | one run of something: a GUID, a start time, a handle that is live or dead |
//! | [`Identity`] | a name, the instance that has it now, and a generation that rises whenever that changes |
//! | [`AppType`] | the contract of a kind: the resources that each of its identities owns, and how they are made |
//! | [`Aliases`] | an observer's own words for names; they never leave the process |
//!
//! A holder that has died counts as absent everywhere: it is never returned, its name can be taken at once, and whoever
//! cleans up removes only the entry it looked at. An identity ends with its holder; should its name be taken again, the
//! generation goes on rising, so that what was found before is known to be stale.
//!
//! The registry is volatile and belongs to one process. It knows nothing of what it registers.

mod aliases;
mod app_type;
mod attributes;
mod error;
mod flight;
mod group;
mod instance;
mod lease;
mod list;
mod name;
mod pattern;
mod slot;
mod table;
mod watch;

pub use aliases::{Aliases, MAX_ALIASES, Target, TooManyAliases};
pub use app_type::{AppType, Resource};
pub use attributes::{AttributeError, Attributes, MAX_ATTRIBUTE_LEN, MAX_ATTRIBUTES};
pub use error::{DeadlinePassed, RegistryError, Stale, Taken};
pub use group::{Group, GroupError, MAX_MEMBERS, Selection};
pub use instance::{Found, Instance, InstanceId, Live};
pub use lease::Lease;
pub use list::{Listed, MAX_EXAMINED, Page, Query};
pub use name::{MAX_NAME_LEN, Name, NameError, NameRef};
pub use pattern::Pattern;
pub use watch::{Change, Event, Lagged, MAX_WATCH_CAPACITY, Watch};

use crate::clock::{Clock, SystemClock};
use crate::sync::Arc;
use app_type::AppTypes;
use list::Pages;
use table::Table;

/// Names and the instances that have them. A clone is the same registry.
pub struct Registry<H: Live> {
    table: Arc<Table<H>>,
    types: Arc<AppTypes<H>>,
    clock: Arc<dyn Clock>,
}

/// What is known of a name that somebody has.
#[derive(Debug)]
pub struct Identity<H> {
    /// The name.
    pub name: Name,
    /// The contract of its kind, if there is one.
    pub app_type: Option<Arc<AppType>>,
    /// How often the name has been pointed to an instance.
    pub generation: u64,
    /// Who has it.
    pub current: Arc<Instance<H>>,
    /// What is said of it. They go with the identity, not with the instance.
    pub attributes: Attributes,
}

/// What [`Registry::find`] does about an absent name.
pub enum Policy<'a, H: Live> {
    /// Nothing.
    Never,
    /// Run the factory: of any number of concurrent callers exactly one does, and all get its result. A factory that
    /// asks for its own name waits for itself for ever.
    Create(&'a dyn Fn() -> Result<H, H::Error>),
}

impl<H: Live> Clone for Registry<H> {
    fn clone(&self) -> Self {
        Self { table: Arc::clone(&self.table), types: Arc::clone(&self.types), clock: Arc::clone(&self.clock) }
    }
}

impl<H: Live> Default for Registry<H> {
    fn default() -> Self {
        Self::new()
    }
}

impl<H: Live> Registry<H> {
    /// A registry without names.
    #[must_use]
    pub fn new() -> Self {
        Self::with_clock(Arc::new(SystemClock))
    }

    /// The same; instances made by factories are dated by `clock`.
    #[must_use]
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self { table: Arc::default(), types: Arc::default(), clock }
    }

    /// An instance of `handle` that starts now.
    #[must_use]
    pub fn instance(&self, handle: H) -> Arc<Instance<H>> {
        Arc::new(Instance::new(handle, self.clock.now_ms()))
    }

    /// Gives `name` to `instance` if no live holder has it, and returns the name's generation.
    ///
    /// # Errors
    /// The holder that has it.
    pub fn register(&self, name: &Name, instance: Arc<Instance<H>>) -> Result<u64, Taken<H>> {
        self.table.register(name, instance)
    }

    /// As [`register`](Self::register), until the lease is dropped.
    ///
    /// # Errors
    /// As [`register`](Self::register).
    pub fn lease(&self, name: &Name, instance: Arc<Instance<H>>) -> Result<Lease<H>, Taken<H>> {
        let generation = self.register(name, Arc::clone(&instance))?;
        let found = Found { instance, generation };
        Ok(Lease { table: Arc::downgrade(&self.table), name: name.clone(), found })
    }

    /// Takes the name from that instance; does nothing if it is no longer its holder. Says whether it was.
    pub fn unregister(&self, name: &Name, id: InstanceId) -> bool {
        self.table.remove(name.into(), id)
    }

    /// The live holder of a name. Its cost does not depend on the number of names.
    #[must_use]
    pub fn lookup<'n>(&self, name: impl Into<NameRef<'n>>) -> Option<Found<H>> {
        self.table.lookup(name.into())
    }

    /// The live holder of a name, created if `policy` says so.
    ///
    /// # Errors
    /// [`RegistryError`]; after a failure the name is absent.
    pub fn find<'n>(
        &self,
        name: impl Into<NameRef<'n>>,
        policy: Policy<'_, H>,
    ) -> Result<Found<H>, RegistryError<H::Error>> {
        let name = name.into();
        match (self.lookup(name), policy) {
            (Some(found), _) => Ok(found),
            (None, Policy::Never) => Err(RegistryError::Absent),
            (None, Policy::Create(factory)) => {
                let make = || match factory() {
                    Ok(handle) => Ok(Instance::new(handle, self.clock.now_ms())),
                    Err(error) => Err(RegistryError::Factory(Arc::new(error))),
                };
                self.table.find_or_create(name, make).map(|(found, _)| found)
            }
        }
    }

    /// Says how names of a kind come to be: with which resources, and by which factory. A later definition replaces an
    /// earlier one and changes no instance.
    pub fn define(&self, app_type: AppType, factory: impl Fn(&Name) -> Result<H, H::Error> + Send + Sync + 'static) {
        self.types.define(app_type, Box::new(factory));
    }

    /// The live holder of a name, made by its kind's factory where there is none. Before anybody can find it, the
    /// resources that its [`AppType`] requires exist.
    ///
    /// # Errors
    /// [`RegistryError::Undefined`]; what the factories report. After a failure name and new resources are absent.
    pub fn ensure(&self, name: &Name) -> Result<Found<H>, RegistryError<H::Error>> {
        self.types.ensure(&self.table, name, self.clock.now_ms()).map(|(found, _)| found)
    }

    /// Points an identity to another instance, if it is still at `expected`; returns the next generation. The holder
    /// before may be dead, as after a restart; it is not ended by this.
    ///
    /// # Errors
    /// [`Stale`]: somebody else was faster, or nobody has the name.
    pub fn repoint(&self, name: &Name, expected: u64, instance: Arc<Instance<H>>) -> Result<u64, Stale> {
        self.table.repoint(name, instance, |slot| slot.generation == expected)
    }

    /// Gives a name away, in one step, if `from` still has it; returns the next generation.
    ///
    /// # Errors
    /// [`Stale`] otherwise.
    pub fn transfer(&self, name: &Name, from: InstanceId, to: Arc<Instance<H>>) -> Result<u64, Stale> {
        self.table.repoint(name, to, |slot| slot.is_held_by(from) && slot.live().is_some())
    }

    /// Whether a name still leads to a live instance at that generation.
    #[must_use]
    pub fn is_current<'n>(&self, name: impl Into<NameRef<'n>>, generation: u64) -> bool {
        let is_current = |slot: &slot::Slot<H>| slot.generation == generation && slot.live().is_some();
        self.table.read(name.into(), is_current).unwrap_or(false)
    }

    /// All that is known of a name with a live holder.
    #[must_use]
    pub fn identity(&self, name: &Name) -> Option<Identity<H>> {
        let look = |slot: &slot::Slot<H>| slot.live().map(|found| (found, slot.attributes().cloned()));
        let (found, attributes) = self.table.read(name.into(), look)??;
        Some(Identity {
            name: name.clone(),
            app_type: self.types.of(name.kind()),
            generation: found.generation,
            current: found.instance,
            attributes: attributes.unwrap_or_default(),
        })
    }

    /// Sets what is said of an identity, and returns the value before.
    ///
    /// # Errors
    /// [`AttributeError`].
    pub fn set_attribute(&self, name: &Name, key: &str, value: &str) -> Result<Option<Box<str>>, AttributeError> {
        let set = |slot: &mut slot::Slot<H>| slot.change_attributes(|attributes| attributes.set(key, value));
        self.table.update(name, set).ok_or(AttributeError::Absent)?
    }

    /// Removes what is said of an identity, and returns it.
    pub fn remove_attribute(&self, name: &Name, key: &str) -> Option<Box<str>> {
        let remove = |slot: &mut slot::Slot<H>| slot.change_attributes(|attributes| attributes.remove(key));
        self.table.update(name, remove)?
    }

    /// One page of the names that match: those after `after`, in order, at most `limit` and at least one. It costs what it
    /// looks at, whatever else there is. A name that exists all the while is listed once.
    #[must_use]
    pub fn list(&self, query: &Query, after: Option<&Name>, limit: usize) -> Page<H> {
        self.table.list(query, after, limit)
    }

    /// All names that match, in order, fetched page by page.
    pub fn iter(&self, query: impl Into<Query>) -> impl Iterator<Item = Listed<H>> + '_ {
        Pages::new(&self.table, query.into())
    }

    /// Watches names change. At most `capacity` events wait for the watcher, rounded up to a power of two and at most
    /// [`MAX_WATCH_CAPACITY`]; when there are more, the oldest are dropped and the watcher is told how many.
    #[must_use]
    pub fn watch(&self, pattern: Pattern, capacity: usize) -> Watch {
        self.table.hub.watch(pattern, capacity)
    }

    /// Waits until somebody alive has a name, at most until the future `deadline` is ready.
    ///
    /// # Errors
    /// [`DeadlinePassed`].
    pub async fn awaited(&self, name: &Name, deadline: impl Future<Output = ()>) -> Result<Found<H>, DeadlinePassed> {
        let mut deadline = std::pin::pin!(deadline);
        // One event is enough: it only says that it is worth looking again.
        let mut watch = self.watch(Pattern::exactly(name), 1);
        loop {
            if let Some(found) = self.lookup(name) {
                return Ok(found);
            }
            if !watch.next_until(&mut deadline).await {
                return Err(DeadlinePassed);
            }
        }
    }

    /// Removes all dead holders and those that `retire` declares dead. It walks over all names of the pattern.
    pub fn sweep(&self, pattern: &Pattern, retire: impl Fn(&Instance<H>) -> bool) -> usize {
        self.table.sweep(pattern, retire)
    }

    /// Names that are taken or being created; the dead that nobody has noticed count.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether no name is taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many names a look-up of `name` compares it with: what its time depends on, next to caches.
    #[must_use]
    pub fn probes<'n>(&self, name: impl Into<NameRef<'n>>) -> usize {
        self.table.probes(name.into())
    }
}
