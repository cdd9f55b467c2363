//! Webhooks over HTTP: signed, and to no address that must not be asked.
#![cfg(feature = "mlflow")]
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mlcore::Result;
use mlcore::registry::webhook::{Webhook, WebhookFollower, WebhookOptions, verify_webhook};
use mlcore::registry::{Change, MemoryRegistry, NewVersion, RegistryExt};
use mlcore_serve::webhook::{WebhookSender, WebhookSenderOptions};

/// Answers one request with this text, and hands the request over: its head, line by line, and its body.
fn answering(answer: &'static str) -> (u16, JoinHandle<(Vec<String>, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let (mut head, mut length) = (Vec::new(), 0);
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            let line = line.trim_end().to_owned();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
                length = value.parse().unwrap();
            }
            head.push(line);
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        stream.write_all(answer.as_bytes()).unwrap();
        (head, String::from_utf8(body).unwrap())
    });
    (port, asked)
}

fn inside() -> WebhookSenderOptions {
    WebhookSenderOptions::default().with_private_addresses().with_plain_http()
}

struct Forgets;

impl mlcore::registry::webhook::CursorStore for Forgets {
    fn load(&self) -> Result<Option<String>> {
        Ok(None)
    }

    fn save(&self, _: &str) -> Result<()> {
        Ok(())
    }
}

/// What a follower tells a hook at `url`, once.
fn tell(options: &WebhookSenderOptions, url: &str) -> mlcore::registry::webhook::WebhookReport {
    let registry = std::sync::Arc::new(MemoryRegistry::new());
    let (churn, change) =
        ("churn".parse().unwrap(), Change::new("ana", std::time::SystemTime::UNIX_EPOCH.into()));
    registry.create_model(mlcore::registry::NewModel::new(churn), &change).unwrap();
    let source = NewVersion::external("churn".parse().unwrap(), "s3://models/churn");
    registry.create_version(source, &change).unwrap();
    let sender = std::sync::Arc::new(WebhookSender::new(options).unwrap());
    let hooks = vec![Webhook::new("h", url, SECRET).from_the_start()];
    let cursor = std::sync::Arc::new(Forgets);
    let mut follower =
        WebhookFollower::new(registry, hooks, sender, cursor, WebhookOptions::default()).unwrap();
    follower.deliver(change.at).unwrap()
}

const SECRET: &str = "0123456789abcdef";

#[test]
fn a_delivery_is_a_signed_post() {
    let (port, asked) = answering("HTTP/1.1 204 No Content\r\n\r\n");
    assert_eq!(tell(&inside(), &format!("http://127.0.0.1:{port}/hook")).delivered, 1);
    let (head, body) = asked.join().unwrap();
    assert_eq!(head.first().unwrap(), "POST /hook HTTP/1.1");
    let value = |name: &str| {
        let found = head
            .iter()
            .find_map(|line| line.split_once(": ").filter(|(key, _)| key.eq_ignore_ascii_case(name)));
        found.unwrap().1.to_owned()
    };
    assert_eq!((value("content-type"), value("x-mlcore-delivery")), ("application/json".into(), "2".into()));
    verify_webhook(SECRET, 2, 0, &body, &value("x-mlcore-signature")).unwrap();
}

#[test]
fn addresses_that_are_not_of_the_internet_are_not_asked() {
    // Nobody may be asked: the listener would hand over a connection.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let outside = WebhookSenderOptions::default().with_plain_http();
    for host in [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "169.254.169.254",
    ] {
        let report = tell(&outside, &format!("http://{host}:{port}/hook"));
        assert_eq!((report.delivered, report.failed.len()), (0, 1), "{host}");
        assert!(!report.failed[0].problem.contains("in time"), "{host}: {report:?}");
    }
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    let report = tell(&outside, &format!("http://127.0.0.1:{port}/"));
    assert!(report.failed[0].problem.contains("none of the Internet"), "{report:?}");
}

#[test]
fn nothing_is_sent_without_encryption_unless_it_is_allowed() {
    let (outside, listener) = (WebhookSenderOptions::default(), TcpListener::bind("127.0.0.1:0").unwrap());
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://127.0.0.1:{}/", listener.local_addr().unwrap().port());
    let outside = outside.with_private_addresses();
    if WebhookSender::new(&outside).is_err() {
        // A machine that trusts no authority sends nothing at all.
        return;
    }
    let report = tell(&outside, &url);
    assert!(report.failed[0].problem.contains("does not begin with https://"), "{report:?}");
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn redirects_are_failures_and_not_followed() {
    let (port, asked) = answering(
        "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest\r\ncontent-length: 0\r\n\r\n",
    );
    let report = tell(&inside(), &format!("http://127.0.0.1:{port}/"));
    assert!(report.failed[0].problem.contains("302"), "{report:?}");
    asked.join().unwrap();
}

#[test]
fn answers_that_are_slow_or_too_long_are_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://127.0.0.1:{}/", listener.local_addr().unwrap().port());
    let started = std::time::Instant::now();
    let report = tell(&inside().with_timeout(Duration::from_millis(300)), &url);
    assert!(report.failed[0].problem.contains("in time"), "{report:?}");
    assert!(started.elapsed() < Duration::from_secs(5));
    let long: &'static str =
        Box::leak(format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(1 << 20)).into_boxed_str());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // It is cut off in the middle, so that writing may fail.
    thread::spawn(move || listener.accept().map(|(mut stream, _)| stream.write_all(long.as_bytes())));
    let report = tell(&inside(), &format!("http://127.0.0.1:{port}/"));
    assert_eq!((report.delivered, report.failed.len()), (0, 1), "{report:?}");
}

#[test]
fn addresses_with_passwords_are_refused_and_not_shown() {
    let report = tell(&inside(), "https://ana:secret@example.com/");
    assert!(!report.failed[0].problem.contains("secret"), "{report:?}");
}
