//! What an engine still does when everything acknowledged is stored: compactions, flushes, checkpoints.
//!
//! The rule: the engine is quiet when the process has, for two windows of 50 ms in a row, written nothing and used
//! less than a twentieth of one core. Debt is what it used before those two windows.

use std::time::{Duration, Instant};

use crate::driver::usage::Usage;
use crate::model::Debt;
use crate::runner::Stop;

/// How long one look takes.
const WINDOW: Duration = Duration::from_millis(50);
/// Quiet windows in a row that end the watch.
const QUIET_WINDOWS: usize = 2;
/// The part of a window's time that a quiet process uses at most.
const IDLE_SHARE: u32 = 20;
/// Bounds of the watch, whatever the round's length.
const SHORTEST_WATCH: Duration = Duration::from_millis(200);
const LONGEST_WATCH: Duration = Duration::from_secs(10);

/// Watches this process until it is quiet, for at most half as long as the round took (between 0.2 s and 10 s).
#[must_use]
pub fn watch(round: Duration) -> Debt {
    let limit = (round / 2).clamp(SHORTEST_WATCH, LONGEST_WATCH);
    settle(&mut looks(), limit)
}

/// Waits until this process is quiet, by the same rule; for at most `patience`, and no longer than nobody asks to stop.
pub fn wait_until_quiet(patience: Duration, stop: &Stop) {
    settle(&mut looks().take_while(|_| !stop.is_requested()), patience);
}

/// A look now, and another one after each window.
fn looks() -> impl Iterator<Item = Look> {
    let start = Instant::now();
    std::iter::once(Look::now(start)).chain(std::iter::repeat_with(move || {
        std::thread::sleep(WINDOW);
        Look::now(start)
    }))
}

/// What the process had used at a time.
#[derive(Debug, Clone, Copy, Default)]
struct Look {
    at: Duration,
    usage: Usage,
}

impl Look {
    fn now(start: Instant) -> Self {
        Self { at: start.elapsed(), usage: Usage::now() }
    }

    fn is_quiet_since(&self, before: &Self) -> bool {
        let idle = (self.at - before.at) / IDLE_SHARE;
        self.usage.bytes_written == before.usage.bytes_written && self.usage.cpu - before.usage.cpu < idle
    }
}

fn settle(looks: &mut impl Iterator<Item = Look>, limit: Duration) -> Debt {
    let first = looks.next().unwrap_or_default();
    let (mut last, mut busy_until, mut quiet) = (first, first, 0);
    while quiet < QUIET_WINDOWS && last.at < limit {
        let Some(look) = looks.next() else { break };
        if look.is_quiet_since(&last) {
            quiet += 1;
        } else {
            (busy_until, quiet) = (look, 0);
        }
        last = look;
    }
    let written = busy_until.usage.bytes_written.zip(first.usage.bytes_written);
    Debt {
        duration_ns: u64::try_from((busy_until.at - first.at).as_nanos()).unwrap_or(u64::MAX),
        cpu_ns: u64::try_from((busy_until.usage.cpu - first.usage.cpu).as_nanos()).ok(),
        bytes_written: written.map(|(after, before)| after - before),
        unfinished: quiet < QUIET_WINDOWS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks 50 ms apart, each after that much more CPU time (in milliseconds) and that many more bytes.
    fn debt_of(windows: &[(u64, u64)], limit_ms: u64) -> (u64, u64, u64, bool) {
        let mut look = Look { usage: Usage { bytes_written: Some(7), ..Usage::default() }, ..Look::default() };
        let mut looks = vec![look];
        for (cpu_ms, bytes) in windows {
            look.at += WINDOW;
            look.usage.cpu += Duration::from_millis(*cpu_ms);
            look.usage.bytes_written = look.usage.bytes_written.map(|before| before + bytes);
            looks.push(look);
        }
        let debt = settle(&mut looks.into_iter(), Duration::from_millis(limit_ms));
        let ms = |nanoseconds: Option<u64>| nanoseconds.expect("known") / 1_000_000;
        (ms(Some(debt.duration_ns)), ms(debt.cpu_ns), debt.bytes_written.expect("known"), debt.unfinished)
    }

    #[test]
    fn a_quiet_process_owes_nothing() {
        assert_eq!(debt_of(&[(1, 0), (2, 0), (50, 900)], 500), (0, 0, 0, false));
    }

    #[test]
    fn work_counts_until_two_windows_are_quiet() {
        let compaction = [(40, 4096), (0, 0), (0, 1), (30, 0), (1, 0), (0, 0), (50, 50)];
        assert_eq!(debt_of(&compaction, 5000), (200, 70, 4097, false));
    }

    #[test]
    fn the_watch_ends_and_says_that_it_saw_no_end() {
        assert_eq!(debt_of(&[(50, 10); 100], 500), (500, 500, 100, true));
    }
}
