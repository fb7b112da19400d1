//! The scheduler that slotbench measures, free of any storage engine.
//!
//! A *message* is an ANS-104 data item. The scheduler gives each message of a *process* the next *slot*, extends
//! the process's hash chain, signs an *assignment* that binds message to slot, and stores both through the
//! [`Store`] trait. Engines implement [`Store`] elsewhere; nothing in this crate knows one.
//!
//! | module | what it owns |
//! |---|---|
//! | [`id`], [`key`] | content ids; logical paths and their order-preserving binary form |
//! | [`item`], [`signature`], [`wallet`] | ANS-104 items: parse, build, verify; keys that sign and never leave |
//! | [`chain`], [`assignment`], [`block`], [`clock`] | what an assignment says, and where it takes it from |
//! | [`store`] | the [`Store`] trait, batches, durability tiers, storage errors |
//! | [`assignments`] | schedules on top of a store: the only code that knows its keys |
//! | [`commit`] | group commit: many waiting messages, one `apply` |
//! | [`milestone`] | how far a message has come, for whoever follows it |
//! | [`process`] | what a process's definition says of who schedules it |
//! | [`registry`] | names, and the live instances that have them |
//! | [`scheduler`] | one writer per process, confirmation modes |
//! | [`operations`] | the scheduler as its clients see it: what a node serves |
//! | [`location`] | signed records of where schedulers are reached, and the cache of them |
//! | [`foreign`] | the cache of what other nodes have scheduled: nothing unverified enters it |
//! | [`uploads`] | the durable queue of assignments that a bundler has not accepted yet |
//! | [`tree`] | path operations over a store: values, groups, links |
//! | [`stack`] | a chain of stores used as one |
//! | `testing` | the engine conformance suite and stores that misbehave on purpose (feature `testing`) |

pub mod assignment;
pub mod assignments;
pub mod block;
pub mod chain;
pub mod clock;
pub mod commit;
pub mod foreign;
pub mod hash;
pub mod id;
pub mod item;
pub mod key;
pub mod location;
pub mod milestone;
pub mod operations;
pub mod process;
pub mod registry;
pub mod scheduler;
pub mod signature;
pub mod stack;
pub mod store;
mod sync;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod tree;
pub mod uploads;
pub mod wallet;

pub use assignments::AssignmentStore;
pub use id::{Address, Id};
pub use item::Item;
pub use key::Key;
pub use operations::{OperationError, Operations, Policies, Request};
pub use scheduler::{Config, Mode, Receipt, ScheduleError, Scheduler};
pub use store::{Batch, Durability, Entry, Store, StoreError};
pub use wallet::{Signer, Wallet};
