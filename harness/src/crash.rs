//! The crash lab: what a confirmation is worth when something breaks.
//!
//! | fault | what happens |
//! |---|---|
//! | `kill` | SIGKILL of the engine's process, on the disk under test |
//! | `power` | a power cut: the engine runs on a [`powerfs`], which forgets what was not synced |
//! | `io` | a write or a sync fails with EIO or ENOSPC on a [`powerfs`]; then, at tier `power`, the power is cut |
//!
//! A *trial* takes three processes: the engine's ([`child`]) schedules messages and reports each acknowledgement through a
//! pipe as it happens; this one does the damage and counts what had come through the pipe by then; the examiner
//! ([`examine`]) opens what is left, checks all of it, looks for every acknowledged message, and goes on scheduling.
//! The cut comes at a random moment (20 to 300 ms of acknowledgements), then at a random one of the next calls to the
//! file system, so that it also falls between a write and its sync.
//!
//! Before an engine's cells come its [`controls`]: trials that must lose. If the lab misses one, its verdicts on that
//! engine are `harness_broken`.
//!
//! | module | what it owns |
//! |---|---|
//! | [`lab`], [`findings`], [`verdict`] | the order of trials; the result; what was promised and whether it was kept |
//! | [`trial`], `kill`, [`power`] | one trial; the faults |
//! | [`child`], [`examine`], `process`, [`wire`], [`messages`] | the three processes and what goes between them |
//! | [`powerfs`] | the file system whose power can be cut |
//! | [`controls`], [`lying`] | the lab's own test |

pub mod child;
pub mod controls;
pub mod examine;
pub mod findings;
mod kill;
pub mod lab;
pub mod lying;
pub mod messages;
mod patience;
pub mod power;
pub mod powerfs;
mod process;
pub mod trial;
pub mod verdict;
pub mod wire;

pub use process::{CHILD, EXAMINE};
