//! Requests that no client writes, and every method on every path.

use crate::server::{Attacked, INFER};
use crate::web::infer_body;

#[test]
fn heads_that_no_client_writes_are_refused_and_end_their_connection() {
    let attacked = Attacked::new();
    let post = |lines: &str| format!("POST {INFER} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n\r\n{{}}");
    // Behind each of them stands a request that somebody else may have let through: it is not answered.
    let smuggled = "GET /v2 HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for (head, statuses) in [
        ("GET /v2\r\n\r\n".to_owned(), &[400][..]),
        ("GET /v2 HTTP/0.9\r\nHost: localhost\r\n\r\n".into(), &[400, 505]),
        ("GET /v2 HTTP/3.0\r\nHost: localhost\r\n\r\n".into(), &[400, 505]),
        ("GET  /v2 HTTP/1.1\r\nHost: localhost\r\n\r\n".into(), &[400]),
        ("G\u{7f}T /v2 HTTP/1.1\r\nHost: localhost\r\n\r\n".into(), &[400]),
        ("GET /v2 HTTP/1.1\r\nHost: localhost\r\nA: 1\r\n folded\r\n\r\n".into(), &[400]),
        ("GET /v2 HTTP/1.1\r\nHost: localhost\r\nA\0: 1\r\n\r\n".into(), &[400]),
        ("GET /v2 HTTP/1.1\r\nHost: localhost\r\nA: \0\r\n\r\n".into(), &[400]),
        ("GET /v2 HTTP/1.1\r\nHost : localhost\r\n\r\n".into(), &[400]),
        (post("Content-Length: 2\r\nTransfer-Encoding: chunked"), &[400]),
        (post("Transfer-Encoding: chunked\r\nContent-Length: 2"), &[400]),
        (post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"), &[400]),
        (post("Transfer-Encoding: chunked, identity"), &[400]),
        (post("Transfer-Encoding: xchunked"), &[400]),
        (post("Transfer-Encoding: \u{b}chunked"), &[400]),
        (post("Content-Length: 2\r\nContent-Length: 3"), &[400]),
        (post("Content-Length: 2, 3"), &[400]),
        (post("Content-Length: -2"), &[400]),
        (post("Content-Length: +2"), &[400]),
        (post("Content-Length: 0x2"), &[400]),
        (post("Content-Length: 99999999999999999999"), &[400]),
        (post("Content-Length : 2"), &[400]),
        (post(&(0..200).map(|number| format!("H{number}: 1\r\n")).collect::<String>()), &[431]),
        (post(&format!("H: {}", "a".repeat(2 << 20))), &[431]),
        (format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "a".repeat(1 << 20)), &[414, 431]),
    ] {
        let shown: String = head.chars().take(120).collect();
        let answer = attacked.send((head + smuggled).as_bytes());
        let answer = answer.unwrap_or_else(|| panic!("{shown:?} is answered by nothing"));
        assert!(statuses.contains(&answer.status), "{shown:?}: {} {}", answer.status, answer.body);
        assert!(
            !answer.body.contains("HTTP/1.1"),
            "{shown:?}: what is behind it is answered: {}",
            answer.body
        );
    }
    attacked.check();
}

#[test]
fn chunks_that_are_none_are_refused() {
    let attacked = Attacked::new();
    let head = format!("POST {INFER} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
    for chunks in [
        "x\r\n{}\r\n0\r\n\r\n",
        "-2\r\n{}\r\n0\r\n\r\n",
        "ffffffffffffffffff\r\n{}",
        "2\r\n{}{}\r\n0\r\n\r\n",
        "2\n{}\n0\n\n",
        &format!("2;{}\r\n{{}}\r\n0\r\n\r\n", "e".repeat(1 << 20)),
    ] {
        let answer = attacked.send(format!("{head}{chunks}").as_bytes()).unwrap();
        assert_eq!(answer.status, 400, "{chunks:.60?}: {}", answer.body);
    }
    attacked.check();
}

/// Each of them costs a frame of the parser, and no more memory than the body.
#[test]
fn a_body_in_chunks_of_one_byte_is_read() {
    let attacked = Attacked::new();
    let head = format!("POST {INFER} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
    let mut body = head.into_bytes();
    let padded = infer_body(&[[0.5, 1.0]]).to_string() + &" ".repeat(500_000);
    padded.bytes().for_each(|byte| body.extend_from_slice(&[b'1', b'\r', b'\n', byte, b'\r', b'\n']));
    body.extend_from_slice(b"0\r\n\r\n");
    assert_eq!(attacked.send(&body).unwrap().status, 200);
    attacked.check();
}

#[test]
fn a_body_of_another_length_than_it_says_is_refused() {
    let attacked = Attacked::new();
    let body = infer_body(&[[0.5, 1.0]]).to_string();
    let with = |length: usize| {
        format!("POST {INFER} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}")
    };
    // The rest of it is no other request.
    let answer = attacked.send(with(body.len() - 1).as_bytes()).unwrap();
    assert_eq!(answer.status, 400, "{}", answer.body);
    // Of the rest nothing comes: the client hangs up.
    let stream = std::net::TcpStream::connect(attacked.http).unwrap();
    std::io::Write::write_all(&mut &stream, with(body.len() + 1).as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let told = std::io::read_to_string(&stream).unwrap_or_default();
    assert!(told.is_empty() || told.starts_with("HTTP/1.1 400"), "{told}");
    attacked.check();
}

#[test]
fn every_path_answers_every_method() {
    let attacked = Attacked::new();
    let paths = [
        "/",
        "/metrics",
        "/v2",
        "/v2/health/live",
        "/v2/health/ready",
        "/v2/models/m",
        "/v2/models/m/ready",
        "/v2/models/m/config",
        "/v2/models/m/stats",
        "/v2/models/stats",
        INFER,
        "/v2/models/m/versions/1/infer",
        "/v2/repository/index",
        "/v2/repository/models/none/load",
        "/v2/repository/models/none/unload",
        "/v2/logging",
        "/v2/trace/setting",
        "/v2/models/m/trace/setting",
        "/v2/systemsharedmemory/status",
        "/v1/models",
        "/v2/cudasharedmemory/region/r/register",
        "/v1/models/m",
        "/v1/models/m:predict",
        "/mlcore/models/m/predict",
        "/mlcore/models/m/outcomes",
        "/nothing",
        "/v2/",
        "//v2",
        "/v2/models//infer",
        "*",
    ];
    let methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW", "get"];
    for path in paths {
        for method in methods {
            let answer = attacked.ask(method, path, "", b"");
            let status = answer.status;
            assert!(
                status == 200 || (400..500).contains(&status),
                "{method} {path}: {status} {}",
                answer.body
            );
            if status == 405 {
                let takes = format!(
                    "allow: {}
",
                    method.to_lowercase()
                );
                let is_taken = method != "get" && answer.head.contains(&takes);
                assert!(answer.head.contains("allow: ") && !is_taken, "{method} {path}: {}", answer.head);
            }
            let is_odd = !matches!(method, "GET" | "HEAD" | "POST");
            assert!(!is_odd || matches!(status, 404 | 405 | 400), "{method} {path}: {status}");
            if method == "HEAD" {
                assert!(answer.body.is_empty(), "{path}: {}", answer.body);
            }
        }
    }
    attacked.check();
}
