//! A node, as workers call it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, StatusCode};
use serde::Deserialize;
use slotbench_core::item::Item;
use slotbench_node::Protocol;
use slotbench_node::client::{Answer, Call, Client, ClientError, Endpoint, PoolSize};
use slotbench_node::node::TAG;
use slotbench_node::tls::Trust;
use tokio::runtime::Runtime;

use crate::axis::Transport;
use crate::driver::node::Host;
use crate::driver::node::hosted::HOST;
use crate::driver::node::spec::Begun;
use crate::driver::target::Target;

/// Longest wait for an answer: more than a node waits itself.
const PATIENCE: Duration = Duration::from_secs(60);
/// Where messages go.
const PATH: &str = "/~scheduler@1.0/schedule";

/// A node behind HTTP.
#[derive(Clone)]
pub(in crate::driver) struct HttpTarget {
    client: Arc<Client>,
    host: Arc<Mutex<Host>>,
}

/// Why a message has no slot, or none that is known.
#[derive(Debug, thiserror::Error)]
pub(in crate::driver) enum HttpError {
    /// There is no answer.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The answer is another one.
    #[error("the node answered {0}: {1}")]
    Status(StatusCode, String),
    /// The answer cannot be read.
    #[error("the node's answer cannot be read: {0}")]
    Answer(#[from] serde_json::Error),
}

/// What is read of an answer.
#[derive(Deserialize)]
struct Assigned {
    slot: u64,
}

impl HttpTarget {
    /// Connects to a node, over as many connections at once.
    pub(in crate::driver) fn connect(
        runtime: &Runtime,
        host: &Arc<Mutex<Host>>,
        begun: &Begun,
        transport: Transport,
        size: PoolSize,
    ) -> Result<Self, String> {
        let certificate = begun.certificate.as_ref().map(|text| STANDARD.decode(text)).transpose();
        let certificate = certificate.map_err(|error| format!("the node's certificate: {error}"))?;
        let trusted = certificate.map(|der| Trust::certificate(&der)).transpose().map_err(|error| error.to_string())?;
        let protocol = match transport {
            Transport::H2 => Protocol::H2,
            Transport::H3 => Protocol::H3,
            _ => Protocol::H1,
        };
        let endpoint = Endpoint { addr: begun.addr, protocol, host: HOST.to_owned(), trusted };
        let connected = runtime.block_on(async {
            let client = Client::new(endpoint, size, PATIENCE).map_err(|error| error.to_string())?;
            client.connect().await.map_err(|error| error.to_string())?;
            Ok::<_, String>(client)
        });
        Ok(Self { client: Arc::new(connected?), host: Arc::clone(host) })
    }

    /// Connections opened so far.
    pub(in crate::driver) fn opened(&self) -> u64 {
        self.client.opened()
    }
}

impl Target for HttpTarget {
    type Error = HttpError;

    async fn call(&self, message: Item, tag: u64) -> Result<u64, HttpError> {
        let mut call = Call::post(PATH, message.as_bytes().clone());
        call.headers.insert(TAG, HeaderValue::from(tag));
        let Answer { status, body, .. } = self.client.send(call).await?;
        if status != StatusCode::OK {
            return Err(HttpError::Status(status, String::from_utf8_lossy(&body).into_owned()));
        }
        Ok(serde_json::from_slice::<Assigned>(&body)?.slot)
    }

    fn drain(&self) {
        // A node that cannot drain cannot report either, and that is told.
        let _ = self.host.lock().unwrap_or_else(PoisonError::into_inner).drain();
    }
}
