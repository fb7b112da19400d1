//! The benchmark harness: plans, measuring, results, reports, and the command line of `slotbench`.
//!
//! Data flows one way: a *plan* becomes *cells*, a *runner* measures rounds of cells, the *model* holds what came out,
//! *reports* show it. Measuring never imports reporting, reporting never imports the runner.
//!
//! | module | what it owns |
//! |---|---|
//! | [`axis`], [`cell`], [`size`] | the axes' values; one combination of them and its id |
//! | [`items`] | real items, where a plan wants them sent |
//! | [`plan`], [`schedule`] | TOML plans, presets, overrides; the order of rounds |
//! | [`saturation`] | which rates a search for the highest one tries |
//! | [`runner`], [`session`] | what the measuring loop asks of the driver; the loop |
//! | [`driver`], [`recorder`], [`verify`] | the driver: workers, histograms, verification |
//! | [`machine`], [`datadir`] | what the machine is; where stores live while they are measured |
//! | [`rundir`] | what a run leaves on disk, and going on with it |
//! | [`crash`] | the crash lab: kills, power cuts, I/O errors |
//! | [`model`], [`hlog`], [`stats`] | the types of `run.json`; full distributions; what both are computed with |
//! | [`percentiles`] | percentile curves, and how many samples make a quantile known |
//! | [`recommend`] | the cheapest configuration that meets limits |
//! | [`compare`], [`ab`] | two runs: what changed, how surely, and whether it matters; two builds, interleaved |
//! | [`history`] | runs over commits, and where their level changed |
//! | [`report`] | a run for people and for other tools: terminal, Markdown, HTML, CSV, exchange formats |
//! | [`cli`] | the command line |

pub mod ab;
pub mod answers;
pub mod axis;
pub mod cell;
pub mod cli;
pub mod compare;
pub mod crash;
pub mod datadir;
pub mod driver;
pub mod history;
pub mod hlog;
pub mod items;
pub mod machine;
pub mod model;
pub mod percentiles;
pub mod plan;
pub mod recommend;
pub mod recorder;
pub mod report;
pub mod rundir;
pub mod runner;
pub mod saturation;
pub mod schedule;
pub mod session;
pub mod size;
pub mod stats;
pub mod verify;
