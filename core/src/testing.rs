//! What tests of storage need: the [`conformance`] suite that every engine runs, a [`Model`] to compare with, and
//! wrappers that misbehave in a way the test controls:
//!
//! | wrapper | what it does |
//! |---|---|
//! | [`Counting`] | counts calls by method |
//! | [`Hooked`] with [`Failing`] | fails the n-th call, before or after the store has done its work |
//! | [`Hooked`] with [`Panicking`] | panics at the n-th call |
//! | [`Hooked`] with [`Gate`] | holds calls until the test lets them pass |
//! | [`Hooked`] with [`Delay`] | calls a function of the test before each call, such as one that advances a clock |
//! | [`LyingSync`] | acknowledges durability it does not give, and loses it in a crash |
//! | [`Ignoring`] | acknowledges everything and keeps nothing |

pub mod conformance;
mod failing;
mod gate;
pub mod history;
mod hook;
mod ignoring;
mod lying;
mod model;

pub use failing::{Delay, Failing, Panicking};
pub use gate::Gate;
pub use hook::{Calls, Counting, Hook, Hooked, Method};
pub use ignoring::Ignoring;
pub use lying::LyingSync;
pub use model::Model;
