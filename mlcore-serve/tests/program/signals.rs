//! What signals and a standard error that nobody reads do to the program.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::place::{Place, eventually};

fn place() -> Place {
    let place = Place::new();
    place.put("net/1", "mlp30.onnx");
    place
}

/// A request whose end does not come keeps a stop waiting, but not for ever a second one.
#[test]
fn a_second_signal_to_stop_ends_it_at_once() {
    for second in ["-TERM", "-INT"] {
        let place = place().serve(&["--model-repository", "models"]);
        let mut half = TcpStream::connect(("127.0.0.1", place.port())).unwrap();
        half.write_all(
            b"POST /v2/models/net/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{",
        )
        .unwrap();
        std::thread::sleep(Duration::from_millis(300));
        place.signal("-TERM");
        // The loopback lets nobody in any more: the first signal was heard.
        eventually("it takes no more", || TcpStream::connect(("127.0.0.1", place.port())).is_err());
        let began = Instant::now();
        place.signal(second);
        eventually("it says so", || place.log().contains("asked twice to stop"));
        assert_eq!(place.ended(), Some(3), "what was under way was cut off");
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }
}

#[test]
fn a_hangup_ends_nothing() {
    let place = place().serve(&["--model-repository", "models"]);
    for _ in 0..3 {
        place.signal("-HUP");
        place.signal("-PIPE");
    }
    assert_eq!(place.get("/v2/health/ready").0, 200);
    assert_eq!(place.stop(), Some(0));
}

/// Whoever reads the log goes away, and the next lines break a pipe.
#[test]
fn a_log_that_nobody_reads_ends_nothing() {
    let place = place();
    let mut command = place.command(&["--model-repository", "models", "--log-filter", "debug"]);
    let mut child = command.env("MLCORE_HTTP_PORT", "0").stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let mut told = Vec::new();
    let line = lines.find(|line| {
        told.push(line.clone());
        line.contains("serving over HTTP address=")
    });
    let line = line.unwrap_or_else(|| panic!("{told:#?}"));
    let address = line.split("address=").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    drop(lines);
    for _ in 0..5 {
        let mut stream = TcpStream::connect(&address).unwrap();
        // What is no request is told of.
        stream.write_all(b"no request\r\n\r\n").unwrap();
        drop(stream);
        std::thread::sleep(Duration::from_millis(50));
    }
    let mut stream = TcpStream::connect(&address).unwrap();
    stream
        .write_all(b"GET /v2/health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .unwrap();
    let answer = std::io::read_to_string(stream).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let process = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &process]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
