//! What a name holds.

use crate::registry::flight::Flight;
use crate::registry::{Attributes, Found, Instance, InstanceId, Live, Name};
use crate::sync::Arc;

/// An identity: a name, its generation, and who answers to it now. It exists while somebody has the name or is being
/// created for it.
pub(super) struct Slot<H: Live> {
    pub(super) name: Name,
    pub(super) generation: u64,
    pub(super) current: Option<Arc<Instance<H>>>,
    /// What few names have.
    extra: Option<Box<Extra<H>>>,
}

struct Extra<H: Live> {
    attributes: Attributes,
    /// Somebody runs the factory; the others wait.
    flight: Option<Arc<Flight<H>>>,
}

impl<H: Live> Slot<H> {
    /// A name that nobody has yet and whose next generation is `generation + 1`.
    pub(super) const fn vacant(name: Name, generation: u64) -> Self {
        Self { name, generation, current: None, extra: None }
    }

    /// Who has the name, if still alive.
    pub(super) fn live(&self) -> Option<Found<H>> {
        let instance = self.current.as_ref().filter(|instance| instance.is_live())?;
        Some(Found { instance: Arc::clone(instance), generation: self.generation })
    }

    pub(super) fn is_held_by(&self, id: InstanceId) -> bool {
        self.current.as_ref().is_some_and(|instance| instance.id() == id)
    }

    /// Points the name to `instance` and returns the new generation.
    pub(super) fn point_to(&mut self, instance: Arc<Instance<H>>) -> u64 {
        self.generation += 1;
        self.current = Some(instance);
        self.generation
    }

    pub(super) fn flight(&self) -> Option<&Arc<Flight<H>>> {
        self.extra.as_ref()?.flight.as_ref()
    }

    pub(super) fn set_flight(&mut self, flight: Option<Arc<Flight<H>>>) {
        if flight.is_some() || self.extra.is_some() {
            self.extra().flight = flight;
        }
        self.trim();
    }

    pub(super) fn attributes(&self) -> Option<&Attributes> {
        self.extra.as_ref().map(|extra| &extra.attributes)
    }

    pub(super) fn change_attributes<T>(&mut self, change: impl FnOnce(&mut Attributes) -> T) -> T {
        let changed = change(&mut self.extra().attributes);
        self.trim();
        changed
    }

    fn extra(&mut self) -> &mut Extra<H> {
        self.extra.get_or_insert_with(|| Box::new(Extra { attributes: Attributes::default(), flight: None }))
    }

    fn trim(&mut self) {
        self.extra.take_if(|extra| extra.attributes.is_empty() && extra.flight.is_none());
    }
}
