//! SIGKILL at a random moment.

use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;

use crate::crash::patience::Patience;
use crate::crash::process::{Engine, PATIENCE, ProcessError};
use crate::crash::trial::{Remains, Setup};
use crate::crash::wire::monotonic_ns;

/// How long acknowledgements come in before a fault, milliseconds.
const MOMENTS: std::ops::RangeInclusive<u64> = 20..=300;

/// Runs the workload in the cell's directory and kills it. Every acknowledgement that reached the pipe counts: the process
/// was alive when it gave it.
pub(super) fn kill(setup: &Setup<'_>, rng: &mut StdRng) -> Result<Remains, ProcessError> {
    let dir = setup.fresh_dir()?;
    let mut engine = Engine::start(&setup.child(&dir))?;
    engine.begin()?;
    run_until_fault(&mut engine, rng)?;
    let before = monotonic_ns();
    engine.kill()?;
    let drained = engine.inbox.drain_to_end(PATIENCE);
    drained.map_err(|error| ProcessError(format!("read the pipe: {error}")))?;
    Ok(Remains { dir, reports: engine.inbox.reports(), cut_ns: before, unsynced: None })
}

/// Lets acknowledgements come in for a random time from the first one on.
pub(super) fn run_until_fault(engine: &mut Engine, rng: &mut StdRng) -> Result<(), ProcessError> {
    let moment = Duration::from_millis(rng.random_range(MOMENTS));
    // `Ready` is the first record.
    receive(engine, PATIENCE, |received| received > 1)?;
    if engine.inbox.len() <= 1 {
        return Err(ProcessError("nothing was acknowledged in 30 s".to_owned()));
    }
    receive(engine, moment, |_| false)
}

/// Takes reports in until the time is over, or `enough` of them came.
pub(super) fn receive(engine: &mut Engine, time: Duration, enough: impl Fn(usize) -> bool) -> Result<(), ProcessError> {
    let mut patience = Patience::new(time);
    while !enough(engine.inbox.len())
        && let Some(slice) = patience.slice()
    {
        let open = engine.inbox.wait(slice).map_err(|error| ProcessError(format!("read the pipe: {error}")))?;
        if !open {
            return Err(engine.last_words());
        }
    }
    Ok(())
}
