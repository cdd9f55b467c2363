use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use postgres::Config;
use postgres::config::SslMode;

use crate::error::{Error, Result};
use crate::url::shown;

/// How a PostgreSQL server is reached, and where in it the rows are kept.
///
/// ```
/// use mlcore::registry::PostgresOptions;
///
/// let options = PostgresOptions::from_url("postgresql://ml:secret@db.example.com/ml?sslmode=require&schema=team_a")?;
/// assert_eq!(options.schema, "team_a");
/// assert!(!format!("{options:?}").contains("secret"));
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone)]
pub struct PostgresOptions {
    pub(super) config: Config,
    url: String,
    /// The schema in which the tables are made, a name of small letters, digits and underscores. Default `mlcore`.
    pub schema: String,
    /// The most connections that are open at once; a call beyond them waits. Default 8: a server serves some hundred in all,
    /// and each call takes a millisecond.
    pub connections: NonZeroUsize,
    /// How long opening a connection, and waiting for a free one, may take. Default 10 s.
    pub connect_timeout: Duration,
    /// How long one statement, and waiting for another writer, may take. Default 30 s.
    pub statement_timeout: Duration,
    /// A PEM file of the authorities that may have signed the server's certificate. Default: those that this system trusts.
    pub root_certificates: Option<PathBuf>,
}

impl PostgresOptions {
    pub(super) const DEFAULT_SCHEMA: &str = "mlcore";

    /// The options that a URL means: `postgresql://user:password@host:port/database?sslmode=require`, as libpq writes it;
    /// `postgres://` is the same.
    ///
    /// Beside libpq's parameters there are `schema` (the tables' schema), `connections` (the most of them) and `sslrootcert`.
    /// A certificate is always verified, host name included, where TLS is used: `require`, `verify-ca` and `verify-full` are one.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for anything else.
    pub fn from_url(url: &str) -> Result<Self> {
        let refuse = |problem: String| {
            Error::invalid_input(OPEN, shown(url), problem)
                .remedy("write postgresql://user:password@host:5432/database")
        };
        if !["postgresql://", "postgres://"].iter().any(|scheme| url.starts_with(scheme)) {
            return Err(refuse("it is no URL of a PostgreSQL server".to_owned()));
        }
        let (place, query) = url.split_once('?').unwrap_or((url, ""));
        let mut own = Own::default();
        let mut rest = Vec::new();
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            if !own.take(parameter).map_err(refuse)? {
                rest.push(parameter.replace("verify-full", "require").replace("verify-ca", "require"));
            }
        }
        let plain = if rest.is_empty() { place.to_owned() } else { format!("{place}?{}", rest.join("&")) };
        // The client's error repeats no part of the URL.
        let mut config =
            Config::from_str(&plain).map_err(|cause| refuse(cause.to_string()).caused_by(cause))?;
        if config.get_application_name().is_none() {
            config.application_name("mlcore");
        }
        let connect_timeout = config.get_connect_timeout().copied().unwrap_or(Duration::from_secs(10));
        config.connect_timeout(connect_timeout);
        let options = Self {
            config,
            url: shown(url),
            schema: own.schema.unwrap_or_else(|| Self::DEFAULT_SCHEMA.to_owned()),
            connections: own.connections.unwrap_or(NonZeroUsize::MIN.saturating_add(7)),
            connect_timeout,
            statement_timeout: Duration::from_secs(30),
            root_certificates: own.root_certificates,
        };
        options.check()?;
        Ok(options)
    }

    /// Sets the schema in which the tables are made.
    #[must_use]
    pub fn with_schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = schema.into();
        self
    }

    /// Opens at most so many connections.
    #[must_use]
    pub fn with_connections(mut self, most: NonZeroUsize) -> Self {
        self.connections = most;
        self
    }

    /// Lets opening a connection, and waiting for a free one, take this long.
    #[must_use]
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self.config.connect_timeout(timeout);
        self
    }

    /// Lets one statement, and waiting for another writer, take this long.
    #[must_use]
    pub fn with_statement_timeout(mut self, timeout: Duration) -> Self {
        self.statement_timeout = timeout;
        self
    }

    /// Trusts the authorities in a PEM file, and no others.
    #[must_use]
    pub fn with_root_certificates(mut self, file: impl Into<PathBuf>) -> Self {
        self.root_certificates = Some(file.into());
        self
    }

    /// The URL without what is secret in it.
    pub(crate) fn subject(&self) -> &str {
        &self.url
    }

    pub(super) fn wants_tls(&self) -> bool {
        self.config.get_ssl_mode() != SslMode::Disable
    }

    /// Refuses a schema whose name would have to be quoted.
    pub(crate) fn check(&self) -> Result<()> {
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let begins = self.schema.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
        if begins
            && self.schema.len() < 64
            && self.schema.chars().all(is_plain)
            && !self.schema.starts_with("pg_")
        {
            return Ok(());
        }
        let problem = "the schema is no name of 1 to 63 small letters, digits and underscores";
        Err(Error::invalid_input(OPEN, self.url.clone(), problem).remedy("write schema=mlcore"))
    }
}

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("url", &self.url)
            .field("schema", &self.schema)
            .field("connections", &self.connections)
            .field("connect_timeout", &self.connect_timeout)
            .field("statement_timeout", &self.statement_timeout)
            .field("root_certificates", &self.root_certificates)
            .finish_non_exhaustive()
    }
}

/// The parameters of a URL that are not libpq's, or not the client's.
#[derive(Default)]
struct Own {
    schema: Option<String>,
    connections: Option<NonZeroUsize>,
    root_certificates: Option<PathBuf>,
}

impl Own {
    /// Whether it is one of them; a problem in words if its value is none.
    fn take(&mut self, parameter: &str) -> std::result::Result<bool, String> {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match name {
            "schema" => self.schema = Some(value.to_owned()),
            "connections" => {
                let number = value.parse().map_err(|_| "connections is no number from 1 on".to_owned())?;
                self.connections = Some(number);
            }
            "sslrootcert" if value != "system" => {
                let file = crate::url::decoded(value).ok_or("the path of sslrootcert is not encoded well")?;
                self.root_certificates = Some(file.into());
            }
            "sslrootcert" => {}
            _ => return Ok(false),
        }
        Ok(true)
    }
}

const OPEN: &str = "open PostgreSQL";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_secrets_are_not_shown() {
        let url = "postgres://ana:p%40ss@db:6543/ml?sslmode=verify-full&schema=a_1&connections=3&sslrootcert=/a%20b.pem";
        let options = PostgresOptions::from_url(url).unwrap();
        assert_eq!((options.schema.as_str(), options.connections.get()), ("a_1", 3));
        assert_eq!(options.config.get_ssl_mode(), SslMode::Require);
        assert_eq!(options.config.get_password(), Some("p@ss".as_bytes()));
        assert_eq!(options.root_certificates.as_deref(), Some(std::path::Path::new("/a b.pem")));
        let shown = format!("{options:?}");
        assert!(!shown.contains("p%40ss") && !shown.contains("p@ss"), "{shown}");
    }

    #[test]
    fn what_is_no_url_is_refused_without_its_password() {
        for (url, words) in [
            ("mysql://ana:secret@db/ml", "no URL of a PostgreSQL server"),
            ("postgresql://ana:secret@db/ml?schema=A-b", "no name of 1 to 63"),
            ("postgresql://ana:secret@db/ml?schema=pg_x", "no name of 1 to 63"),
            ("postgresql://ana:secret@db/ml?connections=0", "no number from 1 on"),
            ("postgresql://ana:secret@db/ml?sslmode=maybe", "sslmode"),
            ("postgresql://ana:secret@db:port/ml", "port"),
        ] {
            let error = PostgresOptions::from_url(url).unwrap_err();
            let text = error.to_string();
            assert!(matches!(error, Error::InvalidInput(_)), "{text}");
            assert!(text.contains(words) && !text.contains("secret"), "{text}");
        }
    }
}
