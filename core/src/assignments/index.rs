//! What finds items beside the schedule: definitions that were never scheduled, assignments by their message.

use crate::assignments::{
    AssignmentStore, AssignmentsError, corrupt, data_key, definition_key, link_target, message_key,
};
use crate::id::Id;
use crate::item::Item;
use crate::store::{Batch, Durability, Entry};

impl AssignmentStore {
    /// Whether a message or an assignment with this id is stored. Does not read it.
    ///
    /// # Errors
    /// What the store reports.
    pub fn holds(&self, id: &Id) -> Result<bool, AssignmentsError> {
        Ok(self.store.get(&data_key(id))?.is_some())
    }

    /// An item by its own id, a process definition that was never scheduled included.
    ///
    /// # Errors
    /// As [`item`](Self::item).
    pub fn known(&self, id: &Id) -> Result<Option<Item>, AssignmentsError> {
        match self.item(id)? {
            Some(item) => Ok(Some(item)),
            None => self.item_at(&definition_key(id), id),
        }
    }

    /// Keeps the definition of a process that is not going to be scheduled itself. Does nothing if it is known.
    ///
    /// # Errors
    /// What the store reports.
    pub fn keep_definition(&self, definition: &Item, durability: Durability) -> Result<(), AssignmentsError> {
        let id = definition.id();
        if self.known(&id)?.is_some() {
            return Ok(());
        }
        let mut batch = Batch::new();
        batch.put(definition_key(&id), definition.as_bytes().clone());
        Ok(self.store.apply(&batch, durability)?)
    }

    /// The last assignment of a message to a process; `None` where messages are not indexed.
    ///
    /// # Errors
    /// What the store reports; `Corrupt` for an index entry that is not a link to content.
    pub fn assignment_of_message(&self, process: &Id, message: &Id) -> Result<Option<Id>, AssignmentsError> {
        let key = message_key(message, process);
        match self.store.get(&key)? {
            None => Ok(None),
            Some(Entry::Link(target)) => link_target(&key, &target).map(Some),
            Some(_) => Err(corrupt(&key, "an index entry is a link")),
        }
    }
}
