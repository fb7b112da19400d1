//! The benchmark harness: plans, measuring, results, reports, and the command line of `slotbench`.
//!
//! Data flows one way: a *plan* becomes *cells*, a *runner* measures rounds of cells, the *model* holds what came out,
//! *reports* show it. Measuring never imports reporting, reporting never imports the runner.
//!
//! | module | what it owns |
//! |---|---|
//! | [`axis`], [`cell`], [`size`] | the axes' values; one combination of them and its id |
//! | [`plan`] | TOML plans, presets, overrides |
//! | [`model`] | the types of `run.json` |
//! | [`runner`] | what the measuring loop asks of the driver |
//! | [`driver`], [`recorder`], [`verify`] | the driver: workers, histograms, verification |

pub mod axis;
pub mod cell;
pub mod driver;
pub mod model;
pub mod plan;
pub mod recorder;
pub mod runner;
pub mod size;
pub mod verify;
