//! What HTTP/2 lets a rude client send without end: the connection ends, and others hear nothing of it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use mlcore_serve::server::ServerOptions;

use crate::server::serve;
use crate::support::{Asked, Connection, request};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;
/// `POST http://localhost/`, by the static table of HPACK.
const HEAD: &[u8] = b"\x83\x86\x84\x01\x09localhost";

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes()[..], payload].concat()
}

/// Sends frames until the server hangs up; whether it did, within a bounded number of them.
fn hangs_up(address: std::net::SocketAddr, frames: impl Fn(u32) -> Vec<u8>) -> bool {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut reader = stream.try_clone().unwrap();
    // What the server says is read, so that it can go on.
    let reading = std::thread::spawn(move || {
        let mut buffer = [0; 1 << 14];
        while reader.read(&mut buffer).is_ok_and(|read| read > 0) {}
    });
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).unwrap();
    let began = Instant::now();
    for number in 0.. {
        if stream.write_all(&frames(number)).is_err() {
            reading.join().unwrap();
            return true;
        }
        if began.elapsed() > Duration::from_secs(8) {
            break;
        }
    }
    drop(stream.shutdown(std::net::Shutdown::Both));
    false
}

#[test]
fn floods_of_frames_end_their_connection_and_no_other() {
    let asked = Asked::new();
    asked.run(async {
        let running = serve(&asked, ServerOptions::default()).await;
        let healthy = Connection::new(running.address).await;
        let address = running.address;
        let open = move |number: u32| frame(HEADERS, END_HEADERS, 2 * number + 1, HEAD);
        type Frames = Box<dyn Fn(u32) -> Vec<u8> + Send>;
        let floods: [(&str, Frames); 3] = [
            (
                "rapid reset",
                Box::new(move |number| {
                    [open(number), frame(RESET, 0, 2 * number + 1, &[0, 0, 0, 8])].concat()
                }),
            ),
            (
                "a head without end",
                Box::new(|number| match number {
                    0 => frame(HEADERS, 0, 1, HEAD),
                    // A field, again and again.
                    _ => frame(CONTINUATION, 0, 1, &b"\x00\x01a\x01b".repeat(1000)),
                }),
            ),
            (
                "empty data",
                Box::new(move |number| match number {
                    0 => open(0),
                    _ => frame(DATA, 0, 1, &[]).repeat(1000),
                }),
            ),
        ];
        for (name, frames) in floods {
            let flood = tokio::task::spawn_blocking(move || hangs_up(address, frames));
            let mut slowest = Duration::ZERO;
            while !flood.is_finished() {
                let began = Instant::now();
                healthy.client().model_infer(request(&[[0.5, 1.0]])).await.unwrap();
                slowest = slowest.max(began.elapsed());
            }
            assert!(flood.await.unwrap(), "{name}");
            assert!(slowest < Duration::from_secs(2), "{name}: {slowest:?}");
        }
    });
}

/// Frames that want an answer each cost as much as they bring, and streams beyond the limit are refused.
#[test]
fn streams_settings_and_pings_without_end_cost_the_others_nothing() {
    let asked = Asked::new();
    asked.run(async {
        let running = serve(&asked, ServerOptions::default()).await;
        let healthy = Connection::new(running.address).await;
        let address = running.address;
        for frames in [
            (|number| match number {
                0..100_000 => frame(HEADERS, END_HEADERS, 2 * number + 1, HEAD),
                _ => Vec::new(),
            }) as fn(u32) -> Vec<u8>,
            |_| frame(SETTINGS, 0, 0, &[]).repeat(100),
            |_| frame(PING, 0, 0, &[0; 8]).repeat(100),
        ] {
            let flood = tokio::task::spawn_blocking(move || hangs_up(address, frames));
            let began = Instant::now();
            while began.elapsed() < Duration::from_secs(1) && !flood.is_finished() {
                healthy.client().model_infer(request(&[[0.5, 1.0]])).await.unwrap();
            }
            drop(flood);
        }
    });
}
