//! Leases: a name for as long as a task runs.

use crate::registry::table::Table;
use crate::registry::{Found, Live, Name};
use crate::sync::Weak;

/// Holds a name. Dropping it, however the task that owns it ends, ends the instance and gives the name up at once;
/// somebody else's newer registration is left alone.
#[must_use = "the name is given up when the lease is dropped"]
pub struct Lease<H: Live> {
    pub(super) table: Weak<Table<H>>,
    pub(super) name: Name,
    pub(super) found: Found<H>,
}

impl<H: Live> Lease<H> {
    /// The name.
    #[must_use]
    pub const fn name(&self) -> &Name {
        &self.name
    }

    /// Who holds it, and the generation it was given.
    #[must_use]
    pub const fn found(&self) -> &Found<H> {
        &self.found
    }
}

impl<H: Live> Drop for Lease<H> {
    fn drop(&mut self) {
        self.found.end();
        if let Some(table) = self.table.upgrade() {
            table.remove((&self.name).into(), self.found.id());
        }
    }
}
