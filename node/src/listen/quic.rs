//! HTTP/3 over QUIC.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use h3::error::StreamError;
use h3::quic::RecvStream;
use h3::server::{RequestResolver, RequestStream};
use http::Request;
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Endpoint, Incoming, ServerConfig, TransportConfig, VarInt};
use tokio::sync::Semaphore;

use super::Site;
use crate::activity::Activity;
use crate::limits::Limits;
use crate::service::{Reply, Service};
use crate::tls::TlsError;

/// Unidirectional streams of a client: control, and the encoder and decoder of header compression, with some to spare
/// (RFC 9114, section 6.2).
const CONTROL_STREAMS: u32 = 8;
/// Bytes a client may have under way on one stream, and on all streams of a connection.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 4 << 20;

pub(super) fn bind(addr: SocketAddr, tls: rustls::ServerConfig, limits: &Limits) -> Result<Endpoint, TlsError> {
    let mut config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(limits.streams))
        .max_concurrent_uni_streams(VarInt::from_u32(CONTROL_STREAMS))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(CONNECTION_WINDOW))
        .max_idle_timeout(limits.idle_time.saturating_mul(2).try_into().ok());
    config.transport_config(Arc::new(transport));
    Ok(Endpoint::server(config, addr)?)
}

/// Takes connections until the server stops.
pub(super) async fn listen<S: Service>(site: Arc<Site<S>>, endpoint: Endpoint) {
    let places = Arc::new(Semaphore::new(site.limits.connections));
    while let Some(Ok(place)) = site.stop.run_until_cancelled(Arc::clone(&places).acquire_owned()).await {
        let Some(Some(incoming)) = site.stop.run_until_cancelled(endpoint.accept()).await else { break };
        let task = Arc::clone(&site);
        site.spawn(async move {
            serve(&task, incoming).await;
            drop(place);
        });
    }
    // The endpoint carries its connections, so it goes last.
    endpoint.set_server_config(None);
    endpoint.wait_idle().await;
}

async fn serve<S: Service>(site: &Arc<Site<S>>, incoming: Incoming) {
    let shaken = tokio::time::timeout(site.limits.head_time, incoming).await;
    // A failed handshake concerns the client alone.
    let Ok(Ok(connection)) = shaken else { return };
    let built = h3::server::builder()
        .max_field_section_size(u64::from(site.limits.head_bytes))
        .build(h3_quinn::Connection::new(connection.clone()))
        .await;
    let Ok(mut speaking) = built else { return };
    let activity = Arc::new(Activity::default());
    let mut stopping = false;
    loop {
        let accepted = tokio::select! {
            accepted = speaking.accept() => accepted,
            () = no_longer_wanted(site, &activity), if !stopping => {
                stopping = true;
                // GOAWAY (RFC 9114, section 5.2): requests that are there are answered, later ones are not.
                let _ = speaking.shutdown(0).await;
                continue;
            }
            // A client that stays connected all the same is not waited for: it has all its answers.
            () = activity.idle_for(LINGER), if stopping => break,
        };
        let Ok(Some(request)) = accepted else { break };
        let (task, activity) = (Arc::clone(site), Arc::clone(&activity));
        site.spawn(async move {
            let busy = activity.begin();
            answer(&task, request).await;
            drop(busy);
        });
    }
    // The last answers are still in the connection's buffers; its client closes it when it has them.
    let _ = tokio::time::timeout(LINGER, connection.closed()).await;
}

/// How long a connection that is told to go may take to close.
const LINGER: Duration = Duration::from_millis(500);

/// Returns when the server stops or the client has nothing to ask.
async fn no_longer_wanted<S>(site: &Site<S>, activity: &Activity) {
    tokio::select! {
        () = activity.idle_for(site.limits.idle_time) => {}
        () = site.stop.cancelled() => {}
    }
}

/// Answers one request; a head that does not come in time, or cannot be read, ends it.
async fn answer<S: Service>(site: &Site<S>, request: RequestResolver<h3_quinn::Connection, Bytes>) {
    let resolved = tokio::time::timeout(site.limits.head_time, request.resolve_request()).await;
    let Ok(Ok((request, stream))) = resolved else { return };
    let (mut send, receive) = stream.split();
    let mut body = Receiving { stream: receive, ended: false };
    let reply = site.service.respond(Request::from_parts(request.into_parts().0, &mut body)).await;
    let _ = send_reply(&mut send, reply).await;
    // Dropping a stream that has not ended tells the client to send no more of it (RFC 9114, section 4.1). Most have:
    // looking once spares it the message.
    body.look().await;
}

async fn send_reply<T>(stream: &mut RequestStream<T, Bytes>, reply: Reply) -> Result<(), StreamError>
where
    T: h3::quic::SendStream<Bytes>,
{
    let (head, body) = reply.into_parts();
    stream.send_response(http::Response::from_parts(head, ())).await?;
    let Ok(body) = body.collect().await;
    let bytes = body.to_bytes();
    if !bytes.is_empty() {
        stream.send_data(bytes).await?;
    }
    stream.finish().await
}

/// A request's body as it comes in.
struct Receiving<T> {
    stream: RequestStream<T, Bytes>,
    ended: bool,
}

impl<T: RecvStream + Unpin> Receiving<T> {
    /// Takes in what is there at this moment. `h3-quinn` panics if a stream is stopped while a read of it is pending, so
    /// streams are dropped instead.
    async fn look(&mut self) {
        if !self.ended {
            poll_fn(|context| {
                drop(self.stream.poll_recv_data(context));
                Poll::Ready(())
            })
            .await;
        }
    }
}

impl<T: RecvStream + Unpin> Body for Receiving<T> {
    type Data = Bytes;
    type Error = StreamError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamError>>> {
        let polled = self.stream.poll_recv_data(context);
        let frame = match polled {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok(Some(mut data))) => {
                let bytes = data.copy_to_bytes(data.remaining());
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            Poll::Ready(Ok(None)) => None,
            Poll::Ready(Err(error)) => Some(Err(error)),
        };
        self.ended = true;
        Poll::Ready(frame)
    }
}
