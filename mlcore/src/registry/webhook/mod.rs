//! News of a registry for somebody else's server: signed, in order, at least once.
//!
//! A [`WebhookFollower`] reads the audit log, so that nothing is told that did not happen, and nothing that happened is left out: what was
//! told is remembered in a [`CursorStore`] after each delivery, and a process that is killed goes on where it was. Each entry is told once
//! or, where its answer was lost, more often; its sequence, the header `X-Mlcore-Delivery`, tells repetitions apart. mlcore knows no HTTP:
//! a [`SendWebhook`] sends.
//!
//! | header | what it holds |
//! |---|---|
//! | `Content-Type` | `application/json` |
//! | `X-Mlcore-Delivery` | the sequence of the audit entry |
//! | `X-Mlcore-Timestamp` | when it was sent, in seconds since 1970: refuse what is old |
//! | `X-Mlcore-Signature` | `v1,` and HMAC-SHA256 in hexadecimal digits, by the secret, of the delivery, a dot, the timestamp, a dot, and the body; [`verify_webhook`] checks it |

mod cursor;
mod event;
mod follower;
mod hmac;
mod network;

use serde::{Deserialize, Serialize};

pub use self::cursor::{CursorStore, FileCursor};
pub use self::event::WebhookEvent;
pub use self::follower::{DeadDelivery, FailedDelivery, WebhookFollower, WebhookOptions, WebhookReport};
pub use self::network::is_public_address;
use crate::artifact::Digest;
use crate::error::{Error, Result};
use crate::name::ModelName;

/// Where news go, and which.
///
/// ```
/// use mlcore::registry::webhook::{Webhook, WebhookEvent};
///
/// let hook = Webhook::new("pager", "https://pager.example.com/mlcore", "a secret of 32 bytes or more....")
///     .with_event(WebhookEvent::VersionPromoted)
///     .with_model("churn".parse()?);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Its name, by which its place in the log is kept: 1 to 128 bytes without control characters.
    pub name: String,
    /// The address that is asked.
    pub url: String,
    /// What signs deliveries: at least 16 bytes.
    pub secret: String,
    /// The events that are told; all where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<WebhookEvent>,
    /// The models of which is told; all where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<ModelName>,
    /// Whether what happened before the hook was first followed is told, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub from_the_start: bool,
}

impl Webhook {
    /// A hook that is told everything from now on.
    #[must_use]
    pub fn new(name: impl Into<String>, url: impl Into<String>, secret: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            url: url.into(),
            secret: secret.into(),
            events: Vec::new(),
            models: Vec::new(),
            from_the_start: false,
        }
    }

    /// Tells only of these events.
    #[must_use]
    pub fn with_event(mut self, event: WebhookEvent) -> Self {
        self.events.push(event);
        self
    }

    /// Tells only of these models.
    #[must_use]
    pub fn with_model(mut self, model: ModelName) -> Self {
        self.models.push(model);
        self
    }

    /// Tells what happened before the hook was first followed, too.
    #[must_use]
    pub fn from_the_start(mut self) -> Self {
        self.from_the_start = true;
        self
    }

    fn check(&self) -> Result<()> {
        let refuse = |problem: &str| Err(Error::invalid_input("follow registry", "webhook", problem));
        if self.name.is_empty() || self.name.len() > 128 || self.name.chars().any(char::is_control) {
            return refuse("its name has 1 to 128 bytes and no control character");
        }
        if self.secret.len() < 16 {
            return refuse("its secret has fewer than 16 bytes");
        }
        Ok(())
    }
}

/// Shows no secret.
impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook")
            .field("name", &self.name)
            .field("events", &self.events)
            .field("models", &self.models)
            .finish_non_exhaustive()
    }
}

/// One POST.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WebhookRequest {
    /// The address.
    pub url: String,
    /// The headers.
    pub headers: Vec<(&'static str, String)>,
    /// The body: JSON.
    pub body: String,
}

impl WebhookRequest {
    fn signed(hook: &Webhook, delivery: u64, seconds: i64, body: String) -> Self {
        let signature = hmac::sha256(hook.secret.as_bytes(), &signed_text(delivery, seconds, &body));
        let headers = vec![
            ("Content-Type", "application/json".to_owned()),
            ("X-Mlcore-Delivery", delivery.to_string()),
            ("X-Mlcore-Timestamp", seconds.to_string()),
            ("X-Mlcore-Signature", format!("{SCHEME}{}", signature.to_hex())),
        ];
        Self { url: hook.url.clone(), headers, body }
    }
}

/// Sends one request.
///
/// Contract: it has a timeout, follows no redirect, and reads no more of an answer than its status. One that reaches a network asks
/// [`is_public_address`] of the address that it connects to, after names were resolved, unless its host allows others.
///
/// ```
/// use std::sync::Mutex;
///
/// use mlcore::Result;
/// use mlcore::registry::webhook::{SendWebhook, WebhookRequest};
///
/// #[derive(Default)]
/// struct Kept(Mutex<Vec<WebhookRequest>>);
///
/// impl SendWebhook for Kept {
///     fn send(&self, request: &WebhookRequest) -> Result<u16> {
///         self.0.lock().map_or(Ok(500), |mut kept| {
///             kept.push(request.clone());
///             Ok(204)
///         })
///     }
/// }
/// ```
pub trait SendWebhook: Send + Sync {
    /// Sends a request, and answers the HTTP status: 200 to 299 is a delivery.
    ///
    /// # Errors
    /// Where no status came back.
    fn send(&self, request: &WebhookRequest) -> Result<u16>;
}

/// What a receiver does: fails unless `signature`, the header `X-Mlcore-Signature`, is that of the body by `secret`. The receiver refuses
/// timestamps that are too old by itself.
///
/// # Errors
/// [`PermissionDenied`](Error::PermissionDenied).
pub fn verify_webhook(secret: &str, delivery: u64, seconds: i64, body: &str, signature: &str) -> Result<()> {
    let due = hmac::sha256(secret.as_bytes(), &signed_text(delivery, seconds, body));
    let found = signature.strip_prefix(SCHEME).and_then(|digits| digits.parse::<Digest>().ok());
    // All bytes are compared, wherever they differ.
    let differs = found.is_none_or(|found| {
        found.as_bytes().iter().zip(due.as_bytes()).fold(0, |differs, (a, b)| differs | (a ^ b)) != 0
    });
    if differs {
        return Err(Error::permission_denied("verify webhook", "signature", "it is not that of the body"));
    }
    Ok(())
}

fn signed_text(delivery: u64, seconds: i64, body: &str) -> Vec<u8> {
    format!("{delivery}.{seconds}.{body}").into_bytes()
}

const SCHEME: &str = "v1,";
