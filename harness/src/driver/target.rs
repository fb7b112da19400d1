//! What workers call.

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::sync::Arc;

use slotbench_core::item::Item;
use slotbench_core::{ScheduleError, Scheduler};

/// Why a message was refused, whoever refused it.
pub type Refusal = Box<dyn Error + Send + Sync>;

/// Something that takes messages and says when it has them.
pub trait Target: Clone + Send + Sync + 'static {
    /// Why a message is refused.
    type Error: Error + Send + Sync + 'static;

    /// Sends one message; completes with its slot when it is acknowledged, or with 0 where there are no slots. `tag` names
    /// it to whoever watches the commits.
    fn call(&self, message: Item, tag: u64) -> impl Future<Output = Result<u64, Self::Error>> + Send;

    /// Bytes of a message that are stored for it.
    fn size(&self, message: &Item) -> u64 {
        message.as_bytes().len() as u64
    }

    /// Blocks until everything acknowledged is stored or has failed.
    fn drain(&self);
}

impl Target for Arc<Scheduler> {
    type Error = ScheduleError;

    async fn call(&self, message: Item, tag: u64) -> Result<u64, ScheduleError> {
        self.schedule_tagged(message, tag).await.map(|receipt| receipt.slot)
    }

    fn drain(&self) {
        Scheduler::drain(self);
    }
}

/// Acknowledges at once and stores nothing: what remains is the harness's own cost.
#[derive(Debug, Clone, Copy, Default)]
pub struct NullTarget;

impl Target for NullTarget {
    type Error = Infallible;

    async fn call(&self, message: Item, _tag: u64) -> Result<u64, Infallible> {
        std::hint::black_box(message);
        Ok(0)
    }

    fn drain(&self) {}
}
