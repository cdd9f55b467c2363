//! Clients that take nothing of their answers.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use mlcore_serve::server::ServerOptions;
use prost::Message as _;
use tokio::net::TcpSocket;

use crate::server::{Attacked, INFER};
use crate::support::{framed, request};
use crate::web::infer_body;

const WRITE_TIMEOUT: Duration = Duration::from_millis(700);

fn attacked() -> Attacked {
    let mut options = ServerOptions::default();
    options.write_timeout = WRITE_TIMEOUT;
    Attacked::with_options(&options)
}

/// The answer is larger than what the system keeps of it.
#[test]
fn a_client_that_reads_nothing_is_given_up() {
    let attacked = attacked();
    let rows = vec![[0.5_f32, 1.0]; 1_500_000];
    let body = infer_body(&rows).to_string();
    let head = format!("POST {INFER} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", body.len());
    let stream = attacked.asked.run(async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        socket.connect(attacked.http).await.unwrap().into_std().unwrap()
    });
    stream.set_nonblocking(false).unwrap();
    (&stream).write_all(&[head.as_bytes(), body.as_bytes()].concat()).unwrap();
    // It begins to answer, and nobody reads on.
    (&stream).read_exact(&mut [0; 100]).unwrap();
    std::thread::sleep(WRITE_TIMEOUT * 4);
    let mut rest = Vec::new();
    drop((&stream).read_to_end(&mut rest));
    let whole = rows.len() * "1.0,\"0.5\",".len();
    assert!(rest.len() < whole, "all of it came: {} bytes", rest.len());
    attacked.check();
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const WINDOW_UPDATE: u8 = 8;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes()[..], payload].concat()
}

/// The head of `POST http://localhost{path}`, by the static table of HPACK.
fn head(path: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    let own = fields.iter().flat_map(|(name, value)| [&[0][..], &text(name), &text(value)].concat());
    [&b"\x83\x86\x01"[..], &text("localhost"), b"\x04", &text(path)].concat().into_iter().chain(own).collect()
}

/// How long until the server hangs up on a client of HTTP/2 whose stream has a window of so many bytes.
fn until_given_up(address: SocketAddr, window: u32, head: &[u8], body: &[u8]) -> Duration {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
    let [a, b, c, d] = window.to_be_bytes();
    stream.write_all(&frame(SETTINGS, 0, 0, &[0, 4, a, b, c, d])).unwrap();
    stream.write_all(&frame(HEADERS, END_HEADERS, 1, head)).unwrap();
    for part in body.chunks(16 << 10) {
        stream.write_all(&frame(DATA, 0, 1, part)).unwrap();
    }
    stream.write_all(&frame(DATA, END_STREAM, 1, &[])).unwrap();
    let began = Instant::now();
    let mut rest = Vec::new();
    drop(stream.read_to_end(&mut rest));
    began.elapsed()
}

#[test]
fn streams_whose_windows_stay_shut_are_given_up() {
    let attacked = attacked();
    // Answers of several frames.
    let rows = vec![[0.5, 1.0]; 4_000];
    let message = framed(0, &request(&rows).encode_to_vec());
    let call = head(
        "/inference.GRPCInferenceService/ModelInfer",
        &[("content-type", "application/grpc"), ("te", "trailers")],
    );
    let body = infer_body(&rows).to_string();
    let post = head(INFER, &[("content-type", "application/json")]);
    // An answer of which not a byte, one byte, or all but a frame is let through.
    for window in [0, 1, 20_000] {
        for (protocol, took) in [
            ("gRPC", until_given_up(attacked.grpc, window, &call, &message)),
            ("HTTP", until_given_up(attacked.http, window, &post, body.as_bytes())),
        ] {
            let due = WRITE_TIMEOUT..WRITE_TIMEOUT * 2 + Duration::from_secs(5);
            assert!(due.contains(&took), "{protocol}, {window} bytes: {took:?}");
        }
        attacked.check();
    }
}

/// Of the last frame nobody hears whether it was taken: it goes with its connection, as one without a request does.
#[test]
fn connections_of_several_streams_are_given_up_when_they_are_idle() {
    let mut options = ServerOptions::default();
    (options.write_timeout, options.idle_timeout) = (WRITE_TIMEOUT, WRITE_TIMEOUT * 2);
    let attacked = Attacked::with_options(&options);
    let message = framed(0, &request(&[[0.5, 1.0]]).encode_to_vec());
    let call = head(
        "/inference.GRPCInferenceService/ModelInfer",
        &[("content-type", "application/grpc"), ("te", "trailers")],
    );
    for window in [1, 65_535] {
        let took = until_given_up(attacked.grpc, window, &call, &message);
        let due = WRITE_TIMEOUT * 2..WRITE_TIMEOUT * 4 + Duration::from_secs(5);
        assert!(due.contains(&took), "{window} bytes: {took:?}");
    }
    attacked.check();
}

/// A client that takes a little now and then is slow, and is not given up.
#[test]
fn a_slow_reader_of_a_stream_gets_its_answer() {
    let attacked = attacked();
    let mut stream = TcpStream::connect(attacked.grpc).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
    let piece: u32 = 16 << 10;
    let [a, b, c, d] = piece.to_be_bytes();
    stream.write_all(&frame(SETTINGS, 0, 0, &[0, 4, a, b, c, d])).unwrap();
    let message = framed(0, &request(&vec![[0.5, 1.0]; 5_000]).encode_to_vec());
    let call = head(
        "/inference.GRPCInferenceService/ModelInfer",
        &[("content-type", "application/grpc"), ("te", "trailers")],
    );
    stream.write_all(&frame(HEADERS, END_HEADERS, 1, &call)).unwrap();
    for part in message.chunks(16 << 10) {
        stream.write_all(&frame(DATA, 0, 1, part)).unwrap();
    }
    stream.write_all(&frame(DATA, END_STREAM, 1, &[])).unwrap();
    // The answer has 75,000 bytes.
    let (mut got, began) = (0, Instant::now());
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).unwrap();
        let mut payload =
            vec![0; usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2])];
        stream.read_exact(&mut payload).unwrap();
        if head[3] == DATA {
            got += payload.len();
            std::thread::sleep(WRITE_TIMEOUT / 2);
            let more = u32::try_from(payload.len()).unwrap().to_be_bytes();
            if !payload.is_empty() {
                stream.write_all(&frame(WINDOW_UPDATE, 0, 1, &more)).unwrap();
                stream.write_all(&frame(WINDOW_UPDATE, 0, 0, &more)).unwrap();
            }
        }
        if head[4] & END_STREAM != 0 && head[3] == HEADERS {
            break;
        }
    }
    assert!(got > 70_000, "{got} bytes");
    assert!(began.elapsed() > WRITE_TIMEOUT * 2, "it was not slow: {:?}", began.elapsed());
    attacked.check();
}
