//! What a node is told to do, and what it tells.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::serialization::{Deserializer, Serializer as _, V2Serializer};
use serde::{Deserialize, Serialize};
use slotbench_core::Durability;

use crate::axis::{Commit, Mode, Sign, Transport};
use crate::driver::sampler::Reading;
use crate::model::Resources;
use crate::recorder::Durable;

/// What a node serves, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeSpec {
    /// The engine.
    pub backend: String,
    /// Its settings.
    pub options: BTreeMap<String, String>,
    /// Where it stores.
    pub dir: PathBuf,
    /// When callers are acknowledged.
    pub mode: Mode,
    /// The tier asked of the engine.
    pub tier: Durability,
    /// How assignments are signed.
    pub sign: Sign,
    /// Whether messages' signatures are verified.
    pub verify: bool,
    /// Who calls the store.
    pub commit: Commit,
    /// Most messages of one process that have a slot and are not stored.
    pub window: usize,
    /// The protocol it speaks.
    pub transport: Transport,
}

/// What the driver orders.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub enum Order {
    /// Serve, with a new scheduler on the open store; what was served before ends.
    Begin(Begin),
    /// Wait until everything acknowledged is stored.
    Drain,
    /// Stop serving and tell.
    Report,
}

/// How to begin.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Begin {
    /// The zero of all time stamps: [`Epoch::monotonic`](crate::driver::clock::Epoch::monotonic).
    pub epoch_ns: u64,
    /// How often to read what the process uses.
    pub interval_ns: u64,
}

/// What the node answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Reply {
    /// The store is open.
    Ready,
    /// It serves.
    Begun(Begun),
    /// Everything acknowledged is stored, or has failed.
    Drained,
    /// What there is to tell.
    Report(Box<NodeReport>),
    /// It cannot.
    Failed(String),
}

/// Where a node serves.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Begun {
    /// Its address.
    pub addr: SocketAddr,
    /// Its certificate, DER in base64; HTTP/3 only.
    pub certificate: Option<String>,
    /// The address that signs.
    pub signer: String,
}

/// What a node has to tell of what it served since it began.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NodeReport {
    /// What its process used.
    pub resources: Resources,
    /// The same over time.
    pub readings: Vec<Reading>,
    /// Latency until messages were stored; in aggressive mode only.
    pub durable: Option<DurableForm>,
    /// Most messages that had a slot and were not stored at one time.
    pub max_unstored: u64,
    /// Batches by their number of messages.
    pub batches: Vec<u64>,
}

/// A [`Durable`] that can travel.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DurableForm {
    /// HdrHistogram V2, base64.
    histogram: String,
    failed: u64,
    last_error: Option<String>,
}

impl DurableForm {
    /// Of what was recorded.
    ///
    /// # Errors
    /// What the histogram's serializer reports.
    pub fn of(durable: &Durable) -> Result<Self, String> {
        let mut bytes = Vec::new();
        let written = V2Serializer::new().serialize(&durable.histogram, &mut bytes);
        written.map_err(|error| format!("a histogram cannot be written: {error}"))?;
        let (failed, last_error) = (durable.failed, durable.last_error.clone());
        Ok(Self { histogram: STANDARD.encode(bytes), failed, last_error })
    }

    /// What was recorded.
    ///
    /// # Errors
    /// A histogram that cannot be read.
    pub fn open(self) -> Result<Durable, String> {
        let bytes = STANDARD.decode(self.histogram).map_err(|error| format!("the node's histogram: {error}"))?;
        let read = Deserializer::new().deserialize(&mut bytes.as_slice());
        let histogram = read.map_err(|error| format!("the node's histogram: {error}"))?;
        Ok(Durable { histogram, failed: self.failed, last_error: self.last_error })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorder::new_histogram;

    #[test]
    fn a_recording_survives_the_way() {
        let mut histogram = new_histogram();
        [1, 1_000, 123_456_789].into_iter().for_each(|value| histogram.saturating_record(value));
        let durable = Durable { histogram, failed: 3, last_error: Some("why".to_owned()) };
        let sent = serde_json::to_string(&DurableForm::of(&durable).expect("writes")).expect("is JSON");
        let form: DurableForm = serde_json::from_str(&sent).expect("reads");
        let read = form.open().expect("is a histogram");
        assert_eq!((read.histogram, read.failed, read.last_error), (durable.histogram, 3, durable.last_error));
        let broken = DurableForm { histogram: "AAAA".to_owned(), failed: 0, last_error: None };
        assert!(broken.open().is_err());
    }
}
