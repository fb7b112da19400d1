//! HTTP/1.1 and HTTP/2 over TCP.

use std::convert::Infallible;
use std::sync::Arc;

use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use super::{Site, Tcp, after_accept_error};
use crate::activity::Activity;
use crate::limits::Limits;
use crate::service::Service;

/// Takes connections until the server stops.
pub(super) async fn listen<S: Service>(
    site: Arc<Site<S>>,
    listener: TcpListener,
    speaks: Tcp,
    tls: Option<Arc<ServerConfig>>,
) {
    let places = Arc::new(Semaphore::new(site.limits.connections));
    let builder = Arc::new(builder(speaks, &site.limits));
    let acceptor = tls.map(TlsAcceptor::from);
    while let Some(place) = site.stop.run_until_cancelled(Arc::clone(&places).acquire_owned()).await {
        let Some(accepted) = site.stop.run_until_cancelled(listener.accept()).await else { return };
        let Ok((stream, _)) = accepted else {
            after_accept_error().await;
            continue;
        };
        let (task, builder, acceptor) = (Arc::clone(&site), Arc::clone(&builder), acceptor.clone());
        site.spawn(async move {
            serve(&task, &builder, acceptor, stream).await;
            drop(place);
        });
    }
}

fn builder(speaks: Tcp, limits: &Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    let head = usize::try_from(limits.head_bytes).unwrap_or(usize::MAX);
    builder.http1().timer(TokioTimer::new()).header_read_timeout(limits.head_time).max_buf_size(head.max(8192));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(limits.head_bytes)
        .keep_alive_interval(limits.head_time)
        .keep_alive_timeout(limits.head_time);
    match speaks {
        Tcp::Both => builder,
        Tcp::H1 => builder.http1_only(),
        Tcp::H2 => builder.http2_only(),
    }
}

async fn serve<S: Service>(
    site: &Site<S>,
    builder: &Builder<TokioExecutor>,
    acceptor: Option<TlsAcceptor>,
    stream: TcpStream,
) {
    // Answers are whole: waiting for more to send would only delay them.
    let _ = stream.set_nodelay(true);
    match acceptor {
        None => speak(site, builder, stream).await,
        Some(acceptor) => {
            let shaken = tokio::time::timeout(site.limits.head_time, acceptor.accept(stream)).await;
            // A failed handshake concerns the client alone.
            if let Ok(Ok(stream)) = shaken {
                speak(site, builder, stream).await;
            }
        }
    }
}

async fn speak<S: Service, T>(site: &Site<S>, builder: &Builder<TokioExecutor>, stream: T)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let activity = Arc::new(Activity::default());
    let asked = Arc::clone(&activity);
    let service = service_fn(move |request: Request<Incoming>| {
        let (service, activity) = (Arc::clone(&site.service), Arc::clone(&asked));
        async move {
            let busy = activity.begin();
            let reply = service.respond(request).await;
            drop(busy);
            Ok::<_, Infallible>(reply)
        }
    });
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        // What is wrong with a connection concerns its client alone.
        _ = connection.as_mut() => return,
        () = activity.idle_for(site.limits.idle_time) => {}
        () = site.stop.cancelled() => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = tokio::time::timeout(site.limits.drain_time, connection).await;
}
