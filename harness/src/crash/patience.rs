//! Waiting with a limit that counts the waiter's own time.

use std::time::{Duration, Instant};

/// The longest step of a wait.
const SLICE: Duration = Duration::from_millis(100);

/// A limit to waiting. Where the whole lab is stopped for a while (SIGSTOP, a suspended machine) at most one slice of
/// that counts: it must not blame an engine for time that nobody had.
#[derive(Debug)]
pub(super) struct Patience {
    left: Duration,
    slice: Option<(Instant, Duration)>,
}

impl Patience {
    pub(super) fn new(time: Duration) -> Self {
        Self { left: time, slice: None }
    }

    /// When the next step ends at the latest; `None` once patience is at its end.
    pub(super) fn slice(&mut self) -> Option<Instant> {
        let now = Instant::now();
        if let Some((begun, length)) = self.slice.take() {
            self.left = self.left.saturating_sub(now.duration_since(begun).min(length));
        }
        let length = self.left.min(SLICE);
        (!length.is_zero()).then(|| {
            self.slice = Some((now, length));
            now + length
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_pause_counts_as_one_slice() {
        let mut patience = Patience::new(SLICE * 3);
        let day = Duration::from_secs(86_400);
        for _ in 0..3 {
            patience.slice().expect("there is some left");
            patience.slice = patience.slice.map(|(begun, length)| (begun.checked_sub(day).unwrap_or(begun), length));
        }
        assert_eq!(patience.slice(), None);
        assert_eq!(Patience::new(Duration::ZERO).slice(), None);
    }

    #[test]
    fn short_steps_use_up_no_more_than_they_took() {
        let mut patience = Patience::new(Duration::from_secs(3600));
        assert!((0..100).all(|_| patience.slice().is_some()));
    }
}
