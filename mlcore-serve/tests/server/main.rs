//! A server on a real port: what slow, idle and rude clients cost, and what a stop loses.
#![expect(clippy::unwrap_used, reason = "a test reports by panicking, in its helpers too")]

#[path = "../http/support.rs"]
#[expect(dead_code, reason = "the tests of the service use the rest")]
mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mlcore_serve::http::HttpService;
use mlcore_serve::server::{Server, ServerOptions, Stopped};
use tokio::sync::oneshot;

use crate::support::{Place, infer_body};

/// A server in a thread of its own.
struct Running {
    address: SocketAddr,
    service: HttpService,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Stopped>>,
}

impl Running {
    fn new(options: ServerOptions) -> Self {
        let service = Place::new().service;
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let address = "127.0.0.1:0".parse().unwrap();
        let server = runtime.block_on(Server::bind(address, service.clone(), options)).unwrap();
        let address = server.address().unwrap();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || runtime.block_on(server.run(async move { drop(stopped.await) })));
        Self { address, service, stop: Some(stop), thread: Some(thread) }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    fn stop(&mut self) -> Stopped {
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap()
    }
}

fn request(body: &str) -> String {
    format!(
        "POST /v2/models/m/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Reads one answer: its status and its body.
fn answer(stream: &mut TcpStream) -> (u16, String) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&head));
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let length =
        head.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap().parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    (head[9..12].parse().unwrap(), String::from_utf8(body).unwrap())
}

fn ask(stream: &mut TcpStream, request: &str) -> (u16, String) {
    stream.write_all(request.as_bytes()).unwrap();
    answer(stream)
}

/// How long until the server hangs up.
fn until_hung_up(stream: &mut TcpStream) -> Duration {
    let started = Instant::now();
    let mut rest = Vec::new();
    // A reset is an end, too.
    drop(stream.read_to_end(&mut rest));
    started.elapsed()
}

#[test]
fn a_connection_answers_one_request_after_another() {
    let mut server = Running::new(ServerOptions::default());
    let mut stream = server.connect();
    let body = infer_body(&[[0.5, 1.0]]).to_string();
    for _ in 0..3 {
        let (status, answer) = ask(&mut stream, &request(&body));
        assert_eq!(status, 200, "{answer}");
        assert!(answer.contains("\"data\":[1.0]"), "{answer}");
    }
    drop(stream);
    assert_eq!(server.stop().cut_off, 0);
}

#[test]
fn slow_heads_slow_bodies_and_idle_connections_are_given_up_each_in_its_time() {
    let mut options = ServerOptions::default();
    options.head_timeout = Duration::from_millis(300);
    options.body_timeout = Duration::from_millis(600);
    options.idle_timeout = Duration::from_millis(1200);
    let server = Running::new(options);
    let near = |took: Duration, due: u64| {
        assert!((due..due + 3000).contains(&(took.as_millis() as u64 + 50)), "{took:?} instead of {due} ms");
    };
    // Nothing at all.
    let mut idle = server.connect();
    near(until_hung_up(&mut idle), 1200);
    // A byte now and then never makes a head.
    let mut slow = server.connect();
    let started = Instant::now();
    let mut bytes = b"GET /v2/health/live HTTP/1.1\r\n".iter().cycle();
    while slow.write_all(&[*bytes.next().unwrap()]).is_ok() && started.elapsed() < Duration::from_secs(5) {
        thread::sleep(Duration::from_millis(20));
    }
    near(started.elapsed(), 300);
    // A body that stops in the middle is told of.
    let mut half = server.connect();
    let started = Instant::now();
    let (status, told) =
        ask(&mut half, "POST /v2/models/m/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{");
    near(started.elapsed(), 600);
    assert!(status == 408 && told.contains("did not arrive within"), "{status} {told}");
    // Between two requests it is idle again, not slow.
    let mut kept = server.connect();
    let live = "GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for _ in 0..3 {
        assert_eq!(ask(&mut kept, live).0, 200);
        thread::sleep(Duration::from_millis(500));
    }
    let took = until_hung_up(&mut kept);
    near(took + Duration::from_millis(500), 1200);
}

#[test]
fn connections_beyond_the_limit_wait_for_their_turn() {
    let mut options = ServerOptions::default();
    options.connections = 2;
    let server = Running::new(options);
    let live = "GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut first = server.connect();
    let mut second = server.connect();
    assert_eq!((ask(&mut first, live).0, ask(&mut second, live).0), (200, 200));
    let mut third = server.connect();
    third.write_all(live.as_bytes()).unwrap();
    third.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert!(third.read(&mut [0]).is_err(), "it waits");
    drop(first);
    third.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    assert_eq!(answer(&mut third).0, 200);
}

#[test]
fn rude_requests_are_refused() {
    let server = Running::new(ServerOptions::default());
    let once = |request: &str| ask(&mut server.connect(), request).0;
    let head = |lines: &str| format!("POST /v2/models/m/infer HTTP/1.1\r\n{lines}\r\n\r\n");
    assert_eq!(once(&head("Host: localhost\r\nContent-Length: 2\r\nTransfer-Encoding: chunked")), 400);
    assert_eq!(once(&head("Host: localhost\r\nContent-Length: 2\r\nContent-Length: 3")), 400);
    assert_eq!(once(&head("Host: localhost\r\nContent-Length: -1")), 400);
    let many: Vec<String> = (0..200).map(|number| format!("H{number}: 1")).collect();
    assert_eq!(once(&head(&format!("Host: localhost\r\n{}", many.join("\r\n")))), 431);
    assert_eq!(once(&head(&format!("Host: localhost\r\nH: {}", "a".repeat(1 << 17)))), 431);
    // A page of another site that found a name for this address.
    for host in ["evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example", ""]
    {
        assert_eq!(once(&format!("GET /v2 HTTP/1.1\r\nHost: {host}\r\n\r\n")), 421, "{host}");
    }
    for host in ["localhost", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST"] {
        assert_eq!(once(&format!("GET /v2 HTTP/1.1\r\nHost: {host}\r\n\r\n")), 200, "{host}");
    }
    let large = format!(
        "POST /v2/models/m/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n",
        65 << 20
    );
    assert_eq!(once(&large), 413, "before the body is sent");
}

#[test]
fn nothing_behind_a_chunked_body_is_taken_for_a_request() {
    let server = Running::new(ServerOptions::default());
    let body = infer_body(&[[0.5, 1.0]]).to_string();
    let chunked = format!(
        "POST /v2/models/m/infer HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
        body.len()
    );
    let mut stream = server.connect();
    let (status, told) = ask(&mut stream, &format!("{chunked}GET /v2 HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    assert_eq!(status, 200, "{told}");
    let mut rest = Vec::new();
    drop(stream.read_to_end(&mut rest));
    assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
}

/// Clients that ask again and again lose nothing when the server is told to stop, and hear of it first.
#[test]
fn a_stop_loses_no_request() {
    let mut options = ServerOptions::default();
    options.stop_delay = Duration::from_secs(2);
    let mut server = Running::new(options);
    let (over, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let body = request(&infer_body(&[[0.5, 1.0]]).to_string());
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (over, answered, body, mut stream) =
                (over.clone(), answered.clone(), body.clone(), server.connect());
            thread::spawn(move || {
                while !over.load(Ordering::SeqCst) {
                    assert_eq!(ask(&mut stream, &body).0, 200);
                    answered.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    let mut probe = server.connect();
    let ready = "GET /v2/health/ready HTTP/1.1\r\nHost: localhost\r\n\r\n";
    assert_eq!(ask(&mut probe, ready).0, 200);
    while answered.load(Ordering::SeqCst) < 50 {
        thread::sleep(Duration::from_millis(1));
    }
    drop(server.stop.take());
    let told = Instant::now();
    while ask(&mut probe, ready).0 == 200 {
        assert!(told.elapsed() < Duration::from_millis(1500), "it says that it is ready although it stops");
    }
    // What a load balancer does when it hears of it.
    over.store(true, Ordering::SeqCst);
    clients.into_iter().for_each(|client| client.join().unwrap());
    drop(probe);
    assert_eq!(server.stop().cut_off, 0);
    assert!(server.service.models().get("m").is_ok());
}

#[test]
fn what_is_under_way_is_answered_and_what_never_ends_is_cut_off() {
    let mut options = ServerOptions::default();
    options.drain_timeout = Duration::from_secs(3);
    let mut server = Running::new(options);
    let (mut whole, mut half) = (server.connect(), server.connect());
    let body = infer_body(&[[0.5, 1.0]]).to_string();
    let request = request(&body);
    let (first, second) = request.split_at(request.len() - 10);
    whole.write_all(first.as_bytes()).unwrap();
    half.write_all(first.as_bytes()).unwrap();
    thread::sleep(Duration::from_millis(500));
    drop(server.stop.take());
    thread::sleep(Duration::from_millis(100));
    assert_eq!(ask(&mut whole, second).0, 200, "its request had begun");
    assert!(TcpStream::connect(server.address).is_err(), "nobody else is let in");
    assert_eq!(server.stop().cut_off, 1);
}
