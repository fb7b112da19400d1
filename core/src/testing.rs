//! What tests of storage need: the [`conformance`] suite that every engine runs, a [`Model`] to compare with, and
//! wrappers that count, delay, fail or lie.

pub mod conformance;
pub mod history;
mod hook;
mod ignoring;
mod model;

pub use hook::{Calls, Counting, Hook, Hooked, Method};
pub use ignoring::Ignoring;
pub use model::Model;
