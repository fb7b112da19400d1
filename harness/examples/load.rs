//! The closed loop against any server: the same loop, client and recorder that measure cells with `--transport`.
//!
//! `load h1|h2|h3 ADDR get PATH CONNECTIONS SECONDS [CERTIFICATE]` or `... post PATH ...` sends the same request over and over, one
//! at a time on each connection, and prints a line of JSON. What is posted is an ed25519-signed message with 1 KiB of data,
//! which `load message FILE` writes to a file, for other generators; it prints the message's process. CERTIFICATE is the one to trust, DER; HTTP/3 needs it.
//! `scripts/cross-check-load.py` compares the figures with those of wrk and oha.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the repository's own evidence")]

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use slotbench::driver::closed_loop::{self, Pass};
use slotbench::driver::pool::{Pool, PoolSpec};
use slotbench::driver::target::Target;
use slotbench_core::item::Item;
use slotbench_node::Protocol;
use slotbench_node::client::{Call, Client, ClientError, Endpoint, PoolSize};
use slotbench_node::tls::Trust;

const USAGE: &str = "usage: load h1|h2|h3 ADDR get|post PATH CONNECTIONS SECONDS [CERTIFICATE] | load message FILE";
const PATIENCE: Duration = Duration::from_secs(30);
/// More requests than any server here answers in a second.
const MOST_PER_SECOND: f64 = 500_000.0;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

#[derive(Clone)]
struct Server {
    client: Arc<Client>,
    call: Call,
}

/// Why a request counts as failed.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("the server answered {0}")]
    Status(http::StatusCode),
}

impl Target for Server {
    type Error = Failed;

    async fn call(&self, _message: Item, _tag: u64) -> Result<u64, Failed> {
        let answer = self.client.send(self.call.clone()).await?;
        if answer.status.is_success() { Ok(0) } else { Err(Failed::Status(answer.status)) }
    }

    fn drain(&self) {}
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["message", file] => write_message(file),
        [protocol, addr, method, path, connections, seconds, certificate @ ..] => endpoint(protocol, addr, certificate)
            .and_then(|endpoint| {
                let size = PoolSize { connections: connections.parse()?, turns: 1 };
                load(endpoint, size, method, path, Duration::from_secs_f64(seconds.parse()?))
            }),
        _ => Err(USAGE.into()),
    };
    if let Err(error) = &done {
        eprintln!("{error}");
    }
    if done.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(2) }
}

fn endpoint(protocol: &str, addr: &str, certificate: &[&str]) -> Outcome<Endpoint> {
    let protocol: Protocol = protocol.parse()?;
    let addr: SocketAddr = addr.parse()?;
    let trusted = match certificate.first() {
        Some(path) => Some(Trust::certificate(&std::fs::read(path)?)?),
        None => None,
    };
    Ok(Endpoint { addr, protocol, host: "localhost".to_owned(), trusted })
}

fn message() -> Outcome<Item> {
    let mut pool = Pool::new(PoolSpec::plain(1, 1, 1024));
    pool.grow(1)?;
    Ok(pool.messages().first().ok_or("no message")?.clone())
}

fn write_message(file: &str) -> Outcome<()> {
    let message = message()?;
    std::fs::write(file, message.as_bytes())?;
    println!("{}", message.target().ok_or("no process")?);
    Ok(())
}

fn load(endpoint: Endpoint, size: PoolSize, method: &str, path: &str, length: Duration) -> Outcome<()> {
    let message = message()?;
    let call = match method {
        "get" => Call::get(path),
        "post" => Call::post(path, message.as_bytes().clone()),
        _ => return Err(USAGE.into()),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let client = runtime.block_on(async {
        let client = Client::new(endpoint, size, PATIENCE)?;
        client.connect().await?;
        Ok::<_, Box<dyn std::error::Error>>(client)
    })?;
    let server = Server { client: Arc::new(client), call };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds that fit a command line")]
    let most = (length.as_secs_f64() * MOST_PER_SECOND) as usize;
    let pass = Pass::of_messages(vec![message; most].into(), 0..most, size.connections);
    let outcome = closed_loop::run(&runtime, &server, &Pass { limit: length, ..pass });
    let latency = |quantile: f64| outcome.acknowledged.value_at_quantile(quantile);
    println!(
        "{}",
        json!({
            "requests": outcome.acknowledged.len(),
            "failed": outcome.refused,
            "first_failure": outcome.first_refusal.as_ref().map(ToString::to_string),
            "seconds": outcome.working.as_secs_f64(),
            "p50_ns": latency(0.5),
            "p99_ns": latency(0.99),
        })
    );
    Ok(())
}
