//! Sending webhooks of a [registry](mlcore::registry::webhook) over HTTP.

use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::time::Duration;

use mlcore::registry::webhook::{SendWebhook, WebhookRequest, is_public_address};
use mlcore::{Error, Result};
use ureq::Agent;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

use crate::trust::tls;

/// Where webhooks may be sent, and how long an answer may take.
///
/// ```
/// use mlcore_serve::webhook::WebhookSenderOptions;
///
/// let inside = WebhookSenderOptions::default().with_private_addresses().with_plain_http();
/// # assert!(inside.private_addresses);
/// ```
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct WebhookSenderOptions {
    /// Whether addresses may be asked that are [not of the Internet](is_public_address), such as those of this machine, of private networks
    /// and of a cloud's metadata. Default: none of them, because who may name a hook's address need not be somebody who may reach those.
    pub private_addresses: bool,
    /// Whether addresses may begin with `http://`. Default: only `https://`.
    pub plain_http: bool,
    /// How long a delivery may take, the look-up of the name and the handshake included. Default 10 s: a receiver keeps what it got, and
    /// works on it later.
    pub timeout: Duration,
    /// A file with the authorities that may have signed a receiver's certificate, in PEM; those that the system trusts where none is named.
    pub authorities: Option<PathBuf>,
}

impl Default for WebhookSenderOptions {
    fn default() -> Self {
        Self {
            private_addresses: false,
            plain_http: false,
            timeout: Duration::from_secs(10),
            authorities: None,
        }
    }
}

impl WebhookSenderOptions {
    /// Asks any address.
    #[must_use]
    pub fn with_private_addresses(mut self) -> Self {
        self.private_addresses = true;
        self
    }

    /// Asks without encryption, too.
    #[must_use]
    pub fn with_plain_http(mut self) -> Self {
        self.plain_http = true;
        self
    }

    /// Waits so long for an answer.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Trusts the authorities of this file.
    #[must_use]
    pub fn with_authorities(mut self, file: impl Into<PathBuf>) -> Self {
        self.authorities = Some(file.into());
        self
    }
}

/// Sends webhooks by POST.
///
/// It follows no redirect, asks no proxy, keeps no connection, and reads nothing of an answer but its head, of at most 16 KiB. The address
/// that it connects to is looked at after names were resolved, and no name is resolved again in between, so that a name that means one
/// thing when it is looked at and another one later gains nothing.
///
/// ```
/// use mlcore::registry::webhook::{SendWebhook, WebhookFollower};
/// use mlcore_serve::webhook::{WebhookSender, WebhookSenderOptions};
///
/// # fn main() -> mlcore::Result<()> {
/// let options = WebhookSenderOptions::default().with_plain_http();
/// # let options = options.with_private_addresses();
/// let sender = WebhookSender::new(&options)?;
/// # let _: &dyn SendWebhook = &sender;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct WebhookSender {
    agent: Agent,
}

impl WebhookSender {
    /// A sender with these options.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] where the file or the system has no certificates of authorities, unless plain HTTP is enough.
    pub fn new(options: &WebhookSenderOptions) -> Result<Self> {
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .https_only(!options.plain_http)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .max_idle_connections(0)
            .max_response_header_size(MOST_HEAD_BYTES)
            .timeout_global(Some(options.timeout))
            .user_agent(concat!("mlcore-serve/", env!("CARGO_PKG_VERSION")));
        match tls(options.authorities.as_deref(), SEND, "the option authorities") {
            Ok(trusted) => config = config.tls_config(trusted),
            // Addresses of HTTPS fail then, one by one, with their reason.
            Err(_) if options.plain_http && options.authorities.is_none() => {}
            Err(error) => return Err(error),
        }
        let resolver =
            Checked { inner: DefaultResolver::default(), private_addresses: options.private_addresses };
        Ok(Self { agent: Agent::with_parts(config.build(), DefaultConnector::default(), resolver) })
    }
}

impl SendWebhook for WebhookSender {
    fn send(&self, request: &WebhookRequest) -> Result<u16> {
        let subject = host_of(&request.url)?;
        let mut post = self.agent.post(&request.url);
        for (name, value) in &request.headers {
            post = post.header(*name, value);
        }
        match post.send(request.body.as_str()) {
            Ok(answer) => Ok(answer.status().as_u16()),
            Err(cause) => Err(meaning(cause, subject)),
        }
    }
}

/// The host of an address, which an error may show; a path may hold a secret.
fn host_of(url: &str) -> Result<String> {
    let refused = |problem: &str| {
        Err(Error::invalid_input(SEND, "webhook", problem.to_owned())
            .remedy("write https://host/path, without a name and a password"))
    };
    let Ok(uri) = url.parse::<Uri>() else { return refused("its address is none") };
    match (uri.authority(), uri.host()) {
        (Some(authority), _) if authority.as_str().contains('@') => {
            refused("its address holds a name and a password")
        }
        (Some(_), Some(host)) if !host.is_empty() => Ok(host.to_owned()),
        _ => refused("its address has no host"),
    }
}

fn meaning(cause: ureq::Error, subject: String) -> Error {
    match &cause {
        ureq::Error::Timeout(_) => {
            Error::timeout(SEND, subject, "it did not answer in time").caused_by(cause)
        }
        ureq::Error::RequireHttpsOnly(_) => {
            Error::invalid_input(SEND, subject, "its address does not begin with https://").caused_by(cause)
        }
        ureq::Error::Io(io) if io.kind() == ErrorKind::PermissionDenied => {
            Error::permission_denied(SEND, subject, NOT_PUBLIC).caused_by(cause)
        }
        other => {
            let problem = format!("it cannot be reached: {other}");
            Error::unavailable(SEND, subject, problem).caused_by(cause)
        }
    }
}

/// Resolves names, and lets through the addresses of the Internet.
#[derive(Debug)]
struct Checked {
    inner: DefaultResolver,
    private_addresses: bool,
}

impl Resolver for Checked {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> std::result::Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.inner.resolve(uri, config, timeout)?;
        if self.private_addresses {
            return Ok(found);
        }
        let mut public = self.empty();
        for address in found.iter().filter(|address| is_public_address(address.ip())) {
            public.push(*address);
        }
        if public.is_empty() {
            return Err(ureq::Error::Io(io::Error::new(ErrorKind::PermissionDenied, NOT_PUBLIC)));
        }
        Ok(public)
    }
}

const SEND: &str = "send webhook";
const NOT_PUBLIC: &str = "its address is none of the Internet, and no other is asked";
const MOST_HEAD_BYTES: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpListener;
    use std::thread::{self, JoinHandle};

    use mlcore::registry::webhook::{Webhook, WebhookFollower, WebhookOptions, verify_webhook};
    use mlcore::registry::{Change, MemoryRegistry, NewVersion, RegistryExt};

    use super::*;

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
        assert_eq!(
            (value("content-type"), value("x-mlcore-delivery")),
            ("application/json".into(), "2".into())
        );
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
        assert!(report.failed[0].problem.contains(NOT_PUBLIC), "{report:?}");
    }

    #[test]
    fn nothing_is_sent_without_encryption_unless_it_is_allowed() {
        let (outside, listener) =
            (WebhookSenderOptions::default(), TcpListener::bind("127.0.0.1:0").unwrap());
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://127.0.0.1:{}/", listener.local_addr().unwrap().port());
        let Ok(sender) = WebhookSender::new(&outside.with_private_addresses()) else {
            // A machine that trusts no authority sends nothing at all.
            return;
        };
        let answer = sender.agent.post(&url).send("{}").map_err(|cause| meaning(cause, "h".to_owned()));
        assert!(matches!(answer, Err(Error::InvalidInput(_))), "{answer:?}");
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
}
