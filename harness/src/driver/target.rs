//! What workers call.

use std::future::Future;
use std::sync::Arc;

use slotbench_core::item::Item;
use slotbench_core::{ScheduleError, Scheduler};

/// Something that takes messages and says when it has them.
pub trait Target: Clone + Send + Sync + 'static {
    /// Sends one message; completes when it is acknowledged. `tag` names it to whoever watches the commits.
    fn call(&self, message: Item, tag: u64) -> impl Future<Output = Result<(), ScheduleError>> + Send;

    /// Blocks until everything acknowledged is stored or has failed.
    fn drain(&self);
}

impl Target for Arc<Scheduler> {
    async fn call(&self, message: Item, tag: u64) -> Result<(), ScheduleError> {
        self.schedule_tagged(message, tag).await.map(drop)
    }

    fn drain(&self) {
        Scheduler::drain(self);
    }
}

/// Acknowledges at once and stores nothing: what remains is the harness's own cost.
#[derive(Debug, Clone, Copy, Default)]
pub struct NullTarget;

impl Target for NullTarget {
    async fn call(&self, message: Item, _tag: u64) -> Result<(), ScheduleError> {
        std::hint::black_box(message);
        Ok(())
    }

    fn drain(&self) {}
}
