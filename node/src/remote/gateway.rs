//! The network's index of location records, as Arweave gateways serve it: GraphQL at `/graphql`.

use std::sync::Arc;

use http::{HeaderValue, header};
use slotbench_core::location::{BaseUrl, Gateway, GatewayError};
use slotbench_core::{Address, Item};
use tokio::runtime::Handle;

use super::{Remote, RemoteError, Trail};
use crate::client::Call;
use crate::wire::gateway::{newest, question};

/// A gateway, asked over HTTP.
pub struct HttpGateway {
    remote: Arc<Remote>,
    url: BaseUrl,
    runtime: Handle,
}

impl HttpGateway {
    /// The gateway at that URL, asked within the bounds of `remote`. `runtime` does the waiting; questions are asked from
    /// threads that are not its own.
    #[must_use]
    pub fn new(remote: Arc<Remote>, url: BaseUrl, runtime: Handle) -> Arc<Self> {
        Arc::new(Self { remote, url, runtime })
    }
}

impl Gateway for HttpGateway {
    fn location(&self, address: &Address) -> Result<Option<Item>, GatewayError> {
        let mut call = Call::post("/graphql", question(address));
        call.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let answer = self.runtime.block_on(self.remote.ask(&self.url, &Trail::default(), call));
        let body = answer.map_err(|error| match error {
            RemoteError::Payload { .. } | RemoteError::TooLong { .. } => GatewayError::Answer(error.to_string()),
            error => GatewayError::Unavailable(error.to_string()),
        })?;
        newest(&body, address)
    }
}
