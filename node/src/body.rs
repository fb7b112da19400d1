//! Taking in a request's body, within bounds of size, time and memory.

use std::fmt;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::failure::Failure;
use crate::limits::Limits;

/// The unit in which memory for bodies is handed out, bytes.
const UNIT: usize = 1024;

/// Memory for the bodies of all requests.
pub(crate) struct Budget(Arc<Semaphore>);

impl Budget {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self(Arc::new(Semaphore::new((limits.buffered_bytes / UNIT).clamp(1, Semaphore::MAX_PERMITS))))
    }

    fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Failure> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
        Arc::clone(&self.0).try_acquire_many_owned(units).map_err(|_| Failure::overloaded("memory for request bodies"))
    }
}

/// A whole body. Its share of the budget is free when it is dropped.
pub(crate) struct Taken {
    pub(crate) bytes: Bytes,
    _share: Option<OwnedSemaphorePermit>,
}

/// Takes in a body.
///
/// # Errors
/// 413 when it is larger than allowed, as early as that is known; 408 when it does not come in time; 503 when there is no
/// memory for it; 400 when it breaks off.
pub(crate) async fn take<B>(body: B, limits: &Limits, budget: &Budget) -> Result<Taken, Failure>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: fmt::Display,
{
    let promised = body.size_hint().upper().unwrap_or(0);
    if promised > limits.body_bytes as u64 {
        return Err(Failure::body_too_large(limits.body_bytes));
    }
    let taking = tokio::time::timeout(limits.body_time, collect(body, limits.body_bytes, budget));
    taking.await.unwrap_or_else(|_| Err(Failure::body_too_slow(limits.body_time)))
}

async fn collect<B>(mut body: B, limit: usize, budget: &Budget) -> Result<Taken, Failure>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: fmt::Display,
{
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    let mut share: Option<OwnedSemaphorePermit> = None;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Failure::bad_request(format!("the body breaks off: {error}")))?;
        let Ok(data) = frame.into_data() else { continue };
        let length = first.len() + rest.len() + data.len();
        if length > limit {
            return Err(Failure::body_too_large(limit));
        }
        let held = share.as_ref().map_or(0, |share| share.num_permits() * UNIT);
        if length > held {
            // At least doubled: tiny frames must not each take a unit of their own.
            let more = budget.take((length - held).max(held.min(limit - held.min(limit))))?;
            match &mut share {
                Some(share) => share.merge(more),
                None => share = Some(more),
            }
        }
        // Most bodies come in one piece, which is then not copied.
        if first.is_empty() {
            first = data;
        } else {
            if rest.is_empty() {
                rest.extend_from_slice(&first);
                first.clear();
            }
            rest.extend_from_slice(&data);
        }
    }
    let bytes = if rest.is_empty() { first } else { rest.freeze() };
    Ok(Taken { bytes, _share: share })
}
