//! The HTTP way to a bundler: `POST /tx`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use slotbench_core::item::Item;
use slotbench_core::uploads::{Upload, UploadError, Uploader};
use tokio::runtime::Handle;

use crate::client::{Answer, Call, Client, Endpoint, PoolSize};
use crate::tls::TlsError;

/// Where items are posted.
const PATH: &str = "/tx";
/// Of a bundler's words, how many bytes are repeated.
const QUOTED: usize = 200;

/// Posts messages and assignments to a bundler, as `application/octet-stream`, the message first: whoever finds the
/// assignment finds what it assigns.
pub struct HttpBundler {
    client: Client,
    runtime: Handle,
}

impl HttpBundler {
    /// A bundler at that address, asked over `connections` connections at a time, each answer waited for as long as
    /// `patience`. `runtime` does the waiting; uploads are made from threads that are not its own.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn new(
        endpoint: Endpoint,
        connections: usize,
        patience: Duration,
        runtime: Handle,
    ) -> Result<Arc<Self>, TlsError> {
        let _context = runtime.enter();
        let client = Client::new(endpoint, PoolSize { connections, turns: 1 }, patience)?;
        drop(_context);
        Ok(Arc::new(Self { client, runtime }))
    }

    fn post(&self, item: &Item) -> Result<(), UploadError> {
        let mut call = Call::post(PATH, item.as_bytes().clone());
        let octets = http::HeaderValue::from_static("application/octet-stream");
        call.headers.insert(http::header::CONTENT_TYPE, octets);
        let answer = self.runtime.block_on(self.client.send(call));
        judge(&answer.map_err(|error| UploadError::Unavailable(error.to_string()))?)
    }
}

/// 2xx is accepted, and so is what the bundler has already. What the item cannot help is tried again.
fn judge(answer: &Answer) -> Result<(), UploadError> {
    let said = || format!("{}: {}", answer.status, quoted(&answer.body));
    match answer.status {
        status if status.is_success() || status == StatusCode::ALREADY_REPORTED => Ok(()),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Err(UploadError::Unavailable(said())),
        status if status.is_client_error() => Err(UploadError::Rejected(said())),
        _ => Err(UploadError::Unavailable(said())),
    }
}

fn quoted(body: &Bytes) -> String {
    let start = body.get(..QUOTED).unwrap_or(body);
    String::from_utf8_lossy(start).escape_debug().to_string()
}

impl Uploader for HttpBundler {
    fn upload(&self, upload: &Upload) -> Result<(), UploadError> {
        self.post(&upload.message)?;
        self.post(&upload.assignment)
    }

    fn publish(&self, record: &Item) -> Result<(), UploadError> {
        self.post(record)
    }
}
