//! The benchmark harness: plans, measuring, results, reports, and the command line of `slotbench`.
//!
//! Data flows one way: a *plan* becomes *cells*, a *runner* measures rounds of cells, the *model* holds what came out,
//! *reports* show it. Measuring never imports reporting, reporting never imports the runner.
//!
//! | module | what it owns |
//! |---|---|
//! | [`axis`], [`cell`], [`size`] | the axes' values; one combination of them and its id |
//! | [`plan`], [`schedule`] | TOML plans, presets, overrides; the order of rounds |
//! | [`runner`], [`session`] | what the measuring loop asks of the driver; the loop |
//! | [`driver`], [`recorder`], [`verify`] | the driver: workers, histograms, verification |
//! | [`machine`], [`datadir`] | what the machine is; where stores live while they are measured |
//! | [`rundir`] | what a run leaves on disk, and going on with it |
//! | [`crash`] | the crash lab: kills, power cuts, I/O errors |
//! | [`model`], [`hlog`], [`stats`] | the types of `run.json`; full distributions; what both are computed with |
//! | [`report`] | a run as text: terminal, Markdown, CSV |
//! | [`cli`] | the command line |

pub mod axis;
pub mod cell;
pub mod cli;
pub mod crash;
pub mod datadir;
pub mod driver;
pub mod hlog;
pub mod machine;
pub mod model;
pub mod plan;
pub mod recorder;
pub mod report;
pub mod rundir;
pub mod runner;
pub mod schedule;
pub mod session;
pub mod size;
pub mod stats;
pub mod verify;
