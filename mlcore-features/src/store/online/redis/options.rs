#[cfg(feature = "redis-tls")]
use std::path::PathBuf;
use std::time::Duration;

#[cfg(feature = "redis-tls")]
use super::tls::Trust;

/// How a [`RedisStore`](super::RedisStore) talks to its server.
///
/// ```
/// use std::time::Duration;
///
/// use mlcore_features::store::online::RedisOptions;
///
/// let options = RedisOptions::default().with_prefix("shop").with_timeout(Duration::from_millis(50));
/// assert_eq!((options.prefix(), options.timeout()), ("shop", Duration::from_millis(50)));
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RedisOptions {
    pub(super) prefix: String,
    pub(super) timeout: Duration,
    pub(super) connections: usize,
    pub(super) expiry_slack: Duration,
    #[cfg(feature = "redis-tls")]
    pub(super) trust: Trust,
}

impl Default for RedisOptions {
    /// The prefix `mlcore`; a second of patience, a thousand times a read and less than a person waits; 16 idle connections, as
    /// many as threads that read on a usual machine; and an hour of slack, more than clocks differ by.
    fn default() -> Self {
        Self {
            prefix: "mlcore".to_owned(),
            timeout: Duration::from_secs(1),
            connections: 16,
            expiry_slack: Duration::from_secs(3600),
            #[cfg(feature = "redis-tls")]
            trust: Trust::default(),
        }
    }
}

impl RedisOptions {
    /// Begins all keys of the store with this, so that several stores share a database: letters, digits, `_`, `-` and `.`.
    #[must_use]
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Waits this long for a connection, and as long for each answer.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Keeps at most this many connections that nobody uses.
    #[must_use]
    pub const fn with_idle_connections(mut self, connections: usize) -> Self {
        self.connections = connections;
        self
    }

    /// Has the server delete rows this long after they have expired, because its clock may run ahead.
    #[must_use]
    pub const fn with_expiry_slack(mut self, slack: Duration) -> Self {
        self.expiry_slack = slack;
        self
    }

    /// Trusts the authorities in this PEM file, and no others, to say who a server is. Default: those that this system trusts. Needs the
    /// feature `redis-tls`.
    #[cfg(feature = "redis-tls")]
    #[must_use]
    pub fn with_root_certificates(mut self, file: impl Into<PathBuf>) -> Self {
        self.trust.root_certificates = Some(file.into());
        self
    }

    /// Says who asks by this certificate and its key, both PEM files. Needs the feature `redis-tls`.
    #[cfg(feature = "redis-tls")]
    #[must_use]
    pub fn with_client_certificate(
        mut self,
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Self {
        self.trust.client_certificate = Some((certificate.into(), key.into()));
        self
    }

    /// The beginning of all keys.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The time-out of each answer.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The most connections that nobody uses.
    #[must_use]
    pub const fn idle_connections(&self) -> usize {
        self.connections
    }

    /// How long rows stay after they have expired.
    #[must_use]
    pub const fn expiry_slack(&self) -> Duration {
        self.expiry_slack
    }
}
