//! Several instances behind one name.

use std::collections::BTreeMap;

use crate::registry::table::{read, write};
use crate::registry::{Instance, Live};
use crate::sync::{Arc, AtomicUsize, Ordering, RwLock};

/// Most members of a group.
pub const MAX_MEMBERS: usize = 1024;

/// Instances that answer to one name, each in a role of its own: the handle of a `Registry<Group<H>>`.
///
/// It lives as long as one of its members does. Who is asked for is always said: a [`Selection`].
pub struct Group<H: Live> {
    members: RwLock<BTreeMap<Box<str>, Arc<Instance<H>>>>,
    turn: AtomicUsize,
}

/// Who of a group is meant; always somebody alive.
pub enum Selection<'a, H> {
    /// The first of these roles.
    Preferred(&'a [&'a str]),
    /// One after the other, by role.
    InTurn,
    /// Who has the least of something, such as load; of equals the first by role.
    Least(&'a dyn Fn(&Instance<H>) -> u64),
}

/// Why a group took no member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GroupError {
    /// Somebody alive has the role.
    #[error("somebody alive has the role")]
    Taken,
    /// There are [`MAX_MEMBERS`] others.
    #[error("no more than {MAX_MEMBERS} members")]
    Full,
}

impl<H: Live> Default for Group<H> {
    fn default() -> Self {
        Self { members: RwLock::default(), turn: AtomicUsize::new(0) }
    }
}

impl<H: Live> Group<H> {
    /// Gives a role to an instance, unless somebody alive has it.
    ///
    /// # Errors
    /// [`GroupError`].
    pub fn join(&self, role: &str, instance: Arc<Instance<H>>) -> Result<(), GroupError> {
        let mut members = write(&self.members);
        members.retain(|_, member| member.is_live());
        if members.contains_key(role) {
            return Err(GroupError::Taken);
        }
        if members.len() >= MAX_MEMBERS {
            return Err(GroupError::Full);
        }
        members.insert(role.into(), instance);
        Ok(())
    }

    /// Takes a role from whoever has it.
    pub fn leave(&self, role: &str) -> Option<Arc<Instance<H>>> {
        write(&self.members).remove(role)
    }

    /// The live members, by role.
    #[must_use]
    pub fn members(&self) -> Vec<(Box<str>, Arc<Instance<H>>)> {
        let members = read(&self.members);
        let live = members.iter().filter(|(_, member)| member.is_live());
        live.map(|(role, member)| (role.clone(), Arc::clone(member))).collect()
    }

    /// The live member that is meant; `None` if there is none.
    #[must_use]
    pub fn select(&self, selection: &Selection<'_, H>) -> Option<Arc<Instance<H>>> {
        let members = read(&self.members);
        let live = members.values().filter(|member| member.is_live());
        let selected = match selection {
            Selection::Preferred(roles) => {
                roles.iter().filter_map(|role| members.get(*role)).find(|member| member.is_live())
            }
            Selection::InTurn => {
                let live: Vec<_> = live.collect();
                live.get(self.turn.fetch_add(1, Ordering::Relaxed).checked_rem(live.len())?).copied()
            }
            Selection::Least(measure) => live.min_by_key(|member| measure(member)),
        };
        selected.cloned()
    }
}

impl<H: Live> Live for Group<H> {
    type Error = H::Error;

    fn is_live(&self) -> bool {
        read(&self.members).values().any(|member| member.is_live())
    }
}
