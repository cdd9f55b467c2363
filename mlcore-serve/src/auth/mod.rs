//! Who may do what, over every protocol: keys with roles, or whatever a host asks instead.
//!
//! | a request that | needs the role |
//! |---|---|
//! | asks whether the server or a model lives or is ready | none: probes have no key |
//! | asks for a prediction, reports outcomes, reads metadata, configuration, statistics, settings or the list of models | [`predict`](Role::Predict) |
//! | reads experiments, runs and their files of MLflow's tracking server | [`predict`](Role::Predict) or [`write`](Role::Write) |
//! | writes or deletes them | [`write`](Role::Write) |
//! | reads features of entities | [`predict`](Role::Predict) or [`write`](Role::Write) |
//! | writes features, or materialises them | [`write`](Role::Write) |
//! | loads or unloads a model, sets traces or logs | [`admin`](Role::Admin) |
//!
//! The routes of HTTP and the calls of gRPC share this table. A key is sent as `Authorization: Bearer KEY`, or by basic authentication as
//! the password of the user of its name: what MLflow's clients send for `MLFLOW_TRACKING_TOKEN`, and for `MLFLOW_TRACKING_USERNAME`
//! with `MLFLOW_TRACKING_PASSWORD`. A request without a key, or with a wrong one, is answered 401 (`UNAUTHENTICATED`) in always the same
//! words; one whose key lacks the role 403 (`PERMISSION_DENIED`). A key in the query of a path is refused, since paths are logged.
//!
//! # Tokens
//! [`Tokens`] are issued and revoked while a server runs, beside its [`Keys`] ([`AnyOf`]): each with a name, a principal, roles, an end and
//! the [`Resources`] that it is for. A principal with resources is answered over HTTP only: where a path names one model that is among
//! them, and where what it asks of MLflow's server names nothing but experiments and models that are. What concerns several models, all
//! experiments or the server is refused.
//!
//! # Without keys
//! That is the [default](Auth::default): everybody is answered, but nobody changes anything, except over a [server](crate::server) that
//! listens on the loopback only. A request there that is addressed to another host, or says that a proxy forwarded it, is nobody on this
//! machine. A service that a host nests in its own router does not know where that listens, so there nobody changes anything either,
//! until the host says who: by keys, by a [`Principal`] in the extensions of a request, or by [`Auth::open`].
//!
//! ```
//! # use mlcore_serve::http::HttpService;
//! use mlcore_serve::auth::{Auth, KeyOptions, Keys, Role, hash_key};
//!
//! # fn guarded(service: HttpService) -> mlcore::Result<HttpService> {
//! let hash = hash_key(b"a key of more than 24 bytes, made by a machine")?;
//! let keys = Keys::new([KeyOptions::of_token("operator", [Role::Admin], hash)])?;
//! Ok(service.with_auth(Auth::new(keys)))
//! # }
//! ```
//!
//! # Logs
//! What changes the server is told by `tracing` under the target `mlcore_serve::audit`, with the name of who did it, where it came from
//! and what it was; so are requests that were refused, at most once a second with their number. No key and no hash is in them.

mod act;
mod credentials;
mod keys;
mod resources;
mod role;
mod tokens;

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http::StatusCode;
use http::request::Parts;
use mlcore::artifact::Digest;
use mlcore::{Error, Result};

pub(crate) use self::act::Act;
pub use self::credentials::Credentials;
pub use self::keys::{KeyOptions, Keys, hash_key};
pub use self::resources::Resources;
pub use self::role::{Principal, Role, Roles};
pub use self::tokens::{AnyOf, NewToken, TokenFile, TokenRecord, TokenStore, Tokens};

/// Says who sends a request, by what it shows.
///
/// ```
/// use mlcore::Result;
/// use mlcore_serve::auth::{Auth, Authenticator, Credentials, Principal, Role};
///
/// /// Takes every certificate that the listener has verified.
/// struct AnyCertificate;
///
/// impl Authenticator for AnyCertificate {
///     fn authenticate(&self, credentials: &Credentials) -> Result<Option<Principal>> {
///         Ok(match credentials {
///             Credentials::Certificate(hash) => Some(Principal::new(hash.to_hex(), [Role::Predict])),
///             _ => None,
///         })
///     }
/// }
///
/// let auth = Auth::new(AnyCertificate);
/// ```
pub trait Authenticator: Send + Sync {
    /// Who shows this; `None` where nobody is known by it.
    ///
    /// It is asked once for each request, on the thread that reads requests: it must not wait. Comparing secrets is to take the
    /// same time wherever they differ.
    ///
    /// # Errors
    /// What keeps it from knowing. The request is refused with the error's own status, 503 where it is [`Error::Unavailable`].
    fn authenticate(&self, credentials: &Credentials) -> Result<Option<Principal>>;
}

impl<A: Authenticator + ?Sized> Authenticator for Arc<A> {
    fn authenticate(&self, credentials: &Credentials) -> Result<Option<Principal>> {
        (**self).authenticate(credentials)
    }
}

/// Who may do what to a service. Cloning shares it.
#[derive(Clone, Default)]
pub struct Auth {
    mode: Mode,
    refused: Arc<Refused>,
}

#[derive(Clone, Default)]
enum Mode {
    #[default]
    WithoutKeys,
    Open,
    Keys(Arc<dyn Authenticator>),
}

impl Auth {
    /// Whom `authenticator` knows may do what their roles allow; others may ask for health.
    #[must_use]
    pub fn new(authenticator: impl Authenticator + 'static) -> Self {
        Self { mode: Mode::Keys(Arc::new(authenticator)), refused: Arc::default() }
    }

    /// Everybody may do everything: for a host that lets in only whom it trusts.
    #[must_use]
    pub fn open() -> Self {
        Self { mode: Mode::Open, refused: Arc::default() }
    }

    /// Whether the sender of a request may do this.
    pub(crate) fn permit(&self, parts: &Parts, peer: Peer, act: Act) -> std::result::Result<Permit, Denied> {
        let permit = self.permit_unseen(parts, peer, act)?;
        match &permit.principal {
            Some(principal) if !permit.resources().is_none_or(|own| own.has_path(parts.uri.path())) => {
                let denied = Denied::Resource(principal.clone());
                self.refused.tell(&denied, peer, act);
                Err(denied)
            }
            _ => Ok(permit),
        }
    }

    /// The same for a request whose path does not say what it is about: whoever answers it looks whether the permit's
    /// [resources](Permit::resources) have that.
    pub(crate) fn permit_unseen(
        &self,
        parts: &Parts,
        peer: Peer,
        act: Act,
    ) -> std::result::Result<Permit, Denied> {
        match self.principal_of(parts, peer, act) {
            Ok(principal) => Ok(Permit { principal, peer, act, refused: self.refused.clone() }),
            Err(denied) => {
                self.refused.tell(&denied, peer, act);
                Err(denied)
            }
        }
    }

    fn principal_of(
        &self,
        parts: &Parts,
        peer: Peer,
        act: Act,
    ) -> std::result::Result<Option<Principal>, Denied> {
        let Some(role) = act.role() else { return Ok(None) };
        if parts.uri.query().is_some_and(has_key) {
            return Err(Denied::KeyInQuery);
        }
        if let Some(principal) = parts.extensions.get::<Principal>() {
            return checked(principal.clone(), act, role);
        }
        match &self.mode {
            Mode::Open => Ok(None),
            Mode::WithoutKeys if !act.is_change() || peer.is_local && !is_forwarded(parts) => Ok(None),
            Mode::WithoutKeys => Err(Denied::WithoutKeys),
            Mode::Keys(authenticator) => {
                let shown = match parts.headers.contains_key(http::header::AUTHORIZATION) {
                    true => Credentials::read(&parts.headers),
                    false => peer.certificate.map(Credentials::Certificate),
                };
                let known = match shown {
                    Some(shown) => authenticator.authenticate(&shown).map_err(Denied::Failed)?,
                    None => None,
                };
                checked(known.ok_or(Denied::Unknown)?, act, role)
            }
        }
    }
}

fn checked(principal: Principal, act: Act, role: Role) -> std::result::Result<Option<Principal>, Denied> {
    if act.is_allowed(principal.roles()) { Ok(Some(principal)) } else { Err(Denied::Role(principal, role)) }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.mode {
            Mode::WithoutKeys => "Auth(without keys)",
            Mode::Open => "Auth(open)",
            Mode::Keys(_) => "Auth(keys)",
        })
    }
}

/// What a listener knows of who sends a request; nothing by default.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Peer {
    pub(crate) address: Option<SocketAddr>,
    /// Whether the listener can be reached from this machine only, and the request is addressed to it.
    pub(crate) is_local: bool,
    /// The client's certificate, which was verified.
    pub(crate) certificate: Option<Digest>,
}

/// What somebody may do.
#[derive(Clone, Debug)]
pub(crate) struct Permit {
    principal: Option<Principal>,
    peer: Peer,
    act: Act,
    refused: Arc<Refused>,
}

impl Permit {
    /// What it is for, where that is not everything.
    pub(crate) fn resources(&self) -> Option<&Resources> {
        self.principal.as_ref().and_then(Principal::resources)
    }

    /// Notes that the request was about something else.
    #[cfg(feature = "mlflow")]
    pub(crate) fn refuse(&self) {
        if let Some(principal) = &self.principal {
            self.refused.tell(&Denied::Resource(principal.clone()), self.peer, self.act);
        }
    }

    /// The name of the key, where there is one.
    #[cfg(feature = "mlflow")]
    pub(crate) fn name(&self) -> Option<&str> {
        self.principal.as_ref().map(Principal::name)
    }

    /// Notes who changes what, where it is a change.
    pub(crate) fn tell(&self, subject: &str) {
        if !self.act.is_told() {
            return;
        }
        let who = self.principal.as_ref().map_or("somebody without a key", Principal::name);
        let (act, from) = (self.act.name(), self.peer.address.map(tracing::field::display));
        tracing::info!(target: AUDIT, who, act, subject = ?subject, from, "a change was asked for");
    }
}

/// Why somebody may not do something.
#[derive(Debug)]
pub(crate) enum Denied {
    /// There is no key, or none that is known.
    Unknown,
    /// The key lacks a role.
    Role(Principal, Role),
    /// The key is for other models, or for single ones.
    Resource(Principal),
    /// It needs a key, and the service has none.
    WithoutKeys,
    KeyInQuery,
    /// Who it is could not be found out.
    Failed(Error),
}

impl Denied {
    /// The one sentence that the client reads.
    pub(crate) fn message(&self) -> String {
        match self {
            // The same whatever is wrong with a key.
            Self::Unknown => {
                "this needs a key: send it as Authorization: Bearer KEY, or as the password of its user".to_owned()
            }
            // The same whether or not there is such a model.
            Self::Resource(_) => OTHERS.to_owned(),
            Self::Role(_, role) => format!("this needs a key with the role {role}"),
            Self::WithoutKeys => {
                "this changes the server, which has no keys, so it is taken on this machine's loopback only: configure keys (--auth-file)"
                    .to_owned()
            }
            Self::KeyInQuery => {
                "keys are taken from the header Authorization only: paths are logged, so take this key out of use"
                    .to_owned()
            }
            Self::Failed(error) => error.to_string(),
        }
    }

    /// The status of HTTP; `None` where the error has its own.
    pub(crate) fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Unknown => Some(StatusCode::UNAUTHORIZED),
            Self::Role(..) | Self::Resource(_) | Self::WithoutKeys => Some(StatusCode::FORBIDDEN),
            Self::KeyInQuery => Some(StatusCode::BAD_REQUEST),
            Self::Failed(_) => None,
        }
    }
}

/// What somebody reads whose key is for other models or experiments.
pub(crate) const OTHERS: &str =
    "this key is for some models and experiments only, and this names none of them, or others";

/// Requests that were refused and not yet told of.
#[derive(Default, Debug)]
struct Refused {
    count: AtomicU64,
    told: Mutex<Option<Instant>>,
}

impl Refused {
    /// Tells of them, so often that nobody fills the disk by being refused.
    fn tell(&self, denied: &Denied, peer: Peer, act: Act) {
        self.count.fetch_add(1, Ordering::Relaxed);
        let Ok(mut told) = self.told.try_lock() else { return };
        if told.is_some_and(|told| told.elapsed() < TELL_INTERVAL) {
            return;
        }
        *told = Some(Instant::now());
        let (act, from) = (act.name(), peer.address.map(tracing::field::display));
        let who = match denied {
            Denied::Role(principal, _) | Denied::Resource(principal) => principal.name(),
            _ => "somebody without a key",
        };
        let (requests, reason) = (self.count.swap(0, Ordering::Relaxed), denied.message());
        tracing::warn!(target: AUDIT, requests, who, act, from, reason, "requests were refused");
    }
}

/// Whether a query holds what looks like a key.
fn has_key(query: &str) -> bool {
    let mut names = query.split('&').filter_map(|pair| pair.split('=').next());
    names.any(|name| KEY_NAMES.iter().any(|own| name.eq_ignore_ascii_case(own)))
}

/// Whether a proxy says that it forwards the request of somebody else.
fn is_forwarded(parts: &Parts) -> bool {
    ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"]
        .iter()
        .any(|name| parts.headers.contains_key(*name))
}

/// The names by which people put keys into queries.
const KEY_NAMES: [&str; 10] = [
    "access_token",
    "api-key",
    "api_key",
    "apikey",
    "auth",
    "authorization",
    "bearer",
    "key",
    "password",
    "token",
];
const AUDIT: &str = "mlcore_serve::audit";
const TELL_INTERVAL: Duration = Duration::from_secs(1);
