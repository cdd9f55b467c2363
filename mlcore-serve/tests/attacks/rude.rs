//! Slow and idle clients by the hundred, and what a healthy one notices of them.
//!
//! The numbers of the claim, a thousand slow clients and five thousand idle connections, with times and their bound:
//!
//! ```console
//! ulimit -n 16384
//! MLCORE_RUDE=1 cargo test --release -p mlcore-serve --all-features --test attacks rude -- --nocapture
//! ```

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::process::{Limited, place};

/// How often a slow client sends a byte.
const PAUSE: Duration = Duration::from_secs(1);

/// What slow clients saw.
#[derive(Default)]
struct Seen {
    is_over: AtomicBool,
    /// Connections that the server gave up.
    given_up: AtomicUsize,
    /// The longest that it bore one, in milliseconds.
    longest: AtomicUsize,
}

/// A client that sends a byte now and then: of a head, or of the body behind one; and comes back when it is given up.
async fn slow(address: SocketAddr, has_head: bool, seen: Arc<Seen>) {
    while !seen.is_over.load(Ordering::Relaxed) {
        let began = Instant::now();
        let Ok(stream) = TcpStream::connect(address).await else { continue };
        let (mut reader, mut writer) = stream.into_split();
        let head = "POST /v2/models/net/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n";
        if has_head && writer.write_all(head.as_bytes()).await.is_err() {
            continue;
        }
        let mut answer = [0; 256];
        let is_given_up = loop {
            if seen.is_over.load(Ordering::Relaxed) {
                break false;
            }
            let written = writer.write_all(b"A").await;
            let read = timeout(PAUSE, reader.read(&mut answer)).await;
            if written.is_err() || read.is_ok() {
                break true;
            }
        };
        if is_given_up {
            seen.given_up.fetch_add(1, Ordering::Relaxed);
            seen.longest.fetch_max(began.elapsed().as_millis() as usize, Ordering::Relaxed);
        }
    }
}

/// Asks two hundred times a second, on a thread of its own; the times of the answers, shortest first. Each of them must be right.
fn healthy(address: SocketAddr, time: Duration) -> Vec<Duration> {
    let input = json!({"name": "input", "shape": [1, 30], "datatype": "FP32", "data": vec![0.5; 30]});
    let body = json!({ "inputs": [input] }).to_string();
    let length = body.len();
    let request = format!(
        "POST /v2/models/net/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let (began, mut times, mut answer) = (Instant::now(), Vec::new(), vec![0; 16 << 10]);
    while began.elapsed() < time {
        let asked = Instant::now();
        stream.write_all(request.as_bytes()).unwrap();
        let mut held = 0;
        let text = loop {
            let read = stream.read(&mut answer[held..]).unwrap();
            assert!(read > 0, "the server hung up on a healthy client");
            held += read;
            let text = std::str::from_utf8(&answer[..held]).unwrap();
            if text.ends_with("]}]}") {
                break text;
            }
        };
        assert!(text.starts_with("HTTP/1.1 200"), "{text}");
        times.push(asked.elapsed());
        std::thread::sleep(Duration::from_millis(5).saturating_sub(asked.elapsed()));
    }
    times.sort_unstable();
    times
}

fn told(what: &str, times: &[Duration]) -> Duration {
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    let (p50, p99, most) = (at(0.5), at(0.99), at(1.0));
    println!("{what}: {} requests, p50 {p50:?}, p99 {p99:?}, longest {most:?}, none failed", times.len());
    p99
}

#[test]
fn slow_and_idle_clients_cost_a_healthy_one_nothing() {
    let is_long = std::env::var_os("MLCORE_RUDE").is_some();
    // A short one must bear out that slow heads are given up after ten seconds.
    let (slow_clients, idle_clients, quiet, rude) = match is_long {
        true => (1000_u32, 5000, Duration::from_secs(20), Duration::from_secs(75)),
        false => (100, 500, Duration::from_secs(1), Duration::from_secs(14)),
    };
    let place = place();
    let limited = Limited::new(&place, "ulimit -n 16384 2>/dev/null || true");
    let address = limited.http;
    let alone = told("alone", &healthy(address, quiet));
    let seen = Arc::new(Seen::default());
    // Slow clients have a thread of their own, so that the healthy one does not wait for them here.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let connect = async {
        let mut idle = Vec::new();
        for _ in 0..idle_clients {
            let stream = TcpStream::connect(address).await;
            idle.push(
                stream.unwrap_or_else(|cause| panic!("{} idle: {cause}; ulimit -n 16384?", idle.len())),
            );
        }
        idle
    };
    let idle = runtime.block_on(connect);
    let slow_ones: Vec<_> = (0..slow_clients)
        .map(|number| {
            let seen = seen.clone();
            runtime.spawn(async move {
                // Not all of them at the same moment.
                sleep(PAUSE * number / slow_clients).await;
                slow(address, number % 2 == 1, seen).await;
            })
        })
        .collect();
    let times = healthy(address, rude);
    let among = told(&format!("beside {slow_clients} slow and {idle_clients} idle clients"), &times);
    seen.is_over.store(true, Ordering::Relaxed);
    runtime.block_on(async {
        for slow in slow_ones {
            slow.await.unwrap();
        }
    });
    drop(idle);
    let (given_up, longest) = (seen.given_up.load(Ordering::Relaxed), seen.longest.load(Ordering::Relaxed));
    println!("{given_up} slow connections were given up, after {longest} ms at the latest");
    // Half of them send heads, for which there are ten seconds; the bodies of the others have a minute.
    assert!(given_up >= slow_clients as usize / 2, "{given_up} of {slow_clients}");
    assert!(longest < if is_long { 70_000 } else { 20_000 }, "{longest} ms");
    if is_long {
        let again = told("alone again", &healthy(address, quiet));
        assert!(among < alone.max(again) * 2, "{among:?}, and alone {alone:?} and {again:?}");
    }
    assert_eq!(limited.infer().unwrap(), 200);
    limited.stop();
}
