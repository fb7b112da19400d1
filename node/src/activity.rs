//! Whether a connection is in use.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counts a connection's requests, so that idle ones can be told.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    started: AtomicU64,
    ended: AtomicU64,
}

impl Activity {
    /// A request begins; it ends when the guard is dropped.
    pub(crate) fn begin(&self) -> Busy<'_> {
        self.started.fetch_add(1, Ordering::Relaxed);
        Busy(self)
    }

    /// Returns when nothing was asked for at least `time`, and at most twice as long. Reads no clock for a request.
    pub(crate) async fn idle_for(&self, time: Duration) {
        let mut seen = None;
        loop {
            let (started, ended) = (self.started.load(Ordering::Relaxed), self.ended.load(Ordering::Relaxed));
            if seen == Some(started) && started == ended {
                return;
            }
            seen = (started == ended).then_some(started);
            tokio::time::sleep(time).await;
        }
    }
}

/// A request that is being answered.
pub(crate) struct Busy<'a>(&'a Activity);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// Tokio's paused clock moves only when nothing else can.
    #[tokio::test(start_paused = true)]
    async fn a_connection_is_idle_only_when_nothing_is_asked_and_nothing_under_way() {
        const TIME: Duration = Duration::from_secs(60);
        let activity = Arc::new(Activity::default());
        let began = tokio::time::Instant::now();
        activity.idle_for(TIME).await;
        assert_eq!(began.elapsed(), TIME, "nothing was ever asked");

        let busy = activity.begin();
        let waiting = activity.idle_for(TIME);
        assert!(tokio::time::timeout(TIME * 10, waiting).await.is_err(), "a request is under way");
        drop(busy);
        activity.idle_for(TIME).await;
    }
}
