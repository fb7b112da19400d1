//! One connection.

use std::future::poll_fn;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use bytes::{Buf as _, Bytes, BytesMut};
use http::{Request, Response, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use quinn::crypto::rustls::QuicClientConfig;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio_rustls::TlsConnector;

use super::{Answer, Call, ClientError, Endpoint};
use crate::protocol::Protocol;
use crate::tls::{self, TlsError};

type H3Sender = h3::client::SendRequest<h3_quinn::OpenStreams, Bytes>;

/// An open connection. Copies share it.
#[derive(Clone)]
pub(super) enum Link {
    /// One request at a time, which the pool sees to: the lock is never waited for.
    H1(Arc<Mutex<http1::SendRequest<Full<Bytes>>>>),
    H2(http2::SendRequest<Full<Bytes>>),
    H3(quinn::Connection, H3Sender),
}

/// Opens connections to one endpoint.
pub(super) struct Opener {
    pub(super) endpoint: Endpoint,
    /// Whether a server may answer the wish for HTTP/2 with HTTP/1.1, in a TLS handshake.
    negotiates: bool,
    tls: Option<Arc<ClientConfig>>,
    quic: Option<quinn::Endpoint>,
}

impl Opener {
    pub(super) fn new(endpoint: Endpoint, negotiates: bool) -> Result<Self, TlsError> {
        let offered: &[Protocol] = if negotiates { &[Protocol::H2, Protocol::H1] } else { &[endpoint.protocol] };
        let tls = endpoint.trusted.as_ref().map(|trust| tls::client(trust, offered)).transpose()?.map(Arc::new);
        let quic = (endpoint.protocol == Protocol::H3).then(|| quic(endpoint.addr, tls.as_deref())).transpose()?;
        Ok(Self { endpoint, negotiates, tls, quic })
    }

    pub(super) async fn open(&self) -> Result<Link, ClientError> {
        if let Some(quic) = &self.quic {
            return self.open_quic(quic).await;
        }
        let stream = TcpStream::connect(self.endpoint.addr).await.map_err(|error| self.endpoint.refused(error))?;
        let _ = stream.set_nodelay(true);
        let Some(tls) = &self.tls else { return self.shake_hands(stream, self.endpoint.protocol).await };
        // An IPv6 address has brackets in a URL and none in a certificate.
        let host = self.endpoint.host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(host).map_err(|error| self.endpoint.refused(error))?;
        let shaken = TlsConnector::from(Arc::clone(tls)).connect(name, stream).await;
        let stream = shaken.map_err(|error| self.endpoint.refused(error))?;
        let chosen = match stream.get_ref().1.alpn_protocol() {
            Some(alpn) if alpn == Protocol::H2.alpn() => Protocol::H2,
            _ if self.negotiates => Protocol::H1,
            _ => self.endpoint.protocol,
        };
        self.shake_hands(stream, chosen).await
    }

    async fn shake_hands<T>(&self, stream: T, protocol: Protocol) -> Result<Link, ClientError>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (io, refused) = (TokioIo::new(stream), |error: hyper::Error| self.endpoint.refused(error));
        // A connection that breaks is told by the request that needs it.
        if protocol == Protocol::H1 {
            let (sender, connection) = http1::handshake(io).await.map_err(refused)?;
            tokio::spawn(connection);
            return Ok(Link::H1(Arc::new(Mutex::new(sender))));
        }
        let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await.map_err(refused)?;
        tokio::spawn(connection);
        Ok(Link::H2(sender))
    }

    async fn open_quic(&self, quic: &quinn::Endpoint) -> Result<Link, ClientError> {
        let connecting = quic.connect(self.endpoint.addr, &self.endpoint.host);
        let connection = connecting.map_err(|error| self.endpoint.refused(error))?.await;
        let connection = connection.map_err(|error| self.endpoint.refused(error))?;
        let built = h3::client::new(h3_quinn::Connection::new(connection.clone())).await;
        let (mut driver, sender) = built.map_err(|error| self.endpoint.refused(error))?;
        tokio::spawn(async move { poll_fn(|context| driver.poll_close(context)).await });
        Ok(Link::H3(connection, sender))
    }
}

fn quic(to: SocketAddr, tls: Option<&ClientConfig>) -> Result<quinn::Endpoint, TlsError> {
    let any: SocketAddr =
        if to.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let mut endpoint = quinn::Endpoint::client(any)?;
    if let Some(tls) = tls {
        let crypto = QuicClientConfig::try_from(tls.clone())?;
        endpoint.set_default_client_config(quinn::ClientConfig::new(Arc::new(crypto)));
    }
    Ok(endpoint)
}

impl Link {
    pub(super) fn is_open(&self) -> bool {
        match self {
            Self::H1(sender) => sender.try_lock().is_ok_and(|sender| !sender.is_closed()),
            Self::H2(sender) => !sender.is_closed(),
            Self::H3(connection, _) => connection.close_reason().is_none(),
        }
    }

    pub(super) async fn exchange(self, endpoint: &Endpoint, call: Call) -> Result<Answer, ClientError> {
        match self {
            Self::H1(sender) => {
                let mut sender = sender.lock().await;
                sender.ready().await.map_err(|error| endpoint.broken(error))?;
                let (request, most) = (request(endpoint, Protocol::H1, &call)?, call.most);
                let sent = sender.send_request(request.map(|()| Full::new(call.body))).await;
                collect(endpoint, sent.map_err(|error| endpoint.broken(error))?, most).await
            }
            Self::H2(mut sender) => {
                sender.ready().await.map_err(|error| endpoint.broken(error))?;
                let (request, most) = (request(endpoint, Protocol::H2, &call)?, call.most);
                let sent = sender.send_request(request.map(|()| Full::new(call.body))).await;
                collect(endpoint, sent.map_err(|error| endpoint.broken(error))?, most).await
            }
            Self::H3(_, sender) => exchange_h3(sender, endpoint, call).await,
        }
    }
}

async fn exchange_h3(mut sender: H3Sender, endpoint: &Endpoint, call: Call) -> Result<Answer, ClientError> {
    let broken = |error| endpoint.broken(error);
    let mut stream = sender.send_request(request(endpoint, Protocol::H3, &call)?).await.map_err(broken)?;
    let sent = if call.body.is_empty() { Ok(()) } else { stream.send_data(call.body.clone()).await };
    // A server may answer before it has the whole request, and want no more of it.
    if sent.is_ok() {
        let _ = stream.finish().await;
    }
    let (head, ()) = stream.recv_response().await.map_err(broken)?.into_parts();
    let mut body = BytesMut::new();
    while let Some(mut data) = stream.recv_data().await.map_err(broken)? {
        if body.len() + data.remaining() > call.most {
            return Err(ClientError::TooLong(call.most));
        }
        while data.has_remaining() {
            let chunk = data.chunk();
            body.extend_from_slice(chunk);
            let length = chunk.len();
            data.advance(length);
        }
    }
    Ok(Answer { status: head.status, headers: head.headers, body: body.freeze() })
}

/// Over HTTP/1.1 the request names its path and the host has a header; the others carry the whole address.
fn request(endpoint: &Endpoint, protocol: Protocol, call: &Call) -> Result<Request<()>, ClientError> {
    let mut builder = Request::builder().method(&call.method);
    let authority = format!("{}:{}", endpoint.host, endpoint.addr.port());
    builder = if protocol == Protocol::H1 {
        builder.uri(&call.path).header(http::header::HOST, authority)
    } else {
        let scheme = if endpoint.trusted.is_some() { "https" } else { "http" };
        builder.uri(Uri::builder().scheme(scheme).authority(authority).path_and_query(&call.path).build()?)
    };
    if protocol == Protocol::H3 && !call.body.is_empty() {
        builder = builder.header(http::header::CONTENT_LENGTH, call.body.len());
    }
    let mut request = builder.body(())?;
    request.headers_mut().extend(call.headers.clone());
    Ok(request)
}

async fn collect(endpoint: &Endpoint, answered: Response<Incoming>, most: usize) -> Result<Answer, ClientError> {
    let (head, body) = answered.into_parts();
    let collected = Limited::new(body, most).collect().await.map_err(|error| {
        if error.is::<http_body_util::LengthLimitError>() { ClientError::TooLong(most) } else { endpoint.broken(error) }
    })?;
    Ok(Answer { status: head.status, headers: head.headers, body: collected.to_bytes() })
}
