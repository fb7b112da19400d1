//! Clients that do not do as they should. What becomes of them is theirs alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use slotbench_node::client::{Call, Endpoint};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::honest::PATH;
use crate::{SEED, client, is_cleartext};

/// Connections that are left open, half-way through a request.
const SLOW: usize = 32;
/// Longest wait for what a faulty client is told.
const MOMENT: Duration = Duration::from_millis(200);

/// One fault after the other until `stop`; how many there were.
pub(crate) fn spawn(endpoint: &Endpoint, stop: &Arc<AtomicBool>) -> JoinHandle<usize> {
    let (endpoint, stop) = (endpoint.clone(), Arc::clone(stop));
    tokio::spawn(async move {
        let mut random = StdRng::seed_from_u64(SEED ^ u64::from(endpoint.addr.port()));
        let (mut faults, mut slow) = (0, Vec::new());
        while !stop.load(Ordering::SeqCst) {
            one(&endpoint, &mut random, &mut slow).await;
            faults += 1;
            // Honest clients are to get through as well.
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        faults
    })
}

async fn one(endpoint: &Endpoint, random: &mut StdRng, slow: &mut Vec<TcpStream>) {
    let mut garbage = vec![0; random.random_range(1..2000)];
    random.fill_bytes(&mut garbage);
    match random.random_range(0..7) {
        0 => asked(endpoint, garbage.into(), MOMENT).await,
        // More than the node takes.
        1 => asked(endpoint, Bytes::from(vec![1; (10 << 20) + 1]), MOMENT).await,
        // Gone at some moment of a request.
        2 => asked(endpoint, garbage.into(), Duration::from_micros(random.random_range(1..2000))).await,
        // Gone in the middle of a body that takes a while.
        3 => {
            asked(endpoint, Bytes::from(vec![1; 4 << 20]), Duration::from_micros(random.random_range(500..5000))).await;
        }
        4 if is_cleartext(endpoint) => {
            let head = format!("POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n");
            raw(endpoint, &[head.as_bytes(), &garbage[..garbage.len().min(50)]].concat()).await;
        }
        5 => left_open(endpoint, random, slow).await,
        _ => raw(endpoint, &garbage).await,
    }
}

async fn asked(endpoint: &Endpoint, body: Bytes, patience: Duration) {
    let client = client(endpoint);
    let _ = timeout(patience, client.send(Call::post(PATH, body))).await;
}

/// Bytes of no protocol, or half a request, and what comes back until the connection ends.
async fn raw(endpoint: &Endpoint, bytes: &[u8]) {
    let Ok(mut stream) = TcpStream::connect(endpoint.addr).await else { return };
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let _ = timeout(MOMENT, stream.read_to_end(&mut Vec::new())).await;
}

/// A connection that has begun something and does not go on.
async fn left_open(endpoint: &Endpoint, random: &mut StdRng, slow: &mut Vec<TcpStream>) {
    let beginnings: [&[u8]; 4] = [b"", b"GET / HT", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x02\x00\x01"];
    let Ok(mut stream) = TcpStream::connect(endpoint.addr).await else { return };
    let _ = stream.write_all(beginnings[random.random_range(0..beginnings.len())]).await;
    if slow.len() >= SLOW {
        slow.swap_remove(random.random_range(0..SLOW));
    }
    slow.push(stream);
}
