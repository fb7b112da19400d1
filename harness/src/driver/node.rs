//! A node under test: the scheduler behind HTTP, as a process of its own wherever its store outlives one.
//!
//! | module | what it owns |
//! |---|---|
//! | [`spec`] | what a node is told to do and what it tells, also over the pipes of a process |
//! | [`hosted`] | the node itself: store, scheduler, listener, and the meters of the process it is in |
//! | [`child`] | the node's process: a hosted node that obeys its standard input |
//! | `host` | the driver's end: a node in a process of its own, or in this one |
//! | `target` | what workers call: the message goes over HTTP |
//!
//! A store that ends with its process (`memory`, `null`) could not be verified from outside, so its node runs in this
//! process: its CPU time and memory are then those of node and workers together.

pub mod child;
mod host;
pub mod hosted;
pub mod spec;
mod target;

pub(super) use host::Host;
pub(super) use target::HttpTarget;

/// The hidden command that runs [`child::run`].
pub const CHILD: &str = "node-child";
