//! After a failed write or sync a store stops: what the engine still holds in memory may not be what is on disk, and
//! a second fsync may report success for pages that the kernel has already dropped.

use std::sync::OnceLock;

use slotbench_core::store::StoreError;

/// Remembers the first failure of a store, until the store is opened again.
#[derive(Debug, Default)]
pub struct Poison(OnceLock<String>);

impl Poison {
    /// Refuses to go on after a failure.
    ///
    /// # Errors
    /// [`StoreError::Poisoned`] with that failure.
    pub fn check(&self) -> Result<(), StoreError> {
        match self.0.get() {
            None => Ok(()),
            Some(reason) => Err(StoreError::Poisoned { reason: reason.clone() }),
        }
    }

    /// Passes `outcome` on, and remembers a failure.
    ///
    /// # Errors
    /// That of `outcome`.
    pub fn watch<T>(&self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(failure) = &outcome {
            // Only the first failure is the cause; later ones may be its consequences.
            let _ = self.0.set(failure.to_string());
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_is_remembered() {
        let poison = Poison::default();
        poison.watch(Ok(())).expect("no failure yet");
        poison.check().expect("no failure yet");
        for path in ["first", "second"] {
            let failure = StoreError::Locked { path: path.to_owned() };
            poison.watch::<()>(Err(failure)).expect_err("passed on");
        }
        let refused = poison.check().expect_err("poisoned").to_string();
        assert!(refused.contains("first") && !refused.contains("second"), "{refused}");
    }
}
