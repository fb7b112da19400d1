//! Waiting until an engine has nothing left to do in the background.

use std::time::{Duration, Instant};

use crate::driver::usage::Usage;
use crate::runner::Stop;

/// How long one look takes.
const WINDOW: Duration = Duration::from_millis(50);
/// Quiet windows in a row that end the wait.
const QUIET_WINDOWS: u32 = 3;
/// The part of a window's time that a quiet process uses at most: idle threads wake now and then.
const IDLE_SHARE: u32 = 20;

/// Returns when this process has, for three windows of 50 ms in a row, written nothing and used less than a twentieth of a
/// core; after `patience` at the latest, or when somebody asks to stop.
pub fn wait(patience: Duration, stop: &Stop) {
    let begun = Instant::now();
    let (mut last, mut quiet) = (Usage::now(), 0);
    while quiet < QUIET_WINDOWS && begun.elapsed() < patience && !stop.is_requested() {
        std::thread::sleep(WINDOW);
        let now = Usage::now();
        let is_quiet = now.cpu.saturating_sub(last.cpu) < WINDOW / IDLE_SHARE && now.bytes_written == last.bytes_written;
        quiet = if is_quiet { quiet + 1 } else { 0 };
        last = now;
    }
}
