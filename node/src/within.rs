//! A bound on time that costs nothing where it is not needed.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::error::Elapsed;

/// As [`tokio::time::timeout`], but tries before it reads the clock and takes hold of the runtime: most requests have their body,
/// and their answer, at the first try.
///
/// # Errors
/// As there.
pub(crate) async fn within<F: Future>(time: Duration, mut future: Pin<&mut F>) -> Result<F::Output, Elapsed> {
    match poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await {
        Poll::Ready(output) => Ok(output),
        Poll::Pending => tokio::time::timeout(time, future).await,
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    const TIME: Duration = Duration::from_secs(5);

    /// Tokio's paused clock moves only when nothing else can.
    #[tokio::test(start_paused = true)]
    async fn what_is_late_is_given_up_and_what_is_not_is_answered() {
        let begun = tokio::time::Instant::now();
        assert_eq!(within(TIME, pin!(async { 1 })).await.ok(), Some(1));
        assert_eq!(begun.elapsed(), Duration::ZERO);
        let soon = pin!(async {
            tokio::time::sleep(TIME / 2).await;
            2
        });
        assert_eq!(within(TIME, soon).await.ok(), Some(2));
        let never = pin!(std::future::pending::<()>());
        assert!(within(TIME, never).await.is_err());
        assert_eq!(begun.elapsed(), TIME + TIME / 2);
    }

    /// Outside of a runtime there is no clock to ask.
    #[test]
    fn what_is_ready_needs_no_runtime() {
        let ready = pin!(async { 1 });
        let mut answer = pin!(within(TIME, ready));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(matches!(answer.as_mut().poll(&mut context), Poll::Ready(Ok(1))));
    }
}
