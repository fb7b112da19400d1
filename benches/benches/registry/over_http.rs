//! Writers looked up or kept by a server: the callers are clients with a connection each.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt as _, Full};
use slotbench_core::Scheduler;
use slotbench_core::item::Item;
use slotbench_core::milestone::Mark;
use slotbench_node::client::{Call, Client, Endpoint, PoolSize};
use slotbench_node::{Limits, Protocol, Reply, Server, Service, Tcp};
use tokio::runtime::Runtime;

use crate::handles::{Caller, MESSAGES};

/// No answer takes that long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Schedules what is posted to `/<number of the caller>`, by the least that a server can do.
struct Scheduling {
    scheduler: Arc<Scheduler>,
    callers: Arc<[Caller]>,
    is_kept: AtomicBool,
}

impl Service for Scheduling {
    async fn respond<B>(&self, request: Request<B>) -> Reply
    where
        B: Body<Data = Bytes> + Send + Unpin,
        B::Error: fmt::Display,
    {
        let number: usize = request.uri().path().trim_start_matches('/').parse().expect("a caller's number");
        let Caller { process, writer, .. } = &self.callers[number];
        let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes);
        let message = Item::parse(body.unwrap_or_default()).expect("a message");
        let receipt = if self.is_kept.load(Ordering::Relaxed) {
            writer.schedule(message, Mark::default()).await
        } else {
            self.scheduler.schedule_on(*process, message, Mark::default()).await
        };
        Response::new(Full::new(receipt.expect("is scheduled").assignment.item().as_bytes().clone()))
    }
}

/// A server with a connection for each caller.
pub(crate) struct Site {
    runtime: Runtime,
    service: Arc<Scheduling>,
    client: Arc<Client>,
}

impl Site {
    pub(crate) fn open(scheduler: Arc<Scheduler>, callers: &Arc<[Caller]>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("an executor");
        let service = Scheduling { scheduler, callers: Arc::clone(callers), is_kept: AtomicBool::new(false) };
        let service = Arc::new(service);
        let client = runtime.block_on(async {
            let server = Server::new(Arc::clone(&service), Limits::default());
            let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let addr = server.tcp(any, Tcp::H1, None).await.expect("listens");
            let endpoint = Endpoint { addr, protocol: Protocol::H1, host: "localhost".to_owned(), trusted: None };
            let size = PoolSize { connections: callers.len(), turns: 1 };
            let client = Client::new(endpoint, size, PATIENCE).expect("a client");
            client.connect().await.expect("connects");
            client
        });
        Self { runtime, service, client: Arc::new(client) }
    }

    /// All clients at once, each one message after the other.
    pub(crate) fn pass(&self, callers: &Arc<[Caller]>, is_kept: bool) -> Duration {
        self.service.is_kept.store(is_kept, Ordering::Relaxed);
        let start = Instant::now();
        self.runtime.block_on(async {
            let tasks: Vec<_> = (0..callers.len())
                .map(|number| {
                    let (client, callers) = (Arc::clone(&self.client), Arc::clone(callers));
                    tokio::spawn(async move {
                        let body = callers[number].message.as_bytes();
                        for _ in 0..MESSAGES / callers.len() {
                            let answer = client.send(Call::post(format!("/{number}"), body.clone())).await;
                            assert!(answer.expect("an answer").status.is_success());
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.expect("a client");
            }
        });
        start.elapsed()
    }
}
