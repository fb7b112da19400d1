//! The scheduler that slotbench measures, free of any storage engine.
//!
//! A *message* is an ANS-104 data item. The scheduler gives each message of a *process* the next *slot*, extends
//! the process's hash chain, signs an *assignment* that binds message to slot, and stores both through the
//! [`Store`] trait. Engines implement [`Store`] elsewhere; nothing in this crate knows one.
//!
//! | module | what it owns |
//! |---|---|
//! | [`id`], [`key`] | content ids; logical paths and their order-preserving binary form |
//! | [`store`] | the [`Store`] trait, batches, durability tiers, storage errors |
//! | `testing` | the engine conformance suite and stores that misbehave on purpose (feature `testing`) |

pub mod id;
pub mod key;
pub mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use id::{Address, Id};
pub use key::Key;
pub use store::{Batch, Durability, Entry, Store, StoreError};
