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
