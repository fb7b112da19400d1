//! App-types: what every identity of a kind has.

use std::collections::HashMap;

use crate::registry::name::{NameError, check_kind, check_segment};
use crate::registry::table::{Table, read, write};
use crate::registry::{Found, Instance, Live, Name, RegistryError};
use crate::sync::{Arc, RwLock};

/// The contract of a kind: which resources each of its identities owns.
///
/// The resource `app-state` of kind `atoms` that belongs to `dashboard:prod` is `atoms:prod/app-state`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppType {
    kind: Box<str>,
    resources: Vec<Resource>,
}

/// Something that belongs to an identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// The last segment of its name.
    pub name: Box<str>,
    /// The kind of its name.
    pub kind: Box<str>,
    /// Whether it exists whenever its owner does; otherwise it is made when somebody asks for it.
    pub required: bool,
}

impl AppType {
    /// The contract of names of `kind`: no resources so far.
    ///
    /// # Errors
    /// [`NameError::Segment`] for what is no kind.
    pub fn new(kind: &str) -> Result<Self, NameError> {
        check_kind(kind)?;
        Ok(Self { kind: kind.into(), resources: Vec::new() })
    }

    /// The same with one more resource, which exists whenever its owner does.
    ///
    /// # Errors
    /// [`NameError::Segment`].
    pub fn requires(self, name: &str, kind: &str) -> Result<Self, NameError> {
        self.with(name, kind, true)
    }

    /// The same with one more resource, which is made when somebody asks for it.
    ///
    /// # Errors
    /// [`NameError::Segment`].
    pub fn offers(self, name: &str, kind: &str) -> Result<Self, NameError> {
        self.with(name, kind, false)
    }

    fn with(mut self, name: &str, kind: &str, required: bool) -> Result<Self, NameError> {
        check_kind(kind)?;
        check_segment(name)?;
        self.resources.push(Resource { name: name.into(), kind: kind.into(), required });
        Ok(self)
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// What its identities own.
    #[must_use]
    pub fn resources(&self) -> &[Resource] {
        &self.resources
    }
}

type Factory<H> = dyn Fn(&Name) -> Result<H, <H as Live>::Error> + Send + Sync;

struct Definition<H: Live> {
    app_type: Arc<AppType>,
    factory: Box<Factory<H>>,
}

/// App-types by kind, and how their instances are made.
pub(super) struct AppTypes<H: Live>(RwLock<HashMap<Box<str>, Arc<Definition<H>>>>);

impl<H: Live> Default for AppTypes<H> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<H: Live> AppTypes<H> {
    pub(super) fn define(&self, app_type: AppType, factory: Box<Factory<H>>) {
        let definition = Definition { app_type: Arc::new(app_type), factory };
        write(&self.0).insert(definition.app_type.kind.clone(), Arc::new(definition));
    }

    pub(super) fn of(&self, kind: &str) -> Option<Arc<AppType>> {
        Some(Arc::clone(&read(&self.0).get(kind)?.app_type))
    }

    /// The live holder of a name, or a new one with all it requires. Says whether it was made by this call.
    pub(super) fn ensure(
        &self,
        table: &Table<H>,
        name: &Name,
        now_ms: u64,
    ) -> Result<(Found<H>, bool), RegistryError<H::Error>> {
        if let Some(found) = table.lookup(name.into()) {
            return Ok((found, false));
        }
        let definition = read(&self.0).get(name.kind()).cloned();
        let definition = definition.ok_or_else(|| RegistryError::Undefined(name.kind().into()))?;
        table.find_or_create(name.into(), || {
            // Resources first, so that nobody finds an owner without them. An owner's name is shorter than its
            // resources' names, so nobody waits in a circle, and a type that requires itself ends at the longest name.
            let mut made = Made { table, resources: Vec::new() };
            for resource in definition.app_type.resources.iter().filter(|resource| resource.required) {
                made.ensure(self, name.member(&resource.kind, &resource.name)?, now_ms)?;
            }
            let handle = (definition.factory)(name).map_err(|error| RegistryError::Factory(Arc::new(error)))?;
            made.resources.clear();
            Ok(Instance::new(handle, now_ms))
        })
    }
}

/// Resources made for an owner that does not exist yet. They go with it should it not come to be.
struct Made<'a, H: Live> {
    table: &'a Table<H>,
    resources: Vec<(Name, Found<H>)>,
}

impl<H: Live> Made<'_, H> {
    fn ensure(&mut self, types: &AppTypes<H>, name: Name, now_ms: u64) -> Result<(), RegistryError<H::Error>> {
        match types.ensure(self.table, &name, now_ms) {
            Ok((found, true)) => self.resources.push((name, found)),
            Ok((_, false)) => {}
            Err(cause) => return Err(RegistryError::Resource { name, cause: Box::new(cause) }),
        }
        Ok(())
    }
}

impl<H: Live> Drop for Made<'_, H> {
    fn drop(&mut self) {
        for (name, found) in self.resources.drain(..).rev() {
            found.end();
            self.table.remove((&name).into(), found.id());
        }
    }
}
