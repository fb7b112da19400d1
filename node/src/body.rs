//! Taking in a request's body, within bounds of size, time and memory.

use std::fmt;
use std::pin::pin;

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt as _;

use crate::failure::Failure;
use crate::limits::Limits;
use crate::quota::{Quota, Share};
use crate::within::within;

/// A whole body. Its share of the memory for all bodies is free when it is dropped.
pub(crate) struct Taken<'a> {
    pub(crate) bytes: Bytes,
    _share: Share<'a>,
}

/// Takes in a body.
///
/// # Errors
/// 413 when it is larger than allowed, as early as that is known; 408 when it does not come in time; 503 when there is no
/// memory for it; 400 when it breaks off.
pub(crate) async fn take<'a, B>(body: B, limits: &Limits, memory: &'a Quota) -> Result<Taken<'a>, Failure>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: fmt::Display,
{
    let promised = body.size_hint().upper().unwrap_or(0);
    if promised > limits.body_bytes as u64 {
        return Err(Failure::body_too_large(limits.body_bytes));
    }
    let taking = pin!(collect(body, limits.body_bytes, memory));
    within(limits.body_time, taking).await.unwrap_or_else(|_| Err(Failure::body_too_slow(limits.body_time)))
}

async fn collect<'a, B>(mut body: B, limit: usize, memory: &'a Quota) -> Result<Taken<'a>, Failure>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: fmt::Display,
{
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    let mut share = memory.nothing();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Failure::bad_request(format!("the body breaks off: {error}")))?;
        let Ok(data) = frame.into_data() else { continue };
        if first.len() + rest.len() + data.len() > limit {
            return Err(Failure::body_too_large(limit));
        }
        if !share.grow(data.len()) {
            return Err(Failure::overloaded("memory for request bodies"));
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
